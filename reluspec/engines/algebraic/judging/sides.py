"""The general test of minimality: first and second order at a critical set, cell by cell (theory.md section 3).

In balls of growing precision, at last in exact numbers. A family is tested on a slice across it, after it has been proved that the data of
the test do not change along it (Morse-Bott); on an arc of a circle, where they turn, that the verdict does not (`circles`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any

from flint import ctx

from reluspec.engines.algebraic.exact.cones import cells
from reluspec.engines.algebraic.exact.scalars import BALLS, FRACTIONS, Scalars, Undetermined
from reluspec.engines.algebraic.judging.local import LocalKind, LocalVerdict, ZeroSwitch, local_verdict
from reluspec.engines.algebraic.judging.regions import RegionTest
from reluspec.engines.algebraic.judging.surroundings import MAX_SIDES, PRECISIONS, VARIES, slope_of
from reluspec.engines.algebraic.judging.verdict import Decision, Verdict
from reluspec.engines.algebraic.stationary.polyhedra import CriticalSet, field_scalars
from reluspec.errors import StratumError
from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs
from reluspec.systems.surrogate import Surrogate, monic_key


class NestedSwitchesError(Exception):
    """On some side of the zero switches another of them is another polynomial than on the side where they were formed."""


class LocalTest(RegionTest):
    """First and second order at a critical set, all sides of its switches together where they can be; else region by region."""

    def __init__(self, problem: Problem, signs: Signs, found: CriticalSet) -> None:
        super().__init__(problem, signs, found)
        self.flat = signs.all
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

    # Sides

    @cached_property
    def _affine(self) -> list[int]:
        """The zero switches of the first layer: the same affine polynomials on every side."""
        base = self._base.switches
        return [position for position in self.zeros if position < self._first_count and not base[position].polynomial.is_constant()]

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
        return self._zero_switch(local.switches[position].polynomial, scalars, point)

    @property
    def _varies(self) -> bool:
        """Whether the verdict at the witness may be another one elsewhere on the family; circles have a test of their own."""
        return self._is_affine_family and not self._constant()

    def _constant(self) -> bool:
        """Whether gradients and Hessians of all sides are the same along the family, exactly."""
        for local in self._expanded.values():
            if local is None:
                continue
            if not self._are_constant(local, [local.switches[position].polynomial for position in self._others]):
                return False
        return True
