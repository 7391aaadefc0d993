"""A search for the least point of a convex function, in floats: nothing rests on what it finds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Curve = Callable[[float], tuple[float, float, float]]
"""A function of one variable: value, slope and second derivative."""

ROUNDING = tuple(8.0**-k for k in range(14))
"""Lengths r are replaced by sqrt(r^2 + this^2), ever closer."""
STEPS = 40
BLUR = 1e-15
"""Of values, relative: below it the gradient tells whether a step leads on."""
SHORT = 1e-6
"""Length of a part, relative to the whole, below which it is tried as zero."""


@dataclass(frozen=True)
class Search:
    """`sum_i curves_i(offset + maps_i . x) + sum_l |roots_l x_l| + kappa x_last^2`, the x_l consecutive parts of x."""

    curves: Sequence[Curve]
    maps: Floats
    offset: float
    roots: Sequence[Floats]
    kappa: float

    def guesses(self) -> list[Floats]:
        """Points near the least one: with all parts, and without those that are nearly zero."""
        x = np.zeros(self.maps.shape[1])
        for rounding in ROUNDING:
            x = self._descended(x, rounding, np.ones(len(x), dtype=bool))
        free = np.ones(len(x), dtype=bool)
        for part in self.parts():
            free[part] = np.abs(x[part]).max(initial=0) > SHORT * max(1.0, np.abs(x).max())
        if free.all():
            return [self._descended(x, 0.0, free)]
        return [self._descended(np.where(free, x, 0.0), 0.0, free), x]

    def outputs(self, x: Floats) -> Floats:
        return np.asarray(self.offset + self.maps @ x)

    def parts(self) -> list[slice]:
        ends = np.cumsum([0, *(len(root) for root in self.roots)])
        return [slice(int(a), int(b)) for a, b in pairwise(ends)]

    def _derivatives(self, x: Floats, rounding: float) -> tuple[float, Floats, Floats]:
        jets = np.array([curve(float(u)) for curve, u in zip(self.curves, self.outputs(x), strict=True)])
        value = float(jets[:, 0].sum())
        gradient = self.maps.T @ jets[:, 1]
        hessian = self.maps.T @ (jets[:, 2:3] * self.maps)
        if self.kappa:
            value += self.kappa * x[-1] ** 2
            gradient[-1] += 2 * self.kappa * x[-1]
            hessian[-1, -1] += 2 * self.kappa
        for part, root in zip(self.parts(), self.roots, strict=True):
            image = root @ x[part]
            length = float(np.sqrt(image @ image + rounding**2))
            if length:
                value += length
                pull = root.T @ image / length
                gradient[part] += pull
                hessian[part, part] += (root.T @ root - np.outer(pull, pull)) / length
        return value, gradient, hessian

    def _descended(self, x: Floats, rounding: float, free: NDArray[np.bool_]) -> Floats:
        """Newton's method with shorter steps where they do not lead down, in the free coordinates."""
        if not free.any():
            return x
        value, gradient, hessian = self._derivatives(x, rounding)
        for _ in range(STEPS):
            own = hessian[np.ix_(free, free)]
            shift = 1e-14 * (1 + float(np.trace(own))) * np.eye(len(own))
            step = np.zeros(len(x))
            step[free] = -np.linalg.solve(own + shift, gradient[free])
            length, slope = 1.0, float(gradient @ step)
            found = self._derivatives(x + step, rounding)
            while not found[0] <= value + 0.2 * length * slope + BLUR * (1 + abs(value)) and length > 1e-8:
                length /= 3
                found = self._derivatives(x + length * step, rounding)
            flatter = np.abs(found[1][free]).max() < 0.5 * np.abs(gradient[free]).max()
            if not (found[0] < value - BLUR * (1 + abs(value)) or flatter):
                break
            x, (value, gradient, hessian) = x + length * step, found
        return x
