"""Named activations, objectives and penalties, each one expression; plugins add more of the same type.

An activation is an expression in `z`, an objective one in `y` and `f` (summed over outputs and data), a penalty one in `p` (summed over
the selected parameters).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction

from reluspec.problem.expression import (
    ZERO,
    Constant,
    Expression,
    Kink,
    Power,
    Product,
    Sum,
    Variable,
    absolute,
    maximum,
    minimum,
    negative,
    relu,
)

Z, Y, F, P = Variable("z"), Variable("y"), Variable("f"), Variable("p")


class Kind(Enum):
    """What a definition defines; the value is the word used in messages and listings."""

    ACTIVATION = "activation"
    LOSS = "loss"
    REGULARISER = "regulariser"


@dataclass(frozen=True)
class Definition:
    """A named building block of the language.

    `build` takes one exact rational per name in `parameters` and returns the expression; it raises `ValueError` with a reason when a
    value is out of range.
    """

    kind: Kind
    name: str
    parameters: tuple[str, ...]
    build: Callable[..., Expression]
    summary: str


def _constant(value: int | Fraction) -> Constant:
    return Constant(Fraction(value))


def _difference() -> Expression:
    return Sum((Y, negative(F)))


def _leaky_relu(alpha: Fraction) -> Expression:
    return Kink(Z, alpha, Fraction(1))


def _hard_tanh() -> Expression:
    return maximum(_constant(-1), minimum(_constant(1), Z))


def _relu6() -> Expression:
    return minimum(_constant(6), relu(Z))


def _squared_error() -> Expression:
    return Power(_difference(), 2)


def _absolute_error() -> Expression:
    return absolute(_difference())


def _huber(delta: Fraction) -> Expression:
    if delta <= 0:
        raise ValueError(f"the threshold of huber must be positive, not {delta}")
    residual = _difference()
    # r^2 / 2 less the squares of what exceeds the thresholds: one switch per threshold, none at r = 0.
    above = Power(relu(Sum((residual, _constant(-delta)))), 2)
    below = Power(relu(Sum((negative(residual), _constant(-delta)))), 2)
    half = Constant(Fraction(1, 2))
    return Sum((Product((half, Power(residual, 2))), Product((negative(half), above)), Product((negative(half), below))))


def _squared_hinge() -> Expression:
    return Power(relu(Sum((_constant(1), negative(Product((Y, F)))))), 2)


def _power(exponent: Fraction) -> Expression:
    if exponent.denominator != 1 or exponent < 2 or exponent % 2 or exponent > 16:
        raise ValueError(f"the exponent of power must be an even integer from 2 to 16, not {exponent}")
    return Power(_difference(), int(exponent))


def _non_negative(name: str, value: Fraction) -> Constant:
    if value < 0:
        raise ValueError(f"the coefficient of {name} must not be negative, not {value}")
    return Constant(value)


def _ridge(coefficient: Fraction) -> Expression:
    return Product((_non_negative("ridge", coefficient), Power(P, 2)))


def _lasso(coefficient: Fraction) -> Expression:
    return Product((_non_negative("lasso", coefficient), absolute(P)))


_A, _L, _R = Kind.ACTIVATION, Kind.LOSS, Kind.REGULARISER

BUILT_IN: tuple[Definition, ...] = (
    Definition(_A, "linear", (), lambda: Z, "z"),
    Definition(_A, "relu", (), lambda: relu(Z), "max(z, 0)"),
    Definition(_A, "leaky_relu", ("ALPHA",), _leaky_relu, "z above 0, ALPHA*z below"),
    Definition(_A, "abs", (), lambda: absolute(Z), "|z|"),
    Definition(_A, "hard_tanh", (), _hard_tanh, "z clipped to [-1, 1]"),
    Definition(_A, "relu6", (), _relu6, "z clipped to [0, 6]"),
    Definition(_L, "squared_error", (), _squared_error, "(y - f)^2"),
    Definition(_L, "absolute_error", (), _absolute_error, "|y - f|"),
    Definition(_L, "huber", ("DELTA",), _huber, "(y - f)^2 / 2 near 0, DELTA*|y - f| - DELTA^2/2 beyond DELTA"),
    Definition(_L, "squared_hinge", (), _squared_hinge, "max(0, 1 - y*f)^2"),
    Definition(_L, "power", ("K",), _power, "(y - f)^K, K even"),
    Definition(_R, "ridge", ("C",), _ridge, "C*p^2 for every selected parameter"),
    Definition(_R, "lasso", ("C",), _lasso, "C*|p| for every selected parameter"),
)

__all__ = ["BUILT_IN", "ZERO", "Definition", "F", "Kind", "P", "Y", "Z"]
