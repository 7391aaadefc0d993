"""Problems whose loss is convex on every region, beside the general test and descents."""

from __future__ import annotations

import random

import numpy as np
import pytest
from scipy.optimize import minimize

import reluspec
from reluspec.engines.algebraic.ideals.solving import SolvingLimit
from reluspec.engines.algebraic.judging.convex_regions import decision_on_convex_regions
from reluspec.engines.algebraic.judging.convexity import ConvexIn, convex_kind, is_piecewise_linear
from reluspec.engines.algebraic.judging.sides import LocalTest, NestedSwitchesError
from reluspec.engines.algebraic.judging.verdict import Verdict
from reluspec.engines.algebraic.stationary.critical import critical_points
from reluspec.problem.problem import Problem
from reluspec.regions.signs import format_signs
from reluspec.systems.strata import strata


def fixed_outputs(seed: int) -> Problem:
    rng = random.Random(seed)
    x = sorted(rng.sample(range(-3, 4), 3))
    y = [rng.choice([-2, -1, 0, 1, 2, 3]) for _ in x]
    activation = rng.choice(["relu", "relu", "leaky_relu(1/4)", "hard_tanh", "{ max(-z, 2*z - 1) }"])
    loss = rng.choice(["squared_error", "huber(1)", "absolute_error"])
    penalty = rng.choice(["", " regulariser ridge(1/4)", " regulariser lasso(1/4)", " regulariser ridge(1/4) on hidden.weight"])
    units = rng.choice([1, 2]) if loss == "squared_error" and "lasso" not in penalty and "z" not in activation else 1
    weights = [[rng.choice([-1, 1]) for _ in range(units)]]
    bias = rng.choice(["", " without bias"])
    return reluspec.parse(
        f"data {{ x = {x} y = {y} }} network {{ input 1 hidden: layer {units} {activation} "
        f"output: layer 1 linear fixed weight {weights}{bias} }} loss sum {loss}{penalty}"
    )


@pytest.mark.parametrize("seed", [*range(2), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 40))])
def test_against_descents(seed: int) -> None:
    problem = fixed_outputs(seed)
    minima = reluspec.solve(problem, workers=1)
    assert minima.complete
    losses = np.array([float(component.loss) for component in minima])
    rng = np.random.default_rng(seed)

    def value(theta: np.ndarray) -> float:
        return float(problem.loss_at(problem.tensors([float(entry) for entry in theta], float)))

    for component in minima:
        for theta in component.sample(2, problem):
            base = problem.loss_at(theta)
            for _ in range(60):
                beside = {name: tensor + 1e-6 * rng.normal(size=tensor.shape) for name, tensor in theta.items()}
                assert problem.loss_at(beside) >= base - 1e-12 * max(1, abs(base))
    for _ in range(5):
        theta = rng.normal(size=len(problem.parameters)) * rng.choice([0.5, 1, 2])
        for _ in range(4):
            found = minimize(value, theta, method="Nelder-Mead", options={"maxiter": 4000, "xatol": 1e-9, "fatol": 1e-13, "adaptive": True})
            theta = found.x
        # No minimum lies below a descent's end, and where it ends is listed unless it was caught on a kink.
        assert found.fun > losses.min() - 1e-9


@pytest.mark.parametrize("seed", [*range(2), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 20))])
def test_beside_the_general_test(seed: int) -> None:
    """Where first and second order decide, cell by cell, the verdict is the same."""
    problem = fixed_outputs(seed)
    same = 0
    for stratum in (one.signs for one in strata(problem)):
        for found in critical_points(problem, stratum).sets:
            decision = decision_on_convex_regions(problem, stratum, found)
            assert decision is not None
            assert decision.verdict is not Verdict.UNDECIDED
            try:
                general = LocalTest(problem, stratum, found).decision()
            except NestedSwitchesError:
                continue
            if general.verdict is not Verdict.UNDECIDED:
                assert general.verdict is decision.verdict, format_signs(problem, stratum)
                same += 1
    assert same


def spec(hidden: str, output: str, objective: str) -> Problem:
    return reluspec.parse(
        f"data {{ x = [0, 1] y = [1, 2] }} network {{ input 1 hidden: layer 1 {hidden} output: layer 1 {output} }} {objective}"
    )


@pytest.mark.parametrize("penalty", ["lasso(2)", "lasso(1/4)", "lasso(1/4) on hidden.bias"])
def test_kinks_of_penalties_keep_their_sides(penalty: str) -> None:
    """A smooth loss with a lasso: at zero the penalty grows on both sides. Descents from a grid find nothing lower than the map does."""
    problem = reluspec.parse(
        "data { x = [-1, 2] y = [1, 1] } network { input 1 hidden: layer 1 relu output: layer 1 linear fixed weight [[1]] without bias } "
        f"loss sum squared_error regulariser {penalty}"
    )
    minima = reluspec.solve(problem, workers=1)
    assert minima.complete

    def value(theta: np.ndarray) -> float:
        return float(problem.loss_at(problem.tensors([float(entry) for entry in theta], float)))

    least = min(minimize(value, (w, b), method="Nelder-Mead").fun for w in (-1.5, -0.5, 0.5, 1.5) for b in (-1.0, 0.3, 1.2))
    assert min(float(component.loss) for component in minima) == pytest.approx(least, abs=1e-6)


def test_a_lasso_on_an_output_layer_that_is_off() -> None:
    """With a = 0 the penalty holds a, whatever the features: every (w, b) is a minimum, which a map may leave open but not deny."""
    problem = reluspec.parse(
        "data { x = [-1, 2] y = [1, 1] } network { input 1 hidden: layer 1 hard_tanh output: layer 1 linear without bias } "
        "loss sum squared_error regulariser lasso(5) on output"
    )
    minima = reluspec.solve(problem, workers=1)
    found = {piece.stratum for component in minima for piece in component.pieces} | {one.stratum for one in minima.undecided}
    assert found >= {"-+-+;0", "++++;0"}


def test_which_problems_are_of_which_kind() -> None:
    fixed = "linear fixed weight [[1]]"
    assert convex_kind(spec("relu", fixed, "loss sum squared_error regulariser lasso(1) + ridge(1)")) is ConvexIn.FIXED
    assert convex_kind(spec("relu fixed weight [[1]] fixed bias [0]", "linear", "loss sum absolute_error")) is ConvexIn.FIXED
    assert convex_kind(spec("hard_tanh", "linear", "loss sum squared_error regulariser ridge(1) on output")) is ConvexIn.PRODUCTS
    assert convex_kind(spec("relu fixed weight [[1]]", "linear", "loss sum squared_error")) is ConvexIn.PRODUCTS
    assert convex_kind(spec("{ z^2 }", "linear", "loss sum squared_error")) is ConvexIn.OFF
    assert convex_kind(spec("relu", "linear", "loss sum squared_error regulariser ridge(1)")) is None
    assert convex_kind(spec("{ z^2 }", fixed, "loss sum squared_error")) is None
    assert convex_kind(spec("relu", fixed, "loss sum { (f^2 - y)^2 }")) is None
    assert convex_kind(spec("relu", fixed, "loss sum squared_error regulariser { hidden.weight[0,0] * hidden.bias[0] }")) is None
    assert convex_kind(spec("relu", fixed, "loss sum squared_error regulariser { (hidden.weight[0,0]^2 - 1)^2 }")) is None


def penalised_at_output(seed: int) -> Problem:
    """Nothing before the output layer has a penalty."""
    rng = random.Random(seed)
    x = sorted(rng.sample(range(-3, 4), rng.choice([2, 3])))
    outputs = rng.choice([1, 1, 2])
    y = [rng.choice([-2, -1, 0, 1, 2]) if outputs == 1 else tuple(rng.choices([-2, -1, 0, 1, 2], k=2)) for _ in x]
    activation = rng.choice(["hard_tanh", "relu", "{ max(-z, 2*z - 1) }", "{ max(0, z)^2 }"])
    before = rng.choice(["", "", "first: layer 1 relu without bias "]) if activation == "relu" else ""
    penalty = rng.choice(["", " regulariser ridge(1/4) on output.weight", " regulariser ridge(1/4) on output.bias"])
    loss = rng.choice(["squared_error", "huber(1)"])
    return reluspec.parse(
        f"data {{ x = {x} y = {y} }} network {{ input 1 {before}hidden: layer 1 {activation} output: layer {outputs} linear }} "
        f"loss sum {loss}{penalty}"
    )


@pytest.mark.parametrize("seed", [*range(2), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 20))])
def test_verdicts_by_numbers(seed: int) -> None:
    """Beside a minimum nothing is lower; beside other points descents go below them."""
    problem = penalised_at_output(seed)
    rng = np.random.default_rng(seed)
    size, decided = len(problem.parameters), 0

    def value(theta: np.ndarray) -> float:
        return float(problem.loss_at(problem.tensors([float(entry) for entry in theta], float)))

    for stratum in (one.signs for one in strata(problem)):
        try:
            sets = critical_points(problem, stratum).sets
        except SolvingLimit:
            continue
        for found in sets:
            decision = decision_on_convex_regions(problem, stratum, found)
            if decision is None or decision.verdict is Verdict.UNDECIDED:
                continue
            decided += 1
            theta = np.array([float(entry) for entry in found.witness])
            base, name = value(theta), format_signs(problem, stratum)
            if decision.verdict is Verdict.MINIMUM:
                assert all(value(theta + 1e-5 * rng.normal(size=size)) >= base - 1e-13 * max(1, base) for _ in range(300)), name
            else:
                ends = (minimize(value, theta + 1e-2 * rng.normal(size=size), method="Nelder-Mead").fun for _ in range(40))
                assert any(end < base - 1e-9 for end in ends), name
    # Of the others all critical points may be in charts, or in curves.
    assert decided or seed not in range(4)


def test_piecewise_linear_activations() -> None:
    def activation(text: str) -> bool:
        return is_piecewise_linear(spec(text, "linear", "loss sum squared_error").network.layers[0].activation.expression)

    assert activation("hard_tanh")
    assert activation("{ max(z, 2*z) - abs(z - 1) }")
    assert not activation("{ max(0, z)^2 }")
    assert not activation("{ max(z^2, 1) - max(z^2, 1) }")
