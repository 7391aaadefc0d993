"""What is known of a landscape in the setting: sets of faces, the polytopes of their weights, classes of sets with one residual."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from math import comb

from flint import arb

from reluspec.verifier.convex.geometry import Geometry
from reluspec.verifier.convex.points import Point

Faces = tuple[int, ...]


@dataclass(frozen=True)
class Polytope:
    """A critical set of faces: the dimension of its weights, and the vertices (subsets) that span them."""

    faces: Faces
    dimension: int
    vertices: tuple[Faces, ...]


@dataclass(frozen=True)
class UnitVerdict:
    """A living unit: sigma, whether no slope falls, its factor of the index, whether the unit is critical along its kinks for certain."""

    sigma: int
    minimal: bool
    index: int
    simple: bool


@dataclass
class Class:
    """One residual with all that lives on it.

    `dead_minimal`: no direction exceeds mu, so that a dead unit may stay dead. `dead_index`: its factor of the index.
    """

    points: dict[Faces, Point]
    units: dict[int, UnitVerdict]
    polytopes: list[Polytope]
    dead_minimal: bool
    dead_index: int

    @property
    def point(self) -> Point:
        return next(iter(self.points.values()))

    @property
    def loss(self) -> arb:
        return self.point.loss


@dataclass
class Landscape:
    """What was found.

    `excluded` counts sets by size and argument; `attached` are those whose residual is a smaller set's, to be settled by its class; about
    the sets in `open` nothing is proved; `unvisited` counts those that a sample or the time limit left out, by size.
    """

    geometry: Geometry
    units: int
    classes: list[Class] = field(default_factory=list)
    excluded: Counter[tuple[int, str]] = field(default_factory=Counter)
    attached: dict[Faces, Faces] = field(default_factory=dict)
    open: dict[Faces, str] = field(default_factory=dict)
    unvisited: Counter[int] = field(default_factory=Counter)

    @property
    def complete(self) -> bool:
        return not self.open and not self.unvisited

    def strata(self, size: int) -> int:
        """How many strata up to exchange one set of that size stands for: the ways to share the units, some dead, out among the faces."""
        return comb(self.units, size)

    def arguments(self) -> Counter[str]:
        """Excluded strata by argument."""
        found: Counter[str] = Counter()
        for (size, argument), count in self.excluded.items():
            found[argument] += count * self.strata(size)
        return found
