"""The region graph and the face lattice as networkx graphs; attributes are text and integers, which every format can hold."""

from __future__ import annotations

from itertools import product
from math import log2
from typing import TYPE_CHECKING

import numpy as np

from reluspec.errors import LimitError

if TYPE_CHECKING:
    import networkx

    from reluspec.regions.region_graph import RegionGraph

MAX_NODES = 200_000
"""Largest number of cells of a graph that is built."""


def product_graph(regions: RegionGraph) -> networkx.Graph[str]:
    """The region graph, in a repeatable order.

    Nodes are named by their signs and have `signs`, `bits`, `dimension` and an exact interior point, one attribute per parameter
    (`hidden.weight[0,0]`: `"3"`). Edges have `wall` (its name), `unit` and `points` (the switches zero on it, as `0,3`) and `dimension`.
    The graph has the counts as attributes. Raises `LimitError` beyond `MAX_NODES` cells.
    """
    import networkx

    if regions.units * log2(max(regions.one_unit.cells, 2)) > 60:  # the exact count of very many units takes minutes
        raise LimitError(
            f"the region graph has {regions.one_unit.cells:,}^{regions.units:,} cells; graphs of up to {MAX_NODES:,} are built. "
            "Ask for the graph of one unit (--one-unit)"
        )
    if regions.cells > MAX_NODES:
        raise LimitError(_too_large(regions))
    graph: networkx.Graph[str] = networkx.Graph()
    graph.graph.update(facts(regions))
    factor, units = regions.factor, regions.units
    dimension = units * factor.ambient_dimension
    cells = [int(face) for face in np.flatnonzero(factor.dimension == factor.ambient_dimension)]
    for faces in product(cells, repeat=units):
        cell = regions.of_faces(faces)
        point = {name: str(value) for name, value in regions.point(cell).items()}
        graph.add_node(cell.name, signs=cell.name, bits=regions.bits(cell), dimension=dimension, **point)
    names = [factor.names[cell] for cell in cells]
    for unit in range(units):
        for one, other, wall, points in _walls(regions):
            attributes = {"unit": unit, "points": points, "dimension": dimension - 1}
            for before in product(names, repeat=unit):
                for after in product(names, repeat=units - unit - 1):
                    ends = ["|".join((*before, middle, *after)) for middle in (one, other, wall)]
                    graph.add_edge(ends[0], ends[1], wall=ends[2], **attributes)
    return graph


def _walls(regions: RegionGraph) -> list[tuple[str, str, str, str]]:
    """The walls of one unit: names of both sides and of the wall, and the points whose switches vanish on it."""
    one_unit = regions.one_unit
    walls = []
    for wall in one_unit.strata(1):
        one, other = one_unit.adjacent_cells(wall)
        points = ",".join(str(point) for _, point in one_unit.vanishing(wall))
        walls.append((one.name, other.name, wall.name, points))
    return walls


def facts(regions: RegionGraph) -> dict[str, str | int]:
    """What every export says about the whole: title, sizes and counts; 2^J as text, since it outgrows machine integers."""
    # Python refuses to write integers of more than 4300 digits.
    patterns = str(regions.patterns_on_paper) if regions.switches <= 4096 else f"2^{regions.switches}"
    return {
        "title": regions.problem.title,
        "units": regions.units,
        "points": regions.points,
        "inputs": regions.problem.network.inputs,
        "switches": regions.switches,
        "patterns_on_paper": patterns,
        "cells": regions.cells,
        "walls": regions.walls,
        "strata": sum(regions.strata_by_codimension()),
        "strata_up_to_exchange": sum(regions.strata_by_codimension(up_to_exchange=True)),
    }


def face_lattice(regions: RegionGraph) -> networkx.DiGraph[str]:
    """The faces of one unit with an arrow from every facet to its face; see `RegionGraph.face_lattice`."""
    import networkx

    factor = regions.factor
    lattice: networkx.DiGraph[str] = networkx.DiGraph()
    for name, dimension in zip(factor.names, factor.dimension, strict=True):
        lattice.add_node(name, dimension=int(dimension), codimension=factor.ambient_dimension - int(dimension))
    for lower, upper in zip(factor.lower, factor.upper, strict=True):
        leaving = np.flatnonzero((factor.signs[lower] == 0) & (factor.signs[upper] != 0))
        lattice.add_edge(factor.names[lower], factor.names[upper], points=",".join(map(str, leaving)))
    return lattice


def _too_large(regions: RegionGraph) -> str:
    one = regions.one_unit
    return (
        f"the region graph has {regions.cells:,} cells and {regions.walls:,} walls; graphs of up to {MAX_NODES:,} cells are built. "
        f"It is the {regions.units}-fold product of the graph of one unit ({one.cells:,} cells, {one.walls:,} walls): ask for that one "
        "(RegionGraph.factor_graph in Python, the html format on the command line), or walk over the strata without a graph "
        "(RegionGraph.strata)"
    )
