"""The Hessians of all Lagrangians of a point on convex kinks (notation: `kinked`): an affine family over the polyhedron of multipliers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reluspec.engines.algebraic.exact.cones import generators
from reluspec.engines.algebraic.exact.linear import combination, form, plus, rank, times
from reluspec.engines.algebraic.exact.scalars import Scalars, Vector


@dataclass(frozen=True)
class Lagrangians:
    """L = start + sum z_i changes_i for the z with `bounds . (1, z) >= 0`."""

    start: list[Vector]
    changes: list[list[Vector]]
    bounds: list[Vector]

    def corners(self, bounds: Sequence[Vector], scalars: Scalars) -> list[Vector]:
        """The vertices (1, z) of the polytope of these bounds, and rays (0, z) where it is not one."""
        if not self.changes:
            return [(scalars.one,)]
        rays = generators(bounds, len(self.changes) + 1, scalars).rays
        return [times(scalars.one / ray[0], ray) if scalars.sign(ray[0]) else ray for ray in rays]

    def middle(self, bounds: Sequence[Vector], scalars: Scalars) -> Vector:
        """An inner point (1, z)."""
        if not self.changes:
            return (scalars.one,)
        corners = self.corners(bounds, scalars)
        inner = combination((scalars.one,) * len(corners), corners, len(self.changes) + 1, scalars)
        return times(scalars.one / inner[0], inner)

    def is_thin(self, bounds: Sequence[Vector], scalars: Scalars) -> bool:
        """Whether nothing but a face of M is left."""
        if not self.changes:
            return True
        corners = self.corners(bounds, scalars)
        if not any(scalars.sign(corner[0]) for corner in corners):
            return True
        return rank(corners, len(self.changes) + 1, scalars) < rank(self.corners(self.bounds, scalars), len(self.changes) + 1, scalars)

    def at(self, z: Vector, scalars: Scalars) -> list[Vector]:
        total = list(self.start)
        for factor, change in zip(z[1:], self.changes, strict=True):
            total = [plus(row, factor, other) for row, other in zip(total, change, strict=True)]
        return total

    def along(self, direction: Vector, scalars: Scalars) -> Vector:
        """d^T L d as a linear function of (1, z)."""
        return tuple(form(matrix, direction, direction, scalars) for matrix in (self.start, *self.changes))
