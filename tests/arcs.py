"""Arcs of critical points by plain numbers: two units turned into each other until a switch changes its sign.

Nothing here knows the engine: points are floats, ends are bisected, what an end is a random perturbation says.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from descent import RADII, below, drop
from jets import ZERO_BELOW, Array, Landscape

STEPS = 720


@dataclass(frozen=True)
class Arc:
    """The arc through a point: its `ends` (none on a whole circle), and the two `units` of a layer that turn."""

    point: Array
    pairs: tuple[tuple[int, int], ...]
    angles: tuple[float, float] | None

    @property
    def ends(self) -> list[Array]:
        return [] if self.angles is None else [turned(self.point, self.pairs, angle) for angle in self.angles]

    def distance(self, point: Array) -> float:
        """From the closed arc to a point: to its foot on the circle, if that is on the arc, else to an end."""
        quarter = turned(self.point, self.pairs, np.pi / 2)
        moving = np.ravel(self.pairs)
        foot = float(np.arctan2(point[moving] @ quarter[moving], point[moving] @ self.point[moving]))
        low, high = self.angles or (-np.pi, np.pi)
        angles = [angle for angle in (foot - 2 * np.pi, foot, foot + 2 * np.pi, low, high) if low <= angle <= high]
        return min(float(np.linalg.norm(turned(self.point, self.pairs, angle) - point)) for angle in angles)


def pairs_of(land: Landscape, layer: str, one: int = 0, two: int = 1) -> tuple[tuple[int, int], ...]:
    """Positions of the parameters, coming in and going out, of two units of a hidden layer."""
    names = [own.name for own in land.problem.network.layers]
    following = names[names.index(layer) + 1]
    found = []
    for k, parameter in enumerate(land.parameters):
        owner, _, kind = parameter.name.rpartition(".")
        axis = 0 if owner == layer else 1 if owner == following and kind == "weight" else None
        if axis is not None and parameter.index[axis] == one:
            index = tuple(two if place == axis else entry for place, entry in enumerate(parameter.index))
            found.append((k, next(j for j, other in enumerate(land.parameters) if (other.name, other.index) == (parameter.name, index))))
    return tuple(found)


def turned(point: Array, pairs: tuple[tuple[int, int], ...], angle: float) -> Array:
    moved = point.copy()
    for p, q in pairs:
        moved[p] = np.cos(angle) * point[p] + np.sin(angle) * point[q]
        moved[q] = np.cos(angle) * point[q] - np.sin(angle) * point[p]
    return moved


def arc_through(land: Landscape, point: Array, pairs: tuple[tuple[int, int], ...]) -> Arc:
    """The arc on which the loss stays the same and no switch changes its sign."""
    here = land.values(point[None])[0]
    signs = _signs(land, point)

    def inside(angle: float) -> bool:
        there = turned(point, pairs, angle)
        assert not (_signs(land, there) == signs).all() or abs(land.values(there[None])[0] - here) < 1e-9 * (1 + abs(here))
        return bool((_signs(land, there) == signs).all())

    ends = []
    for side in (-1, 1):
        steps = np.linspace(0, 2 * np.pi, STEPS) * side
        outside = next((k for k, angle in enumerate(steps) if not inside(angle)), None)
        if outside is None:
            return Arc(point, pairs, None)
        low, high = steps[outside - 1], steps[outside]
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if inside(middle) else (low, middle)
        ends.append(high)
    return Arc(point, pairs, (ends[0], ends[1]))


def _signs(land: Landscape, point: Array) -> Array:
    values = land.switches(point[None])[0]
    return np.where(np.abs(values) < ZERO_BELOW, 0, np.sign(values))


def is_closed(land: Landscape, arc: Arc, random: np.random.Generator) -> bool:
    """Whether the arc's ends are minima: neither random steps nor slides from nearby go down."""
    return all(drop(land, end, random, 3000, RADII) > -3 and not _slides(land, end, random) for end in arc.ends)


def _slides(land: Landscape, point: Array, random: np.random.Generator) -> bool:
    _, lower = below(land, np.tile(point, (40, 1)), random, 10, (1e-3, 1e-4))
    return bool(lower.min() < land.values(point[None])[0] - 1e-11)


def orbit(land: Landscape, arc: Arc) -> int:
    """How many arcs the exchanges of units make of one, its ends included."""
    kept = sum(arc.distance(arc.point[exchange]) < 1e-6 for exchange in land.exchanges)
    return len(land.exchanges) // kept
