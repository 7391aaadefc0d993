"""Minima beside which the loss is flat: parameters, or combinations of them, that have no effect on some region around.

Let the loss of a region be the polynomial l, and N the space of directions e with `D_e l = 0` identically: weights without penalty of a
unit that is off there, for instance. l does not change along N, nor do the region's switches `h_j` with `D_e h_j = 0` for all e in N. So
if theta* is a minimum of l on the part of a slice across N where these switches have their sides, it is one on the region: moving a point
of the region along N into the slice changes neither. On the slice the coordinates are those that are no pivots of N; there the usual test
applies.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from flint import fmpq

from reluspec.engines.algebraic.exact.linear import sparse_kernel
from reluspec.engines.algebraic.judging.local import LocalKind, ZeroSwitch, local_verdict
from reluspec.engines.algebraic.judging.parts import Part
from reluspec.engines.algebraic.judging.regions import RegionTest
from reluspec.engines.algebraic.judging.splitting import has_minimum_at_origin
from reluspec.engines.algebraic.stationary.charts import Terms, derivative
from reluspec.engines.algebraic.stationary.polyhedra import field_scalars
from reluspec.systems.surrogate import Surrogate, rational

MAX_REGIONS = 512
"""Around one point: in exact numbers each takes milliseconds to seconds."""

Direction = dict[int, fmpq]
"""Coordinates that move -> how far."""


class EffectTest(RegionTest):
    """The test of an isolated critical point, region by region, each without the directions that have no effect there."""

    def is_minimum(self) -> bool:
        """Whether the point is proved to be a local minimum; exact."""
        count = 0
        for local, sides in self._regions(self.signs, self.zeros):
            for part in self._parts(local, sides):
                count += 1
                if count > MAX_REGIONS or not self._is_minimum_on(local, part):
                    return False
        return True

    def _is_minimum_on(self, local: Surrogate, part: Part) -> bool:
        loss = self.chart.even(local.loss)
        idle = without_effect(self.positions, loss)
        return any(
            self._is_minimum_across(without, loss, part) or self._is_minimum_by_splitting(without, local)
            for without in ([idle, {}] if idle else [{}])
        )

    def _is_minimum_by_splitting(self, idle: dict[int, Direction], local: Surrogate) -> bool:
        """Whether the region's polynomial has, on the whole slice, a minimum of higher order; at rational points only."""
        point = [entry.fraction() for entry in self.found.witness]
        if self.found.living or None in point:
            return False
        context, kept = local.context, [k for k in self.positions if k not in idle]
        shifted = local.loss.compose(*(gen + rational(value or Fraction(0)) for gen, value in zip(context.gens(), point, strict=True)))
        terms = {
            tuple(int(exponents[k]) for k in kept): Fraction(int(value.p), int(value.q))
            for exponents, value in shifted.to_dict().items()
            if sum(exponents) == sum(exponents[k] for k in kept)
        }
        return has_minimum_at_origin(terms, len(kept))

    def _is_minimum_across(self, idle: dict[int, Direction], loss: Terms, part: Part) -> bool:
        """Whether the point is a minimum on the slice that keeps the pivots, between the switches that no idle direction changes."""
        scalars, point = field_scalars(self.found.field), self.found.witness
        kept = [k for k in self.positions if k not in idle]
        if not kept:
            return True
        charted = ((*self._charted(factor), side) for factor, side in part)
        zero = [
            self._switch_at(terms, sign * side, kept)
            for terms, sign, side in charted
            if not any(changes(terms, direction) for direction in idle.values())
        ]
        slope = [self._value(derivative(loss, k), scalars, point) for k in kept]
        taylor = slope, self._hessian(loss, scalars, point, kept)
        here = (1,) * len(zero)
        found = local_verdict(len(kept), zero, lambda _: taylor, scalars, kept=lambda signs: signs == here)
        return found.kind is LocalKind.MINIMUM

    def _switch_at(self, terms: Terms, sign: int, positions: Sequence[int]) -> ZeroSwitch:
        """A switch that is positive on the region, in these coordinates."""
        scalars, point = field_scalars(self.found.field), self.found.witness
        gradient = tuple(sign * self._value(derivative(terms, k), scalars, point) for k in positions)
        bend: list[list[Any]] = [[sign * entry for entry in row] for row in self._hessian(terms, scalars, point, positions)]
        return ZeroSwitch(gradient, bend if any(entry != 0 for row in bend for entry in row) else None)


def changes(terms: Terms, direction: Direction) -> bool:
    """Whether a polynomial changes along a direction."""
    total: Terms = {}
    for k, step in direction.items():
        for exponents, value in derivative(terms, k).items():
            total[exponents] = total.get(exponents, fmpq(0)) + step * value
    return any(value != 0 for value in total.values())


def without_effect(positions: Sequence[int], *functions: Terms) -> dict[int, Direction]:
    """A basis of the directions, in these coordinates, along which none of the functions changes: pivot -> direction.

    A direction is 1 at its pivot, where the others are 0.
    """
    slopes = [[derivative(terms, k) for k in positions] for terms in functions]
    monomials = [sorted({exponents for terms in along for exponents in terms}) for along in slopes]
    pairs = [(along, exponents) for along, seen in zip(slopes, monomials, strict=True) for exponents in seen]
    table = [[terms.get(exponents, fmpq(0)) for terms in along] for along, exponents in pairs]
    found = sparse_kernel(table, len(positions))
    return {positions[free]: {positions[j]: entry for j, entry in vector.items()} for free, vector in found.items()}
