"""The float screen as work for executors: ranges of sets, taken up where an earlier run stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from math import comb
from typing import Any

from reluspec.engines.convex.decide import Outcome
from reluspec.engines.convex.float_geometry import FloatGeometry
from reluspec.engines.convex.geometry import Geometry
from reluspec.engines.convex.ledger import Ledger
from reluspec.engines.convex.screening import Screening, range_length, screen_range
from reluspec.engines.convex.setting import convex_setting
from reluspec.engines.journal import Journal, Range, disjoint
from reluspec.engines.protocol import EngineOptions
from reluspec.executors.protocol import Failure, Work, Workers
from reluspec.problem.problem import Problem

Faces = tuple[int, ...]


def prepare(problem: Problem) -> FloatGeometry:
    """What a worker needs: exact matrices do not travel, so each makes its own."""
    return FloatGeometry(Geometry(convex_setting(problem)))


def screen_job(floats: FloatGeometry, numbers: Range) -> Screening:
    """The work on one range."""
    return screen_range(floats, *numbers)


@dataclass
class Screened:
    """What the screen has found: proved sets are counted in the ledger, the rest `left_open`; `steps` are the kernel's own figures."""

    ledger: Ledger
    left_open: int = 0
    steps: dict[str, float] = field(default_factory=dict)
    visited: int = 0

    def add(self, numbers: Range, data: Mapping[str, Any]) -> list[Faces]:
        """Count a range from the plain data that the journal keeps of it; returns the sets left open.

        Raises `ValueError` for data that cannot be.
        """
        size, start, stop = numbers
        counts = {Outcome[name]: int(count) for name, count in data["counts"].items()}
        sets = [tuple(int(face) for face in faces) for faces in data["left_open"]]
        if (
            min(counts.values(), default=0) < 0
            or sum(counts.values()) + len(sets) != stop - start
            or any(len(faces) != size for faces in sets)
        ):
            raise ValueError(f"the range {size}, {start}, {stop} does not add up")
        for outcome, count in counts.items():
            self.ledger.add(size, outcome, count)
        self.left_open += len(sets)
        self.visited += stop - start
        for name, value in data["steps"].items():
            self.steps[name] = self.steps.get(name, 0) + value
        return sets


class InOrder:
    """Puts what ranges left open into the order of the sets: a range waits until all before it are there."""

    def __init__(self, totals: Mapping[int, int]) -> None:
        self._ends = totals
        self._sizes = list(totals)
        self._start = 0
        self._waiting: dict[tuple[int, int], tuple[int, list[Faces]]] = {}

    def add(self, numbers: Range, sets: list[Faces]) -> list[Faces]:
        """Take over a range; returns the sets that can go on now."""
        size, start, stop = numbers
        self._waiting[size, start] = stop, sets
        found: list[Faces] = []
        while self._sizes and (here := self._waiting.pop((self._sizes[0], self._start), None)):
            self._start, ready = here
            found += ready
            if self._start == self._ends[self._sizes[0]]:
                self._start = 0
                del self._sizes[0]
        return found


def plain(result: Screening) -> dict[str, Any]:
    """A range's result as JSON-ready data; `steps` flat, so that ranges can be added up."""
    steps: dict[str, float] = {}
    for name, step in result.steps.items():
        steps[name] = step.count
        if step.seconds:
            steps[f"{name} seconds"] = step.seconds
    return {
        "counts": {outcome.name: count for outcome, count in result.counts.items()},
        "left_open": result.left_open.tolist(),
        "steps": steps,
    }


def screen_all(
    problem: Problem,
    floats: FloatGeometry,
    ledger: Ledger,
    workers: Workers,
    journal: Journal,
    options: EngineOptions,
    left_open: Callable[[list[Faces]], None],
) -> Screened:
    """Visit every set of at most L faces. Raises `ArtefactError` for a journal whose ranges make no sense.

    `left_open` is called with the sets left open, in order, after every range: workers have their next ones meanwhile.
    """
    living = len(floats.ranks) - 1
    totals = {size: comb(living, size) for size in range(1, min(ledger.units, living) + 1)}
    visits = sum(totals.values())
    screened, in_order = Screened(ledger), InOrder(totals)
    done = disjoint(journal.ranges)
    for numbers, data in done.items():
        try:
            size, start, stop = numbers
            if not 0 <= start < stop <= totals[size]:
                raise ValueError(f"there is no range {size}, {start}, {stop}")
            open_sets = screened.add(numbers, data)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise journal.damaged(f"a range in it makes no sense ({type(error).__name__}: {error})") from None
        left_open(in_order.add(numbers, open_sets))
    work = Work(screen_job, prepare, problem, prepared=floats)
    with closing(workers.run(work, _left(totals, done))) as results:
        for numbers, result in results:
            # What killed its workers is done here: nothing may be left out.
            data = plain(screen_job(floats, numbers) if isinstance(result, Failure) else result)
            journal.add_range(numbers, data)
            open_sets = screened.add(numbers, data)
            options.progress("screening", screened.visited, visits)
            left_open(in_order.add(numbers, open_sets))
    return screened


def _left(totals: Mapping[int, int], done: Mapping[Range, Any]) -> Iterator[Range]:
    """The ranges that are not done. They begin at multiples of the length wherever they can: the same batches give the same roundings."""
    for size, total in totals.items():
        position, length = 0, range_length(total)
        for _, start, stop in [*(numbers for numbers in done if numbers[0] == size), (size, total, total)]:
            while position < start:
                end = min(position - position % length + length, start)
                yield size, position, end
                position = end
            position = stop
