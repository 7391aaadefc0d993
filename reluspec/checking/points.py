"""A theta as users write it, checked name by name and number by number: missing, unknown, misshapen and non-finite ones are errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from fractions import Fraction
from math import isfinite
from typing import Any

import numpy as np

from reluspec.checking.cones import Array
from reluspec.errors import ProblemError
from reluspec.minima.records import Ball
from reluspec.problem.expression import Variable
from reluspec.problem.problem import Problem

SHOWN = 60
MAX_TEXT = 400
"""Characters of a number that is given as text."""


def read_point(problem: Problem, theta: Mapping[str, Any], where: str = "theta", tolerance: float = 0.0) -> Array:
    """The free parameters (p) of a theta in PyTorch's form, as doubles.

    Entries are numbers, rationals as text (`"1/10"`), balls, NumPy arrays or PyTorch tensors. Fixed tensors may be left out; given, they
    must be what the spec says, within `tolerance * (1 + |value|)`. Raises `ProblemError` with the place, the value found and a remedy.
    """
    if not isinstance(theta, Mapping):
        raise ProblemError(f"{where} is {_shown(theta)}, not tensors by name. {_expected(problem)}")
    shapes, constants = expected_shapes(problem), problem.constants()
    for name in theta:
        if name not in shapes:
            near = get_close_matches(str(name), shapes, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise ProblemError(f"{where} has an unknown name {_shown(name)}.{hint} {_expected(problem)}")
    values: dict[Variable, float] = {}
    for name, shape in shapes.items():
        free = [variable for variable in _variables(name, shape) if variable not in constants]
        if name not in theta:
            if free:
                raise ProblemError(f"{where} has no {name}. {_expected(problem)}")
            continue
        values.update(zip(_variables(name, shape), _numbers(theta[name], shape, f"{where}: {name}"), strict=True))
        _check_constants(constants, values, name, where, tolerance)
    return np.array([values[parameter] for parameter in problem.parameters], dtype=np.float64)


def tensors(problem: Problem, point: Array) -> dict[str, Any]:
    """The vector of the free parameters in PyTorch's form: nested lists of floats, fixed tensors included."""
    return problem.tensors([float(entry) for entry in point], float)


def direction_tensors(problem: Problem, direction: Array) -> dict[str, Any]:
    """The same for a direction: fixed parameters do not move."""
    return problem.tensors([float(entry) for entry in direction], lambda _: 0.0)


def expected_shapes(problem: Problem) -> dict[str, tuple[int, ...]]:
    """The tensors of a theta, fixed ones included: name -> shape."""
    shapes: dict[str, tuple[int, ...]] = {}
    for position, layer in enumerate(problem.network.layers):
        shapes[f"{layer.name}.weight"] = (layer.units, problem.network.fan_in(position))
        if layer.bias:
            shapes[f"{layer.name}.bias"] = (layer.units,)
    return shapes


def _expected(problem: Problem) -> str:
    listed = [f"{name} ({' x '.join(map(str, shape))})" for name, shape in expected_shapes(problem).items()]
    return f"The network of the spec has {', '.join(listed[:10])}{', …' if len(listed) > 10 else ''}"


def _variables(name: str, shape: tuple[int, ...]) -> Iterator[Variable]:
    return (Variable(name, tuple(index)) for index in np.ndindex(*shape))


def _numbers(tensor: Any, shape: tuple[int, ...], place: str) -> Iterator[float]:
    if hasattr(tensor, "detach"):  # a PyTorch tensor, perhaps on another device, perhaps with a gradient
        tensor = tensor.detach().cpu().double().numpy()
    if isinstance(tensor, np.ndarray | np.generic):
        if tensor.dtype.kind not in "fiu":
            raise ProblemError(f"{place} has dtype {tensor.dtype}, not real numbers. Convert it to float64")
        if tensor.shape != shape:
            raise ProblemError(f"{place} has shape {_size(tensor.shape)}, not {_size(shape)}: units x inputs, or units for a bias")
        tensor = tensor.tolist()
    return _nested(tensor, shape, place, ())


def _nested(tensor: Any, shape: tuple[int, ...], place: str, index: tuple[int, ...]) -> Iterator[float]:
    at = f"{place}[{','.join(map(str, index))}]" if index else place
    if not shape:
        yield _number(tensor, at)
        return
    if not isinstance(tensor, Sequence) or isinstance(tensor, str | bytes):
        raise ProblemError(f"{at} is {_shown(tensor)}, not a list of {shape[0]}: its shape is {_size(shape)}")
    if len(tensor) != shape[0]:
        raise ProblemError(
            f"{at} has {len(tensor)} entries, not {shape[0]}: its shape is {_size(shape)}, units x inputs, or units for a bias"
        )
    for position, entry in enumerate(tensor):
        yield from _nested(entry, shape[1:], place, (*index, position))


def _number(entry: Any, at: str) -> float:
    """A number, rational text, or ball as a double. Raises `ProblemError`."""
    if isinstance(entry, Ball):
        entry = entry.value
    elif isinstance(entry, Mapping) and set(entry) == {"value", "radius"}:
        entry = entry["value"]
    try:
        if isinstance(entry, str) and len(entry) <= MAX_TEXT:
            value = _text(entry)
        elif isinstance(entry, int | float | Fraction | np.number) and not isinstance(entry, bool):
            value = float(entry)
        else:
            raise ValueError
    except (ValueError, ZeroDivisionError):
        raise ProblemError(f"{at} is {_shown(entry)}, not a number. Write numbers such as 0.25 or balls") from None
    except OverflowError:
        value = float("inf")
    if not isfinite(value):
        raise ProblemError(f"{at} is {_shown(entry)}, which is not finite in double precision. Did the training diverge?")
    return value


def _text(text: str) -> float:
    """A decimal, or a quotient of two; `Fraction` alone would write out the digits of 1e999999999."""
    numerator, slash, denominator = text.partition("/")
    if not slash:
        return float(text)
    return float(Fraction(int(numerator), int(denominator)))


def _check_constants(
    constants: Mapping[Variable, Fraction], values: dict[Variable, float], name: str, where: str, tolerance: float
) -> None:
    for variable, value in constants.items():
        if variable.name == name and abs(values[variable] - float(value)) > tolerance * (1 + abs(float(value))):
            raise ProblemError(
                f"{where}: {variable} is {values[variable]!r}, but the spec fixes it at {value}. Leave {name} out, or correct it"
            )


def _shown(value: Any) -> str:
    text = repr(value) if not isinstance(value, int) or abs(value) < 10**20 else "a very large integer"
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "none (a single number)"
