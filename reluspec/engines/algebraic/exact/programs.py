"""Linear programs over any `Scalars`: a point of a polyhedron in a box, or the proof that there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from reluspec.engines.algebraic.exact.linear import plus, times
from reluspec.engines.algebraic.exact.scalars import Matrix, Scalar, Scalars, Vector


@dataclass(frozen=True)
class Feasible:
    """A solution x."""

    point: Vector


@dataclass(frozen=True)
class Infeasible:
    """A vector y with `y . b > max {y . A x : x in the box}`: no x of the box has A x = b."""

    certificate: Vector


@dataclass
class _Tableau:
    """Rows `x_basic + sum entries x_others = right` in variables that are zero when not basic; `flipped` ones stand for `upper - x`."""

    rows: list[Vector]
    costs: Vector
    basic: list[int]
    flipped: set[int]


def feasible(columns: Matrix, right: Sequence[Scalar], upper: Sequence[Scalar | None], scalars: Scalars) -> Feasible | Infeasible:
    """Whether `sum_j x_j columns_j = right` has a solution with `0 <= x_j <= upper_j` (`None`: no bound).

    The first phase of the simplex method with bounded variables and Bland's rule, which makes it end (Bland, *New finite pivoting rules for
    the simplex method*, 1977). It ends early when no artificial variable is left, so that balls can prove that there is a solution. Raises
    `Undetermined` when balls do not tell a sign.
    """
    signs = [1 if scalars.sign(entry) >= 0 else -1 for entry in right]
    state = _start(columns, right, signs, scalars)
    count = len(columns)
    while any(j >= count for j in state.basic):
        entering = next((j for j in range(count) if j not in state.basic and scalars.sign(state.costs[j]) < 0), None)
        if entering is None:
            if scalars.sign(state.costs[-1]) == 0:
                break
            prices = (scalars.one - cost for cost in state.costs[count:-1])
            return Infeasible(tuple(price if sign > 0 else -price for price, sign in zip(prices, signs, strict=True)))
        _step(state, entering, upper, scalars)
    values = {j: row[-1] for j, row in zip(state.basic, state.rows, strict=True)}
    found = [values.get(j, scalars.zero) for j in range(count)]
    return Feasible(tuple(_unflipped(entry, j, state, upper) for j, entry in enumerate(found)))


def _unflipped(entry: Scalar, j: int, state: _Tableau, upper: Sequence[Scalar | None]) -> Scalar:
    bound = upper[j]
    return bound - entry if j in state.flipped and bound is not None else entry


def _start(columns: Matrix, right: Sequence[Scalar], signs: Sequence[int], scalars: Scalars) -> _Tableau:
    """Artificial variables are basic; their sum is to be minimised. The last entry of `costs` is minus that sum."""
    size = len(right)
    rows = []
    for i, sign in enumerate(signs):
        row = times(scalars.number(Fraction(sign)), (*(column[i] for column in columns), right[i]))
        units = tuple(scalars.number(Fraction(i == k)) for k in range(size))
        rows.append((*row[:-1], *units, row[-1]))
    costs = (*(scalars.zero for _ in columns), *(scalars.one for _ in signs), scalars.zero)
    for row in rows:
        costs = plus(costs, scalars.number(Fraction(-1)), row)
    exact = (*costs[: len(columns)], *(scalars.zero for _ in signs), costs[-1])
    return _Tableau(rows, exact, list(range(len(columns), len(columns) + size)), set())


def _step(state: _Tableau, entering: int, upper: Sequence[Scalar | None], scalars: Scalars) -> None:
    """The entering variable grows until a basic one reaches a bound, or it does itself."""
    bound, leaving, at_top = upper[entering], None, False
    for i in sorted(range(len(state.rows)), key=lambda i: state.basic[i]):
        row, ceiling = state.rows[i], upper[state.basic[i]] if state.basic[i] < len(upper) else None
        slope = scalars.sign(row[entering])
        if slope > 0:
            ratio = row[-1] / row[entering]
        elif slope < 0 and ceiling is not None:
            ratio = (ceiling - row[-1]) / -row[entering]
        else:
            continue
        if bound is None or scalars.sign(ratio - bound) < 0:
            bound, leaving, at_top = ratio, i, slope < 0
    if leaving is None:
        _flip(state, entering, upper[entering])
        return
    if at_top:
        _flip_basic(state, leaving, upper[state.basic[leaving]], scalars)
    _pivot(state, leaving, entering, scalars)


def _flip(state: _Tableau, j: int, bound: Scalar) -> None:
    """Write `upper_j - x_j` for x_j, a variable that is not basic."""
    state.flipped ^= {j}
    for row_list, at in ((state.rows, i) for i in range(len(state.rows))):
        row_list[at] = _substituted(row_list[at], j, bound)
    state.costs = _substituted(state.costs, j, bound)


def _substituted(row: Vector, j: int, bound: Scalar) -> Vector:
    return (*row[:j], -row[j], *row[j + 1 : -1], row[-1] - row[j] * bound)


def _flip_basic(state: _Tableau, i: int, bound: Scalar, scalars: Scalars) -> None:
    j = state.basic[i]
    state.flipped ^= {j}
    row = _substituted(state.rows[i], j, bound)
    state.rows[i] = times(scalars.number(Fraction(-1)), row)


def _pivot(state: _Tableau, i: int, entering: int, scalars: Scalars) -> None:
    head = state.rows[i][entering]
    chosen = tuple(scalars.one if k == entering else entry / head for k, entry in enumerate(state.rows[i]))
    for k, row in enumerate(state.rows):
        if k != i:
            state.rows[k] = _without(row, chosen, entering, scalars)
    state.rows[i] = chosen
    state.costs = _without(state.costs, chosen, entering, scalars)
    state.basic[i] = entering


def _without(row: Vector, chosen: Vector, column: int, scalars: Scalars) -> Vector:
    """The row minus a multiple of the chosen one, exactly zero in the column."""
    cleared = plus(row, -row[column], chosen)
    return (*cleared[:column], scalars.zero, *cleared[column + 1 :])
