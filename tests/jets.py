"""The loss of any spec as a function of many points at once, with gradients and Hessians, read off the problem's own expressions.

Nothing here knows an engine or a stratum. Kinks are taken as they are, rounded, or continued from a given side; numbers are floats or
mpmath's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise, permutations, product
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from reluspec.problem.expression import Constant, Expression, Kink, Power, Product, Sum, Variable, kinks
from reluspec.problem.problem import Problem, Reduction

Array: TypeAlias = NDArray[Any]  # of floats or, for many digits, of mpmath numbers
Number: TypeAlias = Callable[[Fraction], Any]

ZERO_BELOW = 1e-9
"""A switch is listed as zero below this."""


@dataclass(frozen=True)
class Jet:
    """Value (B), gradient (B x p) and Hessian (B x p x p) of a function at B points; what is beyond the order asked for is None."""

    value: Array
    slope: Array | None = None
    bend: Array | None = None

    def __add__(self, other: Jet | Any) -> Jet:
        if not isinstance(other, Jet):
            return Jet(self.value + other, self.slope, self.bend)
        return Jet(self.value + other.value, _plus(self.slope, other.slope), _plus(self.bend, other.bend))

    __radd__ = __add__

    def __mul__(self, other: Jet | Any) -> Jet:
        if not isinstance(other, Jet):
            return self._scaled(other)
        slope = bend = None
        if self.slope is not None and other.slope is not None:
            slope = _times(self.value, other.slope) + _times(other.value, self.slope)
        if self.bend is not None and other.bend is not None and self.slope is not None and other.slope is not None:
            mixed = self.slope[:, :, None] * other.slope[:, None, :]
            bend = _times(self.value, other.bend) + _times(other.value, self.bend) + mixed + mixed.swapaxes(1, 2)
        return Jet(self.value * other.value, slope, bend)

    __rmul__ = __mul__

    def _scaled(self, factor: Any) -> Jet:
        """Times a number, or times one number per point."""
        slope = None if self.slope is None else _times(factor, self.slope)
        return Jet(self.value * factor, slope, None if self.bend is None else _times(factor, self.bend))

    @property
    def derivatives(self) -> tuple[Array, Array]:
        """Gradient and Hessian, where both were asked for."""
        assert self.slope is not None
        assert self.bend is not None
        return self.slope, self.bend

    def bent_at(self, width: float) -> Jet:
        """sqrt(t^2 + width^2)."""
        root = np.sqrt(self.value**2 + width**2)
        if self.slope is None:
            return Jet(root)
        slope = _times(self.value / root, self.slope)
        if self.bend is None:
            return Jet(root, slope)
        mixed = self.slope[:, :, None] * self.slope[:, None, :]
        return Jet(root, slope, _times(self.value / root, self.bend) + _times(width**2 / root**3, mixed))


def _plus(first: Array | None, second: Array | None) -> Array | None:
    return None if first is None or second is None else first + second


def _times(factor: Any, part: Array) -> Array:
    return factor.reshape(len(factor), *([1] * (part.ndim - 1))) * part if isinstance(factor, np.ndarray) else factor * part


@dataclass
class _Run:
    """One evaluation: how kinks are taken, and the switches met so far."""

    number: Number
    width: float
    sides: Array | None
    nothing: Jet
    switches: list[Jet] = field(default_factory=list)

    def at(self, expression: Expression, values: dict[Variable, Any]) -> Any:
        if isinstance(expression, Constant):
            return self.number(expression.value)
        if isinstance(expression, Variable):
            return values[expression]
        if isinstance(expression, Sum | Product):
            parts = [self.at(part, values) for part in (expression.terms if isinstance(expression, Sum) else expression.factors)]
            result = parts[0]
            for part in parts[1:]:
                result = result + part if isinstance(expression, Sum) else result * part
            return result
        if isinstance(expression, Power):
            base = result = self.at(expression.base, values)
            for _ in range(expression.exponent - 1):
                result = result * base
            return result if expression.exponent else self.number(Fraction(1))
        return self.kink(expression, self.at(expression.argument, values))

    def kink(self, kink: Kink, argument: Jet | Any) -> Jet:
        argument = self.nothing + argument  # a unit without free parameters has a number
        self.switches.append(argument)
        below, above = self.number(kink.below), self.number(kink.above)
        if self.width:
            rounded: Jet = argument * ((above + below) / 2) + argument.bent_at(self.width) * ((above - below) / 2)
            return rounded
        side = argument.value if self.sides is None else self.sides[:, len(self.switches) - 1]
        taken: Jet = argument * np.where(side >= 0, above, below)
        return taken


class Landscape:
    """The loss of a problem as a function on R^p. Points are rows; the order of the coordinates is that of `problem.parameters`."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.parameters = problem.parameters
        self.size = len(problem.parameters)
        self._number: Number = float
        self.groups = list(self._groups())  # the names of the switches: per unit, then objective, then penalties
        self.units = list(self._units())  # positions of each hidden unit's parameters, coming in and going out
        self.exchanges = self._exchanges()

    # ---- values ----------------------------------------------------------------------------------------------------------------

    def jets(
        self,
        points: Array,
        order: int,
        *,
        width: float = 0,
        sides: Array | None = None,
        pins: Array | None = None,
        number: Number = float,
    ) -> tuple[Jet, list[Jet]]:
        """The loss and the switches at `points`, rounded by `width`, or continued from the given `sides` of the switches.

        `pins` hold switches at zero: so much times their squares is added to the loss.
        """
        count = len(points)
        flat = np.zeros((count, self.size, self.size), dtype=points.dtype) if order > 1 else None
        unit = np.eye(self.size, dtype=int).astype(points.dtype) if points.dtype == object else np.eye(self.size)
        flat_slope = np.zeros(points.shape, dtype=points.dtype) if order else None
        run = _Run(number, width, sides, Jet(np.zeros(count, dtype=points.dtype), flat_slope, flat))
        values: dict[Variable, Any] = {name: number(value) for name, value in self.problem.constants().items()}
        for k, name in enumerate(self.parameters):
            values[name] = Jet(points[:, k], np.tile(unit[k], (count, 1)) if order else None, flat)
        data, problem = self.problem.data, self.problem
        total: Any = run.nothing
        for x, y, weight in zip(data.x, data.y, data.weight, strict=True):
            signal: list[Any] = [number(entry) for entry in x]
            for layer in problem.network.layers:
                signal = [
                    self._unit(run, layer.name, u, layer.bias, layer.activation.expression, signal, values) for u in range(layer.units)
                ]
            local = {Variable("f", (k,)): value for k, value in enumerate(signal)}
            local |= {Variable("y", (k,)): number(value) for k, value in enumerate(y)}
            share = weight / len(data) if problem.loss.reduction is Reduction.MEAN else weight
            total = run.at(problem.loss.expression, local) * number(share) + total
        for penalty in problem.regulariser:
            total = run.at(penalty.expression, values) + total
        for k, switch in enumerate(run.switches if pins is not None else ()):
            total = switch * switch * pins[:, k] + total  # type: ignore[index]
        return total, run.switches

    @staticmethod
    def _unit(run: _Run, layer: str, unit: int, bias: bool, function: Expression, signal: list[Any], values: dict[Variable, Any]) -> Any:
        total = values[Variable(f"{layer}.bias", (unit,))] if bias else 0
        for k, entry in enumerate(signal):
            total = values[Variable(f"{layer}.weight", (unit, k))] * entry + total
        return run.at(function, {Variable("z"): total})

    def values(self, points: Array, width: float = 0, pins: Array | None = None) -> Array:
        return self.jets(points, 0, width=width, pins=pins)[0].value

    def switches(self, points: Array) -> Array:
        found = self.jets(points, 0)[1]
        return np.stack([jet.value for jet in found], axis=1) if found else np.zeros((len(points), 0))

    def theta(self, point: Sequence[Any]) -> dict[str, Any]:
        """A point in PyTorch's form."""
        found: dict[str, Any] = {}
        for parameter, value in zip(self.parameters, point, strict=True):
            rows = found.setdefault(parameter.name, [])
            if len(parameter.index) == 2:
                if len(rows) == parameter.index[0]:
                    rows.append([])
                rows = rows[parameter.index[0]]
            rows.append(value)
        return found

    def row(self, theta: dict[str, Any]) -> Array:
        """The free parameters of a theta in PyTorch's form."""
        return np.array([float(np.asarray(theta[p.name])[p.index]) for p in self.parameters])

    def exact(self, point: Sequence[Any]) -> Fraction:
        """The problem's own loss at the rational numbers that the floats are."""
        value: Fraction = self.problem.loss_at(self.theta([Fraction(float(entry)) for entry in point]))
        return value

    # ---- names and symmetry ----------------------------------------------------------------------------------------------------

    def _groups(self) -> Iterator[tuple[str, list[int]]]:
        """Positions of the switches in the order of evaluation, gathered as strata are named: unit by unit over the points."""
        points, position = len(self.problem.data), 0
        found: dict[str, list[int]] = {}
        layers = self.problem.network.layers
        start = self.switches(np.ones((1, self.size))).shape[1]
        for _ in range(points):
            for depth, layer in enumerate(layers):
                for unit in range(layer.units):
                    for _kink in layer.activation.kinks:
                        found.setdefault(f"{depth}.{unit}", []).append(position)
                        position += 1
            rest = self._objective_kinks()
            found.setdefault("objective", []).extend(range(position, position + rest))
            position += rest
        found.setdefault("penalty", []).extend(range(position, start))
        yield from found.items()

    def _objective_kinks(self) -> int:
        return sum(1 for _ in kinks(self.problem.loss.expression))

    def name(self, point: Array) -> str:
        """The signs of the switches at a point, much as strata are named."""
        signs = ["0" if abs(v) < ZERO_BELOW else "+" if v > 0 else "-" for v in self.switches(point[None])[0]]
        words = {name: "".join(signs[k] for k in places) for name, places in self.groups}
        kinky = words.pop("objective") + words.pop("penalty")
        layers: dict[str, list[str]] = {}
        for name, word in words.items():
            layers.setdefault(name.split(".")[0], []).append(word)
        return "/".join("|".join(units) for units in layers.values()) + (f";{kinky}" if kinky else "")

    def _units(self) -> Iterator[list[int]]:
        layers = self.problem.network.layers
        for layer, following in pairwise(layers):
            for unit in range(layer.units):
                into = [k for k, p in enumerate(self.parameters) if p.name.rpartition(".")[0] == layer.name and p.index[0] == unit]
                yield into + [k for k, p in enumerate(self.parameters) if p.name == f"{following.name}.weight" and p.index[1] == unit]

    def _exchanges(self) -> Array:
        """Rows: the orders of the parameters that an exchange of units within layers means, as far as the loss does not notice."""
        layers = self.problem.network.layers[:-1]
        place = {parameter: k for k, parameter in enumerate(self.parameters)}
        tests = np.random.default_rng(7).normal(size=(64, self.size))
        plain = self.values(tests)
        found = []
        for orders in product(*(permutations(range(layer.units)) for layer in layers)):
            moved = [self._moved(parameter, orders) for parameter in self.parameters]
            if all(parameter in place for parameter in moved):
                order = [place[parameter] for parameter in moved]
                if np.allclose(self.values(tests[:, order]), plain, rtol=1e-10):
                    found.append(order)
        return np.array(found)

    def _moved(self, parameter: Variable, orders: tuple[tuple[int, ...], ...]) -> Variable:
        names = [layer.name for layer in self.problem.network.layers]
        layer, _, kind = parameter.name.rpartition(".")
        depth, index = names.index(layer), list(parameter.index)
        if depth < len(orders):
            index[0] = orders[depth][index[0]]
        if depth and kind == "weight":
            index[1] = orders[depth - 1][index[1]]
        return Variable(parameter.name, tuple(index))

    def distance(self, first: Array, second: Array) -> float:
        """Up to exchange of units."""
        return float(np.linalg.norm(first[self.exchanges] - second, axis=1).min())

    def orbit(self, point: Array) -> int:
        """How many distinct points exchanges of units make of one."""
        return len(np.unique(np.round(point[self.exchanges], 6), axis=0))
