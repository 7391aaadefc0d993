"""A stratum that hangs, crashes or runs out of memory costs itself only; the command line says so with exit code 3."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import failing_jobs
import pytest
from failing_jobs import BAD, HOW

import reluspec
from reluspec.executors import local
from reluspec.io.artefacts import read_json
from reluspec.minima.minima_map import MinimaMap
from reluspec.minima.records import Component
from reluspec.problem.problem import Problem

SPECS = Path(__file__).parents[3] / "specs"


SECONDS = 6
"""Limit where a job hangs; the start of a helper process on a busy machine must fit, too."""


@cache
def problem(name: str = "three_points") -> Problem:
    return reluspec.load(SPECS / f"{name}.rspec")


@cache
def whole(name: str = "three_points") -> MinimaMap:
    return reluspec.solve(problem(name), "algebraic")


def without_ids(components: tuple[Component, ...]) -> list[tuple[object, ...]]:
    return [(c.loss, c.dimension, c.orbit_size, c.location, c.closed, c.pieces) for c in components]


def minimal_stratum() -> str:
    return whole()[0].pieces[0].stratum


@pytest.mark.parametrize(
    ("how", "workers", "reason"),
    [
        ("hang", 2, f"timeout after {SECONDS} s"),
        ("leave", 2, "crash of the helper process"),
        ("fault", 1, "crash of the helper process"),
        ("no_memory", 2, "memory limit of 4096 MB"),
        ("much_memory", 2, "memory limit of 4096 MB"),
        ("error", 2, "crash: ZeroDivisionError: by nothing"),
        ("limit", 1, "crash: LimitError: too many monomials"),
        ("babble", 2, "crash of the helper process"),
    ],
)
def test_a_failing_stratum_costs_itself_only(how: str, workers: int, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = minimal_stratum()
    failing_jobs.install(monkeypatch, bad, how)
    minima = reluspec.solve(problem(), "algebraic", timeout=SECONDS if how == "hang" else 60, workers=workers)
    assert [(entry.stratum, entry.reason) for entry in minima.undecided] == [(bad, reason)]
    assert not minima.complete
    assert minima.incomplete_because == "1 of 13 strata are undecided"
    land, full = minima.landscape, whole().landscape
    assert sum(land.ledger.values()) == land.total == 13
    assert land.ledger == {**full.ledger, "undecided": 1, "minimal": full.ledger["minimal"] - 1}
    kept = [c for c in whole() if bad not in {piece.stratum for piece in c.pieces}]
    assert len(kept) == len(whole()) - 1
    assert without_ids(minima.components) == without_ids(tuple(kept))
    assert [c.id for c in minima] == list(range(len(kept)))


def test_all_strata_may_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    names = " ".join(whole_names())
    failing_jobs.install(monkeypatch, names, "leave")
    minima = reluspec.solve(problem(), "algebraic", workers=2)
    assert {entry.stratum for entry in minima.undecided} == set(names.split())
    assert minima.landscape.ledger == {"no_critical_point": 0, "critical": 0, "minimal": 0, "undecided": 13}
    assert (len(minima), minima.global_minimum) == (0, None)
    assert "NOT COMPLETE: 13 of 13 strata are undecided" in repr(minima)


def whole_names() -> list[str]:
    from reluspec.regions.signs import format_signs
    from reluspec.systems.strata import strata

    return [format_signs(problem(), found.signs) for found in strata(problem())]


def test_a_real_memory_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a terabyte fits in no limit; the least one that is allowed may already end a job, but never the run."""
    failing_jobs.install(monkeypatch, minimal_stratum(), "much_memory")
    minima = reluspec.solve(problem(), "algebraic", memory=1024, workers=1)
    assert [(entry.stratum, entry.reason) for entry in minima.undecided] == [(minimal_stratum(), "memory limit of 1024 MB")]


def test_an_undecided_end_leaves_the_family_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    """An arc whose end is not decided cannot be called open or closed: it is not listed, and its own stratum says why."""
    full = whole("repeated_x")
    (arc,) = [component for component in full if component.dimension]
    end = (arc.missing or tuple(piece.stratum for piece in arc.pieces if not piece.dimension))[0]
    failing_jobs.install(monkeypatch, end, "leave")
    minima = reluspec.solve(problem("repeated_x"), "algebraic", workers=2)
    reasons = {entry.stratum: entry.reason for entry in minima.undecided}
    assert reasons[end] == "crash of the helper process"
    assert reasons[arc.pieces[0].stratum] == f"a family ends in {end}, which is undecided: crash of the helper process"
    assert minima.landscape.ledger["undecided"] == len(reasons) == 2
    assert sum(minima.landscape.ledger.values()) == minima.landscape.total == 91
    assert without_ids(minima.components) == without_ids(tuple(component for component in full if component is not arc))


@pytest.mark.parametrize(
    ("how", "options", "word"), [("hang", ["--timeout", str(SECONDS)], "timeout"), ("leave", [], "crash"), ("no_memory", [], "memory")]
)
def test_the_command_line_lists_what_failed(
    how: str, options: list[str], word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing_jobs.install(monkeypatch)
    monkeypatch.setenv(BAD, minimal_stratum())
    monkeypatch.setenv(HOW, how)
    command = [sys.executable, failing_jobs.__file__, "solve", str(SPECS / "three_points.rspec"), "--engine", "algebraic", *options]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3, done.stderr
    assert "NOT COMPLETE: 1 of 13 strata are undecided" in done.stdout
    assert "the file lists them under `undecided`" in done.stderr
    assert "--retry-undecided" in done.stderr
    assert "Traceback" not in done.stderr
    document = read_json(tmp_path / "three_points.minima.json", "minima")
    (entry,) = document["undecided"]
    assert entry["stratum"] == minimal_stratum()
    assert entry["reason"].startswith(word)
    assert document["summary"]["complete"] is False
    ledger = whole().landscape.ledger
    minimal = ledger["minimal"] - 1
    expected = {"total": 13, "solved": 12, "undecided": 1, "critical": ledger["critical"] + minimal, "minimal": minimal}
    assert document["summary"]["strata"] == expected
    assert (tmp_path / "three_points.journal.sqlite").is_file()
    again = reluspec.read_map(tmp_path / "three_points.minima.json")
    assert again.undecided[0].stratum == minimal_stratum()


def test_no_helper_process_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither after a complete run nor after one that is interrupted while jobs hang."""
    made = []
    original = local.StoppableHelper

    def noted(*arguments: Any) -> object:
        made.append(original(*arguments))
        return made[-1]

    monkeypatch.setattr(local, "StoppableHelper", noted)
    first, *rest = whole_names()
    failing_jobs.install(monkeypatch, first, "hang")

    def interrupt(step: str, done: int, total: int) -> None:
        if step == "solving" and done == len(rest):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reluspec.solve(problem(), "algebraic", workers=2, timeout=600, progress=interrupt)
    assert len(made) == 2
    assert all(helper._process is None for helper in made)
