"""Decimal balls contain the binary balls they come from."""

from __future__ import annotations

from fractions import Fraction

from flint import arb, ctx
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reluspec.minima.balls import ball, nested


def power(exponent: int) -> Fraction:
    return Fraction(2) ** exponent


@settings(deadline=None, derandomize=True, database=None)
@given(
    st.integers(-(2**200), 2**200),
    st.integers(-900, 900),
    st.integers(0, 2**29),
    st.integers(-2000, 900),
    st.integers(1, 60),
)
@example(0, 0, 0, 0, 30)
@example(0, 0, 1, -1500, 30)
@example(1, 0, 1, 60, 30)
@example(10**40 - 1, 0, 0, 0, 5)
@example(-1, -900, 3, -2000, 1)
def test_decimal_ball_contains_the_binary_one(mantissa: int, exponent: int, radius: int, small: int, digits: int) -> None:
    before, ctx.prec = ctx.prec, 256
    try:
        number = arb(mantissa) * arb(2) ** exponent + arb(0, arb(radius) * arb(2) ** small)
        decimal = ball(number, digits)
        low, high = decimal.bounds
        centre = mantissa * power(exponent)
        assert low <= centre - radius * power(small)
        assert high >= centre + radius * power(small)
        # Not much wider: the radius itself with two digits, and a unit of the last decimal asked for.
        assert high - low <= 3 * radius * power(small) + abs(centre) * Fraction(4, 10 ** (digits - 1)) + abs(centre) * power(-200)
    finally:
        ctx.prec = before


def test_nested() -> None:
    assert nested([[arb(1), arb("0.5")], [arb(0)]]) == ((ball(arb(1)), ball(arb("0.5"))), (ball(arb(0)),))
