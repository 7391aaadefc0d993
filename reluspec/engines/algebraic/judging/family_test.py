"""First and second order on a part of an affine family of critical points: one verdict for all of it, or where it has to be cut.

Around the points z(t) of a family the loss of a region is `l(z(t)) + g(t).y + y^T H(t) y / 2 + ...` for y in a slice across the
family, and l(z(t)) is the same for all t. Let the normals of the zero switches be the same all along, up to positive factors, so that
the region has one cone C. Write slopes for the g(t).r along the extreme rays r of C, K for the cone of the rays whose slope vanishes on
the whole part, together with the lineality space, and L(t) for the Hessian of the Lagrangian.

*Minima.* If all slopes are >= 0 for t near t0 and L(t0) is positive on the cone of the rays with slope zero at t0, z(t0) is a minimum:
points z(t) + y of the region that tend to z(t0), with a loss no larger, have `0 >= sum nu_j(t) s_j h_j + y^T L(t) y / 2 + o(y^2)`, and
nu >= 0, so that L(t0) is not positive at a limit of the directions y / |y|, and this limit is in C with slope zero.

*None.* A negative slope, or a negative value of L(t0) on K, for the reasons in `local`. As the loss is constant on the family, points
of it near which there are such points are no minima, either: they are a closed part of the family.

*One verdict.* Where no slope changes its sign the first order says one thing. A form that is positive on K (strictly copositive) ceases
to be so where, for some of K's rays, its matrix on the lineality space and these rays is singular: at the first zero x, a minimum, the
gradient vanishes along the face of K that x is inside of. So if none of these determinants is zero on a connected part, the form is
positive on K on all of it or negative somewhere on all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import partial
from typing import Any

from flint import fmpq_mpoly

from reluspec.engines.algebraic.exact.linear import echelon, rank
from reluspec.engines.algebraic.exact.scalars import FRACTIONS, Vector
from reluspec.engines.algebraic.judging.adjacent import ZeroSwitch, geometry
from reluspec.engines.algebraic.judging.effects import EffectTest, changes, without_effect
from reluspec.engines.algebraic.judging.motions import Field, kept_subsets, motions
from reluspec.engines.algebraic.judging.moving_cones import ConeTest, MovingCone
from reluspec.engines.algebraic.judging.parts import Part as Region
from reluspec.engines.algebraic.judging.surroundings import MAX_SIDES
from reluspec.engines.algebraic.judging.verdict import Verdict
from reluspec.engines.algebraic.stationary.charts import ParityError, Terms, derivative
from reluspec.engines.algebraic.stationary.cutting import CutNeeded, NotCutError, Part
from reluspec.engines.algebraic.stationary.polyhedra import CriticalSet
from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs
from reluspec.systems.surrogate import Surrogate, fraction, rational

_Switch = tuple[Terms, int]
"""A switch in the chart and the sign that makes it positive in the region."""


class FamilyTest(EffectTest):
    """The test on a `part` of the family `whole`. What it asks may raise `CutNeeded`, `NotCutError`, `ParityError`, `TooManyCells`."""

    def __init__(self, problem: Problem, signs: Signs, whole: CriticalSet, part: CriticalSet) -> None:
        super().__init__(problem, signs, part)
        self.whole, self.part = Part(whole), Part(part)
        pivots = {next(k for k, entry in enumerate(step) if entry != 0) for step in whole.directions}
        self.positions = [k for k in range(len(whole.witness)) if k not in pivots]
        self.cones = ConeTest(self.part)

    def verdict(self) -> Verdict:
        """Of all points of the part; at one that is no open part of the family, provided that those beside it in the family are minima."""
        if self.found.singular:
            raise NotCutError("gradients of switches are dependent")
        found, needed = Verdict.MINIMUM, None
        for local, region in self._all_parts():
            try:
                here = self._on(local, region)
            except CutNeeded as cut:
                needed = needed or cut
                continue
            if here is Verdict.NOT_MINIMUM:
                return here
            found = here if here is Verdict.UNDECIDED else found
        if needed is not None:
            raise needed
        return found

    def _constant_sign(self, polynomial: fmpq_mpoly) -> int:
        """The one sign of a factor of a switch on the part; 0 where it vanishes on the whole family."""
        try:
            terms, sign = self._charted(polynomial)
        except ParityError:
            return 0
        side = self._sign(terms)
        return sign * side

    def _sign(self, terms: Terms) -> int:
        side = self.part.sign(self.part.values([terms])[0])
        if not side and not self.whole.is_zero(self.whole.values([terms])[0]):
            raise NotCutError("other switches vanish where it is cut")
        return side

    # One region

    def _on(self, local: Surrogate, region: Region) -> Verdict:
        """On a region: as a whole, or across motions that keep its loss, which can prove minima only."""
        loss = self.chart.even(local.loss)
        charted = [(*self._charted(factor), side) for factor, side in region]
        switches = [(terms, sign * side) for terms, sign, side in charted]
        verdict = self._across(loss, switches, self.positions)
        if verdict is not Verdict.UNDECIDED:
            return verdict
        needed = None
        for positions, kept in self._slices(loss, switches):
            try:
                if self._across(loss, kept, positions()) is Verdict.MINIMUM:
                    return Verdict.MINIMUM
            except CutNeeded as cut:
                needed = needed or cut
        if needed is not None:
            raise needed
        return verdict

    def _slices(self, loss: Terms, switches: Sequence[_Switch]) -> Iterator[tuple[Callable[[], list[int]], list[_Switch]]]:
        """Coordinates across motions that keep the loss, and the switches that these keep: constant motions first."""
        idle = without_effect(self.positions, loss)
        if idle:
            rest = [k for k in self.positions if k not in idle]
            yield lambda: rest, [one for one in switches if not any(changes(one[0], step) for step in idle.values())]
        for chosen in kept_subsets(len(switches)):
            fields = motions(loss, [switches[k][0] for k in chosen], len(self.found.witness))
            rows = self._moving(fields)
            if rows:
                yield partial(self._transversal, rows), [switches[k] for k in chosen]

    def _moving(self, fields: Sequence[Field]) -> list[list[Any]]:
        """Those of the fields that are independent across the family, at the part's point: their values on the part, in the slice."""
        independent: list[list[Any]] = []
        for field in fields:
            values = [self.part.values([terms])[0] for terms in field]
            for k, step in zip(self.whole.own, self.whole.directions, strict=True):
                values = [value - values[k] * rational(entry) if entry else value for value, entry in zip(values, step, strict=True)]
            row = [values[k] for k in self.positions]
            here = [[self.part.at_witness(entry) for entry in one] for one in (*independent, row)]
            if rank(here, len(row), self.cones.scalars) > len(independent):
                independent.append(row)
        return independent

    def _transversal(self, rows: Sequence[Sequence[Any]]) -> list[int]:
        """The slice without coordinates that the motions change, all of them independently at every point of the part."""
        here = [[self.part.at_witness(entry) for entry in row] for row in rows]
        columns = echelon(here, len(self.positions), self.cones.scalars).columns
        if not self.part.sign(self.cones.determinant([[row[j] for j in columns] for row in rows])):
            raise NotCutError("")
        return [k for j, k in enumerate(self.positions) if j not in columns]

    def _across(self, loss: Terms, switches: Sequence[_Switch], positions: Sequence[int]) -> Verdict:
        """The test in these coordinates, between these switches."""
        if not positions:
            return Verdict.MINIMUM
        gradient, hessian = self._expanded(loss, positions)
        bends = [self._bend(terms, sign, positions) for terms, sign in switches]
        answers = [self.cones.verdict(cone, gradient, hessian, bends) for cone in self._cones(switches, bends, positions)]
        if Verdict.NOT_MINIMUM in answers:
            return Verdict.NOT_MINIMUM
        return Verdict.UNDECIDED if Verdict.UNDECIDED in answers else Verdict.MINIMUM

    def _expanded(self, terms: Terms, positions: Sequence[int]) -> tuple[list[Any], list[list[Any]]]:
        """Gradient and Hessian on the part, times a common positive function."""
        size = len(positions)
        first = [derivative(terms, k) for k in positions]
        values = self.part.values([*first, *(derivative(slope, k) for slope in first for k in positions)])
        return values[:size], [values[size * (i + 1) : size * (i + 2)] for i in range(size)]

    def _bend(self, terms: Terms, sign: int, positions: Sequence[int]) -> list[list[Any]] | None:
        """The Hessian of a switch that is positive in the region, on the part; `None` for one that is affine on the slice."""
        if all(sum(exponents[k] for k in positions) <= 1 for exponents in terms):
            return None
        _, hessian = self._expanded(terms, positions)
        return [[entry * sign for entry in row] for row in hessian]

    def _cones(self, switches: Sequence[_Switch], bends: Sequence[Any], positions: Sequence[int]) -> list[MovingCone]:
        """The cone of the region: none where it is empty, several where dependent switches leave open which of them there are."""
        normals = [[entry * sign for entry in self._expanded(terms, positions)[0]] for terms, sign in switches]
        for (terms, _), normal in zip(switches, normals, strict=True):
            if all(map(self.part.is_zero, normal)) and not self._is_level(terms, positions):
                raise NotCutError("the gradient of a switch vanishes where it is cut")
        fixed = [self._one_direction(normal, bend is not None) for normal, bend in zip(normals, bends, strict=True)]
        if any(normal is None for normal in fixed):
            return [self.cones.turning(normals, len(positions))]
        zero = [ZeroSwitch(normal, bend) for normal, bend in zip(fixed, bends, strict=True) if normal is not None]
        around = geometry(len(positions), zero, FRACTIONS, MAX_SIDES, lambda signs: all(sign > 0 for sign in signs))
        scale = self.part.one if around.independent else None
        return [
            MovingCone(self._numbers(piece.cone.lineality), self._numbers(piece.cone.rays), piece.open, scale)
            for piece in around.pieces
            if min(piece.signs, default=1) > 0
        ]

    def _is_level(self, terms: Terms, positions: Sequence[int]) -> bool:
        """Whether the gradient of a switch vanishes on the whole family."""
        return all(map(self.whole.is_zero, self.whole.values([derivative(terms, k) for k in positions])))

    def _numbers(self, vectors: Sequence[Vector]) -> list[list[Any]]:
        return [[self.part.number(entry) for entry in vector] for vector in vectors]

    def _one_direction(self, normal: Sequence[Any], exactly: bool) -> Vector | None:
        """A normal as one vector of numbers all along the part, up to positive factors unless `exactly`; `None` where it turns.

        Raises `CutNeeded`, `NotCutError`.
        """
        base = next((entry for entry in normal if not self.part.is_zero(entry)), None)
        if base is None:
            return (Fraction(0),) * len(normal)
        if not self.part.size:
            exact = [entry.fraction() for entry in normal]
            return None if None in exact else tuple(entry for entry in exact if entry is not None)
        if exactly and not base.is_constant():
            return None
        ratios = [self._ratio(entry, base) for entry in normal]
        if None in ratios:
            return None
        factor = self.part.at_witness(base) if exactly else self.part.sign(base)
        return tuple(ratio * factor for ratio in ratios if ratio is not None)

    def _ratio(self, entry: Any, base: Any) -> Fraction | None:
        """A polynomial over another one, if that is a number."""
        if entry.is_zero():
            return Fraction(0)
        lead = entry.leading_coefficient() / base.leading_coefficient()
        return fraction(lead) if entry == base * lead else None
