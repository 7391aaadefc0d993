"""Whether a verdict at one point of a curved family holds all along it: arcs and circles (`rotations`), orbits of more units (`orbits`).

Rotations are isometries that keep the surrogate of the family's own stratum. So its second order across the family is the same everywhere.
If they keep the surrogates and the zero switches of all adjacent cells, too, so is everything else. If not, the slopes into these cells are
followed along the family, as polynomials: on an arc by `circles`, on simplices of spheres by `simplices`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from flint import ctx, fmpq, fmpq_mpoly

from reluspec.engines.algebraic.exact.forms import positive_definite, reduction
from reluspec.engines.algebraic.exact.linear import dot, echelon, form, kernel, rank
from reluspec.engines.algebraic.exact.scalars import BALLS, FRACTIONS, Undetermined
from reluspec.engines.algebraic.judging.adjacent import geometry
from reluspec.engines.algebraic.judging.circles import sign_on_arc
from reluspec.engines.algebraic.judging.local import ZeroSwitch
from reluspec.engines.algebraic.judging.sides import LocalTest, NestedSwitchesError
from reluspec.engines.algebraic.judging.surroundings import MAX_SIDES, slope_of
from reluspec.engines.algebraic.judging.verdict import Decision, Verdict
from reluspec.engines.algebraic.stationary.charts import Terms, derivative
from reluspec.engines.algebraic.stationary.frames import turned
from reluspec.engines.algebraic.stationary.rotations import along
from reluspec.engines.algebraic.stationary.simplices import sign_on_simplices
from reluspec.systems.surrogate import Surrogate, rational

BITS = 256
"""Precision of second derivatives within the stratum."""


@dataclass(frozen=True)
class _Slope:
    """The sign, all along a family, of a derivative into a cell around it, and the zero switches that become positive or negative so."""

    sign: int
    kinks: tuple[tuple[int, int], ...]


class CurvedTest(LocalTest):
    """First and second order along an arc, a circle or an orbit."""

    def decision_along(self) -> Decision:
        """The verdict at the witness, if it holds along the whole family."""
        if self._falls_within():
            return Decision(Verdict.NOT_MINIMUM, "second order along a family", "the function falls, to second order, within the stratum")
        try:
            decision = self._by_balls()
            if decision is None:
                by_regions = self._by_turning_regions(exactly=False)
                if by_regions.verdict is not Verdict.UNDECIDED:
                    return by_regions
                decision = self._exactly()
        except NestedSwitchesError:
            return self._by_turning_regions(exactly=True)
        if decision.verdict is Verdict.UNDECIDED or self._turns_along(self._expanded.values()):
            return decision
        if self._others or self.found.turns_round:
            return Decision(Verdict.UNDECIDED, "", "kinks of rotated units and others meet along a family of critical points")
        try:
            slopes = list(self._slopes())
        except Undetermined as reason:
            return Decision(Verdict.UNDECIDED, "", str(reason))
        if any(slope.sign < 0 for slope in slopes):
            return Decision(Verdict.NOT_MINIMUM, "first order along a family", "the function falls, to first order")
        if not any(slope.sign == 0 for slope in slopes):
            # All slopes rise everywhere: what is left is the second order within the stratum, which rotations keep.
            return decision
        if self._grows_on_flat_sides([slope.kinks for slope in slopes if not slope.sign]):
            return Decision(Verdict.MINIMUM, "first and second order along a family")
        return Decision(Verdict.UNDECIDED, "", "degenerate: a kink without a slope along a family of critical points")

    def _falls_within(self) -> bool:
        """Whether a second derivative within the stratum is negative, which rotations keep; asked where its zero switches are affine."""
        if self.found.living or self._others:
            return False
        positions = self.positions
        rows = [[normal[k] for k in positions] for normal in map(self._normal, self._affine)]
        inside = kernel(rows, len(positions), FRACTIONS)
        with ctx.workprec(BITS), suppress(Undetermined):
            basis = [[BALLS.number(entry) for entry in direction] for direction in inside]
            _, hessian = self._taylor(self._base, BALLS, [value.ball(BITS) for value in self.found.witness])
            return reduction([[form(hessian, one, other, BALLS) for other in basis] for one in basis], BALLS).negative is not None
        return False

    def _by_turning_regions(self, exactly: bool) -> Decision:
        """Region by region, where rotations keep every region."""
        if not self._turns_along([local for local, _ in self._regions(self.signs, self.zeros)]):
            return Decision(Verdict.UNDECIDED, "", "nested switches along a curved family of critical points")
        return self.decision_by_regions(exactly)

    def _turns_along(self, surrogates: Iterable[Surrogate | None]) -> bool:
        """Whether rotations leave the losses and zero switches of these surrogates as they are."""
        for local in surrogates:
            if local is None:
                continue
            polynomials = [self._charted(local.switches[position].polynomial)[0] for position in self.zeros]
            if not all(self._is_kept(terms, local) for terms in (*polynomials, self.chart.even(local.loss))):
                return False
        return True

    def _is_kept(self, terms: Terms, local: Surrogate) -> bool:
        """Whether rotations leave a function of the chart as it is."""
        cleared = self.chart.cleared(terms, local.context)
        return all(along(cleared, pairs).is_zero() for pairs in self.found.turns)

    def _slopes(self) -> Iterator[_Slope]:
        """The slopes on every cell around; the zero switches are affine, and the same everywhere. Raises `Undetermined`."""
        size = len(self.found.witness)
        normals = [self._normal(position) for position in self._affine]
        around = geometry(size, [ZeroSwitch(normal) for normal in normals], FRACTIONS, MAX_SIDES)
        for piece in around.pieces:
            local = self._surrogate(dict(zip(self._affine, piece.signs, strict=True)))
            if local is None:
                raise Undetermined("a cell that does not exist")
            loss = self.chart.even(local.loss)
            gradient = [derivative(loss, k) for k in range(size)]
            for ray in piece.cone.rays:
                sign = self._sign_along(self.chart.cleared(_combined(gradient, ray), local.context))
                off = [dot(normal, ray, FRACTIONS) for normal in normals]
                yield _Slope(sign, tuple((k, side) for k, side, value in zip(self._affine, piece.signs, off, strict=True) if value))

    def _normal(self, position: int) -> tuple[Fraction, ...]:
        return slope_of(self._base.switches[position].polynomial)

    def _grows_on_flat_sides(self, flat: Sequence[tuple[tuple[int, int], ...]]) -> bool:
        """Whether the loss grows to second order, all along the family, where slopes are zero; they are given by the kinks that they cross.

        Let each of them cross one kink, from one side at most: its flat side. Take the polynomial P of the cell on the flat sides, between
        the other kinks. A direction d of slope zero into a cell is on the flat side of some kinks, and leaves all others as they are. Where
        an affine switch h vanishes, the polynomials of its two sides differ by h q, whose second derivative along d is zero if d leaves h
        as it is. So along d the cell's second derivative is that of P. If P and the space V of all directions that leave the kinks with a
        slope on both sides as they are do not change under rotations, the Hessian of P on V is positive across the family everywhere if it
        is at one point.
        """
        kinks = {kink for crossed in flat for kink in crossed}
        sides, normals = dict(kinks), {k: self._normal(k) for k in self._affine}
        if self.found.living or any(len(crossed) > 1 for crossed in flat) or len(sides) < len(kinks):
            return False
        local = self._surrogate(sides)
        if local is None or not self._is_kept(self.chart.even(local.loss), local):
            return False
        rest = [normals[k] for k in normals if k not in sides]
        size, zero = len(self.found.witness), self._exact.zero
        if not all(_in_span(turned(normal, pairs, Fraction(0)), rest, size) for normal in rest for pairs in self.found.turns):
            return False
        point = self.found.witness
        tangents = echelon([turned(point, pairs, zero) for pairs in self.found.turns], size, self._exact).rows
        across = kernel([*([zero + entry for entry in normal] for normal in rest), *tangents], size, self._exact)
        _, hessian = self._taylor(local, self._exact, point, range(size))
        return positive_definite([[form(hessian, one, other, self._exact) for other in across] for one in across], self._exact)

    def _sign_along(self, polynomial: fmpq_mpoly) -> int:
        """The sign of a polynomial of the chart on the whole family. Raises `Undetermined`."""
        terms = polynomial.to_dict()
        return sign_on_arc(self.found, terms) if self.found.pairs else sign_on_simplices(terms, self.found)


def _combined(gradient: Sequence[Terms], ray: Sequence[Any]) -> Terms:
    """The derivative along a ray."""
    total: Terms = {}
    for terms, step in zip(gradient, ray, strict=True):
        if step:
            for exponents, value in terms.items():
                total[exponents] = total.get(exponents, fmpq(0)) + value * rational(step)
    return total


def _in_span(vector: Sequence[Fraction], rows: Sequence[Sequence[Fraction]], size: int) -> bool:
    return rank([*rows, vector], size, FRACTIONS) == rank(rows, size, FRACTIONS)
