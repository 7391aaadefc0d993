"""Equal and dead units of the last hidden layer: the verdict on a smaller network is that on the large one."""

from __future__ import annotations

import random

import numpy as np
import pytest

import reluspec
from reluspec.engines.algebraic.judging import minimality
from reluspec.engines.algebraic.judging.merging import NotMergeable, smaller
from reluspec.engines.algebraic.stationary.critical import critical_points
from reluspec.problem.problem import Problem
from reluspec.regions.signs import parse_signs
from reluspec.systems.strata import strata

ONE_FEATURE = (
    "data {{ x = {x} y = {y} }} "
    "network {{ input 1 a: layer 1 relu b: layer 2 {activation} without bias output: layer 1 linear without bias }} "
    "loss sum squared_error regulariser ridge(1/10)"
)


def one_hidden_layer(seed: int) -> Problem:
    rng = random.Random(seed)
    points = rng.choice([2, 3])
    x = sorted(rng.sample(range(-3, 4), points))
    y = [rng.choice([-3, -2, -1, 1, 2, 3]) for _ in x]
    bias = rng.choice(["", " without bias"])
    units = rng.choice([2, 3]) if bias else 2
    activation, loss, strength = (
        rng.choice(["relu", "abs", "leaky_relu(1/3)"]),
        rng.choice(["squared_error", "huber(1)"]),
        rng.choice([2, 5]),
    )
    return reluspec.parse(
        f"data {{ x = {x} y = {y} }} network {{ input 1 h: layer {units} {activation}{bias} output: layer 1 linear without bias }} "
        f"loss sum {loss} regulariser ridge(1/{strength})"
    )


@pytest.mark.parametrize("seeds", [range(5), pytest.param(range(5, 80), marks=pytest.mark.slow)])
def test_the_verdict_is_that_of_the_first_order(seeds: range) -> None:
    """With one hidden layer the conditions unit by unit decide without any of this."""
    told = 0
    for problem in map(one_hidden_layer, seeds):
        for stratum in strata(problem):
            for found in critical_points(problem, stratum.signs, symmetries=False).sets:
                merged = minimality._in_smaller_network(problem, stratum.signs, found)
                if merged is not None:
                    told += 1
                    assert merged.verdict is minimality.decide(problem, stratum.signs, found).verdict
    assert told > 3 * len(seeds)


@pytest.mark.parametrize(
    ("x", "y", "activation", "dimensions", "losses"),
    [
        # Found by 60 Nelder-Mead descents, all of which end at one of these.
        pytest.param([-2, 0, 2], [3, -2, 2], "relu", [1, 1, 1, 0], [8.391193986, 13.29747875, 13.80294681, 17], marks=pytest.mark.slow),
        ([-3, -2, -1], [2, -1, 0], "relu", [1, 1, 0], [1.795464762, 4.988882589, 5]),
    ],
)
def test_two_units_over_one(x: list[int], y: list[int], activation: str, dimensions: list[int], losses: list[float]) -> None:
    """Previously undecided: nested switches along families, ends with dependent gradients, second orders that vary."""
    problem = reluspec.parse(ONE_FEATURE.format(x=x, y=y, activation=activation))
    minima = reluspec.solve(problem, engine="algebraic", workers=1)
    assert minima.complete
    assert [component.dimension for component in minima] == dimensions
    assert [float(component.loss) for component in minima] == pytest.approx(losses, abs=1e-7)
    assert all(component.closed for component in minima)
    rng = np.random.default_rng(0)
    for component in minima:
        for piece in range(len(component.pieces)):
            for theta in component.sample(2, problem, piece=piece):
                for step in (1e-2, 1e-4):
                    for _ in range(40):
                        beside = {name: tensor + step * rng.normal(size=tensor.shape) for name, tensor in theta.items()}
                        assert problem.loss_at(beside) >= problem.loss_at(theta) - 1e-12


@pytest.mark.parametrize(
    "penalty", ["ridge(1/10) on a, b", "ridge(1/10) on a, b + lasso(1/10) on output", "ridge(1/10) + lasso(1/10) on a"]
)
def test_nothing_is_said_without_ridge_alone(penalty: str) -> None:
    problem, other = (
        reluspec.parse(ONE_FEATURE.format(x=[-3, -2, -1], y=[2, -1, 0], activation="relu").replace("ridge(1/10)", text))
        for text in ("ridge(1/10)", penalty)
    )
    signs = parse_signs(problem, "0++/0++|0++")
    families = [found for found in critical_points(problem, signs, symmetries=False).sets if found.directions]
    assert families
    for found in families:
        assert len(smaller(problem, signs, found).problem.parameters) == len(problem.parameters) - 2
        with pytest.raises(NotMergeable):
            smaller(other, signs, found)
