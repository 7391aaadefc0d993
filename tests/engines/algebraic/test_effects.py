"""Minima beside which some parameters have no effect: proved, and never claimed where the loss falls."""

from __future__ import annotations

import numpy as np
import pytest

import reluspec
from reluspec.engines.algebraic.judging.effects import EffectTest
from reluspec.engines.algebraic.stationary.critical import critical_points
from reluspec.regions.signs import parse_signs

NO_PENALTY_ON_THE_SLOPE = """
data { x = [-1, 0] y = [-2, 3/2] }
network { input 1 hidden: layer 1 relu output: layer 1 linear without bias }
loss sum squared_error
regulariser ridge(1/10) on output + lasso(1/10) on hidden.bias
"""


def test_the_end_of_a_family_beyond_which_a_weight_has_no_effect() -> None:
    """Previously undecided, and the family with it: left of the kink w is free, right of it the loss rises."""
    problem = reluspec.parse(NO_PENALTY_ON_THE_SLOPE)
    minima = reluspec.solve(problem, workers=1)
    assert minima.complete
    first, second = minima
    assert (first.dimension, first.closed, {piece.stratum for piece in first.pieces}) == (1, True, {"-+;+", "0+;+"})
    assert (second.dimension, second.closed, second.missing) == (1, False, ("00;0",))
    # By hand: a b = f, and the least of (3/2 - f)^2 + a^2 / 10 + |b| / 10 + 4 over a, b > 0.
    theta = first.theta()
    a, b = theta["output.weight"][0][0], theta["hidden.bias"][0]
    assert 2 * b * (a * b - 1.5) + a / 5 == pytest.approx(0, abs=1e-12)
    assert 2 * a * (a * b - 1.5) + 1 / 10 == pytest.approx(0, abs=1e-12)
    end = {**theta, "hidden.weight": [[b]]}
    for step in (-1e-3, 1e-3):
        beside = {**end, "hidden.weight": [[b + step]]}
        assert problem.loss_at(beside) >= problem.loss_at(end) - 1e-15


@pytest.mark.parametrize(
    "penalty", ["ridge(1/10) on output + lasso(1/10) on hidden.bias", "ridge(1/10) on output", "ridge(1/10) on hidden.bias, output"]
)
def test_no_saddle_passes(penalty: str) -> None:
    """Every point that the test calls a minimum is one: nothing near it is lower."""
    problem = reluspec.parse(NO_PENALTY_ON_THE_SLOPE.replace("ridge(1/10) on output + lasso(1/10) on hidden.bias", penalty))
    passed = 0
    for name in ("0+", "+0", "00", "-0", "0-", "++", "-+", "+-", "--"):
        for sign in ("+", "-", "0") if "lasso" in penalty else ("",):
            try:
                signs = parse_signs(problem, f"{name};{sign}" if sign else name)
                sets = critical_points(problem, signs).sets
            except reluspec.ReluspecError:
                continue  # no such stratum
            for found in sets:
                if found.dimension or found.living or not EffectTest(problem, signs, found).is_minimum():
                    continue
                passed += 1
                point = [float(entry.ball(100)) for entry in found.witness]
                here = problem.loss_at(problem.tensors(point, float))
                for k in range(3**3):
                    moved = [value + (k // 3**j % 3 - 1) * 1e-3 for j, value in enumerate(point)]
                    assert problem.loss_at(problem.tensors(moved, float)) > here - 1e-12
    assert passed or "lasso" not in penalty


def test_an_end_in_a_number_field_of_large_degree() -> None:
    """Previously its exact second order took minutes, and the family was undecided with it: now most signs show in balls."""
    problem = reluspec.parse(
        "data { x = [-1, 1/2, 1] y = [1, 0, 2] } "
        "network { input 1 a: layer 2 relu without bias b: layer 1 relu output: layer 1 linear without bias } "
        "loss sum squared_error regulariser ridge(1/10)"
    )
    minima = reluspec.solve(problem, workers=1)
    assert minima.complete
    assert [component.closed for component in minima] == [True, True, False, False]
    end = next(component for component in minima if len(component.pieces) == 2)
    assert {piece.stratum for piece in end.pieces} == {"-++|-++/-++", "000|-++/-++"}
    theta, rng = end.theta(1), np.random.default_rng(0)
    for _ in range(200):
        beside = {name: tensor + rng.normal(scale=1e-3, size=tensor.shape) for name, tensor in theta.items()}
        assert problem.loss_at(beside) >= problem.loss_at(theta) - 1e-14
