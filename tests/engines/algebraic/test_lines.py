"""Curves along which the loss falls: no curve from a minimum, one from points that no test of second order decides."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reluspec
from reluspec.engines.algebraic.judging.lines import Germ, curve_down
from reluspec.problem.problem import Problem

SPECS = Path(__file__).parents[3] / "specs"
NUMBERS = st.fractions(-3, 3, max_denominator=4)
GERMS = st.lists(NUMBERS, max_size=4).map(
    lambda numbers: Germ(tuple(numbers[: max((k + 1 for k, c in enumerate(numbers) if c), default=0)]))
)
OUTPUT_RELU = """
data { x = [-1, 1] y = [1, 2] }
network { input 1 hidden: layer 1 relu without bias output: layer 1 relu without bias }
loss sum squared_error
regulariser ridge(1/10)
"""
CAPPED = """
data { x = [-1, 1] y = [1, 2] }
network { input 1 hidden: layer 1 relu without bias output: layer 1 linear without bias }
loss sum { min((y-f)^2, 1) }
regulariser ridge(1/10)
"""


def at(germ: Germ, t: Fraction) -> Fraction:
    return sum((c * t**k for k, c in enumerate(germ.coefficients)), Fraction(0))


@settings(max_examples=200, deadline=None)
@given(GERMS, GERMS, NUMBERS)
def test_germs_are_polynomials_ordered_near_zero(one: Germ, other: Germ, number: Fraction) -> None:
    for t in (Fraction(1, 2), Fraction(-3)):
        assert at(one + other, t) == at(one, t) + at(other, t)
        assert at(one - number, t) == at(one, t) - number
        assert at(number * one * other, t) == number * at(one, t) * at(other, t)
        assert at(one**2 / 3, t) == at(one, t) ** 2 / 3
    tiny = Fraction(1, 10**6)
    assert (one > other, one < other) == (at(one, tiny) > at(other, tiny), at(one, tiny) < at(other, tiny))


def test_a_curve_that_is_found_falls() -> None:
    problem = reluspec.parse(OUTPUT_RELU)
    curve = curve_down(problem, [Fraction(0)] * 2)
    assert curve is not None
    here = problem.loss_at(problem.tensors([Fraction(0)] * 2, Fraction))
    for t in (Fraction(1, 100), Fraction(1, 10_000)):
        assert problem.loss_at(problem.tensors([at(germ, t) for germ in curve], Fraction)) < here


def dead(name: str) -> tuple[Problem, list[Fraction]]:
    problem = reluspec.load(SPECS / f"{name}.rspec")
    return problem, [Fraction(0)] * len(problem.parameters)


def test_no_curve_falls_from_a_minimum_of_fourth_order() -> None:
    assert curve_down(*dead("tie_at_zero")) is None
    assert curve_down(*dead("five_points")) is not None


@pytest.mark.parametrize(("text", "losses"), [(OUTPUT_RELU, [1.39, 4.19]), (CAPPED, [1.19, 1.39])])
def test_what_falls_beyond_dependent_switches_is_no_minimum(text: str, losses: list[float]) -> None:
    """Previously undecided: switches whose gradients vanish at the dead point."""
    minima = reluspec.solve(reluspec.parse(text), workers=1)
    assert minima.complete
    assert [float(component.loss) for component in minima] == pytest.approx(losses)


def test_a_penalty_with_a_kink_beside_a_sign_symmetry() -> None:
    """Previously undecided: |b| is linear beside b = 0, where flipping the unit's signs is no symmetry.

    The minimum by hand: b > 0, both points active, f = a (w x + b).
    """
    minima = reluspec.solve(
        reluspec.parse(
            "data { x = [-1, 1] y = [1, 2] } network { input 1 hidden: layer 1 relu output: layer 1 linear without bias } "
            "loss sum squared_error regulariser ridge(1/10) on weights + lasso(1/10) on biases"
        ),
        workers=1,
    )
    assert minima.complete
    (component,) = minima
    theta = component.theta()
    a, w, b = theta["output.weight"][0][0], theta["hidden.weight"][0][0], theta["hidden.bias"][0]
    slopes = [1 - a * (b - w), 2 - a * (b + w)]
    assert -2 * a * (slopes[1] - slopes[0]) + w / 5 == pytest.approx(0, abs=1e-12)
    assert -2 * a * (slopes[0] + slopes[1]) + 1 / 10 == pytest.approx(0, abs=1e-12)
    assert -2 * ((b - w) * slopes[0] + (b + w) * slopes[1]) + a / 5 == pytest.approx(0, abs=1e-12)
