"""A critical set of a problem of the class in `convexity`, as its units see it: outputs, subgradients of the loss, stationarity."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from functools import cached_property
from typing import Any, TypeAlias

from flint import Ordering, fmpq_mpoly_ctx

from reluspec.engines.algebraic.exact.algebraic import Algebraic
from reluspec.engines.algebraic.exact.cones import cell_cones
from reluspec.engines.algebraic.exact.linear import echelon, kernel
from reluspec.engines.algebraic.exact.scalars import FRACTIONS
from reluspec.engines.algebraic.judging.convexity import Homogeneous, output_bias, piece_on, seen_points
from reluspec.engines.algebraic.stationary.charts import Unit
from reluspec.engines.algebraic.stationary.polyhedra import CriticalSet, Vector, field_scalars, value_at
from reluspec.engines.algebraic.stationary.smoothness import smooth_kinks
from reluspec.problem.expression import Variable
from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs, sign_values
from reluspec.systems.surrogate import rational

MAX_CELLS = 2_000
"""Cells around a unit's parameters that are looked at."""

Condition: TypeAlias = tuple[list[Any], Any]
"""`sum_i c_i g_i + constant` as (c, constant): linear in the subgradient g of the loss."""


class NotApplicable(Exception):  # noqa: N818 - an outcome: the caller uses the general test
    """The test does not decide this critical set."""


class UnitPoint:
    """One critical set of the stratum `signs`. Raises `NotApplicable`, at once or later, where the test does not decide it.

    `sigma` and `charted` are the signs and charts of the living units by the position of their output weight; `outputs` those of the
    network; `moving` the data points whose outputs change along the set.
    """

    def __init__(self, problem: Problem, data: Homogeneous, signs: Signs, found: CriticalSet) -> None:
        self.problem, self.data, self.signs, self.found = problem, data, signs, found
        self.zero = found.field.element(0)
        self.sigma = {unit.output: sigma for unit, sigma in zip(found.living, found.sigma, strict=True)}
        self.charted = {unit.output: unit for unit in found.living}
        self.outputs = self.outputs_at(found.witness)
        self.moving: set[int] = set()
        self._check_family()
        if any(vector[unit.output] != 0 for vector in (found.witness, *found.directions) for _, unit in self.idle):
            raise NotApplicable

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
            self.moving |= {i for i, (a, b) in enumerate(zip(self.outputs, self.outputs_at(moved), strict=True)) if a != b}

    def outputs_at(self, point: Vector) -> list[Algebraic]:
        """The network's output at every data point: `sum_l phi'_li (s u + v)_l . x_i` plus the bias."""
        output = self.problem.network.layers[-1]
        bias: Any = 0
        if (free := output_bias(self.problem)) is not None:
            bias = point[free]
        elif output.bias and output.fixed_bias is not None:
            bias = output.fixed_bias[0]
        outputs = [self.zero + bias for _ in self.problem.data.x]
        for position, unit in enumerate(self.data.units):
            if (chart := self.charted.get(unit.output)) is None:
                continue
            products = [point[k] if k in chart.products else point[unit.output] * point[k] for k in unit.incoming]
            for i, row in enumerate(self.rows(unit)):
                side = self.units_signs[position][i]
                if side and (factor := self.data.slope(side)):
                    outputs[i] = outputs[i] + along(products, row) * factor
        return outputs

    def rows(self, unit: Unit) -> list[tuple[Fraction, ...]]:
        """The data points as the units see them."""
        return seen_points(self.problem, len(unit.incoming))

    @cached_property
    def units_signs(self) -> list[tuple[int, ...]]:
        if not self.signs.layers[0]:  # no kink at all: one side is as good as the other
            return [(1,) * len(self.problem.data) for _ in self.data.units]
        return [sign_values(signs) for signs in self.signs.layers[0]]

    @cached_property
    def sides(self) -> dict[int, tuple[Algebraic, Algebraic]]:
        """For the data points at a kink of the loss: its derivatives below and above (equal ones leave no choice, but must be met)."""
        return {i: self.pairs[i] for i in self.sharp}

    @cached_property
    def sharp(self) -> list[int]:
        """The data points at a kink of the loss across which it is not known to be smooth."""
        smooth = smooth_kinks(self.problem.loss.expression)
        zero = [sign == "0" and not smooth[k % len(smooth)] for k, sign in enumerate(self.signs.objective)]
        return sorted({k // len(smooth) for k, sharp in enumerate(zero) if sharp})

    @cached_property
    def pairs(self) -> list[tuple[Algebraic, Algebraic]]:
        loss = self.problem.loss.expression
        smooth = smooth_kinks(loss)
        context = fmpq_mpoly_ctx.get(["f"], Ordering.lex)
        pairs = []
        for i, (value, target, share) in enumerate(zip(self.outputs, self.problem.data.y, self.problem.shares, strict=True)):
            signs = sign_values(self.signs.objective[i * len(smooth) : (i + 1) * len(smooth)])
            sharp = [k for k, (sign, flat) in enumerate(zip(signs, smooth, strict=True)) if not sign and not flat]
            if len(sharp) > 1:
                raise NotApplicable
            known = {Variable("f", (0,)): context.gen(0), Variable("y", (0,)): context.constant(rational(target[0]))}
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
        slopes = [low for low, _ in self.pairs]
        unknown = sorted(self.sides)
        if not unknown:
            return slopes
        rows = []
        for coefficients, constant in self.stationarity():
            known = sum((slopes[i] * c for i, c in enumerate(coefficients) if c and i not in self.sides), self.zero + constant)
            rows.append((*(self.zero + coefficients[i] for i in unknown), known))
        reduced = echelon(rows, len(unknown), field_scalars(self.found.field))
        if len(reduced.columns) < len(unknown):
            return None
        for row, column in zip(reduced.rows, reduced.columns, strict=True):
            slopes[unknown[column]] = -row[-1]
        return slopes

    def stationarity(self) -> list[Condition]:
        """Equations that hold at a critical point of the stratum."""
        equations: list[Condition] = []
        for position, unit in self.living:
            rows, signs = self.rows(unit), self.units_signs[position]
            factors = [self.data.slope(sign) * (sign != 0) for sign in signs]
            wall = [row for row, sign in zip(rows, signs, strict=True) if not sign]
            base = self.penalty_slope(position, unit)
            for tangent in kernel(wall, len(unit.incoming), FRACTIONS):
                effects = [factor * along(row, tangent) for factor, row in zip(factors, rows, strict=True)]
                equations.append((effects, along(base, tangent)))
        if (k := output_bias(self.problem)) is not None:
            equations.append(([1] * len(self.problem.data), self.found.witness[k] * (2 * self.data.all_penalties[k])))
        return equations

    def is_stationary(self) -> bool:
        """Whether the slopes, which some of the equations give, fulfil all of them: not all points that are looked at are critical.

        A stratum may be looked at in pieces, on which zero switches that are products vanish with one factor or another.
        """
        slopes = self.slopes
        return slopes is not None and all(self.value(equation, slopes) == 0 for equation in self.stationarity())

    def is_critical(self) -> bool:
        """Whether a point at which the gradients of the constraints are dependent is critical all the same.

        In the products p the constraints are affine on the stratum, so that a minimum has multipliers there whatever the gradients in theta
        are; and its units are balanced.
        """
        if self.found.directions or self.slopes is None:
            raise NotApplicable
        if not self.is_stationary():
            return False
        for position, unit in enumerate(self.data.units):
            if unit.output in self.sigma:
                ridge, *_ = self.data.penalties[position]
                u = self.directions(unit)
                half = [entry / 2 for entry in self.penalty_slope(position, unit)]
                if along(half, u) != ridge:
                    return False
        return True

    def directions(self, unit: Unit) -> list[Algebraic]:
        """The unit's u = w / a, from whatever the chart has."""
        chart, s = self.charted[unit.output], self.found.witness[unit.output]
        return [self.found.witness[k] / s if k in chart.products else self.found.witness[k] for k in unit.incoming]

    def penalty_slope(self, position: int, unit: Unit) -> list[Algebraic]:
        """`2 Lambda u`."""
        return [value * (2 * weight) for value, weight in zip(self.directions(unit), self.data.penalties[position][1:], strict=True)]

    @property
    def living(self) -> list[tuple[int, Unit]]:
        return [(position, unit) for position, unit in enumerate(self.data.units) if unit.output in self.sigma]

    @property
    def idle(self) -> list[tuple[int, Unit]]:
        """The units with a = 0."""
        return [(position, unit) for position, unit in enumerate(self.data.units) if unit.output not in self.sigma]

    def is_dead(self, unit: Unit) -> bool:
        return all(vector[k] == 0 for vector in (self.found.witness, *self.found.directions) for k in unit.parameters)

    def sides_around(self, position: int, unit: Unit) -> Iterator[tuple[list[tuple[Fraction, ...]], dict[int, int], list[int]]]:
        """For every cell around the parameters of a unit: the data points' rows, the sides they are on, and which of them are on a kink."""
        rows, signs = self.rows(unit), self.units_signs[position]
        wall = [i for i, sign in enumerate(signs) if not sign and any(rows[i])]
        strict = {i: sign for i, sign in enumerate(signs) if sign}
        for cell, _ in cell_cones([rows[i] for i in wall], len(unit.incoming), FRACTIONS, MAX_CELLS):
            yield rows, strict | dict(zip(wall, cell, strict=True)), wall

    def effect(self, rows: Sequence[Sequence[Fraction]], sides: Mapping[int, int], slopes: Sequence[Algebraic]) -> list[Algebraic]:
        """`v = sum_i g_i phi'_i x_i` over the data points that have a side."""
        v = [self.zero] * len(rows[0])
        for i, side in sides.items():
            if factor := self.data.slope(side):
                v = [entry + slopes[i] * (factor * x) if x else entry for entry, x in zip(v, rows[i], strict=True)]
        return v

    def value(self, condition: Condition, slopes: Sequence[Algebraic]) -> Algebraic:
        coefficients, constant = condition
        total: Algebraic = self.zero + constant
        for slope, c in zip(slopes, coefficients, strict=True):
            total = total + slope * c if c else total
        return total


def along(vector: Sequence[Any], ray: Sequence[Any]) -> Any:
    """A scalar product."""
    total = vector[0] * ray[0]
    for entry, step in zip(vector[1:], ray[1:], strict=True):
        total = total + entry * step
    return total
