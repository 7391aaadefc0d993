"""A lower bound of the loss, by hand, and the minima that only it decides."""

from __future__ import annotations

from fractions import Fraction

import pytest

from reluspec.engines.algebraic.judging.lower_bound import lower_bound
from reluspec.language import parse_spec
from reluspec.problem.problem import Problem

HALF = Fraction(1, 2)


def problem(loss: str, penalty: str = "", data: str = "x = [0, 0, 1]  y = [0, 2, 1]") -> Problem:
    text = f"data {{ {data} }}\nnetwork {{ input 1  hidden: layer 1 relu  output: layer 1 linear }}\nloss {loss}\n"
    return parse_spec(text + (f"regulariser {penalty}\n" if penalty else ""), name="bound.rspec")


@pytest.mark.parametrize(
    ("loss", "value", "unique"),
    [
        ("sum squared_error", 2, True),
        ("mean squared_error", Fraction(2, 3), True),
        ("sum absolute_error", 2, False),  # all of [0, 2] at the first two points
        ("sum huber(1)", 1, True),
        ("sum squared_hinge", 1, False),
        ("sum power(4)", 2, True),
        ("sum { (y - f)^2 * ((y - f)^2 - 2)^2 }", None, False),  # the first two points together: not rational
        ("sum { y - f }", None, False),
    ],
)
def test_by_hand(loss: str, value: Fraction | None, unique: bool) -> None:
    bound = lower_bound(problem(loss))
    assert (bound and bound.value) == value
    assert bool(bound and bound.outputs) == unique


def test_places_that_are_not_rational_are_seen() -> None:
    """The objective vanishes at y, and at y plus and minus the square root of two."""
    bound = lower_bound(problem("sum { (y - f)^2 * ((y - f)^2 - 2)^2 }", data="x = [0, 1]  y = [0, 1]"))
    assert bound is not None
    assert (bound.value, bound.outputs) == (0, ())


def test_weights_and_penalties() -> None:
    bound = lower_bound(problem("sum squared_error", "ridge(1) on hidden + lasso(1) on output", "x = [0, 0]  y = [0, 3]  weight = [1, 2]"))
    assert bound is not None
    assert (bound.value, bound.outputs) == (6, ((2,), (2,)))
    assert lower_bound(problem("sum squared_error", "{ hidden.weight[0,0] }")) is None


def test_no_value_of_a_grid_is_below() -> None:
    for loss in ("absolute_error", "huber(1/3)", "squared_hinge", "power(4)"):
        given = problem(f"sum {loss}", data="x = [0, 0, 0]  y = [-1, 2, 1/2]  weight = [1, 1, 3]")
        bound = lower_bound(given)
        assert bound is not None or loss == "power(4)"
        for k in range(-60, 60):
            theta = {"hidden.weight": [[Fraction(0)]], "hidden.bias": [Fraction(0)], "output.weight": [[Fraction(0)]]}
            value = given.loss_at(theta | {"output.bias": [Fraction(k, 12)]})
            assert bound is None or value >= bound.value
