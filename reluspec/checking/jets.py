"""The loss and its switches at one point, with gradients and Hessians, by forward differentiation over all data points at once.

Kinks are continued from given sides, so that every adjacent cell's polynomial can be looked at from a point on their common border.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

import numpy as np

from reluspec.checking.cones import Array
from reluspec.errors import LimitError, ProblemError
from reluspec.problem.expression import Constant, Expression, Kink, Power, Product, Sum, Variable, kinks
from reluspec.problem.problem import Layer, Problem, Reduction
from reluspec.regions.signs import Signs, format_signs

MAX_PARAMETERS = 500
MAX_NUMBERS = 20_000_000
"""Of the Hessians of one quantity at all data points, or of all curved switches: 160 MB."""
MAX_PLACES = 200_000
"""Points of theta times data points in one evaluation of values."""


@dataclass(frozen=True)
class Jet:
    """Value (B), gradient (B x p) and Hessian (B x p x p) at B places; B may be 1 for all of them, and `None` is zero."""

    value: Array
    slope: Array | None = None
    bend: Array | None = None

    def __add__(self, other: Jet) -> Jet:
        return Jet(self.value + other.value, _plus(self.slope, other.slope), _plus(self.bend, other.bend))

    def __mul__(self, other: Jet) -> Jet:
        slope = _plus(_times(self.value, other.slope), _times(other.value, self.slope))
        bend = _plus(_times(self.value, other.bend), _times(other.value, self.bend))
        if self.slope is not None and other.slope is not None:
            mixed = self.slope[:, :, None] * other.slope[:, None, :]
            bend = _plus(bend, mixed + mixed.swapaxes(1, 2))
        return Jet(self.value * other.value, slope, bend)

    def scaled(self, factor: Array) -> Jet:
        return Jet(self.value * factor, _times(factor, self.slope), _times(factor, self.bend))


def _plus(first: Array | None, second: Array | None) -> Array | None:
    if first is None or second is None:
        return second if first is None else first
    return first + second


def _times(factor: Array, part: Array | None) -> Array | None:
    return None if part is None else factor.reshape(-1, *([1] * (part.ndim - 1))) * part


@dataclass(frozen=True)
class Expansion:
    """The loss to second order with every kink on its side: value, gradient (p), Hessian (p x p); and the S switches.

    `bends` has the Hessians of the switches that have one, by position.
    """

    loss: float
    gradient: Array
    hessian: Array
    switches: Array
    slopes: Array
    bends: Mapping[int, Array]


@dataclass
class _Run:
    """One evaluation: the sides to be taken, and the switches met so far."""

    sides: Array | None
    switches: list[Jet] = field(default_factory=list)
    met: int = 0

    def at(self, expression: Expression, values: Mapping[Variable, Jet]) -> Jet:
        if isinstance(expression, Constant):
            return constant(expression.value)
        if isinstance(expression, Variable):
            return values[expression]
        if isinstance(expression, Sum | Product):
            parts = [self.at(part, values) for part in (expression.terms if isinstance(expression, Sum) else expression.factors)]
            result = parts[0]
            for part in parts[1:]:
                result = result + part if isinstance(expression, Sum) else result * part
            return result
        if isinstance(expression, Power):
            base = self.at(expression.base, values)
            power = constant(Fraction(1))
            for _ in range(expression.exponent):
                power = power * base
            return power
        return self.kink(expression, self.at(expression.argument, values))

    def kink(self, kink: Kink, argument: Jet) -> Jet:
        count = len(argument.value)
        sides = argument.value if self.sides is None else self.sides[self.met : self.met + count]
        self.met += count
        self.switches.append(argument)
        return argument.scaled(np.where(sides >= 0, float(kink.above), float(kink.below)))


def constant(value: Fraction) -> Jet:
    return Jet(np.array([float(value)]))


class Landscape:
    """The loss of a problem on R^p in double precision; a point is a vector in the order of `problem.parameters`.

    Switches come unit by unit, kink by kink, point by point; then those of the objective, kink by kink, and of the penalties. Raises
    `ProblemError` where nothing is free, `LimitError` for more than `MAX_PARAMETERS` parameters or `MAX_NUMBERS` numbers at once.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem, self.size = problem, len(problem.parameters)
        if not self.size:
            raise ProblemError("every parameter of the network is fixed: there is nothing to minimise")
        if self.size > MAX_PARAMETERS:
            raise LimitError(
                f"the network has {self.size:,} free parameters; `check` takes up to {MAX_PARAMETERS:,}. Use a smaller network"
            )
        numbers = len(problem.data) * self.size**2 * (1 if len(problem.network.layers) < 3 else sum(_units(problem)))
        if numbers > MAX_NUMBERS:
            raise LimitError(
                f"the second derivatives at all data points are {numbers:,} numbers; the limit is {MAX_NUMBERS:,}. Use fewer points"
            )
        try:
            data = problem.data
            self._x = [np.array([float(point[k]) for point in data.x]) for k in range(problem.network.inputs)]
            self._y = [np.array([float(point[k]) for point in data.y]) for k in range(problem.network.outputs)]
            share = len(data) if problem.loss.reduction is Reduction.MEAN else 1
            self._weight = np.array([float(weight / share) for weight in data.weight])
            self._constants = {variable: constant(value) for variable, value in problem.constants().items()}
        except OverflowError:
            raise LimitError("a number of the data is beyond 1.8e308, the largest of double precision, in which `check` works") from None

    def loss(self, point: Array) -> float:
        return float(self.losses(point[None])[0])

    def losses(self, points: Array) -> Array:
        """The loss at many points (B x p)."""
        at_once = max(1, MAX_PLACES // len(self.problem.data))
        parts = [self._values(points[k : k + at_once])[0] for k in range(0, len(points), at_once)]
        return np.concatenate([np.zeros(0), *parts])

    def switches(self, points: Array) -> Array:
        """The values of all switches at many points (B x S)."""
        count, run = len(points), self._values(points)[1]
        columns = [jet.value.reshape(count, -1) for jet in run.switches[: self._pointwise]]
        columns += [jet.value.reshape(count, -1)[:, :1] for jet in run.switches[self._pointwise :]]
        return np.concatenate([np.zeros((count, 0)), *columns], axis=1)

    @cached_property
    def _pointwise(self) -> int:
        """How many groups of switches have one switch per data point; those of the penalties come after them."""
        return sum(layer.units * len(layer.activation.kinks) for layer in self.problem.network.layers) + _kinks(
            self.problem.loss.expression
        )

    def _values(self, points: Array) -> tuple[Array, _Run]:
        """Losses (B) and switches, one place for every point of theta and data."""
        count, size, run = len(points), len(self.problem.data), _Run(None)
        values = dict(self._constants)
        values.update({name: Jet(np.repeat(points[:, k], size)) for k, name in enumerate(self.problem.parameters)})
        objective = self._objective(run, values, count)
        total = (objective.value * np.tile(self._weight, count)).reshape(count, size).sum(axis=1)
        for penalty in self.problem.regulariser:
            total = total + np.broadcast_to(run.at(penalty.expression, values).value, (count * size,))[::size]
        return total, run

    def expand(self, point: Array, sides: Array | None = None) -> Expansion:
        """To second order at `point`, with the kinks continued from `sides` (S, signs), or as the point lies."""
        total, run = self._run(point, sides)
        slopes, bends, position = [np.zeros((0, self.size))], {}, 0
        for jet in run.switches:
            count = len(jet.value)
            slopes.append(np.broadcast_to(_filled(jet.slope, (1, self.size)), (count, self.size)))
            if jet.bend is not None:
                full = np.broadcast_to(jet.bend, (count, self.size, self.size))
                bends.update({position + k: full[k] for k in range(count)})
            position += count
        return Expansion(
            float(total.value[0]),
            _filled(total.slope, (1, self.size))[0],
            _filled(total.bend, (1, self.size, self.size))[0],
            np.concatenate([np.zeros(0), *(jet.value for jet in run.switches)]),
            np.concatenate(slopes),
            bends,
        )

    def _run(self, point: Array, sides: Array | None) -> tuple[Jet, _Run]:
        run, problem, points = _Run(sides), self.problem, len(self.problem.data)
        unit = np.eye(self.size)
        values = dict(self._constants)
        for k, name in enumerate(problem.parameters):
            values[name] = Jet(point[k : k + 1], unit[k : k + 1])
        objective = self._objective(run, values, 1).scaled(self._weight)
        total = Jet(*(None if part is None else _over_points(part, points) for part in (objective.value, objective.slope, objective.bend)))  # type: ignore[arg-type]
        for penalty in problem.regulariser:
            total = total + run.at(penalty.expression, values)
        return total, run

    def _objective(self, run: _Run, values: Mapping[Variable, Jet], copies: int) -> Jet:
        """The objective at every data point, so many times over."""
        signal = [Jet(np.tile(column, copies)) for column in self._x]
        for layer in self.problem.network.layers:
            signal = [self._unit(run, layer, u, signal, values) for u in range(layer.units)]
        local = {Variable("f", (k,)): value for k, value in enumerate(signal)}
        local |= {Variable("y", (k,)): Jet(np.tile(column, copies)) for k, column in enumerate(self._y)}
        return run.at(self.problem.loss.expression, local)

    def _unit(self, run: _Run, layer: Layer, unit: int, signal: Sequence[Jet], values: Mapping[Variable, Jet]) -> Jet:
        total = Jet(np.zeros(len(signal[0].value)))  # one place per data point, even where nothing depends on the data
        if layer.bias:
            total = total + values[Variable(f"{layer.name}.bias", (unit,))]
        for k, entry in enumerate(signal):
            total = total + values[Variable(f"{layer.name}.weight", (unit, k))] * entry
        return run.at(layer.activation.expression, {Variable("z"): total})

    # ---- names -----------------------------------------------------------------------------------------------------------------

    @cached_property
    def magnitude(self) -> float:
        """The size of the data's numbers, at least 1: what rounding is measured by."""
        return max(1.0, *(float(np.abs(column).max()) for column in (*self._x, *self._y)))

    def stratum(self, sides: Array) -> str:
        """The name of the stratum with these signs of the switches (S)."""
        points, position = len(self.problem.data), 0
        letters = np.array(["-", "0", "+"])[np.sign(sides).astype(int) + 1]

        def take(count: int) -> str:
            nonlocal position
            block = letters[position : position + count * points].reshape(count, points)
            position += count * points
            return "".join(block.T.ravel())  # names go point by point

        layers = []
        for layer in self.problem.network.layers:
            count = len(layer.activation.kinks)
            layers.append(tuple(take(count) for _ in range(layer.units)) if count else ())
        objective = take(_kinks(self.problem.loss.expression))
        return format_signs(self.problem, Signs(tuple(layers), objective, "".join(letters[position:])))


def _units(problem: Problem) -> list[int]:
    return [layer.units for layer in problem.network.layers]


def _kinks(expression: Expression) -> int:
    return sum(1 for _ in kinks(expression))


def _over_points(part: Array, points: int) -> Array:
    total: Array = np.broadcast_to(part, (points, *part.shape[1:])).sum(axis=0, keepdims=True)
    return total


def _filled(part: Array | None, shape: tuple[int, ...]) -> Array:
    return np.zeros(shape) if part is None else part
