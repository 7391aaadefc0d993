"""Problems with a regulariser on some parameters or none: sheets of minima along which weights are scaled against each other."""

from __future__ import annotations

import random

import numpy as np
import pytest
from scipy.optimize import minimize

import reluspec
from reluspec.minima.minima_map import MinimaMap
from reluspec.problem.problem import Problem

BY_HAND = "data { x = [-1, 0, 1] y = [1, 0, 2] } network { input 1 hidden: layer 1 relu output: layer 1 linear } loss sum squared_error"


@pytest.fixture(scope="module")
def by_hand() -> MinimaMap:
    return reluspec.solve(reluspec.parse(BY_HAND), workers=1)


def test_one_unit_by_hand(by_hand: MinimaMap) -> None:
    """A unit that sees the last point only: f = (1/2, 1/2, 2), loss 1/2. One that sees all: the straight line, loss 3/2. One that is off,
    or sees the first point only with output weight 0 (the residual there is 0): the mean, loss 2.

    On the straight line with a > 0 the unit may go off at the first point if that does not help; the residuals are (1/2, -1, 1/2), so it
    does: y_1 is above the line, and a convex kink there lifts the first output. With a < 0 the kink is at the last point, and concave.
    """
    assert by_hand.complete
    assert [(c.dimension, float(c.loss), c.closed, c.location) for c in by_hand] == [
        (2, 0.5, True, "interior"),
        (2, 1.5, True, "interior"),
        (2, 1.5, False, "interior"),
        (3, 2.0, False, "interior"),
    ]
    strata = [{piece.stratum for piece in component.pieces} for component in by_hand]
    assert strata == [{"--+", "-0+"}, {"+++", "++0"}, {"+++"}, {"---", "--0", "0--", "+--"}]
    lines = {component.theta()["output.weight"][0, 0] > 0: component.closed for component in list(by_hand)[1:3]}
    assert lines == {False: True, True: False}


def test_scaling_a_unit_stays_in_its_component(by_hand: MinimaMap) -> None:
    problem = by_hand.problem
    for component in by_hand:
        for theta in component.sample(3, problem):
            for factor in (1 / 7, 3.0):
                scaled = {
                    "hidden.weight": theta["hidden.weight"] * factor,
                    "hidden.bias": theta["hidden.bias"] * factor,
                    "output.weight": theta["output.weight"] / factor,
                    "output.bias": theta["output.bias"],
                }
                assert problem.loss_at(scaled) == pytest.approx(float(component.loss), abs=1e-12)


def without_regulariser(seed: int) -> Problem:
    rng = random.Random(seed)
    units = rng.choice([1, 1, 1, 2])
    x = sorted(rng.sample(range(-3, 4), rng.choice([2, 3, 4]) if units == 1 else 2))
    y = [rng.choice([-2, -1, 0, 1, 2, 3]) for _ in x]
    activation, hidden, output = rng.choice(["relu", "relu", "leaky_relu(1/4)", "abs"]), *rng.choices(["", " without bias"], k=2)
    penalty = "" if output or rng.random() < 0.7 else " regulariser ridge(1/10) on output.bias"
    return reluspec.parse(
        f"data {{ x = {x} y = {y} }} network {{ input 1 h: layer {units} {activation}{hidden} output: layer 1 linear{output} }} "
        f"loss sum squared_error{penalty}"
    )


def penalised_in_part(seed: int) -> Problem:
    """Penalties on one layer, on one kind of parameters or on none, and losses with kinks."""
    rng = random.Random(seed)
    units = rng.choice([1, 1, 2])
    x = sorted(rng.sample(range(-3, 4), rng.choice([2, 3]) if units == 1 else 2))
    loss = rng.choice(["squared_error", "squared_error", "absolute_error", "squared_hinge"]) if units == 1 else "squared_error"
    y = [rng.choice([-1, 1] if loss == "squared_hinge" else [-2, -1, 0, 1, 2, 3]) for _ in x]
    bias = rng.choice(["", " without bias"])
    where = rng.choice(["h", "h.weight", "output", "output.weight", "h.bias", None])
    penalty = f" regulariser ridge(1/{rng.choice([2, 5, 10])}) on {where}" if where else ""
    activation = rng.choice(["relu", "relu", "leaky_relu(1/4)"])
    network = f"network {{ input 1 h: layer {units} {activation} output: layer 1 linear{bias} }}"
    return reluspec.parse(f"data {{ x = {x} y = {y} }} {network} loss sum {loss}{penalty}")


@pytest.mark.parametrize("seed", [1, 2, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (0, *range(3, 40)))])
def test_against_descents_and_perturbations(seed: int) -> None:
    """All maps are complete; nothing lies below a listed minimum nearby, and descents end at listed losses."""
    problem = without_regulariser(seed)
    minima = reluspec.solve(problem, workers=1)
    assert minima.complete
    against_descents(problem, minima, seed)


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (0, *range(2, 40)))])
def test_penalised_in_part(seed: int) -> None:
    """Where only w or only its bias has a penalty, a unit with a = 0 may be a minimum or none as the rest of w is long or short."""
    problem = penalised_in_part(seed)
    minima = reluspec.solve(problem, workers=1)
    assert all(one.reason.startswith("the second order varies along a family of critical points") for one in minima.undecided)
    against_descents(problem, minima, seed)


def against_descents(problem: Problem, minima: MinimaMap, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for component in minima:
        for piece in range(len(component.pieces)):
            for theta in component.sample(2, problem, piece=piece):
                base = problem.loss_at(theta)
                # Samples may lie near a wall: steps far below the smallest parameter that is not zero.
                step = 1e-4 * min((abs(x) for tensor in theta.values() for x in tensor.ravel() if x), default=1.0)
                for _ in range(60):
                    beside = {name: tensor + step * rng.normal(size=tensor.shape) for name, tensor in theta.items()}
                    assert problem.loss_at(beside) >= base - 1e-12 * max(1, abs(base))
    losses = np.array([float(component.loss) for component in minima])

    def value(theta: np.ndarray) -> float:
        return float(problem.loss_at(problem.tensors([float(entry) for entry in theta], float)))

    for _ in range(6):
        theta = rng.normal(size=len(problem.parameters)) * rng.choice([0.5, 1, 2])
        for _ in range(3):
            found = minimize(value, theta, method="Nelder-Mead", options={"maxiter": 3000, "xatol": 1e-9, "fatol": 1e-13, "adaptive": True})
            theta = found.x
        # Where penalties leave something out, losses fall to infinity, too.
        if not found.success or np.abs(theta).max() > 30 or not minima.complete:
            continue
        assert (np.abs(losses - found.fun) < 1e-5 * np.maximum(1, losses)).any()
