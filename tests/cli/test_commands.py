"""Every command as a user runs it: help, quiet, verbose, JSON, output files, overrides, exit codes (formats.md)."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from running import POSTER, ROOT, SMALL, fake_package, run, timeless, write

from reluspec.io.map_format import without_timings

# Arguments of a run that succeeds, with m.rspec and m.minima.json in the folder.
SUCCESS = {
    "compile": ["m.rspec"],
    "solve": ["m.rspec"],
    "graph": ["m.rspec", "--format", "dot"],
    "system": ["m.rspec", "--stratum", "++"],
    "plugins": [],
    "schema": ["minima"],
}
PRINTS_A_DOCUMENT = ("graph", "system", "schema")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, SMALL, "m.rspec")
    return tmp_path


def test_the_program_without_arguments_and_with_version(tmp_path: Path) -> None:
    assert run(cwd=tmp_path).returncode == 2
    help_ = run("--help", cwd=tmp_path)
    assert help_.returncode == 0
    assert all(command in help_.stdout for command in SUCCESS)
    assert run("--version", cwd=tmp_path).stdout.startswith("reluspec 0.")


@pytest.mark.parametrize("command", SUCCESS)
def test_help_quiet_and_verbose(command: str, folder: Path) -> None:
    help_ = run(command, "--help", cwd=folder)
    assert (help_.returncode, help_.stderr) == (0, "")
    assert all(flag in help_.stdout for flag in ("--quiet", "--verbose", "--help"))
    quiet = run(command, *SUCCESS[command], "-q", cwd=folder)
    assert (quiet.returncode, quiet.stderr) == (0, "")
    assert command in PRINTS_A_DOCUMENT or quiet.stdout == ""
    verbose = run(command, *SUCCESS[command], "-v", cwd=folder)
    assert verbose.returncode == 0
    assert len(verbose.stdout + verbose.stderr) > len(quiet.stdout + quiet.stderr)


@pytest.mark.parametrize("command", ["compile", "solve", "plugins"])
def test_json_is_all_that_stands_on_standard_output(command: str, folder: Path) -> None:
    found = json.loads(run(command, *SUCCESS[command], "--json", cwd=folder).stdout)
    if command == "plugins":
        assert {"kind": "engine", "name": "convex", "origin": "built in", "problem": ""} in found
    else:
        suffix = {"compile": "regions", "solve": "minima"}[command]
        assert found == json.loads((folder / f"m.{suffix}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("command", ["compile", "solve", "graph", "system"])
def test_output_goes_where_it_is_told(command: str, folder: Path) -> None:
    (folder / "sub").mkdir()
    before = set(folder.iterdir())
    done = run(command, *SUCCESS[command], "-o", "sub/out.txt", cwd=folder)
    assert done.returncode == 0
    assert "sub/out.txt" in done.stderr
    assert (folder / "sub" / "out.txt").stat().st_size > 0
    assert set(folder.iterdir()) == before
    assert (folder / "sub" / "out.txt").stat().st_mode & 0o777 == (folder / "m.rspec").stat().st_mode & 0o777


def test_overrides(folder: Path) -> None:
    plain = json.loads(run("solve", "m.rspec", "--json", cwd=folder).stdout)
    other = json.loads(run("solve", "m.rspec", "--json", "--set", "lambda=1/20", cwd=folder).stdout)
    assert other["overrides"] == {"lambda": "1/20"}
    assert other["components"] != plain["components"]
    again = json.loads(run("solve", "m.minima.json", "--json", cwd=folder).stdout)
    assert without_timings(again) == without_timings(other), "an artefact keeps the overrides it was made with"
    for wrong, code in (("lambda", 2), ("=1", 2), ("mu=1", 1), ("lambda=1/0", 1), ("lambda=x", 1)):
        assert run("solve", "m.rspec", "--set", wrong, cwd=folder).returncode == code, wrong


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["solv"], 2, "solv"),
        (["solve", "m.rspec", "extra"], 2, "extra"),
        (["solve", "--nonsense"], 2, "--nonsense"),
        (["solve", "m.rspec", "--workers", "many"], 2, "--workers"),
        (["solve", "m.rspec", "--workers", "0"], 1, "workers must be from 1"),
        (["solve", "m.rspec", "--precision", "0"], 1, "precision must be from 53"),
        (["solve", "m.rspec", "--engine", "magic"], 1, "installed: convex"),
        (["solve", "nothing.rspec"], 1, "no such file"),
        (["solve", "."], 1, "directory"),
        (["compile"], 2, "SPEC"),
        (["graph", "m.rspec"], 2, "--format"),
        (["system", "m.rspec"], 2, "--stratum"),
        (["schema", "nonsense"], 1, "minima"),
        (["solve", "m.rspec", "-o", "m.rspec"], 2, "overwrite the input"),
        (["compile", "m.rspec", "-o", "./m.rspec"], 2, "overwrite the input"),
        (["graph", "m.rspec", "--format", "dot", "-o", "m.rspec"], 2, "overwrite the input"),
    ],
)
def test_exit_codes_of_mistakes(arguments: list[str], code: int, words: str, folder: Path) -> None:
    done = run(*arguments, cwd=folder)
    assert (done.returncode, done.stdout) == (code, "")
    assert words in done.stderr
    assert [path.name for path in folder.iterdir()] == ["m.rspec"]
    assert (folder / "m.rspec").read_text(encoding="utf-8") == SMALL


def test_a_wrong_spec_is_one_message_with_its_place(tmp_path: Path) -> None:
    write(tmp_path, SMALL.replace("relu", "rellu"))
    done = run("solve", "model.rspec", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("model.rspec:4:18: error: ")
    assert "^^^^^" in done.stderr
    assert "relu" in done.stderr


UNDECIDED = """
from dataclasses import replace
from reluspec.engines.convex.engine import ENGINE
from reluspec.minima.records import Undecided

class Doubtful:
    name, summary = "doubtful", "knows less than it should"
    refusal = ENGINE.refusal

    def solve(self, problem, options):
        found = ENGINE.solve(problem, options)
        ledger = {**found.ledger, "inactive": found.ledger["inactive"] - 1, "undecided": 1}
        return replace(found, ledger=ledger, undecided=(Undecided("++", "for the test"),), index_sum=None, index_note="open")

ENGINE_ = Doubtful()
"""


def test_an_incomplete_map_is_exit_code_3(tmp_path: Path) -> None:
    path = fake_package(tmp_path / "site", "doubtful", UNDECIDED, "[reluspec.engines]\ndoubtful = doubtful:ENGINE_\n")
    write(tmp_path, SMALL.replace("layer 1 relu", "layer 2 relu"))
    done = run("solve", "model.rspec", "--engine", "doubtful", "-q", cwd=tmp_path, PYTHONPATH=path)
    assert (done.returncode, done.stdout) == (3, "")
    assert "undecided" in done.stderr
    document = json.loads((tmp_path / "model.minima.json").read_text(encoding="utf-8"))
    assert document["summary"]["complete"] is False
    assert document["undecided"] == [{"stratum": "++", "reason": "for the test"}]


def test_solve_without_an_argument(tmp_path: Path) -> None:
    done = run("solve", cwd=tmp_path)
    assert done.returncode == 1
    assert "Name a spec" in done.stderr
    write(tmp_path, SMALL, "one.rspec")
    write(tmp_path, SMALL, ".hidden.rspec")
    assert run("solve", cwd=tmp_path).returncode == 0
    (tmp_path / "one.minima.json").unlink()
    write(tmp_path, POSTER, "two.rspec")
    done = run("solve", cwd=tmp_path)
    assert done.returncode == 1
    assert "one.rspec, two.rspec" in done.stderr
    assert run("compile", "two.rspec", cwd=tmp_path).returncode == 0
    done = run("solve", cwd=tmp_path)
    assert (done.returncode, (tmp_path / "two.minima.json").exists()) == (0, True), "the one *.regions.json goes first"
    shutil.copy(tmp_path / "two.regions.json", tmp_path / "three.regions.json")
    done = run("solve", cwd=tmp_path)
    assert done.returncode == 1
    assert "three.regions.json, two.regions.json" in done.stderr


def test_solve_from_the_regions_equals_solve_from_the_spec(tmp_path: Path) -> None:
    write(tmp_path, POSTER, "poster.rspec")
    assert run("compile", "poster.rspec", cwd=tmp_path).returncode == 0
    direct = run("solve", "poster.rspec", "--json", cwd=tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.move(tmp_path / "poster.regions.json", elsewhere)
    assert timeless(run("solve", "poster.regions.json", "--json", cwd=elsewhere).stdout) == timeless(direct.stdout)
    written = [(folder / "poster.minima.json").read_text(encoding="utf-8") for folder in (elsewhere, tmp_path)]
    assert timeless(written[0]) == timeless(written[1])


def test_a_spec_changed_after_compile_is_noticed(tmp_path: Path) -> None:
    spec = write(tmp_path, SMALL)
    run("compile", "model.rspec", cwd=tmp_path)
    assert "differs" not in run("solve", cwd=tmp_path).stderr
    spec.write_text(SMALL.replace("1/10", "1/20"), encoding="utf-8")
    assert "model.rspec differs from the spec inside model.regions.json" in run("solve", cwd=tmp_path).stderr


def test_the_poster_gives_its_known_answer(tmp_path: Path) -> None:
    document = json.loads(run("solve", ROOT / "specs" / "poster.rspec", "--json", "--workers", "2", cwd=tmp_path).stdout)
    expected = json.loads((ROOT / "specs" / "poster.expect.json").read_text(encoding="utf-8"))
    assert document["summary"]["complete"] is True
    assert document["summary"]["components_with_symmetry"] == expected["components_with_symmetry"]
    assert document["summary"]["strata"]["total"] == expected["strata"]
    found = [{key: component[key] for key in ("dimension", "location", "orbit_size", "closed")} for component in document["components"]]
    assert found == [{key: value for key, value in component.items() if key != "loss"} for component in expected["components"]]
