"""The wheel and the example plugin in a fresh environment, away from the checkout: what `pip install` gives a user."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from running import POSTER, ROOT, clean_environment, timeless, write

PLUGIN = ROOT / "examples" / "plugin"
ORIGIN = "reluspec-vee 0.1.0"
# The same problem in the words of the language itself.
PLAIN = {"vee(1/3)": "{ max(z, -z/3) }", "half_squared_error": "{ (y - f)^2 / 2 }", "weight_decay(1/10)": "ridge(1/20)"}
NO_INDEX = ("No matching distribution", "Connection", "Could not find a version", "Temporary failure in name resolution")


class Environment:
    """A virtual environment with the built wheel and the plugin, and an empty folder to work in."""

    def __init__(self, base: Path) -> None:
        self.folder = base / "work"
        self.folder.mkdir()
        self.bin = base / "env" / ("Scripts" if os.name == "nt" else "bin")
        self._do(sys.executable, "-m", "venv", str(base / "env"))
        wheels = base / "wheels"
        self.pip("wheel", "--no-deps", "--wheel-dir", str(wheels), str(ROOT))
        self.wheel = next(wheels.glob("reluspec-*.whl"))
        self.pip("install", str(self.wheel), str(PLUGIN))

    def run(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = self._do(str(self.bin / "reluspec"), *arguments, check=False)
        assert done.returncode == code, done.stderr
        return done

    def python(self, script: str) -> str:
        return self._do(str(self.bin / "python"), "-c", script).stdout.strip()

    def pip(self, *arguments: str, **variables: str) -> None:
        command = (str(self.bin / "python"), "-m", "pip", "--disable-pip-version-check", *arguments)
        done = self._do(*command, check=False, **variables)
        if done.returncode and any(words in done.stderr for words in NO_INDEX):
            pytest.skip(f"no package index: {done.stderr.strip().splitlines()[-1]}")
        assert done.returncode == 0, done.stderr

    def _do(self, *command: str, check: bool = True, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = clean_environment() | variables
        return subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, encoding="utf-8", timeout=600, check=check)


def test_the_wheel_and_the_plugin_in_a_fresh_environment(tmp_path: Path) -> None:
    # One test, since the environment takes longest (20 s): every step below is fast and needs it.
    environment = Environment(tmp_path)
    it_is_not_the_checkout(environment)
    the_wheel_is_whole(environment)
    the_kernel_is_there_where_a_compiler_is(environment)
    without_a_compiler_the_wheel_is_pure(environment)
    the_poster_gives_the_same_file(environment)
    its_page_is_the_checkouts(environment)
    the_plugin_is_listed(environment)
    a_spec_with_its_parts_is_solved(environment)
    its_exporter_writes(environment)
    its_command_runs(environment)
    it_can_be_taken_away(environment)


def it_is_not_the_checkout(environment: Environment) -> None:
    where = Path(environment.python("import reluspec; print(reluspec.__file__)"))
    assert environment.bin.parent in where.parents
    assert ROOT not in where.parents
    grammar = environment.python("from reluspec.language.grammar import grammar_path; print(grammar_path())")
    assert Path(grammar) == where.parent / "language" / "rspec.lark"
    assert Path(grammar).read_bytes() == (ROOT / "grammar" / "rspec.lark").read_bytes()


def the_wheel_is_whole(environment: Environment) -> None:
    for schema in (ROOT / "reluspec" / "schemas").glob("*.schema.json"):
        printed = environment.run("schema", schema.name.removesuffix(".schema.json")).stdout
        assert json.loads(printed) == json.loads(schema.read_text(encoding="utf-8"))
    assert environment.python("import importlib.resources as r; print(r.files('reluspec').joinpath('py.typed').is_file())") == "True"


def the_kernel_is_there_where_a_compiler_is(environment: Environment) -> None:
    compiled = shutil.which(os.environ.get("CXX") or "c++") or shutil.which("g++") or shutil.which("clang++")
    (row,) = [row for row in json.loads(environment.run("plugins", "--json").stdout) if row["kind"] == "kernel"]
    assert environment.wheel.name.endswith("-none-any.whl") == (row["name"] == "numpy")
    assert (row["name"] == "numpy") == (not compiled), row


def without_a_compiler_the_wheel_is_pure(environment: Environment) -> None:
    wheels = environment.folder / "pure"
    environment.pip("wheel", "--no-deps", "--wheel-dir", str(wheels), str(ROOT), CXX="no-such-compiler")
    (wheel,) = wheels.glob("*.whl")
    assert wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert not [name for name in names if "_kernel" in name]
    assert "reluspec/engines/convex/screening.py" in names


def the_poster_gives_the_same_file(environment: Environment) -> None:
    write(environment.folder, POSTER, "poster.rspec")
    assert "100 exist" in environment.run("compile", "poster.rspec").stdout
    environment.run("solve", "--workers", "2")
    installed = (environment.folder / "poster.minima.json").read_text(encoding="utf-8")
    checkout = [sys.executable, "-m", "reluspec", "solve", str(ROOT / "specs" / "poster.rspec"), "-q", "-o", "checkout.json"]
    subprocess.run(checkout, cwd=environment.folder, env=clean_environment(), check=True, timeout=60)
    assert timeless((environment.folder / "checkout.json").read_text(encoding="utf-8")) == timeless(installed)


def its_page_is_the_checkouts(environment: Environment) -> None:
    environment.run("report", "poster.minima.json")
    installed = (environment.folder / "poster.report.html").read_bytes()
    checkout = [sys.executable, "-m", "reluspec", "report", "poster.minima.json", "-q", "-o", "checkout.html"]
    subprocess.run(checkout, cwd=environment.folder, env=clean_environment(), check=True, timeout=60)
    assert (environment.folder / "checkout.html").read_bytes() == installed
    assert b"d3js.org" in installed
    assert "pip install 'reluspec[plot]'" in environment.run("plot", "poster.minima.json", "--what", "fits", code=1).stderr


def the_plugin_is_listed(environment: Environment) -> None:
    rows = json.loads(environment.run("plugins", "--json").stdout)
    found = {(row["kind"], row["name"]) for row in rows if row["origin"] == ORIGIN and not row["problem"]}
    assert found == {
        ("activation", "vee"),
        ("loss", "half_squared_error"),
        ("regulariser", "weight_decay"),
        ("exporter", "edges"),
        ("command", "count"),
    }


def a_spec_with_its_parts_is_solved(environment: Environment) -> None:
    text = (PLUGIN / "vee.rspec").read_text(encoding="utf-8")
    write(environment.folder, text, "vee.rspec")
    for own, plain in PLAIN.items():
        assert own in text
        text = text.replace(own, plain)
    write(environment.folder, text, "plain.rspec")
    own, plain = (json.loads(environment.run("solve", f"{name}.rspec", "--json").stdout) for name in ("vee", "plain"))
    assert own["summary"]["complete"]
    assert own["components"] == plain["components"]
    write(environment.folder, text.replace("{ max(z, -z/3) }", "vee(0)"), "wrong.rspec")
    wrong = environment.run("solve", "wrong.rspec", code=1).stderr
    assert wrong.startswith("wrong.rspec:10:")
    assert "the left slope of vee must be positive, not 0" in wrong


def its_exporter_writes(environment: Environment) -> None:
    environment.run("graph", "poster.rspec", "--format", "edges", "-o", "walls.csv")
    with (environment.folder / "walls.csv").open(encoding="utf-8", newline="") as file:
        head, *walls = list(csv.reader(file))
    assert head == ["cell", "neighbour"]
    assert len(walls) == 200
    assert len({cell for wall in walls for cell in wall}) == 100
    assert "edges" in environment.run("graph", "poster.rspec", "--format", "nonsense", code=1).stderr


def its_command_runs(environment: Environment) -> None:
    assert environment.run("count", "poster.rspec").stdout == "100 cells, 200 walls\n"
    assert "count" in environment.run("--help").stdout
    assert environment.run("count", "nothing.rspec", code=1).stderr == "nothing.rspec: error: there is no such file\n"


def it_can_be_taken_away(environment: Environment) -> None:
    environment.python("import pip, sys; sys.exit(pip.main(['uninstall', '-q', '-y', 'reluspec-vee']))")
    assert "unknown activation `vee`" in environment.run("solve", "vee.rspec", code=1).stderr
    assert "No such command" in environment.run("count", "poster.rspec", code=2).stderr
    environment.run("solve", "poster.rspec", "-q")
