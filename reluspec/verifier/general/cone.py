"""A polyhedral cone that grows by coordinates and is cut by linear forms, by its generators (the double description method)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from reluspec.verifier.convex.faces import Face, Vector, onto, opened, primitive, split


@dataclass(frozen=True)
class Cone:
    """The points `sum_k t_k ray_k` with all `t_k > 0`, plus any vector of `space`; coordinates have names."""

    names: tuple[Any, ...] = ()
    rays: tuple[Vector, ...] = ()
    space: tuple[Vector, ...] = ()
    rows: tuple[Vector, ...] = ()
    """The forms that have cut it, those of signed coordinates among them."""

    def with_coordinate(self, name: Any, sign: int | None) -> Cone:
        """One more coordinate, of the given sign (1 or -1) or of any."""
        if name in self.names:
            return self
        unit = tuple([0] * len(self.names) + [sign or 1])
        padded = [tuple((*vector, 0) for vector in vectors) for vectors in (self.rays, self.space, self.rows)]
        if sign is None:
            return Cone((*self.names, name), padded[0], (*padded[1], unit), padded[2])
        return Cone((*self.names, name), (*padded[0], unit), padded[1], (*padded[2], unit))

    def parts(self, form: Mapping[Any, Fraction]) -> Iterator[tuple[int, Cone]]:
        """The signs that a form takes on the cone, each with the part where it does. All names must be coordinates."""
        if not form:
            yield 0, self
            return
        row = primitive([form.get(name, Fraction(0)) for name in self.names])
        pivot = next((vector for vector in self.space if _dot(row, vector)), None)
        if pivot is not None:
            if _dot(row, pivot) < 0:
                pivot = tuple(-entry for entry in pivot)
            space = tuple(onto(row, vector, pivot) for vector in self.space if vector != pivot and any(onto(row, vector, pivot)))
            parts = opened(Face((), self.rays), row, pivot)
        else:
            space = self.space
            parts = split(Face((), self.rays), row, self.rows)
        for part in parts:
            yield part.signs[-1], Cone(self.names, part.rays, space, (*self.rows, row))


def _dot(row: Vector, vector: Vector) -> int:
    return sum(a * b for a, b in zip(row, vector, strict=True))
