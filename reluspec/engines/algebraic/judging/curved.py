"""Whether a verdict at one point of a curved family holds all along it: arcs and circles (`rotations`), orbits of more units (`orbits`).

Rotations are isometries that keep the surrogate of the family's own stratum. So its second order across the family is the same everywhere.
If they keep the surrogates and the zero switches of all adjacent cells, too, so is everything else. If not, the slopes into these cells are
followed along the family, as polynomials: on an arc by `circles`, on simplices of spheres by `simplices`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any

from flint import fmpq, fmpq_mpoly

from reluspec.engines.algebraic.exact.scalars import FRACTIONS, Undetermined
from reluspec.engines.algebraic.judging.adjacent import geometry
from reluspec.engines.algebraic.judging.circles import Chord
from reluspec.engines.algebraic.judging.local import ZeroSwitch
from reluspec.engines.algebraic.judging.sides import LocalTest, NestedSwitchesError
from reluspec.engines.algebraic.judging.surroundings import MAX_SIDES, slope_of
from reluspec.engines.algebraic.judging.verdict import Decision, Verdict
from reluspec.engines.algebraic.stationary.charts import Terms, derivative
from reluspec.engines.algebraic.stationary.rotations import along
from reluspec.engines.algebraic.stationary.simplices import sign_on_simplices
from reluspec.systems.surrogate import Surrogate, rational


class CurvedTest(LocalTest):
    """First and second order along an arc, a circle or an orbit."""

    def decision_along(self) -> Decision:
        """The verdict at the witness, if it holds along the whole family."""
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
            signs = set(self._slope_signs())
        except Undetermined as reason:
            return Decision(Verdict.UNDECIDED, "", str(reason))
        if -1 in signs:
            return Decision(Verdict.NOT_MINIMUM, "first order along a family", "the function falls, to first order")
        if 0 in signs:
            return Decision(Verdict.UNDECIDED, "", "degenerate: a kink without a slope along a family of critical points")
        # All slopes rise everywhere: what is left is the second order within the stratum, which rotations keep.
        return decision

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
            for terms in (*polynomials, self.chart.even(local.loss)):
                cleared = self.chart.cleared(terms, local.context)
                if not all(along(cleared, pairs).is_zero() for pairs in self.found.turns):
                    return False
        return True

    def _slope_signs(self) -> Iterator[int]:
        """The signs, all along, of the slopes on every cell around; the zero switches are affine, and the same everywhere."""
        size = len(self.found.witness)
        normals = [slope_of(self._base.switches[position].polynomial) for position in self._affine]
        around = geometry(size, [ZeroSwitch(normal) for normal in normals], FRACTIONS, MAX_SIDES)
        for piece in around.pieces:
            local = self._surrogate(dict(zip(self._affine, piece.signs, strict=True)))
            if local is None:
                raise Undetermined("a cell that does not exist")
            loss = self.chart.even(local.loss)
            gradient = [derivative(loss, k) for k in range(size)]
            for ray in piece.cone.rays:
                yield self._sign_along(self.chart.cleared(_combined(gradient, ray), local.context))

    def _sign_along(self, polynomial: fmpq_mpoly) -> int:
        """The sign of a polynomial of the chart on the whole family. Raises `Undetermined`."""
        if self._chord is not None:
            return self._chord.up_to_scale(polynomial.to_dict()).sign()
        return sign_on_simplices(polynomial.to_dict(), self.found)

    @cached_property
    def _chord(self) -> Chord | None:
        return Chord(self.found) if self.found.pairs else None


def _combined(gradient: Sequence[Terms], ray: Sequence[Any]) -> Terms:
    """The derivative along a ray."""
    total: Terms = {}
    for terms, step in zip(gradient, ray, strict=True):
        if step:
            for exponents, value in terms.items():
                total[exponents] = total.get(exponents, fmpq(0)) + value * rational(step)
    return total
