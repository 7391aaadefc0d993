"""The loss of one data point as a function of the network's output: a convex piecewise polynomial with a continuous derivative.

That it is one is checked piece by piece, on the polynomials themselves: derivatives agree where pieces meet, and the second derivative of
no piece changes its sign, or is negative, between the ends of the piece.
"""

from __future__ import annotations

from bisect import bisect
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import Any

from flint import arb, fmpq, fmpq_poly

from reluspec.problem.expression import Constant, Expression, Variable, evaluate, kinks, sign, substitute
from reluspec.verifier.convex.setting import rational
from reluspec.verifier.counting import Z, breakpoints, pattern

MAX_KINKS = 6
End = fmpq | None
"""Of an interval; `None` is infinity."""


@dataclass(frozen=True)
class Loss:
    """`pieces[k]` up to `breaks[k]`, the last one from the last break on, and their first two derivatives.

    `patterns` are the signs of the loss's kinks, below the first break, at it, and so on.
    """

    breaks: tuple[fmpq, ...]
    pieces: tuple[fmpq_poly, ...]
    slopes: tuple[fmpq_poly, ...]
    bends: tuple[fmpq_poly, ...]
    patterns: tuple[str, ...]

    def value(self, output: arb) -> arb:
        return self._at(self.pieces, output)

    def slope(self, output: arb) -> arb:
        return self._at(self.slopes, output)

    def _at(self, polynomials: tuple[fmpq_poly, ...], output: arb) -> arb:
        ends = _ends(self.breaks)
        found = [_value(one, output) for one, (low, high) in zip(polynomials, ends, strict=True) if not _outside(output, low, high)]
        total = found[0]
        for other in found[1:]:
            total = total.union(other)
        return total

    @cached_property
    def _tables(self) -> tuple[list[float], list[list[list[float]]]]:
        """Breaks, and for every piece the coefficients of it and its derivatives, rounded, from the highest on."""
        families = zip(self.pieces, self.slopes, self.bends, strict=True)
        return list(map(_rounded, self.breaks)), [[[_rounded(c) for c in reversed(one.coeffs())] for one in family] for family in families]

    def floats(self, output: float) -> tuple[float, float, float]:
        """Value, slope and second derivative, rounded."""
        breaks, tables = self._tables
        found = []
        for coefficients in tables[bisect(breaks, output)]:
            total = 0.0
            for coefficient in coefficients:
                total = total * output + coefficient
            found.append(total)
        return found[0], found[1], found[2]

    def pattern(self, output: float) -> str:
        """The signs of the kinks beside which an output lies."""
        return self.patterns[2 * bisect(self._tables[0], output)]

    def last_slope(self, side: int) -> fmpq | None:
        """The slope far out above (1) or below (-1); `None` where it is not bounded."""
        slope = self.slopes[-1 if side > 0 else 0]
        return slope[0] if slope.degree() < 1 else None

    @property
    def is_bounded_below(self) -> bool:
        """A convex polynomial of degree two and more tends to infinity."""
        below, above = self.last_slope(-1), self.last_slope(1)
        return (below is None or below <= 0) and (above is None or above >= 0)

    def least(self) -> arb:
        """A lower bound of its values, where it is bounded below: it is least at a zero of its slope."""
        found = [self.value(arb(one)) for one in self.breaks]
        for piece, slope, (low, high) in zip(self.pieces, self.slopes, _ends(self.breaks), strict=True):
            if slope.degree() < 0:
                found.append(arb(piece[0]))
            found.extend(_value(piece, root) for root in _roots(slope) if not _outside(root, low, high))
        total = found[0]
        for other in found[1:]:
            total = total.min(other)
        return total

    def may_have(self, signs: str, low: arb, high: arb) -> bool:
        """Whether an output between these bounds may have these signs of the kinks."""
        places = [k for k, own in enumerate(self.patterns) if own == signs]
        for place in places:
            if place % 2:
                point = self.breaks[place // 2]
                if not (high < point or low > point):
                    return True
            else:
                start, stop = _ends(self.breaks)[place // 2]
                if not ((start is not None and high <= start) or (stop is not None and low >= stop)):
                    return True
        return False


def point_loss(expression: Expression, y: Fraction, share: Fraction) -> Loss | None:
    """The loss at a data point, times the point's share; `None` if it is not shown to be convex, smooth and bounded below."""
    own = substitute(expression, {Variable("f", (0,)): Z, Variable("y", (0,)): Constant(y)})
    count = sum(1 for _ in kinks(own))
    found = breakpoints(own, count) if count <= MAX_KINKS else None
    if found is None:
        return None
    between = _between(found)
    pieces = tuple(_piece(own, place) * rational(share) for place in between)
    slopes = tuple(piece.derivative() for piece in pieces)
    places = [place for pair in zip(between, found, strict=False) for place in pair] + between[-1:]
    patterns = tuple(pattern(own, place) for place in places)
    loss = Loss(tuple(map(rational, found)), pieces, slopes, tuple(one.derivative() for one in slopes), patterns)
    joined = all(one(b) == two(b) for (one, two), b in zip(pairwise(slopes), loss.breaks, strict=True))
    convex = all(_nonnegative(bend, low, high) for bend, (low, high) in zip(loss.bends, _ends(loss.breaks), strict=True))
    return loss if joined and convex and loss.is_bounded_below else None


def _between(breaks: list[Fraction]) -> list[Fraction]:
    """A point in every interval that the breaks leave."""
    if not breaks:
        return [Fraction(0)]
    return [breaks[0] - 1, *((a + b) / 2 for a, b in pairwise(breaks)), breaks[-1] + 1]


def _ends(breaks: tuple[fmpq, ...]) -> list[tuple[End, End]]:
    return list(zip((None, *breaks), (*breaks, None), strict=True))


def _piece(expression: Expression, place: Fraction) -> fmpq_poly:
    """The polynomial that an expression in z equals around a place between its breaks."""
    here = rational(place)

    def choose(switch: fmpq_poly) -> int:
        return sign(switch(here))

    found: fmpq_poly = evaluate(expression, {Z: fmpq_poly([0, 1])}, choose, lambda value: fmpq_poly([rational(value)]))
    return found


def _nonnegative(polynomial: fmpq_poly, low: End, high: End) -> bool:
    """Whether it is proved to be so between two ends: it has no zero of odd order there, and a positive value, or is zero."""
    if polynomial.degree() < 1:
        return bool(polynomial[0] >= 0)
    for factor, order in polynomial.factor()[1]:
        roots = _roots(factor) if factor.degree() > 1 else [-factor[0] / factor[1]]
        if order % 2 and any(not _beyond(root, low, high) for root in roots):
            return False
    # Zeros of even order are left: a value at one of degree + 1 places is not zero.
    return any(polynomial(place) > 0 for place in _places(low, high, int(polynomial.degree()) + 1))


def _places(low: End, high: End, count: int) -> list[fmpq]:
    """Different places between two ends."""
    if low is not None and high is not None:
        return [low + (high - low) * fmpq(k + 1, count + 1) for k in range(count)]
    return [low + k + 1 if low is not None else (high or fmpq(0)) - k - 1 for k in range(count)]


def _roots(polynomial: fmpq_poly) -> list[arb]:
    """The real zeros of a polynomial that is not zero, and perhaps real parts of others."""
    if polynomial.degree() < 1:
        return []
    found: Any = polynomial.numer().complex_roots()
    return [root.real for root, _ in found if root.imag.contains(0)]


def _outside(output: arb, low: End, high: End) -> bool:
    return bool((low is not None and output < low) or (high is not None and output > high))


def _beyond(root: arb | fmpq, low: End, high: End) -> bool:
    """Whether a zero is proved not to be between two ends, which do not belong to it."""
    return bool((low is not None and root <= low) or (high is not None and root >= high))


def _value(polynomial: fmpq_poly, output: arb) -> arb:
    total = arb(0)
    for coefficient in reversed(polynomial.coeffs()):
        total = total * output + coefficient
    return total


def _rounded(value: fmpq) -> float:
    return int(value.p) / int(value.q)
