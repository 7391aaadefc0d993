"""Minima of fourth and sixth order, and what only looks like one."""

from __future__ import annotations

from fractions import Fraction

import pytest
import sympy

import reluspec
from reluspec.engines.algebraic.judging.splitting import has_minimum_at_origin

X, Y, Z = sympy.symbols("x y z")


def claimed(expression: sympy.Expr, *symbols: sympy.Symbol) -> bool:
    terms = sympy.Poly(expression, *symbols).terms()
    return has_minimum_at_origin({exponents: Fraction(int(c.p), int(c.q)) for exponents, c in terms}, len(symbols))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (X**2 + Y**2, True),
        (X**2 + Y**4, True),
        ((X - Y) ** 2 + X**2 * Y**2, True),
        ((X - Y**2) ** 2 + Y**6, True),
        ((X - Y**2) ** 2 + Y**8, False),  # true, but of an order that is not looked at
        ((X - Y**2) ** 2, False),
        ((X - Y**2) ** 2 - Y**6, False),
        (X**2 + Y**3, False),
        (X**2 - Y**4, False),
        (X**2 - 3 * X * Y**2 + 2 * Y**4, False),  # a minimum on every straight line
        (X**2 + Y**5, False),
        (X**2 - Y**2, False),
        (X + Y**2, False),
        (X**4 + Y**4, False),  # two flat directions
        (X * Y, False),
    ],
)
def test_two_variables(expression: sympy.Expr, expected: bool) -> None:
    assert claimed(expression, X, Y) is expected
    # The same after a change of coordinates.
    turned = sympy.expand(expression.subs({X: 2 * X + Y, Y: X - Y}, simultaneous=True))
    assert claimed(turned, X, Y) is expected


def test_three_variables() -> None:
    assert claimed(sympy.expand((X - Y - Z**2) ** 2 + (Y + X**2) ** 2 + Z**4), X, Y, Z)
    assert not claimed(sympy.expand((X - Y - Z**2) ** 2 + (Y + X**2) ** 2 - Z**4), X, Y, Z)


@pytest.mark.parametrize(
    ("text", "stratum"),
    [
        # The slope of the loss at the dead point balances the penalty exactly: sum of y = lambda.
        (
            "data { x = [-2, 3, -3] y = [-1, 1, 1/2] } network { input 1 first: layer 1 relu second: layer 1 relu "
            "output: layer 1 linear without bias } loss sum squared_error regulariser ridge(1/2)",
            "000/000",
        ),
        (
            "data { x = [-2, 2] y = [1, -3/2] } network { input 1 hidden: layer 1 relu without bias output: layer 1 linear without bias } "
            "loss mean { min((y-f)^2, 1) } regulariser ridge(1)",
            "00;0+",
        ),
    ],
)
def test_exact_ties_at_a_dead_point(text: str, stratum: str) -> None:
    """Previously undecided."""
    problem = reluspec.parse(text)
    minima = reluspec.solve(problem, workers=1)
    assert minima.complete
    assert stratum in [piece.stratum for component in minima for piece in component.pieces]
