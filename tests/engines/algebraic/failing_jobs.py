"""Jobs in place of `stratum_job` that fail on chosen strata: imported by the helper processes, told by the environment what to do."""

from __future__ import annotations

import ctypes
import os
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from reluspec.engines.algebraic import engine
from reluspec.engines.algebraic.job import stratum_job
from reluspec.errors import LimitError
from reluspec.problem.problem import Problem

BAD = "RELUSPEC_TEST_BAD"
"""The strata that fail, separated by spaces."""
HOW = "RELUSPEC_TEST_HOW"
LOG = "RELUSPEC_TEST_LOG"
"""A file that gets a line for every job begun."""
PAUSE = "RELUSPEC_TEST_PAUSE"
"""Seconds that every job takes at least."""


def hang() -> None:
    time.sleep(1000)


def leave() -> None:
    os._exit(0)


def fault() -> None:
    ctypes.string_at(0)


def no_memory() -> None:
    raise MemoryError


def much_memory() -> None:
    bytearray(1 << 40)


def error() -> None:
    raise ZeroDivisionError("by nothing")


def limit() -> None:
    raise LimitError("too many monomials")


def babble() -> None:
    """Output that is no answer."""
    os.write(1, b"hello, world, this is no pickle")
    os._exit(1)


WAYS = {way.__name__: way for way in (hang, leave, fault, no_memory, much_memory, error, limit, babble)}


def failing_job(problem: Problem, stratum: str, backend: str = "flint") -> dict[str, Any]:
    if LOG in os.environ:
        with Path(os.environ[LOG]).open("a", encoding="utf-8") as log:
            log.write(f"{stratum}\n")
    time.sleep(float(os.environ.get(PAUSE, "0")))
    if stratum in os.environ.get(BAD, "").split():
        WAYS[os.environ[HOW]]()
    return stratum_job(problem, stratum, backend)


def install(monkeypatch: pytest.MonkeyPatch, bad: str = "", how: str = "", **environment: str) -> None:
    """Have the engine do `failing_job`; its helper processes find this module by PYTHONPATH."""
    monkeypatch.setattr(engine, "stratum_job", failing_job)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)
    for name, value in {BAD: bad, HOW: how, **environment}.items():
        monkeypatch.setenv(name, value)


def main(arguments: list[str]) -> None:
    """`reluspec ARGUMENTS` with jobs that fail, and a journal at once: for runs in a process of their own."""
    from reluspec.cli.main import main as command
    from reluspec.engines import journal

    # The helper processes know this module by its name, not as __main__.
    engine.stratum_job = import_module("failing_jobs").failing_job  # type: ignore[assignment]
    journal.PATIENCE = journal.COMMIT = 0.0
    command(arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
