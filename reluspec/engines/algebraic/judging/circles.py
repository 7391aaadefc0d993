"""Whether a verdict at one point of an arc of critical points holds all along it (`rotations`).

Rotations are isometries that keep the surrogate of the arc's own stratum. So its second order across the arc is the same everywhere. What
may change are the slopes of the zero switches of the two rotated units: on an adjacent cell where their signs differ the loss has no
symmetry. Where there are none, the verdict is one; else each slope is followed along the arc: with the rotated coordinates on the chord
between the ends, times a positive factor, it is a polynomial in one variable, whose Bernstein coefficients tell its sign.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import comb
from typing import Any

from flint import fmpq

from reluspec.engines.algebraic.exact.algebraic import Algebraic
from reluspec.engines.algebraic.exact.number_field import NumberField
from reluspec.engines.algebraic.exact.scalars import Undetermined
from reluspec.engines.algebraic.stationary.polyhedra import CriticalSet, Vector, value_at

DEPTH = 8
"""How often an interval is halved in search of Bernstein coefficients of one sign."""


@dataclass(frozen=True)
class Polynomial:
    """A polynomial in one variable over a number field: coefficients, constant first."""

    coefficients: tuple[Algebraic, ...]

    def __add__(self, other: Any) -> Polynomial:
        if not isinstance(other, Polynomial):
            first, *rest = self.coefficients
            return Polynomial((first + other, *rest))
        long, short = sorted((self.coefficients, other.coefficients), key=len, reverse=True)
        return Polynomial((*(a + b for a, b in zip(long, short, strict=False)), *long[len(short) :]))

    def __mul__(self, other: Polynomial) -> Polynomial:
        zero = self.coefficients[0] * 0
        product = [zero] * (len(self.coefficients) + len(other.coefficients) - 1)
        for i, a in enumerate(self.coefficients):
            for j, b in enumerate(other.coefficients):
                product[i + j] = product[i + j] + a * b
        return Polynomial(tuple(product))

    def __pow__(self, exponent: int) -> Polynomial:
        power = self
        for _ in range(exponent - 1):
            power = power * self
        return power

    def sign(self) -> int:
        """The sign on the open interval from 0 to 1. Raises `Undetermined` where it is not one, or that cannot be told."""
        return _bernstein_sign(_bernstein(self.coefficients), DEPTH)

    def last(self) -> Algebraic:
        """The value at 1."""
        return sum(self.coefficients[1:], self.coefficients[0])


def _bernstein(coefficients: Sequence[Algebraic]) -> list[Algebraic]:
    """Coefficients in the basis `C(n, k) t^k (1 - t)^(n - k)`: their signs bound those of the values."""
    degree = len(coefficients) - 1
    zero = coefficients[0] * 0
    return [sum((coefficients[i] * fmpq(comb(k, i), comb(degree, i)) for i in range(k + 1)), zero) for k in range(degree + 1)]


def _bernstein_sign(values: Sequence[Algebraic], depth: int) -> int:
    signs = {value.sign() for value in values}
    if signs == {0}:
        return 0
    if not {1, -1} <= signs:
        return 1 if 1 in signs else -1
    left, right = _halves(values)
    middle = right[0].sign()
    if not depth or not middle:
        raise Undetermined("a slope changes its sign along a circle of critical points")
    if _bernstein_sign(left, depth - 1) != middle or _bernstein_sign(right, depth - 1) != middle:
        raise Undetermined("a slope changes its sign along a circle of critical points")
    return middle


def _halves(values: Sequence[Algebraic]) -> tuple[list[Algebraic], list[Algebraic]]:
    """De Casteljau's subdivision at one half."""
    left, right, rest = [values[0]], [values[-1]], list(values)
    while len(rest) > 1:
        rest = [(a + b) / 2 for a, b in pairwise(rest)]
        left.append(rest[0])
        right.append(rest[-1])
    return left, right[::-1]


def sign_on_arc(found: CriticalSet, terms: Mapping[tuple[int, ...], fmpq]) -> int:
    """The sign of a polynomial of the chart on a whole arc, chord by chord. Raises `Undetermined` where it is not one, or not known."""
    along = [Chord(found, first, last).up_to_scale(terms) for first, last in pairwise(found.vertices)]
    signs = {polynomial.sign() for polynomial in along} | {polynomial.last().sign() for polynomial in along[:-1]}
    if len(signs) > 1:
        raise Undetermined("a slope changes its sign along a circle of critical points")
    return signs.pop()


class Chord:
    """The points of an arc, between two of its vertices less than half a circle apart, by a parameter from 0 to 1 on the chord."""

    def __init__(self, found: CriticalSet, first: Vector, last: Vector) -> None:
        self.moving = {k for pair in found.pairs for k in pair}
        self.point = [
            Polynomial((a, b - a)) if k in self.moving else Polynomial((w,))
            for k, (a, b, w) in enumerate(zip(first, last, found.witness, strict=True))
        ]
        self.field: NumberField = found.field
        zero = Polynomial((found.field.element(0),))
        # On the arc the moving coordinates are those of the chord times sqrt(radius^2 / square).
        radius = sum((found.witness[k] * found.witness[k] for k in self.moving), found.field.element(0))
        square = sum((self.point[k] * self.point[k] for k in self.moving), zero)
        self._ratio = square * Polynomial((found.field.element(1) / radius,))

    def up_to_scale(self, terms: Mapping[tuple[int, ...], fmpq]) -> Polynomial:
        """A polynomial of the chart along the arc, times a positive function. Raises `Undetermined` where it has even and odd parts."""
        zero = Polynomial((self.field.element(0),))
        parts: dict[int, dict[tuple[int, ...], fmpq]] = {}
        for exponents, coefficient in terms.items():
            parts.setdefault(sum(exponents[k] for k in self.moving), {})[exponents] = coefficient
        top = max(parts, default=0)
        total = zero
        for degree, part in parts.items():
            missing, odd = divmod(top - degree, 2)
            if odd:
                raise Undetermined("a slope with even and odd parts along a circle of critical points")
            value: Polynomial = value_at(part, self.point, zero)
            total = total + (value * self._ratio**missing if missing else value)
        return total
