"""A run that is interrupted and run again gives the map of one run, and solves nothing twice; a journal that is no good is refused."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent / "algebraic"))
import failing_jobs
from failing_jobs import BAD, HOW, LOG, PAUSE

import reluspec
from reluspec.engines import journal as journal_module
from reluspec.engines.journal import Journal
from reluspec.errors import ArtefactError
from reluspec.io import map_format
from reluspec.minima.minima_map import MinimaMap
from reluspec.problem.problem import Problem

SPECS = Path(__file__).parents[2] / "specs"
SPEC = SPECS / "three_points.rspec"
STRATA = 13


@cache
def problem() -> Problem:
    return reluspec.load(SPEC)


def map_document(minima: MinimaMap) -> dict[str, Any]:
    """All but the timings."""
    return map_format.without_timings(map_format.map_document(minima))


@cache
def document() -> dict[str, Any]:
    return map_document(reluspec.solve(problem(), "algebraic", workers=2))


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Jobs of the engine are noted in this file; journals appear at once."""
    document()  # before jobs are noted
    path = tmp_path / "jobs.log"
    failing_jobs.install(monkeypatch, **{LOG: str(path), PAUSE: "0"})
    monkeypatch.setattr(journal_module, "PATIENCE", 0.0)
    monkeypatch.setattr(journal_module, "COMMIT", 0.0)
    return path


def jobs(log: Path) -> list[str]:
    return log.read_text(encoding="utf-8").split() if log.exists() else []


def rows(path: Path) -> dict[str, Any]:
    connection = sqlite3.connect(path)
    try:
        return {stratum: json.loads(data) for stratum, data in connection.execute("SELECT stratum, data FROM outcome")}
    finally:
        connection.close()


def solve(path: Path, **options: Any) -> MinimaMap:
    return reluspec.solve(problem(), "algebraic", journal=path, **{"workers": 1, **options})


class Interrupted(Exception):  # noqa: N818 - no error of the program
    pass


def interrupted_after(count: int) -> Any:
    def progress(step: str, done: int, total: int) -> None:
        if step == "solving" and done == count:
            raise Interrupted

    return progress


# Runs that end early


@pytest.mark.parametrize("count", [6, pytest.param(1, marks=pytest.mark.slow), pytest.param(STRATA, marks=pytest.mark.slow)])
def test_a_run_goes_on_where_it_stopped(count: int, tmp_path: Path, log: Path) -> None:
    path = tmp_path / "m.journal.sqlite"
    with pytest.raises(Interrupted):
        solve(path, progress=interrupted_after(count))
    kept = set(rows(path))
    assert len(kept) == count
    log.unlink()
    seen: list[tuple[str, int, int]] = []
    minima = solve(path, progress=lambda *report: seen.append(report))
    assert map_document(minima) == document()
    assert len(jobs(log)) == STRATA - count
    assert not kept & set(jobs(log))
    assert [report for report in seen if report[0] == "solving"] == [("solving", done, STRATA) for done in range(count + 1, STRATA + 1)]
    assert not path.exists(), "the map is complete: the journal is of no more use"


def test_every_stop_keeps_what_was_solved(tmp_path: Path, log: Path) -> None:
    """One stratum more with every run, on the same file."""
    path = tmp_path / "m.journal.sqlite"
    for count in range(3, STRATA, 3):
        with pytest.raises(Interrupted):
            solve(path, progress=interrupted_after(count))
        assert len(rows(path)) == count
    assert map_document(solve(path)) == document()


def test_what_is_done_beside_a_slow_stratum_is_kept(tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first stratum hangs; the others are noted all the same."""
    path = tmp_path / "m.journal.sqlite"
    first = strata_names()[0]
    monkeypatch.setenv(BAD, first)
    monkeypatch.setenv(HOW, "hang")
    with pytest.raises(Interrupted):
        solve(path, workers=2, timeout=600, progress=interrupted_after(STRATA - 1))
    assert set(rows(path)) == set(strata_names()) - {first}


def strata_names() -> list[str]:
    from reluspec.regions.signs import format_signs
    from reluspec.systems.strata import strata

    return [format_signs(problem(), found.signs) for found in strata(problem())]


# The file


def test_there_is_no_file_of_a_short_run(tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "PATIENCE", 1e9)
    path = tmp_path / "m.journal.sqlite"
    seen = []
    solve(path, progress=lambda *_: seen.append(path.exists()))
    assert seen
    assert not any(seen)
    assert not path.exists()


def test_the_file_of_a_long_run_appears_and_goes(tmp_path: Path, log: Path) -> None:
    path = tmp_path / "m.journal.sqlite"
    seen = []
    solve(path, progress=lambda step, done, total: seen.append(len(rows(path))) if step == "solving" else None)
    assert seen == list(range(1, STRATA + 1))
    assert os.listdir(tmp_path) == ["jobs.log"]  # noqa: PTH208 - nothing else either: no file of SQLite's


def test_without_a_journal_no_file_is_written(tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    reluspec.solve(problem(), "algebraic", workers=2)
    assert os.listdir(tmp_path) == ["jobs.log"]  # noqa: PTH208


@pytest.mark.parametrize("patience", [1e9, pytest.param(0.0, marks=pytest.mark.slow)])
def test_retry_of_undecided_strata(patience: float, tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is undecided stays so without retry, whatever the limits; with retry only that is solved again."""
    monkeypatch.setattr(journal_module, "PATIENCE", patience)
    path = tmp_path / "m.journal.sqlite"
    bad = strata_names()[2:4]
    monkeypatch.setenv(BAD, " ".join(bad))
    monkeypatch.setenv(HOW, "leave")
    first = solve(path)
    assert {entry.stratum for entry in first.undecided} == set(bad)
    assert set(rows(path)) == set(strata_names())
    monkeypatch.setenv(BAD, "")
    log.unlink()
    again = solve(path, timeout=100)
    assert again.undecided == first.undecided
    assert jobs(log) == []
    monkeypatch.setenv(BAD, bad[0])
    half = solve(path, retry_undecided=True)
    assert [entry.stratum for entry in half.undecided] == bad[:1]
    assert jobs(log) == bad
    assert path.exists()
    monkeypatch.setenv(BAD, "")
    assert map_document(solve(path, retry_undecided=True)) == document()
    assert jobs(log) == [*bad, bad[0]]
    assert not path.exists()


def test_retry_without_a_journal(tmp_path: Path, log: Path) -> None:
    path = tmp_path / "m.journal.sqlite"
    with pytest.raises(ArtefactError, match=r"there is no journal .*m\.journal\.sqlite of an incomplete run"):
        solve(path, retry_undecided=True)
    assert jobs(log) == []
    assert not path.exists()


# Files that are no good


def half_a_run(path: Path) -> bytes:
    with pytest.raises(Interrupted):
        solve(path, progress=interrupted_after(6))
    return path.read_bytes()


def refused(path: Path, words: str) -> None:
    """One clear message, and the file is as it was."""
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(ArtefactError, match=words) as caught:
        solve(path)
    assert str(path) in str(caught.value)
    assert "choose another place with -o" in str(caught.value).lower()
    assert path.exists()
    assert before is None or path.read_bytes() == before


@pytest.mark.parametrize("size", [10, 1000, 4096, -4096])
def test_a_truncated_journal(size: int, tmp_path: Path, log: Path) -> None:
    path = tmp_path / "m.journal.sqlite"
    path.write_bytes(half_a_run(path)[:size])
    log.unlink()
    refused(path, "cannot be read")
    assert jobs(log) == []


@pytest.mark.parametrize("content", [b"garbage", b"\x00" * 5000, "ä".encode() * 3000])
def test_garbage(content: bytes, tmp_path: Path, log: Path) -> None:
    path = tmp_path / "m.journal.sqlite"
    path.write_bytes(content)
    refused(path, "cannot be read")


def test_a_folder(tmp_path: Path, log: Path) -> None:
    path = tmp_path / "m.journal.sqlite"
    path.mkdir()
    refused(path, "cannot be read")
    assert list(path.iterdir()) == []


def test_an_empty_file_is_an_empty_journal(tmp_path: Path, log: Path) -> None:
    path = tmp_path / "m.journal.sqlite"
    path.touch()
    assert map_document(solve(path)) == document()
    assert not path.exists()


@pytest.mark.parametrize(
    "data",
    [
        "[]",
        "5",
        "null",
        "{",
        "{}",
        '"x"',
        '{"sets": 3}',
        b"\xff\xfe",
        b"\x00\x01\xff",
        '{"stratum":"","sets":[{}],"reason":"","systems":1,"seconds":1}',
    ],
)
def test_rows_that_make_no_sense(data: str | bytes, tmp_path: Path, log: Path) -> None:
    path = tmp_path / "m.journal.sqlite"
    half_a_run(path)
    change(path, "UPDATE outcome SET data = ? WHERE rowid = 3", data)
    refused(path, "cannot be read")


def test_a_journal_with_another_reluspecs_tables(tmp_path: Path, log: Path) -> None:
    path = tmp_path / "m.journal.sqlite"
    half_a_run(path)
    change(path, "ALTER TABLE outcome RENAME COLUMN data TO text")
    refused(path, "cannot be read: no such column")


def change(path: Path, statement: str, *values: Any) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(statement, values)
    connection.close()


def test_a_database_of_something_else_is_left_alone(tmp_path: Path, log: Path) -> None:
    path = tmp_path / "m.journal.sqlite"
    change(path, "CREATE TABLE photographs (name TEXT)")
    refused(path, "is a database of something else")


def test_the_journal_of_another_run(tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of another text, another constant, another engine, another version."""
    path = tmp_path / "m.journal.sqlite"
    half_a_run(path)
    before = path.read_bytes()
    text = SPEC.read_text(encoding="utf-8")
    others = [reluspec.parse(text + "# a remark\n"), reluspec.parse(text.replace("1/10", "1/5"))]
    for other in others:
        with pytest.raises(ArtefactError, match="is the journal of another run: of another spec, engine or version"):
            reluspec.solve(other, "algebraic", journal=path)
    with pytest.raises(ArtefactError, match="of another run"):
        Journal(path, problem(), "msolve")
    with monkeypatch.context() as patch:
        patch.setattr(journal_module, "__version__", "99")
        refused(path, "of another run")
    assert path.read_bytes() == before
    assert map_document(solve(path)) == document(), "the right run goes on with it"


def test_constants_set_from_outside_are_part_of_the_run(tmp_path: Path, log: Path) -> None:
    path = tmp_path / "m.journal.sqlite"
    text = SPEC.read_text(encoding="utf-8").replace("ridge(1/10)", "ridge(c)") + "let c = 1/10\n"
    text = "let c = 1/10\n" + text.removesuffix("let c = 1/10\n")
    one, same, other = (reluspec.parse(text, overrides=values) for values in ({"c": "1/5"}, {"c": "1/5"}, {"c": "1/3"}))
    with pytest.raises(Interrupted):
        reluspec.solve(one, "algebraic", journal=path, workers=1, progress=interrupted_after(2))
    with pytest.raises(ArtefactError, match="of another run"):
        reluspec.solve(other, "algebraic", journal=path)
    assert reluspec.solve(same, "algebraic", journal=path, workers=1).complete


# Two runs at once


def test_two_runs_share_a_file(tmp_path: Path, log: Path) -> None:
    path = tmp_path / "m.journal.sqlite"
    with Journal(path, problem(), "algebraic") as one, Journal(path, problem(), "algebraic") as two:
        one.add("a", {"by": 1})
        two.add("b", {"by": 2})
        one.add("c", {"by": 1})
        two.add("a", {"by": 2})
        assert rows(path) == {"a": {"by": 2}, "b": {"by": 2}, "c": {"by": 1}}
    assert len(rows(path)) == 3


def test_the_run_that_ends_last_loses_nothing(tmp_path: Path, log: Path) -> None:
    """The first to be done removes the file under the other, which puts all it knows in a new one."""
    path = tmp_path / "m.journal.sqlite"
    with Journal(path, problem(), "algebraic") as before:
        before.add("earlier", {"by": 0})
    with Journal(path, problem(), "algebraic") as two:
        two.add("b", {"by": 2})
        with Journal(path, problem(), "algebraic") as one:
            one.add("a", {"by": 1})
            one.done = True
        assert not path.exists()
        two.add("c", {"by": 2})
        assert rows(path) == {"earlier": {"by": 0}, "b": {"by": 2}, "c": {"by": 2}}
        two.done = True
    assert not path.exists()


def test_a_whole_run_within_another(tmp_path: Path, log: Path) -> None:
    path = tmp_path / "m.journal.sqlite"
    inner = []

    def progress(step: str, done: int, total: int) -> None:
        if step == "solving" and done == 5:
            inner.append(solve(path))

    assert map_document(solve(path, progress=progress)) == document() == map_document(inner[0])
    assert Counter(jobs(log)).most_common(1)[0][1] == 2
    assert len(jobs(log)) == 2 * STRATA - 5, "the inner run took up what the outer one had noted"
    assert not path.exists()


# The command line, ended by signals


def start(folder: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, failing_jobs.__file__, "solve", "three_points.rspec", "--engine", "algebraic", "--workers", "2", *options]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def noted(path: Path) -> int:
    try:
        return len(rows(path)) if path.exists() else 0
    except sqlite3.Error:  # busy, or not yet made
        return 0


@pytest.mark.parametrize(
    ("end", "whole_group"),
    [
        pytest.param(signal.SIGINT, False, id="SIGINT-program", marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, True, id="SIGINT-group"),
        pytest.param(signal.SIGKILL, False, id="SIGKILL-program"),
        pytest.param(signal.SIGKILL, True, id="SIGKILL-group", marks=pytest.mark.slow),
    ],
)
def test_signals(end: signal.Signals, whole_group: bool, tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At several moments, on the same file; Ctrl-C in a terminal goes to the helper processes, too."""
    shutil.copy(SPEC, tmp_path)
    path = tmp_path / "three_points.journal.sqlite"
    monkeypatch.setenv(PAUSE, "0.2")
    for moment in (2, 7):
        process = start(tmp_path)
        while process.poll() is None and noted(path) < moment:
            time.sleep(0.02)
        (os.killpg if whole_group else os.kill)(process.pid, end)
        out, err = process.communicate(timeout=60)
        assert process.returncode == (130 if end == signal.SIGINT else -end), err
        assert (out, "Traceback" in err) == ("", False)
        assert not (tmp_path / "three_points.minima.json").exists()
        assert moment <= noted(path) < STRATA
        assert not any(row["reason"] for row in rows(path).values()), "being stopped is no outcome"
    kept = set(rows(path))
    log.unlink()
    monkeypatch.setenv(PAUSE, "0")
    process = start(tmp_path)
    out, err = process.communicate(timeout=100)
    assert process.returncode == 0, err
    assert "complete: 13 strata" in out
    assert Counter(jobs(log)) == Counter(set(strata_names()) - kept)
    written = map_format.without_timings(json.loads((tmp_path / "three_points.minima.json").read_text(encoding="utf-8")))
    expected = json.loads(json.dumps(document()))
    assert {**written, "engine_reason": ""} == {**expected, "engine_reason": ""}
    assert not path.exists()


def test_the_command_line_completes_a_map(tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(SPEC, tmp_path)
    path = tmp_path / "out.journal.sqlite"
    monkeypatch.setenv(BAD, strata_names()[5])
    monkeypatch.setenv(HOW, "no_memory")
    process = start(tmp_path, "-o", "out.minima.json", "-q")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (3, "")
    assert path.exists()
    monkeypatch.setenv(BAD, "")
    process = start(tmp_path, "-o", "out.minima.json", "-q", "--retry-undecided", "--memory", "8000", "--timeout", "100")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, "", "")
    assert jobs(log).count(strata_names()[5]) == 2
    assert len(jobs(log)) == STRATA + 1
    assert not path.exists()


@pytest.mark.parametrize(
    ("prepare", "options", "words"),
    [
        (lambda path: None, ["--retry-undecided"], "there is no journal three_points.journal.sqlite"),
        (lambda path: path.write_text("garbage"), [], "the journal three_points.journal.sqlite cannot be read"),
        (lambda path: path.mkdir(), [], "the journal three_points.journal.sqlite cannot be read"),
        (lambda path: change(path, "CREATE TABLE t (x)"), [], "is a database of something else"),
    ],
    ids=["none", "garbage", "folder", "foreign"],
)
def test_one_message_and_exit_code_1(prepare: Any, options: list[str], words: str, tmp_path: Path, log: Path) -> None:
    shutil.copy(SPEC, tmp_path)
    prepare(tmp_path / "three_points.journal.sqlite")
    process = start(tmp_path, *options)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, "")
    assert err.startswith("reluspec: error: ")
    assert err.count("\n") == 1
    assert words in err
    assert not (tmp_path / "three_points.minima.json").exists()
