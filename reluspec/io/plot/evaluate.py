"""Network and loss on NumPy arrays: many inputs, or many parameters, at once. For pictures only: doubles, no certificate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reluspec.io.report.programs import number
from reluspec.problem.expression import Constant, Expression, Kink, Power, Product, Sum, Variable
from reluspec.problem.problem import Problem, Reduction

Array = NDArray[np.float64]
Values = Mapping[Variable, Any]
_Z = Variable("z")


def on_arrays(expression: Expression, values: Values, switches: list[Array] | None = None) -> Any:
    """The expression with arrays for its variables; the kinks' arguments are appended to `switches`."""
    if isinstance(expression, Constant):
        return number(expression.value)
    if isinstance(expression, Variable):
        return values[expression]
    if isinstance(expression, Sum):
        return sum(on_arrays(term, values, switches) for term in expression.terms)
    if isinstance(expression, Product):
        result: Any = 1.0
        for factor in expression.factors:
            result = result * on_arrays(factor, values, switches)
        return result
    if isinstance(expression, Power):
        return on_arrays(expression.base, values, switches) ** expression.exponent
    assert isinstance(expression, Kink)
    argument = np.asarray(on_arrays(expression.argument, values, switches), dtype=np.float64)
    if switches is not None:
        switches.append(argument)
    return np.where(argument >= 0, number(expression.above), number(expression.below)) * argument


def parameters(problem: Problem, vector: Sequence[Any]) -> dict[Variable, Any]:
    """All parameters by name from the free ones as a vector, whose entries may be arrays."""
    fixed = {variable: number(value) for variable, value in problem.constants().items()}
    return {**fixed, **dict(zip(problem.parameters, vector, strict=True))}


def outputs(problem: Problem, theta: Values, point: Sequence[Any], switches: list[Array] | None = None) -> list[Any]:
    """The network's outputs; the entries of `point`, those of `theta`, or both may be arrays of one shape."""
    signal = list(point)
    for layer in problem.network.layers:
        following = []
        for unit in range(layer.units):
            z: Any = theta[Variable(f"{layer.name}.bias", (unit,))] if layer.bias else 0.0
            for k, entry in enumerate(signal):
                z = z + theta[Variable(f"{layer.name}.weight", (unit, k))] * entry
            following.append(on_arrays(layer.activation.expression, {_Z: z}, switches))
        signal = following
    return signal


def loss(problem: Problem, theta: Values) -> Any:
    """The training loss with regulariser, for arrays of parameters."""
    total: Any = 0.0
    for point, target, weight in zip(problem.data.x, problem.data.y, problem.data.weight, strict=True):
        found = outputs(problem, theta, [number(entry) for entry in point])
        local: dict[Variable, Any] = {Variable("f", (k,)): value for k, value in enumerate(found)}
        local |= {Variable("y", (k,)): number(value) for k, value in enumerate(target)}
        total = total + number(weight) * on_arrays(problem.loss.expression, local)
    if problem.loss.reduction is Reduction.MEAN:
        total = total / len(problem.data)
    for penalty in problem.regulariser:
        total = total + on_arrays(penalty.expression, theta)
    return total


def vector_of(problem: Problem, theta: Mapping[str, Any]) -> Array:
    """The free parameters of a theta in PyTorch's form."""
    values = problem.flatten(theta)
    return np.array([float(values[parameter]) for parameter in problem.parameters])


def inputs(problem: Problem) -> Array:
    """The data's x, n x d."""
    return np.array([[number(entry) for entry in point] for point in problem.data.x], dtype=np.float64)


def targets(problem: Problem) -> Array:
    """The data's y, n x outputs."""
    return np.array([[number(entry) for entry in target] for target in problem.data.y], dtype=np.float64)


def spread(values: Any, share: float) -> tuple[float, float]:
    """The range of values, wider by a share on each side."""
    low, high = float(np.min(values)), float(np.max(values))
    gap = share * (high - low) if high > low else share * max(abs(high), 1.0)
    return low - gap, high + gap
