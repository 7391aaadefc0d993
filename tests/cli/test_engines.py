"""The engines as a user meets them: which one is taken and why, what is missing, what is printed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from running import ROOT, run, timeless

from reluspec.engines.algebraic.ideals.msolve import find_msolve

QUARTIC = ROOT / "specs" / "quartic.rspec"
HUBER = ROOT / "specs" / "huber.rspec"
CONVEX = ROOT / "specs" / "three_points.rspec"


def test_the_algebraic_engine_is_taken_where_the_convex_one_cannot(tmp_path: Path) -> None:
    done = run("solve", HUBER, "-v", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    assert [line for line in lines if line.startswith("engine algebraic: ")]
    assert [line.split() for line in lines if line.startswith("strata ")][-1] == ["strata", "undecided", "0"]
    assert "complete: 189 strata" in done.stdout
    document = json.loads((tmp_path / "huber.minima.json").read_text(encoding="utf-8"))
    assert document["engine"] == "algebraic"
    assert document["engine_reason"] in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["huber.minima.json"]


def test_a_convex_problem_goes_to_the_convex_engine_unless_asked(tmp_path: Path) -> None:
    assert "engine convex: " in run("solve", CONVEX, "-v", cwd=tmp_path).stderr
    assert "engine algebraic: asked for" in run("solve", CONVEX, "-v", "--engine", "algebraic", cwd=tmp_path).stderr


def test_compile_names_the_engine_and_why(tmp_path: Path) -> None:
    text = run("compile", HUBER, cwd=tmp_path).stdout
    (row,) = [line for line in text.splitlines() if line.split()[:1] == ["engine"]]
    assert row.split()[1] == "algebraic:"
    reasons = " ".join(text[text.index(row) :].split())
    assert "the convex engine cannot take this problem: the objective `sum huber(1/2)`" in reasons
    assert "189 strata, about " in reasons
    document = json.loads(run("compile", HUBER, "--json", cwd=tmp_path).stdout)
    assert document["engine"]["name"] == "algebraic"
    assert "the convex engine cannot take this problem" in document["engine"]["reason"]


@pytest.mark.skipif(find_msolve() is not None, reason="msolve is installed")
@pytest.mark.parametrize("command", ["solve", "compile"])
def test_msolve_without_msolve(command: str, tmp_path: Path) -> None:
    done = run(command, QUARTIC, "--engine", "msolve", cwd=tmp_path)
    if command == "compile":
        assert done.returncode == 0
        assert "pip install" in " ".join(done.stdout.split())
        return
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("reluspec: error: the program msolve is not installed: `pip install 'reluspec[msolve]'`")
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_the_engines_are_listed(tmp_path: Path) -> None:
    listed = json.loads(run("plugins", "--json", cwd=tmp_path).stdout)
    engines = [entry["name"] for entry in listed if entry["kind"] == "engine"]
    assert engines == ["convex", "algebraic", "msolve"], "in the order in which they are tried"
    text = run("plugins", cwd=tmp_path).stdout
    assert all(name in text for name in engines)


def test_json_is_one_document_and_quiet_is_quiet(tmp_path: Path) -> None:
    done = run("solve", QUARTIC, "--json", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert document == json.loads((tmp_path / "quartic.minima.json").read_text(encoding="utf-8"))
    assert document["summary"]["complete"] is True
    assert document["summary"]["index_sum"] is None
    assert "audit" in document["summary"]["index_note"]
    quiet = run("solve", QUARTIC, "-q", cwd=tmp_path)
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--timeout", "0"], "timeout must be positive (seconds), not 0"),
        (["--timeout", "-1"], "timeout must be positive"),
        (["--timeout", "nan"], "timeout must be positive (seconds), not nan"),
        (["--memory", "0"], "memory must be from"),
        (["--workers", "0"], "workers must be from"),
        (["--retry-undecided"], "nothing to retry"),
        (["--engine", "magic"], "installed: convex, algebraic, msolve"),
    ],
)
def test_options_out_of_range(options: list[str], words: str, tmp_path: Path) -> None:
    done = run("solve", QUARTIC, *options, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert words in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("seconds", ["inf", "1e300"])
def test_no_timeout(seconds: str, tmp_path: Path) -> None:
    done = run("solve", QUARTIC, "--timeout", seconds, "--workers", "1", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "wrote quartic.minima.json\n")


def test_numbers_do_not_depend_on_workers(tmp_path: Path) -> None:
    for workers in ("1", "3"):
        assert run("solve", QUARTIC, "--workers", workers, "-o", f"{workers}.json", "-q", cwd=tmp_path).returncode == 0
    one, three = ((tmp_path / name).read_text(encoding="utf-8") for name in ("1.json", "3.json"))
    assert timeless(one) == timeless(three)
