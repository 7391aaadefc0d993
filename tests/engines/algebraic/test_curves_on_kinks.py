"""Curves of critical points on which residuals vanish: by hand, against slopes of the loss itself, descents and perturbation."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from flint import fmpq_mpoly

import reluspec
from reluspec.engines.algebraic.ideals.groebner import flint_basis, ring
from reluspec.engines.algebraic.job import stratum_job
from reluspec.engines.algebraic.judging.along_curves import conditions, narrowed
from reluspec.engines.algebraic.judging.constrained import critical_on_constraints
from reluspec.engines.algebraic.judging.verdict import Verdict as Decided
from reluspec.engines.algebraic.outcome import StratumOutcome
from reluspec.engines.algebraic.stationary.restricted import restrictions
from reluspec.language import parse_spec
from reluspec.minima.minima_map import MinimaMap
from reluspec.problem.problem import Problem
from reluspec.regions.signs import parse_signs

sys.path.insert(0, str(Path(__file__).parents[2]))

from campaign import missing_points, numeric_minima, wrong_components
from jets import Landscape


def shared(penalty: str, units: int = 2) -> str:
    """Units `a relu(c)` with both parameters free: `|2 - sum a_l c_l|` where they live."""
    weights = ", ".join(["[1]"] * units)
    network = f"input 1  hidden: layer {units} relu fixed weight [{weights}]  output: layer 1 linear without bias"
    return f"data {{ x = [0]  y = [2] }}\nnetwork {{ {network} }}\nloss sum absolute_error\nregulariser ridge({penalty})\n"


def tilted(penalty: str) -> str:
    """`|relu(b) - 1|`, two weights on an ellipse that only the penalty sees, and a further term."""
    network = "input 2  hidden: layer 1 relu  output: layer 1 linear fixed weight [[1]] without bias"
    ellipse = "(hidden.weight[0,0]^2 + 2*hidden.weight[0,1]^2 - 2)^2"
    head = f"data {{ x = [(0, 0)]  y = [1] }}\nnetwork {{ {network} }}\nloss sum absolute_error\n"
    return f"{head}regulariser {{ {ellipse} + {penalty} }}\n"


CASES: dict[str, tuple[str, list[tuple[float, int, bool, int]]]] = {
    # Loss, dimension, closed, strata up to exchange. With a_l = c_l, and |a|^2 = 2 the loss is 2 * 2 / 4; slopes 1 - 2 / 4 and
    # 1 + 2 / 4. The quarter of a circle ends where one unit is dead.
    "shared": (shared("1/4"), [(1, 1, True, 2)]),
    # The penalty outweighs the loss.
    "not shared": (shared("3/4"), [(2, 0, True, 1)]),
    # Slopes 1/2 and 3/2 on the kink b = 1; where b < 0, the slope -1/2: no minimum.
    "on the kink": (tilted("-1/2*hidden.bias[0]"), [(-0.5, 1, True, 1)]),
    # Slope -1 for b > 1: the minimum is at b = 3/2, with the loss 1/2 + 9/4 - 6.
    "beside the kink": (tilted("hidden.bias[0]^2 - 4*hidden.bias[0]"), [(-3.25, 1, True, 1)]),
}


@cache
def solved(name: str) -> tuple[Landscape, MinimaMap]:
    problem = parse_spec(CASES[name][0], name="kinks.rspec")
    return Landscape(problem), reluspec.solve(problem, "algebraic", workers=2)


@pytest.mark.parametrize("name", CASES)
def test_by_hand(name: str) -> None:
    _, minima = solved(name)
    assert minima.complete
    assert [(round(float(c.loss), 12), c.dimension, c.closed, len(c.pieces)) for c in minima] == CASES[name][1]


@pytest.mark.parametrize("name", CASES)
def test_the_map_withstands(name: str) -> None:
    """Witnesses are minima with the stratum's signs, with as many flat directions; descents find nothing else."""
    land, minima = solved(name)
    assert list(wrong_components(land, minima)) == []
    assert list(missing_points(land, minima, numeric_minima(land, 40, 0))) == []


def test_three_units_share_on_a_sphere() -> None:
    """`a = c` on `|a|^2 = 2`: an open octant of a sphere."""
    outcome = StratumOutcome.from_json(stratum_job(parse_spec(shared("1/4", 3), name="sphere.rspec"), "+|+|+;0"))
    (judged,) = outcome.minimal
    assert (outcome.undecided, judged.found.dimension) == ("", 2)
    c, a = [[float(entry) for entry in judged.found.witness[k : k + 3]] for k in (0, 3)]
    assert c == pytest.approx(a)
    assert sum(x * x for x in a) == pytest.approx(2)


def test_a_verdict_that_changes_is_not_guessed() -> None:
    """The slopes at the kink are 1 - w and 1 + w, and w goes from -sqrt 2 to sqrt 2 on the ellipse."""
    problem = parse_spec(tilted("hidden.weight[0,0]*(hidden.bias[0] - 1)"), name="changes.rspec")
    outcome = StratumOutcome.from_json(stratum_job(problem, "+;0"))
    assert "varies" in outcome.undecided or "not affine" in outcome.undecided


def test_slopes_are_those_of_the_loss() -> None:
    """On the arc of shared units: times `det(N N^T)`, the derivatives along the gradients of the residual, to either side."""
    problem = parse_spec(shared("1/4"), name="slopes.rspec")
    land, signs = Landscape(problem), parse_signs(problem, "+|+;0")
    (stratum,) = restrictions(problem, signs)
    loss = narrowed(stratum.loss, stratum, ring(len(stratum.free)).constant(1))
    strict = [(sign, narrowed(polynomial, stratum, loss)) for _, sign, polynomial in stratum.strict]
    (curve,) = critical_on_constraints(stratum, strict, flint_basis).curves
    found = conditions(problem, signs, stratum, loss, curve.multipliers)
    for angle in (0.3, 0.8, 1.2):
        half = np.sqrt(2) * np.array([np.cos(angle), np.sin(angle)])
        point = np.array([*half, *half])
        assert max(abs(_value(equation, point)) for equation in curve.equations) < 1e-12
        # The residual is 2 - a c: its gradient is -(a, c) in the order (c, a), of squared length 4.
        away = 1e-6 * np.array([*half, *half])
        expected = sorted((_loss(land, point + step) - _loss(land, point)) / 1e-6 for step in (away, -away))
        assert sorted(_value(slope, point) for slope in found.slopes) == pytest.approx(expected, abs=1e-4)
        assert [_value(whole, point) for whole in found.independent] == pytest.approx([4] * len(found.independent))


def _value(polynomial: fmpq_mpoly, point: np.ndarray) -> float:
    terms = polynomial.to_dict().items()
    return sum(float(c) * float(np.prod([x ** int(e) for x, e in zip(point, exponents, strict=True)])) for exponents, c in terms)


def _loss(land: Landscape, point: np.ndarray) -> float:
    c, a = point[:2], point[2:]
    assert [str(one) for one in land.problem.parameters] == [
        *(f"hidden.bias[{k}]" for k in range(2)),
        *(f"output.weight[0,{k}]" for k in range(2)),
    ]
    return float(abs(2 - a @ np.maximum(c, 0)) + point @ point / 4)


def _fixed(x: str, y: str, penalty: str) -> Problem:
    network = "input 1  hidden: layer 2 relu fixed weight [[1], [1]]  output: layer 1 linear"
    text = f"data {{ x = {x}  y = {y} }}\nnetwork {{ {network} }}\nloss sum absolute_error\nregulariser ridge({penalty})\n"
    return parse_spec(text, name="fixed.rspec")


@pytest.mark.parametrize(
    ("x", "y", "penalty", "strata"),
    [
        # c_l = -a_l on |a - (1, 1)|^2 = 2, but -2 < c_l < -1 and a_1 + a_2 < -5; c = a on |a + (1, 1)|^2 = 6, -2 < c_l < -1.
        ("[-2, 1, 2, 3]", "[-1, 1, 3, -2]", "1/4", ("--++|--++;++0+", "--++|--++;0+0-")),
        # c = -a on |a| = 1, but c_l > 2; on |a|^2 = 6 and 5, but 1 < c_l < 2 and a_1 + a_2 > -1.
        ("[-2, -1, 0, 1]", "[3, -1, -2, -2]", "1/10", ("++++|++++;+-0+", "-+++|-+++;++0+", "-+++|-+++;0+0+")),
    ],
)
def test_curves_outside_their_strata(x: str, y: str, penalty: str, strata: tuple[str, ...]) -> None:
    """Circles of critical points of the surrogate, none of which has the stratum's signs."""
    problem = _fixed(x, y, penalty)
    for stratum in strata:
        outcome = StratumOutcome.from_json(stratum_job(problem, stratum))
        assert (outcome.undecided, outcome.word) == ("", "no_critical_point")


def test_a_curve_on_constraints_that_are_not_affine() -> None:
    """Four points are fit by two units along a curve in five parameters: a_1 is free, b, c_1 and c_2 a_2 follow."""
    network = "input 1  hidden: layer 2 relu fixed weight [[1], [-1]]  output: layer 1 linear"
    text = f"data {{ x = [-1, 0, 1, 2]  y = [-2, 3, 3, -1] }}\nnetwork {{ {network} }}\nloss sum absolute_error\n"
    outcome = StratumOutcome.from_json(stratum_job(parse_spec(text, name="fit.rspec"), "-+++|+++-;0000"))
    (judged,) = outcome.minimal
    assert (outcome.undecided, judged.found.dimension, judged.found.curve is not None) == ("", 1, True)
    curve = judged.found.curve
    points = [judged.found.witness, *(end.theta for end in curve.ends)] if curve else []
    for c, e, a, d, b in ([float(entry) for entry in theta] for theta in points):
        fit = [a * max(x + c, 0) + d * max(e - x, 0) + b for x in (-1, 0, 1, 2)]
        assert fit == pytest.approx([-2, 3, 3, -1])


@pytest.mark.parametrize("stratum", ["-+++|++--;0-0-", "--++|+++-;+0+0", "--++|++--;+0+0"])
def test_multipliers_that_are_no_polynomials(stratum: str) -> None:
    """Two idle units on two residuals, with biases on a curve: at its witness and all along the loss falls, as trials find, too."""
    network = "input 1  hidden: layer 2 relu fixed weight [[1], [-1]]  output: layer 1 linear"
    text = f"data {{ x = [-2, -1, 1, 2]  y = [1, -2, 1, -2] }}\nnetwork {{ {network} }}\nloss sum absolute_error\n"
    outcome = StratumOutcome.from_json(stratum_job(parse_spec(text, name="idle.rspec"), stratum))
    assert outcome.undecided == ""
    assert outcome.sets
    random = np.random.default_rng(0)
    for judged in outcome.sets:
        assert judged.decision.verdict is Decided.NOT_MINIMUM
        point = np.array([float(entry) for entry in judged.found.witness])
        trials = [point + 1e-3 * random.normal(size=5) for _ in range(20_000)]
        assert min(map(_absolute_errors, trials)) < _absolute_errors(point) - 1e-6


def _absolute_errors(theta: np.ndarray) -> float:
    c, e, a, d, b = theta
    data = ((-2, 1), (-1, -2), (1, 1), (2, -2))
    return float(sum(abs(a * max(x + c, 0) + d * max(e - x, 0) + b - y) for x, y in data))


def test_constraints_that_follow_from_others_are_left_out() -> None:
    """Four residuals and five parameters: a curve. Two constraints are left for three parameters, where a basis has three elements."""
    problem = _fixed("[-2, 1, 2, 3]", "[-1, 1, 3, -2]", "1/4")
    (stratum,) = restrictions(problem, parse_signs(problem, "-+++|--++;0000"))
    assert len(stratum.free) - len(stratum.constraints) == 1
    outcome = StratumOutcome.from_json(stratum_job(problem, "-+++|--++;0000"))
    assert outcome.undecided == ""
