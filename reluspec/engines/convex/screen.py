"""Batches of sets of faces in floating point, each rejection proved (theory.md sections 4 and 7).

Newton's method finds an approximate optimum of the convex problem of every set; a Krawczyk test with a-priori rounding bounds (Higham,
*Accuracy and Stability*, chapter 3) then encloses the true one. Only
what the enclosure proves is used: `INACTIVE`, `OUTSIDE` and `MIXED` sets have no critical point that counts; all others go on to ball
arithmetic.

In whitened coordinates `q = A^-1/2 g` the system is `q_l + sum_m s_m C_lm q_m = b_l`, `|q_l|^2 = lambda_a`. Faces of lower rank are
padded by zero rows: their coordinates stay zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from math import inf

import numpy as np
from flint import arb, arb_mat, fmpq
from numpy.typing import NDArray

from reluspec.engines.convex.geometry import Geometry

Floats = NDArray[np.float64]
UNIT_ROUNDOFF = 2.0**-53
INFLATION = 1 + 2.0**-40  # covers the rounding of sums and products of fewer than 4000 non-negative numbers
MAX_GRAM_ENTRIES = 2 * 10**7
ITERATIONS = 40


class Screened(IntEnum):
    """What the enclosure of a set proves."""

    UNDECIDED = 0  # nothing: ball arithmetic decides
    INACTIVE = 1  # the optimum has some s_l = 0, with slack: no critical point of its own
    OUTSIDE = 2  # some unit's direction lies outside its face for both signs
    MIXED = 3  # a critical point of the stratum, but some kink falls on one side only: not critical in Clarke's sense
    SURVIVOR = 4  # a critical point of the stratum, and nothing speaks against it yet


def gamma(count: int) -> float:
    """Higham's gamma_k, rounded up: the relative error of k floating-point operations in a row."""
    return count * UNIT_ROUNDOFF / (1 - count * UNIT_ROUNDOFF) * INFLATION


SAFE_EXPONENT = 120
"""Entries between 2^-120 and 2^120 (or zero): products of a few neither overflow nor lose digits to underflow.

No error bound here counts underflow.
"""


def to_float(value: fmpq, shift: int = 0) -> float:
    """The double nearest to `value * 2^shift`: relative error at most one unit roundoff if that is in range.

    Infinite or zero where it is not.
    """
    numerator, denominator = int(value.p), int(value.q)
    try:
        return (numerator << shift) / denominator if shift >= 0 else numerator / (denominator << -shift)
    except OverflowError:
        return inf if numerator > 0 else -inf


def exponent(value: fmpq) -> int:
    """The binary logarithm of `|value|`, wrong by less than one; 0 for zero."""
    return int(abs(value.p)).bit_length() - int(value.q).bit_length() if value else 0


def _largest_exponent(values: Iterable[fmpq]) -> int:
    return max((exponent(value) for value in values if value), default=0)


class FloatGeometry:
    """The exact geometry rounded to doubles; every entry is right to a few units in the last place (`ENTRY_ERROR`).

    Powers of two take the scale of the data out: these floats are those of `q 2^-q_exponent`, `z 2^-z_exponent` and `s 2^-s_exponent`.
    Where numbers of too
    different a size remain, `reliable` is false, and nothing is proved from floats.
    """

    ENTRY_ERROR = 8 * UNIT_ROUNDOFF

    def __init__(self, geometry: Geometry) -> None:
        self.geometry = geometry
        count, points = len(geometry), geometry.points
        self.ranks = np.array(geometry.ranks)
        self.width = width = max(1, int(self.ranks.max()))
        self.reliable = points <= 4000  # beyond, INFLATION would not cover the sums
        metric = geometry.setting.metric
        self.q_exponent = exponent(geometry.setting.ridge_output) // 2
        self.z_exponent = _largest_exponent(geometry.metric_target.entries())
        self.s_exponent = -self._coupling_exponent()
        self.ridge = self._rounded(geometry.setting.ridge_output, -2 * self.q_exponent)
        self.map = np.zeros((count, width, points))
        self.response = np.zeros((count, width, points))
        self.target = np.zeros((count, width))
        self.metric_target = np.array([self._rounded(entry, -self.z_exponent) for entry in geometry.metric_target.entries()])
        for face in range(1, count):
            exact, to_q = geometry.map(face), self.z_exponent - self.q_exponent
            for j in range(geometry.ranks[face]):
                self.map[face, j] = self._whitened(exact.tolist()[j], face, j, to_q)
                self.response[face, j] = self._whitened((exact * metric).tolist()[j], face, j, self.s_exponent - to_q)
                self.target[face, j] = self._whitened([(exact * geometry.metric_target)[j, 0]], face, j, -self.q_exponent)[0]
        with np.errstate(all="ignore"):
            self.map_norm = np.sqrt((self.map**2).sum(axis=2)) * INFLATION
            self.response_norm = np.sqrt((self.response**2).sum(axis=2)) * INFLATION
        # |C_ij - its float| <= coupling_error * map_norm_i * response_norm_j, by Cauchy-Schwarz.
        self.coupling_error = (gamma(points + 4) + 2.5 * self.ENTRY_ERROR) * INFLATION
        self.gram: Floats | None = None
        if (count * width) ** 2 <= MAX_GRAM_ENTRIES:
            with np.errstate(all="ignore"):
                flat = self.map.reshape(count * width, points) @ self.response.reshape(count * width, points).T
            self.gram = flat.reshape(count, width, count, width)
        self.facets = self._facets()
        self.covers, self.pairs = self._covers()

    def _rounded(self, value: fmpq, shift: int) -> float:
        """The nearest double of `value * 2^shift`; not `reliable` any more if it is too large or too small."""
        number = to_float(value, shift)
        if value and not 2.0**-SAFE_EXPONENT <= abs(number) <= 2.0**SAFE_EXPONENT:
            self.reliable = False
        return number

    def _whitened(self, row: Sequence[fmpq], face: int, coordinate: int, shift: int) -> Floats:
        """`row * 2^shift` over the length of one of the face's basis vectors."""
        norm = self.geometry.span(face).norms[coordinate]
        half = exponent(norm) // 2
        return np.asarray(np.array([self._rounded(entry, shift - half) for entry in row]) / np.sqrt(to_float(norm, -2 * half)))

    def _coupling_exponent(self) -> int:
        """The scale of the couplings C."""
        longest = [0]
        for face in range(1, len(self.geometry)):
            rows, norms = self.geometry.map(face).tolist(), self.geometry.span(face).norms
            longest += [2 * _largest_exponent(row) - exponent(norm) for row, norm in zip(rows, norms, strict=True) if any(row)]
        return max(longest[1:], default=0) + _largest_exponent(self.geometry.setting.metric.entries())

    def _facets(self) -> Floats:
        """F x f x k functionals on q, padded by repeating one of the face's own; a positive factor is free."""
        tables: list[Floats] = [np.zeros((1, self.width))]
        for face in range(1, len(self.geometry)):
            rank = self.geometry.ranks[face]
            norms = self.geometry.span(face).norms
            rows = np.zeros((len(functionals := self.geometry.facets(face)), self.width))
            for k, functional in enumerate(functionals):
                entries = functional.entries()
                shift = min(exponent(norm) // 2 - exponent(entry) for entry, norm in zip(entries, norms, strict=True) if entry)
                rows[k, :rank] = [self._whitened([entry], face, j, shift)[0] for j, entry in enumerate(entries)]
            tables.append(rows)
        longest = max(len(rows) for rows in tables)
        return np.stack([np.concatenate([rows, np.repeat(rows[:1], longest - len(rows), axis=0)]) for rows in tables])

    def _covers(self) -> tuple[Floats, NDArray[np.int64]]:
        """Slope coefficients of the two sides of every kink of simple faces: (2P) x n, and F x p x 2 positions (-1: none).

        On a simple face the kinks are independent, each with two sides; other faces are left to the exact code.
        """
        signs = self.geometry.arrangement.signs
        rows: list[Floats] = [np.zeros(len(signs[0]))]
        table: list[list[tuple[int, int]]] = [[] for _ in range(len(self.geometry))]
        for face in range(1, len(self.geometry)):
            codimension = self.geometry.arrangement.ambient_dimension - int(self.geometry.arrangement.dimension[face])
            covers = self.geometry.covers(face)
            if len(covers) != 2 * codimension:
                continue
            sides: dict[bytes, list[int]] = {}
            for cover in covers:
                kink = ((signs[face] == 0) & (signs[cover.face] != 0)).tobytes()
                sides.setdefault(kink, []).append(len(rows))
                entries = cover.coefficients.entries()
                shift = -_largest_exponent(entries)
                rows.append(np.array([self._rounded(entry, shift) for entry in entries]))
            table[face] = [(pair[0], pair[1]) for pair in sides.values()]
        longest = max(1, max(len(pairs) for pairs in table))
        padded = np.zeros((len(table), longest, 2), dtype=np.int64)  # row 0 is zero: never a proof
        for face, pairs in enumerate(table):
            if pairs:
                padded[face, : len(pairs)] = pairs
        return np.array(rows), padded

    def excess_signs(self, residual: arb_mat) -> NDArray[np.int8]:
        """Proved signs of `|G_F r|^2 - lambda_a` for every face, 0 where the bound does not tell; `residual` are balls around z (n x 1)."""
        if not self.reliable:
            return np.zeros(len(self.map), dtype=np.int8)
        scale = arb(2) ** -self.z_exponent
        balls = [entry * scale for entry in residual.entries()]
        z = np.array([float(entry.mid()) for entry in balls])
        # The conversions round to nearest, and what is too small becomes zero.
        doubt = np.array([float(entry.rad()) for entry in balls]) * INFLATION + UNIT_ROUNDOFF * np.abs(z) + 1e-290
        q = self.map @ z
        small = gamma(self.geometry.points + 4) + 2 * self.ENTRY_ERROR
        error = (np.abs(self.map) @ (doubt + small * np.abs(z))) * INFLATION
        low = (np.maximum(np.abs(q) - error, 0) ** 2).sum(axis=1) / INFLATION
        high = ((np.abs(q) + error) ** 2).sum(axis=1) * INFLATION
        signs = np.zeros(len(q), dtype=np.int8)
        signs[low > self.ridge * (1 + 4 * UNIT_ROUNDOFF)] = 1
        signs[high < self.ridge * (1 - 4 * UNIT_ROUNDOFF)] = -1
        return signs

    def coupling(self, sets: NDArray[np.int64]) -> Floats:
        """C of each set: B x K x K with K = (faces in a set) x width."""
        batch, size = sets.shape
        if self.gram is not None:
            blocks = self.gram[sets[:, :, None], :, sets[:, None, :], :]  # B x m x m x k x k (advanced indices first)
            return blocks.transpose(0, 1, 3, 2, 4).reshape(batch, size * self.width, size * self.width)
        left = self.map[sets].reshape(batch, size * self.width, -1)
        right = self.response[sets].reshape(batch, size * self.width, -1)
        return np.asarray(left @ right.transpose(0, 2, 1))


@dataclass(frozen=True)
class Batch:
    """Screened sets: `sets` (B x m), `outcome` (B), the approximate `q` (B x m x k) and `s` (B x m)."""

    sets: NDArray[np.int64]
    outcome: NDArray[np.int8]
    q: Floats
    s: Floats


def screen(floats: FloatGeometry, sets: NDArray[np.int64]) -> Batch:
    """Screen sets of faces, B x m."""
    if not floats.reliable:
        batch, size = sets.shape
        return Batch(sets, np.zeros(batch, dtype=np.int8), np.zeros((batch, size, floats.width)), np.zeros((batch, size)))
    coupling = floats.coupling(sets)
    batch, size = sets.shape
    target = floats.target[sets].reshape(batch, size * floats.width)
    with np.errstate(all="ignore"):
        s = minimise(coupling, target, size, floats.ridge)
        q, s = _polish(coupling, target, s, floats.ridge)
        radius, active, proved = _enclose(floats, sets, coupling, target, q, s)
        outcome = _judge(floats, sets, q, s, radius, active, proved)
    return Batch(sets, outcome, q.reshape(batch, size, floats.width), s)


def per_unit_coordinates(floats: FloatGeometry, sets: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Approximate q (B x m x k) and s (B x m) of sets in the units of `floats`, nothing proved: starting points for other precisions."""
    coupling = floats.coupling(sets)
    target = floats.target[sets].reshape(len(sets), -1)
    s = minimise(coupling, target, sets.shape[1], floats.ridge)
    q, _ = _coordinates(coupling, target, s)
    return _per_unit(q, sets.shape[1]), s


def _per_unit(vectors: Floats, size: int) -> Floats:
    """B x K as B x m x k."""
    return vectors.reshape(len(vectors), size, -1)


def _inverse(matrices: Floats) -> Floats:
    """Inverses; of a singular matrix something that no later proof accepts."""
    try:
        return np.asarray(np.linalg.inv(matrices), dtype=np.float64)
    except np.linalg.LinAlgError:
        bump = 1e-13 * np.abs(matrices).max(axis=(1, 2), keepdims=True) + 1e-300
        identity = np.eye(matrices.shape[1])
        try:
            return np.asarray(np.linalg.inv(matrices + bump * identity), dtype=np.float64)
        except np.linalg.LinAlgError:
            return np.stack([np.linalg.pinv(matrix) if np.isfinite(matrix).all() else np.full_like(matrix, np.nan) for matrix in matrices])


def _coordinates(coupling: Floats, target: Floats, s: Floats) -> tuple[Floats, Floats]:
    """`q(s)` and the inverse of `I + C S`."""
    spread = np.repeat(s, coupling.shape[1] // s.shape[1], axis=1)
    inverse = _inverse(np.eye(coupling.shape[1]) + coupling * spread[:, None, :])
    return (inverse @ target[:, :, None])[:, :, 0], inverse


def _slopes(coupling: Floats, q: Floats, inverse: Floats, size: int) -> Floats:
    """`q_l . dq_l/ds_m` (B x m x m)."""
    batch = len(q)
    split = coupling.reshape(batch, coupling.shape[1], size, -1)
    columns = (split * _per_unit(q, size)[:, None]).sum(axis=3)
    change = -(inverse @ columns).reshape(batch, size, -1, size)
    return np.asarray((change * _per_unit(q, size)[:, :, :, None]).sum(axis=2))


def minimise(coupling: Floats, target: Floats, size: int, ridge: float) -> Floats:
    """Approximate minimisers s >= 0 (B x m) of `Phi(s) + lambda_a sum s`.

    Newton's method on `1/|q_l| = 1/sqrt(lambda_a)`, nearly linear in s (More and Sorensen 1983, exact for a face of rank one), clamped at
    zero.
    """
    batch = len(target)
    s = np.zeros((batch, size))
    if size > 1:
        width = target.shape[1] // size
        for unit in range(size):
            block = slice(unit * width, (unit + 1) * width)
            s[:, unit] = minimise(coupling[:, block, block], target[:, block], 1, ridge)[:, 0] / size
    goal = 1 / np.sqrt(ridge)
    live = np.arange(batch)
    for iteration in range(ITERATIONS):
        here = s[live]
        q, inverse = _coordinates(coupling[live], target[live], here)
        norm = np.sqrt((_per_unit(q, size) ** 2).sum(axis=2))
        lost = norm <= 1e-14 / goal  # G r = 0: nothing pulls on the unit, and the equation has no slope to follow
        norm = np.where(lost, 1, norm)
        gap = 1 / norm - goal  # negative: s_l wants to grow
        free = ~((here <= 0) & (gap >= 0)) & ~lost
        matrix = -_slopes(coupling[live], q, inverse, size) / norm[:, :, None] ** 3
        both = free[:, :, None] & free[:, None, :]
        matrix = np.where(both, matrix, np.eye(size))
        step = -(_inverse(matrix) @ np.where(free, gap, 0)[:, :, None])[:, :, 0]
        moved = here + step
        # Late in a run a clamp that cycles is softened.
        floor = 0 if iteration < ITERATIONS // 2 else 0.1 * here
        following = np.where(lost, 0, np.where(np.isfinite(moved), np.maximum(moved, floor), here))
        s[live] = following
        settled = (np.abs(following - here) <= 1e-13 * (np.abs(here) + 1e-3)).all(axis=1)
        live = live[~settled]
        if not len(live):
            break
    return s


def _polish(coupling: Floats, target: Floats, s: Floats, ridge: float) -> tuple[Floats, Floats]:
    """Set hopeless weights to zero and recompute q, so that the pair is consistent."""
    q, _ = _coordinates(coupling, target, s)
    norm2 = (_per_unit(q, s.shape[1]) ** 2).sum(axis=2)
    scale = 1e-9 * (s.max(axis=1, keepdims=True) + 1e-300)
    dropped = np.where((s < scale) & (norm2 < ridge), 0.0, s)
    q, _ = _coordinates(coupling, target, dropped)
    return q, dropped


def _enclose(
    floats: FloatGeometry, sets: NDArray[np.int64], coupling: Floats, target: Floats, q: Floats, s: Floats
) -> tuple[Floats, NDArray[np.bool_], NDArray[np.bool_]]:
    """Radii (B x (K+m)) of a box around (q, s) that holds the optimum of the active faces, which faces are active, and whether it is
    proved.

    Unknowns are q and s; an inactive face keeps its rows for q and gets `s_l = 0`, so its `|q_l|` is enclosed, too.
    """
    batch, size = sets.shape
    count = target.shape[1]
    width = count // size
    active = s > 0
    spread = np.repeat(s, width, axis=1)
    left, right = floats.map_norm[sets].reshape(batch, count), floats.response_norm[sets].reshape(batch, count)
    error = floats.coupling_error + gamma(count + 6)

    jacobian = np.zeros((batch, count + size, count + size))
    jacobian[:, :count, :count] = np.eye(count) + coupling * spread[:, None, :]
    weighted = (coupling * q[:, None, :]).reshape(batch, count, size, width).sum(axis=3)
    jacobian[:, :count, count:] = weighted
    doubt = np.zeros_like(jacobian)
    doubt[:, :count, :count] = error * left[:, :, None] * (right * spread)[:, None, :]
    doubt[:, :count, count:] = error * left[:, :, None] * _per_unit(right * np.abs(q), size).sum(axis=2)[:, None, :]
    for unit in range(size):
        block = slice(unit * width, (unit + 1) * width)
        jacobian[:, count + unit, block] = np.where(active[:, unit, None], q[:, block], 0)
        jacobian[:, count + unit, count + unit] = np.where(active[:, unit], 0, 1)

    square = (_per_unit(q, size) ** 2).sum(axis=2)
    value = np.zeros((batch, count + size))
    value[:, :count] = q + (coupling @ (spread * q)[:, :, None])[:, :, 0] - target
    value[:, count:] = np.where(active, (square - floats.ridge) / 2, 0)
    fuzz = np.zeros_like(value)
    pull = (right * spread * np.abs(q)).sum(axis=1)
    small = gamma(count + 6) + 2 * floats.ENTRY_ERROR
    fuzz[:, :count] = error * left * pull[:, None] + small * (np.abs(q) + np.abs(target))
    fuzz[:, count:] = np.where(active, small * (square + floats.ridge), 0)

    inverse = _inverse(jacobian)
    size_of_inverse = np.abs(inverse)
    first = (size_of_inverse @ (np.abs(value) + fuzz)[:, :, None])[:, :, 0] * INFLATION
    floor = np.concatenate([np.full((batch, count), np.sqrt(floats.ridge)), np.maximum(s, 1e-300)], axis=1)
    radius = 2 * first + 1e-15 * floor
    slack = np.abs(np.eye(count + size) - inverse @ jacobian)
    slack = slack + gamma(count + size + 2) * (size_of_inverse @ np.abs(jacobian) + np.eye(count + size)) + size_of_inverse @ doubt
    unit_radius = np.repeat(radius[:, count:], width, axis=1)
    curvature = np.zeros_like(value)
    curvature[:, :count] = left * (right * radius[:, :count] * unit_radius).sum(axis=1, keepdims=True)
    curvature[:, count:] = np.where(active, (_per_unit(radius[:, :count], size) ** 2).sum(axis=2) / 2, 0)
    image = first + (slack @ radius[:, :, None])[:, :, 0] + (size_of_inverse @ curvature[:, :, None])[:, :, 0]
    # image < radius: the Krawczyk map sends the box into itself, and the inverse is regular, so a solution lies in the box.
    proved = (image * INFLATION < radius).all(axis=1) & (np.where(active, s - radius[:, count:], 1) > 0).all(axis=1)
    return radius, active, proved


def _judge(
    floats: FloatGeometry,
    sets: NDArray[np.int64],
    q: Floats,
    s: Floats,
    radius: Floats,
    active: NDArray[np.bool_],
    proved: NDArray[np.bool_],
) -> NDArray[np.int8]:
    batch, size = sets.shape
    count = q.shape[1]
    outcome = np.zeros(batch, dtype=np.int8)
    upper = (_per_unit(np.abs(q) + radius[:, :count], size) ** 2).sum(axis=2) * INFLATION
    # The enclosed point is the optimum only if *no* face left out exceeds lambda_a; one that may is for ball arithmetic.
    slack = active | (upper < floats.ridge * (1 - 4 * UNIT_ROUNDOFF))
    outcome[proved & slack.all(axis=1) & ~active.all(axis=1)] = Screened.INACTIVE
    full = proved & active.all(axis=1)
    if not full.any():
        return outcome
    where = np.flatnonzero(full)
    sets, q, s, radius = sets[where], q[where], s[where], radius[where]
    split, split_radius = _per_unit(q, size), _per_unit(radius[:, :count], size)
    facets = floats.facets[sets]
    value = (facets * split[:, :, None, :]).sum(axis=3)
    doubt = (np.abs(facets) * (split_radius + small_error(floats) * np.abs(split))[:, :, None, :]).sum(axis=3) * INFLATION
    positive, negative = value > doubt, value < -doubt
    inside = positive.all(axis=2) | negative.all(axis=2)
    outside = (positive.any(axis=2) & negative.any(axis=2)).any(axis=1)
    outcome[where[outside]] = Screened.OUTSIDE
    survivor = inside.all(axis=1)
    outcome[where[survivor]] = Screened.SURVIVOR
    if survivor.any():
        kept = np.flatnonzero(survivor)
        sigma = np.where(positive[kept, :, 0], 1.0, -1.0)
        mixed = _mixed(floats, sets[kept], q[kept], s[kept], radius[kept], sigma)
        outcome[where[kept[mixed]]] = Screened.MIXED
    return outcome


def small_error(floats: FloatGeometry) -> float:
    """Relative error of a sum over the coordinates of one face, entries included."""
    return gamma(floats.width + 4) + 2 * floats.ENTRY_ERROR


def _mixed(floats: FloatGeometry, sets: NDArray[np.int64], q: Floats, s: Floats, radius: Floats, sigma: Floats) -> NDArray[np.bool_]:
    """Sets in which some kink of a simple face provably rises on one side and falls on the other."""
    count = q.shape[1]
    spread = np.repeat(s, floats.width, axis=1)
    unit_radius = np.repeat(radius[:, count:], floats.width, axis=1)
    response = floats.response[sets].reshape(len(sets), count, -1)
    residual = floats.metric_target - ((spread * q)[:, None, :] @ response)[:, 0]
    wobble = spread * radius[:, :count] + (np.abs(q) + radius[:, :count]) * unit_radius
    small = gamma(count + 6) + 2 * floats.ENTRY_ERROR
    doubt = ((wobble + small * spread * np.abs(q))[:, None, :] @ np.abs(response))[:, 0] + small * np.abs(floats.metric_target)
    doubt *= INFLATION
    sides = floats.covers[floats.pairs[sets]]  # B x m x p x 2 x n
    slope = -sigma[:, :, None, None] * (sides * residual[:, None, None, None, :]).sum(axis=4)
    error = gamma(floats.geometry.points + 4) + floats.ENTRY_ERROR
    uncertain = (np.abs(sides) * (doubt + error * np.abs(residual))[:, None, None, None, :]).sum(axis=4) * INFLATION
    rises, falls = slope > uncertain, slope < -uncertain
    mixed = (rises[..., 0] & falls[..., 1]) | (rises[..., 1] & falls[..., 0])
    return np.asarray(mixed.any(axis=(1, 2)))
