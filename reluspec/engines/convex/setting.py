"""The setting of theory.md section 4, read off a problem: one homogeneous hidden layer, squared error, ridge on every unit parameter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

from flint import Ordering, fmpq, fmpq_mat, fmpq_mpoly_ctx

from reluspec.errors import UnsupportedProblemError
from reluspec.problem.expression import Expression, Sum, Variable, evaluate
from reluspec.problem.expression import variables as variables_of
from reluspec.problem.problem import Layer, Problem, Reduction
from reluspec.systems.surrogate import rational

MAX_PARAMETERS = 2_000
"""Largest number of parameters whose penalty is expanded; landscapes near it are out of reach anyway."""
MAX_POINTS = 4_000
"""Data points: the metric is a matrix of their number squared, and no bound on floats is proved beyond (`float_geometry`)."""


class _NotConvexError(Exception):
    """Why the problem is outside section 4; the message names the construct."""


@dataclass(frozen=True)
class ConvexSetting:
    """The data of theory.md section 4, exact.

    `rows` (n x m) are the extended points (with a last 1 where the hidden layer has a bias), `target` (n) what the units together must
    fit, `metric` (n x n) the matrix W of the squared error `u^T W u` after an output bias has been minimised out, `ridge` (m) the
    diagonal of Lambda, `ridge_output` is lambda_a, `above`/`below` are the slopes of the activation, and `offset` is added to the loss.
    An output bias, where there is one, is `bias_row . (target - f)`.
    """

    problem: Problem
    units: int
    above: fmpq
    below: fmpq
    rows: tuple[tuple[Fraction, ...], ...]
    target: tuple[fmpq, ...]
    metric: fmpq_mat
    ridge: tuple[fmpq, ...]
    ridge_output: fmpq
    offset: fmpq
    bias_row: tuple[fmpq, ...] | None

    @property
    def points(self) -> int:
        return len(self.rows)

    @cached_property
    def target_column(self) -> fmpq_mat:
        return fmpq_mat(self.points, 1, list(self.target))

    @property
    def hidden(self) -> Layer:
        return self.problem.network.layers[0]

    @property
    def output(self) -> Layer:
        return self.problem.network.layers[1]

    @property
    def has_hidden_bias(self) -> bool:
        """Whether the last entry of a unit's weight vector is its bias."""
        return len(self.ridge) > self.problem.network.inputs


def convex_setting(problem: Problem) -> ConvexSetting:
    """The setting of theory.md section 4. Raises `UnsupportedProblemError` naming the first construct outside it."""
    try:
        return _read(problem)
    except _NotConvexError as reason:
        raise UnsupportedProblemError(f"the convex engine cannot take this problem: {reason}") from None


def _read(problem: Problem) -> ConvexSetting:
    layers = problem.network.layers
    if len(layers) != 2:
        raise _NotConvexError(f"the network has {len(layers) - 1} hidden layers; the engine needs exactly one")
    hidden, output = layers
    if len(problem.data) > MAX_POINTS:
        raise _NotConvexError(f"there are {len(problem.data):,} data points; the limit is {MAX_POINTS:,}. Use fewer")
    if output.units != 1:
        raise _NotConvexError(f"layer `{output.name}` has {output.units} outputs; the engine needs one")
    if any(slope != 1 for slope in _homogeneous_slopes(output)):
        raise _NotConvexError(f"the activation `{output.activation}` of the output layer; the engine needs `linear`")
    for layer in layers:
        if layer.fixed_weight is not None:
            raise _NotConvexError(f"the weights of layer `{layer.name}` are fixed; the engine needs them free")
    if hidden.bias and hidden.fixed_bias is not None and any(hidden.fixed_bias):
        raise _NotConvexError(f"the bias of layer `{hidden.name}` is fixed at a value other than 0, so its units are not homogeneous")
    above, below = _homogeneous_slopes(hidden)
    if above == below:
        raise _NotConvexError(f"the activation `{hidden.activation}` of layer `{hidden.name}` has no kink, so there are no regions")
    free_bias = hidden.bias and hidden.fixed_bias is None
    curvature, targets, constant = _quadratic_objective(problem)
    ridge, ridge_output, ridge_bias, penalty = _ridge(problem, free_bias)
    scale = rational(Fraction(1, len(problem.data)) if problem.loss.reduction is Reduction.MEAN else Fraction(1)) * curvature
    weights = [rational(weight) * scale for weight in problem.data.weight]
    if output.bias and output.fixed_bias is not None:
        targets = [target - rational(output.fixed_bias[0]) for target in targets]
    metric, bias_row = _metric(weights, ridge_bias)
    return ConvexSetting(
        problem=problem,
        units=hidden.units,
        above=above,
        below=below,
        rows=tuple((*point, Fraction(1)) if free_bias else point for point in problem.data.x),
        target=tuple(targets),
        metric=metric,
        ridge=ridge,
        ridge_output=ridge_output,
        offset=penalty + sum((weight * extra / curvature for weight, extra in zip(weights, constant, strict=True)), fmpq(0)),
        bias_row=bias_row,
    )


def _metric(weights: list[fmpq], ridge_bias: fmpq | None) -> tuple[fmpq_mat, tuple[fmpq, ...] | None]:
    """`min over b of sum w_i (u_i - b)^2 + ridge_bias b^2 = u^T W u`, and the b that attains it as a row times u."""
    count = len(weights)
    metric = fmpq_mat(count, count)
    for i, weight in enumerate(weights):
        metric[i, i] = weight
    if ridge_bias is None:
        return metric, None
    total = ridge_bias + sum(weights, fmpq(0))
    for i, first in enumerate(weights):
        for j, second in enumerate(weights):
            metric[i, j] -= first * second / total
    return metric, tuple(weight / total for weight in weights)


def _homogeneous_slopes(layer: Layer) -> tuple[fmpq, fmpq]:
    """The slopes above and below zero of a positively homogeneous activation."""
    context = fmpq_mpoly_ctx.get(["z"], Ordering.lex)
    z = context.gen(0)
    slopes: list[fmpq] = []
    for side in (1, -1):

        def choose(switch: Any, side: int = side) -> int:
            terms = dict(switch.terms())
            if not terms:
                return 0
            if len(terms) > 1 or not next(iter(terms))[0]:
                raise _NotConvexError(f"the activation `{layer.activation}` of layer `{layer.name}` has a kink away from 0")
            ((power,), coefficient) = next(iter(terms.items()))
            return (1 if coefficient > 0 else -1) * (side if power % 2 else 1)

        value = evaluate(layer.activation.expression, {Variable("z"): z}, choose, lambda c: context.constant(rational(c)))
        slope = value.coefficient(0) if len(value) else fmpq(0)
        if value != slope * z:
            raise _NotConvexError(f"the activation `{layer.activation}` of layer `{layer.name}` is not linear on each side of 0")
        slopes.append(slope)
    return slopes[0], slopes[1]


def _quadratic_objective(problem: Problem) -> tuple[fmpq, list[fmpq], list[fmpq]]:
    """The objective as `curvature (f - target_i)^2 + constant_i`."""
    context = fmpq_mpoly_ctx.get(["f"], Ordering.lex)
    targets, constants, curvatures = [], [], set()
    for (y,) in problem.data.y:
        values = {Variable("f", (0,)): context.gen(0), Variable("y", (0,)): context.constant(rational(y))}
        value = evaluate(problem.loss.expression, values, _refuse_kinks(f"the objective `{problem.loss}`"), _constants(context))
        coefficient = {power: c for (power,), c in value.terms()}
        if set(coefficient) - {0, 1, 2} or coefficient.get(2, fmpq(0)) <= 0:
            raise _NotConvexError(f"the objective `{problem.loss}`; the engine needs a squared error")
        a, b = coefficient[2], coefficient.get(1, fmpq(0))
        curvatures.add((int(a.p), int(a.q)))
        targets.append(-b / (2 * a))
        constants.append(coefficient.get(0, fmpq(0)) - b * b / (4 * a))
    if len(curvatures) > 1:
        raise _NotConvexError(f"the objective `{problem.loss}` weighs the outputs by y; use `weight` in the data instead")
    return fmpq(*next(iter(curvatures))), targets, constants


def _constants(context: Any) -> Callable[[Fraction], Any]:
    return lambda value: context.constant(rational(value))


def _refuse_kinks(what: str) -> Callable[[Any], int]:
    def choose(switch: Any) -> int:
        if switch.is_constant():
            value = switch.leading_coefficient() if len(switch) else fmpq(0)
            return (value > 0) - (value < 0)
        raise _NotConvexError(f"{what} has kinks of its own")

    return choose


def _ridge(problem: Problem, free_bias: bool) -> tuple[tuple[fmpq, ...], fmpq, fmpq | None, fmpq]:
    """Lambda, lambda_a, the output bias's coefficient (`None` without one) and a constant, from the expanded regulariser."""
    hidden, output = problem.network.layers
    squares, constant = _diagonal_quadratic(problem)

    def shared(name: str, indices: list[tuple[int, ...]], what: str) -> fmpq:
        found = {squares.get(Variable(name, index), fmpq(0)) for index in indices}
        if len(found) > 1:
            raise _NotConvexError(f"the penalty on {what} differs between units")
        (value,) = found
        if value <= 0:
            kind = "no" if value == 0 else "a negative"
            raise _NotConvexError(f"{what} carries {kind} ridge penalty; the engine needs a positive one on it")
        return value

    units = range(hidden.units)
    weight, bias = f"{hidden.name}.weight", f"{hidden.name}.bias"
    ridge = [shared(weight, [(u, k) for u in units], f"{weight}[:,{k}]") for k in range(problem.network.inputs)]
    if free_bias:
        ridge.append(shared(bias, [(u,) for u in units], bias))
    ridge_output = shared(f"{output.name}.weight", [(0, u) for u in units], f"{output.name}.weight")
    if not output.bias or output.fixed_bias is not None:
        return tuple(ridge), ridge_output, None, constant
    ridge_bias = squares.get(Variable(f"{output.name}.bias", (0,)), fmpq(0))
    if ridge_bias < 0:
        raise _NotConvexError(f"{output.name}.bias carries a negative penalty")
    return tuple(ridge), ridge_output, ridge_bias, constant


def _diagonal_quadratic(problem: Problem) -> tuple[dict[Variable, fmpq], fmpq]:
    """The regulariser as a sum of multiples of squares of single parameters, plus a constant."""
    parameters = problem.parameters
    if len(parameters) > MAX_PARAMETERS:
        raise _NotConvexError(f"the network has {len(parameters):,} parameters; the engine takes at most {MAX_PARAMETERS:,}")
    squares: dict[Variable, fmpq] = {}
    constant = fmpq(0)
    for penalty in problem.regulariser:
        for term in _summands(penalty.expression):
            used = sorted(set(variables_of(term)), key=str)
            context = fmpq_mpoly_ctx.get([f"p{k}" for k in range(max(len(used), 1))], Ordering.lex)
            values = {variable: context.gen(k) for k, variable in enumerate(used)}
            value = evaluate(term, values, _refuse_kinks(f"the penalty `{penalty}`"), _constants(context))
            for exponents, coefficient in value.terms():
                powers = [(variable, power) for variable, power in zip(used, exponents, strict=False) if power]
                if not powers:
                    constant += coefficient
                elif len(powers) == 1 and powers[0][1] == 2:
                    squares[powers[0][0]] = squares.get(powers[0][0], fmpq(0)) + coefficient
                else:
                    raise _NotConvexError(f"the penalty `{penalty}` is not a sum of squares of parameters")
    return squares, constant


def _summands(expression: Expression) -> list[Expression]:
    """The top-level terms of a sum: each is expanded on its own, in its own few variables."""
    if isinstance(expression, Sum):
        return [part for term in expression.terms for part in _summands(term)]
    return [expression]
