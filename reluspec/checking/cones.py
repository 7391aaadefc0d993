"""Least squares with non-negative unknowns, and projections on polyhedral cones by it, in floating point."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]
Mask: TypeAlias = NDArray[np.bool_]


def nonnegative_least_squares(matrix: Array, target: Array) -> Array:
    """x >= 0 (k) that minimises ||matrix x - target||, `matrix` being m x k (Lawson and Hanson, Solving Least Squares Problems, ch. 23)."""
    count = matrix.shape[1]
    x, free = np.zeros(count), np.zeros(count, dtype=bool)
    if not count:
        return x
    tolerance = 1e-13 * max(1e-300, float(np.abs(matrix).max()) * float(np.linalg.norm(target)))
    for _ in range(5 * count + 10):
        pull = matrix.T @ (target - matrix @ x)
        pull[free] = -np.inf
        best = int(np.argmax(pull))
        if pull[best] <= tolerance:
            break
        free[best] = True
        while True:
            trial = np.zeros(count)
            trial[free] = np.linalg.lstsq(matrix[:, free], target, rcond=1e-13)[0]
            if (trial[free] > 0).all():
                break
            falling = free & (trial <= 0)
            share = float((x[falling] / np.maximum(x[falling] - trial[falling], 1e-300)).min())
            x = x + share * (trial - x)
            free &= x > 1e-15 * max(1e-300, float(x.max()))
            x[~free] = 0
            if not free.any():
                trial = x
                break
        x = trial
    return x


def projection(vector: Array, rows: Array) -> tuple[Array, Array]:
    """The projection of `vector` (p) on the cone {d: rows d >= 0}, and multipliers (k) with d = vector + rows^T multipliers."""
    multipliers = nonnegative_least_squares(rows.T, -vector)
    return vector + rows.T @ multipliers, multipliers


def interior(rows: Array) -> Array | None:
    """A direction d with rows d > 0 (rows of length one), or `None` if there is none: the point of their hull nearest to the origin."""
    if not len(rows):
        return None
    # Minimise |rows^T m|^2 + (sum m - 1)^2: the solution is a multiple of that point, and zero is in the hull iff sum m = 1.
    system = np.vstack([rows.T, np.ones(len(rows))])
    weights = nonnegative_least_squares(system, np.append(np.zeros(rows.shape[1]), 1.0))
    nearest: Array = rows.T @ weights
    size = float(np.linalg.norm(nearest))
    return nearest / size if size > 1e-9 and (rows @ nearest > 1e-10 * size).all() else None


def null_space(rows: Array, tolerance: float = 1e-9) -> Array:
    """An orthonormal basis (p x k) of {d: rows d = 0}."""
    if not len(rows):
        return np.eye(rows.shape[1])
    _, size, frame = np.linalg.svd(rows)
    rank = int((size > tolerance * max(1.0, float(size.max(initial=0)))).sum())
    return frame[rank:].T
