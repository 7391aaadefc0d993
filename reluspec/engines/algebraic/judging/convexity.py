"""A class of problems whose minima are told by first-order conditions, ties included: which problems are in it.

One hidden layer of positively homogeneous units, one output, a loss that is convex in the network's output, and quadratic penalties of
any parameters. The least penalty that makes the product p_l = a_l w_l is the seminorm `2 sqrt(lambda_a) |Lambda^(1/2) p_l|`, and the loss
plus these seminorms is convex on every adjacent cell (theory.md section 4, "Local minimality, exactly"; squared error is used nowhere
there). `units` has the tests.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from functools import lru_cache
from itertools import product, repeat
from typing import Any

from flint import Ordering, fmpq_mpoly, fmpq_mpoly_ctx

from reluspec.engines.algebraic.stationary.charts import Unit, unit_groups
from reluspec.problem.definitions import BUILT_IN, Kind
from reluspec.problem.expression import Constant, Expression, Kink, Power, Product, Sum, Variable, evaluate, kinks, substitute, variables
from reluspec.problem.problem import Layer, Problem
from reluspec.systems.surrogate import fraction, rational

MAX_KINKS = 6
"""Of an activation, whose pieces are looked at one by one."""


class ConvexIn(Enum):
    """In which coordinates a problem is convex on regions; OFF only where its output layer is off."""

    FIXED = "theta"
    PRODUCTS = "products"
    OFF = "the output layer"


@dataclass(frozen=True)
class Homogeneous:
    """The class's data: slopes of the activation below and above zero; per unit its row of penalties, output weight first.

    `all_penalties` are those of all parameters, by position.
    """

    below: Fraction
    above: Fraction
    units: tuple[Unit, ...]
    penalties: tuple[tuple[Fraction, ...], ...]
    all_penalties: Mapping[int, Fraction]

    def slope(self, sign: int) -> Fraction:
        return self.above if sign >= 0 else self.below


@lru_cache(maxsize=16)
def homogeneous(problem: Problem) -> Homogeneous | None:
    """The problem as a member of the class, `None` if it is not one or convexity of its loss is not shown."""
    if len(problem.network.layers) != 2 or not (units := unit_groups(problem)):
        return None
    hidden, output = problem.network.layers
    slopes = activation_slopes(hidden.activation.expression)
    if slopes is None or output.activation.expression != Variable("z") or not convex_loss(problem):
        return None
    penalties = quadratic_penalties(problem)
    if penalties is None:
        return None
    rows = tuple(tuple(penalties[k] for k in unit.parameters) for unit in units)
    return Homogeneous(*slopes, units, rows, penalties)


def seen_points(problem: Problem, width: int) -> list[tuple[Fraction, ...]]:
    """The data points as units of the first layer with so many parameters see them: (x_i, 1) with a bias, x_i without."""
    bias = width > problem.network.inputs
    return [(*point, Fraction(1)) if bias else point for point in problem.data.x]


def output_bias(problem: Problem) -> int | None:
    """The position of the output's bias among the parameters, if there is one that is free."""
    output = problem.network.layers[-1]
    return problem.parameters.index(Variable(f"{output.name}.bias", (0,))) if output.bias and output.fixed_bias is None else None


def activation_slopes(expression: Expression) -> tuple[Fraction, Fraction] | None:
    """The slopes of a positively homogeneous, piecewise linear function of z: its values at -1 and 1, if its only kink is at z = 0."""
    if any(kink.argument != Variable("z") for kink in kinks(expression)):
        return None
    context = fmpq_mpoly_ctx.get(["z"], Ordering.lex)
    found = []
    for side in (-1, 1):
        terms = piece_on(expression, {Variable("z"): context.gen(0)}, repeat(side), context).to_dict()
        if any(exponents != (1,) for exponents in terms):
            return None
        found.append(fraction(terms[1,]) if terms else Fraction(0))
    return found[0], found[1]


def piece_on(expression: Expression, values: Mapping[Variable, Any], sides: Iterator[int], context: fmpq_mpoly_ctx) -> fmpq_mpoly:
    """The polynomial that an expression equals on these sides of its kinks."""
    piece: fmpq_mpoly = evaluate(expression, values, lambda _: next(sides), lambda value: context.constant(rational(value)))
    return piece


_CONVEX = {"squared_error", "absolute_error", "huber", "squared_hinge", "power"}


def convex_loss(problem: Problem) -> bool:
    """Whether the loss is known to be convex in the network's outputs."""
    loss = problem.loss
    built_in = {definition.name: definition for definition in BUILT_IN if definition.kind is Kind.LOSS}
    if loss.name in _CONVEX and loss.name in built_in:
        return True
    return _convex(loss.expression)


def convex_penalties(problem: Problem) -> bool:
    """Whether all terms of the regulariser are convex by their form, in all parameters together."""
    unknown: dict[Variable, Expression] = {parameter: Variable("f", (k,)) for k, parameter in enumerate(problem.parameters)}
    return all(_convex(substitute(term.expression, unknown)) for term in problem.regulariser)


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


def quadratic_penalties(problem: Problem) -> dict[int, Fraction] | None:
    """The coefficient of every parameter's square, if the regulariser is a sum of squares of single parameters."""
    if any(True for term in problem.regulariser for _ in kinks(term.expression)):
        return None
    context = fmpq_mpoly_ctx.get([parameter.symbol for parameter in problem.parameters], Ordering.lex)
    values: dict[Variable, Any] = dict(zip(problem.parameters, context.gens(), strict=True))
    values |= {variable: context.constant(rational(value)) for variable, value in problem.constants().items()}
    found = dict.fromkeys(range(len(problem.parameters)), Fraction(0))
    for term in problem.regulariser:
        polynomial = piece_on(term.expression, values, repeat(1), context)
        for exponents, coefficient in polynomial.to_dict().items():
            if any(exponents):
                if sum(exponents) != 2 or 2 not in exponents or coefficient < 0:
                    return None
                found[exponents.index(2)] += fraction(coefficient)
    return found


@lru_cache(maxsize=16)
def convex_kind(problem: Problem) -> ConvexIn | None:
    """The kind of a problem, as far as the form of its expressions shows."""
    layers = problem.network.layers
    output = layers[-1]
    if output.activation.expression != Variable("z") or not (convex_loss(problem) and convex_penalties(problem)):
        return None
    first = next((k for k, layer in enumerate(layers) if _is_free(layer)), len(layers))
    linear = all(is_piecewise_linear(layer.activation.expression) for layer in layers)
    if linear and all(layer.fixed_weight is not None for layer in layers[first + 1 :]):
        return ConvexIn.FIXED
    penalised = {variable.name.partition(".")[0] for term in problem.regulariser for variable in variables(term.expression)}
    if len(layers) < 2 or output.fixed_weight is not None or penalised - {output.name}:
        return None
    return ConvexIn.PRODUCTS if linear and len(layers) == 2 and output.units == 1 else ConvexIn.OFF


def _is_free(layer: Layer) -> bool:
    return layer.fixed_weight is None or (layer.bias and layer.fixed_bias is None)


def is_piecewise_linear(activation: Expression) -> bool:
    """Whether all pieces of an activation and the arguments of its kinks have degree one at most."""
    bent = list(kinks(activation))
    if len(bent) > MAX_KINKS:
        return False
    context = fmpq_mpoly_ctx.get(["z"], Ordering.lex)
    return all(
        piece_on(expression, {Variable("z"): context.gen(0)}, iter(sides), context).total_degree() <= 1
        for sides in product((-1, 1), repeat=len(bent))
        for expression in (activation, *(kink.argument for kink in bent))
    )
