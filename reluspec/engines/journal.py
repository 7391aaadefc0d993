"""The journal of a long run: what became of every stratum so far, in an SQLite file beside the map.

A run that is interrupted, even by a power cut, is taken up where it stopped; a run that left strata undecided is completed later with
larger limits. The file appears once a run has taken `PATIENCE` seconds and goes when the map is complete. Its rows are plain JSON, for
strata in the order in which they were solved; they count only for the very problem, engine and version that wrote them.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from reluspec.errors import ArtefactError
from reluspec.problem.problem import Problem
from reluspec.version import __version__

FORMAT = "reluspec/journal 1"
PATIENCE = 2.0
"""Seconds before the file is made."""
COMMIT = 1.0
"""Seconds between commits: what a crash may cost."""


class Journal:
    """Outcomes by stratum: `known` from earlier runs, more by `add`. Set `done` where the run is complete.

    Raises `ArtefactError` for a file that is damaged or another run's.
    """

    def __init__(self, path: Path, problem: Problem, engine: str) -> None:
        self.path = path
        self.key = run_key(problem, engine)
        self._begun = self._committed = time.monotonic()
        self._rows: dict[str, str] = {}
        self._pending: dict[str, str] = {}
        self._connection: sqlite3.Connection | None = None
        self.known: dict[str, Mapping[str, Any]] = {}
        self.done = False
        if path.exists():
            self._open()

    def add(self, stratum: str, outcome: Mapping[str, Any]) -> None:
        """Note an outcome; it replaces an earlier one of the same stratum."""
        self._pending[stratum] = json.dumps(outcome, separators=(",", ":"))
        now = time.monotonic()
        if now - (self._begun if self._connection is None else self._committed) > (PATIENCE if self._connection is None else COMMIT):
            self.flush()

    def flush(self) -> None:
        """Put everything on disk."""
        if not self._pending:
            return
        try:
            if self._connection is None:
                self._open()
            self._write(self._pending)
        except sqlite3.Error:
            # A second run of the same problem may have completed it and removed the file: all that is known here goes into a new one.
            self._close()
            self._open()
            with self._reported("written"):
                self._write(self._rows | self._pending)
        self._rows |= self._pending
        self._pending.clear()
        self._committed = time.monotonic()

    def _write(self, rows: Mapping[str, str]) -> None:
        assert self._connection is not None
        with self._connection:
            self._connection.executemany("INSERT OR REPLACE INTO outcome VALUES (?, ?)", rows.items())

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
        if self.done:
            self.path.unlink(missing_ok=True)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> None:
        try:
            with self._reported("read"):
                self._connection = sqlite3.connect(self.path, timeout=5)
                self._prepare(self._connection)
                rows = dict(self._connection.execute("SELECT stratum, data FROM outcome"))
                self.known = {stratum: json.loads(data) for stratum, data in rows.items()}
                self._rows = rows | self._rows
        except ArtefactError:
            self._close()
            raise

    def _prepare(self, connection: sqlite3.Connection) -> None:
        """Make the tables of a new file; raise `ArtefactError`, and change nothing, if the file is not this run's."""
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if not tables:
                connection.execute("CREATE TABLE run (key TEXT NOT NULL)")
                connection.execute("CREATE TABLE outcome (stratum TEXT PRIMARY KEY, data TEXT NOT NULL)")
                connection.execute("INSERT INTO run VALUES (?)", (self.key,))
            elif tables != {"run", "outcome"}:
                raise ArtefactError(f"{self.path} is a database of something else. Choose another place with -o")
            elif [key for (key,) in connection.execute("SELECT key FROM run")] != [self.key]:
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


def run_key(problem: Problem, engine: str) -> str:
    """What a journal is good for: the problem as stated, the engine, the version of its rows."""
    source = problem.source
    stated = [source.text, source.overrides, source.files] if source else [repr(problem)]
    return sha256(json.dumps([FORMAT, __version__, engine, stated], default=str).encode()).hexdigest()
