"""What an engine is: it says whether it can take a problem, and finds every local minimum of those it takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from reluspec.executors.local import LOCAL
from reluspec.executors.protocol import Executor, Limits, Resources, Workers
from reluspec.isolation import DEFAULT_MEGABYTES, DEFAULT_SECONDS
from reluspec.minima.records import Landscape
from reluspec.problem.problem import Problem

Progress = Callable[[str, int, int], None]
"""Called with the name of a step, how much of it is done, and how much there is."""


def silent(step: str, done: int, total: int) -> None:
    """Progress for nobody."""


@dataclass(frozen=True)
class EngineOptions:
    """`precision`: significant bits of the reported numbers. `workers`: items worked on at a time, `None`: as many as there are workers.

    `executor` is where that is done, `scheduler` the address it needs if it does. `timeout` seconds and `memory` megabytes are the limits
    of one exact test or system. `force`: begin even what looks too large to finish. `journal`: a file in which an engine may keep outcomes
    (`engines.journal`); with `retry` those in it that are undecided are tried again. `progress`: where to report.
    """

    precision: int = 100
    timeout: float = DEFAULT_SECONDS
    memory: int = DEFAULT_MEGABYTES
    workers: int | None = None
    executor: Executor = LOCAL
    scheduler: str | None = None
    force: bool = False
    journal: Path | None = None
    retry: bool = False
    progress: Progress = silent

    @property
    def limits(self) -> Limits:
        return Limits(self.timeout, self.memory)

    def start_workers(self) -> Workers:
        """Start or reach the workers. Raises `ExecutorError`."""
        return self.executor.start(Resources(self.workers, self.scheduler))


class Engine(Protocol):
    """A back end. Being able to take a problem and solving it are separate questions.

    An engine may also have `forecast(problem)`, whose `str` says how much work the problem is; `compile` prints it.
    """

    name: str
    summary: str

    def refusal(self, problem: Problem) -> str | None:
        """Why the engine cannot take the problem, naming the construct; `None` if it can."""
        ...

    def solve(self, problem: Problem, options: EngineOptions) -> Landscape:
        """Account for every stratum. Raises `UnsupportedProblemError` or `LimitError`."""
        ...
