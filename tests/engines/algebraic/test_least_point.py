"""Strata excluded by the least point of a convex function, beside Groebner bases and SciPy."""

from __future__ import annotations

import random
from fractions import Fraction

import numpy as np
import pytest
from flint import arb, ctx
from random_specs import random_spec
from scipy.optimize import minimize

import reluspec
from reluspec.engines.algebraic import job
from reluspec.engines.algebraic.judging.convex_program import Jet, LossKink, Norm, Program
from reluspec.engines.algebraic.judging.least_point import has_no_critical_point, loss_kinks
from reluspec.engines.algebraic.judging.stationary_point import enclosure
from reluspec.engines.algebraic.outcome import StratumOutcome
from reluspec.engines.algebraic.stationary.critical import critical_points
from reluspec.regions.signs import format_signs
from reluspec.systems.strata import strata


def spec(seed: int) -> str:
    rng = random.Random(seed)
    loss = rng.choice(["squared_error", "huber(1)", "huber(1/2)", "power(4)", "squared_hinge", "{ (f - y)^2 + max(0, f - y)^2 }"])
    points = 2 if loss == "power(4)" else 3
    x = sorted(rng.sample(range(-3, 4), points))
    y = [rng.choice([-1, 1] if "hinge" in loss else [-2, -1, 0, 1, 2, 3]) for _ in x]
    activation = rng.choice(["relu", "relu", "leaky_relu(1/4)", "abs"])
    bias = rng.choice(["", " without bias"])
    ridge = rng.choice(["ridge(1/10)", "ridge(1/2)", "ridge(1)", "ridge(1/4) on hidden.weight, output + ridge(1/2) on hidden.bias"])
    units = 2 if loss == "squared_error" else 1
    return (
        f"data {{ x = {x} y = {y} }} network {{ input 1 hidden: layer {units} {activation} output: layer 1 linear{bias} }} "
        f"loss {rng.choice(['sum', 'mean'])} {loss} regulariser {ridge}"
    )


@pytest.mark.parametrize("seed", [*range(3), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(3, 60))])
def test_no_critical_point_is_lost(seed: int) -> None:
    problem = reluspec.parse(spec(seed))
    excluded = total = 0
    for found in strata(problem):
        total += 1
        if has_no_critical_point(problem, found.signs):
            excluded += 1
            assert not critical_points(problem, found.signs).sets, format_signs(problem, found.signs)
    assert excluded >= 0.25 * total


@pytest.mark.parametrize("kind", ["huber", "quartic", "hinge", "own_loss"])
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 6))])
def test_the_map_is_the_same_without(kind: str, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = reluspec.parse(random_spec(kind, seed))
    outcomes = []
    for usual in (True, False):
        if not usual:
            monkeypatch.setattr(job, "has_no_critical_point", lambda *_: False)
        every = [job.stratum_job(problem, format_signs(problem, found.signs)) for found in strata(problem)]
        outcomes.append([{key: value for key, value in one.items() if key not in ("seconds", "systems")} for one in every])
    if any(loss_kinks(problem) or ()):
        # Points at kinks whose slopes are not between those of the sides are critical on the stratum, and not in Clarke's sense.
        outcomes = [[{**one, "sets": [s for s in one["sets"] if s["verdict"] != "NOT_MINIMUM"]} for one in every] for every in outcomes]
    assert outcomes[0] == outcomes[1]


SHARP = [
    *("absolute_error",) * 2,
    "{ max(2*(f - y), (y - f)/2) }",
    "{ max(0, abs(f - y) - 1/2) }",
    "{ abs(f - y) + (f - y)^2/4 }",
]


def sharp_spec(seed: int) -> str:
    """Losses with kinks at which the slope jumps; small integers, so that least points are on kinks more often than not."""
    rng = random.Random(seed)
    loss, bias = rng.choice(SHARP), rng.choice(["", " without bias"])
    activation, ridge = rng.choice(["relu", "relu", "leaky_relu(1/4)", "abs"]), rng.choice(["1/10", "1/4", "1/2", "1"])
    units = 2 if loss == "absolute_error" else 1
    x = sorted(rng.sample(range(-3, 4), 3))
    y = [rng.choice([-2, -1, 0, 1, 2, 3]) for _ in x]
    return (
        f"data {{ x = {x} y = {y} }} network {{ input 1 hidden: layer {units} {activation} output: layer 1 linear{bias} }} "
        f"loss {rng.choice(['sum', 'mean'])} {loss} regulariser ridge({ridge})"
    )


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 12))])
def test_no_minimum_is_lost_where_the_loss_has_kinks(seed: int) -> None:
    """Excluded strata have no minimum for Groebner bases, nor anything undecided but what these leave open anyway."""
    problem = reluspec.parse(sharp_spec(seed))
    excluded = total = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job, "has_no_critical_point", lambda *_: False)
        for found in strata(problem):
            total += 1
            if has_no_critical_point(problem, found.signs):
                excluded += 1
                outcome = StratumOutcome.from_json(job.stratum_job(problem, format_signs(problem, found.signs)))
                assert not outcome.minimal, format_signs(problem, found.signs)
    assert excluded >= 0.25 * total


def test_a_piece_of_a_stratum_that_is_part_of_another_has_no_minima_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """All residuals zero: a product in the ideal of the others once split off bias 4, where the loss is 11.58 and falls with the bias."""
    problem = reluspec.parse(
        "data { x = [-2, -1, 3] y = [0, 2, -1] } network { input 1 hidden: layer 2 relu output: layer 1 linear } "
        "loss sum absolute_error regulariser ridge(1/2)"
    )
    monkeypatch.setattr(job, "has_no_critical_point", lambda *_: False)
    assert not StratumOutcome.from_json(job.stratum_job(problem, "++-|--+;000")).minimal


def test_an_output_at_a_kink_behind_a_flat_loss_is_the_right_one() -> None:
    """The first data point is at the threshold of its hinge, the second is not: the least point is h = 1, with loss 1/4 + 1/2."""
    minima = reluspec.solve(
        reluspec.parse(
            "data { x = [1, 1/2] y = [1, 1] } network { input 1 hidden: layer 1 relu without bias output: layer 1 linear without bias } "
            "loss sum squared_hinge regulariser ridge(1/4)"
        ),
        "algebraic",
    )
    assert minima.complete
    assert [float(component.loss) for component in minima.components] == [0.75]


@pytest.mark.parametrize(
    ("loss", "regulariser"),
    [
        ("squared_error", "ridge(1) on weights"),
        ("squared_error", "lasso(1)"),
        ("{ max(0, f - y)^2 - max(0, y - f)^2 }", "ridge(1)"),
    ],
)
def test_says_nothing_of_other_problems(loss: str, regulariser: str) -> None:
    """Parameters without penalty, other penalties, losses that are not convex."""
    text = "data { x = [-1, 1] y = [1, 2] } network { input 1 hidden: layer 1 relu output: layer 1 linear without bias }"
    problem = reluspec.parse(f"{text} loss sum {loss} regulariser {regulariser}")
    assert not any(has_no_critical_point(problem, found.signs) for found in strata(problem))


def random_program(seed: int, *, sharp: bool = False) -> Program:
    rng = random.Random(seed)
    targets = tuple(Fraction(rng.randint(-3, 3)) for _ in range(4))

    def losses(i: int, output: Jet) -> Jet:
        number = (lambda value: arb(value.numerator) / value.denominator) if isinstance(output.value, arb) else float
        residual = output + Jet(number(-targets[i]), number(Fraction(0)), number(Fraction(0)))
        if sharp:
            side = 1 if residual.value > 0 else -1 if residual.value < 0 else 0
            return residual**2 * Jet(number(Fraction(1, 4)), number(Fraction(0)), number(Fraction(0))) + Jet(
                residual.value * side, residual.slope * side, residual.bend * side
            )
        return residual**2 + residual**4

    rows = tuple(tuple(Fraction(rng.randint(-3, 3)) for _ in range(5)) for _ in targets)
    one = (Fraction(1), Fraction(0)), (Fraction(0), Fraction(2))
    two = (Fraction(2), Fraction(1)), (Fraction(1), Fraction(1))
    norms = Norm(slice(0, 2), one, Fraction(rng.randint(1, 9), 4)), Norm(slice(2, 4), two, Fraction(rng.randint(1, 9), 4))
    kinks = tuple((LossKink(at, Fraction(-1), Fraction(1)),) if sharp else () for at in targets)
    return Program(losses, rows, Fraction(1, 2), norms, (Fraction(0),) * 4 + (Fraction(1),), targets, kinks)


@pytest.mark.parametrize("seed", range(20))
def test_the_least_point(seed: int) -> None:
    """SciPy, which uses no derivatives here, finds nothing lower; the box holds the float solution where all parts live."""
    program = random_program(seed)
    x = program.minimiser().x
    value = program.derivatives(x, float, 1e-12)[0]
    for start in (np.zeros(5), x, x + 0.3):
        found = minimize(lambda t: program.derivatives(t, float, 1e-12)[0], start, method="Nelder-Mead", options={"maxiter": 4000})
        assert found.fun >= value - 1e-7
    if not program.vanishing(x):
        with ctx.workprec(160):
            box = enclosure(program, x, (), ())
            assert box is not None
            assert all(abs(entry - arb(float(at))) < 1e-5 and entry.rad() < 1e-12 for entry, at in zip(box.x, x, strict=True))


@pytest.mark.parametrize("seed", range(20))
def test_the_least_point_at_kinks(seed: int) -> None:
    """No step lowers F; where a box is found, outputs that are tied are at their kinks, and the slopes prove that all others are higher."""
    program = random_program(seed, sharp=True)
    near = program.minimiser()
    value, random_steps = program.derivatives(near.x, float, 1e-12)[0], np.random.default_rng(seed)
    for scale in (1e-4, 1e-2, 1.0):
        for step in random_steps.normal(size=(100, 5)) * scale:
            assert program.derivatives(near.x + step, float, 1e-12)[0] >= value - 1e-7
    living = program.without(program.vanishing(near.x))
    x = living.minimiser().x
    ties = living.ties(x)
    with ctx.workprec(160):
        box = enclosure(living, x, ties, near.slopes)
        assert box is not None
        outputs = living.outputs(box.x, lambda number: arb(number.numerator) / number.denominator)
    for tie in ties:
        assert abs(float(outputs[tie.point]) - float(tie.kink.at)) < 1e-12
        assert -1 < float(box.slopes[tie.point]) < 1


def test_a_zero_of_the_gradient_is_not_made_up() -> None:
    """No box far from the minimiser."""
    program = random_program(1)
    with ctx.workprec(160):
        found = enclosure(program, program.minimiser().x + 100.0, (), ())
        near = enclosure(program, program.minimiser().x, (), ())
    assert found is None or near is None or all(a.overlaps(b) for a, b in zip(found.x, near.x, strict=True))
