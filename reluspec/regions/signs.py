"""Names of strata: one sign per switch, for every problem the model can express (theory.md section 2, language.md "Names of strata").

A name is `UNITS/UNITS;TAIL`: for every layer whose activation has kinks the sign strings of its units joined by `|`, and after a `;` the
signs of the objective's switches (point by point) and of the penalties' (term by term). A unit's string has one sign per point and kink,
point by point, the kinks of one point in the order in which `expression.evaluate` visits them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from reluspec.errors import StratumError
from reluspec.problem.expression import Variable, evaluate, kinks, sign
from reluspec.problem.problem import Layer, Problem, Theta

_VALUES = {"+": 1, "0": 0, "-": -1}
_BITS = {"1": "+", "0": "-"}


@dataclass(frozen=True)
class Signs:
    """A sign for every switch of a problem.

    `layers` has one entry per layer of the network: a string over `+`, `-`, `0` per unit, or `()` for a layer without kinks. `objective`
    has one sign per point and kink of the objective, `penalty` one per kink of the regulariser.
    """

    layers: tuple[tuple[str, ...], ...]
    objective: str = ""
    penalty: str = ""

    @property
    def all(self) -> str:
        """Every sign in the order of the name, separators left out."""
        return "".join(unit for layer in self.layers for unit in layer) + self.objective + self.penalty

    def reshaped(self, flat: str) -> Signs:
        """Other signs, in the order of `all`, in the shape of these."""
        rest = iter(flat)
        layers = tuple(tuple("".join(next(rest) for _ in unit) for unit in layer) for layer in self.layers)
        objective = "".join(next(rest) for _ in self.objective)
        return Signs(layers, objective, "".join(rest))

    @property
    def is_cell(self) -> bool:
        """Whether no switch is zero."""
        return "0" not in self.all

    @property
    def zeros(self) -> int:
        """How many switches are zero (an upper bound for the codimension: several may vanish together)."""
        return self.all.count("0")


def sign_values(signs: str) -> tuple[int, ...]:
    """`+0-` as `(1, 0, -1)`."""
    return tuple(_VALUES[sign] for sign in signs)


def objective_kinks(problem: Problem) -> int:
    """How many switches the objective has at one data point."""
    return sum(1 for _ in kinks(problem.loss.expression))


def penalty_kinks(problem: Problem) -> int:
    """How many switches the regulariser has."""
    return sum(1 for term in problem.regulariser for _ in kinks(term.expression))


def parse_signs(problem: Problem, text: str) -> Signs:
    """Read the name of a stratum.

    Units may be joined by `,` instead of `|`, and a cell may be given in bits. One rule decides for the whole name: a `+` or `-`
    anywhere makes it signs; otherwise a `1` anywhere makes it bits (1 = +, 0 = -); a name of zeros alone is signs (every unit dead), so
    that the one cell whose bits are all 0 has to be written with `-`.

    Raises `StratumError` with the place, the value found and a remedy for a wrong character, length or number of units or layers.
    """
    name = "".join(text.split())
    _check_characters(name)
    head, _, tail = name.partition(";")
    named = [position for position, layer in enumerate(problem.network.layers) if layer.activation.kinks]
    groups = head.split("/") if head or named else []
    if len(groups) != len(named):
        layers = ", ".join(problem.network.layers[position].name for position in named) or "none"
        raise _wrong(
            name, f"{_count(len(groups), 'layer')} found, but {_count(len(named), 'layer')} with kinks ({layers}); join layers by '/'"
        )
    layers_signs: list[tuple[str, ...]] = [()] * len(problem.network.layers)
    for position, group in zip(named, groups, strict=True):
        layers_signs[position] = tuple(group.replace(",", "|").split("|"))
    split = objective_kinks(problem) * len(problem.data)
    signs = Signs(tuple(layers_signs), tail[:split], tail[split:])
    _check_shape(problem, signs, name)
    if not set("+-") & set(name) and "1" in name:
        return Signs(
            tuple(tuple(_from_bits(unit) for unit in layer) for layer in signs.layers),
            _from_bits(signs.objective),
            _from_bits(signs.penalty),
        )
    return signs


def format_signs(problem: Problem, signs: Signs) -> str:
    """The name of a stratum; `parse_signs` reads it back. Raises `StratumError` when the signs do not fit the problem."""
    head = "/".join("|".join(layer) for layer in signs.layers if layer)
    tail = signs.objective + signs.penalty
    name = f"{head};{tail}" if tail else head
    if unknown := set(signs.all) - set(_VALUES):
        raise _wrong(name, f"the character {min(unknown)!r} is no sign; use +, - and 0")
    _check_shape(problem, signs, name)
    return name


def signs_at(problem: Problem, theta: Theta) -> Signs:
    """The stratum that a point lies in: exact for fractions, as good as the rounding for floats.

    Raises `ProblemError` when `theta` does not fit the problem.
    """
    values = problem.flatten(theta)
    layers = []
    signals: list[Sequence[Any]] = list(problem.data.x)
    for layer in problem.network.layers:
        units, columns = [], []
        for unit in range(layer.units):
            found: list[str] = []
            columns.append([_unit_output(layer, unit, signal, values, _recorder(found)) for signal in signals])
            units.append("".join(found))
        layers.append(tuple(units) if layer.activation.kinks else ())
        signals = list(zip(*columns, strict=True))
    objective: list[str] = []
    for output, target in zip(signals, problem.data.y, strict=True):
        local = {Variable("f", (k,)): entry for k, entry in enumerate(output)} | {
            Variable("y", (k,)): entry for k, entry in enumerate(target)
        }
        evaluate(problem.loss.expression, local, _recorder(objective), _same)
    penalty: list[str] = []
    for term in problem.regulariser:
        evaluate(term.expression, values, _recorder(penalty), _same)
    return Signs(tuple(layers), "".join(objective), "".join(penalty))


def _unit_output(layer: Layer, unit: int, signal: Sequence[Any], values: dict[Variable, Any], choose: Callable[[Any], int]) -> Any:
    total: Any = values[Variable(f"{layer.name}.bias", (unit,))] if layer.bias else Fraction(0)
    for k, entry in enumerate(signal):
        total = total + values[Variable(f"{layer.name}.weight", (unit, k))] * entry
    return evaluate(layer.activation.expression, {Variable("z"): total}, choose, _same)


def _recorder(found: list[str]) -> Callable[[Any], int]:
    """Choose the side by the sign of the switch, and write the sign down."""

    def choose(switch: Any) -> int:
        side = sign(switch)
        found.append("-0+"[side + 1])
        return side

    return choose


def _same(value: Fraction) -> Fraction:
    return value


def _check_characters(name: str) -> None:
    for position, character in enumerate(name):
        if character not in "+-01|,/;":
            raise _wrong(
                name, f"the character {character!r} (number {position + 1}) is no sign; use +, - and 0, or the bits 1 and 0 for a cell"
            )
    if "1" in name and set("+-") & set(name):
        raise _wrong(
            name, f"it mixes bits ('1', character {name.index('1') + 1}) and signs; write all of it in +, - and 0, or all of it in bits"
        )
    if name.count(";") > 1:
        raise _wrong(name, "only one ';' is expected: before the signs of the objective and the penalties")


def _check_shape(problem: Problem, signs: Signs, name: str) -> None:
    if len(signs.layers) != len(problem.network.layers):
        raise _wrong(name, f"signs for {_count(len(signs.layers), 'layer')}, but the network has {len(problem.network.layers)}")
    for layer, units in zip(problem.network.layers, signs.layers, strict=True):
        for complaint in _layer_complaints(problem, layer, units):
            raise _wrong(name, complaint)
    points, objective, penalty = len(problem.data), objective_kinks(problem), penalty_kinks(problem)
    found, expected = len(signs.objective) + len(signs.penalty), points * objective + penalty
    if found != expected or len(signs.penalty) != penalty:
        parts = (
            f"{_per_point(points, objective)} for the objective and {penalty} for the penalties"
            if expected
            else "neither objective nor penalties have kinks"
        )
        remedy = f"write {expected} after a ';'" if expected else "leave out the ';' and what follows"
        raise _wrong(name, f"{_count(found, 'sign')} of objective and penalties, not {expected} ({parts}); {remedy}")


def _layer_complaints(problem: Problem, layer: Layer, units: tuple[str, ...]) -> Iterator[str]:
    count = len(layer.activation.kinks)
    expected = layer.units if count else 0
    if len(units) != expected:
        found = _count(len(units), "unit")
        yield f"layer {layer.name} has {_count(expected, 'unit')} with kinks, but {found} found; join units by '|' or ','"
    for position, unit in enumerate(units):
        if len(unit) != count * len(problem.data):
            yield (
                f"unit {position} of layer {layer.name} has {_count(len(unit), 'sign')} ({unit!r}), not {count * len(problem.data)}; "
                f"write {_per_point(len(problem.data), count)}"
            )


def _per_point(points: int, count: int) -> str:
    return "one for each data point" if count == 1 else f"{count} for each of the {points} data points"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _from_bits(bits: str) -> str:
    return "".join(_BITS[bit] for bit in bits)


def _wrong(name: str, complaint: str) -> StratumError:
    return StratumError(f"stratum {name!r}: {complaint}")
