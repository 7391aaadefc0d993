"""All strata of any problem: depth first over the switches, layer by layer, cutting off what is proved empty (theory.md section 2).

For one hidden layer with kinks at 0 these are the products of the faces of an arrangement. Deeper switches are not affine in the
parameters; for them `relaxation` is asked, which never loses a stratum and may keep an empty one (`Existence.UNKNOWN`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import islice

from reluspec.problem.expression import Variable
from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs
from reluspec.systems.exchanges import Exchange, adjacent_exchanges, exchange_parameters, exchange_signs, exchanges
from reluspec.systems.forward import Forward, Polynomial, Signal
from reluspec.systems.points import find_point
from reluspec.systems.relaxation import Meter, Relaxation
from reluspec.systems.unit_faces import Way, choices, first_layer_ways, split_cases, unit_ways

CHEAP_PARAMETERS = 20
"""Beyond, a step of the search costs more with the cube of the number of parameters."""


class Existence(Enum):
    """What is known about a stratum that was not proved empty."""

    PROVED = "proved"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class StratumSigns:
    """A stratum by its signs; `orbit_size` counts the sign assignments that exchanges of units make of it, itself included."""

    signs: Signs
    existence: Existence
    orbit_size: int


def strata(
    problem: Problem, *, up_to_exchange: bool = True, points: bool = False, max_rank: int | None = None, effort: int | None = None
) -> Iterator[StratumSigns]:
    """Every sign assignment that is not proved empty, each once, in a repeatable order.

    With `up_to_exchange` one of each orbit under `exchanges`. With `points` an exact point is looked for wherever existence is not proved
    otherwise. With `max_rank` only strata cut out by at most so many independent equations, as far as that is seen (0: cells, 1: walls,
    too). `effort` bounds the steps of the search.

    Raises `LimitError` when one unit has more faces than can be enumerated or the hidden units more permutations, `EffortError` when the
    search takes more steps.
    """
    group = exchanges(problem)
    search = _Search(
        Forward(problem), group, frozenset(adjacent_exchanges(group)) if up_to_exchange else frozenset(), max_rank, Meter(effort)
    )
    for found in search.run(up_to_exchange):
        if points and found.existence is Existence.UNKNOWN and find_point(problem, found.signs) is not None:
            yield replace(found, existence=Existence.PROVED)
        else:
            yield found


def affordable(problem: Problem, effort: int) -> int:
    """How many steps cost as much as `effort` steps do with few parameters."""
    return max(1, effort // max(1, len(problem.parameters) // CHEAP_PARAMETERS) ** 3)


def count_strata(problem: Problem, limit: int, *, up_to_exchange: bool = True) -> int | None:
    """How many strata `strata` yields, `None` if more than `limit`."""
    count = sum(1 for _ in islice(strata(problem, up_to_exchange=up_to_exchange), limit + 1))
    return count if count <= limit else None


@dataclass(frozen=True, eq=False)
class _Node:
    """The signs of the first layers, of the penalties once `penalty` is given, and what is known about them.

    `base` joins all conditions (`None` where nothing will be asked any more); `forms` are the positive forms of each unit of the last
    layer, `stabiliser` the exchanges that leave the layers as they are.
    """

    layers: tuple[tuple[str, ...], ...]
    signals: Sequence[Signal]
    base: Relaxation | None
    forms: tuple[Sequence[Polynomial], ...]
    stabiliser: tuple[Exchange, ...]
    rank: int
    affine: bool
    penalty: str = ""


@dataclass(frozen=True, eq=False)
class _Search:
    forward: Forward
    group: tuple[Exchange, ...]
    neighbours: frozenset[tuple[int, int]]
    max_rank: int | None
    meter: Meter

    @property
    def free(self) -> Relaxation:
        """No assumption."""
        return Relaxation(self.forward.context, meter=self.meter)

    @property
    def problem(self) -> Problem:
        return self.forward.problem

    def run(self, up_to_exchange: bool) -> Iterator[StratumSigns]:
        start = _Node((), self.forward.inputs, self.free, (), self.group, 0, True)
        for node in self._descend(start, up_to_exchange):
            for objective, affine in self._objective(node):
                stabiliser = [exchange for exchange in node.stabiliser if self._compared(node, exchange) == 0]
                if not up_to_exchange or all(self._compared(node, exchange) >= 0 for exchange in node.stabiliser):
                    existence = Existence.PROVED if affine else Existence.UNKNOWN
                    yield StratumSigns(Signs(node.layers, objective, node.penalty), existence, len(self.group) // len(stabiliser))

    def _compared(self, node: _Node, exchange: Exchange) -> int:
        """Whether an exchange that keeps the layers makes the signs of the penalties greater (1) or smaller (-1)."""
        if not node.penalty:
            return 0
        moved = exchange_signs(self.problem, Signs(node.layers, "", node.penalty), exchange).penalty
        return (moved > node.penalty) - (moved < node.penalty)

    def _descend(self, node: _Node, reject: bool) -> Iterator[_Node]:
        position = len(node.layers)
        if position == len(self.problem.network.layers):
            yield node
            return
        for following in self._layer(node, position, reject):
            for complete in self._penalties(following) if position == 0 else (following,):
                yield from self._descend(complete, reject)

    # Layers

    def _layer(self, node: _Node, position: int, reject: bool) -> Iterator[_Node]:
        layer = self.problem.network.layers[position]
        lists = self._ways(node, position)
        if not layer.activation.kinks:
            signals = [list(row) for row in zip(*(ways[0].outputs for ways in lists), strict=True)]
            last = position == len(self.problem.network.layers) - 1
            # The objective's switches contain the output's weights times the forms of the layer before.
            yield replace(node, layers=(*node.layers, ()), signals=signals, forms=node.forms if last else ((),) * layer.units)
            return
        lists = [sorted(ways, key=lambda way: _key(way.signs)) for ways in lists] if position else lists
        keys = [{way.signs: place for place, way in enumerate(ways)} if not position else {} for ways in lists]
        asked = self._asked_after(position)
        for ways, base in self._products(node, position, lists, (), node.base if asked else None, node.rank):
            signs = tuple(way.signs for way in ways)
            own = tuple(keys[unit][name] if not position else _key(name) for unit, name in enumerate(signs))
            stabiliser = self._stabiliser(node, position, own, reject)
            if stabiliser is not None:
                affine = base.affine if base is not None else node.affine and all(way.affine for way in ways)
                signals = [list(row) for row in zip(*(way.outputs for way in ways), strict=True)]
                forms = tuple(way.forms for way in ways)
                rank = node.rank + sum(way.rank for way in ways)
                yield _Node((*node.layers, signs), signals, base, forms, stabiliser, rank, affine, node.penalty)

    def _ways(self, node: _Node, position: int) -> list[list[Way]]:
        layer = self.problem.network.layers[position]
        left = None if self.max_rank is None else self.max_rank - node.rank
        if position == 0:
            alike = layer.fixed_weight is None and layer.fixed_bias is None
            if not layer.activation.kinks:
                return [
                    unit_ways(self.forward, self.free, layer, unit, node.signals, (), left, followed=False) for unit in range(layer.units)
                ]
            first = first_layer_ways(self.forward, self.free, 0, left)
            others = range(1, layer.units)
            return [
                first,
                *(_moved(self.forward, first, unit) if alike else first_layer_ways(self.forward, self.free, unit, left) for unit in others),
            ]
        base = node.base if node.base is not None else self.free
        left = None if left is None else left + base.rank
        followed = bool(layer.activation.kinks) and self._asked_after(position)
        return [
            unit_ways(self.forward, base, layer, unit, node.signals, self._weights(node, position, unit), left, followed=followed)
            for unit in range(layer.units)
        ]

    def _weights(self, node: _Node, position: int, unit: int) -> list[tuple[Polynomial, Sequence[Polynomial]]]:
        name = f"{self.problem.network.layers[position].name}.weight"
        used = [any(not signal[k].is_zero() for signal in node.signals) for k in range(len(node.forms))]
        return [(self.forward.values[Variable(name, (unit, k))], forms) for k, forms in enumerate(node.forms) if used[k]]

    def _products(
        self, node: _Node, position: int, lists: Sequence[Sequence[Way]], begun: tuple[Way, ...], base: Relaxation | None, rank: int
    ) -> Iterator[tuple[tuple[Way, ...], Relaxation | None]]:
        unit = len(begun)
        if unit == len(lists):
            yield begun, base
            return
        start = 0
        if (position, unit - 1) in self.neighbours:
            # Of two units that may be exchanged the first has the smaller signs.
            start = next((place for place, way in enumerate(lists[unit]) if way.signs == begun[-1].signs), 0)
        for way in lists[unit][start:]:
            if self.max_rank is not None and rank + way.rank > self.max_rank:
                continue
            joined = base
            for polynomial, side in way.conditions if base is not None else ():
                joined = joined.assume(polynomial, side) if joined is not None else None
            if base is None or joined is not None:
                yield from self._products(node, position, lists, (*begun, way), joined, rank + way.rank)

    def _stabiliser(self, node: _Node, position: int, own: tuple[object, ...], reject: bool) -> tuple[Exchange, ...] | None:
        """The exchanges that keep this layer, too; `None` where one makes it smaller, so that another stratum stands for the orbit."""
        if position == len(self.problem.network.layers) - 1:
            return node.stabiliser
        kept = []
        for exchange in node.stabiliser:
            moved = tuple(own[source] for source in exchange.layers[position])
            if moved == own:
                kept.append(exchange)
            elif reject and moved < own:
                return None
        return tuple(kept)

    def _asked_after(self, position: int) -> bool:
        """Whether what the units of a layer demand matters later on: to switches that follow, or to each other."""
        layers = self.problem.network.layers
        if any(layer.activation.kinks for layer in layers[position + 1 :]) or self.forward.objective_kinks:
            return True
        if any(step.kinks for step in self.forward.penalties()):
            return True
        # Given weights let the switches of several units depend on the same parameters of earlier layers.
        return position > 0 and layers[position].fixed_weight is not None

    # Penalties and objective

    def _penalties(self, node: _Node) -> Iterator[_Node]:
        steps = [step for step in self.forward.penalties() if step.kinks]
        if not steps or node.base is None:
            yield node
            return
        left = None if self.max_rank is None else self.max_rank - node.rank + node.base.rank
        for choice in choices(self.forward, [node.base], steps, left):
            (base,) = choice.remaining()
            rank = node.rank + base.rank - node.base.rank
            yield replace(node, base=base, rank=rank, affine=base.affine, penalty="".join(choice.signs))

    def _objective(self, node: _Node) -> Iterator[tuple[str, bool]]:
        if not self.forward.objective_kinks or node.base is None:
            yield "", node.affine
            return
        steps = [self.forward.objective(point, output) for point, output in enumerate(node.signals)]
        output = self.problem.network.layers[-1]
        weights = []
        if not output.activation.kinks and len(self.problem.network.layers) > 1:
            names = (Variable(f"{output.name}.weight", (unit, k)) for unit in range(output.units) for k in range(len(node.forms)))
            weights = [(self.forward.values[name], node.forms[name.index[1]]) for name in names]
        left = None if self.max_rank is None else self.max_rank - node.rank + node.base.rank
        for choice in choices(self.forward, split_cases(node.base, weights), steps, left):
            first = choice.cases[0].relaxation()
            yield "".join(choice.signs), first is not None and first.affine


def _key(signs: str) -> str:
    return signs.translate(_ORDER)


_ORDER = str.maketrans("+0-", "012")


def _moved(forward: Forward, ways: Sequence[Way], unit: int) -> list[Way]:
    """The ways of unit 0 of the first layer, told of another unit of it."""
    layer = forward.problem.network.layers[0]
    images = list(forward.context.gens())
    own = {variable: k for k, variable in enumerate(forward.problem.parameters)}
    for variable, k in own.items():
        if variable.name in (f"{layer.name}.weight", f"{layer.name}.bias") and variable.index[0] == 0:
            images[k] = forward.context.gens()[own[Variable(variable.name, (unit, *variable.index[1:]))]]
    return [
        replace(
            way,
            outputs=tuple(output.compose(*images) for output in way.outputs),
            conditions=tuple((polynomial.compose(*images), side) for polynomial, side in way.conditions),
            forms=tuple(form.compose(*images) for form in way.forms),
        )
        for way in ways
    ]


__all__ = [
    "Exchange",
    "Existence",
    "StratumSigns",
    "count_strata",
    "exchange_parameters",
    "exchange_signs",
    "exchanges",
    "find_point",
    "strata",
]
