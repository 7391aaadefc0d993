"""Problems of the convex kind have two ways to their map: one that knows convexity, one that knows only polynomials."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

sys.path.insert(0, str(Path(__file__).parents[1]))
from small_problems import Small, small, small_problems

import reluspec
from reluspec.minima.minima_map import MinimaMap

RUN = settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
)
SIZES = ((1, 1), (1, 1), (1, 2), (2, 1))


def listed(minima: MinimaMap) -> list[tuple[object, ...]]:
    """The components up to what the two engines may write differently: digits of losses, order of the units in names."""
    rows = []
    for component in minima:
        pieces = sorted((tuple(sorted(piece.stratum.split("|"))), piece.dimension, piece.dead_units) for piece in component.pieces)
        missing = sorted(tuple(sorted(end.split("|"))) for end in component.missing)
        kept = (component.dimension, component.location, component.orbit_size, component.closed)
        rows.append((round(float(component.loss), 12), *kept, pieces, missing))
    return sorted(rows, key=repr)


def assert_same(one: Small) -> None:
    convex, algebraic = reluspec.solve(one.problem, "convex"), reluspec.solve(one.problem, "algebraic")
    assert convex.complete
    assert algebraic.complete, [entry.reason for entry in algebraic.undecided]
    assert listed(algebraic) == listed(convex)
    assert algebraic.landscape.total == convex.landscape.total
    assert algebraic.landscape.ledger["minimal"] == convex.landscape.ledger["minimal"]


@RUN
@given(small_problems(integers=True, sizes=SIZES))
def test_integers_with_ties(one: Small) -> None:
    assert_same(one)


@RUN
@given(small_problems(integers=False, sizes=SIZES))
def test_decimals(one: Small) -> None:
    assert_same(one)


@pytest.mark.slow
@settings(RUN, max_examples=240)
@given(small_problems(integers=True, sizes=SIZES))
def test_many_integers(one: Small) -> None:
    assert_same(one)


@pytest.mark.slow
@settings(RUN, max_examples=120)
@given(small_problems(integers=False, sizes=SIZES))
def test_many_decimals(one: Small) -> None:
    assert_same(one)


@pytest.mark.parametrize(
    "one",
    [
        small([-2, -1, 0, 1, 2], [1, -1, "1/2", 0, 2], 2, 2),  # a closed arc: both of its ends are minima
        small([0, 1], [1, 2], 3, Fraction(1, 10)),  # sheets
        small([0, 0], [1, 2], 2, "1/10", hidden_bias=False),  # no switch ever changes its sign
        small([(0, 0), (1, 1), (2, 2)], [1, -1, 1], 1, "1/10"),  # collinear points: signs leave directions free
    ],
    ids=["closed arc", "sheets", "no switches", "collinear"],
)
def test_chosen(one: Small) -> None:
    assert_same(one)
