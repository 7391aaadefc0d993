"""Local minimality and index of a critical point, unit by unit (theory.md sections 4 and 8)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from flint import arb, arb_mat, fmpq, fmpq_mat

from reluspec.engines.convex.float_geometry import UNKNOWN
from reluspec.engines.convex.float_view import FloatView
from reluspec.engines.convex.geometry import Geometry
from reluspec.engines.convex.oracle import CriticalPoint
from reluspec.minima.stitch import DEAD


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
    clarke: bool

    @property
    def minimal(self) -> bool:
        return all(slope >= 0 for _, slope in self.slopes)


@dataclass(frozen=True)
class DeadVerdict:
    """A dead unit at a residual: the factor of the index, and whether no direction exceeds lambda."""

    index: int
    minimal: bool


def unit_verdict(point: CriticalPoint, view: FloatView, face: int, sigma: int) -> UnitVerdict:
    """Slopes `-sigma e . z` towards every cover, and the index `1 - chi(lower link)` they give.

    Works for dependent switches, too: the one-sided derivative is linear on every cone of the local fan, so its sign on the fan's rays
    (the covers) decides minimality, and the cones with a falling ray make up the lower link. Raises `UndecidedSignError`.
    """
    geometry = point.geometry
    slopes: dict[int, int] = {}
    covers = geometry.covers(face)
    for cover, known in zip(covers, view.slopes(face) or [0] * len(covers), strict=True):
        sign = -sigma * known if known else point.sign(cover.coefficients * fmpq(-sigma))
        if sign is None:
            raise UndecidedSignError(f"the slope from {geometry.name(face)} towards {geometry.name(cover.face)} may be zero")
        slopes[cover.face] = sign
    falling = [cover for cover, sign in slopes.items() if sign < 0]
    codimension = geometry.codimension(face)
    index = 1 - _characteristic(geometry, falling, geometry.ranks[face], codimension)
    # Independent kinks: the index is a product with a factor 0 exactly where one kink rises on one side and falls on the other.
    clarke = index != 0 if len(slopes) == 2 * codimension else index != 0 or not _descends_everywhere(point, face, sigma)
    return UnitVerdict(face, sigma, tuple(slopes.items()), index, clarke)


def _descends_everywhere(point: CriticalPoint, face: int, sigma: int) -> bool:
    """Whether some direction descends, to first order, on every adjacent cell: proof that a point with dependent kinks is not critical in
    Clarke's sense.

    The gradients of the adjacent cells, rounded to rationals, are the rows of a system `G t < 0`; a solution is looked for among the sums
    of its cone's rays, and its signs are then proved at the point itself. No proof means `False`: the stratum is kept.
    """
    geometry = point.geometry
    enclosure = point.enclosure()
    assert enclosure is not None
    steps = geometry.normal_basis(face)
    cells = [int(cell) for cell in geometry.faces_above[face] if geometry.is_cell(int(cell))]
    rows = {(cell, k): geometry.slope_row(cell, step, -sigma) for cell in cells for k, step in enumerate(steps)}
    gradients = [[_rounded((arb_mat(rows[cell, k]) * enclosure.z)[0, 0]) for k in range(len(steps))] for cell in cells]
    rays = [ray for ray in _rays(gradients) if any(ray)]
    direction = [sum((ray[k] for ray in rays), fmpq(0)) for k in range(len(steps))]
    for cell in cells:
        row = sum((rows[cell, k] * direction[k] for k in range(1, len(steps))), rows[cell, 0] * direction[0])
        if point.sign(row) != -1:
            return False
    return True


def _rounded(value: arb) -> fmpq:
    """A rational within 2^-60 or so of the ball's midpoint, relative to one."""
    return fmpq(round(float(value.mid()) * 2**60), 2**60)


def _rays(rows: list[list[fmpq]]) -> Iterator[list[fmpq]]:
    """Vectors t with `rows t <= 0` that are zero on all but one dimension's worth of rows: the cone's rays."""
    size = len(rows[0])
    for subset in combinations(rows, size - 1):
        if size == 1:
            kernel = [[fmpq(1)]]
        else:
            numerators, _ = fmpq_mat(size - 1, size, [entry for row in subset for entry in row]).numer_denom()
            vectors, nullity = numerators.nullspace()
            kernel = [[fmpq(vectors[i, 0]) for i in range(size)]] if nullity == 1 else []
        for vector in kernel:
            for sign in (1, -1):
                candidate = [entry * sign for entry in vector]
                if all(sum((a * b for a, b in zip(row, candidate, strict=True)), fmpq(0)) <= 0 for row in rows):
                    yield candidate


def _characteristic(geometry: Geometry, seeds: Iterable[int], base_rank: int, sphere_plus_one: int) -> int:
    """Euler characteristic of the open union, in a sphere, of the cones whose closure holds a seed.

    It is (-1)^d times the one with compact support, d the dimension of the sphere.
    """
    chosen = list(seeds)
    if not chosen:
        return 0
    cones = np.zeros(len(geometry), dtype=bool)
    cones[chosen] = True
    cones[np.concatenate([geometry.faces_above[seed] for seed in chosen])] = True
    parity = int(geometry.parities[cones].sum())
    return int((-1) ** (base_rank + sphere_plus_one) * parity)


def dead_verdict(point: CriticalPoint, exceeding: Mapping[int, Sequence[int]]) -> DeadVerdict:
    """`1 - chi(U+) - chi(U-)` for a dead unit, from `Directions.exceeding`."""
    geometry = point.geometry
    rank = max(geometry.ranks)
    index = 1 - sum(_characteristic(geometry, faces, 0, rank) for faces in exceeding.values())
    return DeadVerdict(index, not any(exceeding.values()))


@dataclass(frozen=True)
class Directions:
    """Where `|G_F r|^2` stands against lambda_a over all faces.

    `attained` maps the faces whose unit direction attains it to sigma; `exceeding` has for each sigma, 1 and -1, those whose exceeds it.
    """

    attained: dict[int, int]
    exceeding: dict[int, list[int]]


def directions(point: CriticalPoint, view: FloatView) -> Directions:
    """Compare every face with lambda_a: floats where their bound suffices, the point's oracle elsewhere. Raises `UndecidedSignError`."""
    signs, sides = view.against_ridge
    above = signs > 0
    attained: dict[int, int] = {}
    exceeding = {sigma: np.flatnonzero(above & (sides == sigma)).tolist() for sigma in (1, -1)}
    for face in np.flatnonzero((signs == 0) | (above & (sides == UNKNOWN))).tolist():
        if face == DEAD:
            continue
        sign = 1 if above[face] else point.excess(face)
        if sign is None:
            raise UndecidedSignError(f"the direction of face {point.geometry.name(face)} may attain lambda exactly")
        if sign < 0:
            continue
        sigma, known = (int(sides[face]), True) if sides[face] != UNKNOWN else point.orientation(face)
        if not known:
            raise UndecidedSignError(f"the direction of face {point.geometry.name(face)} may lie on its boundary")
        if sigma and sign > 0:
            exceeding[sigma].append(face)
        elif sigma:
            attained[face] = sigma
    return Directions(attained, exceeding)
