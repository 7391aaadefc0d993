"""The general test of minimality: first and second order at a critical set, cell by cell (theory.md section 3).

In balls of growing precision, at last in exact numbers. A family is tested on a slice across it, after it has been proved that the data of
the test do not change along it (Morse-Bott); on an arc of a circle, where they turn, that the verdict does not (`circles`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from functools import cached_property
from typing import Any

from flint import ctx, fmpq_mpoly, fmpq_mpoly_ctx

from reluspec.engines.algebraic.exact.algebraic import Algebraic
from reluspec.engines.algebraic.exact.cones import TooManyCells, cells
from reluspec.engines.algebraic.exact.forms import positive_definite
from reluspec.engines.algebraic.exact.linear import echelon
from reluspec.engines.algebraic.exact.scalars import BALLS, FRACTIONS, Scalars, Undetermined
from reluspec.engines.algebraic.judging.local import LocalKind, LocalVerdict, ZeroSwitch, local_verdict
from reluspec.engines.algebraic.judging.verdict import Decision, Verdict
from reluspec.engines.algebraic.stationary.charts import Chart, ParityError, Terms, derivative
from reluspec.engines.algebraic.stationary.frames import turned
from reluspec.engines.algebraic.stationary.polyhedra import CriticalSet, Shape, field_scalars, on_family, value_at
from reluspec.engines.algebraic.stationary.rotations import Pairs, along, unit_pairs
from reluspec.errors import StratumError
from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs, sign_values
from reluspec.systems.existence import strictly_feasible
from reluspec.systems.surrogate import Surrogate, constant_value, monic_key, surrogate

PRECISIONS = (128, 512)
VARIES = "the second order varies along a family of critical points"
MAX_SIDES = 4_096
"""Sign vectors of the switches that vanish at a point, beyond which it is not decided."""


class NestedSwitchesError(Exception):
    """On some side of the zero switches another of them is another polynomial than on the side where they were formed."""


class LocalTest:
    """First and second order at a critical set, in its chart."""

    def __init__(self, problem: Problem, signs: Signs, found: CriticalSet) -> None:
        self.problem, self.signs, self.found = problem, signs, found
        self.chart = Chart(found.living)
        self.flat = signs.all
        self.zeros = [position for position, sign in enumerate(self.flat) if sign == "0"]
        reduced = echelon(found.directions, len(found.witness), field_scalars(found.field))
        self.positions = [k for k in range(len(found.witness)) if k not in reduced.columns]
        self._short: dict[str, fmpq_mpoly] = {}
        self._expanded: dict[tuple[tuple[int, int], ...], Surrogate | None] = {}

    def decision(self) -> Decision:
        """Balls first, exact numbers last.

        Before these come regions that are flat along orbits of rotations: the end of an arc of minima has ties that are known.
        """
        if (decision := self._by_balls()) is not None:
            return decision
        if self.rotations and (by_regions := self.decision_by_regions(exactly=False)).verdict is not Verdict.UNDECIDED:
            return by_regions
        return self._exactly()

    def _by_balls(self) -> Decision | None:
        # Balls cannot prove that a derivative vanishes, which is known beforehand only at regular points.
        for bits in () if self.found.singular else PRECISIONS:
            with ctx.workprec(bits), suppress(Undetermined):
                return self._decided(BALLS, [value.ball(bits) for value in self.found.witness])
        return None

    def _exactly(self) -> Decision:
        return self._decided(field_scalars(self.found.field), self.found.witness)

    def _decided(self, scalars: Scalars, point: Sequence[Any]) -> Decision:
        degenerate = ""
        for side in self._first_sides():
            verdict = self._on_side(side, scalars, point)
            if verdict.kind is LocalKind.NOT_MINIMUM:
                if self._varies:
                    return Decision(Verdict.UNDECIDED, "", VARIES)
                return Decision(Verdict.NOT_MINIMUM, "first and second order", verdict.reason)
            if verdict.kind is LocalKind.DEGENERATE:
                degenerate = degenerate or verdict.reason
        if degenerate:
            return Decision(Verdict.UNDECIDED, "", f"degenerate: {degenerate}")
        if self._varies:
            return Decision(Verdict.UNDECIDED, "", VARIES)
        return Decision(Verdict.MINIMUM, "first and second order")

    # Regions, one by one

    def decision_by_regions(self, exactly: bool = True) -> Decision:
        """Where switches depend on the sides of others, or all sides together do not decide: every region with its own polynomials.

        Says nothing of affine families, along which the regions change.
        """
        if self.found.directions and not self.found.is_curved:
            return Decision(Verdict.UNDECIDED, "", "nested switches along a family")
        degenerate = ""
        for count, (local, sides) in enumerate(self._regions(self.signs, self.zeros)):
            if count >= MAX_SIDES:
                raise TooManyCells(f"more than {MAX_SIDES:,} regions meet at a point")
            if self._rotates_to_a_minimum(local):
                continue
            try:
                verdict = self._region_verdict(local, sides, exactly)
            except Undetermined as reason:
                degenerate = degenerate or str(reason)
                continue
            if verdict is not None and verdict.kind is LocalKind.NOT_MINIMUM:
                return Decision(Verdict.NOT_MINIMUM, "first and second order, region by region", verdict.reason)
            if verdict is not None and verdict.kind is LocalKind.DEGENERATE:
                degenerate = degenerate or verdict.reason
        if degenerate:
            return Decision(Verdict.UNDECIDED, "", f"degenerate: {degenerate}")
        return Decision(Verdict.MINIMUM, "first and second order, region by region")

    def _regions(self, signs: Signs, left: Sequence[int]) -> Iterator[tuple[Surrogate, dict[int, int]]]:
        """All ways to choose sides, each switch formed after the sides of those before it; one that is zero there stays so.

        A region whose affine switches have no common point near theta* is left out.
        """
        local = self._around(signs)
        if not left:
            chosen = {position: sign_values(signs.all)[position] for position in self.zeros if signs.all[position] != "0"}
            if self._is_there(local, chosen):
                yield local, chosen
            return
        first, *rest = left
        if local.switches[first].polynomial.is_zero():
            yield from self._regions(signs, rest)
            return
        for side in "+-":
            flat = signs.all
            yield from self._regions(signs.reshaped(flat[:first] + side + flat[first + 1 :]), rest)

    def _is_there(self, local: Surrogate, sides: dict[int, int]) -> bool:
        """Whether the affine ones among the switches have these sides somewhere near theta*; exact."""
        polynomials = ((side, local.switches[position].polynomial) for position, side in sides.items())
        return strictly_feasible([[side * entry for entry in slope_of(poly)] for side, poly in polynomials if poly.total_degree() == 1])

    def _region_verdict(self, local: Surrogate, sides: dict[int, int], exactly: bool) -> LocalVerdict | None:
        """Balls first; raises `Undetermined` where they do not tell and exact numbers are not wanted."""
        for bits in () if self.found.singular else PRECISIONS:
            with ctx.workprec(bits), suppress(Undetermined):
                return self._on_region(local, sides, BALLS, [value.ball(bits) for value in self.found.witness])
        if not (exactly or self.found.singular):
            raise Undetermined("balls do not tell on a region around a point")
        return self._on_region(local, sides, field_scalars(self.found.field), self.found.witness)

    def _on_region(self, local: Surrogate, sides: dict[int, int], scalars: Scalars, point: Sequence[Any]) -> LocalVerdict | None:
        """The test on one region; `None` where two of its switches, multiples of each other, have contradicting sides."""
        different: dict[str, tuple[int, int]] = {}
        for position, side in sides.items():
            polynomial = local.switches[position].polynomial
            oriented = side if polynomial.leading_coefficient() > 0 else -side
            known = different.setdefault(monic_key(polynomial), (position, oriented))
            if known[1] != oriented:
                return None
        names = [position for position, _ in different.values()]
        zero = [self._switch(local, position, scalars, point) for position in names]
        taylor = self._taylor(local, scalars, point)
        here = tuple(sides[position] for position in names)
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
        point, scalars = self.found.witness, field_scalars(self.found.field)
        loss = self.chart.even(local.loss)
        cleared = self.chart.cleared(loss, local.context)
        kept = [pairs for pairs in self.rotations if along(cleared, pairs).is_zero()]
        columns = echelon([turned(point, pairs, scalars.zero) for pairs in kept], len(point), scalars).columns
        every = range(len(point))
        if not columns or any(self._value(derivative(loss, k), scalars, point) != 0 for k in every):
            return False
        slice_ = [k for k in every if k not in columns]
        for bits in PRECISIONS:
            with ctx.workprec(bits):
                if positive_definite(self._hessian(loss, BALLS, [value.ball(bits) for value in point], slice_), BALLS):
                    return True
        return False

    # Sides

    @cached_property
    def _affine(self) -> list[int]:
        """The zero switches of the first layer: the same affine polynomials on every side."""
        base = self._base.switches
        return [position for position in self.zeros if position < self._first_count and not base[position].polynomial.is_constant()]

    @cached_property
    def _base(self) -> Surrogate:
        return self._around(self.signs)

    def _around(self, signs: Signs) -> Surrogate:
        """The surrogate with its zero switches as short as they are around the critical set. Raises `StratumError`."""
        local = surrogate(self.problem, signs)
        switches = list(local.switches)
        for position in self.zeros:
            switches[position] = replace(switches[position], polynomial=self._shortened(switches[position].polynomial))
        return replace(local, switches=tuple(switches))

    def _shortened(self, polynomial: fmpq_mpoly) -> fmpq_mpoly:
        """A zero switch without the factors that have one sign around the critical set, times that sign.

        The switches of a deeper unit that wakes are w h_i, where the h_i > 0 come from the layer before: all of them are w.
        """
        if polynomial.total_degree() < 2 or self.found.is_curved:
            return polynomial
        key = str(polynomial)
        if key not in self._short:
            content, factors = polynomial.factor()
            sign, kept = 1 if content > 0 else -1, polynomial.context().constant(1)
            for factor, power in factors:
                side = self._constant_sign(factor)
                sign = sign * side if side and power % 2 else sign
                kept = kept if side else kept * factor ** (2 - power % 2)
            self._short[key] = polynomial if kept.is_constant() else sign * kept
        return self._short[key]

    def _constant_sign(self, polynomial: fmpq_mpoly) -> int:
        """The sign around the critical set where it is proved to be one and the same, not zero; else 0."""
        try:
            terms, sign = self._charted(polynomial)
        except ParityError:
            return 0
        if self.found.directions and not self._is_constant(terms, self._shape, polynomial.context()):
            return 0
        value: Algebraic = self._value(terms, field_scalars(self.found.field), self.found.witness)
        return sign * value.sign()

    @cached_property
    def _others(self) -> list[int]:
        """Zero switches that depend on the signs of others."""
        return [position for position in self.zeros if position not in self._affine and not self._always_zero(position)]

    def _always_zero(self, position: int) -> bool:
        """A switch of the first layer at x = 0 without bias; a deeper one is never taken for granted."""
        return position < self._first_count and self._base.switches[position].polynomial.is_zero()

    @property
    def _first_count(self) -> int:
        """How many switches the first hidden layer has: they come first."""
        hidden, *others = self.signs.layers
        return sum(map(len, hidden)) if others else 0

    def _first_sides(self) -> Iterator[dict[int, int]]:
        """The signs of the first layer's zero switches on the cells around; one empty choice where no other switch depends on them."""
        if not self._others:
            yield {}
            return
        rows = [slope_of(self._base.switches[position].polynomial) for position in self._affine]
        for sides in cells(rows, len(self.found.witness), FRACTIONS, MAX_SIDES):
            yield dict(zip(self._affine, sides, strict=True))

    def _surrogate(self, sides: dict[int, int]) -> Surrogate | None:
        """The surrogate where the zero switches have these signs; `None` where a constant switch contradicts them."""
        key = tuple(sorted(sides.items()))
        if key not in self._expanded:
            flat = list(self.flat)
            for position, side in sides.items():
                flat[position] = "+" if side > 0 else "-"
            try:
                self._expanded[key] = self._around(self.signs.reshaped("".join(flat)))
            except StratumError:
                self._expanded[key] = None
        return self._expanded[key]

    # One side

    def _on_side(self, first: dict[int, int], scalars: Scalars, point: Sequence[Any]) -> LocalVerdict:
        """The test with the first layer's zero switches on one side (or, where no other switch depends on them, on all sides)."""
        base = self._surrogate(dict.fromkeys(self._others, 1) | first)
        if base is None or any(base.switches[position].polynomial.is_zero() for position in self._others):
            raise NestedSwitchesError
        names = [*self._affine, *self._distinct(base)]
        zero = [self._switch(base, position, scalars, point) for position in names]

        def expansion(sides: tuple[int, ...]) -> tuple[Sequence[Any], Sequence[Sequence[Any]]]:
            local = self._surrogate(self._all_sides(base, dict(zip(names, sides, strict=True))))
            same = local is not None and all(
                local.switches[position].polynomial == base.switches[position].polynomial for position in (*self._affine, *self._others)
            )
            if local is None or not same:
                raise NestedSwitchesError
            return self._taylor(local, scalars, point)

        def kept(sides: tuple[int, ...]) -> bool:
            return all(side == first.get(name, side) for name, side in zip(names, sides, strict=True))

        return local_verdict(len(self.positions), zero, expansion, scalars, stratum_critical=not self.found.singular, kept=kept)

    def _distinct(self, base: Surrogate) -> list[int]:
        """One of each group of the other zero switches that are multiples of each other on this side."""
        return list({monic_key(base.switches[position].polynomial): position for position in reversed(self._others)}.values())

    def _all_sides(self, base: Surrogate, sides: dict[int, int]) -> dict[int, int]:
        """The sides of multiples follow those of their representatives."""
        whole = dict(sides)
        for position in self._others:
            polynomial = base.switches[position].polynomial
            for name in sides:
                other = base.switches[name].polynomial
                if position not in whole and monic_key(polynomial) == monic_key(other):
                    same = polynomial.leading_coefficient() * other.leading_coefficient() > 0
                    whole[position] = sides[name] if same else -sides[name]
        return whole

    def _switch(self, local: Surrogate, position: int, scalars: Scalars, point: Sequence[Any]) -> ZeroSwitch:
        terms, sign = self._charted(local.switches[position].polynomial)
        gradient = tuple(sign * self._value(derivative(terms, k), scalars, point) for k in self.positions)
        if all(min(exponents) >= 0 and sum(exponents) <= 1 for exponents in terms):
            return ZeroSwitch(gradient, None)
        return ZeroSwitch(gradient, [[sign * entry for entry in row] for row in self._hessian(terms, scalars, point)])

    def _charted(self, polynomial: fmpq_mpoly) -> tuple[Terms, int]:
        """A switch in the chart, up to positive factors, and the sign to multiply it by."""
        image, parity = self.chart.transform(polynomial)
        image = self.chart.cleared(image, polynomial.context()).to_dict()
        sign = 1
        for odd, sigma in zip(parity, self.found.sigma, strict=True):
            sign = sign * sigma if odd else sign
        return image, sign

    def _taylor(self, local: Surrogate, scalars: Scalars, point: Sequence[Any]) -> tuple[list[Any], list[list[Any]]]:
        loss = self.chart.even(local.loss)
        return list(self._gradient(loss, scalars, point)), self._hessian(loss, scalars, point)

    def _gradient(self, terms: Terms, scalars: Scalars, point: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(self._value(derivative(terms, k), scalars, point) for k in self.positions)

    def _hessian(self, terms: Terms, scalars: Scalars, point: Sequence[Any], positions: Sequence[int] | None = None) -> list[list[Any]]:
        chosen = self.positions if positions is None else positions
        size = range(len(chosen))
        found: list[list[Any]] = [[None] * len(size) for _ in size]
        for i in size:
            first = derivative(terms, chosen[i])
            for j in range(i + 1):
                found[i][j] = found[j][i] = self._value(derivative(first, chosen[j]), scalars, point)
        return found

    def _value(self, terms: Terms, scalars: Scalars, point: Sequence[Any]) -> Any:
        return value_at(terms, point, scalars.zero)

    @property
    def _varies(self) -> bool:
        """Whether the verdict at the witness may be another one elsewhere on the family; circles have a test of their own."""
        return bool(self.found.directions) and not self.found.is_curved and not self._constant()

    def _constant(self) -> bool:
        """Whether gradients and Hessians of all sides are the same along the family, exactly."""
        for local in self._expanded.values():
            if local is None:
                continue
            loss = self.chart.even(local.loss)
            switches = [self._charted(local.switches[position].polynomial)[0] for position in self._others]
            for terms in (loss, *switches):
                for i in self.positions:
                    first = derivative(terms, i)
                    if not all(
                        self._is_constant(entry, self._shape, local.context)
                        for entry in (first, *(derivative(first, j) for j in self.positions))
                    ):
                        return False
        return True

    @cached_property
    def _shape(self) -> Shape:
        found = self.found
        return Shape(found.field, found.witness, found.directions, found.living, found.singular)

    def _is_constant(self, terms: Terms, shape: Shape, context: fmpq_mpoly_ctx) -> bool:
        """Whether a function of the chart is the same on the whole family; one with negative powers only where no s changes."""
        least = {unit.output: min((exponents[unit.output] for exponents in terms), default=0) for unit in self.found.living}
        if any(power < 0 and any(step[k] != 0 for step in shape.directions) for k, power in least.items()):
            return False
        return on_family(self.chart.cleared(terms, context), shape, 0) is not None


def slope_of(polynomial: fmpq_mpoly) -> tuple[Fraction, ...]:
    """The gradient of an affine polynomial."""
    return tuple(constant_value(polynomial.derivative(k)) or Fraction(0) for k in range(polynomial.context().nvars()))
