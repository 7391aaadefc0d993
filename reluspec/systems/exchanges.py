"""The permutations of hidden units that a problem does not notice.

Every permutation within the hidden layers leaves the network's function as it is once the parameters move along. It is an exchange of
the *problem* if it moves fixed tensors to themselves and leaves the regulariser the same function (by its canonical form: where
equality cannot be shown, the permutation is left out). Then it maps strata to strata and minima to minima.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import permutations, product
from math import factorial, prod

from reluspec.errors import LimitError
from reluspec.problem.expression import ZERO, Expression, Sum, Variable
from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs
from reluspec.systems.canonical import Form, canonical, switches

MAX_EXCHANGES = 5_040
"""Largest number of permutations that are looked through: 7!."""


@dataclass(frozen=True)
class Exchange:
    """One permutation per hidden layer: unit u becomes what unit `layers[l][u]` was.

    `penalty` does the same to the signs of the penalties: position and orientation of the sign that each one becomes.
    """

    layers: tuple[tuple[int, ...], ...]
    penalty: tuple[tuple[int, int], ...] = field(default=(), compare=False)

    @property
    def is_identity(self) -> bool:
        return all(unit == source for layer in self.layers for unit, source in enumerate(layer))


def exchanges(problem: Problem) -> tuple[Exchange, ...]:
    """The group of exchanges, identity first, in lexicographic order.

    Raises `LimitError` when the hidden units have more than `MAX_EXCHANGES` permutations.
    """
    sizes = [layer.units for layer in problem.network.layers[:-1]]
    # Sizes first: the factorial of ten thousand takes a while.
    if any(size > MAX_EXCHANGES for size in sizes) or prod(factorial(size) for size in sizes) > MAX_EXCHANGES:
        times = Counter(size for size in sizes if size > 1)
        count = " * ".join(f"{size}!" if power == 1 else f"({size}!)^{power}" for size, power in times.items())
        raise LimitError(f"the hidden units have {count} permutations; up to {MAX_EXCHANGES:,} are looked through. Use fewer units")
    symmetry = _Symmetry(problem)
    candidates = product(*(list(permutations(range(size))) for size in sizes))
    if not symmetry.positions and all(symmetry.moved(layers) is not None for layers in _generators(sizes)):
        return tuple(Exchange(layers) for layers in candidates)
    moved = ((layers, symmetry.moved(layers)) for layers in candidates)
    return tuple(Exchange(layers, signs) for layers, signs in moved if signs is not None)


def _generators(sizes: Sequence[int]) -> Iterator[tuple[tuple[int, ...], ...]]:
    """The exchanges of neighbours: they generate the whole group."""
    for layer, size in enumerate(sizes):
        for unit in range(size - 1):
            changed = [*range(unit), unit + 1, unit, *range(unit + 2, size)]
            yield tuple(tuple(changed) if position == layer else tuple(range(other)) for position, other in enumerate(sizes))


def exchange_signs(problem: Problem, signs: Signs, exchange: Exchange) -> Signs:
    """The stratum of `new` in the terms of `exchange_parameters`, where `signs` is that of `old`."""
    layers = [
        tuple(units[source] for source in permutation) if units else ()
        for units, permutation in zip(signs.layers, exchange.layers, strict=False)
    ]
    penalty = "".join(
        signs.penalty[source] if orientation > 0 else _OPPOSITE[signs.penalty[source]] for source, orientation in exchange.penalty
    )
    return Signs((*layers, signs.layers[-1]), signs.objective, penalty)


_OPPOSITE = {"+": "-", "0": "0", "-": "+"}


def exchange_parameters(problem: Problem, exchange: Exchange) -> tuple[int, ...]:
    """A permutation of positions in `problem.parameters`: `new[k] = old[result[k]]`."""
    position = {variable: k for k, variable in enumerate(problem.parameters)}
    return tuple(position[source] for source in map(_Source(problem, exchange.layers), problem.parameters))


class _Source:
    """Which old parameter a new one is."""

    def __init__(self, problem: Problem, layers: Sequence[Sequence[int]]) -> None:
        self.rows: dict[str, Sequence[int]] = {}
        self.columns: dict[str, Sequence[int]] = {}
        for layer, permutation in zip(problem.network.layers, layers, strict=False):
            self.rows[f"{layer.name}.weight"] = self.rows[f"{layer.name}.bias"] = permutation
        for layer, permutation in zip(problem.network.layers[1:], layers, strict=True):
            self.columns[f"{layer.name}.weight"] = permutation

    def __call__(self, variable: Variable) -> Variable:
        unit, *rest = variable.index
        rows, columns = self.rows.get(variable.name), self.columns.get(variable.name)
        if rows is not None:
            unit = rows[unit]
        if columns is not None and rest:
            rest = [columns[rest[0]]]
        return Variable(variable.name, (unit, *rest))


class _Symmetry:
    """What a permutation has to leave as it is: fixed parameters and the regulariser."""

    def __init__(self, problem: Problem) -> None:
        self.problem, self.constants = problem, problem.constants()
        # Kinks keep their order when the terms are summed: that of the names.
        self.expression: Expression = Sum((ZERO, *(term.expression for term in problem.regulariser)))
        self.form = canonical(self.expression, _same)
        self.positions: dict[Form, list[tuple[int, int]]] = defaultdict(list)
        for position, (form, orientation) in enumerate(switches(self.expression, _same)):
            self.positions[form].append((position, orientation))

    def moved(self, layers: Sequence[Sequence[int]]) -> tuple[tuple[int, int], ...] | None:
        """Which sign each sign becomes, or `None` when the problem is not shown to stay the same."""
        source = _Source(self.problem, layers)
        if any(value != self.constants[source(variable)] for variable, value in self.constants.items()):
            return None
        if canonical(self.expression, source) != self.form:
            return None
        left = {form: deque(positions) for form, positions in self.positions.items()}
        found = []
        # The switch of a new theta is the renamed switch of the old one: find where that stands.
        for form, orientation in switches(self.expression, source):
            if not left.get(form):
                return None
            position, other = left[form].popleft()
            found.append((position, orientation * other))
        return tuple(found)


def _same(variable: Variable) -> Variable:
    return variable


def adjacent_exchanges(group: Sequence[Exchange]) -> Iterator[tuple[int, int]]:
    """The pairs (layer, u) for which units u and u + 1 of a layer may be exchanged alone."""
    for exchange in group:
        moved = [(layer, unit) for layer, units in enumerate(exchange.layers) for unit, source in enumerate(units) if unit != source]
        if len(moved) == 2 and moved[0][0] == moved[1][0] and moved[1][1] == moved[0][1] + 1:
            yield moved[0]
