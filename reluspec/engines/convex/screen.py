"""Batches of sets of faces in floating point, each rejection proved (theory.md sections 4 and 7).

Newton's method finds an approximate optimum of the convex problem of every set; a Krawczyk test with a-priori rounding bounds (Higham,
*Accuracy and Stability*, chapter 3) then encloses the true one. Only what the enclosure proves is used: `INACTIVE`, `OUTSIDE` and `MIXED`
sets have no critical point that counts; all others go on to ball arithmetic.

In whitened coordinates `q = A^-1/2 g` the system is `q_l + sum_m s_m C_lm q_m = b_l`, `|q_l|^2 = lambda_a`. Faces of lower rank are
padded by zero rows: their coordinates stay zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from reluspec.engines.convex.float_geometry import INFLATION, UNIT_ROUNDOFF, FloatGeometry, Floats, gamma
from reluspec.engines.convex.minimise import coordinates, inverse_of, minimise, per_unit


class Screened(IntEnum):
    """What the enclosure of a set proves."""

    UNDECIDED = 0  # nothing: ball arithmetic decides
    INACTIVE = 1  # the optimum has some s_l = 0, with slack: no critical point of its own
    OUTSIDE = 2  # some unit's direction lies outside its face for both signs
    MIXED = 3  # a critical point of the stratum, but some kink falls on one side only: not critical in Clarke's sense
    SURVIVOR = 4  # a critical point of the stratum, and nothing speaks against it yet


@dataclass(frozen=True)
class Batch:
    """Screened sets: `sets` (B x m), `outcome` (B), the approximate `q` (B x m x k) and `s` (B x m)."""

    sets: NDArray[np.int64]
    outcome: NDArray[np.int8]
    q: Floats
    s: Floats


def screen(floats: FloatGeometry, sets: NDArray[np.int64], s: Floats | None = None) -> Batch:
    """Screen sets of faces, B x m; `s` (B x m) are weights near those of the optima, where they are known."""
    coupling = floats.coupling(sets)
    batch, size = sets.shape
    target = floats.target[sets].reshape(batch, size * floats.width)
    with np.errstate(all="ignore"):
        if s is None:
            s = minimise(coupling, target, size, floats.ridge)
        q, s = _polish(coupling, target, s, floats.ridge)
        if floats.reliable:
            radius, active, proved = _enclose(floats, sets, coupling, target, q, s)
            outcome = _judge(floats, sets, q, s, radius, active, proved)
        else:
            outcome = np.zeros(batch, dtype=np.int8)
    return Batch(sets, outcome, q.reshape(batch, size, floats.width), s)


def _polish(coupling: Floats, target: Floats, s: Floats, ridge: float) -> tuple[Floats, Floats]:
    """Set hopeless weights to zero and recompute q, so that the pair is consistent."""
    q, _ = coordinates(coupling, target, s)
    norm2 = (per_unit(q, s.shape[1]) ** 2).sum(axis=2)
    scale = 1e-9 * (s.max(axis=1, keepdims=True) + 1e-300)
    dropped = np.where((s < scale) & (norm2 < ridge), 0.0, s)
    q, _ = coordinates(coupling, target, dropped)
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
    doubt[:, :count, count:] = error * left[:, :, None] * per_unit(right * np.abs(q), size).sum(axis=2)[:, None, :]
    for unit in range(size):
        block = slice(unit * width, (unit + 1) * width)
        jacobian[:, count + unit, block] = np.where(active[:, unit, None], q[:, block], 0)
        jacobian[:, count + unit, count + unit] = np.where(active[:, unit], 0, 1)

    square = (per_unit(q, size) ** 2).sum(axis=2)
    value = np.zeros((batch, count + size))
    value[:, :count] = q + (coupling @ (spread * q)[:, :, None])[:, :, 0] - target
    value[:, count:] = np.where(active, (square - floats.ridge) / 2, 0)
    fuzz = np.zeros_like(value)
    pull = (right * spread * np.abs(q)).sum(axis=1)
    small = gamma(count + 6) + 2 * floats.ENTRY_ERROR
    fuzz[:, :count] = error * left * pull[:, None] + small * (np.abs(q) + np.abs(target))
    fuzz[:, count:] = np.where(active, small * (square + floats.ridge), 0)

    inverse = inverse_of(jacobian)
    size_of_inverse = np.abs(inverse)
    first = (size_of_inverse @ (np.abs(value) + fuzz)[:, :, None])[:, :, 0] * INFLATION
    floor = np.concatenate([np.full((batch, count), np.sqrt(floats.ridge)), np.maximum(s, 1e-300)], axis=1)
    radius = 2 * first + 1e-15 * floor
    slack = np.abs(np.eye(count + size) - inverse @ jacobian)
    slack = slack + gamma(count + size + 2) * (size_of_inverse @ np.abs(jacobian) + np.eye(count + size)) + size_of_inverse @ doubt
    unit_radius = np.repeat(radius[:, count:], width, axis=1)
    curvature = np.zeros_like(value)
    curvature[:, :count] = left * (right * radius[:, :count] * unit_radius).sum(axis=1, keepdims=True)
    curvature[:, count:] = np.where(active, (per_unit(radius[:, :count], size) ** 2).sum(axis=2) / 2, 0)
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
    upper = (per_unit(np.abs(q) + radius[:, :count], size) ** 2).sum(axis=2) * INFLATION
    # The enclosed point is the optimum only if *no* face left out exceeds lambda_a; one that may is for ball arithmetic.
    slack = active | (upper < floats.ridge * (1 - 4 * UNIT_ROUNDOFF))
    outcome[proved & slack.all(axis=1) & ~active.all(axis=1)] = Screened.INACTIVE
    full = proved & active.all(axis=1)
    if not full.any():
        return outcome
    where = np.flatnonzero(full)
    sets, q, s, radius = sets[where], q[where], s[where], radius[where]
    split, split_radius = per_unit(q, size), per_unit(radius[:, :count], size)
    sides = floats.sides(sets, split, split_radius)
    inside = np.abs(sides) == 1
    outcome[where[(sides == 0).any(axis=1)]] = Screened.OUTSIDE
    survivor = inside.all(axis=1)
    outcome[where[survivor]] = Screened.SURVIVOR
    if survivor.any():
        kept = np.flatnonzero(survivor)
        sigma = sides[kept].astype(np.float64)
        mixed = _mixed(floats, sets[kept], q[kept], s[kept], radius[kept], sigma)
        outcome[where[kept[mixed]]] = Screened.MIXED
    return outcome


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
