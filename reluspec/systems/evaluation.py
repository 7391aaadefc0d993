"""Evaluating a system at a point: exact for fractions, rigorous for FLINT's balls, approximate for floats."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

from flint import arb, fmpq, fmpq_mpoly

from reluspec.systems.surrogate import fraction
from reluspec.systems.system import Equation, PolynomialSystem, SystemKind

Number = Any
"""`Fraction` (or `int`), `float` or `flint.arb`; one kind per point, integers and fractions may be mixed in anywhere."""


def residuals(system: PolynomialSystem, point: Sequence[Number]) -> tuple[Number, ...]:
    """The left-hand sides of all equations at `point` (one number per variable, in the order of `system.variables`).

    Raises `ValueError` for a point of another length.
    """
    return tuple(value_at(equation.polynomial, point) for equation in system.equations)


def condition_values(system: PolynomialSystem, point: Sequence[Number]) -> tuple[Number, ...]:
    """`sign * polynomial` of every strict condition at `point`: all positive iff the point lies in the stratum (its equations given)."""
    return tuple(condition.sign * value_at(condition.polynomial, point) for condition in system.conditions)


def value_at(polynomial: fmpq_mpoly, point: Sequence[Number]) -> Number:
    """The value of a polynomial in the arithmetic of `point`."""
    if len(point) != polynomial.context().nvars():
        raise ValueError(f"the polynomial has {polynomial.context().nvars()} variables, but the point has {len(point)} numbers")
    embed = _embedding(point)
    numbers = [embed(value) for value in point]
    total = embed(0)
    for exponents, coefficient in polynomial.to_dict().items():
        term = embed(fraction(coefficient))
        for number, exponent in zip(numbers, exponents, strict=True):
            for _ in range(int(exponent)):  # a power of a ball around zero is undefined in python-flint
                term = term * number
        total = total + term
    return total


def with_multipliers(system: PolynomialSystem, parameters: Sequence[Number]) -> tuple[Number, ...]:
    """Complete values of the parameters by the multipliers that fit stationarity best: least squares, exact in exact arithmetic.

    At a critical point of the stratum all `residuals` of the result vanish. Raises `ValueError` for a Fritz John system, whose
    normalisation has no rational solution in general, and for parameters where the gradients of the switches are dependent.
    """
    if system.kind is SystemKind.FRITZ_JOHN:
        raise ValueError("the multipliers of a Fritz John system are not determined by a linear system")
    count = len(system.multipliers)
    stationarity: Sequence[Equation] = system.equations[: len(system.parameters)]
    # Stationarity is affine in the multipliers: its value at zero, and the difference a unit makes, are all there is to it.
    base = [value_at(equation.polynomial, [*parameters, *[0] * count]) for equation in stationarity]
    columns = []
    for j in range(count):
        unit = [int(j == k) for k in range(count)]
        columns.append(
            [value_at(equation.polynomial, [*parameters, *unit]) - zero for equation, zero in zip(stationarity, base, strict=True)]
        )
    gram = [[_dot(first, second) for second in columns] for first in columns]
    return (*parameters, *_solve(gram, [-_dot(column, base) for column in columns]))


def _dot(first: Sequence[Number], second: Sequence[Number]) -> Number:
    return sum(a * b for a, b in zip(first, second, strict=True))


def _solve(matrix: list[list[Number]], right: list[Number]) -> list[Number]:
    """Gauss-Jordan on a positive definite matrix: the diagonal entries are safe pivots."""
    size = len(right)
    table = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for k in range(size):
        if not table[k][k] > 0:
            raise ValueError("the gradients of the zero switches are dependent at this point")
        table[k] = [entry / table[k][k] for entry in table[k]]
        for i in range(size):
            if i != k:
                factor = table[i][k]
                table[i] = [entry - factor * pivot for entry, pivot in zip(table[i], table[k], strict=True)]
    return [row[size] for row in table]


def _embedding(point: Sequence[Number]) -> Callable[[Any], Number]:
    """How rationals enter the arithmetic of `point`."""
    if any(isinstance(value, arb) for value in point):
        return _ball
    if any(isinstance(value, float) for value in point):
        return float
    return Fraction


def _ball(value: Any) -> arb:
    return arb(fmpq(value.numerator, value.denominator)) if isinstance(value, int | Fraction) else arb(value)
