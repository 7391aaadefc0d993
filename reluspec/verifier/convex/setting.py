"""The problems of theory.md section 4, read off the checked problem: one hidden layer of homogeneous units, squared error, ridge."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from flint import Ordering, fmpq, fmpq_mpoly_ctx, fmpq_poly

from reluspec.problem.expression import Expression, Sum, Variable, evaluate, kinks, variables
from reluspec.problem.problem import Layer, Problem, Reduction


class OutsideError(Exception):
    """The problem is not in the setting; the message says why."""


@dataclass(frozen=True)
class Setting:
    """`sum_i omega_i (y_i - b - f_i)^2 + kappa b^2 + lambda_a |a|^2 + sum_l w_l^T Lambda w_l + offset`, exact.

    `rows` (n x m) are the points, with a last 1 for a hidden bias; `f_i = sum_l a_l phi(w_l . row_i)`, phi with the slopes `above` and
    `below`. `kappa` is `None` without a free output bias b. `marks` are the signs that a unit's name shows at a point where its input is
    positive, zero and negative.
    """

    units: int
    rows: tuple[tuple[Fraction, ...], ...]
    y: tuple[fmpq, ...]
    omega: tuple[fmpq, ...]
    kappa: fmpq | None
    ridge: tuple[fmpq, ...]
    ridge_output: fmpq
    offset: fmpq
    above: fmpq
    below: fmpq
    marks: dict[int, str]
    hidden: Layer
    output: Layer
    hidden_bias: bool

    def name(self, signs: tuple[int, ...]) -> str:
        """A face as strata's names show it."""
        return "".join(self.marks[sign] for sign in signs)


def rational(value: Fraction | int) -> fmpq:
    return fmpq(value.numerator, value.denominator)


def read_setting(problem: Problem) -> Setting:
    """Raises `OutsideError`."""
    layers = problem.network.layers
    if len(layers) != 2 or layers[1].units != 1:
        raise OutsideError("the network has not one hidden layer and one output")
    hidden, output = layers
    if hidden.fixed_weight is not None or output.fixed_weight is not None or any(hidden.fixed_bias or ()):
        raise OutsideError("some parameters of the units are fixed")
    if any(slope != 1 for slope in activation_slopes(output)[:2]):
        raise OutsideError("the output layer is not linear")
    above, below, marks = activation_slopes(hidden)
    curvature, y, constants = _squares(problem)
    scale = fmpq(1, len(problem.data)) if problem.loss.reduction is Reduction.MEAN else fmpq(1)
    weights = [rational(weight) * scale for weight in problem.data.weight]
    free_bias = hidden.bias and hidden.fixed_bias is None
    squares, offset = square_penalties(problem)
    units, names = range(hidden.units), (f"{hidden.name}.weight", f"{hidden.name}.bias")
    ridge = [_shared(squares, names[0], [(u, k) for u in units]) for k in range(problem.network.inputs)]
    if free_bias:
        ridge.append(_shared(squares, names[1], [(u,) for u in units]))
    kappa = None
    if output.bias and output.fixed_bias is None:
        kappa = squares.get(Variable(f"{output.name}.bias", (0,)), fmpq(0))
    elif output.bias:
        y = [target - rational((output.fixed_bias or (Fraction(0),))[0]) for target in y]
    if kappa is not None and kappa < 0:
        raise OutsideError("the output bias has a negative penalty")
    return Setting(
        units=hidden.units,
        rows=tuple((*point, Fraction(1)) if free_bias else point for point in problem.data.x),
        y=tuple(y),
        omega=tuple(weight * curvature for weight in weights),
        kappa=kappa,
        ridge=tuple(ridge),
        ridge_output=_shared(squares, f"{output.name}.weight", [(0, u) for u in units]),
        offset=offset + sum((weight * extra for weight, extra in zip(weights, constants, strict=True)), fmpq(0)),
        above=above,
        below=below,
        marks=marks,
        hidden=hidden,
        output=output,
        hidden_bias=free_bias,
    )


def activation_slopes(layer: Layer) -> tuple[fmpq, fmpq, dict[int, str]]:
    """The slopes for positive and negative input, and the signs of the kinks' switches at a positive, zero and negative input."""
    slopes, marks = [], {0: "0" * len(layer.activation.kinks)}
    for side in (1, -1):
        found: list[str] = []

        def choose(switch: fmpq_poly, side: int = side, found: list[str] = found) -> int:
            terms = [(power, switch[power]) for power in range(switch.degree() + 1) if switch[power]]
            if len(terms) != 1 or terms[0][0] == 0:
                raise OutsideError(f"the activation {layer.activation} has a kink away from 0")
            ((power, coefficient),) = terms
            sign = (1 if coefficient > 0 else -1) * (side if power % 2 else 1)
            found.append("+" if sign > 0 else "-")
            return sign

        value = evaluate(layer.activation.expression, {Variable("z"): fmpq_poly([0, 1])}, choose, lambda c: fmpq_poly([rational(c)]))
        if value != fmpq_poly([0, value[1]]):
            raise OutsideError(f"the activation {layer.activation} is not linear on each side of 0")
        slopes.append(value[1])
        marks[side] = "".join(found)
    return slopes[0], slopes[1], marks


def _squares(problem: Problem) -> tuple[fmpq, list[fmpq], list[fmpq]]:
    """The objective of every point as `curvature (f - target)^2 + constant`."""
    if any(True for _ in kinks(problem.loss.expression)):
        raise OutsideError("the objective has kinks")
    found = []
    for (y,) in problem.data.y:
        values: dict[Variable, Any] = {Variable("f", (0,)): fmpq_poly([0, 1]), Variable("y", (0,)): fmpq_poly([rational(y)])}
        value = evaluate(problem.loss.expression, values, lambda _: 1, lambda c: fmpq_poly([rational(c)]))
        if value.degree() != 2 or value[2] <= 0:
            raise OutsideError("the objective is no squared error")
        found.append((value[2], -value[1] / (2 * value[2]), value[0] - value[1] * value[1] / (4 * value[2])))
    if len({curvature for curvature, _, _ in found}) > 1:
        raise OutsideError("the objective weighs the outputs by y")
    return found[0][0], [target for _, target, _ in found], [constant for _, _, constant in found]


def square_penalties(problem: Problem) -> tuple[dict[Variable, fmpq], fmpq]:
    """The regulariser as coefficients of squares of parameters, and a constant."""
    squares: dict[Variable, fmpq] = {}
    constant = fmpq(0)
    for term in (part for penalty in problem.regulariser for part in _summands(penalty.expression)):
        if any(True for _ in kinks(term)):
            raise OutsideError("the regulariser has kinks")
        used = sorted(set(variables(term)), key=str)
        ring = fmpq_mpoly_ctx.get([f"p{k}" for k in range(max(1, len(used)))], Ordering.lex)
        values = dict(zip(used, ring.gens(), strict=False))
        value = evaluate(term, values, lambda _: 1, lambda c, ring=ring: ring.constant(rational(c)))  # type: ignore[misc]
        for exponents, coefficient in value.to_dict().items():
            present = [(variable, int(power)) for variable, power in zip(used, exponents, strict=False) if power]
            if not present:
                constant += coefficient
            elif len(present) == 1 and present[0][1] == 2:
                squares[present[0][0]] = squares.get(present[0][0], fmpq(0)) + coefficient
            else:
                raise OutsideError("the regulariser is no sum of squares of parameters")
    return squares, constant


def _summands(expression: Expression) -> Iterator[Expression]:
    if isinstance(expression, Sum):
        for term in expression.terms:
            yield from _summands(term)
    else:
        yield expression


def _shared(squares: dict[Variable, fmpq], name: str, indices: list[tuple[int, ...]]) -> fmpq:
    found = {squares.get(Variable(name, index), fmpq(0)) for index in indices}
    if len(found) > 1 or min(found) <= 0:
        raise OutsideError(f"the penalty on {name} is not the same positive one for every unit")
    return found.pop()
