"""A class of problems whose minima are told by first-order conditions, ties included (theory.md section 4, "Local minimality, exactly").

One hidden layer of positively homogeneous units, one output, a loss that is convex in the network's output, and a positive quadratic
penalty on every parameter of the units. In the products p_l = |a_l| w_l the loss with its least penalty is convex on every adjacent cell (a
convex loss of a linear map, plus norms), so a point is a local minimum if and only if no direction descends; and where the loss is
differentiable in the output, the condition splits into one for each unit. Squared error is used nowhere: Huber's loss, even powers and the
squared hinge are in the class, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import repeat
from typing import Any

from flint import Ordering, fmpq_mpoly, fmpq_mpoly_ctx

from reluspec.engines.algebraic.charts import Unit, unit_groups
from reluspec.engines.algebraic.cones import cell_cones
from reluspec.engines.algebraic.forms import Copositivity, copositivity
from reluspec.engines.algebraic.number_field import Algebraic
from reluspec.engines.algebraic.polyhedra import field_scalars, value_at
from reluspec.engines.algebraic.scalars import FRACTIONS
from reluspec.engines.algebraic.smoothness import smooth_kinks
from reluspec.problem.definitions import BUILT_IN, Kind
from reluspec.problem.expression import Constant, Expression, Kink, Power, Product, Sum, Variable, evaluate, kinks
from reluspec.problem.problem import Problem, Reduction
from reluspec.regions.signs import Signs, sign_values
from reluspec.systems.surrogate import fraction, rational

MAX_CELLS = 2_000


@dataclass(frozen=True)
class Homogeneous:
    """The class's data: slopes of the activation below and above zero; per unit its row of penalties (output weight first)."""

    below: Fraction
    above: Fraction
    units: tuple[Unit, ...]
    penalties: tuple[tuple[Fraction, ...], ...]

    def slope(self, sign: int) -> Fraction:
        return self.above if sign >= 0 else self.below


@lru_cache(maxsize=16)
def homogeneous(problem: Problem) -> Homogeneous | None:
    """The problem as a member of the class, `None` if it is not one or convexity of its loss is not shown."""
    if len(problem.network.layers) != 2 or not (units := unit_groups(problem)):
        return None
    hidden, output = problem.network.layers
    slopes = _slopes(hidden.activation.expression)
    if slopes is None or output.activation.expression != Variable("z") or not _convex_loss(problem):
        return None
    penalties = _penalties(problem)
    if penalties is None:
        return None
    rows = tuple(tuple(penalties[k] for k in unit.parameters) for unit in units)
    return Homogeneous(*slopes, units, rows) if all(value > 0 for row in rows for value in row) else None


def _slopes(expression: Expression) -> tuple[Fraction, Fraction] | None:
    """The slopes of a positively homogeneous, piecewise linear function of z: its values at -1 and 1, if its only kink is at z = 0."""
    if any(kink.argument != Variable("z") for kink in kinks(expression)):
        return None
    context = fmpq_mpoly_ctx.get(["z"], Ordering.lex)
    found = []
    for side in (-1, 1):
        terms = _piece(expression, {Variable("z"): context.gen(0)}, repeat(side), context).to_dict()
        if any(exponents != (1,) for exponents in terms):
            return None
        found.append(fraction(terms[1,]) if terms else Fraction(0))
    return found[0], found[1]


def _piece(expression: Expression, values: Mapping[Variable, Any], sides: Iterator[int], context: fmpq_mpoly_ctx) -> fmpq_mpoly:
    """The polynomial that an expression equals on these sides of its kinks."""
    piece: fmpq_mpoly = evaluate(expression, values, lambda _: next(sides), lambda value: context.constant(rational(value)))
    return piece


_CONVEX = {"squared_error", "absolute_error", "huber", "squared_hinge", "power"}


def _convex_loss(problem: Problem) -> bool:
    loss = problem.loss
    built_in = {definition.name: definition for definition in BUILT_IN if definition.kind is Kind.LOSS}
    if loss.name in _CONVEX and loss.name in built_in:
        return True
    return _affine(loss.expression) or _convex(loss.expression)


def _affine(expression: Expression) -> bool:
    """Whether an expression in f is affine, by its form; y counts as a constant."""
    if isinstance(expression, Constant | Variable):
        return True
    if isinstance(expression, Sum):
        return all(_affine(term) for term in expression.terms)
    if isinstance(expression, Product):
        return all(_affine(factor) for factor in expression.factors) and sum(not _known(factor) for factor in expression.factors) <= 1
    return isinstance(expression, Power) and _known(expression)


def _known(expression: Expression) -> bool:
    """Whether f does not occur."""
    if isinstance(expression, Variable):
        return expression.name != "f"
    if isinstance(expression, Sum):
        return all(_known(term) for term in expression.terms)
    if isinstance(expression, Product):
        return all(_known(factor) for factor in expression.factors)
    if isinstance(expression, Power):
        return _known(expression.base)
    return isinstance(expression, Constant) or (isinstance(expression, Kink) and _known(expression.argument))


def _convex(expression: Expression) -> bool:
    """Whether an expression is convex in f by the rules of disciplined convex programming (Grant, Boyd, Ye, 2006)."""
    if _affine(expression):
        return True
    if isinstance(expression, Sum):
        return all(_convex(term) for term in expression.terms)
    if isinstance(expression, Product):
        scale = [factor for factor in expression.factors if isinstance(factor, Constant)]
        rest = [factor for factor in expression.factors if not isinstance(factor, Constant)]
        return len(rest) == 1 and all(factor.value >= 0 for factor in scale) and _convex(rest[0])
    if isinstance(expression, Power):
        even = expression.exponent % 2 == 0 and _affine(expression.base)
        return even or (_nonnegative(expression.base) and _convex(expression.base))
    if isinstance(expression, Kink):
        if _affine(expression.argument):
            return expression.below <= expression.above
        return 0 <= expression.below <= expression.above and _convex(expression.argument)
    return False


def _nonnegative(expression: Expression) -> bool:
    if isinstance(expression, Kink):
        return expression.below <= 0 <= expression.above
    return isinstance(expression, Power) and expression.exponent % 2 == 0


def _penalties(problem: Problem) -> dict[int, Fraction] | None:
    """The coefficient of every parameter's square, if the regulariser is a sum of squares of single parameters."""
    if any(True for term in problem.regulariser for _ in kinks(term.expression)):
        return None
    context = fmpq_mpoly_ctx.get([str(parameter) for parameter in problem.parameters], Ordering.lex)
    values: dict[Variable, Any] = dict(zip(problem.parameters, context.gens(), strict=True))
    values |= {variable: context.constant(rational(value)) for variable, value in problem.constants().items()}
    found = dict.fromkeys(range(len(problem.parameters)), Fraction(0))
    for term in problem.regulariser:
        polynomial = _piece(term.expression, values, repeat(1), context)
        for exponents, coefficient in polynomial.to_dict().items():
            if any(exponents):
                if sum(exponents) != 2 or 2 not in exponents or coefficient < 0:
                    return None
                found[exponents.index(2)] += fraction(coefficient)
    return found


@dataclass(frozen=True)
class UnitVerdict:
    """Whether no direction of one unit descends; `slopes` are the signs of the derivatives that were looked at."""

    minimal: bool
    reason: str


def living_unit(
    problem: Problem, data: Homogeneous, position: int, sigma: int, directions: Sequence[Algebraic], slope: Sequence[Algebraic], signs: str
) -> UnitVerdict:
    """No direction of a living unit descends: `directions` is its u, `slope` the derivative of the loss by the output at every point.

    On an adjacent cell the derivative by u, divided by s, is `2 Lambda u + sum_i slope_i phi'_i x_i`; it must not be negative on the
    generators of the cell's cone.
    """
    unit, penalty = data.units[position], data.penalties[position]
    rows = own_rows(problem, unit)
    sides = sign_values(signs)
    wall = [i for i, side in enumerate(sides) if not side and any(rows[i])]
    base = [2 * weight * u for weight, u in zip(penalty[1:], directions, strict=True)]
    for i, row in enumerate(rows):
        if i not in wall and (factor := data.slope(sides[i])):
            base = [entry + slope[i] * (factor * x) if x else entry for entry, x in zip(base, row, strict=True)]
    for cell, cone in cell_cones([tuple(sigma * x for x in rows[i]) for i in wall], len(unit.incoming), FRACTIONS, MAX_CELLS):
        gradient = base
        for i, side in zip(wall, cell, strict=True):
            if factor := data.slope(side):
                gradient = [entry + slope[i] * (factor * x) if x else entry for entry, x in zip(gradient, rows[i], strict=True)]
        for ray in cone.rays:
            if _along(gradient, ray).sign() < 0:
                return UnitVerdict(False, f"the loss falls off the kinks of unit {position}")
    return UnitVerdict(True, "")


def dead_unit(problem: Problem, data: Homogeneous, position: int, slope: Sequence[Algebraic]) -> UnitVerdict:
    """No direction wakes a dead unit: on every cell's cone `4 lambda_a Lambda - v v^T` is copositive, v the sum of `slope_i phi'_i x_i`.

    That is the least of `lambda_a a^2 + w Lambda w + a v.w` over a not being negative.
    """
    unit, (ridge, *penalty) = data.units[position], data.penalties[position]
    rows = own_rows(problem, unit)
    real = [i for i, row in enumerate(rows) if any(row)]
    for sides, cone in cell_cones([rows[i] for i in real], len(unit.incoming), FRACTIONS, MAX_CELLS):
        chosen = [(i, factor) for i, side in zip(real, sides, strict=True) if (factor := data.slope(side))]
        zero = slope[0] - slope[0]
        v = [sum((slope[i] * (factor * rows[i][k]) for i, factor in chosen if rows[i][k]), zero) for k in range(len(penalty))]
        rays = [*cone.rays, *cone.lineality, *(tuple(-entry for entry in line) for line in cone.lineality)]
        along = [_along(v, ray) for ray in rays]
        gram = [
            [
                4 * ridge * sum(c * a * b for c, a, b in zip(penalty, one, two, strict=True)) - here * there
                for two, there in zip(rays, along, strict=True)
            ]
            for one, here in zip(rays, along, strict=True)
        ]
        if copositivity(gram, field_scalars(slope[0].field)) is Copositivity.NEGATIVE:
            return UnitVerdict(False, f"the dead unit {position} can be woken")
    return UnitVerdict(True, "")


def _along(vector: Sequence[Algebraic], ray: Sequence[Fraction]) -> Algebraic:
    total = vector[0] * ray[0]
    for entry, step in zip(vector[1:], ray[1:], strict=True):
        total = total + entry * step
    return total


def own_rows(problem: Problem, unit: Unit) -> list[tuple[Fraction, ...]]:
    """The data points as the units of a first hidden layer see them: (x_i, 1) with a bias, x_i without."""
    bias = len(unit.incoming) > problem.network.inputs
    return [(*point, Fraction(1)) if bias else point for point in problem.data.x]


def output_slopes(problem: Problem, signs: Signs, outputs: Sequence[Algebraic]) -> list[Algebraic] | None:
    """The derivative of the loss by the (one) output at every data point; `None` where the loss has a kink there.

    `signs.objective` tells the sides; across a smooth zero switch the two sides agree.
    """
    data, loss = problem.data, problem.loss.expression
    smooth = smooth_kinks(loss)
    context = fmpq_mpoly_ctx.get(["f"], Ordering.lex)
    slopes = []
    for i, (value, target, weight) in enumerate(zip(outputs, data.y, data.weight, strict=True)):
        here = signs.objective[i * len(smooth) : (i + 1) * len(smooth)]
        if any(sign == "0" and not flat for sign, flat in zip(here, smooth, strict=True)):
            return None
        known = {Variable("f", (0,)): context.gen(0), Variable("y", (0,)): context.constant(rational(target[0]))}
        piece = _piece(loss, known, iter(sign_values(here)), context)
        share = weight / len(data) if problem.loss.reduction is Reduction.MEAN else weight
        slopes.append(value_at(piece.derivative(0).to_dict(), [value], value.field.element(0)) * share)
    return slopes
