"""Local minimality and index of a critical point, unit by unit (theory.md sections 4 and 8)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flint import fmpq_mat

from reluspec.engines.convex.geometry import Geometry
from reluspec.engines.convex.oracle import CriticalPoint
from reluspec.engines.convex.screen import FloatGeometry


class UndecidedSignError(Exception):
    """A sign that no layer could decide; the message says which."""


@dataclass(frozen=True)
class UnitVerdict:
    """One living unit: its face, the sign of its output weight, the signs of the slopes towards the covers of its face.

    `minimal`: no slope is negative. `index`: the unit's factor of the local index. `clarke`: critical in Clarke's sense along its kinks.
    """

    face: int
    sigma: int
    slopes: tuple[tuple[int, int], ...]
    index: int

    @property
    def minimal(self) -> bool:
        return all(slope >= 0 for _, slope in self.slopes)


@dataclass(frozen=True)
class DeadVerdict:
    """A dead unit at a residual: the factor of the index, and whether no direction exceeds lambda."""

    index: int
    minimal: bool


def unit_verdict(point: CriticalPoint, face: int, sigma: int) -> UnitVerdict:
    """Slopes `-sigma e . z` towards every cover, and the index `1 - chi(lower link)` they give.

    Works for dependent switches, too: the one-sided derivative is linear on every cone of the local fan, so its sign on the fan's rays (the covers) decides minimality, and the
    cones with a falling ray make up the lower link. Raises `UndecidedSignError`.
    """
    geometry = point.geometry
    slopes: dict[int, int] = {}
    for cover in geometry.covers(face):
        row = fmpq_mat(1, geometry.points, [entry * -sigma for entry in cover.coefficients.entries()])
        sign = point.sign(row)
        if sign is None:
            raise UndecidedSignError(f"the slope from {geometry.name(face)} towards {geometry.name(cover.face)} may be zero")
        slopes[cover.face] = sign
    falling = [cover for cover, sign in slopes.items() if sign < 0]
    codimension = geometry.arrangement.ambient_dimension - int(geometry.arrangement.dimension[face])
    return UnitVerdict(face, sigma, tuple(slopes.items()), 1 - _characteristic(geometry, falling, geometry.ranks[face], codimension))


def _characteristic(geometry: Geometry, seeds: Iterable[int], base_rank: int, sphere_plus_one: int) -> int:
    """Euler characteristic of the open union, in a sphere, of the cones whose closure holds a seed: (-1)^d times that with compact support."""
    cones: set[int] = set()
    for seed in seeds:
        cones.add(seed)
        cones.update(geometry.faces_above[seed])
    total = sum((-1) ** (geometry.ranks[cone] - base_rank - 1) for cone in cones)
    return int((-1) ** (sphere_plus_one - 1) * total)


def dead_verdict(point: CriticalPoint, excesses: dict[int, int]) -> DeadVerdict:
    """`1 - chi(U+) - chi(U-)` for a dead unit, from the faces with `|G_F r|^2 > lambda_a` and the sign of their direction (+1, -1; 0: it lies outside)."""
    geometry = point.geometry
    rank = max(geometry.ranks)
    exceeding = {sigma: [face for face, side in excesses.items() if side == sigma] for sigma in (1, -1)}
    index = 1 - sum(_characteristic(geometry, faces, 0, rank) for faces in exceeding.values())
    return DeadVerdict(index, not any(exceeding.values()))


@dataclass(frozen=True)
class Directions:
    """Where `|G_F r|^2` stands against lambda_a over all faces: `attained` maps the faces whose unit direction attains it to sigma, `exceeding` those that exceed it (0: outside its face)."""

    attained: dict[int, int]
    exceeding: dict[int, int]


def directions(point: CriticalPoint, floats: FloatGeometry) -> Directions:
    """Compare every face with lambda_a: floats where their bound suffices, the point's oracle elsewhere. Raises `UndecidedSignError`."""
    enclosure = point.enclosure()
    assert enclosure is not None
    signs = floats.excess_signs(enclosure.z)
    attained: dict[int, int] = {}
    exceeding: dict[int, int] = {}
    for face in range(1, len(point.geometry)):
        if signs[face] < 0:
            continue
        sign = 1 if signs[face] > 0 else point.excess(face)
        name = point.geometry.name(face)
        if sign is None:
            raise UndecidedSignError(f"the direction of face {name} may attain lambda exactly")
        if sign < 0:
            continue
        sigma, known = point.orientation(face)
        if not known:
            raise UndecidedSignError(f"the direction of face {name} may lie on its boundary")
        if sign > 0:
            exceeding[face] = sigma
        elif sigma:
            attained[face] = sigma
    return Directions(attained, exceeding)
