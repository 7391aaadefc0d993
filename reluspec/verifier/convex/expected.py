"""The components that a landscape has: pieces glued where units die, orbits under exchange of units (theory.md section 5)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, product
from math import factorial, prod

from reluspec.verifier.convex.classes import Class, Faces, Landscape, Polytope
from reluspec.verifier.convex.geometry import DEAD

Type = tuple[int, ...]
"""A stratum up to exchange of units: its faces in ascending order, 0 for every dead unit."""

MAX_LABELLED = 200_000


@dataclass(frozen=True)
class Expected:
    """A component up to exchange of units: its pieces' types and dimensions, how many copies there are, the ends that are no minima."""

    home: Class
    pieces: dict[Type, int]
    orbit_size: int
    missing: frozenset[Type]
    interior: bool


def types(faces: Faces, units: int) -> Iterator[Type]:
    """The types whose living units are on exactly these faces."""
    for dead in range(units - len(faces) + 1):
        spare = units - dead - len(faces)
        if not faces:
            if spare == 0:
                yield (DEAD,) * dead
            continue
        for cuts in combinations(range(spare + len(faces) - 1), len(faces) - 1):
            marks = (-1, *cuts, spare + len(faces) - 1)
            counts = [marks[k + 1] - marks[k] for k in range(len(faces))]
            yield (DEAD,) * dead + tuple(face for face, count in zip(faces, counts, strict=True) for _ in range(count))


def copies(kind: Type) -> int:
    """How many labelled strata have the type."""
    return factorial(len(kind)) // prod(factorial(count) for count in Counter(kind).values())


def dimension(kind: Type, polytope: Polytope) -> int:
    """Sharing the weight of a face among m units adds m - 1 dimensions."""
    alive = [face for face in kind if face != DEAD]
    return polytope.dimension + len(alive) - len(set(alive))


def index_of(home: Class, kind: Type) -> int:
    """The product of the units' factors."""
    dead: int = home.dead_index ** kind.count(DEAD)
    return prod(home.units[face].index for face in kind if face != DEAD) * dead


def is_minimal(home: Class, kind: Type) -> bool:
    alive = all(home.units[face].minimal for face in kind if face != DEAD)
    return alive and (DEAD not in kind or home.dead_minimal)


def critical_types(found: Landscape) -> Iterator[tuple[Class, Polytope, Type]]:
    """Every type with critical points."""
    for home in found.classes:
        for polytope in home.polytopes:
            for kind in types(polytope.faces, found.units):
                yield home, polytope, kind


def expected_components(found: Landscape, home: Class) -> list[Expected]:
    """The components of one class. Raises `OverflowError` for too many labelled pieces."""
    known = {frozenset(polytope.faces) for polytope in home.polytopes}
    minimal = {
        kind: dimension(kind, polytope)
        for polytope in home.polytopes
        for kind in types(polytope.faces, found.units)
        if is_minimal(home, kind)
    }
    if sum(copies(kind) for kind in minimal) > MAX_LABELLED:
        raise OverflowError("too many labelled pieces share one residual")
    parent: dict[Type, Type] = {labelled: labelled for kind in minimal for labelled in _labelled(kind)}

    def root(labelled: Type) -> Type:
        while parent[labelled] != labelled:
            labelled = parent[labelled]
        return labelled

    for labelled in list(parent):
        for end in _closure(labelled, known):
            if end in parent and root(end) != root(labelled):
                parent[root(end)] = root(labelled)
    groups: dict[Type, list[Type]] = {}
    for labelled in parent:
        groups.setdefault(root(labelled), []).append(labelled)
    orbits: dict[frozenset[Type], list[list[Type]]] = {}
    for members in groups.values():
        orbits.setdefault(frozenset(tuple(sorted(one)) for one in members), []).append(members)
    return [_component(found, home, kinds, minimal, known, len(group)) for kinds, group in orbits.items()]


def _component(
    found: Landscape, home: Class, kinds: frozenset[Type], minimal: dict[Type, int], known: set[frozenset[int]], count: int
) -> Expected:
    ends = {tuple(sorted(end)) for kind in kinds for end in _closure(kind, known)}
    interior = any(DEAD not in kind and all(found.geometry.is_cell(face) for face in kind) for kind in kinds)
    return Expected(home, {kind: minimal[kind] for kind in kinds}, count, frozenset(ends - set(minimal)), interior)


def _labelled(kind: Type) -> Iterator[Type]:
    """The distinct rearrangements."""
    if not kind:
        yield ()
        return
    for face in sorted(set(kind)):
        rest = list(kind)
        rest.remove(face)
        for tail in _labelled(tuple(rest)):
            yield (face, *tail)


def _closure(labelled: Type, known: set[frozenset[int]]) -> Iterator[Type]:
    """The labelled strata in the closure of a piece: some units die, and those that live are on a critical set of faces.

    Directions are constant along a class, so the closure of a piece adds the points where weights vanish, and nothing else.
    """
    alive = [k for k, face in enumerate(labelled) if face != DEAD]
    for keep in product((True, False), repeat=len(alive)):
        kept = {k for k, stays in zip(alive, keep, strict=True) if stays}
        if len(kept) < len(alive) and frozenset(labelled[k] for k in kept) in known:
            yield tuple(face if k in kept else DEAD for k, face in enumerate(labelled))
