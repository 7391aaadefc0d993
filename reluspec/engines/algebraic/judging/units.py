"""Local minimality unit by unit, for the class of `convexity`: first-order conditions that are necessary and sufficient.

Write F(p) for the loss plus the least penalties, p_l = a_l w_l. Near a critical point theta* the loss of theta is at least F(p(theta)),
with equality for the balanced theta of each p; so theta* is a local minimum iff p* is one of F, and as F is convex on every adjacent cell,
iff no directional derivative F'(p*; d) is negative. On a cell F' is sublinear: it is non-negative iff some subgradient g_i of the loss at
every data point, within the slopes of its two sides, balances all units. Where the stratum's own stationarity leaves no choice of g, the
condition splits into one for each unit:

- living (a != 0): on each adjacent cell's cone the derivative `2 Lambda u + sum_i g_i phi'_i x_i` is non-negative; the penalised part of
  w is not zero, as `lambda_a a^2 = w Lambda w` at critical points, so that the seminorm is differentiable there;
- dead (a = 0, w = 0): on each cell's cone `4 lambda_a w Lambda w >= (v.w)^2` with `v = sum_i g_i phi'_i x_i`;
- off (a = 0, w != 0, inside a cell): the same for all w.

(A dead or off unit: if the inequality fails for some w, `lambda_a a^2 + w Lambda w + a v.w < 0` for some a.)

Units whose penalties leave something out (Lambda the matrix of the penalties of w):

- living, lambda_a = 0: a smaller w with a larger a is cheaper as long as w has a penalty, so at a critical point Lambda w = 0. For every
  fixed a the loss with the penalty `p Lambda p / a^2` is convex in p on every cell, and the penalty has no slope at p*: the condition is
  the one of living units with `2 Lambda u = 0`, also where w = 0;
- a = 0 and v = 0 on every adjacent cell: enough for a minimum, since `sum_i g_i f_i` then does not depend on the unit;
- a = 0 and v != 0 on a cell: with w = w* + d and v.w* = 0 the loss changes by `a v.d + lambda_a a^2 + d Lambda d + O(a^2)`, the last only
  where phi(X w*) != 0. It is negative for small d if v.d != 0 and either Lambda = 0 (a much smaller than d) or w* = 0 and lambda_a = 0
  (d much smaller than a).
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import product
from math import prod

from reluspec.engines.algebraic.exact.algebraic import Algebraic
from reluspec.engines.algebraic.exact.cones import cell_cones, generators
from reluspec.engines.algebraic.exact.linear import combination, solve, weighted
from reluspec.engines.algebraic.exact.scalars import FRACTIONS
from reluspec.engines.algebraic.judging.convexity import Homogeneous
from reluspec.engines.algebraic.judging.idle_units import IdleUnits
from reluspec.engines.algebraic.judging.subgradients import demands, serves_all
from reluspec.engines.algebraic.judging.unit_point import MAX_CELLS, Condition, NotApplicable, UnitPoint, along
from reluspec.engines.algebraic.stationary.charts import Unit
from reluspec.engines.algebraic.stationary.polyhedra import CriticalSet, field_scalars
from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs

MAX_CHOICES = 256
"""Combinations of cells around the living units for each of which a subgradient is looked for."""


class UnitTest:
    """The test at one critical set of the stratum `signs`. Raises `NotApplicable`, at once or later, where it does not decide."""

    def __init__(self, problem: Problem, data: Homogeneous, signs: Signs, found: CriticalSet) -> None:
        self.point = UnitPoint(problem, data, signs, found)
        self.idle = IdleUnits(self.point)

    def complaint(self) -> str:
        """Why the points of the set are no local minima; empty if they are."""
        point = self.point
        if point.found.singular and not point.is_critical():
            return "the loss falls within the stratum"
        if point.slopes is None:
            return self._by_cells()
        if point.sides and not point.is_stationary():
            return "the loss falls within the stratum"
        for i, (low, high) in point.sides.items():
            if (point.slopes[i] - low).sign() < 0 or (high - point.slopes[i]).sign() < 0:
                return f"the loss falls off the kink of the objective at point {i}"
        for position, unit in point.living:
            for cell in self._living_cells(position, unit):
                if any(point.value(condition, point.slopes).sign() < 0 for condition in cell):
                    return f"the loss falls off the kinks of unit {position}"
        return self.idle.complaint(point.slopes)

    def _by_cells(self) -> str:
        """Where stationarity leaves a choice of g: on each cell around the living units some g must do (a linear program)."""
        bounds = []
        for i, (low, high) in self.point.sides.items():
            own = [int(j == i) for j in range(len(self.point.pairs))]
            bounds += [(own, -low), ([-entry for entry in own], high)]
        equations = self.point.stationarity()
        both = [*equations, *(([-entry for entry in row], -constant) for row, constant in equations)]
        around = [self._living_cells(position, unit) for position, unit in self.point.living]
        if prod(map(len, around)) > MAX_CHOICES:
            raise NotApplicable
        for cells in product(*around):
            conditions = [*bounds, *both, *(condition for cell in cells for condition in cell)]
            corners = self._corners(conditions)
            if not corners:
                return "the loss falls off kinks of units and of the objective"
            if any(self.idle.are_idle(slopes) for slopes in corners):
                continue
            if falls := self._dead_complaint(conditions) if self.idle.all_dead else self.idle.woken(corners):
                return falls
        return ""

    def _dead_complaint(self, conditions: Sequence[Condition]) -> str:
        """Whether dead units can be woken where slopes that satisfy these conditions may be chosen. Raises `NotApplicable`."""
        point = self.point
        wanted = [demands(point.rows(unit), point.data.slope, point.data.penalties[position]) for position, unit in point.idle]
        answer = serves_all(wanted, lambda cuts: self._corners([*conditions, *cuts]), field_scalars(point.found.field))
        if answer is None:
            raise NotApplicable
        return "" if answer else "dead units can be woken"

    def _corners(self, conditions: Sequence[Condition]) -> list[list[Algebraic]]:
        """Subgradients g that satisfy all conditions: the vertices of the polytope of all of them, and their mean."""
        unknown = sorted(self.point.sides)
        known = [None if i in self.point.sides else low for i, (low, _) in enumerate(self.point.pairs)]
        rows = [[self.point.zero + 1] + [self.point.zero] * len(unknown)]
        for coefficients, constant in conditions:
            rest = sum((slope * c for slope, c in zip(known, coefficients, strict=True) if slope is not None), self.point.zero + constant)
            rows.append([rest, *(self.point.zero + coefficients[i] for i in unknown)])
        rays = generators(rows, len(unknown) + 1, field_scalars(self.point.found.field)).rays
        points = [[entry / ray[0] for entry in ray[1:]] for ray in rays if ray[0].sign()]
        if len(points) > 1:
            points.append([sum(entries[1:], entries[0]) / len(points) for entries in zip(*points, strict=True)])
        filled = []
        for point in points:
            values = dict(zip(unknown, point, strict=True))
            filled.append([values[i] if slope is None else slope for i, slope in enumerate(known)])
        return filled

    def _living_cells(self, position: int, unit: Unit) -> list[list[Condition]]:
        """For every cell around a living unit: the derivatives along its rays, to be non-negative."""
        rows, signs = self.point.rows(unit), self.point.units_signs[position]
        sigma, penalty = self.point.sigma[unit.output], self.point.penalty_slope(position, unit)
        wall = [i for i, sign in enumerate(signs) if not sign and any(rows[i])]
        found: list[list[Condition]] = []
        for cell, cone in cell_cones([tuple(sigma * x for x in rows[i]) for i in wall], len(unit.incoming), FRACTIONS, MAX_CELLS):
            sides = dict(zip(wall, cell, strict=True))
            factors = [self.point.data.slope(sides.get(i, sign)) for i, sign in enumerate(signs)]
            rays = [self._upright(position, ray, cone.lineality) for ray in cone.rays]
            found.append(
                [([factor * along(row, ray) for factor, row in zip(factors, rows, strict=True)], along(penalty, ray)) for ray in rays]
            )
        return found

    def _upright(self, position: int, ray: Sequence[Fraction], lineality: Sequence[Sequence[Fraction]]) -> Sequence[Fraction]:
        """A ray plus what makes it orthogonal, by the penalties, to the walls, along which the derivative is zero: w has no part in it."""
        _, *penalty = self.point.data.penalties[position]
        if not lineality or not all(penalty):
            return ray
        gram = [[weighted(one, other, penalty) for other in lineality] for one in lineality]
        steps = solve(gram, [-weighted(one, ray, penalty) for one in lineality], len(lineality), FRACTIONS)
        assert steps is not None
        return combination([1, *steps], [ray, *lineality], len(ray), FRACTIONS)
