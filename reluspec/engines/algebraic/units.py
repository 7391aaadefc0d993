"""Local minimality unit by unit, for the class of `convexity`: first-order conditions that are necessary and sufficient.

Write F(p) for the loss plus the least penalties, p_l = a_l w_l. Near a critical point theta* the loss of theta is at least F(p(theta)),
with equality for the balanced theta of each p; so theta* is a local minimum iff p* is one of F, and as F is convex on every adjacent cell,
iff no directional derivative F'(p*; d) is negative. On a cell F' is sublinear: it is non-negative iff some subgradient g_i of the loss at
every data point, within the slopes of its two sides, balances all units. Where the stratum's own stationarity leaves no choice of g, the
condition splits into one for each unit:

- living (a != 0): on each adjacent cell's cone the derivative `2 Lambda u + sum_i g_i phi'_i x_i` is non-negative; its penalised part of w
is
  not zero, as `lambda_a a^2 = w Lambda w` at critical points, so that the seminorm is differentiable there;
- dead (a = 0, w = 0): on each cell's cone `4 lambda_a w Lambda w >= (v.w)^2` with `v = sum_i g_i phi'_i x_i`;
- off (a = 0, w != 0, inside a cell): the same for all w.

(A dead or off unit: if the inequality fails for some w, `lambda_a a^2 + w Lambda w + a v.w < 0` for some a.)
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import cached_property
from typing import Any

from flint import Ordering, fmpq_mpoly_ctx

from reluspec.engines.algebraic.charts import Unit
from reluspec.engines.algebraic.cones import cell_cones
from reluspec.engines.algebraic.convexity import Homogeneous, piece_on
from reluspec.engines.algebraic.forms import Copositivity, copositivity
from reluspec.engines.algebraic.linear import echelon, kernel
from reluspec.engines.algebraic.number_field import Algebraic
from reluspec.engines.algebraic.polyhedra import CriticalSet, Vector, field_scalars, value_at
from reluspec.engines.algebraic.scalars import FRACTIONS
from reluspec.engines.algebraic.smoothness import smooth_kinks
from reluspec.problem.expression import Variable
from reluspec.problem.problem import Problem, Reduction
from reluspec.regions.signs import Signs, sign_values
from reluspec.systems.surrogate import rational

MAX_CELLS = 2_000
"""Cells around a unit's parameters that are looked at."""
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

    def complaint(self) -> str:
        """Why the points of the set are no local minima; empty if they are."""
        for i, (low, high) in self._sides.items():
            if (self.slopes[i] - low).sign() < 0 or (high - self.slopes[i]).sign() < 0:
                return f"the loss falls off the kink of the objective at point {i}"
        for position, unit in enumerate(self.data.units):
            if unit.output in self.sigma:
                falls = self._living(position, unit)
            elif all(self.found.witness[k] == 0 for k in unit.parameters):
                falls = self._dead(position, unit)
            else:
                falls = self._off(position, unit)
            if falls:
                return falls
        return ""

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
                    if step[k] != 0 and not product and (chart is not None or penalty):
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
        """For the data points where the loss has a kink: its derivatives below and above."""
        return {i: pair for i, pair in enumerate(self._pairs) if pair[0] != pair[1]}

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
    def slopes(self) -> list[Algebraic]:
        """The subgradient g of the loss: its derivative by the output where it has one, else what stationarity leaves."""
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
            raise NotApplicable
        for row, column in zip(reduced.rows, reduced.columns, strict=True):
            slopes[unknown[column]] = -row[-1]
        return slopes

    def _stationarity(self) -> list[tuple[list[Any], Any]]:
        """Equations `sum_i c_i g_i + constant = 0` that hold at a critical point of the stratum."""
        equations: list[tuple[list[Any], Any]] = []
        output = self.problem.network.layers[-1]
        for position, unit in enumerate(self.data.units):
            rows, signs = self._rows(unit), self._units_signs[position]
            factors = [self.data.slope(sign) * (sign != 0) for sign in signs]
            if unit.output in self.sigma:
                wall = [row for row, sign in zip(rows, signs, strict=True) if not sign]
                base = self._penalty_slope(position, unit)
                for tangent in kernel(wall, len(unit.incoming), FRACTIONS):
                    along = [
                        factor * sum(x * t for x, t in zip(row, tangent, strict=True)) for factor, row in zip(factors, rows, strict=True)
                    ]
                    equations.append((along, _along(base, tangent)))
            elif any(self.found.witness[k] != 0 for k in unit.parameters):
                w = [self.found.witness[k] for k in unit.incoming]
                equations.append(([_along(w, row) * factor for factor, row in zip(factors, rows, strict=True)], 0))
        if output.bias and output.fixed_bias is None:
            k = self.problem.parameters.index(Variable(f"{output.name}.bias", (0,)))
            equations.append(([1] * len(self.problem.data), self.found.witness[k] * (2 * self.data.all_penalties[k])))
        return equations

    def _penalty_slope(self, position: int, unit: Unit) -> list[Algebraic]:
        """`2 Lambda u`."""
        chart = self.charted[unit.output]
        s, penalty = self.found.witness[unit.output], self.data.penalties[position][1:]
        values = [self.found.witness[k] / s if k in chart.products else self.found.witness[k] for k in unit.incoming]
        return [value * (2 * weight) for value, weight in zip(values, penalty, strict=True)]

    # Units

    def _living(self, position: int, unit: Unit) -> str:
        rows, signs = self._rows(unit), self._units_signs[position]
        sigma = self.sigma[unit.output]
        wall = [i for i, sign in enumerate(signs) if not sign and any(rows[i])]
        base = self._penalty_slope(position, unit)
        for i, row in enumerate(rows):
            if i not in wall:
                base = self._added(base, i, signs[i], row)
        for cell, cone in cell_cones([tuple(sigma * x for x in rows[i]) for i in wall], len(unit.incoming), FRACTIONS, MAX_CELLS):
            gradient = base
            for i, side in zip(wall, cell, strict=True):
                gradient = self._added(gradient, i, side, rows[i])
            if any(_along(gradient, ray).sign() < 0 for ray in cone.rays):
                return f"the loss falls off the kinks of unit {position}"
        return ""

    def _added(self, gradient: list[Algebraic], i: int, side: int, row: Sequence[Fraction]) -> list[Algebraic]:
        """The gradient with the term of data point i, on one side of the unit's kink there."""
        factor = self.data.slope(side)
        return [entry + self.slopes[i] * (factor * x) if factor * x else entry for entry, x in zip(gradient, row, strict=True)]

    def _dead(self, position: int, unit: Unit) -> str:
        rows = self._rows(unit)
        real = [i for i, row in enumerate(rows) if any(row)]
        for cell, cone in cell_cones([rows[i] for i in real], len(unit.incoming), FRACTIONS, MAX_CELLS):
            v = [self.zero] * len(unit.incoming)
            for i, side in zip(real, cell, strict=True):
                v = self._added(v, i, side, rows[i])
            rays = [*cone.rays, *cone.lineality, *(tuple(-entry for entry in line) for line in cone.lineality)]
            if self._negative(position, v, rays):
                return f"the dead unit {position} can be woken"
        return ""

    def _off(self, position: int, unit: Unit) -> str:
        """A unit without effect: a = 0, and nothing penalised is left in w."""
        rows, signs = self._rows(unit), self._units_signs[position]
        if self.found.witness[unit.output] != 0 or any(not sign and any(row) for row, sign in zip(rows, signs, strict=True)):
            raise NotApplicable
        v = [self.zero] * len(unit.incoming)
        for i, row in enumerate(rows):
            v = self._added(v, i, signs[i], row)
        basis = [tuple(Fraction(i == j) for j in range(len(v))) for i in range(len(v))]
        rays = [*basis, *(tuple(-entry for entry in ray) for ray in basis)]
        return f"the unit {position}, which has no effect, can be given one" if self._negative(position, v, rays) else ""

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
