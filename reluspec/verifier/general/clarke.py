"""Critical points of a stratum that are not critical in Clarke's sense: one direction in which the loss falls on every adjacent cell."""

from __future__ import annotations

from collections.abc import Container, Sequence
from itertools import product

import numpy as np
from flint import arb, fmpq

from reluspec.regions.signs import Signs
from reluspec.verifier.general.refine import Critical
from reluspec.verifier.raw import at

MAX_CELLS = 1_024
STEPS = 2_000


def not_critical(point: Critical, strata: Container[Signs]) -> bool:
    """Whether a direction is found, and proved in balls to have a negative slope on every adjacent cell that is not known to be empty."""
    gradients = _gradients(point, strata)
    if not gradients:
        return False
    direction = [fmpq(round(float(entry) * 2**30), 2**30) for entry in -_nearest(gradients)]
    return all(sum((a * b for a, b in zip(gradient, direction, strict=True)), arb(0)) < 0 for gradient in gradients)


def _gradients(point: Critical, strata: Container[Signs]) -> list[list[arb]]:
    """The gradients of the adjacent cells; none where there are too many cells."""
    root = point.root
    tight = [k for k, (switch, sign) in enumerate(root.surrogate.switches) if sign == 0]
    if 2 ** len(tight) > MAX_CELLS:
        return []
    found = []
    for choice in product("+-", repeat=len(tight)):
        flat = list(point.signs.all)
        for k, sign in zip(tight, choice, strict=True):
            flat[k] = sign
        signs = point.signs.reshaped("".join(flat))
        if signs in strata:
            loss = root.ring.surrogate(signs).loss
            found.append([at(loss.derivative(k), root.theta) for k in range(root.ring.size)])
    return found


def _nearest(gradients: Sequence[Sequence[arb]]) -> np.ndarray:
    """Nearly the point of least norm in their convex hull (Gilbert 1966), in floating point."""
    points = np.array([[float(entry.mid()) for entry in row] for row in gradients])
    scale = float(np.abs(points).max()) or 1.0
    points = points / scale
    here = points[0]
    for _ in range(STEPS):
        corner = points[np.argmin(points @ here)]
        step = corner - here
        size = float(step @ step)
        share = min(1.0, max(0.0, -float(here @ step) / size)) if size else 0.0
        if share <= 0:
            break
        here = here + share * step
    return np.asarray(here)
