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
from itertools import chain, combinations
from typing import Any

from flint import fmpq_mpoly

from reluspec.engines.algebraic.exact.cones import TooManyCells
from reluspec.engines.algebraic.exact.forms import Copositivity, form_on_cone
from reluspec.engines.algebraic.exact.linear import echelon, rank
from reluspec.engines.algebraic.exact.scalars import FRACTIONS, Scalars, Vector
from reluspec.engines.algebraic.ideals.sweep import determinant
from reluspec.engines.algebraic.judging.adjacent import Geometry, Piece, ZeroSwitch, geometry
from reluspec.engines.algebraic.judging.effects import EffectTest, changes
from reluspec.engines.algebraic.judging.motions import Field, kept_subsets, motions
from reluspec.engines.algebraic.judging.parts import Part as Region
from reluspec.engines.algebraic.judging.surroundings import MAX_SIDES
from reluspec.engines.algebraic.judging.verdict import Verdict
from reluspec.engines.algebraic.stationary.charts import ParityError, Terms, derivative
from reluspec.engines.algebraic.stationary.cutting import CutNeeded, NotCutError, Part
from reluspec.engines.algebraic.stationary.polyhedra import CriticalSet, field_scalars
from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs
from reluspec.systems.surrogate import Surrogate, rational

MAX_FLAT = 6
"""Rays with slope zero for which all determinants are looked at."""
MAX_SIZE = 7
"""Rows of a determinant of polynomials."""


_Switch = tuple[Terms, int]
"""A switch in the chart and the sign that makes it positive in the region."""


class FamilyTest(EffectTest):
    """The test on a `part` of the family `whole`. What it asks may raise `CutNeeded`, `NotCutError`, `ParityError`, `TooManyCells`."""

    def __init__(self, problem: Problem, signs: Signs, whole: CriticalSet, part: CriticalSet) -> None:
        super().__init__(problem, signs, part)
        self.whole, self.part = Part(whole), Part(part)
        pivots = {next(k for k, entry in enumerate(step) if entry != 0) for step in whole.directions}
        self.positions = [k for k in range(len(whole.witness)) if k not in pivots]
        self.scalars: Scalars = FRACTIONS if self.part.size else field_scalars(part.field)

    def verdict(self) -> Verdict:
        """Of all points of the part; at one that is no open part of the family, provided that those beside it in the family are minima."""
        if self.found.singular:
            raise NotCutError("a family of critical points at which gradients of switches are dependent")
        found, needed, count = Verdict.MINIMUM, None, 0
        for local, sides in self._regions(self.signs, self.zeros):
            for region in self._parts(local, sides):
                count += 1
                if count > MAX_SIDES:
                    raise TooManyCells(f"more than {MAX_SIDES:,} regions meet at a point")
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
            raise NotCutError("other switches vanish where a family of critical points is cut")
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
        idle = self._without_effect(loss)
        if idle:
            rest = [k for k in self.positions if k not in idle]
            yield lambda: rest, [one for one in switches if not any(changes(one[0], step) for step in idle.values())]
        known: set[tuple[int, ...]] = set()
        for chosen in kept_subsets(len(switches)):
            fields = motions(loss, [switches[k][0] for k in chosen], len(self.found.witness))
            rows = self._moving(fields)
            if rows and chosen not in known:
                known.add(chosen)
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
            if rank(here, len(row), self.scalars) > len(independent):
                independent.append(row)
        return independent

    def _transversal(self, rows: Sequence[Sequence[Any]]) -> list[int]:
        """The slice without coordinates that the motions change, all of them independently at every point of the part."""
        here = [[self.part.at_witness(entry) for entry in row] for row in rows]
        columns = echelon(here, len(self.positions), self.scalars).columns
        if self.part.size and not self.part.sign(determinant([[row[j] for j in columns] for row in rows], self.part.context)):
            raise NotCutError("")
        return [k for j, k in enumerate(self.positions) if j not in columns]

    def _across(self, loss: Terms, switches: Sequence[_Switch], positions: Sequence[int]) -> Verdict:
        """The test in these coordinates, between these switches, which are positive in the region times their sides."""
        if not positions:
            return Verdict.MINIMUM
        bends = [self._bend(terms, sign, positions) for terms, sign in switches]
        zero = [self._normal(terms, sign, positions, bend is not None) for (terms, sign), bend in zip(switches, bends, strict=True)]
        around = geometry(
            len(positions),
            [ZeroSwitch(normal, bend) for normal, bend in zip(zero, bends, strict=True)],
            FRACTIONS,
            MAX_SIDES,
            lambda signs: all(sign > 0 for sign in signs),
        )
        gradient, hessian = self._expanded(loss, positions)
        answers = [self._on_cone(piece, around, gradient, hessian, bends) for piece in around.pieces if min(piece.signs, default=1) > 0]
        if Verdict.NOT_MINIMUM in answers:
            return Verdict.NOT_MINIMUM
        return Verdict.UNDECIDED if Verdict.UNDECIDED in answers else Verdict.MINIMUM

    def _expanded(self, terms: Terms, positions: Sequence[int]) -> tuple[list[Any], list[list[Any]]]:
        """Gradient and Hessian on the part, times a common positive function."""
        size = len(positions)
        first = [derivative(terms, k) for k in positions]
        values = self.part.values([*first, *(derivative(slope, k) for slope in first for k in positions)])
        return values[:size], [values[size * (i + 1) : size * (i + 2)] for i in range(size)]

    def _normal(self, terms: Terms, sign: int, positions: Sequence[int], bent: bool) -> Vector:
        """The gradient of a switch that is positive in the region: one vector all along, up to a positive factor."""
        entries = self.whole.values([derivative(terms, k) for k in positions])
        if all(self.whole.is_zero(entry) for entry in entries):
            return (Fraction(0),) * len(entries)
        at = next(
            (ratio for entry in entries if not entry.is_zero() and (ratio := _ratios(entries, entry)) is not None),
            None,
        )
        if at is None:
            raise NotCutError("the normal of a switch turns along a family of critical points")
        base, ratios = at
        if bent and not base.is_constant():
            raise NotCutError("the gradient of a bent switch changes along a family of critical points")
        side = sign * self._side_of(base)
        factor = abs(Fraction(int(base.leading_coefficient().p), int(base.leading_coefficient().q))) if bent else Fraction(1)
        return tuple(side * ratio * factor for ratio in ratios)

    def _side_of(self, value: Any) -> int:
        """The sign on the part of a polynomial on the whole family; not zero."""
        images = [self.part.found.witness[k] - self.whole.point[k] for k in self.whole.own]
        if not self.part.size:
            terms = value.to_dict()
            total = sum((_monomial(images, exponents) * entry for exponents, entry in terms.items()), self.part.found.field.element(0))
            side: int = total.sign()
        else:
            gens = self.part.context.gens()
            steps = [
                sum((gen * rational(step[k]) for gen, step in zip(gens, self.part.directions, strict=True)), self.part.context.constant(0))
                for k in self.whole.own
            ]
            at = [rational(image.fraction() or Fraction(0)) for image in images]
            side = self.part.sign(value.compose(*(step + entry for step, entry in zip(steps, at, strict=True))))
        if not side:
            raise NotCutError("the gradient of a switch vanishes where a family of critical points is cut")
        return side

    def _bend(self, terms: Terms, sign: int, positions: Sequence[int]) -> list[list[Any]] | None:
        """The Hessian of a switch that is positive in the region, on the part; `None` where it has none."""
        if all(min(exponents) >= 0 and sum(exponents) <= 1 for exponents in terms):
            return None
        _, hessian = self._expanded(terms, positions)
        if all(self.part.is_zero(entry) for row in hessian for entry in row):
            return None
        return [[entry * sign for entry in row] for row in hessian]

    # One cone

    def _on_cone(
        self, piece: Piece, around: Geometry, gradient: Sequence[Any], hessian: Sequence[Sequence[Any]], bends: Sequence[Any]
    ) -> Verdict:
        if piece.trivial:
            return Verdict.MINIMUM
        if any(not self.part.is_zero(_along(gradient, line)) for line in piece.cone.lineality):
            return Verdict.UNDECIDED
        slopes = [_along(gradient, ray) for ray in piece.cone.rays]
        signs = self._signs(slopes)
        if -1 in signs:
            return Verdict.NOT_MINIMUM if piece.open else Verdict.UNDECIDED
        flat = [ray for ray, sign in zip(piece.cone.rays, signs, strict=True) if not sign]
        basis = (*piece.cone.lineality, *flat)
        if not basis:
            return Verdict.MINIMUM
        matrix = [list(row) for row in hessian]
        if any(bend is not None for bend in bends):
            if not around.independent:
                return Verdict.UNDECIDED
            for slope, bend in zip(slopes, bends, strict=True):
                if bend is not None:
                    matrix = [[a - slope * b for a, b in zip(row, other, strict=True)] for row, other in zip(matrix, bend, strict=True)]
        return self._second_order(piece, matrix, flat)

    def _signs(self, values: Sequence[Any]) -> list[int]:
        """Signs on the part: a negative one counts whatever the others do. Raises `CutNeeded`."""
        found, needed = [], None
        for value in values:
            try:
                found.append(self.part.sign(value))
            except CutNeeded as cut:
                needed = needed or cut
        if needed is not None and -1 not in found:
            raise needed
        return found

    def _second_order(self, piece: Piece, matrix: Sequence[Sequence[Any]], flat: Sequence[Vector]) -> Verdict:
        """What a form says on the cone of the lineality space and the flat rays."""
        here = [[self.part.at_witness(entry) for entry in row] for row in matrix]
        lines = piece.cone.lineality
        form = form_on_cone(here, list(map(self.scalars.vector, lines)), list(map(self.scalars.vector, flat)), self.scalars)
        if not self.part.size:
            return Verdict.MINIMUM if form.kind is Copositivity.STRICT else Verdict.UNDECIDED
        if form.kind is Copositivity.NEGATIVE and form.direction is not None and piece.open:
            try:
                if self.part.sign(_form(matrix, form.direction)) < 0:
                    return Verdict.NOT_MINIMUM
            except (CutNeeded, NotCutError):
                pass
        basis = (*lines, *flat)
        gram = [[_along([_along(row, two) for row in matrix], one) for two in basis] for one in basis]
        constant = all(entry.is_constant() for row in gram for entry in row)
        if not constant and not self._keeps_its_kind(gram, len(lines)):
            return Verdict.UNDECIDED
        if form.kind is Copositivity.STRICT:
            return Verdict.MINIMUM
        return Verdict.NOT_MINIMUM if form.kind is Copositivity.NEGATIVE and piece.open else Verdict.UNDECIDED

    def _keeps_its_kind(self, gram: Sequence[Sequence[Any]], lines: int) -> bool:
        """Whether no determinant on the lines and some of the rays vanishes. Raises `CutNeeded`, `NotCutError`."""
        rays = range(lines, len(gram))
        if len(rays) > MAX_FLAT or len(gram) > MAX_SIZE:
            raise NotCutError("the second order varies along a family of critical points, in too many directions")
        for chosen in chain.from_iterable(combinations(rays, size) for size in range(len(rays) + 1)):
            rows = [*range(lines), *chosen]
            value = determinant([[gram[i][j] for j in rows] for i in rows], self.part.context)
            if not self.part.sign(value):
                return False
        return True


def _along(entries: Sequence[Any], direction: Sequence[Fraction]) -> Any:
    """A scalar product of polynomials, or numbers, with a rational vector."""
    total = entries[0] * 0
    for entry, step in zip(entries, direction, strict=True):
        if step:
            total = total + entry * rational(Fraction(step))
    return total


def _form(matrix: Sequence[Sequence[Any]], direction: Sequence[Fraction]) -> Any:
    return _along([_along(row, direction) for row in matrix], direction)


def _ratios(entries: Sequence[Any], base: Any) -> tuple[Any, list[Fraction]] | None:
    """All entries over one of them, where these are numbers; the base with them."""
    found = []
    for entry in entries:
        quotient = Fraction(0)
        if not entry.is_zero():
            lead = entry.leading_coefficient() / base.leading_coefficient()
            if entry != base * lead:
                return None
            quotient = Fraction(int(lead.p), int(lead.q))
        found.append(quotient)
    return base, found


def _monomial(values: Sequence[Any], exponents: Sequence[int]) -> Any:
    product: Any = 1
    for value, exponent in zip(values, exponents, strict=True):
        product = product * value ** int(exponent) if exponent else product
    return product
