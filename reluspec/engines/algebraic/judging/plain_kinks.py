"""First order in plain charts on kinks of the loss and of penalties on the output layer: multipliers in place of their sides.

One hidden layer of piecewise linear units, one output, a loss that is convex in it and convex penalties of the output layer. Where a unit's
a is not zero, the output is linear in a and the products v of a and the unit's other parameters w (`charts`), and so are its switches times
|a|. So on a region of the units' switches, a polyhedron, the loss is convex, whatever sides of its own kinks meet there: theta* is a
local minimum iff on no region it falls along a ray, to first order. There the loss is B + sum_k |D_k|, and by duality of linear programs
it does not fall iff some multipliers m, |m_k| <= 1, make `(grad B + sum m_k grad D_k) . d >= 0` for all rays d of the region's cone - in
theta, where cones and slopes are the same.

*Idle* units, a = 0, move their w freely. For fixed w the loss is convex in a and all else, with the slope `A(m) + w . B(m)` by a. Let w be
anywhere in a polyhedron W in which the unit keeps its signs, and a have the sign s. With t = |a| and p = t w, in the cone over W, the slope
of the loss in a direction (t, p, all else) is the largest of functions that are linear, one for each m, so it is nowhere negative iff *one*
m makes its function so: `s (A + w . B) >= 0` at the vertices w of W, and `s w . B >= 0` for its rays, one m for every choice of the signs s
of the idle units. With W all of the closed cell this decides for all w in it, with W a neighbourhood of w* in that cell for theta*.

All points of a critical set have the same regions, on which all are least if one is. Only of sets along which idle units move the verdict
may vary.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from functools import cached_property, cmp_to_key
from itertools import product
from typing import Any

from flint import fmpq, fmpq_mpoly

from reluspec.engines.algebraic.exact.algebraic import Algebraic
from reluspec.engines.algebraic.exact.cones import Generators, TooManyCells, at_most, generators
from reluspec.engines.algebraic.exact.linear import dot, echelon, plus, unit_vectors
from reluspec.engines.algebraic.exact.programs import Feasible, feasible
from reluspec.engines.algebraic.exact.scalars import FRACTIONS, Vector
from reluspec.engines.algebraic.judging.kink_sides import KinkTest
from reluspec.engines.algebraic.judging.surroundings import MAX_SIDES, REGIONS, slope_of
from reluspec.engines.algebraic.judging.verdict import Decision, Verdict
from reluspec.engines.algebraic.stationary.charts import plain_units
from reluspec.engines.algebraic.stationary.polyhedra import CriticalSet, in_parameters, value_at
from reluspec.engines.algebraic.stationary.smoothness import smooth_switches
from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs
from reluspec.systems.surrogate import Surrogate, fraction

ARGUMENT = "first order, with multipliers of the kinks"
FALLS = "the function falls, to first order"
NEAR = Fraction(1, 1_000_000)
"""How far into a cell, of the way to its corners, an idle unit is moved where all of the cell is too much."""

MAX_MULTIPLIERS = 8
"""Of kinks at one point, whose polytope is described by its corners."""

Condition = list[Any]
"""`c_0 + sum c_k m_k`, in the multipliers m."""


def _compared(a: Algebraic, b: Algebraic) -> int:
    return int((a - b).sign())


_ordered = cmp_to_key(_compared)


class PlainKinkTest(KinkTest):
    """The test at the witness of a set that has one sign of every output weight."""

    def __init__(self, problem: Problem, signs: Signs, whole: CriticalSet) -> None:
        super().__init__(problem, signs, in_parameters(whole))
        self.whole = whole

    def first_order(self) -> Decision | None:
        """The verdict on the whole set; `None` where that is not known. Raises `TooManyCells`."""
        smooth = smooth_switches(self.problem)
        if any(position not in self.kinks and not smooth[position] for position in self.zeros if position not in self._affine):
            return None
        unknown = False
        for local, sides in at_most(MAX_SIDES, REGIONS, self._sides()):
            verdict = self._on_region(local, sides)
            if verdict is Verdict.NOT_MINIMUM:
                return Decision(verdict, ARGUMENT, FALLS)
            unknown = unknown or verdict is Verdict.UNDECIDED
        return None if unknown else Decision(Verdict.MINIMUM, ARGUMENT)

    def _on_region(self, local: Surrogate, sides: Mapping[int, int]) -> Verdict:
        parts = self._parts_of(local)
        gradients = [[self._at(part.derivative(k)) for k in range(len(self.found.witness))] for part in parts]
        rows = [[side * entry for entry in slope_of(local.switches[k].polynomial)] for k, side in sides.items() if k in self._affine]
        lines, rays = self._conditions(gradients, self._cone(rows))
        if not self._balanced(lines, rays, len(parts) - 1):
            return Verdict.NOT_MINIMUM
        slopes = {k: self._slope(parts, k) for k in self._units}
        around = {k: self._cell(local, k) for k in self._units}
        if self._balances_idle(lines, rays, slopes, around):
            return Verdict.MINIMUM
        if self._is_determined(lines, len(parts) - 1):
            return Verdict.NOT_MINIMUM
        if any(self._wakes(self._corners(lines, rays, len(parts) - 1), slopes[k], around[k]) for k in self._units):
            return Verdict.NOT_MINIMUM
        if self._moves:
            return Verdict.UNDECIDED
        if not self._balances_idle(lines, rays, slopes, {k: [self._own(k)] for k in self._units}):
            return Verdict.NOT_MINIMUM
        near = {k: [self._own(k), *self._near(around[k], k)] for k in self._units}
        return Verdict.MINIMUM if self._balances_idle(lines, rays, slopes, near) else Verdict.UNDECIDED

    # The loss around

    def _parts_of(self, local: Surrogate) -> list[fmpq_mpoly]:
        """B and the D_k."""
        halves = []
        for position in self.kinks:
            if local.switches[position].polynomial.is_zero():
                continue
            flat = local.signs.all
            below = self._around(local.signs.reshaped(flat[:position] + "-" + flat[position + 1 :]))
            above = self._around(local.signs.reshaped(flat[:position] + "+" + flat[position + 1 :]))
            halves.append((above.loss - below.loss) / 2)
        signs = list(local.signs.all)
        for position in self.kinks:
            if not local.switches[position].polynomial.is_zero():
                signs[position] = "+"
        smooth = self._around(local.signs.reshaped("".join(signs))).loss
        for half in halves:
            smooth = smooth - half
        return [smooth, *(half for half in halves if not half.is_zero())]

    def _at(self, polynomial: fmpq_mpoly) -> Algebraic:
        value: Algebraic = value_at(polynomial.to_dict(), self.found.witness, self._exact.zero)
        return value

    def _cone(self, rows: Sequence[Sequence[Fraction]]) -> Generators:
        """The region's tangent cone where idle units stay so."""
        units = unit_vectors(len(self.found.witness), FRACTIONS)
        held = [row for k in self._units for row in (units[k], tuple(-entry for entry in units[k]))]
        return generators([*rows, *held], len(self.found.witness), FRACTIONS)

    def _conditions(self, gradients: Sequence[Sequence[Algebraic]], cone: Generators) -> tuple[list[Condition], list[Condition]]:
        """What has to vanish, along lines, and what must not be negative, along rays."""

        def along(ray: Vector) -> Condition:
            return [sum((g * step for g, step in zip(gradient, ray, strict=True) if step), self._exact.zero) for gradient in gradients]

        return [along(line) for line in cone.lineality], [along(ray) for ray in cone.rays]

    # Idle units

    @cached_property
    def _places(self) -> tuple[int, ...]:
        """The positions of all output weights."""
        return tuple(unit.output for unit in plain_units(self.problem))

    @cached_property
    def _units(self) -> dict[int, tuple[int, ...]]:
        """The output weights that are zero, with the positions of the units' own parameters."""
        return {unit.output: unit.incoming for unit in plain_units(self.problem) if self.found.witness[unit.output] == 0}

    @cached_property
    def _moves(self) -> bool:
        """Whether parameters of idle units change along the set."""
        return any(step[k] != 0 for step in self.whole.directions for own in self._units.values() for k in own)

    def _own(self, k: int) -> Vector:
        """The parameters of an idle unit, a 1 in front."""
        return (self._exact.one, *(self.found.witness[j] for j in self._units[k]))

    def _slope(self, parts: Sequence[fmpq_mpoly], k: int) -> list[Condition]:
        """The slope by an output weight that is zero, affine in the unit's own parameters: constant first, then theirs."""
        own = self._units[k]
        found = []
        for place in (None, *own):
            one = [part.derivative(k) for part in parts]
            one = [slope if place is None else slope.derivative(place) for slope in one]
            rest: dict[str | int, fmpq] = {j: fmpq(0) for j in (*own, *self._units)}
            found.append([self._at(slope.subs(rest)) for slope in one])
        return found

    def _cell(self, local: Surrogate, k: int) -> list[Vector]:
        """The closed cell of an idle unit around its own parameters: vertices and rays, a 1 or 0 in front."""
        own, number = self._units[k], list(self._places).index(k)
        rows = [[Fraction(1), *(Fraction(0) for _ in own)]]
        for position in self._switches_of(number):
            polynomial, side = local.switches[position].polynomial, local.switches[position].sign
            slope = slope_of(polynomial)
            constant = fraction(polynomial.to_dict().get((0,) * len(slope), fmpq(0)))
            rows.append([side * entry for entry in (constant, *(slope[j] for j in own))])
        cone = generators([row for row in rows if any(row)], len(own) + 1, FRACTIONS)
        every = [*cone.rays, *cone.lineality, *(tuple(-entry for entry in line) for line in cone.lineality)]
        return [tuple(self._exact.number(entry / ray[0] if ray[0] else entry) for entry in ray) for ray in every]

    def _switches_of(self, unit: int) -> range:
        """The positions of a unit's switches."""
        layer = self.signs.layers[0]
        start = sum(len(text) for text in layer[:unit])
        return range(start, start + len(layer[unit])) if layer else range(0)

    def _near(self, cell: Sequence[Vector], k: int) -> Iterator[Vector]:
        """Points of a cell near an idle unit's own parameters, which span all that is near them."""
        here, share = self._own(k), self._exact.number(NEAR)
        for corner in cell:
            towards = [a - b for a, b in zip(corner, here, strict=True)] if corner[0] != 0 else corner
            yield tuple(a + share * step for a, step in zip(here, towards, strict=True))

    def _balances_idle(
        self,
        lines: Sequence[Condition],
        rays: Sequence[Condition],
        slopes: Mapping[int, Sequence[Condition]],
        around: Mapping[int, Sequence[Vector]],
    ) -> bool:
        """Whether for every choice of the signs of idle units' output weights some multipliers leave no way down."""
        for signs in at_most(MAX_SIDES, REGIONS, product((1, -1), repeat=len(self._units))):
            further = [
                [dot(column, point, self._exact) * sign for column in zip(*slopes[k], strict=True)]
                for k, sign in zip(self._units, signs, strict=True)
                for point in around[k]
            ]
            count = len(next(iter(slopes.values()))[0]) - 1 if slopes else 0
            if further and not self._balanced(lines, [*rays, *further], count):
                return False
        return True

    def _wakes(self, corners: Sequence[Vector], slope: Sequence[Condition], cell: Sequence[Vector]) -> bool:
        """Whether with one sign of an idle unit's output weight the loss falls wherever the unit is in its cell.

        The largest slope of all multipliers is a convex function of the unit's parameters: negative inside if it is nowhere positive at the
        corners of the cell, and negative at one.
        """
        at = [[dot(column, point, self._exact) for column in zip(*slope, strict=True)] for point in cell]
        for sign in (1, -1):
            most = [max((dot(one, corner, self._exact) * sign for corner in corners), key=_ordered) for one in at]
            signs = {value.sign() for value in most}
            if -1 in signs and 1 not in signs:
                return True
        return False

    # Multipliers

    def _corners(self, lines: Sequence[Condition], rays: Sequence[Condition], count: int) -> list[Vector]:
        """The corners of the polytope of multipliers, a 1 in front. Raises `TooManyCells` where there are many multipliers."""
        if count > MAX_MULTIPLIERS:
            raise TooManyCells(f"more than {MAX_MULTIPLIERS} kinks of the loss at a point")
        units = unit_vectors(count + 1, self._exact)
        box = [plus(units[0], sign, unit) for unit in units[1:] for sign in (self._exact.one, -self._exact.one)]
        both = [row for line in lines for row in (line, [-entry for entry in line])]
        cone = generators([units[0], *box, *rays, *both], count + 1, self._exact)
        return [tuple(entry / ray[0] for entry in ray) for ray in cone.rays]

    def _is_determined(self, lines: Sequence[Condition], count: int) -> bool:
        """Whether there is no choice of multipliers: then the slope by an idle unit's weight is one polynomial, which is not zero."""
        return len(echelon([condition[1:] for condition in lines], count, self._exact).columns) == count

    def _balanced(self, zero: Sequence[Condition], positive: Sequence[Condition], count: int) -> bool:
        """Whether some multipliers fulfil the conditions. Exact."""
        one = self._exact.one
        rows, right = [], []
        for place, condition in enumerate((*zero, *positive)):
            slack = [-one if place == len(zero) + j else self._exact.zero for j in range(len(positive))]
            rows.append([*condition[1:], *slack])
            # In m + 1, between 0 and 2.
            right.append(sum(condition[1:], self._exact.zero) - condition[0])
        columns = [[row[j] for row in rows] for j in range(count + len(positive))]
        upper = [*((one + one) for _ in range(count)), *(None for _ in positive)]
        return isinstance(feasible(columns, right, upper, self._exact), Feasible)


def balanced_on_kinks(problem: Problem, signs: Signs, found: CriticalSet) -> Decision | None:
    """The verdict on a set that has one sign of every output weight; `None` where it is not known. Raises `TooManyCells`."""
    return PlainKinkTest(problem, signs, found).first_order()
