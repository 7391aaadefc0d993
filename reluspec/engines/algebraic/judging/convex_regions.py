"""Problems that are convex on every region, in suitable coordinates: first-order conditions tell their minima, ties and families included.

On regions that are convex polyhedra in some coordinates, with a loss that is convex in them, theta* is a local minimum iff no region around
it has a direction of descent: otherwise, by convexity, the loss is nowhere on these regions below its value at theta*. Tangent cones and
slopes are the same in all coordinates. All points of a stratum have the same regions around them, and of points of equal loss on a convex
region all are least if one is: what holds at a point of a family holds on all of it. Three kinds, all with a loss that is convex in the
outputs, a linear output layer and convex penalties:

FIXED. All weights behind the first layer with a free parameter are fixed, activations piecewise linear: convex in theta.

PRODUCTS. One hidden layer of piecewise linear units, one output, penalties on the output layer only. A unit with a != 0 adds
`a phi(w.x) = alpha (a w).x + beta a` on a piece of phi, with switches `(a w).x - c a`: convex in (a w, a). An idle unit, a = 0, moves its w
freely without changing the loss, and for a fixed w the loss is convex in a and all else. So theta* is a minimum iff the others pass
and, for all w near w*, the slope by a, `sum_i g_i phi(w.x_i)`, is zero, with g the slopes of the loss at the outputs: on every region
around it is the zero polynomial. Some of w may be fixed: a w is linear in a and the products v of a and the others. In these coordinates
(`charts`, plain charts) a critical set with one sign of each a is a polyhedron, all of whose points have the same regions around them and,
as the loss is convex, the same g: one point tells for all.

OFF. Any network, penalties on the output layer only, all of whose weights are zero: what comes before it moves freely, and for fixed
features the loss is convex in the output layer. The condition is that of idle units, whatever the activations, layers and outputs.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from flint import fmpq, fmpq_mpoly

from reluspec.engines.algebraic.exact.algebraic import Algebraic
from reluspec.engines.algebraic.exact.cones import at_most, generators
from reluspec.engines.algebraic.exact.scalars import FRACTIONS, Vector
from reluspec.engines.algebraic.judging.convexity import ConvexIn, convex_kind
from reluspec.engines.algebraic.judging.plain_kinks import balanced_on_kinks
from reluspec.engines.algebraic.judging.sides import LocalTest
from reluspec.engines.algebraic.judging.surroundings import MAX_SIDES, REGIONS, slope_of
from reluspec.engines.algebraic.judging.verdict import Decision, Verdict
from reluspec.engines.algebraic.stationary.charts import derivative, plain_units
from reluspec.engines.algebraic.stationary.polyhedra import CriticalSet, field_scalars, in_parameters, value_at
from reluspec.engines.algebraic.stationary.smoothness import smooth_switches
from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs
from reluspec.systems.surrogate import Surrogate, surrogate

FIRST_ORDER = "first order, the loss is convex on every region"


def decision_on_convex_regions(problem: Problem, signs: Signs, found: CriticalSet) -> Decision | None:
    """The verdict; `None` where the problem, or this critical set of it, is of no such kind. Raises `TooManyCells`."""
    kind = convex_kind(problem)
    if found.is_curved or found.curve or kind is None:
        return None
    if kind is ConvexIn.PRODUCTS and _keeps_output_weights_apart(problem, signs, found):
        return _ConvexTest(problem, signs, in_parameters(found)).decision_of(kind) or balanced_on_kinks(problem, signs, found)
    return None if found.living else _ConvexTest(problem, signs, found).decision_of(kind)


def _keeps_output_weights_apart(problem: Problem, signs: Signs, found: CriticalSet) -> bool:
    """Whether a set in plain charts has one sign of every output weight, but those that nothing depends on around it."""
    units = plain_units(problem)
    if not units or found.flat != found.directions or not all(unit.plain for unit in found.living):
        return False
    loss = surrogate(problem, signs).loss
    charted = {unit.output for unit in found.living}
    moving = [(u, unit.output) for u, unit in enumerate(units) if any(step[unit.output] != 0 for step in found.directions)]
    return all(k in charted or ("0" not in _signs_of(signs, u) and loss.degrees()[k] <= 0) for u, k in moving)


def _signs_of(signs: Signs, unit: int) -> str:
    """Those of a unit of the one hidden layer; none where it has no kinks."""
    return signs.layers[0][unit] if signs.layers[0] else ""


class _ConvexTest(LocalTest):
    """First order on every region around the witness, exact."""

    def decision_of(self, kind: ConvexIn) -> Decision | None:
        if kind is not ConvexIn.FIXED and not (self._is_smooth_beyond_units and self._is_uniform(kind)):
            return None
        idle = {} if kind is ConvexIn.FIXED else self._idle
        unknown = False
        for local, sides in at_most(MAX_SIDES, REGIONS, self._regions(self.signs, self.zeros)):
            if (kind is not ConvexIn.OFF and self._falls(local, sides)) or self._wakes(local, idle):
                if self._exists(local, sides):
                    return Decision(Verdict.NOT_MINIMUM, FIRST_ORDER, "the function falls, to first order")
                unknown = True
        return None if unknown else Decision(Verdict.MINIMUM, FIRST_ORDER)

    @cached_property
    def _smooth(self) -> tuple[bool, ...]:
        """For every switch, whether the loss has the same slopes on both sides."""
        return smooth_switches(self.problem)

    @cached_property
    def _unit_switches(self) -> int:
        """How many switches units have: they come first."""
        return sum(len(text) for layer in self.signs.layers for text in layer)

    @property
    def _is_smooth_beyond_units(self) -> bool:
        """Whether no switch of the loss or of a penalty that vanishes is a kink."""
        return all(position < self._unit_switches or self._smooth[position] for position in self.zeros)

    def _exists(self, local: Surrogate, sides: dict[int, int]) -> bool:
        """Whether the region is known to have points near theta*: its switches are affine, those at smooth kinks of the loss apart."""
        return all(
            local.switches[position].polynomial.total_degree() <= 1
            for position in sides
            if position < self._unit_switches or not self._smooth[position]
        )

    # Units with a = 0

    @cached_property
    def _output(self) -> list[int]:
        """The positions of the output layer's parameters."""
        layer = self.problem.network.layers[-1].name
        return [k for k, parameter in enumerate(self.problem.parameters) if parameter.name.startswith(f"{layer}.")]

    @cached_property
    def _weights(self) -> dict[int, int]:
        """The positions of the output layer's weights, with the unit that each belongs to."""
        layer = self.problem.network.layers[-1].name
        names = self.problem.parameters
        return {k: names[k].index[1] for k in self._output if names[k].name == f"{layer}.weight"}

    def _is_uniform(self, kind: ConvexIn) -> bool:
        """Whether along the set output weights do not change and, if some are zero, neither does the rest of the output layer.

        Of the kind OFF all of them are to be zero.
        """
        moving = {k for step in self.found.directions for k, entry in enumerate(step) if entry != 0}
        if (kind is ConvexIn.OFF and len(self._idle) < len(self._weights)) or moving & set(self._weights):
            return False
        return not self._idle or moving <= frozenset().union(*self._idle.values())

    @cached_property
    def _idle(self) -> dict[int, frozenset[int]]:
        """For every output weight that is zero, the positions of the parameters that then move freely."""
        zero = [k for k in self._weights if self.found.witness[k] == 0]
        if len(zero) == len(self._weights):
            return dict.fromkeys(zero, frozenset(range(len(self.found.witness))) - set(self._output))
        hidden = self.problem.network.layers[-2].name
        return {k: frozenset(self._own(hidden, self._weights[k])) for k in zero}

    def _own(self, layer: str, unit: int) -> Iterator[int]:
        """The positions of a hidden unit's parameters."""
        for k, parameter in enumerate(self.problem.parameters):
            if parameter.name.startswith(f"{layer}.") and parameter.index[0] == unit:
                yield k

    def _wakes(self, local: Surrogate, idle: dict[int, frozenset[int]]) -> bool:
        """Whether on a region the slope by a weight that is zero is another than zero for some values of what moves freely."""
        return any(any(value != 0 for value in self._coefficients(local.loss.derivative(k), idle, k)) for k in idle)

    def _coefficients(self, slope: fmpq_mpoly, idle: dict[int, frozenset[int]], k: int) -> Iterator[Algebraic]:
        """Of a slope as a polynomial in what moves freely."""
        parts: dict[tuple[int, ...], dict[tuple[int, ...], fmpq]] = {}
        for exponents, value in slope.to_dict().items():
            if not any(exponents[j] for j in idle):
                free = tuple(e if j in idle[k] else 0 for j, e in enumerate(exponents))
                fixed = tuple(0 if j in idle[k] else e for j, e in enumerate(exponents))
                parts.setdefault(free, {})[fixed] = value
        zero = field_scalars(self.found.field).zero
        return (value_at(terms, self.found.witness, zero) for terms in parts.values())

    # All other directions

    def _falls(self, local: Surrogate, sides: dict[int, int]) -> bool:
        """Whether the loss of a region falls along a ray of its tangent cone, which is rational: units' switches are affine."""
        loss, scalars, point = local.loss.to_dict(), field_scalars(self.found.field), self.found.witness
        gradient = [self._value(derivative(loss, k), scalars, point) for k in range(len(point))]
        sharp = [(side, local.switches[position].polynomial) for position, side in sides.items() if not self._smooth[position]]
        rows = [[side * entry for entry in slope_of(polynomial)] for side, polynomial in sharp]
        cone = generators([row for row in rows if any(row)], len(point), FRACTIONS)

        def slope(ray: Vector) -> int:
            along = sum((g * step for g, step in zip(gradient, ray, strict=True) if step), scalars.zero)
            sign: int = along.sign()
            return sign

        return any(slope(line) for line in cone.lineality) or any(slope(ray) < 0 for ray in cone.rays)
