"""A slow minimiser that does not fail: projected Newton steps with a line search, for one set of faces (Bertsekas, *SIAM J. Control
Optim.* 20, 1982).

The fast iteration of `screen.minimise` may cycle or run away. It proves nothing, and neither does this one: both only supply starting
points for `point.enclose`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
STEPS = 200


def descend(coupling: Floats, target: Floats, size: int, ridge: float) -> tuple[Floats, Floats]:
    """Approximate minimiser s >= 0 (m) of the convex `Phi(s) + lambda_a sum s` of theory.md section 4, and its `q` (K).

    `coupling` is K x K, `target` K.
    """
    width = len(target) // size
    s = np.zeros(size)
    if not np.isfinite(coupling).all() or not np.isfinite(target).all():
        return s, np.zeros(len(target))  # beyond the range of floats: no starting point
    value, q, inverse = _at(coupling, target, s, width, ridge)
    for _ in range(STEPS):
        slope = ridge - (q.reshape(size, width) ** 2).sum(axis=1)
        held = (s <= 0) & (slope >= 0)
        columns = (coupling.reshape(-1, size, width) * q.reshape(size, width)).sum(axis=2)
        change = (inverse @ columns).reshape(size, width, size)
        hessian = 2 * (change * q.reshape(size, width, 1)).sum(axis=1)
        hessian = (hessian + hessian.T) / 2 + np.eye(size) * (1e-14 * np.trace(hessian) + 1e-300)
        free = ~held
        step = np.zeros(size)
        if not np.isfinite(hessian).all():
            break
        if free.any():
            step[free] = -np.linalg.lstsq(hessian[np.ix_(free, free)], slope[free], rcond=None)[0]
        following = None
        for direction in (step, -slope / (1 + np.abs(slope).max()) * (1 + s.max())):
            following = _search(coupling, target, s, value, slope, np.where(held, 0, direction), width, ridge)
            if following is not None:
                break
        if following is None:
            break
        s, value, q, inverse = following
    return s, q


def _at(coupling: Floats, target: Floats, s: Floats, width: int, ridge: float) -> tuple[float, Floats, Floats]:
    """The value up to a constant, q(s) and the inverse of `I + C S`."""
    spread = np.repeat(s, width)
    inverse = np.asarray(np.linalg.inv(np.eye(len(target)) + coupling * spread), dtype=np.float64)
    q = inverse @ target
    return float(ridge * s.sum() - (spread * q) @ target), q, inverse


def _search(
    coupling: Floats, target: Floats, s: Floats, value: float, slope: Floats, direction: Floats, width: int, ridge: float
) -> tuple[Floats, float, Floats, Floats] | None:
    length = 1.0
    while length > 1e-12:
        following = np.maximum(s + length * direction, 0)
        try:
            found, q, inverse = _at(coupling, target, following, width, ridge)
        except np.linalg.LinAlgError:
            return None
        if found < value and found <= value + 1e-4 * float(slope @ (following - s)):
            return following, found, q, inverse
        length /= 3
    return None
