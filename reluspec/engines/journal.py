"""The journal of a long run: what became of every stratum so far, in an SQLite file beside the map.

A run that is interrupted, even by a power cut, is taken up where it stopped; a run that left strata undecided is completed later with
larger limits. The file appears once a run has taken `PATIENCE` seconds and goes when the map is complete. Its rows are plain JSON; they
count only for the very problem, engine and version that wrote them. There are rows for single strata, and rows for ranges of numbered
ones: neighbours that are done between two commits make one row, so that the file grows with time (a few rows a second), not with the number
of strata.

SQLite's rollback journal suits this better than its write-ahead log: there is one transaction a second, the file stays one file (a `-wal`
and a `-shm` beside it could be left or lost after a kill), and it works on network file systems.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from hashlib import sha256
from pathlib import Path
from typing import Any

from reluspec.engines.protocol import EngineOptions
from reluspec.errors import ArtefactError
from reluspec.problem.problem import Problem
from reluspec.version import __version__

FORMAT = "reluspec/journal 2"
PATIENCE = 2.0
"""Seconds before the file is made."""
COMMIT = 1.0
"""Seconds between commits: what a crash may cost."""


Range = tuple[int, int, int]
"""Size, start, stop: the numbered ones of that size from start to stop - 1."""
TABLES = {
    "run": "key TEXT NOT NULL",
    "outcome": "stratum TEXT PRIMARY KEY, data TEXT NOT NULL",
    "range": "size INTEGER, start INTEGER, stop INTEGER, data TEXT NOT NULL, PRIMARY KEY (size, start, stop)",
}


class Journal:
    """Outcomes by stratum and by range: `known` and `ranges` from earlier runs, more by `add` and `add_range`.

    Set `done` where the run is complete. Without a path nothing is kept. Raises `ArtefactError` for a file that is damaged or another
    run's.
    """

    def __init__(self, path: Path | None, problem: Problem, engine: str) -> None:
        self.path = path
        self.key = run_key(problem, engine) if path else ""
        self._begun = self._committed = time.monotonic()
        self._rows: dict[str, str] = {}
        self._pending: dict[str, str] = {}
        self._spans: dict[Range, str] = {}
        self._pending_spans: dict[Range, Mapping[str, Any]] = {}
        self._connection: sqlite3.Connection | None = None
        self.known: dict[str, Mapping[str, Any]] = {}
        self.ranges: dict[Range, Mapping[str, Any]] = {}
        self.done = False
        if path is not None and path.exists():
            self._open()

    def add(self, stratum: str, outcome: Mapping[str, Any]) -> None:
        """Note an outcome; it replaces an earlier one of the same stratum."""
        if self.path is not None:
            self._pending[stratum] = json.dumps(outcome, separators=(",", ":"))
            self._flush_now_and_then()

    def add_range(self, numbers: Range, outcome: Mapping[str, Any]) -> None:
        """Note what became of a range. Of neighbours the numbers are added and the lists joined."""
        if self.path is not None:
            self._pending_spans[numbers] = outcome
            self._flush_now_and_then()

    def _flush_now_and_then(self) -> None:
        since, patience = (self._begun, PATIENCE) if self._connection is None else (self._committed, COMMIT)
        if time.monotonic() - since > patience:
            self.flush()

    def flush(self) -> None:
        """Put everything on disk."""
        if not self._pending and not self._pending_spans:
            return
        spans = {numbers: json.dumps(data, separators=(",", ":")) for numbers, data in _joined(self._pending_spans).items()}
        try:
            if self._connection is None:
                self._open()
            self._write(self._pending, spans)
        except sqlite3.Error:
            # A second run of the same problem may have completed it and removed the file: all that is known here goes into a new one.
            self._close()
            self._open()
            with self._reported("written"):
                self._write(self._rows | self._pending, self._spans | spans)
        self._rows |= self._pending
        self._spans |= spans
        self._pending.clear()
        self._pending_spans.clear()
        self._committed = time.monotonic()

    def _write(self, rows: Mapping[str, str], spans: Mapping[Range, str]) -> None:
        assert self._connection is not None
        with self._connection:
            self._connection.executemany("INSERT OR REPLACE INTO outcome VALUES (?, ?)", rows.items())
            self._connection.executemany(
                'INSERT OR REPLACE INTO "range" VALUES (?, ?, ?, ?)', [(*key, data) for key, data in spans.items()]
            )

    def damaged(self, reason: str) -> ArtefactError:
        """The error for a journal whose rows make no sense."""
        return self._error("read", reason)

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        """End the run; the file goes if it is of no more use, and stays, all in it, after whatever happened otherwise."""
        if not self.done:
            self.flush()
        self._close()
        if self.done and self.path is not None:
            self.path.unlink(missing_ok=True)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> None:
        try:
            with self._reported("read"):
                assert self.path is not None
                self._connection = sqlite3.connect(self.path, timeout=5)
                self._prepare(self._connection)
                rows = dict(self._connection.execute("SELECT stratum, data FROM outcome"))
                spans = {(size, start, stop): data for size, start, stop, data in self._connection.execute('SELECT * FROM "range"')}
                self.known = {stratum: json.loads(data) for stratum, data in rows.items()}
                self.ranges = {numbers: json.loads(data) for numbers, data in spans.items()}
                self._rows, self._spans = rows | self._rows, spans | self._spans
        except ArtefactError:
            self._close()
            raise

    def _prepare(self, connection: sqlite3.Connection) -> None:
        """Make the tables of a new file; raise `ArtefactError`, and change nothing, if the file is not this run's."""
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if not tables:
                for name, columns in TABLES.items():
                    connection.execute(f'CREATE TABLE "{name}" ({columns})')
                connection.execute("INSERT INTO run VALUES (?)", (self.key,))
            elif tables not in (set(TABLES), {"run", "outcome"}):
                raise ArtefactError(f"{self.path} is a database of something else. Choose another place with -o")
            elif [key for (key,) in connection.execute("SELECT key FROM run")] != [self.key]:  # that of a format without ranges is other
                raise ArtefactError(
                    f"{self.path} is the journal of another run: of another spec, engine or version. Delete it to start afresh, "
                    "or choose another place with -o"
                )

    @contextmanager
    def _reported(self, verb: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, ValueError) as error:
            raise self._error(verb, str(error)) from None

    def _error(self, verb: str, reason: str) -> ArtefactError:
        return ArtefactError(
            f"the journal {self.path} cannot be {verb}: {reason}. Delete it to start afresh, or choose another place with -o"
        )


def _joined(spans: Mapping[Range, Mapping[str, Any]]) -> dict[Range, Mapping[str, Any]]:
    """Neighbouring ranges as one."""
    joined: dict[Range, Mapping[str, Any]] = {}
    last: Range | None = None
    for size, start, stop in sorted(spans):
        data = spans[size, start, stop]
        if last is not None and last[0] == size and last[2] == start:
            data = _sum(joined.pop(last), data)
            start = last[1]
        last = (size, start, stop)
        joined[last] = data
    return joined


def _sum(first: Any, second: Any) -> Any:
    if isinstance(first, Mapping):
        return {
            name: _sum(first[name], second[name]) if name in first and name in second else {**first, **second}[name]
            for name in {**first, **second}
        }
    return first + second


def disjoint(ranges: Mapping[Range, Mapping[str, Any]]) -> dict[Range, Mapping[str, Any]]:
    """Ranges that do not overlap, in order: two runs at once may have cut and noted the same numbers differently."""
    kept: dict[Range, Mapping[str, Any]] = {}
    end = (0, 0)
    for size, start, stop in sorted(ranges, key=lambda numbers: (numbers[0], numbers[1], -numbers[2])):
        if (size, start) >= end:
            kept[size, start, stop] = ranges[size, start, stop]
            end = (size, stop)
    return kept


def begin(options: EngineOptions, problem: Problem, engine: str) -> Journal:
    """The journal of a run. Raises `ArtefactError`, also where there is nothing to retry."""
    if options.retry and (options.journal is None or not options.journal.exists()):
        where = f" {options.journal}" if options.journal else ""
        raise ArtefactError(f"there is no journal{where} of an incomplete run: nothing to retry. Solve without it")
    return Journal(options.journal, problem, engine)


def run_key(problem: Problem, engine: str) -> str:
    """What a journal is good for: the problem as stated, the engine, the version of its rows."""
    source = problem.source
    stated = (
        [source.text, source.overrides, source.files] if source else [repr([getattr(problem, entry.name) for entry in fields(problem)])]
    )
    return sha256(json.dumps([FORMAT, __version__, engine, stated], default=str).encode()).hexdigest()
