"""Gluing against a labelled enumeration that knows the geometry of the pieces only through their weights (theory.md section 5)."""

from __future__ import annotations

from itertools import combinations, permutations, product
from math import factorial

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reluspec.minima.stitch import DEAD, copies, stitch, type_dimension, types

Sets = dict[tuple[int, ...], int]


def closed_under_unions(vertices: list[tuple[int, ...]], units: int) -> Sets:
    """The critical sets of faces that vertices in general position span: every union of vertices; affinely independent ones."""
    found: Sets = {}
    for size in range(1, len(vertices) + 1):
        for chosen in combinations(vertices, size):
            faces = tuple(sorted(set().union(*chosen)))
            if len(faces) <= units:
                inside = [vertex for vertex in vertices if set(vertex) <= set(faces)]
                found[faces] = len(inside) - 1
    return found


def brute_force(polytopes: Sets, units: int, dead_is_minimal: bool) -> list[tuple[tuple[tuple[int, ...], ...], int]]:
    """Components of the labelled strata as (types met, size of the orbit), sorted.

    Two strata touch if one lies in the closure of the other: it has units dead that live there, and agrees elsewhere.
    """
    faces = sorted({face for known in polytopes for face in known})
    strata = [s for s in product([DEAD, *faces], repeat=units) if tuple(sorted(set(s) - {DEAD})) in polytopes]
    if not dead_is_minimal:
        strata = [s for s in strata if DEAD not in s]
    graph = nx.Graph()
    graph.add_nodes_from(strata)
    for first, second in permutations(strata, 2):
        if first != second and all(b in (a, DEAD) for a, b in zip(first, second, strict=True)):
            graph.add_edge(first, second)
    orbits: dict[frozenset[frozenset[tuple[int, ...]]], tuple[tuple[int, ...], ...]] = {}
    pieces = [frozenset(component) for component in nx.connected_components(graph)]
    for piece in pieces:
        images = frozenset(frozenset(tuple(s[k] for k in order) for s in piece) for order in permutations(range(units)))
        orbits[images] = tuple(sorted({tuple(sorted(s)) for s in piece}))
    assert sum(len(images) for images in orbits) == len(pieces)
    return sorted((kinds, len(images)) for images, kinds in orbits.items())


@st.composite
def landscapes(draw: st.DrawFn) -> tuple[Sets, int, bool]:
    units = draw(st.integers(1, 4))
    faces = st.sets(st.integers(1, 4), min_size=1, max_size=units).map(lambda chosen: tuple(sorted(chosen)))
    drawn = draw(st.lists(faces, min_size=1, max_size=3, unique=True))
    # Vertices have independent columns: none contains another.
    vertices = [v for v in drawn if not any(set(other) < set(v) for other in drawn)]
    return closed_under_unions(vertices, units), units, draw(st.booleans())


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(landscapes())
def test_components_are_those_of_the_labelled_strata(landscape: tuple[Sets, int, bool]) -> None:
    polytopes, units, dead_is_minimal = landscape
    found = stitch(polytopes, units, dead_is_minimal)
    assert sorted((tuple(sorted(kind for kind, _ in part.pieces)), part.orbit_size) for part in found) == brute_force(
        polytopes, units, dead_is_minimal
    )
    for part in found:
        for kind, dimension in part.pieces:
            alive = tuple(sorted(set(kind) - {DEAD}))
            assert dimension == polytopes[alive] + sum(kind.count(face) - 1 for face in alive) == type_dimension(kind, polytopes[alive])
        assert part.dimension == max(dimension for _, dimension in part.pieces)


def test_the_hexagon() -> None:
    """L = 3, two directions A, B, dead units minimal: six labelled segments close up to one curve (theory.md section 5)."""
    polytopes = {(1,): 0, (2,): 0, (1, 2): 1}
    one_curve = stitch(polytopes, 2, dead_is_minimal=True)
    assert [(part.orbit_size, part.dimension, part.missing) for part in one_curve] == [(1, 1, ())]
    three = stitch(polytopes, 3, dead_is_minimal=True)
    assert [(part.orbit_size, part.dimension) for part in three] == [(1, 2)]
    # Two directions whose weights are fixed, one unit to spare: six labelled points joined by six segments.
    spare = stitch({(1, 2): 0}, 3, dead_is_minimal=True)
    assert [(part.orbit_size, part.dimension, part.missing) for part in spare] == [(1, 1, ())]
    assert {kind for kind, _ in spare[0].pieces} == {(0, 1, 2), (1, 1, 2), (1, 2, 2)}
    # If dead units are not minimal, the segments are apart, and their ends are missing.
    apart = stitch({(1, 2): 0}, 3, dead_is_minimal=False)
    assert [(part.orbit_size, part.dimension, part.missing) for part in apart] == [(3, 1, ((0, 1, 2),))] * 2


@pytest.mark.parametrize("units", range(1, 6))
@pytest.mark.parametrize("faces", [(1,), (1, 3), (2, 3, 7)])
def test_types_and_copies(faces: tuple[int, ...], units: int) -> None:
    for dead in (True, False):
        labelled = [s for s in product([DEAD, *faces] if dead else faces, repeat=units) if set(s) - {DEAD} == set(faces)]
        found = list(types(faces, units, dead_allowed=dead))
        assert len(found) == len(set(found))
        assert set(found) == {tuple(sorted(s)) for s in labelled}
        assert sum(copies(kind) for kind in found) == len(labelled)
        for kind in found:
            assert copies(kind) == len(set(permutations(kind))) <= factorial(units)


def test_types_of_nothing() -> None:
    assert list(types((), 3)) == [(0, 0, 0)]
    assert list(types((), 3, dead_allowed=False)) == []
