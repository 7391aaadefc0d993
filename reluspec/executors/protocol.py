"""What an executor is: it starts workers, and they do an engine's work item by item.

Work is described by plain data: module-level functions, picklable arguments and results. So it can be done in a thread, in a process and
on another machine, and be done again where a worker was lost.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol

from reluspec.isolation import DEFAULT_MEGABYTES, DEFAULT_SECONDS


@dataclass(frozen=True)
class Limits:
    """Of one item's work: wall seconds, and megabytes of address space of the process that does it."""

    seconds: float = DEFAULT_SECONDS
    megabytes: int = DEFAULT_MEGABYTES


@dataclass(frozen=True)
class Work:
    """What is to be done with every item: `job(prepare(shared), item)`, where `prepare(shared)` is made once per worker.

    `job` and `prepare` are module-level functions; `shared`, items and results are picklable. With `limits` each item is worked on in a
    process that holds to them; without, the job must be safe in threads. `prepared` is `prepare(shared)` where this process has it already.
    """

    job: Callable[[Any, Any], Any]
    prepare: Callable[[Any], Any]
    shared: Any
    limits: Limits | None = None
    prepared: Any = None


@dataclass(frozen=True)
class Failure:
    """In place of a result: why an item could not be worked on (it begins with `timeout`, `memory` or `crash`)."""

    reason: str


@dataclass(frozen=True)
class Resources:
    """What a run may use: `workers` items at a time (`None`: as many as there are workers), the address of a `scheduler`."""

    workers: int | None = None
    scheduler: str | None = None


class Workers(Protocol):
    """Started workers; a context manager that ends what it started."""

    @property
    def count(self) -> int:
        """How many items are worked on at a time."""
        ...

    def run(self, work: Work, items: Iterable[Any]) -> Generator[tuple[Any, Any], None, None]:
        """Each item with its result, or a `Failure`, as they are done.

        `items` are taken as workers become free: there may be very many. Closing the generator ends what is not done.
        """
        ...

    def __enter__(self) -> Workers: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...


class Executor(Protocol):
    """A way to do work, found by entry point (`reluspec.executors`)."""

    name: str
    summary: str

    def start(self, resources: Resources) -> Workers:
        """Start or reach the workers. Raises `ExecutorError` with a remedy, within seconds, where that cannot be done."""
        ...
