"""Which zero switches of a stratum carry a multiplier, and which `h = 0` are implied by the others (theory.md section 3).

The Jacobian of the zero switches is brought to echelon form over the polynomial ring, using as pivots only entries that cannot vanish
on the stratum: non-zero constants and multiples of strict switches. If that exhausts all rows, the pivot rows are linearly independent
at every point of the stratum and the rows that became zero lie in their span everywhere: Lagrange's rule holds with multipliers for the
pivot rows alone. Otherwise dependence is possible and the Fritz John form is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flint import fmpq_mpoly

from reluspec.systems.existence import solve_affine
from reluspec.systems.surrogate import Surrogate, Switch, constant_value, empty, monic_key


@dataclass(frozen=True)
class Constraints:
    """The zero switches sorted by use.

    `multiplied` carry a multiplier; `equations` (a superset of `multiplied`, in the order of the name) are to be written down, the rest
    being implied. `independent` says that the gradients of `multiplied` are proved linearly independent on the whole stratum.
    """

    multiplied: tuple[Switch, ...]
    equations: tuple[Switch, ...]
    independent: bool


@dataclass(eq=False)
class _Line:
    """A row of the elimination: a value that vanishes on the stratum, and its gradient modulo the pivot rows."""

    switch: Switch
    value: fmpq_mpoly
    gradient: list[fmpq_mpoly]


def constraints(surrogate: Surrogate) -> Constraints:
    """Sort the zero switches of a stratum. Raises `StratumError` when they contradict each other."""
    lines, never_zero = _lines(surrogate)
    pivots: list[Switch] = []
    kept: list[Switch] = []
    while (found := _pivot(lines, never_zero)) is not None:
        line, column = found
        pivots.append(line.switch)
        lines = [_reduced(other, line, column) for other in lines if other is not line]
        spanned = [other for other in lines if all(entry.is_zero() for entry in other.gradient)]
        lines = [other for other in lines if other not in spanned]
        for other in spanned:
            value = constant_value(other.value)
            if value is None:
                kept.append(other.switch)
            elif value:
                raise empty(surrogate.name, f"the switch of {other.switch.place} cannot be zero where the other zero switches are")
    rest = [line.switch for line in lines]
    order = {id(switch): position for position, switch in enumerate(surrogate.switches)}
    multiplied = sorted(pivots + rest, key=lambda switch: order[id(switch)])
    equations = sorted(pivots + rest + kept, key=lambda switch: order[id(switch)])
    return Constraints(tuple(multiplied), tuple(equations), not rest)


def _lines(surrogate: Surrogate) -> tuple[list[_Line], set[str]]:
    """The rows, affine switches first, and the keys of polynomials without zeros on the stratum.

    Beyond the affine switches only values on their common zero set A matter: the pivots confine the stratum to A in any case. So
    gradients and values of the nonlinear ones are taken on A, where many of them simplify (a dead unit feeds zeros into the next
    layer). Multiples of earlier switches are implied and left out.
    """
    zeros = [switch for switch in surrogate.switches if switch.sign == 0 and not switch.polynomial.is_constant()]
    affine = [switch for switch in zeros if switch.polynomial.total_degree() == 1]
    images = solve_affine([switch.polynomial for switch in affine], surrogate.context)
    gens = range(len(surrogate.problem.parameters))
    distinct: dict[str, _Line] = {}
    for switch in affine:
        line = _Line(switch, switch.polynomial, [switch.polynomial.derivative(k) for k in gens])
        distinct.setdefault(monic_key(switch.polynomial), line)
    for switch in zeros:
        value = switch.polynomial.compose(*images)
        if constant_value(value):
            raise empty(surrogate.name, f"the switch of {switch.place} cannot be zero where the other zero switches are")
        if not value.is_zero():
            line = _Line(switch, value, [switch.polynomial.derivative(k).compose(*images) for k in gens])
            distinct.setdefault(monic_key(value), line)
    strict = [switch.polynomial.compose(*images) for switch in surrogate.switches if switch.sign]
    return list(distinct.values()), {monic_key(polynomial) for polynomial in strict if not polynomial.is_constant()}


def _pivot(lines: Sequence[_Line], never_zero: set[str]) -> tuple[_Line, int] | None:
    """The next pivot: a non-zero constant before a multiple of a strict switch, which makes the entries grow."""
    fallback = None
    for line in lines:
        for column, entry in enumerate(line.gradient):
            if entry.is_zero():
                continue
            if entry.is_constant():
                return line, column
            if fallback is None and monic_key(entry) in never_zero:
                fallback = line, column
    return fallback


def _reduced(line: _Line, pivot: _Line, column: int) -> _Line:
    """`line` with a zero in `column`.

    Scaling by the pivot entry, which has no zero on the stratum, changes neither ranks nor zero sets there.
    """
    entry, head = line.gradient[column], pivot.gradient[column]
    if entry.is_zero():
        return line
    gradient = [head * own - entry * other for own, other in zip(line.gradient, pivot.gradient, strict=True)]
    return _Line(line.switch, head * line.value - entry * pivot.value, gradient)
