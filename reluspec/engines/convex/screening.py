"""The float screen over a range of sets of faces: the unit of work that is shared out to threads, processes and machines.

Sets of one size are numbered in lexicographic order, so a range is three integers, whoever works on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import NDArray

from reluspec.engines.convex.decide import Outcome
from reluspec.engines.convex.float_geometry import FloatGeometry
from reluspec.engines.convex.screen import Screened, screen

_PROVED = {Screened.INACTIVE: Outcome.INACTIVE, Screened.OUTSIDE: Outcome.OUTSIDE, Screened.MIXED: Outcome.MIXED}


@dataclass(frozen=True)
class Screening:
    """What became of a range: how many sets have each proved outcome, and the sets left open (K x size, in order)."""

    visited: int
    counts: Mapping[Outcome, int]
    left_open: NDArray[np.int64]


def screen_range(floats: FloatGeometry, size: int, start: int, stop: int) -> Screening:
    """Screen the sets of `size` living faces with numbers `start` to `stop - 1`."""
    batch = screen(floats, sets_of_faces(len(floats.ranks) - 1, size, start, stop) + 1)
    counts = {outcome: int((batch.outcome == screened).sum()) for screened, outcome in _PROVED.items()}
    left_open = (batch.outcome == Screened.UNDECIDED) | (batch.outcome == Screened.SURVIVOR)
    return Screening(stop - start, counts, batch.sets[left_open])


def sets_of_faces(count: int, size: int, start: int, stop: int) -> NDArray[np.int64]:
    """The subsets of `range(count)` with `size` elements, in lexicographic order, from number `start` to `stop - 1`: B x size."""
    rest = np.arange(start, stop, dtype=np.int64)
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
