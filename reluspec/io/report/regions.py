"""The region graph for the page, in the form that suits its size: a cycle or a sphere of one unit's directions, or drawn nodes and edges.

Where the network has one hidden layer the graph is a power of one unit's (theory.md section 2), and the page builds what it shows from that
factor: with d = 1 a cycle, with d = 2 the great circles on a sphere. Of any other graph the page gets cells and walls,
and, where it is small, positions for its dots; a larger one is looked at by two parts of its cells' names, or near one minimum.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from reluspec.errors import LimitError, UnsupportedProblemError
from reluspec.io.layout import around, is_cycle, springs
from reluspec.problem.problem import Problem
from reluspec.regions.region_graph import RegionGraph, region_graph

if TYPE_CHECKING:
    import networkx

MAX_DRAWN = 400
"""Most cells of a graph that is laid out by springs."""
MAX_LISTED = 3_000
"""Most cells of a graph that are listed with their walls; of a product, most cells of one unit."""
MAX_SPHERE_CELLS = 2_000
"""Most cells marked on a sphere; its great circles are drawn in any case."""
MAX_EFFORT = 30_000
"""Steps that the search for a general problem's cells may take (`general_region_graph`): a second or two."""


def region_data(problem: Problem) -> dict[str, Any]:
    """The page's region graph; `kind` is `cycle`, `sphere`, `graph` or `none` (with a reason)."""
    try:
        regions = region_graph(problem)
    except UnsupportedProblemError:
        return _general(problem)
    except LimitError as error:
        return {"kind": "none", "reason": str(error)}
    counts = {"cells": regions.cells, "walls": regions.walls, "units": regions.units, "unit_cells": regions.one_unit.cells}
    facts = {name: str(count) for name, count in counts.items()} | {"patterns": f"2^{regions.switches}"}
    if is_cycle(regions):
        return {"kind": "cycle", **facts, **_cycle(regions)}
    if regions.factor.ambient_dimension == 3:
        return {"kind": "sphere", **facts, **_sphere(regions)}
    return {**facts, **_product(regions)}


def _cycle(regions: RegionGraph) -> dict[str, Any]:
    """The faces of one unit in cyclic order: a wall, a cell, a wall, …"""
    cells = around(regions)
    walls = {frozenset(ends): attributes["wall"] for *ends, attributes in regions.factor_graph().edges(data=True)}
    ring = [name for before, cell in zip([cells[-1], *cells], cells, strict=False) for name in (walls[frozenset((before, cell))], cell)]
    return {"ring": ring}


def _sphere(regions: RegionGraph) -> dict[str, Any]:
    factor = regions.factor
    rows = [[float(entry) for entry in row] for row in factor.rows]
    faces = np.flatnonzero(factor.dimension == factor.ambient_dimension)
    points = [_unit_vector(factor.point(int(face))) for face in faces] if len(faces) <= MAX_SPHERE_CELLS else []
    return {"rows": rows, "cell_points": points}


def _unit_vector(point: tuple[int, ...]) -> list[float]:
    largest = max(map(abs, point))
    vector = np.array([entry / largest for entry in point])
    return [round(float(entry), 6) for entry in vector / np.linalg.norm(vector)]


def _product(regions: RegionGraph) -> dict[str, Any]:
    if regions.cells <= MAX_DRAWN:
        return _listed(regions.graph(), "wall")
    if regions.one_unit.cells <= MAX_LISTED:
        return {**_listed(regions.factor_graph(), "wall"), "one_unit": True}
    return {"kind": "none", "reason": f"one unit alone has {regions.one_unit.cells:,} cells: too many to be told apart in a drawing"}


def _general(problem: Problem) -> dict[str, Any]:
    from reluspec.systems.general_regions import general_region_graph

    try:
        graph = general_region_graph(problem, effort=MAX_EFFORT)
    except LimitError as error:
        return {"kind": "none", "reason": f"the region graph is not drawn: {error}"}
    facts = {
        "cells": str(graph.number_of_nodes()),
        "walls": str(graph.number_of_edges()),
        "patterns": f"2^{problem.switch_count}",
        "unknown": sum(attributes["existence"] != "proved" for _, attributes in graph.nodes(data=True)),
    }
    if graph.number_of_nodes() > MAX_LISTED:
        return {"kind": "none", **facts, "reason": f"{facts['cells']} cells are too many to be told apart in a drawing"}
    return {**facts, **_listed(graph, "stratum")}


def _listed(graph: networkx.Graph[str], wall: str) -> dict[str, Any]:
    """Cells as `[name]` or `[name, x, y]`, walls as `[cell, cell, name]`; names of walls only beside positions."""
    number = {name: position for position, name in enumerate(graph)}
    ends = [(number[one], number[other], attributes[wall]) for one, other, attributes in graph.edges(data=True)]
    if len(graph) > MAX_DRAWN:
        return {"kind": "graph", "nodes": [[name] for name in graph], "edges": [list(end[:2]) for end in ends]}
    positions = springs(graph)
    return {
        "kind": "graph",
        "nodes": [[name, *(round(at, 4) for at in positions[name])] for name in graph],
        "edges": [list(end) for end in ends],
    }
