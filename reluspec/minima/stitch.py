"""Stitching the pieces of one residual class into components (theory.md section 5).

A labelled stratum is a tuple of L faces, one per unit, 0 for a dead unit; exchanging units permutes it, and its *type* is the sorted tuple.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, product
from math import factorial, prod

DEAD = 0
Type = tuple[int, ...]

MAX_LABELLED = 200_000
"""Largest number of labelled strata of one residual that are glued one by one."""


@dataclass(frozen=True)
class Stitched:
    """A component up to exchange of units: its piece types with their dimensions, its orbit, its missing ends."""

    pieces: tuple[tuple[Type, int], ...]
    orbit_size: int
    missing: tuple[Type, ...]

    @property
    def dimension(self) -> int:
        return max(dimension for _, dimension in self.pieces)


def types(faces: Iterable[int], units: int, dead_allowed: bool = True) -> Iterator[Type]:
    """All types whose living faces are exactly `faces`: every way to share the units out among them."""
    chosen = tuple(faces)
    for dead in range(units - len(chosen) + 1) if dead_allowed else (0,):
        spare = units - dead - len(chosen)
        if not chosen:
            if spare == 0:
                yield (DEAD,) * dead
            continue
        for cuts in combinations(range(spare + len(chosen) - 1), len(chosen) - 1):
            edges = (-1, *cuts, spare + len(chosen) - 1)
            extra = [edges[k + 1] - edges[k] - 1 for k in range(len(chosen))]
            yield tuple(sorted((DEAD,) * dead + sum(((face,) * (1 + more) for face, more in zip(chosen, extra, strict=True)), ())))


def copies(kind: Type) -> int:
    """How many labelled strata have that type."""
    return factorial(len(kind)) // prod(factorial(count) for count in Counter(kind).values())


def type_dimension(kind: Type, polytope_dimension: int) -> int:
    """Dimension of the labelled piece: sharing a face among m units adds m - 1 to the polytope of the total weights."""
    alive = [face for face in kind if face != DEAD]
    return polytope_dimension + len(alive) - len(set(alive))


def stitch(polytopes: Mapping[tuple[int, ...], int], units: int, dead_is_minimal: bool) -> list[Stitched]:
    """Components made of the given minimal sets of faces (set -> dimension of its polytope).

    If a dead unit is not minimal, each labelled piece is a component of its own, open where a weight tends to zero. Otherwise pieces meet
    wherever units die.
    """
    if not dead_is_minimal:
        found = []
        for faces, dimension in sorted(polytopes.items()):
            for kind in types(faces, units, dead_allowed=False):
                size = type_dimension(kind, dimension)
                found.append(Stitched(((kind, size),), copies(kind), tuple(_ends(kind, polytopes)) if size else ()))
        return found
    kinds = {kind: type_dimension(kind, dimension) for faces, dimension in polytopes.items() for kind in types(faces, units)}
    labelled = sum(copies(kind) for kind in kinds)
    if labelled > MAX_LABELLED:
        raise OverflowError(f"{labelled:,} labelled strata share one residual; the limit is {MAX_LABELLED:,}")
    parent: dict[Type, Type] = {stratum: stratum for kind in kinds for stratum in arrangements(kind)}

    def root(stratum: Type) -> Type:
        while parent[stratum] != stratum:
            parent[stratum] = parent[parent[stratum]]
            stratum = parent[stratum]
        return stratum

    for stratum in list(parent):
        for end in _neighbours(stratum, polytopes):
            parent[root(end)] = root(stratum)
    members: dict[Type, list[Type]] = {}
    for stratum in parent:
        members.setdefault(root(stratum), []).append(stratum)
    orbits = Counter(tuple(sorted({tuple(sorted(stratum)) for stratum in strata})) for strata in members.values())
    return [Stitched(tuple((kind, kinds[kind]) for kind in met), count, ()) for met, count in sorted(orbits.items())]


def arrangements(kind: Type) -> Iterator[Type]:
    """The distinct labelled strata of a type, in lexicographic order (Knuth, TAOCP 7.2.1.2, algorithm L)."""
    current = sorted(kind)
    while True:
        yield tuple(current)
        rise = next((k for k in range(len(current) - 2, -1, -1) if current[k] < current[k + 1]), None)
        if rise is None:
            return
        swap = next(k for k in range(len(current) - 1, rise, -1) if current[k] > current[rise])
        current[rise], current[swap] = current[swap], current[rise]
        current[rise + 1 :] = reversed(current[rise + 1 :])


def _neighbours(stratum: Type, polytopes: Mapping[tuple[int, ...], int]) -> Iterator[Type]:
    """Enough of the boundary to connect all of it.

    One of several units on a face dies, or all units on the faces that a smaller critical set leaves out do.
    """
    count = Counter(stratum)
    for unit, face in enumerate(stratum):
        if face != DEAD and count[face] > 1:
            yield (*stratum[:unit], DEAD, *stratum[unit + 1 :])
    alive = set(stratum) - {DEAD}
    for faces in polytopes:
        if len(faces) < len(alive) and alive.issuperset(faces):
            yield tuple(face if face in faces else DEAD for face in stratum)


def _ends(kind: Type, polytopes: Mapping[tuple[int, ...], int]) -> list[Type]:
    """Types in the closure of an open piece: critical, but no minima, since a unit is dead there.

    Such an end keeps all or some of the units on each face of a critical set.
    """
    count = Counter(face for face in kind if face != DEAD)
    ends = set()
    for faces in polytopes:
        if set(faces) <= set(count):
            for kept in product(*(range(1, count[face] + 1) for face in faces)):
                alive = tuple(face for face, units in zip(faces, kept, strict=True) for _ in range(units))
                ends.add(tuple(sorted((DEAD,) * (len(kind) - len(alive)) + alive)))
    return sorted(ends - {kind})
