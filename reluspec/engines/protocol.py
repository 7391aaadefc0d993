"""What an engine is: it says whether it can take a problem, and finds every local minimum of those it takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from reluspec.engines.isolation import DEFAULT_SECONDS
from reluspec.minima.records import Landscape
from reluspec.problem.problem import Problem

Progress = Callable[[str, int, int], None]
"""Called with the name of a step, how much of it is done, and how much there is."""


def silent(step: str, done: int, total: int) -> None:
    """Progress for nobody."""


@dataclass(frozen=True)
class EngineOptions:
    """`precision`: significant bits of the reported numbers.

    `workers`: threads; `timeout`: seconds for one exact test; `progress`: where to report.
    """

    precision: int = 100
    timeout: float = DEFAULT_SECONDS
    workers: int = 1
    progress: Progress = silent


class Engine(Protocol):
    """A back end. Being able to take a problem and solving it are separate questions."""

    name: str
    summary: str

    def refusal(self, problem: Problem) -> str | None:
        """Why the engine cannot take the problem, naming the construct; `None` if it can."""
        ...

    def solve(self, problem: Problem, options: EngineOptions) -> Landscape:
        """Account for every stratum. Raises `UnsupportedProblemError` or `LimitError`."""
        ...
