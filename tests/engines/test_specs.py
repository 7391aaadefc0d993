"""The specs with known answers, and the strata, systems and neighbourhoods of every listed minimum."""

from __future__ import annotations

import json
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from checks import check_ledger, check_losses, check_strata, check_systems
from reference import Loss, descended, flat, gap_of_perturbation
from small_problems import Small

import reluspec
from reluspec.minima.minima_map import MinimaMap

SPECS = Path(__file__).parents[2] / "specs"
# Those with a number of strata are in the poster's setting; `test_confirmed_by_descent` has the others.
NAMES = sorted(path.name.removesuffix(".expect.json") for path in SPECS.glob("*.expect.json") if '"strata"' in path.read_text())


@cache
def solved(name: str) -> MinimaMap:
    return reluspec.solve(reluspec.load(SPECS / f"{name}.rspec"))


def as_small(minima: MinimaMap) -> Small:
    """The numbers of a spec for the reference; all specs are in the poster's setting."""
    problem = minima.problem
    hidden, output = problem.network.layers
    assert (hidden.activation.name, hidden.bias, output.bias) == ("relu", True, False)
    coefficient = Fraction(problem.regulariser[0].text.removeprefix("ridge(").removesuffix(")"))
    return Small(problem.data.x, tuple(y[0] for y in problem.data.y), hidden.units, ridge=(coefficient,) * 3, weight=problem.data.weight)


def test_there_are_specs() -> None:
    assert len(NAMES) >= 15


@pytest.mark.parametrize("name", NAMES)
def test_known_answers(name: str) -> None:
    minima = solved(name)
    expected = json.loads((SPECS / f"{name}.expect.json").read_text())
    check_ledger(minima)
    assert minima.landscape.total == expected["strata"]
    assert minima.components_with_symmetry == expected["components_with_symmetry"]
    wanted = sorted((float(c["loss"]), c["dimension"], c["location"], c["orbit_size"], c["closed"]) for c in expected["components"])
    found = sorted((float(c.loss), c.dimension, c.location, c.orbit_size, c.closed) for c in minima)
    assert len(found) == len(wanted)
    np.testing.assert_allclose([c[0] for c in found], [c[0] for c in wanted], rtol=0, atol=1e-9)
    # Within equal losses the order is free: compare what remains as multisets, loss by loss.
    assert sorted((round(c[0], 8), *c[1:]) for c in found) == sorted((round(c[0], 8), *c[1:]) for c in wanted)


@pytest.mark.parametrize("name", NAMES)
def test_witnesses_solve_the_exported_systems(name: str) -> None:
    minima = solved(name)
    check_losses(minima.problem, minima)
    check_strata(minima.problem, minima)
    check_systems(minima.problem, minima)


@pytest.mark.parametrize("name", NAMES)
def test_no_perturbation_goes_down(name: str) -> None:
    minima = solved(name)
    small = as_small(minima)
    loss = Loss(small)
    for component in minima:
        thetas = [component.theta(k) for k in range(len(component.pieces))] + component.sample(6, minima.problem)
        for theta in thetas:
            point = flat(small, theta)
            assert loss.values(point[None])[0] == pytest.approx(float(component.loss), rel=1e-9, abs=1e-9)
            assert gap_of_perturbation(loss, point) >= -1e-13


DESCENTS = {
    "poster": 12,
    "collinear": 10,
    "tie_at_zero": 6,
    "closed_arc": 8,
    "xor_one_unit": 10,
    "repeated_x": 10,
    "kink_touch_flat": 6,
    "four_points": 8,
}


@pytest.mark.parametrize("name", sorted(DESCENTS))
def test_descents_end_at_listed_minima(name: str) -> None:
    """Every end point's loss is that of a component; the least one found is the global minimum's if that was reached at all."""
    minima = solved(name)
    losses = np.array([float(c.loss) for c in minima])
    reached = descended(Loss(as_small(minima)), DESCENTS[name])
    for value, point in reached:
        assert np.abs(losses - value).min() <= 1e-6 * (1 + value), (value, point)
    assert min(value for value, _ in reached) >= losses.min() - 1e-9
