"""The checked problem: network, data, objective and regulariser with exact rationals (theory.md section 1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from fractions import Fraction
from functools import cached_property
from hashlib import sha256
from typing import Any

from reluspec.errors import ProblemError
from reluspec.problem.expression import Expression, Kink, Sum, Variable, evaluate, kinks, sign

SHOWN_POINTS = 8
"""Data points that a notebook shows."""
SHOWN_NUMBERS = 6
"""Coordinates of one of them."""

Theta = Mapping[str, Any]
"""A point in parameter space, named as PyTorch names it: `{"hidden.weight": units x inputs, "hidden.bias": units, ...}`."""


@dataclass(frozen=True)
class Activation:
    """An activation as written (`name`, `arguments`) and as meant (`expression`, in the variable `z`)."""

    name: str
    arguments: tuple[Fraction, ...]
    expression: Expression

    def __str__(self) -> str:
        return _call(self.name, self.arguments)

    @cached_property
    def kinks(self) -> tuple[Kink, ...]:
        """The kinks of one unit at one point, in the order in which their signs are written."""
        return tuple(kinks(self.expression))


@dataclass(frozen=True)
class Layer:
    """An affine map and an activation. `fixed_weight` (units x inputs) and `fixed_bias` (units) are constants where given."""

    name: str
    units: int
    activation: Activation
    bias: bool = True
    fixed_weight: tuple[tuple[Fraction, ...], ...] | None = None
    fixed_bias: tuple[Fraction, ...] | None = None


@dataclass(frozen=True)
class Network:
    """A feed-forward network; the last layer is the output."""

    inputs: int
    layers: tuple[Layer, ...]

    @property
    def outputs(self) -> int:
        return self.layers[-1].units

    def fan_in(self, position: int) -> int:
        """How many inputs the layer at `position` has."""
        return self.inputs if position == 0 else self.layers[position - 1].units


@dataclass(frozen=True)
class Data:
    """`x`: n tuples of d inputs, `y`: n tuples of outputs, `weight`: n positive weights; exact rationals throughout."""

    x: tuple[tuple[Fraction, ...], ...]
    y: tuple[tuple[Fraction, ...], ...]
    weight: tuple[Fraction, ...]

    def __len__(self) -> int:
        return len(self.x)


class Reduction(Enum):
    SUM = "sum"
    MEAN = "mean"


@dataclass(frozen=True)
class Loss:
    """The objective of one data point, an expression in `y[k]` and `f[k]` already summed over outputs, and its reduction."""

    reduction: Reduction
    name: str
    arguments: tuple[Fraction, ...]
    expression: Expression

    def __str__(self) -> str:
        return f"{self.reduction.value} {_call(self.name, self.arguments)}"


@dataclass(frozen=True)
class Penalty:
    """One term of the regulariser: `expression` is in the free parameters and already summed over the selected ones."""

    text: str
    expression: Expression

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class SolveOptions:
    """Defaults for `solve` that a spec may state; `None` leaves the choice to the program."""

    engine: str | None = None
    precision: int | None = None
    workers: int | None = None
    timeout: Fraction | None = None


@dataclass(frozen=True)
class Source:
    """Where a problem came from: the text, and the name shown in messages and used for artefacts.

    `overrides` are the `--set` values in effect, so that an artefact can be re-derived from what it says; for the same reason `files` are
    the texts of the CSV files read, by the path that the spec gives.
    """

    text: str
    name: str
    overrides: tuple[tuple[str, str], ...] = ()
    files: tuple[tuple[str, str], ...] = ()

    @property
    def sha256(self) -> str:
        return sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True)
class Problem:
    """Everything a spec says, checked. Raises `ProblemError` when its parts contradict each other."""

    title: str
    data: Data
    network: Network
    loss: Loss
    regulariser: tuple[Penalty, ...] = ()
    options: SolveOptions = SolveOptions()
    source: Source | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        data, network = self.data, self.network
        if not (len(data.x) == len(data.y) == len(data.weight) > 0):
            raise ProblemError(f"x, y and weight must have one entry per point, not {len(data.x)}, {len(data.y)} and {len(data.weight)}")
        if any(len(point) != network.inputs for point in data.x):
            raise ProblemError(f"every x needs {network.inputs} numbers, one per input of the network")
        if any(len(point) != network.outputs for point in data.y):
            raise ProblemError(f"every y needs {network.outputs} numbers, one per output of the network")
        if any(weight <= 0 for weight in data.weight):
            raise ProblemError("the weights of the points must be positive")

    def __repr__(self) -> str:
        """One line: title, sizes, objective."""
        sizes = "-".join(str(size) for size in (self.network.inputs, *(layer.units for layer in self.network.layers)))
        objective = " + ".join([str(self.loss), *map(str, self.regulariser)])
        return f"<problem {self.title!r}: network {sizes}, {len(self.parameters)} parameters, {len(self.data)} points; {objective}>"

    @cached_property
    def parameters(self) -> tuple[Variable, ...]:
        """The free parameters, in the order of theta as a vector: layer by layer, weight (row-major) before bias."""
        return tuple(self._parameters())

    def _parameters(self) -> Iterator[Variable]:
        for position, layer in enumerate(self.network.layers):
            if layer.fixed_weight is None:
                for unit in range(layer.units):
                    for k in range(self.network.fan_in(position)):
                        yield Variable(f"{layer.name}.weight", (unit, k))
            if layer.bias and layer.fixed_bias is None:
                for unit in range(layer.units):
                    yield Variable(f"{layer.name}.bias", (unit,))

    @cached_property
    def switch_count(self) -> int:
        """How many switches the loss has (theory.md section 1).

        One per kink of a unit at a point, of the objective at a point, of a penalty.
        """
        per_point = sum(layer.units * len(layer.activation.kinks) for layer in self.network.layers)
        objective = sum(1 for _ in kinks(self.loss.expression))
        penalty = sum(1 for term in self.regulariser for _ in kinks(term.expression))
        return len(self.data) * (per_point + objective) + penalty

    @cached_property
    def shares(self) -> tuple[Fraction, ...]:
        """By what the loss of every data point is multiplied: its weight, divided by their number for a mean."""
        count = len(self.data) if self.loss.reduction is Reduction.MEAN else 1
        return tuple(weight / count for weight in self.data.weight)

    def constants(self) -> dict[Variable, Fraction]:
        """The fixed parameters and their values."""
        found: dict[Variable, Fraction] = {}
        for layer in self.network.layers:
            for unit, row in enumerate(layer.fixed_weight or ()):
                found.update({Variable(f"{layer.name}.weight", (unit, k)): value for k, value in enumerate(row)})
            found.update({Variable(f"{layer.name}.bias", (unit,)): value for unit, value in enumerate(layer.fixed_bias or ())})
        return found

    def flatten(self, theta: Theta) -> dict[Variable, Any]:
        """All parameters of a theta in PyTorch's form, free and fixed, by variable.

        Raises `ProblemError` for a missing tensor or a wrong shape.
        """
        values: dict[Variable, Any] = dict(self.constants())
        for position, layer in enumerate(self.network.layers):
            if layer.fixed_weight is None:
                rows = _tensor(theta, f"{layer.name}.weight", layer.units)
                for unit, row in enumerate(rows):
                    if len(row) != self.network.fan_in(position):
                        raise ProblemError(f"{layer.name}.weight needs {layer.units} rows of {self.network.fan_in(position)} numbers")
                    values.update({Variable(f"{layer.name}.weight", (unit, k)): value for k, value in enumerate(row)})
            if layer.bias and layer.fixed_bias is None:
                entries = _tensor(theta, f"{layer.name}.bias", layer.units)
                values.update({Variable(f"{layer.name}.bias", (unit,)): value for unit, value in enumerate(entries)})
        return values

    def tensors(self, theta: Sequence[Any], number: Callable[[Fraction], Any]) -> dict[str, list[Any]]:
        """A theta given as a vector of the free parameters, in PyTorch's form: nested lists, fixed tensors (by `number`) included."""
        values: dict[Variable, Any] = dict(zip(self.parameters, theta, strict=True))
        values |= {variable: number(value) for variable, value in self.constants().items()}
        found: dict[str, list[Any]] = {}
        for position, layer in enumerate(self.network.layers):
            units, inputs = range(layer.units), range(self.network.fan_in(position))
            found[f"{layer.name}.weight"] = [[values[Variable(f"{layer.name}.weight", (unit, k))] for k in inputs] for unit in units]
            if layer.bias:
                found[f"{layer.name}.bias"] = [values[Variable(f"{layer.name}.bias", (unit,))] for unit in units]
        return found

    def outputs_at(self, theta: Theta) -> list[list[Any]]:
        """The network's outputs, one list per data point; plain forward pass in the arithmetic of `theta`'s numbers."""
        values = self.flatten(theta)
        return [self._forward(point, values) for point in self.data.x]

    def _forward(self, point: Sequence[Fraction], values: Mapping[Variable, Any]) -> list[Any]:
        signal: list[Any] = list(point)
        for layer in self.network.layers:
            following = []
            for unit in range(layer.units):
                total: Any = values[Variable(f"{layer.name}.bias", (unit,))] if layer.bias else Fraction(0)
                for k, entry in enumerate(signal):
                    total = total + values[Variable(f"{layer.name}.weight", (unit, k))] * entry
                following.append(evaluate(layer.activation.expression, {Variable("z"): total}, sign, _exact))
            signal = following
        return signal

    def loss_at(self, theta: Theta) -> Any:
        """The training loss with regulariser: exact for fractions, floating point for floats."""
        values = self.flatten(theta)
        total: Any = Fraction(0)
        for point, target, weight in zip(self.data.x, self.data.y, self.data.weight, strict=True):
            outputs = self._forward(point, values)
            local = {Variable("f", (k,)): value for k, value in enumerate(outputs)}
            local |= {Variable("y", (k,)): value for k, value in enumerate(target)}
            total = total + weight * evaluate(self.loss.expression, local, sign, _exact)
        if self.loss.reduction is Reduction.MEAN:
            total = total / len(self.data)
        for penalty in self.regulariser:
            total = total + evaluate(penalty.expression, values, sign, _exact)
        return total

    def _repr_html_(self) -> str:
        """For notebooks: what is learnt from what."""
        from reluspec.problem import markup

        sizes = "-".join(map(str, (self.network.inputs, *(layer.units for layer in self.network.layers))))
        activations = ", ".join(str(layer.activation) for layer in self.network.layers)
        objective = " + ".join([str(self.loss), *map(str, self.regulariser)])
        rows = [
            ("network", f"{sizes} ({activations}), {len(self.parameters)} parameters"),
            ("objective", objective),
            ("data", f"{len(self.data)} points"),
        ]
        points = list(zip(self.data.x, self.data.y, self.data.weight, strict=True))[:SHOWN_POINTS]
        data = markup.table(("x", "y", "weight"), ((_listed(x), _listed(y), weight) for x, y, weight in points))
        more = markup.paragraph(f"… and {len(self.data) - len(points)} more points") if len(points) < len(self.data) else ""
        return markup.paragraph(self.title, strong=True) + markup.table((), rows) + data + more


def _listed(numbers: Sequence[Fraction]) -> str:
    return ", ".join(map(str, numbers)) if len(numbers) <= SHOWN_NUMBERS else f"{', '.join(map(str, numbers[:SHOWN_NUMBERS]))}, …"


def total(expressions: Sequence[Expression]) -> Expression:
    """The sum of one or more expressions, without a needless node around a single one."""
    return expressions[0] if len(expressions) == 1 else Sum(tuple(expressions))


def _tensor(theta: Theta, name: str, units: int) -> Any:
    if name not in theta:
        raise ProblemError(f"theta has no {name}; it has {', '.join(theta) or 'nothing'}")
    if len(theta[name]) != units:
        raise ProblemError(f"{name} needs {units} entries, one per unit, not {len(theta[name])}")
    return theta[name]


def _exact(value: Fraction) -> Fraction:
    """Rationals stay as they are: Python's fractions mix with floats and with other fractions alike."""
    return value


def _call(name: str, arguments: tuple[Fraction, ...]) -> str:
    return f"{name}({', '.join(map(str, arguments))})" if arguments else name
