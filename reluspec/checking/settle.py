"""From theta to critical points nearby: Newton's method on the Lagrange system of a guessed set of zero switches (theory.md section 3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reluspec.checking.cones import Array, Mask
from reluspec.checking.jets import Expansion, Landscape
from reluspec.checking.neighbourhood import flatness

STEPS = 60
SINGULAR = 1e-9
"""Singular values below this share of the largest are taken as zero: families have flat directions, repeated points dependent switches."""
CONVERGED = 1e-11
"""Relative residual of a critical point. The iteration goes on while it helps: near ties of the second order it converges slowly."""


@dataclass(frozen=True)
class Settled:
    """A critical point (p) of the stratum whose zero switches are `zero` (S, truth values) and whose other signs are `sides` (S)."""

    point: Array
    zero: Mask
    sides: Array


def near_zero(found: Expansion, distance: float, magnitude: float) -> Mask:
    """The switches (S, truth values) that may vanish within that distance: by Taylor's formula to second order."""
    bends = np.zeros(len(found.switches))
    for position, bend in found.bends.items():
        bends[position] = np.linalg.norm(bend)
    slopes = np.linalg.norm(found.slopes, axis=1)
    near: Mask = np.abs(found.switches) <= distance * slopes + distance**2 * bends + 1e-14 * magnitude
    return near


def settle(land: Landscape, start: Array, zero: Mask, sides: Array, longest: float) -> Settled | None:
    """A critical point with these zero switches, at most `longest` away; the polynomial is that of the start's sides throughout."""
    point: Array = start.copy()
    count = int(zero.sum())
    continued = np.where(sides == 0, 1.0, sides)
    before, settled = np.inf, None
    for _ in range(STEPS):
        found = land.expand(point, continued)
        slopes, values = found.slopes[zero], found.switches[zero]
        lengths = np.maximum(np.linalg.norm(slopes, axis=1), 1e-300) if count else np.ones(0)
        multipliers = _multipliers(slopes, found.gradient)
        residual = np.concatenate([found.gradient + slopes.T @ multipliers, values])
        off_walls = float(np.abs(values / np.maximum(lengths, 1e-6)).max(initial=0)) / (1 + float(np.linalg.norm(point)))
        error = max(float(np.abs(residual[: land.size]).max()) / flatness(found, point), off_walls)
        if not error < 0.9 * before and settled is not None:
            return settled
        before = error
        if error <= CONVERGED:
            settled = Settled(point, zero, np.where(zero, 0.0, sides))
        if error <= 1e-17:
            return settled
        hessian = found.hessian.copy()
        for multiplier, position in zip(multipliers, np.flatnonzero(zero).tolist(), strict=True):
            if position in found.bends:
                hessian += multiplier * found.bends[position]
        matrix = np.block([[hessian, slopes.T], [slopes, np.zeros((count, count))]])
        if not (np.isfinite(matrix).all() and np.isfinite(residual).all()):
            return settled
        point = np.asarray(point - np.linalg.lstsq(matrix, residual, rcond=SINGULAR)[0][: land.size], dtype=np.float64)
        if not float(np.linalg.norm(point - start)) <= longest:
            return settled
    return settled


def _multipliers(slopes: Array, gradient: Array) -> Array:
    """The least ones for which the Lagrangian's gradient is smallest."""
    if not len(slopes):
        return np.zeros(0)
    found: Array = np.asarray(np.linalg.lstsq(slopes.T, -gradient, rcond=SINGULAR)[0], dtype=np.float64)
    return found
