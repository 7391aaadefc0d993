"""The faces of a central hyperplane arrangement, point by point (theory.md section 2).

`{w : row_i . w = 0}`, i < n, cuts R^m into relatively open cones. The cones of the first k rows are known by their generators; row k + 1
splits a cone by the signs it has on them, and the generators of the parts follow by the double description method. Integers throughout.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import gcd, lcm

Vector = tuple[int, ...]

MAX_FACES = 300_000


class TooManyFacesError(Exception):
    """There are more faces than the verifier takes on."""


@dataclass(frozen=True)
class Face:
    """A relatively open cone: the sign of every row on it, and the rays that span it, beside the space on which all rows vanish."""

    signs: tuple[int, ...]
    rays: tuple[Vector, ...]


def faces(rows: Sequence[Sequence[Fraction]]) -> tuple[list[Face], list[Vector]]:
    """All faces, and a basis of the space on which every row vanishes. Raises `TooManyFacesError`."""
    whole = [primitive(row) for row in rows]
    size = len(whole[0])
    space: list[Vector] = [tuple(int(i == j) for i in range(size)) for j in range(size)]
    cones = [Face((), ())]
    for done, row in enumerate(whole):
        pivot = next((vector for vector in space if _dot(row, vector)), None)
        if pivot is not None:
            if _dot(row, pivot) < 0:
                pivot = tuple(-entry for entry in pivot)
            space = [onto(row, vector, pivot) for vector in space if vector != pivot and any(onto(row, vector, pivot))]
            cones = [part for cone in cones for part in opened(cone, row, pivot)]
        else:
            cones = [part for cone in cones for part in split(cone, row, whole[:done])]
        if len(cones) > MAX_FACES:
            raise TooManyFacesError(f"one unit has more than {MAX_FACES:,} faces")
    return cones, space


def opened(cone: Face, row: Vector, pivot: Vector) -> Iterable[Face]:
    """The parts of a cone that holds the line of `pivot`, along which the row changes sign."""
    flat = tuple(onto(row, ray, pivot) for ray in cone.rays)
    yield Face((*cone.signs, 0), flat)
    yield Face((*cone.signs, 1), (*flat, pivot))
    yield Face((*cone.signs, -1), (*flat, tuple(-entry for entry in pivot)))


def split(cone: Face, row: Vector, before: Sequence[Vector]) -> Iterable[Face]:
    """The parts of a cone by the sign of a row that vanishes on the common space.

    A point of the open cone is a sum of positive multiples of all rays: the row is positive somewhere if it is so on one ray.
    """
    values = [_dot(row, ray) for ray in cone.rays]
    up = [ray for ray, value in zip(cone.rays, values, strict=True) if value > 0]
    down = [ray for ray, value in zip(cone.rays, values, strict=True) if value < 0]
    flat = [ray for ray, value in zip(cone.rays, values, strict=True) if value == 0]
    if not (up and down):
        yield Face((*cone.signs, bool(up) - bool(down)), cone.rays)
        return
    tight = {ray: frozenset(k for k, other in enumerate(before) if _dot(other, ray) == 0) for ray in cone.rays}
    for high in up:
        for low in down:
            common = tight[high] & tight[low]
            if not any(common <= tight[other] for other in cone.rays if other not in (high, low)):
                flat.append(onto(row, low, high))
    yield Face((*cone.signs, 0), tuple(flat))
    yield Face((*cone.signs, 1), (*flat, *up))
    yield Face((*cone.signs, -1), (*flat, *down))


def onto(row: Vector, vector: Vector, along: Vector) -> Vector:
    """The vector moved along `along`, where the row is positive, until the row vanishes; a positive multiple."""
    a, b = _dot(row, along), _dot(row, vector)
    return _reduced([a * v - b * w for v, w in zip(vector, along, strict=True)])


def _dot(row: Vector, vector: Vector) -> int:
    return sum(a * b for a, b in zip(row, vector, strict=True))


def primitive(row: Sequence[Fraction]) -> Vector:
    scale = lcm(*(entry.denominator for entry in row))
    return _reduced([int(entry * scale) for entry in row])


def _reduced(entries: Sequence[int]) -> Vector:
    divisor = gcd(*entries) or 1
    return tuple(entry // divisor for entry in entries)
