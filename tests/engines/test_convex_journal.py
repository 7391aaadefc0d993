"""The convex engine's journal: an interrupted run goes on where it stopped, to the same map; what makes no sense is refused."""

from __future__ import annotations

import json
import sqlite3
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))
from problems import grid

import reluspec
from reluspec.engines import journal as journal_module
from reluspec.engines.convex import decide_work, screen_work
from reluspec.engines.convex.decide import Decider, Decision
from reluspec.engines.convex.screening import screen_range
from reluspec.engines.journal import Journal, disjoint
from reluspec.errors import ArtefactError
from reluspec.io.map_format import map_document, without_timings
from reluspec.isolation import IsolationError
from reluspec.minima.minima_map import MinimaMap
from reluspec.problem.problem import Problem

LENGTH = 100
"""Sets in a range: the problem has 666."""


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Journals appear at once; ranges are short."""
    monkeypatch.setattr(journal_module, "PATIENCE", 0.0)
    monkeypatch.setattr(journal_module, "COMMIT", 0.0)
    monkeypatch.setattr(screen_work, "range_length", lambda total: LENGTH)


@cache
def problem() -> Problem:
    """Nine points with integer values: ties, families, some hundred sets for balls and algebra."""
    return reluspec.parse(grid(9, 2) + "solve { precision = 60 }\n")


def document(minima: MinimaMap) -> dict[str, Any]:
    return without_timings(map_document(minima, critical=True))


@cache
def whole() -> dict[str, Any]:
    return document(reluspec.solve(problem(), workers=1))


def solve(path: Path, **options: Any) -> MinimaMap:
    return reluspec.solve(problem(), journal=path, **{"workers": 1, **options})


class Interrupted(Exception):  # noqa: N818 - no error of the program
    pass


def interrupted(step: str, moment: int) -> Any:
    def progress(name: str, done: int, total: int) -> None:
        if name == step and done >= moment:
            raise Interrupted

    return progress


def ranges(path: Path) -> dict[tuple[int, int, int], Any]:
    connection = sqlite3.connect(path)
    try:
        return {(size, start, stop): json.loads(data) for size, start, stop, data in connection.execute('SELECT * FROM "range"')}
    finally:
        connection.close()


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How many sets are screened, and how many are decided."""
    counts = {"screened": 0, "decided": 0}
    screened, decided = screen_range, decide_work._decided

    def screen(floats: Any, size: int, start: int, stop: int) -> Any:
        counts["screened"] += stop - start
        return screened(floats, size, start, stop)

    def decide(decider: Decider, faces: Any) -> Decision:
        counts["decided"] += 1
        return decided(decider, faces)

    monkeypatch.setattr(screen_work, "screen_range", screen)
    monkeypatch.setattr(decide_work, "_decided", decide)
    return counts


def sets() -> int:
    return int(whole()["provenance"]["counts"]["sets visited"]) - 1


def left_open() -> int:
    return int(whole()["provenance"]["counts"]["sets escalated to balls"]) - 1


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("share", [0.01, 0.3, 0.7, 1.0])
def test_the_screen_goes_on_where_it_stopped(share: float, workers: int, tmp_path: Path, counted: dict[str, int]) -> None:
    path = tmp_path / "m.journal.sqlite"
    with pytest.raises(Interrupted):
        solve(path, workers=workers, progress=interrupted("screening", int(share * sets())))
    kept = sum(stop - start for _, start, stop in ranges(path))
    assert kept >= int(share * sets())
    counted["screened"] = 0
    assert document(solve(path, workers=workers)) == whole()
    assert counted["screened"] == sets() - kept
    assert not path.exists()


@pytest.mark.parametrize("share", [0.1, 0.9])
def test_decisions_are_kept(share: float, tmp_path: Path, counted: dict[str, int]) -> None:
    path = tmp_path / "m.journal.sqlite"
    moment = int(share * left_open())
    with pytest.raises(Interrupted):
        solve(path, progress=interrupted("deciding", moment))
    counted.update(screened=0, decided=0)
    assert document(solve(path)) == whole()
    assert counted == {"screened": 0, "decided": left_open() - moment}


def test_every_stop_keeps_what_was_done(tmp_path: Path) -> None:
    path = tmp_path / "m.journal.sqlite"
    for moment in range(100, sets(), 150):
        with pytest.raises(Interrupted):
            solve(path, progress=interrupted("screening", moment))
    assert document(solve(path)) == whole()


def test_the_order_of_ranges_and_their_length_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    for length in (7, 1000):
        monkeypatch.setattr(screen_work, "range_length", lambda total, length=length: length)
        assert document(reluspec.solve(problem(), workers=3)) == whole()


def test_ranges_done_between_two_commits_make_one_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file grows with time, not with the number of sets."""
    monkeypatch.setattr(journal_module, "PATIENCE", 1e9)
    path = tmp_path / "m.journal.sqlite"
    with pytest.raises(Interrupted):
        solve(path, progress=interrupted("deciding", 1))
    rows = ranges(path)
    assert sorted((size, start) for size, start, _ in rows) == [(1, 0), (2, 0)]
    assert sum(stop - start for _, start, stop in rows) == sets()


def test_overlapping_ranges_count_once() -> None:
    """Two runs at once may have noted the same numbers."""
    rows = {(1, 0, 10): {}, (1, 5, 20): {}, (1, 10, 15): {}, (1, 10, 12): {}, (2, 3, 9): {}, (2, 3, 5): {}, (2, 9, 10): {}}
    assert list(disjoint(rows)) == [(1, 0, 10), (1, 10, 15), (2, 3, 9), (2, 9, 10)]


def test_a_whole_run_within_another(tmp_path: Path) -> None:
    """They share a file; whoever is done first removes it under the other."""
    path = tmp_path / "m.journal.sqlite"
    inner: list[dict[str, Any]] = []

    def progress(step: str, done: int, total: int) -> None:
        if step == "screening" and done > 500 and not inner:
            inner.append({})
            inner[0] = document(solve(path))

    assert document(solve(path, progress=progress)) == whole() == inner[0]
    assert not path.exists()


def test_two_runs_with_ranges_of_other_lengths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "m.journal.sqlite"

    def progress(step: str, done: int, total: int) -> None:
        if step == "screening" and done >= 300:
            monkeypatch.setattr(screen_work, "range_length", lambda total: 70)
            with pytest.raises(Interrupted):
                solve(path, progress=interrupted("screening", 500))
            raise Interrupted

    with pytest.raises(Interrupted):
        solve(path, progress=progress)
    monkeypatch.setattr(screen_work, "range_length", lambda total: LENGTH)
    assert document(solve(path)) == whole()


# What stays undecided


@pytest.fixture
def no_algebra(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Every exact test runs out of time."""

    def relation(*arguments: Any) -> None:
        raise AssertionError

    def call(self: Any, job: Any, *arguments: Any) -> Any:
        self.trouble = f"timeout after {self.seconds:g} s"
        raise IsolationError(self.trouble)

    monkeypatch.setattr("reluspec.engines.convex.exact.SMALL", -1)
    monkeypatch.setattr("reluspec.engines.convex.exact.ZeroTest.plainly_zero", lambda *arguments: False)
    monkeypatch.setattr("reluspec.isolation.Isolated.call", call)
    return monkeypatch


def test_retry_of_what_ran_out_of_time(tmp_path: Path, no_algebra: pytest.MonkeyPatch, counted: dict[str, int]) -> None:
    path = tmp_path / "m.journal.sqlite"
    first = solve(path, timeout=5)
    assert not first.complete
    assert any(entry.reason.startswith("timeout after 5 s: ") for entry in first.undecided)
    assert path.exists()
    no_algebra.undo()
    no_algebra.setattr(journal_module, "PATIENCE", 0.0)
    counted.update(screened=0, decided=0)
    again = solve(path, timeout=50)
    assert again.undecided == first.undecided, "without --retry-undecided it stays as it is"
    minima = document(solve(path, timeout=50, retry_undecided=True))
    assert minima == {**whole(), "provenance": minima["provenance"]}
    assert counted["screened"] == 0
    assert not path.exists()


def test_retry_without_a_journal(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match=r"there is no journal .* of an incomplete run: nothing to retry"):
        solve(tmp_path / "m.journal.sqlite", retry_undecided=True)


# Files that are no good


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE range SET data = '{}'",
        "UPDATE range SET data = '[]'",
        "UPDATE range SET data = 'x'",
        "UPDATE range SET stop = stop + 1",
        "UPDATE range SET stop = 10000000",
        "UPDATE range SET size = 17",
        "UPDATE range SET start = -5",
        """UPDATE range SET data = '{"counts": {"MAGIC": 100}, "left_open": [], "steps": {}}'""",
        "UPDATE outcome SET data = '{}'",
        "UPDATE outcome SET data = '5'",
        """UPDATE outcome SET data = '{"outcome": "VERTEX", "base": "x", "units": [], "reason": "", "algebra": []}'""",
    ],
)
def test_rows_that_make_no_sense(change: str, tmp_path: Path) -> None:
    path = tmp_path / "m.journal.sqlite"
    with pytest.raises(Interrupted):
        solve(path, progress=interrupted("deciding", 10))
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(change.replace("range", '"range"', 1))
    connection.close()
    before = path.read_bytes()
    with pytest.raises(ArtefactError, match=r"the journal .* cannot be read: .* Delete it to start afresh"):
        solve(path)
    assert path.read_bytes() == before


def test_the_journal_of_the_other_engine(tmp_path: Path) -> None:
    path = tmp_path / "m.journal.sqlite"
    with pytest.raises(Interrupted):
        solve(path, progress=interrupted("screening", 300))
    with pytest.raises(ArtefactError, match="is the journal of another run: of another spec, engine or version"):
        reluspec.solve(problem(), "algebraic", journal=path, force=True)


def test_no_file_of_a_short_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "PATIENCE", 1e9)
    path = tmp_path / "m.journal.sqlite"
    solve(path, progress=lambda *_: path.exists() and pytest.fail("it is there"))
    assert not path.exists()


def test_counts_are_kept_apart_from_timings() -> None:
    """The ledger of effort adds up, and says so in the map."""
    counts = whole()["provenance"]["counts"]
    assert counts["sets visited"] == counts["sets screened out by floats"] + counts["sets escalated to balls"]
    assert counts["points escalated to algebra"] > 0
    effort = reluspec.solve(problem(), workers=2).landscape.effort
    assert effort.workers == 2
    assert {"geometry", "screening", "deciding", "classes", "stitching", "total"} <= set(effort.seconds)
    assert sum(value for step, value in effort.seconds.items() if step != "total" and ":" not in step) <= effort.seconds["total"] + 0.01


def test_a_journal_that_is_not_of_this_run_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "m.journal.sqlite"
    with Journal(path, reluspec.parse(grid(5, 2)), "convex") as other:
        other.add("1,2", {"outcome": "VERTEX"})
    with pytest.raises(ArtefactError, match="another run"):
        solve(path)
