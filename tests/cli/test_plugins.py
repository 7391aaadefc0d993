"""Packages that fail: each is reported, left out, and takes nothing else with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from running import POSTER, SMALL, fake_package, run, write

EVERY_GROUP = ("commands", "engines", "activations", "losses", "regularisers", "exporters")
DEFINITION = """
from fractions import Fraction
from reluspec.io.exporters import Exporter
from reluspec.problem.definitions import Definition, Kind, Z
from reluspec.problem.expression import Kink
"""


def entry_points(module: str, name: str = "part") -> str:
    return "".join(f"[reluspec.{group}]\n{name} = {module}:PART\n" for group in EVERY_GROUP)


def listed(folder: Path, path: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(run("plugins", "--json", cwd=folder, PYTHONPATH=path).stdout)
    return [row for row in found if row["origin"] != "built in"]


BROKEN = {
    "missing module": ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
    "syntax error": ("def (", "SyntaxError"),
    "missing attribute": ("", "AttributeError"),
    "exits": ("import sys; sys.exit(7)", "SystemExit: 7"),
    "raises": ("raise ZeroDivisionError('really')", "ZeroDivisionError: really"),
    "endless recursion": ("def f(): f()\nf()", "RecursionError"),
    "a number": ("PART = 3", "PART"),
    "a string": ("PART = 'os:system'", "PART"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_plugin_is_reported_and_everything_else_works(kind: str, tmp_path: Path) -> None:
    module, words = BROKEN[kind]
    path = fake_package(tmp_path / "site", "broken", module, entry_points("broken"))
    write(tmp_path, SMALL)
    help_ = run("--help", cwd=tmp_path, PYTHONPATH=path)
    assert help_.returncode == 0
    assert "solve" in help_.stdout
    assert help_.stderr.startswith("reluspec: the command 'part' of broken 1.0 is left out: ")
    assert run("solve", "model.rspec", cwd=tmp_path, PYTHONPATH=path).returncode == 0
    rows = listed(tmp_path, path)
    assert len(rows) == len(EVERY_GROUP)
    assert all(row["name"] == "part" and "left out" in row["problem"] and words in row["problem"] for row in rows)


def test_using_a_broken_plugin_says_why_it_cannot_be_used(tmp_path: Path) -> None:
    path = fake_package(tmp_path / "site", "broken", "import no_such_module", entry_points("broken"))
    write(tmp_path, SMALL)
    for arguments in (["graph", "model.rspec", "--format", "part"], ["solve", "model.rspec", "--engine", "part"]):
        done = run(*arguments, cwd=tmp_path, PYTHONPATH=path)
        assert done.returncode == 1
        assert "'part' cannot be used: left out" in done.stderr
    write(tmp_path, SMALL.replace("relu", "part"), "uses.rspec")
    done = run("solve", "uses.rspec", cwd=tmp_path, PYTHONPATH=path)
    assert done.returncode == 1
    assert "uses.rspec:4:18: error: the activation 'part' cannot be used: left out" in done.stderr


def test_a_second_plugin_of_one_name_is_refused(tmp_path: Path) -> None:
    module = DEFINITION + "PART = Definition(Kind.ACTIVATION, '{name}', (), lambda: Kink(Z, Fraction(-1), Fraction({slope})), '')\n"
    command = "\n[reluspec.commands]\nsolve = {0}:DEFINITION\n"
    site = tmp_path / "site"
    for name, slope in (("first", 1), ("second", 2)):
        points = f"[reluspec.activations]\nvee = {name}:PART\n" + (command.format(name) if name == "second" else "")
        path = fake_package(site, name, module.format(name="vee", slope=slope), points)
    rows = {(row["kind"], row["origin"]): row["problem"] for row in listed(tmp_path, path)}
    assert rows["activation", "first 1.0"] == ""
    assert rows["activation", "second 1.0"] == "refused: the name is taken by the one of first 1.0; uninstall one of the two"
    assert rows["command", "second 1.0"] == "refused: the name is taken by the built-in one; uninstall one of the two"
    write(tmp_path, SMALL.replace("relu", "vee"))
    done = run("solve", "model.rspec", "--json", cwd=tmp_path, PYTHONPATH=path)
    assert done.returncode == 0
    assert "the command 'solve' of second 1.0 is refused" in done.stderr
    write(tmp_path, SMALL.replace("relu", "{ abs(z) }"), "same.rspec")
    same = run("solve", "same.rspec", "--json", cwd=tmp_path)
    assert json.loads(done.stdout)["components"] == json.loads(same.stdout)["components"], "the first one is in effect"


def test_what_a_plugin_prints_on_import_does_not_get_into_the_output(tmp_path: Path) -> None:
    module = "print('hello')\ndef PART(): print('did it')\n"
    path = fake_package(tmp_path / "site", "talks", module, "[reluspec.commands]\npart = talks:PART\n")
    write(tmp_path, SMALL)
    done = run("solve", "model.rspec", "--json", cwd=tmp_path, PYTHONPATH=path)
    assert json.loads(done.stdout)
    assert "hello" in done.stderr
    assert run("part", cwd=tmp_path, PYTHONPATH=path).stdout == "did it\n"


def test_a_function_that_cannot_be_a_command_is_left_out(tmp_path: Path) -> None:
    module = "def PART(x: 'NoSuchType'): pass\n"
    path = fake_package(tmp_path / "site", "odd", module, "[reluspec.commands]\npart = odd:PART\n")
    done = run("schema", "minima", cwd=tmp_path, PYTHONPATH=path)
    assert done.returncode == 0
    assert "the command 'part' of odd 1.0 is left out: it cannot be a command" in done.stderr


def test_a_group_of_commands(tmp_path: Path) -> None:
    module = "import typer\nPART = typer.Typer()\n@PART.command()\ndef one(): print(1)\n@PART.command()\ndef two(): print(2)\n"
    path = fake_package(tmp_path / "site", "many", module, "[reluspec.commands]\npart = many:PART\n")
    assert run("part", "two", cwd=tmp_path, PYTHONPATH=path).stdout == "2\n"


FAILING = (
    DEFINITION
    + """
class Engine:
    name, summary = "faulty", ""
    def refusal(self, problem):
        if problem.title == "refuse": raise KeyError("refusal")
    def solve(self, problem, options): return {}["solve"]

ENGINE = Engine()
EXPORTER = Exporter("faulty", ".x", "", lambda regions: {}["write"])
SILENT = Exporter("silent", ".x", "", lambda regions: None)
MISNAMED = Exporter("other", ".x", "", lambda regions: "")
ACTIVATION = Definition(Kind.ACTIVATION, "faulty", (), lambda: {}["build"], "")
LOSS = ACTIVATION
"""
)
FAILING_POINTS = """
[reluspec.engines]
faulty = failing:ENGINE
[reluspec.exporters]
faulty = failing:EXPORTER
silent = failing:SILENT
misnamed = failing:MISNAMED
[reluspec.activations]
faulty = failing:ACTIVATION
[reluspec.losses]
faulty = failing:LOSS
"""


def test_a_plugin_that_fails_at_work_is_named(tmp_path: Path) -> None:
    path = fake_package(tmp_path / "site", "failing", FAILING, FAILING_POINTS)
    write(tmp_path, POSTER)
    write(tmp_path, POSTER.replace(POSTER.splitlines()[0], 'title "refuse"'), "refuse.rspec")
    write(tmp_path, POSTER.replace("relu", "faulty"), "builds.rspec")
    for arguments, words in (
        (["solve", "model.rspec", "--engine", "faulty"], "the engine 'faulty' of failing 1.0 fails: KeyError: 'solve'. Tell its author"),
        (["solve", "refuse.rspec", "--engine", "faulty"], "the engine 'faulty' of failing 1.0 fails: KeyError: 'refusal'"),
        (["graph", "model.rspec", "--format", "faulty"], "the exporter 'faulty' of failing 1.0 fails: KeyError: 'write'"),
        (["graph", "model.rspec", "--format", "silent"], "the exporter 'silent' of failing 1.0 fails: TypeError: it wrote NoneType"),
        (["graph", "model.rspec", "--format", "misnamed"], "calls itself 'other', not 'misnamed'"),
        (["compile", "builds.rspec"], "the activation `faulty` fails: KeyError"),
    ):
        done = run(*arguments, cwd=tmp_path, PYTHONPATH=path)
        assert (done.returncode, done.stdout) == (1, "")
        assert words in done.stderr
    problems = {(row["kind"], row["name"]): row["problem"] for row in listed(tmp_path, path)}
    assert problems["loss", "faulty"] == "left out: failing:LOSS is no reluspec.problem.definitions.Definition of Kind.LOSS"
    assert run("solve", "model.rspec", cwd=tmp_path, PYTHONPATH=path).returncode == 0, "the built-in engine goes first"
