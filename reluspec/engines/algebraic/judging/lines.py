"""Curves along which the loss falls from a point: a proof that it is no minimum where no test of first and second order decides.

On `theta + D e`, D with the powers t or t^2, the loss is one polynomial in t for all small t > 0, whatever the switches do: each has a sign
there, that of its lowest coefficient. So numbers of the form c_0 + c_1 t + ..., ordered by their lowest coefficient, are put into the
network's plain forward pass. Exact, and without any condition on the gradients of the switches; what is found is checked by nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from random import Random

from reluspec.engines.algebraic.stationary.polyhedra import CriticalSet
from reluspec.problem.problem import Problem

TRIED = 600
"""Curves through one point."""
EVERY_DIRECTION = 5
"""Up to so many parameters all directions with the entries -1, 0 and 1 are tried first."""
LARGEST = 3
"""The entries of others."""


@dataclass(frozen=True)
class Germ:
    """A polynomial in an infinitesimal t > 0, coefficients from that of 1 upwards, the last one not zero."""

    coefficients: tuple[Fraction, ...]

    @property
    def side(self) -> int:
        """Its sign for all small t > 0."""
        lowest = next((c for c in self.coefficients if c), Fraction(0))
        return (lowest > 0) - (lowest < 0)

    def __add__(self, other: Germ | Fraction | int) -> Germ:
        longer, shorter = sorted((self.coefficients, _germ(other).coefficients), key=len, reverse=True)
        return _trimmed([a + b for a, b in zip(longer, (*shorter, *[Fraction(0)] * (len(longer) - len(shorter))), strict=True)])

    __radd__ = __add__

    def __sub__(self, other: Germ | Fraction | int) -> Germ:
        return self + _germ(other) * -1

    def __mul__(self, other: Germ | Fraction | int) -> Germ:
        factor = _germ(other).coefficients
        found = [Fraction(0)] * max(0, len(self.coefficients) + len(factor) - 1)
        for i, a in enumerate(self.coefficients):
            for j, b in enumerate(factor):
                found[i + j] += a * b
        return _trimmed(found)

    __rmul__ = __mul__

    def __truediv__(self, divisor: int) -> Germ:
        return self * Fraction(1, divisor)

    def __pow__(self, exponent: int) -> Germ:
        power = _germ(1)
        for _ in range(exponent):
            power = power * self
        return power

    def __gt__(self, other: Germ | Fraction | int) -> bool:
        return (self - other).side > 0

    def __lt__(self, other: Germ | Fraction | int) -> bool:
        return (self - other).side < 0


def _germ(value: Germ | Fraction | int) -> Germ:
    return value if isinstance(value, Germ) else _trimmed([Fraction(value)])


def _trimmed(coefficients: list[Fraction]) -> Germ:
    while coefficients and not coefficients[-1]:
        coefficients.pop()
    return Germ(tuple(coefficients))


def way_down(problem: Problem, found: CriticalSet) -> tuple[Germ, ...] | None:
    """A curve from an isolated critical point along which the loss falls; `None` where none was found, or a coordinate is irrational."""
    point = [entry.fraction() for entry in found.witness]
    if found.directions or found.living or None in point:
        return None
    return curve_down(problem, [entry for entry in point if entry is not None])


def curve_down(problem: Problem, point: Sequence[Fraction]) -> tuple[Germ, ...] | None:
    """A curve from a point, parameter by parameter, along which the loss falls, if one of those tried does that."""
    here = _loss(problem, [_germ(entry) for entry in point])
    for direction, powers in _directions(len(point)):
        curve = tuple(
            _trimmed([entry, *[Fraction(0)] * (p - 1), Fraction(e)]) for entry, e, p in zip(point, direction, powers, strict=True)
        )
        if _loss(problem, curve) < here:
            return curve
    return None


def _loss(problem: Problem, theta: Sequence[Germ]) -> Germ:
    number: Callable[[Fraction], Germ] = _germ
    return _germ(problem.loss_at(problem.tensors(theta, number)))


def _directions(size: int) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Directions and powers of t, the same every time: plain lines first."""
    straight = (1,) * size
    if size <= EVERY_DIRECTION:
        yield from ((direction, straight) for direction in product((0, 1, -1), repeat=size) if any(direction))
    random = Random(0)
    for count in range(TRIED):
        direction = tuple(random.randint(-LARGEST, LARGEST) for _ in range(size))
        yield direction, straight if count % 2 else tuple(random.choice((1, 1, 2)) for _ in range(size))
