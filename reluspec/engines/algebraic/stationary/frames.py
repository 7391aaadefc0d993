"""Orbits of rotations of k units: what a frame makes of a point.

The parameters of k units that rotate into each other form a table P, one row per unit (`columns` has the positions, column by column). A
rotation R takes P to R P. A point whose rows after the first r vanish is taken to F P, where F, the first r columns of R, is a *frame*: k x
r with orthonormal columns. The frames of one rank are a connected manifold (Stiefel's) but for r = k, where rotations are those with
determinant 1; of dimension r (2k - r - 1) / 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from typing import Any, TypeAlias

from flint import arb, arb_mat

Columns: TypeAlias = tuple[tuple[int, ...], ...]
"""Positions of parameters that are rotated into each other: per column one for each unit."""
Pairs: TypeAlias = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Orbit:
    """The images of a point under rotations of units; with `positive`, which has rank one, under the frames with positive entries only.

    `pivots` are columns, of this orbit only, in which the point's table has full rank.
    """

    columns: Columns
    rank: int
    positive: bool
    pivots: tuple[int, ...]

    @property
    def units(self) -> int:
        return len(self.columns[0])

    @property
    def positions(self) -> frozenset[int]:
        return frozenset(k for column in self.columns for k in column)

    @property
    def pairs(self) -> list[Pairs]:
        return unit_pairs(self.columns)


def unit_pairs(columns: Columns) -> list[Pairs]:
    """The parameters of every two units; the rotations of these together make all rotations."""
    return [tuple((column[i], column[j]) for column in columns) for i, j in combinations(range(len(columns[0])), 2)]


def framed(values: Sequence[Any], orbit: Orbit, frame: Sequence[Sequence[Any]]) -> list[Any]:
    """The point with P replaced by F P; `frame` has one row per unit."""
    moved = list(values)
    for column in orbit.columns:
        old = [values[column[m]] for m in range(orbit.rank)]
        for position, row in zip(column, frame, strict=True):
            moved[position] = sum((entry * value for entry, value in zip(row[1:], old[1:], strict=True)), row[0] * old[0])
    return moved


def blocks(orbits: Sequence[Orbit]) -> list[tuple[int, ...]]:
    """The positions that positive orbits move, those together that the same ones move: frames keep the length of each block."""
    found: dict[tuple[bool, ...], list[int]] = {}
    moving = [orbit.positions for orbit in orbits if orbit.positive]
    for position in sorted(frozenset().union(*moving)):
        found.setdefault(tuple(position in positions for positions in moving), []).append(position)
    return [tuple(block) for block in found.values()]


def corner(units: int, which: int) -> list[list[int]]:
    """The frame of rank one that leaves one unit alive."""
    return [[int(unit == which)] for unit in range(units)]


def inner_frame(units: int) -> list[list[Fraction]]:
    """A rational frame of rank one with positive entries, no two of them far apart."""
    steps = [Fraction(1, units)] * (units - 1)
    square = sum((step * step for step in steps), Fraction(0))
    return [[(1 - square) / (1 + square)], *([2 * step / (1 + square)] for step in steps)]


def frame_at(base: Sequence[arb], orbit: Orbit, theta: Sequence[arb]) -> list[list[arb]] | None:
    """The only matrix F that could take the point `base` to theta on the pivot columns; `None` if it is none of the orbit's frames."""
    chosen = [orbit.columns[j] for j in orbit.pivots]
    table = arb_mat(orbit.rank, orbit.rank, [base[column[m]] for m in range(orbit.rank) for column in chosen])
    wanted = arb_mat(orbit.units, orbit.rank, [theta[column[unit]] for unit in range(orbit.units) for column in chosen])
    frame: Any = wanted * table.inv()
    gram = frame.transpose() * frame
    if not all(gram[i, j].overlaps(arb(int(i == j))) for i in range(orbit.rank) for j in range(orbit.rank)):
        return None
    if orbit.rank == orbit.units and not frame.det() > 0:
        return None
    return [[frame[unit, j] for j in range(orbit.rank)] for unit in range(orbit.units)]


def on_orbit(base: Sequence[arb], orbits: Sequence[Orbit], theta: Sequence[arb]) -> bool:
    """Whether a point may be an image of `base`: no ball tells them apart."""
    expected: Sequence[arb] = base
    for orbit in orbits:
        frame: Sequence[Sequence[arb]] | None = frame_at(base, orbit, theta)
        if frame is None:
            return False
        expected = framed(expected, orbit, frame)
    return all(a.overlaps(b) for a, b in zip(expected, theta, strict=True))


def tangents(point: Sequence[Any], orbits: Sequence[Orbit], zero: Any) -> list[list[Any]]:
    """Directions that span the tangent space of the orbit at a point."""
    return [turned(point, pairs, zero) for orbit in orbits for pairs in orbit.pairs]


def turned(point: Sequence[Any], pairs: Pairs, zero: Any) -> list[Any]:
    """The direction in which the rotation of two units moves a point."""
    direction = [zero] * len(point)
    for p, q in pairs:
        direction[p], direction[q] = point[q], -point[p]
    return direction
