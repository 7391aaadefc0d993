"""The region graph of any problem: cells found by `strata`, with exact points, and the walls between them (theory.md section 2).

Networks with one hidden layer of units with a kink at 0 have a better one, `regions.region_graph`: a product that need not be built. Here
every cell is looked for, and where the switches are not affine in the parameters its existence may stay unknown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from reluspec.errors import LimitError
from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs, format_signs
from reluspec.systems.exchanges import Exchange, exchange_parameters, exchange_signs, exchanges
from reluspec.systems.forward import Forward
from reluspec.systems.points import Point, find_point
from reluspec.systems.strata import Existence, affordable, strata
from reluspec.systems.surrogate import monic_key

if TYPE_CHECKING:
    import networkx

MAX_NODES = 5_000
"""Largest number of cells of a graph that is built."""
MAX_STRATA = 200_000
"""Largest number of strata that are counted."""
MAX_EFFORT = 200_000
"""Largest number of steps that counting may take, for few parameters (`strata.affordable`)."""
MAX_PROVED = 3_000
"""Most strata for which `compile` looks for points and walls, too; `reluspec graph` does in any case."""


@dataclass(frozen=True)
class GeneralRegions:
    """The regions of a problem of any kind. Made by `general_regions`, or lazily from the problem alone.

    `strata` and `strata_up_to_exchange` count the sign assignments that are not proved empty; `None` where they were not counted.
    """

    problem: Problem
    strata: int | None = None
    strata_up_to_exchange: int | None = None

    @cached_property
    def cells_and_walls(self) -> networkx.Graph[str]:
        """`general_region_graph` of the problem."""
        return general_region_graph(self.problem)

    @property
    def cells(self) -> int:
        return int(self.cells_and_walls.number_of_nodes())

    @property
    def walls(self) -> int:
        return len({attributes["stratum"] for _, _, attributes in self.cells_and_walls.edges(data=True)})

    @property
    def unknown_cells(self) -> int:
        """Cells for which no point was found, and that were not proved empty either."""
        return sum(attributes["existence"] == Existence.UNKNOWN.value for _, attributes in self.cells_and_walls.nodes(data=True))

    def graph(self) -> networkx.Graph[str]:
        """The region graph with attributes that every format can hold: text and numbers.

        Nodes have `signs`, `bits`, `dimension`, `existence` and a point, one attribute per parameter, where one was found. Edges have
        `wall` (its name), `existence` and `dimension`. Raises `LimitError` beyond `MAX_NODES` cells.
        """
        import networkx

        found: networkx.Graph[str] = networkx.Graph()
        found.graph.update(self._facts())
        dimension = len(self.problem.parameters)
        for name, attributes in self.cells_and_walls.nodes(data=True):
            kept = {key: attributes[key] for key in ("bits", "existence")}
            found.add_node(name, signs=name, dimension=dimension, **kept, **attributes.get("point", {}))
        for one, other, attributes in self.cells_and_walls.edges(data=True):
            found.add_edge(one, other, wall=attributes["stratum"], existence=attributes["existence"], dimension=dimension - 1)
        return found

    @cached_property
    def small(self) -> bool:
        """Whether there are few enough strata for points and walls to be looked for without being asked."""
        return self.strata is not None and self.strata <= MAX_PROVED

    @cached_property
    def cell_count(self) -> int:
        """How many cells are not proved empty, counted without the graph."""
        return sum(found.orbit_size for found in strata(self.problem, max_rank=0))

    def _facts(self) -> dict[str, str | int]:
        problem = self.problem
        switches = problem.switch_count
        counted = {"strata": self.strata, "strata_up_to_exchange": self.strata_up_to_exchange}
        return {
            "title": problem.title,
            "units": sum(layer.units for layer in problem.network.layers[:-1]),
            "points": len(problem.data),
            "inputs": problem.network.inputs,
            "switches": switches,
            "patterns_on_paper": str(1 << switches) if switches <= 4096 else f"2^{switches}",
            "cells": self.cells,
            "walls": self.walls,
            "unknown_cells": self.unknown_cells,
            **{name: count for name, count in counted.items() if count is not None},
        }

    def __repr__(self) -> str:
        return f"GeneralRegions({self.cells:,} cells, {self.unknown_cells:,} of them unproved, {self.walls:,} walls)"

    def _repr_html_(self) -> str:
        """For notebooks: the counts."""
        from reluspec.problem import markup

        rows = [("cells", f"{self.cells:,}"), ("of them not proved to exist", f"{self.unknown_cells:,}"), ("walls", f"{self.walls:,}")]
        if self.strata is not None:
            rows.append(("strata", f"{self.strata:,}"))
        return markup.paragraph(f"Region graph: {self.problem.title}", strong=True) + markup.table((), rows)


def general_regions(problem: Problem, limit: int = MAX_STRATA, effort: int | None = MAX_EFFORT) -> GeneralRegions:
    """Count the strata of a problem. Raises `LimitError` when there are more than `limit`, or when that takes too many steps."""
    total = representatives = 0
    for stratum in strata(problem, effort=None if effort is None else affordable(problem, effort)):
        total += stratum.orbit_size
        representatives += 1
        if total > limit:
            raise LimitError(f"there are more than {limit:,} strata; up to that many are counted")
    return GeneralRegions(problem, total, representatives)


def general_region_graph(problem: Problem, max_nodes: int = MAX_NODES, effort: int | None = None) -> networkx.Graph[str]:
    """Cells as nodes, walls as edges, labelled (not up to exchange of units).

    A cell is a stratum without zeros, those switches excepted that are zero all over it (behind a dead layer without biases). Nodes are
    named by their signs and have `bits`, `existence` (`proved` or `unknown`) and, where one was found, `point`: parameters with exact
    values as text. An edge joins two cells that agree except in the switches that vanish on a wall between them: a stratum whose zero
    switches all vanish with one polynomial, on whose two sides the cells lie. Edges have `stratum`, the wall's name, and `existence`.

    Raises `LimitError` beyond `max_nodes` cells.
    """
    import networkx

    graph: networkx.Graph[str] = networkx.Graph()
    forward, group = Forward(problem), exchanges(problem)
    walls: list[tuple[_Wall, Existence]] = []
    cells: dict[str, tuple[Signs, dict[str, Any]]] = {}
    for found in strata(problem, max_rank=1, effort=effort):
        wall = _Wall.of(forward, found.signs)
        if wall is None:
            continue
        point = find_point(problem, found.signs, tries=24 if wall.pivot is None else 4)
        existence = Existence.PROVED if point is not None else found.existence
        if wall.pivot is None:
            for signs, attributes in _orbit(problem, group, found.signs, point):
                cells[format_signs(problem, signs)] = signs, {"existence": existence.value, **attributes}
            if len(cells) > max_nodes:
                raise LimitError(f"there are more than {max_nodes:,} cells; graphs of up to that many are built")
        else:
            walls.append((wall, existence))
    for name in sorted(cells):
        graph.add_node(name, bits=name.replace("+", "1").replace("-", "0"), **cells[name][1])
    sides = _Sides({name: signs.all for name, (signs, _) in cells.items()})
    for wall, existence in walls:
        for exchange in group:
            moved = wall.moved(problem, exchange)
            name = format_signs(problem, moved.signs)
            for one, other in sides.across(moved):
                graph.add_edge(one, other, stratum=name, existence=existence.value)
    return graph


@dataclass(frozen=True)
class _Wall:
    """A cell (`pivot` is `None`), or a wall: the position, among all signs, of a switch that changes sign across it."""

    signs: Signs
    pivot: int | None

    @classmethod
    def of(cls, forward: Forward, signs: Signs) -> _Wall | None:
        """`None` for a stratum of higher codimension."""
        switches = forward.switches(signs)
        zeros = {k: switch for k, (switch, side) in enumerate(switches) if side == 0 and not switch.is_zero()}
        if not zeros:
            return cls(signs, None)
        common = None
        for switch in zeros.values():
            common = switch if common is None else common.gcd(switch)
        if common is None or common.is_constant():
            return None
        strict = {monic_key(switch) for switch, side in switches if side}
        for k, switch in zeros.items():
            cofactor = switch / common
            if cofactor.is_constant() or monic_key(cofactor) in strict:
                return cls(signs, k)
        return None

    def moved(self, problem: Problem, exchange: Exchange) -> _Wall:
        if exchange.is_identity or self.pivot is None:
            return self
        # Mark the pivot, and see where the mark goes.
        marked = exchange_signs(problem, _marked(self.signs, self.pivot), exchange)
        return _Wall(exchange_signs(problem, self.signs, exchange), marked.all.index("+"))


class _Sides:
    """Cells by their signs outside the zeros of a wall."""

    def __init__(self, cells: Mapping[str, str]) -> None:
        self.cells = cells
        self.tables: dict[tuple[int, ...], dict[str, list[str]]] = {}

    def across(self, wall: _Wall) -> Iterator[tuple[str, str]]:
        """The pairs of cells on the two sides of a wall, the positive one first."""
        signs, pivot = wall.signs.all, wall.pivot
        if pivot is None:
            return
        kept = tuple(k for k, side in enumerate(signs) if side != "0")
        if kept not in self.tables:
            table: dict[str, list[str]] = defaultdict(list)
            for name, cell in self.cells.items():
                table["".join(cell[k] for k in kept)].append(name)
            self.tables[kept] = table
        around = self.tables[kept].get("".join(signs[k] for k in kept), [])
        for one in around:
            if self.cells[one][pivot] == "+":
                yield from ((one, other) for other in around if self.cells[other][pivot] == "-")


def _orbit(problem: Problem, group: tuple[Exchange, ...], signs: Signs, point: Point | None) -> Iterator[tuple[Signs, dict[str, Any]]]:
    """The cell and its images under exchange, with their points."""
    for exchange in group:
        moved = exchange_signs(problem, signs, exchange)
        if point is None:
            yield moved, {}
            continue
        values = [point[variable] for variable in problem.parameters]
        places = exchange_parameters(problem, exchange)
        text = {str(variable): str(values[place]) for variable, place in zip(problem.parameters, places, strict=True)}
        yield moved, {"point": text}


def _marked(signs: Signs, position: int) -> Signs:
    """All signs 0 but one."""
    return signs.reshaped("".join("+" if k == position else "0" for k in range(len(signs.all))))
