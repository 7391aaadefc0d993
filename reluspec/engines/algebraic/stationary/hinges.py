"""Switches that are affine, not linear, along the orbits of rotations: kinks of activations away from zero (`hard_tanh`, `relu6`).

Along a circle such a switch, times its sign, is `h(t) = alpha cos t + beta sin t + kappa`, with kappa the same all along. It is positive

- everywhere if kappa > 0 and `kappa^2 > alpha^2 + beta^2`: it is no condition; nowhere if kappa <= 0 and `kappa^2 >= alpha^2 + beta^2`;
- else, where both are equal and kappa > 0, everywhere but at one point, where one arc ends and another one begins;
- else on an open arc, which begins and ends where, with `rho^2 = alpha^2 + beta^2` and `w^2 = rho^2 - kappa^2`,

      rho^2 (cos t, sin t) = (-kappa alpha - delta w beta, -kappa beta + delta w alpha),    h'(t) = -delta w,    delta = -1 and 1.

What several of them leave are arcs between such points. A value there has the form `(A + B w) / rho^2` with A, B in the field of alpha,
beta and kappa, and its sign follows from those of A, B and `A^2 - B^2 w^2`: so which points are ends is decided exactly, without the
root w. Only the ends themselves need it (`extensions`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from math import atan2
from typing import TypeAlias

from flint import arb, ctx

from reluspec.engines.algebraic.exact.algebraic import Algebraic
from reluspec.engines.algebraic.exact.extensions import Extension, with_roots

Plane: TypeAlias = tuple[Algebraic, Algebraic]
"""A direction of (cosine, sine), of any length."""

BITS = 128
"""First precision at which ends are put in order."""
MAX_BITS = 4_096
"""Precision to which ends that differ are told apart."""


class EmptyError(Exception):
    """A switch has its sign nowhere on an orbit."""


class UndescribedError(Exception):
    """What switches leave of an orbit is not described; the message says why."""


@dataclass(frozen=True)
class Turning:
    """The condition `name`: positive where `alpha cos t + beta sin t + kappa` is."""

    name: str
    alpha: Algebraic
    beta: Algebraic
    kappa: Algebraic

    @property
    def square(self) -> Algebraic:
        """Of the amplitude: `alpha^2 + beta^2`."""
        return self.alpha * self.alpha + self.beta * self.beta

    @property
    def touches(self) -> bool:
        """Whether it vanishes at one point."""
        return self.kappa * self.kappa == self.square

    def times(self, sign: int) -> Turning:
        return Turning(self.name, self.alpha * sign, self.beta * sign, self.kappa * sign)

    def at(self, cosine: Fraction, sine: Fraction) -> Algebraic:
        """The value at a point of the unit circle; rational coordinates."""
        value: Algebraic = self.alpha * cosine + self.beta * sine + self.kappa
        return value


@dataclass(frozen=True)
class End:
    """The point where `row` vanishes and grows (`delta` -1: an arc begins), falls (1) or touches zero (0); `tight`: who vanishes there."""

    row: Turning
    delta: int
    tight: frozenset[str]

    def direction(self, root: Algebraic, extension: Extension) -> Plane:
        """The point, scaled; `root` is w, where it is needed: not where kappa is zero, or w itself."""
        alpha, beta, kappa = (extension.lifted(entry) for entry in (self.row.alpha, self.row.beta, self.row.kappa))
        if self.row.touches:
            return -(kappa * alpha), -(kappa * beta)
        if kappa == 0:
            return beta * -self.delta, alpha * self.delta
        return -(kappa * alpha) - root * beta * self.delta, -(kappa * beta) + root * alpha * self.delta

    def angle(self, bits: int) -> arb:
        """Between -pi and pi, from a direction that is none of the axes': ends often lie on these."""
        with ctx.workprec(bits):
            alpha, beta, kappa = (entry.ball(bits) for entry in (self.row.alpha, self.row.beta, self.row.kappa))
            root = _square_of_root(self.row).ball(bits).sqrt() * self.delta
            cosine, sine = -kappa * alpha - root * beta, -kappa * beta + root * alpha
            return arb.atan2(119 * sine + 120 * cosine, 119 * cosine - 120 * sine)


@dataclass(frozen=True)
class HingedArc:
    """An open arc, counterclockwise from `first` to `last`, in a field that holds its ends; `angles` are about those of the ends."""

    extension: Extension
    first: Plane
    last: Plane
    angles: tuple[float, float]
    is_short: bool
    """Shorter than half a circle, for certain."""
    tight: tuple[frozenset[str], frozenset[str]]


def needed(rows: Sequence[Turning]) -> list[Turning]:
    """The conditions that are not fulfilled all along a circle. Raises `EmptyError` where one is fulfilled nowhere."""
    kept = []
    for row in rows:
        side, room = row.kappa.sign(), (row.kappa * row.kappa - row.square).sign()
        if side <= 0 and room >= 0:
            raise EmptyError
        if side <= 0 or room <= 0:
            kept.append(row)
    return kept


def hinged_arcs(rows: Sequence[Turning]) -> list[HingedArc]:
    """The arcs of a circle on which all rows, which are `needed`, are positive. Raises `UndescribedError`, `ExtensionError`."""
    ordered = [replace(end, delta=delta) for end in _in_order(list(_ends(rows))) for delta in ((end.delta,) if end.delta else (1, -1))]
    if not ordered:
        return []
    # Starts and ends take turns; the last start is followed by the first end.
    begin = next(k for k, end in enumerate(ordered) if end.delta < 0)
    around = ordered[begin:] + ordered[:begin]
    return [_arc(first, last) for first, last in zip(around[::2], around[1::2], strict=True)]


def _square_of_root(row: Turning) -> Algebraic:
    return row.square - row.kappa * row.kappa


def _ends(rows: Sequence[Turning]) -> Iterator[End]:
    """The points where some rows vanish, all of them growing or all falling, and the others are positive; each once.

    A row that touches zero at such a point changes nothing; where no other row vanishes, it is both ends.
    """
    for k, row in enumerate(rows):
        for delta in (0,) if row.touches else (-1, 1):
            signs = [_sign_at(other, row, delta) if other is not row else 0 for other in rows]
            zeros = [j for j, sign in enumerate(signs) if not sign]
            leading = [j for j in zeros if not rows[j].touches] or zeros
            if -1 not in signs and leading[0] == k and all(_slope_at(rows[j], row, delta) == -delta for j in leading):
                yield End(row, delta, frozenset(rows[j].name for j in zeros))


def _sign_at(other: Turning, row: Turning, delta: int) -> int:
    """The sign of another row where one vanishes."""
    mixed = row.alpha * other.alpha + row.beta * other.beta
    crossed = row.alpha * other.beta - row.beta * other.alpha
    return _sign(other.kappa * row.square - row.kappa * mixed, crossed * delta, _square_of_root(row))


def _slope_at(other: Turning, row: Turning, delta: int) -> int:
    """The sign of the derivative of another row where one vanishes."""
    mixed = row.alpha * other.alpha + row.beta * other.beta
    crossed = row.alpha * other.beta - row.beta * other.alpha
    return _sign(-(row.kappa * crossed), mixed * -delta, _square_of_root(row))


def _sign(plain: Algebraic, factor: Algebraic, square: Algebraic) -> int:
    """The sign of `plain + factor sqrt(square)`."""
    one, two = plain.sign(), factor.sign() if square.sign() else 0
    if one * two >= 0:
        return one or two
    return one * int((plain * plain - factor * factor * square).sign())


def _in_order(ends: Sequence[End]) -> list[End]:
    """By their angles; they are different points, so balls tell them apart."""
    bits = BITS
    while True:
        placed = sorted(((end.angle(bits), end) for end in ends), key=lambda pair: float(pair[0].mid()))
        if all(one[0] < other[0] for one, other in pairwise(placed)):
            return [end for _, end in placed]
        if bits > MAX_BITS:
            raise UndescribedError("ends of arcs of critical points that cannot be told apart")
        bits *= 2


def _arc(first: End, last: End) -> HingedArc:
    """Raises `ExtensionError`."""
    turn = _turn(first, last)
    field = first.row.alpha.field
    rooted = [end for end in (first, last) if end.row.kappa != 0 and not end.row.touches]
    extension, roots = with_roots(field, [_square_of_root(end.row) for end in rooted])
    by_end = dict(zip(map(id, rooted), roots, strict=True))
    one, other = (end.direction(by_end.get(id(end), extension.generator), extension) for end in (first, last))
    # One switch may cut at both ends, which are faces of their own.
    both = first.tight & last.tight
    tight = (frozenset(f"{name}.{side}" if name in both else name for name in end.tight) for side, end in enumerate((first, last)))
    start = atan2(float(one[1]), float(one[0]))
    with ctx.workprec(BITS):
        is_short = bool(turn < arb.pi())
    return HingedArc(extension, one, other, (start, start + float(turn.mid())), is_short, (next(tight), next(tight)))


def _turn(first: End, last: End) -> arb:
    """The angle from one end to the next; a whole turn from a point to itself."""
    bits = BITS
    while True:
        with ctx.workprec(bits):
            turn = last.angle(bits) - first.angle(bits)
            if turn > 0:
                return turn
            if turn < 0 or (first.row is last.row and first.row.touches):
                return turn + 2 * arb.pi()
        bits *= 2
