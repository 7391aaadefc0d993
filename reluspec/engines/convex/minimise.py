"""Approximate optima of the convex problems of many sets of faces at once (theory.md section 4). Nothing here is proved."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reluspec.engines.convex.float_geometry import FloatGeometry, Floats

ITERATIONS = 40


def per_unit_coordinates(floats: FloatGeometry, sets: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Approximate q (B x m x k) and s (B x m) of sets in the units of `floats`, nothing proved: starting points for other precisions."""
    coupling = floats.coupling(sets)
    target = floats.target[sets].reshape(len(sets), -1)
    s = minimise(coupling, target, sets.shape[1], floats.ridge)
    q, _ = coordinates(coupling, target, s)
    return per_unit(q, sets.shape[1]), s


def per_unit(vectors: Floats, size: int) -> Floats:
    """B x K as B x m x k."""
    return vectors.reshape(len(vectors), size, -1)


def inverse_of(matrices: Floats) -> Floats:
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


def coordinates(coupling: Floats, target: Floats, s: Floats) -> tuple[Floats, Floats]:
    """`q(s)` and the inverse of `I + C S`."""
    spread = np.repeat(s, coupling.shape[1] // s.shape[1], axis=1)
    inverse = inverse_of(np.eye(coupling.shape[1]) + coupling * spread[:, None, :])
    return (inverse @ target[:, :, None])[:, :, 0], inverse


def _slopes(coupling: Floats, q: Floats, inverse: Floats, size: int) -> Floats:
    """`q_l . dq_l/ds_m` (B x m x m)."""
    batch = len(q)
    split = coupling.reshape(batch, coupling.shape[1], size, -1)
    columns = (split * per_unit(q, size)[:, None]).sum(axis=3)
    change = -(inverse @ columns).reshape(batch, size, -1, size)
    return np.asarray((change * per_unit(q, size)[:, :, :, None]).sum(axis=2))


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
        q, inverse = coordinates(coupling[live], target[live], here)
        norm = np.sqrt((per_unit(q, size) ** 2).sum(axis=2))
        lost = norm <= 1e-14 / goal  # G r = 0: nothing pulls on the unit, and the equation has no slope to follow
        norm = np.where(lost, 1, norm)
        gap = 1 / norm - goal  # negative: s_l wants to grow
        free = ~((here <= 0) & (gap >= 0)) & ~lost
        matrix = -_slopes(coupling[live], q, inverse, size) / norm[:, :, None] ** 3
        both = free[:, :, None] & free[:, None, :]
        matrix = np.where(both, matrix, np.eye(size))
        step = -(inverse_of(matrix) @ np.where(free, gap, 0)[:, :, None])[:, :, 0]
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
