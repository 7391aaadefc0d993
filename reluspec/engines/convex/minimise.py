"""Approximate optima of the convex problems of many sets of faces at once (theory.md section 4). Nothing here is proved."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reluspec.engines.convex.float_geometry import Floats

QUICK_STEPS = 24
SAFE_STEPS = 40
LENGTHS = tuple(4.0**-k for k in range(8))
"""Step lengths tried by the slow iteration; the best of them is taken."""


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
    """Approximate minimisers s >= 0 (B x m) of `Phi(s) + lambda_a sum s`; `coupling` is B x K x K, `target` B x K.

    A quick iteration finds almost all; what it leaves goes through a slow one that descends at every step, and through the quick one
    again for the last digits.
    """
    batch = len(target)
    s = np.zeros((batch, size))
    if size > 1:
        width = target.shape[1] // size
        for unit in range(size):
            block = slice(unit * width, (unit + 1) * width)
            s[:, unit] = minimise(coupling[:, block, block], target[:, block], 1, ridge)[:, 0] / size
    start = s.copy()
    left = _quick(coupling, target, s, np.arange(batch), ridge)
    if len(left):
        s[left] = _safe(coupling[left], target[left], start[left], ridge)
        _quick(coupling, target, s, left, ridge)
    return s


def _quick(coupling: Floats, target: Floats, s: Floats, live: NDArray[np.int64], ridge: float) -> NDArray[np.int64]:
    """Improve s (in place) where `live`; returns the positions that did not settle.

    Newton's method on `1/|q_l| = 1/sqrt(lambda_a)`, nearly linear in s (More and Sorensen 1983, exact for a face of rank one), clamped at
    zero. The clamp may cycle.
    """
    size = s.shape[1]
    goal = 1 / np.sqrt(ridge)
    for _ in range(QUICK_STEPS):
        here = s[live]
        q, inverse = coordinates(coupling[live], target[live], here)
        norm = np.sqrt((per_unit(q, size) ** 2).sum(axis=2))
        lost = norm <= 1e-14 / goal  # G r = 0: nothing pulls on the unit, and the equation has no slope to follow
        norm = np.where(lost, 1, norm)
        gap = 1 / norm - goal  # negative: s_l wants to grow
        free = ~((here <= 0) & (gap >= 0)) & ~lost
        matrix = -_slopes(coupling[live], q, inverse, size) / norm[:, :, None] ** 3
        moved = here - _on_free(matrix, gap, free)
        following = np.where(lost, 0, np.where(np.isfinite(moved), np.maximum(moved, 0), here))
        s[live] = following
        settled = (np.abs(following - here) <= 1e-13 * (np.abs(here) + 1e-3)).all(axis=1)
        live = live[~settled]
        if not len(live):
            break
    return live


def _on_free(matrix: Floats, right: Floats, free: NDArray[np.bool_]) -> Floats:
    """Solve `matrix x = right` among the free unknowns; the others stay zero."""
    both = free[:, :, None] & free[:, None, :]
    bounded = np.where(both, matrix, np.eye(matrix.shape[1]))
    return np.asarray((inverse_of(bounded) @ np.where(free, right, 0)[:, :, None])[:, :, 0])


def _safe(coupling: Floats, target: Floats, s: Floats, ridge: float) -> Floats:
    """Projected Newton steps with a line search (Bertsekas, *SIAM J. Control Optim.* 20, 1982): slower, and downhill at every step."""
    size = s.shape[1]
    s = s.copy()
    for _ in range(SAFE_STEPS):
        value, q, inverse = _value(coupling, target, s, ridge)
        slope = ridge - (per_unit(q, size) ** 2).sum(axis=2)
        held = (s <= 1e-12 * s.max(axis=1, keepdims=True)) & (slope >= 0)
        matrix = -2 * _slopes(coupling, q, inverse, size)
        trace = np.trace(matrix, axis1=1, axis2=2)
        matrix = (matrix + matrix.transpose(0, 2, 1)) / 2 + np.eye(size) * (1e-14 * trace + 1e-300)[:, None, None]
        newton = -_on_free(matrix, slope, ~held)
        steepest = np.where(held, 0, -slope) * (1 + s.max(axis=1, keepdims=True)) / (1e-300 + np.abs(slope).max(axis=1, keepdims=True))
        best, lowest = s, value
        for direction in (newton, steepest):
            for length in LENGTHS:
                trial = np.where(held, 0, np.maximum(s + length * direction, 0))
                there, _, _ = _value(coupling, target, trial, ridge)
                better = there < lowest
                best, lowest = np.where(better[:, None], trial, best), np.where(better, there, lowest)
        if (best == s).all():
            break
        s = best
    return s


def _value(coupling: Floats, target: Floats, s: Floats, ridge: float) -> tuple[Floats, Floats, Floats]:
    """The objective up to a constant, q(s) and the inverse of `I + C S`."""
    q, inverse = coordinates(coupling, target, s)
    spread = np.repeat(s, target.shape[1] // s.shape[1], axis=1)
    return ridge * s.sum(axis=1) - (spread * q * target).sum(axis=1), q, inverse
