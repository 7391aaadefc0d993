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

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import cached_property
from itertools import product
from math import prod
from typing import Any

from flint import Ordering, fmpq_mpoly_ctx

from reluspec.engines.algebraic.exact.algebraic import Algebraic
from reluspec.engines.algebraic.exact.cones import cell_cones, generators
from reluspec.engines.algebraic.exact.forms import Copositivity, copositivity
from reluspec.engines.algebraic.exact.linear import echelon, kernel
from reluspec.engines.algebraic.exact.scalars import FRACTIONS
from reluspec.engines.algebraic.judging.convexity import Homogeneous, piece_on
from reluspec.engines.algebraic.judging.subgradients import Condition, demands, serves_all
from reluspec.engines.algebraic.stationary.charts import Unit
from reluspec.engines.algebraic.stationary.polyhedra import CriticalSet, Vector, field_scalars, value_at
from reluspec.engines.algebraic.stationary.smoothness import smooth_kinks
from reluspec.problem.expression import Variable
from reluspec.problem.problem import Problem, Reduction
from reluspec.regions.signs import Signs, sign_values
from reluspec.systems.surrogate import rational

MAX_CELLS = 2_000
"""Cells around a unit's parameters that are looked at."""
MAX_CHOICES = 256
"""Combinations of cells around the living units for each of which a subgradient is looked for."""
MAX_RAYS = 10
"""Rays of a cell's cone for which copositivity is decided."""


class NotApplicable(Exception):  # noqa: N818 - an outcome: the caller uses the general test
    """The test does not decide this critical set."""


class UnitTest:
    """The test at one critical set of the stratum `signs`. Raises `NotApplicable`, at once or later, where it does not decide."""

    def __init__(self, problem: Problem, data: Homogeneous, signs: Signs, found: CriticalSet) -> None:
        self.problem, self.data, self.signs, self.found = problem, data, signs, found
        self.zero = found.field.element(0)
        self.sigma = {unit.output: sigma for unit, sigma in zip(found.living, found.sigma, strict=True)}
        self.charted = {unit.output: unit for unit in found.living}
        self.outputs = self._outputs(found.witness)
        self.moving: set[int] = set()
        self._check_family()
        idle = [unit for unit in data.units if unit.output not in self.sigma]
        if any(vector[unit.output] != 0 for vector in (found.witness, *found.directions) for unit in idle):
            raise NotApplicable

    def complaint(self) -> str:
        """Why the points of the set are no local minima; empty if they are."""
        if self.found.singular and not self._is_critical():
            return "the loss falls within the stratum"
        if self.slopes is None:
            return self._by_cells()
        for i, (low, high) in self._sides.items():
            if (self.slopes[i] - low).sign() < 0 or (high - self.slopes[i]).sign() < 0:
                return f"the loss falls off the kink of the objective at point {i}"
        for position, unit in self._living_units:
            for cell in self._living_cells(position, unit):
                if any(self._at(condition, self.slopes).sign() < 0 for condition in cell):
                    return f"the loss falls off the kinks of unit {position}"
        return self._idle_complaint(self.slopes)

    def _by_cells(self) -> str:
        """Where stationarity leaves a choice of g: on each cell around the living units some g must do (a linear program)."""
        bounds = []
        for i, (low, high) in self._sides.items():
            own = [int(j == i) for j in range(len(self._pairs))]
            bounds += [(own, -low), ([-entry for entry in own], high)]
        equations = self._stationarity()
        both = [*equations, *(([-entry for entry in row], -constant) for row, constant in equations)]
        around = [self._living_cells(position, unit) for position, unit in self._living_units]
        if prod(map(len, around)) > MAX_CHOICES:
            raise NotApplicable
        for cells in product(*around):
            conditions = [*bounds, *both, *(condition for cell in cells for condition in cell)]
            corners = self._corners(conditions)
            if not corners:
                return "the loss falls off kinks of units and of the objective"
            if any(self._are_idle(slopes) for slopes in corners):
                continue
            if falls := self._dead_complaint(conditions) if self._all_dead else self._woken(corners):
                return falls
        return ""

    @property
    def _idle_units(self) -> list[tuple[int, Unit]]:
        return [(position, unit) for position, unit in enumerate(self.data.units) if unit.output not in self.sigma]

    @property
    def _all_dead(self) -> bool:
        """Whether every unit with a = 0 is dead and has penalties on all of its parameters."""
        return all(self._is_dead(unit) and min(self.data.penalties[position]) > 0 for position, unit in self._idle_units)

    def _dead_complaint(self, conditions: Sequence[Condition]) -> str:
        """Whether dead units can be woken where slopes that satisfy these conditions may be chosen. Raises `NotApplicable`."""
        wanted = [demands(self._rows(unit), self.data.slope, self.data.penalties[position]) for position, unit in self._idle_units]
        answer = serves_all(wanted, lambda cuts: self._corners([*conditions, *cuts]), field_scalars(self.found.field))
        if answer is None:
            raise NotApplicable
        return "" if answer else "dead units can be woken"

    def _corners(self, conditions: Sequence[Condition]) -> list[list[Algebraic]]:
        """Subgradients g that satisfy all conditions: the vertices of the polytope of all of them, and their mean."""
        unknown = sorted(self._sides)
        known = [None if i in self._sides else low for i, (low, _) in enumerate(self._pairs)]
        rows = [[self.zero + 1] + [self.zero] * len(unknown)]
        for coefficients, constant in conditions:
            rest = sum((slope * c for slope, c in zip(known, coefficients, strict=True) if slope is not None), self.zero + constant)
            rows.append([rest, *(self.zero + coefficients[i] for i in unknown)])
        rays = generators(rows, len(unknown) + 1, field_scalars(self.found.field)).rays
        points = [[entry / ray[0] for entry in ray[1:]] for ray in rays if ray[0].sign()]
        if len(points) > 1:
            points.append([sum(entries[1:], entries[0]) / len(points) for entries in zip(*points, strict=True)])
        filled = []
        for point in points:
            values = dict(zip(unknown, point, strict=True))
            filled.append([values[i] if slope is None else slope for i, slope in enumerate(known)])
        return filled

    def _at(self, condition: Condition, slopes: Sequence[Algebraic]) -> Algebraic:
        coefficients, constant = condition
        total: Algebraic = self.zero + constant
        for slope, c in zip(slopes, coefficients, strict=True):
            total = total + slope * c if c else total
        return total

    def _are_idle(self, slopes: Sequence[Algebraic]) -> bool:
        """Whether the units with a = 0 are known to be of no use with these slopes."""
        try:
            return not self._idle_complaint(slopes)
        except NotApplicable:
            return False

    def _woken(self, corners: Sequence[Sequence[Algebraic]]) -> str:
        """Which unit with a = 0 and without penalty on w can be put to use, where the slopes are any mean of these.

        Such a w moves freely; for a fixed w the loss is convex in a and all else. So the point is a minimum iff for every w near w* some
        g has v(g).w = 0. Where one unit cannot be put to use alone, several may. Raises `NotApplicable`.
        """
        idle = self._idle_units
        for position, unit in idle:
            if any(self.data.penalties[position][1:]):
                continue
            answers = {self._wakes(position, unit, w, corners) for w in self._typical(position, unit, corners)}
            if len(answers) > 1:
                raise NotApplicable  # the verdict varies along the family
            if answers.pop():
                return f"unit {position} can be put to use"
        if len(idle) > 1 or any(self.data.penalties[idle[0][0]][1:]):
            raise NotApplicable
        return ""

    def _typical(self, position: int, unit: Unit, corners: Sequence[Sequence[Algebraic]]) -> list[Vector]:
        """Parameters w of the family, one from every part that the planes v(g).w = 0 cut the linear space around it into.

        What holds in all of them holds everywhere: the points near which the unit wakes are a closed set, and inside a cell they are the
        closure of some of these parts. Raises `NotApplicable` on kinks, where they may not be.
        """
        scalars = field_scalars(self.found.field)
        own = [tuple(vector[k] for k in unit.incoming) for vector in (self.found.witness, *self.found.directions)]
        basis = echelon(own, len(unit.incoming), scalars).rows
        if len(basis) < 2 and (not basis or any(entry != 0 for entry in own[0])):
            return own[:1]
        around = list(self._sides_around(position, unit))
        if len(around) > 1:
            raise NotApplicable
        rows, sides, _ = around[0]
        inside = [[_along(vector, rows[i]) * side for vector in basis] for i, side in sides.items() if any(rows[i])]
        cuts = [[_along(vector, v) for vector in basis] for v in (self._effect(rows, sides, slopes) for slopes in corners)]
        every = [row for row in (*inside, *cuts) if any(entry != 0 for entry in row)]
        strict = sum(any(entry != 0 for entry in row) for row in inside)
        parts = [cone for cell, cone in cell_cones(every, len(basis), scalars, MAX_CELLS) if min(cell[:strict], default=1) > 0]
        inner = [cone.inner_point(len(basis), scalars) for cone in parts]
        return [tuple(_along(point, column) for column in zip(*basis, strict=True)) for point in inner]

    def _wakes(self, position: int, unit: Unit, w: Vector, corners: Sequence[Sequence[Algebraic]]) -> bool:
        """Whether near w there is one with v(g).w of one and the same sign for all these g."""
        for rows, sides, wall in self._sides_around(position, unit):
            effects = [self._effect(rows, sides, slopes) for slopes in corners]
            walls = [[self.zero + sides[i] * entry for entry in rows[i]] for i in wall]
            for sigma in (1, -1):
                signs = [sigma * _along(w, v).sign() for v in effects]
                ties = [[sigma * entry for entry in v] for v, sign in zip(effects, signs, strict=True) if not sign]
                if min(signs) >= 0 and self._open(ties, walls):
                    return True
        return False

    def _open(self, ties: Sequence[Sequence[Algebraic]], walls: Sequence[Sequence[Algebraic]]) -> bool:
        """Whether some d has a positive product with each of the `ties` and none negative with the `walls`."""
        if not ties:
            return True
        cone = generators([*ties, *walls], len(ties[0]), field_scalars(self.found.field))
        return all(any(_along(row, ray).sign() > 0 for ray in cone.rays) for row in ties)

    def _sides_around(self, position: int, unit: Unit) -> Iterator[tuple[list[tuple[Fraction, ...]], dict[int, int], list[int]]]:
        """For every cell around the parameters of a unit: the data points' rows, the sides they are on, and which of them are on a kink."""
        rows, signs = self._rows(unit), self._units_signs[position]
        wall = [i for i, sign in enumerate(signs) if not sign and any(rows[i])]
        strict = {i: sign for i, sign in enumerate(signs) if sign}
        for cell, _ in cell_cones([rows[i] for i in wall], len(unit.incoming), FRACTIONS, MAX_CELLS):
            yield rows, strict | dict(zip(wall, cell, strict=True)), wall

    def _idle_complaint(self, slopes: Sequence[Algebraic]) -> str:
        """Which unit with a = 0 can be put to use."""
        for position, unit in enumerate(self.data.units):
            if unit.output not in self.sigma and (falls := self._idle(position, unit)(position, unit, slopes)):
                return falls
        return ""

    def _idle(self, position: int, unit: Unit) -> Callable[[int, Unit, Sequence[Algebraic]], str]:
        """The test of a unit with a = 0."""
        ridge, *penalty = self.data.penalties[position]
        if not (ridge and any(penalty)):
            return self._without_effect
        return self._dead if self._is_dead(unit) else self._off

    def _is_dead(self, unit: Unit) -> bool:
        return all(vector[k] == 0 for vector in (self.found.witness, *self.found.directions) for k in unit.parameters)

    @property
    def _living_units(self) -> list[tuple[int, Unit]]:
        return [(position, unit) for position, unit in enumerate(self.data.units) if unit.output in self.sigma]

    # What holds along a family

    def _check_family(self) -> None:
        """Nothing that the test looks at changes along the family: penalised directions do not, and outputs only where the loss is affine.

        `moving` are the data points whose outputs change.
        """
        for step in self.found.directions:
            moved = tuple(entry + change for entry, change in zip(self.found.witness, step, strict=True))
            for position, unit in enumerate(self.data.units):
                for k, penalty in zip(unit.incoming, self.data.penalties[position][1:], strict=True):
                    chart = self.charted.get(unit.output)
                    product = chart is not None and k in chart.products
                    if step[k] != 0 and not product and (penalty if chart is None else k in chart.incoming):
                        raise NotApplicable
                    # u = v / s is constant along the family.
                    if product and penalty and step[k] * self.found.witness[unit.output] != self.found.witness[k] * step[unit.output]:
                        raise NotApplicable
            self.moving |= {i for i, (a, b) in enumerate(zip(self.outputs, self._outputs(moved), strict=True)) if a != b}

    def _outputs(self, point: Vector) -> list[Algebraic]:
        """The network's output at every data point: `sum_l phi'_li (s u + v)_l . x_i` plus the bias."""
        output = self.problem.network.layers[-1]
        bias: Any = 0
        if output.bias:
            name = Variable(f"{output.name}.bias", (0,))
            bias = point[self.problem.parameters.index(name)] if output.fixed_bias is None else output.fixed_bias[0]
        outputs = [self.zero + bias for _ in self.problem.data.x]
        for position, unit in enumerate(self.data.units):
            if (chart := self.charted.get(unit.output)) is None:
                continue
            products = [point[k] if k in chart.products else point[unit.output] * point[k] for k in unit.incoming]
            for i, row in enumerate(self._rows(unit)):
                side = self._units_signs[position][i]
                if side and (factor := self.data.slope(side)):
                    outputs[i] = outputs[i] + _along(products, row) * factor
        return outputs

    def _rows(self, unit: Unit) -> list[tuple[Fraction, ...]]:
        """The data points as the units see them: (x_i, 1) with a bias, x_i without."""
        bias = len(unit.incoming) > self.problem.network.inputs
        return [(*point, Fraction(1)) if bias else point for point in self.problem.data.x]

    @cached_property
    def _units_signs(self) -> list[tuple[int, ...]]:
        if not self.signs.layers[0]:  # no kink at all: one side is as good as the other
            return [(1,) * len(self.problem.data) for _ in self.data.units]
        return [sign_values(signs) for signs in self.signs.layers[0]]

    # Slopes of the loss

    @cached_property
    def _sides(self) -> dict[int, tuple[Algebraic, Algebraic]]:
        """For the data points at a kink of the loss: its derivatives below and above (equal ones leave no choice, but must be met)."""
        return {i: self._pairs[i] for i in self._sharp}

    @cached_property
    def _sharp(self) -> list[int]:
        """The data points at a kink of the loss across which it is not known to be smooth."""
        smooth = smooth_kinks(self.problem.loss.expression)
        zero = [sign == "0" and not smooth[k % len(smooth)] for k, sign in enumerate(self.signs.objective)]
        return sorted({k // len(smooth) for k, sharp in enumerate(zero) if sharp})

    @cached_property
    def _pairs(self) -> list[tuple[Algebraic, Algebraic]]:
        data, loss = self.problem.data, self.problem.loss.expression
        smooth = smooth_kinks(loss)
        context = fmpq_mpoly_ctx.get(["f"], Ordering.lex)
        pairs = []
        for i, (value, target, weight) in enumerate(zip(self.outputs, data.y, data.weight, strict=True)):
            signs = sign_values(self.signs.objective[i * len(smooth) : (i + 1) * len(smooth)])
            sharp = [k for k, (sign, flat) in enumerate(zip(signs, smooth, strict=True)) if not sign and not flat]
            if len(sharp) > 1:
                raise NotApplicable
            known = {Variable("f", (0,)): context.gen(0), Variable("y", (0,)): context.constant(rational(target[0]))}
            share = weight / len(data) if self.problem.loss.reduction is Reduction.MEAN else weight
            ends = []
            for side in (-1, 1):
                piece = piece_on(loss, known, iter(side if k in sharp else sign for k, sign in enumerate(signs)), context)
                if i in self.moving and not piece.derivative(0).is_constant():
                    raise NotApplicable
                ends.append(value_at(piece.derivative(0).to_dict(), [value], self.zero) * share)
            pairs.append((ends[0], ends[1]) if (ends[1] - ends[0]).sign() >= 0 else (ends[1], ends[0]))
        return pairs

    @cached_property
    def slopes(self) -> list[Algebraic] | None:
        """The subgradient g of the loss: its derivative by the output where it has one, else what stationarity leaves, if that is one."""
        slopes = [low for low, _ in self._pairs]
        unknown = sorted(self._sides)
        if not unknown:
            return slopes
        rows = []
        for coefficients, constant in self._stationarity():
            known = sum((slopes[i] * c for i, c in enumerate(coefficients) if c and i not in self._sides), self.zero + constant)
            rows.append((*(self.zero + coefficients[i] for i in unknown), known))
        reduced = echelon(rows, len(unknown), field_scalars(self.found.field))
        if len(reduced.columns) < len(unknown):
            return None
        for row, column in zip(reduced.rows, reduced.columns, strict=True):
            slopes[unknown[column]] = -row[-1]
        return slopes

    def _stationarity(self) -> list[Condition]:
        """Equations that hold at a critical point of the stratum."""
        equations: list[Condition] = []
        output = self.problem.network.layers[-1]
        for position, unit in enumerate(self.data.units):
            rows, signs = self._rows(unit), self._units_signs[position]
            factors = [self.data.slope(sign) * (sign != 0) for sign in signs]
            if unit.output in self.sigma:
                wall = [row for row, sign in zip(rows, signs, strict=True) if not sign]
                base = self._penalty_slope(position, unit)
                for tangent in kernel(wall, len(unit.incoming), FRACTIONS):
                    along = [factor * _along(row, tangent) for factor, row in zip(factors, rows, strict=True)]
                    equations.append((along, _along(base, tangent)))
        if output.bias and output.fixed_bias is None:
            k = self.problem.parameters.index(Variable(f"{output.name}.bias", (0,)))
            equations.append(([1] * len(self.problem.data), self.found.witness[k] * (2 * self.data.all_penalties[k])))
        return equations

    def _is_critical(self) -> bool:
        """Whether a point at which the gradients of the constraints are dependent is critical all the same.

        In the products p the constraints are affine on the stratum, so that a minimum has multipliers there whatever the gradients in theta
        are; and its units are balanced.
        """
        if self.found.directions or self.slopes is None:
            raise NotApplicable
        if any(self._at(equation, self.slopes) != 0 for equation in self._stationarity()):
            return False
        for position, unit in enumerate(self.data.units):
            if unit.output in self.sigma:
                ridge, *_ = self.data.penalties[position]
                u = self._directions(unit)
                half = [entry / 2 for entry in self._penalty_slope(position, unit)]
                if _along(half, u) != ridge:
                    return False
        return True

    def _directions(self, unit: Unit) -> list[Algebraic]:
        """The unit's u = w / a, from whatever the chart has."""
        chart, s = self.charted[unit.output], self.found.witness[unit.output]
        return [self.found.witness[k] / s if k in chart.products else self.found.witness[k] for k in unit.incoming]

    def _penalty_slope(self, position: int, unit: Unit) -> list[Algebraic]:
        """`2 Lambda u`."""
        return [value * (2 * weight) for value, weight in zip(self._directions(unit), self.data.penalties[position][1:], strict=True)]

    # Units

    def _living_cells(self, position: int, unit: Unit) -> list[list[Condition]]:
        """For every cell around a living unit: the derivatives along its rays, to be non-negative."""
        rows, signs = self._rows(unit), self._units_signs[position]
        sigma, penalty = self.sigma[unit.output], self._penalty_slope(position, unit)
        wall = [i for i, sign in enumerate(signs) if not sign and any(rows[i])]
        found = []
        for cell, cone in cell_cones([tuple(sigma * x for x in rows[i]) for i in wall], len(unit.incoming), FRACTIONS, MAX_CELLS):
            sides = dict(zip(wall, cell, strict=True))
            factors = [self.data.slope(sides.get(i, sign)) for i, sign in enumerate(signs)]
            found.append(
                [
                    ([factor * _along(row, ray) for factor, row in zip(factors, rows, strict=True)], _along(penalty, ray))
                    for ray in cone.rays
                ]
            )
        return found

    def _effect(self, rows: Sequence[Sequence[Fraction]], sides: Mapping[int, int], slopes: Sequence[Algebraic]) -> list[Algebraic]:
        """`v = sum_i g_i phi'_i x_i` over the data points that have a side."""
        v = [self.zero] * len(rows[0])
        for i, side in sides.items():
            if factor := self.data.slope(side):
                v = [entry + slopes[i] * (factor * x) if x else entry for entry, x in zip(v, rows[i], strict=True)]
        return v

    def _without_effect(self, position: int, unit: Unit, slopes: Sequence[Algebraic]) -> str:
        """A unit without penalty on a or on w has to have v = 0 on every cell."""
        for rows, sides, _ in self._sides_around(position, unit):
            if any(entry != 0 for entry in self._effect(rows, sides, slopes)):
                if any(self.data.penalties[position][1:]) and not self._is_dead(unit):
                    raise NotApplicable
                return f"unit {position} can be put to use"
        return ""

    def _dead(self, position: int, unit: Unit, slopes: Sequence[Algebraic]) -> str:
        rows = self._rows(unit)
        real = [i for i, row in enumerate(rows) if any(row)]
        for cell, cone in cell_cones([rows[i] for i in real], len(unit.incoming), FRACTIONS, MAX_CELLS):
            v = self._effect(rows, dict(zip(real, cell, strict=True)), slopes)
            rays = [*cone.rays, *cone.lineality, *(tuple(-entry for entry in line) for line in cone.lineality)]
            if self._negative(position, v, rays):
                return f"the dead unit {position} can be woken"
        return ""

    def _off(self, position: int, unit: Unit, slopes: Sequence[Algebraic]) -> str:
        """A unit without effect: a = 0, and nothing penalised is left in w.

        Where the inequality fails, that is no way down yet: with a bias c != 0 a small a changes the outputs by a c, and the loss by its
        own second order in that, which counts as much.
        """
        rows, signs = self._rows(unit), self._units_signs[position]
        if self.found.witness[unit.output] != 0 or any(not sign and any(row) for row, sign in zip(rows, signs, strict=True)):
            raise NotApplicable
        v = self._effect(rows, dict(enumerate(signs)), slopes)
        basis = [tuple(Fraction(i == j) for j in range(len(v))) for i in range(len(v))]
        rays = [*basis, *(tuple(-entry for entry in ray) for ray in basis)]
        if self._negative(position, v, rays):
            raise NotApplicable
        return ""

    def _negative(self, position: int, v: Sequence[Algebraic], rays: Sequence[Sequence[Fraction]]) -> bool:
        """Whether `4 lambda_a w Lambda w - (v.w)^2` is negative somewhere on the cone of these rays."""
        if all(entry == 0 for entry in v):
            return False
        if len(rays) > MAX_RAYS:
            raise NotApplicable
        ridge, *penalty = self.data.penalties[position]
        along = [_along(v, ray) for ray in rays]
        gram = [
            [
                4 * ridge * sum(c * a * b for c, a, b in zip(penalty, one, two, strict=True)) - here * there
                for two, there in zip(rays, along, strict=True)
            ]
            for one, here in zip(rays, along, strict=True)
        ]
        return copositivity(gram, field_scalars(self.found.field)) is Copositivity.NEGATIVE


def _along(vector: Sequence[Any], ray: Sequence[Any]) -> Any:
    total = vector[0] * ray[0]
    for entry, step in zip(vector[1:], ray[1:], strict=True):
        total = total + entry * step
    return total
