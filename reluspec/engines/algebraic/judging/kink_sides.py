"""The test at a critical set on convex kinks of the objective and the penalties, whose sides it does not enumerate (`kinked`).

Where a summand of the objective or of a penalty has one switch h that vanishes, the loss is `B + |D|` near the set, with D half the
difference of the summand's two sides, which h divides, provided that D / h is positive there. B and D depend on the sides of units (and of
the other switches that vanish), one region at a time. Where a region leaves a tie, directions without effect on B and all D are left out
(`effects`), with kinks that first order leaves tied on one side after the other: there they are smooth.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import replace
from functools import cached_property
from itertools import product
from typing import Any, TypeAlias

from flint import ctx, fmpq_mpoly

from reluspec.engines.algebraic.exact.cones import at_most, cells
from reluspec.engines.algebraic.exact.linear import rank
from reluspec.engines.algebraic.exact.scalars import BALLS, FRACTIONS, Scalars, Undetermined
from reluspec.engines.algebraic.judging.effects import changes, without_effect
from reluspec.engines.algebraic.judging.kinked import KinkedRegion, Taylor, kinked_verdict, tied_kinks
from reluspec.engines.algebraic.judging.local import LocalKind, LocalVerdict, ZeroSwitch
from reluspec.engines.algebraic.judging.sides import LocalTest
from reluspec.engines.algebraic.judging.surroundings import MAX_SIDES, PRECISIONS, REGIONS, VARIES, slope_of
from reluspec.engines.algebraic.judging.verdict import Decision, Verdict
from reluspec.engines.algebraic.stationary.charts import Terms
from reluspec.engines.algebraic.stationary.polyhedra import field_scalars
from reluspec.engines.algebraic.stationary.smoothness import smooth_switches, summand_switches
from reluspec.systems.surrogate import Surrogate, constant_value, monic_key

ARGUMENT = "first and second order, with multipliers of the kinks"

Divided: TypeAlias = tuple[fmpq_mpoly, dict[int, fmpq_mpoly]]
"""B, and D_k for the position of every kink."""

MAX_TIES = 4
"""Kinks tied by first order whose sides are looked at one by one."""


class NotConvexError(Exception):
    """A kink is not convex, or the loss does not depend on it."""


class KinkTest(LocalTest):
    """First and second order at a critical set, with kinks of the objective and the penalties on both sides at once."""

    def decision(self) -> Decision:
        """Region by region. Raises `NotConvexError`, `ParityError` and `TooManyCells` where the test does not apply."""
        degenerate = ""
        for local, sides in at_most(MAX_SIDES, REGIONS, self._sides()):
            verdict = self._verdict(local, sides, thorough=not degenerate)
            if verdict is not None and verdict.kind is LocalKind.NOT_MINIMUM:
                if self._varies:
                    return Decision(Verdict.UNDECIDED, "", VARIES)
                return Decision(Verdict.NOT_MINIMUM, ARGUMENT, verdict.reason)
            if verdict is not None and verdict.kind is LocalKind.DEGENERATE:
                degenerate = degenerate or verdict.reason
        if degenerate:
            return Decision(Verdict.UNDECIDED, "", f"degenerate: {degenerate}")
        return Decision(Verdict.UNDECIDED, "", VARIES) if self._varies else Decision(Verdict.MINIMUM, ARGUMENT)

    @cached_property
    def kinks(self) -> tuple[int, ...]:
        """The zero switches that are alone in their summand and across which it is not smooth."""
        of_summand, smooth = summand_switches(self.problem), smooth_switches(self.problem)
        vanishing = Counter(of_summand[position] for position in self.zeros)
        return tuple(
            position
            for position in self.zeros
            if of_summand[position] is not None and vanishing[of_summand[position]] == 1 and not smooth[position]
        )

    def _sides(self) -> Iterator[tuple[Surrogate, dict[int, int]]]:
        """The regions: cells of the first layer's switches, then sides of what else vanishes, the kinks apart."""
        rows = [slope_of(self._base.switches[position].polynomial) for position in self._affine]
        others = [position for position in self._others if position not in self.kinks]
        for chosen in cells(rows, len(self.found.witness), FRACTIONS, MAX_SIDES):
            flat = list(self.flat)
            for position, side in zip(self._affine, chosen, strict=True):
                flat[position] = "+" if side > 0 else "-"
            yield from self._regions(self.signs.reshaped("".join(flat)), others)

    # One region

    def _verdict(self, local: Surrogate, sides: dict[int, int], thorough: bool) -> LocalVerdict | None:
        """Balls first; `None` where two switches, multiples of each other, have contradicting sides."""
        known: dict[str, tuple[int, int]] = {}
        for position, side in sides.items():
            polynomial = local.switches[position].polynomial
            oriented = side if polynomial.leading_coefficient() > 0 else -side
            if known.setdefault(monic_key(polynomial), (position, oriented))[1] != oriented:
                return None
        chosen = {position: sides[position] for position, _ in known.values()}
        parts = self._divided(local, sides)
        for bits in () if self.found.singular else PRECISIONS:
            with ctx.workprec(bits), suppress(Undetermined):
                point = [value.ball(bits) for value in self.found.witness]
                verdict = kinked_verdict(self._region(local, chosen, parts, BALLS, point), BALLS, thorough)
                if verdict.kind is not LocalKind.DEGENERATE:
                    return verdict
                break
        scalars = field_scalars(self.found.field)
        verdict = kinked_verdict(self._region(local, chosen, parts, scalars, self.found.witness), scalars, thorough)
        if verdict.kind is LocalKind.DEGENERATE and thorough and self._is_minimum_beside(local, chosen, parts):
            return None
        return verdict

    def _is_minimum_beside(self, local: Surrogate, sides: dict[int, int], parts: Divided) -> bool:
        """Whether the point is proved to be a minimum on each side of the kinks whose multipliers leave them tied."""
        smooth, halves = parts
        scalars = field_scalars(self.found.field)
        tied = [list(halves)[k] for k in tied_kinks(self._region(local, sides, parts, scalars, self.found.witness), scalars)]
        if len(tied) > MAX_TIES:
            return False
        for choice in product((1, -1), repeat=len(tied)):
            one, rest = smooth, {position: half for position, half in halves.items() if position not in tied}
            for position, side in zip(tied, choice, strict=True):
                one = one + side * halves[position]
            if not self._is_minimum_on_slice(local, sides | dict(zip(tied, choice, strict=True)), (one, rest)):
                return False
        return True

    def _is_minimum_on_slice(self, local: Surrogate, sides: dict[int, int], parts: Divided) -> bool:
        """Whether the point is proved to be a minimum on a slice across the directions that have no effect on the region."""
        functions = [self.chart.even(part) for part in (parts[0], *parts[1].values())]
        idle = {} if self.found.directions else without_effect(self.positions, *functions)
        beside = copy(self)
        beside.positions = [k for k in self.positions if k not in idle]
        if not beside.positions:
            return True
        charted = {position: self._charted(local.switches[position].polynomial)[0] for position in sides}
        kept = {position: side for position, side in sides.items() if not any(changes(charted[position], step) for step in idle.values())}
        scalars = field_scalars(self.found.field)
        region = replace(beside._region(local, kept, parts, scalars, self.found.witness), critical=False)
        return kinked_verdict(region, scalars).kind is LocalKind.MINIMUM

    def _divided(self, local: Surrogate, sides: dict[int, int]) -> Divided:
        """B and the D_k on a region. Raises `NotConvexError`."""
        self._expanded[tuple(sorted(sides.items()))] = local
        smooth, halves = local.loss, {}
        for position in self.kinks:
            switch = local.switches[position].polynomial
            if switch.is_zero():
                continue
            half = self._half(local, sides, position)
            factor, remainder = divmod(half, switch)
            value = constant_value(factor)
            if not remainder.is_zero() or (self._constant_sign(factor) if value is None else value) <= 0:
                raise NotConvexError
            smooth = smooth - half
            halves[position] = half
        return smooth, halves

    def _half(self, local: Surrogate, sides: dict[int, int], position: int) -> fmpq_mpoly:
        """Half the difference of a kink's two sides; that of a penalty does not depend on the region."""
        if position not in self._penalties:
            flat = local.signs.all
            below = self._around(local.signs.reshaped(flat[:position] + "-" + flat[position + 1 :]))
            self._expanded[tuple(sorted((sides | {position: -1}).items()))] = below
            half = (local.loss - below.loss) / 2
            if position < len(flat) - len(local.signs.penalty):
                return half
            self._penalties[position] = half
        return self._penalties[position]

    @cached_property
    def _penalties(self) -> dict[int, fmpq_mpoly]:
        return {}

    def _region(self, local: Surrogate, sides: dict[int, int], parts: Divided, scalars: Scalars, point: Sequence[Any]) -> KinkedRegion:
        smooth, halves = parts
        switches = [self._oriented(local, position, side, scalars, point) for position, side in sides.items()]
        kinks = [self._expansion(self.chart.even(half), scalars, point) for half in halves.values()]
        straight = all(switch.hessian is None for switch in switches) and all(kink.hessian is None for kink in kinks)
        normals = [switch.normal for switch in switches] + [kink.gradient for kink in kinks]
        # As in `local`: the derivative along the stratum is the same on all sides.
        critical = not self.found.singular and (straight or rank(normals, len(self.positions), scalars) == len(normals))
        return KinkedRegion(self._expansion(self.chart.even(smooth), scalars, point), tuple(switches), tuple(kinks), critical)

    def _oriented(self, local: Surrogate, position: int, side: int, scalars: Scalars, point: Sequence[Any]) -> ZeroSwitch:
        """The switch, positive on the region."""
        switch = self._switch(local, position, scalars, point)
        if side > 0:
            return switch
        hessian = None if switch.hessian is None else [[-entry for entry in row] for row in switch.hessian]
        return ZeroSwitch(tuple(-entry for entry in switch.normal), hessian)

    def _expansion(self, terms: Terms, scalars: Scalars, point: Sequence[Any]) -> Taylor:
        gradient = self._gradient(terms, scalars, point)
        if all(min(exponents) >= 0 and sum(exponents) <= 1 for exponents in terms):
            return Taylor(gradient, None)
        return Taylor(gradient, self._hessian(terms, scalars, point))
