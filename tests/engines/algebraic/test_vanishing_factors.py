"""Switches of deeper layers that are products of functions which vanish together: regions cut by the signs of the factors."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path
from random import Random

import numpy as np
import pytest
from flint import Ordering, fmpq_mpoly, fmpq_mpoly_ctx

import reluspec
from reluspec.engines.algebraic.judging.parts import parts, split, whole
from reluspec.minima.records import Component

sys.path.insert(0, str(Path(__file__).parents[2]))

from campaign import missing_points, numeric_minima, wrong_components
from jets import Landscape

CONTEXT = fmpq_mpoly_ctx.get(["u", "v", "w"], Ordering.degrevlex)


def sign_at(polynomial: fmpq_mpoly, point: tuple[int, ...]) -> int:
    value = polynomial(*point)
    return (value > 0) - (value < 0)


@pytest.mark.parametrize("seed", range(20))
def test_every_point_of_a_region_lies_in_exactly_one_part(seed: int) -> None:
    """Reference: the signs of the switches themselves at random points off the zero sets of their factors."""
    random = Random(seed)
    u, v, w = CONTEXT.gens()
    pool = [u, v, w, u + v, u - 2 * w, u * v + w, -v]
    switches = []
    for _ in range(3):
        switch = CONTEXT.constant(random.choice([-2, 3]))
        for factor in random.choices(pool, k=random.randint(1, 3)):
            switch *= factor ** random.choice([1, 1, 2, 3])
        switches.append(switch)
    sides = [random.choice([-1, 1]) for _ in switches]
    found = list(parts([(split(switch), side) for switch, side in zip(switches, sides, strict=True)]))
    seen = 0
    for _ in range(300):
        point = (random.randint(-9, 9), random.randint(-9, 9), random.randint(-9, 9))
        if not all(sign_at(factor, point) for factor in pool):
            continue
        inside = all(sign_at(switch, point) == side for switch, side in zip(switches, sides, strict=True))
        homes = [part for part in found if all(sign_at(factor, point) == side for factor, side in part)]
        assert len(homes) == inside
        seen += 1
    assert seen > 50


def test_switches_that_contradict_each_other_leave_no_part() -> None:
    u, v, _ = CONTEXT.gens()
    assert not list(parts([(split(u * v), 1), (split(-2 * u * v**3), 1)]))
    assert not list(parts([(split(u**2), -1)]))
    assert not list(parts([(whole(u * v), 1), (whole(-3 * u * v), 1)]))
    assert len(list(parts([(split(u * v), 1), (split(-2 * u * v**3), -1)]))) == 2
    assert len(list(parts([(split(-3 * u**2 * v), 1)]))) == 2


def two_hidden_layers(x: str, y: str, regulariser: str, loss: str = "squared_error") -> str:
    return (
        f"data {{ x = {x}  y = {y} }} network {{ input 1  a: layer 2 relu without bias  b: layer 1 relu without bias  "
        f"output: layer 1 linear without bias }} loss sum {loss} regulariser {regulariser}"
    )


def along(component: Component, stratum: str) -> bool:
    return any(piece.stratum == stratum for piece in component.pieces)


@pytest.mark.parametrize("target", ["-1", "1/4", "1/2", "2/3", "2", "3"])
def test_a_dead_unit_of_the_first_layer_that_wakes_where_the_living_are_off(target: str) -> None:
    """By hand. With f(3) = 3 p, p = c^3 in balance, the living unit has -6 (2 - 3 p) c + 2 = 0 at its minimum.

    The dead unit, awake by u w at x = -2, adds 4 u |w| c (-target) to the loss and 2 u |w| at least to the penalty.
    """
    minima = reluspec.solve(reluspec.parse(two_hidden_layers("[-2, 0, 3]", f"[{target}, 1, 2]", "ridge(1)")), workers=1)
    assert minima.complete
    arc = next(component for component in minima if along(component, "-0+|-0+/00+"))
    c = float(max(np.roots([9, 0, 0, -6, 1]).real))  # 18 c^4 - 12 c + 2, the larger root: the minimum
    assert abs(arc.theta()["output.weight"][0][0]) == pytest.approx(c, abs=1e-9)
    stays = 4 * c * float(Fraction(target)) < 2
    assert (arc.closed, along(arc, "000|-0+/00+")) == (stays, stays)
    assert arc.missing == (() if stays else ("000|-0+/00+",))


@pytest.mark.parametrize(
    ("x", "y", "ridge", "loss"),
    [
        ("[-2, 1, 3]", "[-1, 2, 0]", "1/10", "squared_error"),
        ("[-2, 1, 2]", "[2, 0, 2]", "1/2", "squared_error"),
        ("[-2, -1, 3]", "[1, -1, 1]", "1/4", "squared_error"),
        # The end of the arc lies on a residual that is zero: a switch that rotations of the two units keep.
        ("[-2, 1]", "[0, -2]", "1/4", "absolute_error"),
    ],
)
def test_maps_that_switches_with_dependent_gradients_left_incomplete(x: str, y: str, ridge: str, loss: str) -> None:
    """Reference: descents, which know nothing of strata."""
    problem = reluspec.parse(two_hidden_layers(x, y, f"ridge({ridge})", loss))
    minima = reluspec.solve(problem, workers=1)
    assert minima.complete
    land = Landscape(problem)
    assert not list(wrong_components(land, minima))
    assert not list(missing_points(land, minima, numeric_minima(land, 40, 0)))


def test_a_loss_that_is_odd_in_a_unit_is_no_reason_to_break_down() -> None:
    """Previously a traceback: where the outputs are zero, the loss of a stratum is the sum of its penalties, odd in the output weight."""
    minima = reluspec.solve(reluspec.parse(two_hidden_layers("[0, 2]", "[0, 0]", "lasso(1/2)")), workers=1)
    assert [(float(component.loss), component.dimension) for component in minima] == [(0, 0)]
