"""Where the cells of a region graph are drawn: on a circle, on a square whose opposite sides are one, or by springs."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi, sin
from typing import TYPE_CHECKING

from reluspec.regions.region_graph import RegionGraph

if TYPE_CHECKING:
    import networkx

MAX_TORUS = 3_600
"""Largest number of cells drawn on a square."""
MAX_DRAWN = 400
"""Largest number of cells drawn otherwise."""

Position = tuple[float, float]


@dataclass(frozen=True)
class Drawing:
    """Positions in the unit square by name of the cell. `columns`, `rows` name those of a torus, in order; other drawings have none."""

    graph: networkx.Graph[str]
    regions: RegionGraph
    positions: dict[str, Position]
    columns: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()


def drawing(regions: RegionGraph) -> Drawing | None:
    """Lay out the region graph, or that of one unit where the whole is too large to be seen, or nothing where that is too large, too."""
    for candidate in (regions, regions.one_unit):
        planar = is_cycle(candidate)
        if planar and candidate.units == 2 and candidate.cells <= MAX_TORUS:
            return _torus(candidate)
        if candidate.cells <= MAX_DRAWN:
            return _circle(candidate) if planar and candidate.units == 1 else _sprung(candidate)
    return None


def is_cycle(regions: RegionGraph) -> bool:
    """A unit's cells form a cycle when its arrangement has rank two: lines through the origin of a plane (d = 1 with a bias)."""
    factor = regions.factor
    return factor.ambient_dimension - factor.lineality == 2


def around(regions: RegionGraph) -> list[str]:
    """The cells of one unit in cyclic order, from the first one towards the smaller of its neighbours' names."""
    graph = regions.factor_graph()
    order = [next(iter(graph))]
    while len(order) < len(graph):
        order.append(min(name for name in graph[order[-1]] if name not in order[-2:]))
    return order


def _circle(regions: RegionGraph) -> Drawing:
    order = around(regions)
    angles = [2 * pi * position / len(order) for position in range(len(order))]
    positions = {name: (0.5 + 0.42 * sin(angle), 0.5 - 0.42 * cos(angle)) for name, angle in zip(order, angles, strict=True)}
    return Drawing(regions.graph(), regions, positions)


def _torus(regions: RegionGraph) -> Drawing:
    """Unit 0 runs to the right, unit 1 downwards; both return to where they began."""
    order = around(regions)
    size = len(order)
    positions = {f"{column}|{row}": ((x + 0.5) / size, (y + 0.5) / size) for x, column in enumerate(order) for y, row in enumerate(order)}
    return Drawing(regions.graph(), regions, positions, tuple(order), tuple(order))


def _sprung(regions: RegionGraph) -> Drawing:
    graph = regions.graph()
    return Drawing(graph, regions, springs(graph))


def springs(graph: networkx.Graph[str]) -> dict[str, Position]:
    """Positions in the unit square, neighbours near each other."""
    import networkx

    # A fixed seed: the same problem gives the same picture.
    found = networkx.spring_layout(graph, seed=1, iterations=200)
    xs, ys = [float(x) for x, _ in found.values()], [float(y) for _, y in found.values()]
    return {name: (_scaled(float(x), xs), _scaled(float(y), ys)) for name, (x, y) in found.items()}


def _scaled(value: float, values: list[float]) -> float:
    low, high = min(values), max(values)
    return 0.5 if high == low else 0.05 + 0.9 * (value - low) / (high - low)
