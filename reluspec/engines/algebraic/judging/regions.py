"""First and second order at a critical set, region by region: every region with its own polynomials.

Deeper switches are other polynomials on every side of those before them, zero on some. So regions are chosen switch by switch, each formed
after the signs of the former, and cut further by the signs of factors (`parts`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any, TypeAlias

from flint import ctx, fmpq_mpoly

from reluspec.engines.algebraic.exact.cones import at_most
from reluspec.engines.algebraic.exact.forms import positive_definite
from reluspec.engines.algebraic.exact.linear import echelon
from reluspec.engines.algebraic.exact.scalars import BALLS, Scalars, Undetermined
from reluspec.engines.algebraic.judging.local import LocalKind, LocalVerdict, local_verdict
from reluspec.engines.algebraic.judging.parts import Part, Split, parts, split, whole
from reluspec.engines.algebraic.judging.surroundings import MAX_SIDES, PRECISIONS, REGIONS, VARIES, Surroundings, slope_of
from reluspec.engines.algebraic.judging.verdict import Decision, Verdict
from reluspec.engines.algebraic.stationary.charts import ParityError, derivative
from reluspec.engines.algebraic.stationary.frames import turned
from reluspec.engines.algebraic.stationary.rotations import Pairs, along, unit_pairs
from reluspec.errors import StratumError
from reluspec.regions.signs import Signs, sign_values
from reluspec.systems.existence import strictly_feasible
from reluspec.systems.surrogate import Surrogate

Sides: TypeAlias = dict[int, int]
"""Switches that vanish, by their positions, and the signs that they have on a region."""


class RegionTest(Surroundings):
    """The test on each of the regions around a critical set."""

    def decision_by_regions(self, exactly: bool = True) -> Decision:
        """Where switches depend on the sides of others, or all sides together do not decide: every region with its own polynomials.

        Of an affine family only where the data of the test are the same along it, region by region.
        """
        degenerate = ""
        for local, part in self._all_parts(lambda local, sides: not (self._rotates_to_a_minimum(local) or self._lies_above(local, sides))):
            verdict = self._verdict_on(local, part, exactly)
            if verdict.kind is LocalKind.NOT_MINIMUM:
                return Decision(Verdict.NOT_MINIMUM, "first and second order, region by region", verdict.reason)
            if verdict.kind is LocalKind.DEGENERATE:
                degenerate = degenerate or verdict.reason
        if degenerate:
            return Decision(Verdict.UNDECIDED, "", degenerate if degenerate == VARIES else f"degenerate: {degenerate}")
        return Decision(Verdict.MINIMUM, "first and second order, region by region")

    def _regions(self, signs: Signs, left: Sequence[int]) -> Iterator[tuple[Surrogate, Sides]]:
        """All ways to choose sides, each switch formed after the sides of those before it; one that is zero there stays so.

        A region whose affine switches have no common point near theta* is left out.
        """
        local = self._around(signs)
        if not left:
            sides = self._chosen(signs)
            if self._is_there(local, sides):
                yield local, sides
            return
        first, *rest = left
        if local.switches[first].polynomial.is_zero():
            yield from self._regions(signs, rest)
            return
        for side in "+-":
            flat = signs.all
            chosen = signs.reshaped(flat[:first] + side + flat[first + 1 :])
            if not rest or self._is_there(local, self._chosen(chosen)):
                yield from self._regions(chosen, rest)

    def _chosen(self, signs: Signs) -> Sides:
        """The sides of the zero switches that have one so far."""
        return {position: sign_values(signs.all)[position] for position in self.zeros if signs.all[position] != "0"}

    def _is_there(self, local: Surrogate, sides: Sides) -> bool:
        """Whether the affine ones among the switches have these sides somewhere near theta*; exact."""
        polynomials = ((side, local.switches[position].polynomial) for position, side in sides.items())
        return strictly_feasible([[side * entry for entry in slope_of(poly)] for side, poly in polynomials if poly.total_degree() == 1])

    def _all_parts(self, asks: Callable[[Surrogate, Sides], bool] = lambda _, __: True) -> Iterator[tuple[Surrogate, Part]]:
        """All parts of all regions that `asks` does not leave out. Raises `TooManyCells`."""
        regions = ((local, sides) for local, sides in self._regions(self.signs, self.zeros) if asks(local, sides))
        yield from at_most(MAX_SIDES, REGIONS, ((local, part) for local, sides in regions for part in self._parts(local, sides)))

    def _parts(self, local: Surrogate, sides: Sides) -> Iterator[Part]:
        """The parts of a region on which factors that vanish have one sign, but those that affine factors show to be empty; exact."""
        conditions = [(self._split(local.switches[position].polynomial), side) for position, side in sides.items()]
        for part in parts(conditions):
            rows = [[side * entry for entry in slope_of(factor)] for factor, side in part if factor.total_degree() == 1]
            if strictly_feasible(rows):
                yield part

    def _split(self, polynomial: fmpq_mpoly) -> Split:
        """A switch by those of its factors that vanish on the critical set; the signs of the others go to the front.

        As a whole where its factors do not have the sign symmetries of the chart.
        """
        found, sign, kept = split(polynomial), 1, {}
        for key, factor in found.factors.items():
            try:
                self._charted(factor)
            except ParityError:
                return whole(polynomial)
            side = self._constant_sign(factor)
            if not side:
                kept[key] = factor
            elif key in found.odd:
                sign = sign * side
        return Split(found.sign * sign, kept, found.odd & kept.keys())

    def _verdict_on(self, local: Surrogate, part: Part, exactly: bool) -> LocalVerdict:
        if self._is_affine_family and not self._is_same_along(local, part):
            return LocalVerdict(LocalKind.DEGENERATE, VARIES)
        try:
            verdict = self._part_verdict(local, part, exactly)
        except Undetermined as reason:
            verdict = LocalVerdict(LocalKind.DEGENERATE, str(reason))
        if exactly and verdict.kind is LocalKind.DEGENERATE:
            return self._across_rotations(local, part) or verdict
        return verdict

    def _is_same_along(self, local: Surrogate, part: Part) -> bool:
        """Whether factors that vanish do so all along the family, and the test sees the same everywhere."""
        factors = [factor for factor, _ in part]
        values = (self._charted(factor)[0] for factor in factors)
        return all(self._is_constant(terms, self._shape, local.context) for terms in values) and self._are_constant(local, factors)

    def _part_verdict(self, local: Surrogate, part: Part, exactly: bool) -> LocalVerdict:
        """Balls first; raises `Undetermined` where they do not tell and exact numbers are not wanted."""
        for bits in () if self.found.singular else PRECISIONS:
            with ctx.workprec(bits), suppress(Undetermined):
                return self._on_part(local, part, BALLS, [value.ball(bits) for value in self.found.witness])
        if not (exactly or self.found.singular):
            raise Undetermined("balls do not tell on a region around a point")
        return self._on_part(local, part, self._exact, self.found.witness)

    def _on_part(self, local: Surrogate, part: Part, scalars: Scalars, point: Sequence[Any]) -> LocalVerdict:
        zero = [self._zero_switch(factor, scalars, point) for factor, _ in part]
        taylor = self._taylor(local, scalars, point)
        here = tuple(side for _, side in part)
        critical = not self.found.singular
        return local_verdict(
            len(self.positions), zero, lambda _: taylor, scalars, stratum_critical=critical, kept=lambda signs: signs == here
        )

    @cached_property
    def rotations(self) -> list[Pairs]:
        """Parameters of units that may be rotated into each other around an isolated point or a curved family."""
        charted = {unit.output for unit in self.found.living}
        every = () if self.found.directions and not self.found.is_curved else unit_pairs(self.problem)
        return [pairs for pairs in every if not any(p in charted or q in charted for p, q in pairs)]

    def _rotates_to_a_minimum(self, local: Surrogate) -> bool:
        """Whether the loss of a region, as a polynomial on all parameters, is flat along an orbit of rotations and grows across it.

        Then the point is a minimum of it, and all the more in the region: near the point every orbit meets the slice on which coordinates
        that the rotations change keep their values, as many as the orbit has dimensions.
        """
        point, loss = self.found.witness, self.chart.even(local.loss)
        slice_ = self._slice(local)
        if not slice_ or any(self._value(derivative(loss, k), self._exact, point) != 0 for k in range(len(point))):
            return False
        for bits in PRECISIONS:
            with ctx.workprec(bits):
                if positive_definite(self._hessian(loss, BALLS, [value.ball(bits) for value in point], slice_), BALLS):
                    return True
        return False

    def _lies_above(self, local: Surrogate, sides: Sides, left: Sequence[int] | None = None) -> bool:
        """Whether the loss of a region is at least another region's, as a polynomial, that is flat along rotations and grows across them.

        Where an affine switch h with side s vanishes, the polynomials of its two sides differ by a product h q. If s q is positive at the
        point, the loss is at least the polynomial of the other side, near the point, on this side of h; and so on from there, by other
        switches. The end of an arc that touches a switch is a minimum so.
        """
        for position in sides if left is None else left:
            beyond = self._beyond(local, sides, position)
            if beyond is None:
                continue
            quotient, rest = divmod(local.loss - beyond.loss, local.switches[position].polynomial)
            if not rest.is_zero() or self._value(quotient.to_dict(), self._exact, self.found.witness).sign() != sides[position]:
                continue
            further = [other for other in (sides if left is None else left) if other != position]
            if self._rotates_to_a_minimum(beyond) or self._lies_above(beyond, sides | {position: -sides[position]}, further):
                return True
        return False

    def _beyond(self, local: Surrogate, sides: Sides, position: int) -> Surrogate | None:
        """The region on the other side of an affine switch, if all switches that vanish are the same polynomials there."""
        if self.found.living or local.switches[position].polynomial.total_degree() != 1:
            return None
        flat = list(self.signs.all)
        for k, side in (sides | {position: -sides[position]}).items():
            flat[k] = "+" if side > 0 else "-"
        try:
            beyond = self._around(self.signs.reshaped("".join(flat)))
        except StratumError:
            return None
        same = all(beyond.switches[k].polynomial == local.switches[k].polynomial for k in self.zeros)
        return beyond if same else None

    def _across_rotations(self, local: Surrogate, part: Part) -> LocalVerdict | None:
        """The test on the slice across the rotations that keep the loss of a region, where it proves a minimum; exact.

        Between the switches that the rotations keep, too: a point of the part, turned into the slice, is on their sides still.
        """
        slice_ = self._slice(local)
        if not slice_:
            return None
        kept = [(factor, side) for factor, side in part if all(self._turns(factor, pairs) for pairs in self._keeping(local))]
        zero = [self._zero_switch(factor, self._exact, self.found.witness, slice_) for factor, _ in kept]
        taylor = self._taylor(local, self._exact, self.found.witness, slice_)
        here = tuple(side for _, side in kept)
        verdict = local_verdict(len(slice_), zero, lambda _: taylor, self._exact, kept=lambda signs: signs == here)
        return verdict if verdict.kind is LocalKind.MINIMUM else None

    def _keeping(self, local: Surrogate) -> list[Pairs]:
        """The rotations that leave the loss of a region as it is."""
        return [pairs for pairs in self.rotations if self._turns(local.loss, pairs)]

    def _turns(self, polynomial: fmpq_mpoly, pairs: Pairs) -> bool:
        """Whether a polynomial does not change under rotations."""
        return along(self.chart.cleared(self._charted(polynomial)[0], polynomial.context()), pairs).is_zero()

    def _slice(self, local: Surrogate) -> list[int]:
        """The coordinates of a slice across the orbit of these rotations; none where they do not move the point."""
        point = self.found.witness
        turns = [turned(point, pairs, self._exact.zero) for pairs in self._keeping(local)]
        columns = echelon(turns, len(point), self._exact).columns
        return [k for k in range(len(point)) if k not in columns] if columns else []
