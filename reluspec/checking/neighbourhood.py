"""Around a critical point of a stratum: is there a way down into some adjacent cell? First and second order, in floats.

See theory.md section 3. On each adjacent cell the loss is one polynomial with gradient g and Hessian H, and the cell is a cone
{d: A d >= 0} to first order. The steepest way down is the projection of -g on that cone. Where there is none, its multipliers are those of
the walls, and the Hessian of the Lagrangian is minimised over the directions along which the loss is flat to first order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reluspec.checking.cones import Array, Mask, interior, null_space, projection
from reluspec.checking.jets import Expansion, Landscape

MAX_CELLS = 512
"""Adjacent cells that are looked at."""
SAMPLES = 64
"""Random directions whose cells the search starts from."""
FLAT = 1e-9
"""Slopes and curvatures below this, relative to the size of the Hessian, count as zero: some 10^6 times the rounding."""


@dataclass(frozen=True)
class Way:
    """A unit direction (p) down from a critical point: by its `slope`, or by curvature where that is zero.

    `sure`: no switch of the cell is zero to second order, so the cell exists and the way is really down.
    """

    direction: Array
    slope: float
    kind: str
    sure: bool


class Neighbourhood:
    """The adjacent cells of `point` (p), whose zero switches are `zero` (S, truth values), the others having the signs `sides` (S)."""

    def __init__(self, land: Landscape, point: Array, zero: Mask, sides: Array, seed: int = 0) -> None:
        self.land, self.point, self.zero, self.sides = land, point, np.flatnonzero(zero), np.where(zero, 0.0, sides)
        self.random = np.random.default_rng(seed)
        self.exhaustive = True

    def ways(self) -> Iterator[Way]:
        """Ways down, cell by cell; `exhaustive` then says whether all cells were looked at."""
        for sides in self._cells():
            found = self.land.expand(self.point, sides)
            if way := self._steepest(found, sides):
                yield way

    def _cells(self) -> Iterator[Array]:
        """Sign vectors (S) of adjacent cells: those of random directions, and what is reached from them across single walls."""
        if not len(self.zero):
            yield self.sides
            return
        seen: set[bytes] = set()
        queue: deque[Array] = deque()
        for sides in self._sampled():
            if sides.tobytes() not in seen:
                seen.add(sides.tobytes())
                queue.append(sides)
        visited = 0
        while queue:
            sides = queue.popleft()
            visited += 1
            if visited > MAX_CELLS:
                self.exhaustive = False
                return
            yield sides
            for other in self._across_walls(sides):
                if other.tobytes() not in seen:
                    seen.add(other.tobytes())
                    queue.append(other)

    def _sampled(self) -> Iterator[Array]:
        size = 1e-4 * (1 + float(np.linalg.norm(self.point)))
        steps = self.random.normal(size=(SAMPLES, self.land.size))
        steps *= size / np.linalg.norm(steps, axis=1, keepdims=True)
        for signs in np.sign(self.land.switches(self.point + steps)[:, self.zero]):
            sides = self.sides.copy()
            sides[self.zero] = np.where(signs == 0, 1.0, signs)
            yield sides

    def _across_walls(self, sides: Array) -> Iterator[Array]:
        rows, positions, _ = self._rows(self.land.expand(self.point, sides), sides)
        for group in _parallel(rows):
            other = sides.copy()
            other[positions[group]] *= -1
            there, _, _ = self._rows(self.land.expand(self.point, other), other)
            if interior(there) is not None:
                yield other

    def _rows(self, found: Expansion, sides: Array) -> tuple[Array, NDArray[np.intp], Array]:
        """The walls of a cell: inward unit normals (k x p), positions of their switches (k), lengths before scaling (k)."""
        slopes = found.slopes[self.zero]
        length = np.linalg.norm(slopes, axis=1)
        kept = length > FLAT * max(1.0, float(length.max(initial=0)))
        positions = self.zero[kept]
        return slopes[kept] * (sides[positions] / length[kept])[:, None], positions, length[kept]

    def _steepest(self, found: Expansion, sides: Array) -> Way | None:
        rows, positions, length = self._rows(found, sides)
        sure = len(positions) == len(self.zero)
        floor = FLAT * flatness(found, self.point)
        down, multipliers = projection(-found.gradient, rows)
        size = float(np.linalg.norm(down))
        if size > floor:
            return Way(down / size, -size, "slope", sure)
        # -g + rows^T m = 0: the Lagrangian is the loss less m times the switches, and what a wall with m > 0 leaves is the wall itself.
        hessian = found.hessian.copy()
        for position, multiplier, scale in zip(positions, multipliers, length, strict=True):
            if multiplier and position in found.bends:
                hessian -= multiplier * sides[position] / scale * found.bends[position]
        held = multipliers > floor
        direction = _bent_down(hessian, rows[held], rows[~held], FLAT * max(1.0, float(np.abs(hessian).max())), self.random)
        return None if direction is None else Way(direction, float(found.gradient @ direction), "curvature", sure)


def flatness(found: Expansion, point: Array) -> float:
    """What slopes are compared with: how fast the loss may bend over a distance of the size of theta."""
    return max(1.0, float(np.abs(found.hessian).max())) * (1 + float(np.linalg.norm(point)))


def _parallel(rows: Array) -> list[NDArray[np.intp]]:
    """Groups of rows of one direction: repeated points have one wall."""
    groups: list[NDArray[np.intp]] = []
    left = np.arange(len(rows))
    while len(left):
        same = rows[left] @ rows[left[0]] > 1 - 1e-12
        same[0] = True
        groups.append(left[same])
        left = left[~same]
    return groups


def _bent_down(hessian: Array, held: Array, rows: Array, floor: float, random: np.random.Generator) -> Array | None:
    """A unit direction d with held d = 0, rows d >= 0 and d^T hessian d < -floor, or `None` if none was found."""
    basis = null_space(held)
    matrix, walls = basis.T @ hessian @ basis, rows @ basis
    if not len(matrix):
        return None
    size, frame = np.linalg.eigh(matrix)
    if size[0] > -floor:
        return None
    lengths = np.linalg.norm(walls, axis=1)
    walls = walls[lengths > FLAT] / lengths[lengths > FLAT][:, None]
    if not len(walls):
        lowest: Array = basis @ frame[:, 0]
        return lowest
    negative = [sign * frame[:, k] for k in np.flatnonzero(size < -floor)[:8] for sign in (1, -1)]
    inner = interior(walls)
    starts = [*negative, *([inner] if inner is not None else []), *random.normal(size=(12, len(matrix)))]
    best, least = None, -floor
    for start in starts:
        direction = _lowest_from(matrix, walls, start, float(size[-1]))
        value = float(direction @ matrix @ direction)
        if value < least:
            best, least = direction, value
    if best is None:
        return None
    found: Array = basis @ best
    return found


def _lowest_from(matrix: Array, walls: Array, start: Array, largest: float) -> Array:
    """Projected power iteration for the least value of d^T matrix d over unit vectors of the cone; the value falls from step to step."""
    direction, _ = projection(start, walls)
    shift = max(largest, 0.0) + 1e-3 * float(np.abs(matrix).max())
    for _ in range(60):
        length = float(np.linalg.norm(direction))
        if length < 1e-12:
            return np.zeros(len(start))
        direction = direction / length
        following, _ = projection(shift * direction - matrix @ direction, walls)
        following /= max(float(np.linalg.norm(following)), 1e-300)
        if float(np.linalg.norm(following - direction)) < 1e-9:
            break
        direction = following
    return direction / max(float(np.linalg.norm(direction)), 1e-300)
