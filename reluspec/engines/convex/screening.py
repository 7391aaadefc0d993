"""The float screen over a range of sets of faces: the unit of work that is shared out to threads, processes and machines.

Sets of one size are numbered in lexicographic order, so a range is three integers, whoever works on it. The compiled kernel screens first,
where it is there, and NumPy's enclosure where it is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import comb
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from reluspec.engines.convex.decide import PROVED, Outcome
from reluspec.engines.convex.float_geometry import FloatGeometry
from reluspec.engines.convex.kernels import kernel_for
from reluspec.engines.convex.screen import screen

_BY_NUMBER = (Outcome.INACTIVE, Outcome.OUTSIDE, Outcome.MIXED)
"""As the kernel counts them."""
BATCH = 4096
"""Sets that NumPy works on at a time."""
LEAST, MOST, PARTS = 4096, 1 << 17, 32
"""Sizes of a range, and the number of ranges in between."""


@dataclass(frozen=True)
class Step:
    """How many sets a step of the screen worked on, and its time in seconds."""

    count: int
    seconds: float


@dataclass(frozen=True)
class Screening:
    """What became of a range: how many sets have each proved outcome, and the sets left open (K x size, in order).

    `steps`: how many sets were `screened` by the optima of their subsets, `solved`, `certified` and `left open`; all time is with `solved`.
    """

    visited: int
    counts: Mapping[Outcome, int]
    left_open: NDArray[np.int64]
    steps: Mapping[str, Step] = field(default_factory=dict)


def range_length(total: int) -> int:
    """How many of so many sets a range holds: enough ranges for many workers, none so small that starting it costs more than the work."""
    return min(max(LEAST, -(-total // PARTS)), MOST)


def screen_range(floats: FloatGeometry, size: int, start: int, stop: int) -> Screening:
    """Screen the sets of `size` living faces with numbers `start` to `stop - 1`. Raises `KernelError`."""
    count = len(floats.ranks) - 1
    began = perf_counter()
    kernel = kernel_for(floats, size)
    screened = 0
    if kernel is None:
        counts = dict.fromkeys(_BY_NUMBER, 0)
        rest = [_enclosed(floats, sets_of_faces(count, size, k, min(k + BATCH, stop)) + 1, counts) for k in range(start, stop, BATCH)]
        left_open = np.concatenate(rest) if rest else np.zeros((0, size), dtype=np.int64)
    else:
        first = (sets_of_faces(count, size, start, start + 1)[0] + 1).astype(np.int32)
        proved, numbers, screened = kernel.screen(first, stop - start)
        counts = {outcome: int(number) for outcome, number in zip(_BY_NUMBER, proved, strict=True)}
        left_open = numbered_sets(count, size, start + np.sort(numbers)) + 1
    steps = {
        "screened": Step(screened, 0.0),
        "solved": Step(stop - start - screened, perf_counter() - began),
        "certified": Step(sum(counts.values()), 0.0),
        "left open": Step(len(left_open), 0.0),
    }
    return Screening(stop - start, counts, left_open, steps)


def _enclosed(floats: FloatGeometry, sets: NDArray[np.int64], counts: dict[Outcome, int]) -> NDArray[np.int64]:
    """Count what NumPy's enclosure proves of some sets, and return the others."""
    batch = screen(floats, sets)
    for screened, outcome in PROVED.items():
        counts[outcome] += int((batch.outcome == screened).sum())
    return np.asarray(sets[~np.isin(batch.outcome, list(PROVED))])


def sets_of_faces(count: int, size: int, start: int, stop: int) -> NDArray[np.int64]:
    """The subsets of `range(count)` with `size` elements, in lexicographic order, from number `start` to `stop - 1`: B x size."""
    return numbered_sets(count, size, np.arange(start, stop, dtype=np.int64))


def numbered_sets(count: int, size: int, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """The subsets of `range(count)` with those numbers in lexicographic order: B x size."""
    rest = numbers.copy()
    sets = np.empty((len(rest), size), dtype=np.int64)
    least = np.zeros(len(rest), dtype=np.int64)
    for column in range(size):
        left = size - column
        # The sets that begin with an element below e number C(count - least, left) - C(count - e, left).
        tails = np.array([comb(count - element, left) for element in range(count + 1)], dtype=np.int64)
        before = tails[least]
        # tails falls: the element is the last e with before - tails[e] <= rest.
        element = np.searchsorted(-tails, rest - before, side="right") - 1
        sets[:, column] = element
        rest = rest - (before - tails[element])
        least = element + 1
    return sets
