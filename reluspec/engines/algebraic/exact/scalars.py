"""Numbers whose signs are decided: one code for balls, exact real numbers and fractions (theory.md section 7).

Everything built on `Scalars` uses `+ - * /`, unary minus and `sign`, on entries of one type. A ball that contains zero has no sign:
`Undetermined` passes through to the caller, who asks again with more bits or with exact numbers. No answer ever rests on a guess.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from flint import arb, fmpq

Scalar = Any  # flint.arb, an exact real algebraic number, or Fraction
Vector = tuple[Scalar, ...]
Matrix = Sequence[Sequence[Scalar]]


class Undetermined(Exception):  # noqa: N818 - an outcome, not a fault: the caller refines and asks again
    """The sign of a number cannot be told from its enclosure."""


@dataclass(frozen=True)
class Scalars:
    """How to make a number and to decide its sign.

    `magnitude` (balls only) is a lower bound of the absolute value; pivots are then chosen largest first. `rational` is the exact value
    of a number known to be rational, else `None`; geometry given by rational normals is then computed over Q, whatever the scalars.
    """

    number: Callable[[Fraction], Scalar]
    sign: Callable[[Scalar], int]
    magnitude: Callable[[Scalar], float] | None = None
    rational: Callable[[Scalar], Fraction | None] | None = None

    @property
    def zero(self) -> Scalar:
        return self.number(Fraction(0))

    @property
    def one(self) -> Scalar:
        return self.number(Fraction(1))

    def vector(self, entries: Sequence[Fraction]) -> Vector:
        """The same vector, in these scalars."""
        return tuple(self.number(entry) for entry in entries)


def _fraction_sign(value: Fraction) -> int:
    return (value > 0) - (value < 0)


def ball_sign(ball: arb) -> int:
    """The sign of every number in the ball; raises `Undetermined` when there is none."""
    if ball > 0:
        return 1
    if ball < 0:
        return -1
    if ball.is_zero():
        return 0
    raise Undetermined(f"a ball of radius {float(ball.rad()):.1e} around zero")


def _ball_rational(ball: arb) -> Fraction | None:
    if not (ball.is_exact() and ball.is_finite()):
        return None
    mantissa, exponent = ball.man_exp()
    return Fraction(int(mantissa)) * Fraction(2) ** int(exponent)


def _ball_number(value: Fraction) -> arb:
    return arb(fmpq(value.numerator, value.denominator))


def _ball_magnitude(ball: arb) -> float:
    return float(ball.abs_lower()) if ball.is_finite() else 0.0


FRACTIONS = Scalars(Fraction, _fraction_sign, rational=lambda value: value)
BALLS = Scalars(_ball_number, ball_sign, magnitude=_ball_magnitude, rational=_ball_rational)
"""`flint.arb` at the precision of `flint.ctx` in force."""
