"""A problem as data for the page: expressions become small programs, so that the browser computes the same network and loss.

A program is a number, the name of a variable, or a list: `["+", …]`, `["*", …]`, `["^", base, exponent]`, and `["k", argument, below,
above]`, a kink (`reluspec.problem.expression.Kink`).
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from reluspec.errors import UnsupportedProblemError
from reluspec.problem.expression import Constant, Expression, Power, Product, Sum, Variable
from reluspec.problem.problem import Layer, Problem, Reduction


def program(expression: Expression) -> Any:
    """The expression as JSON-ready data. Raises `UnsupportedProblemError` for a constant that is no double."""
    if isinstance(expression, Constant):
        return number(expression.value)
    if isinstance(expression, Variable):
        return str(expression)
    if isinstance(expression, Sum):
        return ["+", *map(program, expression.terms)]
    if isinstance(expression, Product):
        return ["*", *map(program, expression.factors)]
    if isinstance(expression, Power):
        return ["^", program(expression.base), expression.exponent]
    return ["k", program(expression.argument), number(expression.below), number(expression.above)]


def number(value: Fraction) -> float | int:
    """The nearest double; integers that doubles hold stay integers."""
    try:
        found = float(value)
    except OverflowError:
        found = 0.0
    if value and not found:
        raise UnsupportedProblemError("the problem holds a number beyond double precision, with which browsers and plots compute")
    return int(found) if found == int(found) and abs(found) < 2**53 else found


def problem_program(problem: Problem) -> dict[str, Any]:
    """Data, network, loss and penalties of a problem. Raises `UnsupportedProblemError` where doubles cannot hold them."""
    data = problem.data
    return {
        "parameters": [str(parameter) for parameter in problem.parameters],
        "x": [[number(entry) for entry in point] for point in data.x],
        "y": [[number(entry) for entry in target] for target in data.y],
        "weight": [number(weight) for weight in data.weight],
        "layers": [_layer(layer, problem.network.fan_in(position)) for position, layer in enumerate(problem.network.layers)],
        "loss": program(problem.loss.expression),
        "mean": problem.loss.reduction is Reduction.MEAN,
        "penalties": [program(penalty.expression) for penalty in problem.regulariser],
    }


def _layer(layer: Layer, inputs: int) -> dict[str, Any]:
    return {
        "name": layer.name,
        "units": layer.units,
        "inputs": inputs,
        "bias": layer.bias,
        "fixed_weight": None if layer.fixed_weight is None else [[number(entry) for entry in row] for row in layer.fixed_weight],
        "fixed_bias": None if layer.fixed_bias is None else [number(entry) for entry in layer.fixed_bias],
        "activation": program(layer.activation.expression),
    }
