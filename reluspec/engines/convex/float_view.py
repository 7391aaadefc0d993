"""One critical point seen in floats with proved bounds: most signs that a verdict needs are told from here, without ball arithmetic."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from flint import arb, arb_mat
from numpy.typing import NDArray

from reluspec.engines.convex.float_geometry import INFLATION, UNIT_ROUNDOFF, UNKNOWN, FloatGeometry, gamma


class FloatView:
    """The weighted residual z of a point as floats `z` up to `doubt` (n each), in the scale of the float geometry."""

    def __init__(self, floats: FloatGeometry, residual: arb_mat) -> None:
        self.floats = floats
        scale = arb(2) ** -floats.z_exponent
        balls = (residual * scale).entries()
        self.z = np.array([float(entry.mid()) for entry in balls])
        # The conversions round to nearest, and what is too small becomes zero.
        self.doubt = np.array([float(entry.rad()) for entry in balls]) * INFLATION + UNIT_ROUNDOFF * np.abs(self.z) + 1e-290

    @cached_property
    def against_ridge(self) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
        """For every face the proved sign of `|G_F r|^2 - lambda_a` (0: the bound does not tell) and its side (`FloatGeometry.sides`)."""
        floats = self.floats
        if not floats.reliable:
            return np.zeros(len(floats.map), dtype=np.int8), np.full(len(floats.map), UNKNOWN, dtype=np.int8)
        # As one matrix: NumPy is slow at many small products. Cauchy-Schwarz bounds the error; 1e-150 covers squares that underflow.
        faces, width, points = floats.map.shape
        q = (floats.map.reshape(faces * width, points) @ self.z).reshape(faces, width)
        size = np.abs(q)
        small = gamma(points + 4) + 2 * floats.ENTRY_ERROR
        doubt = self.doubt + small * np.abs(self.z)
        error = floats.map_norm * ((float(np.sqrt(doubt @ doubt)) + 1e-150) * INFLATION)
        least, most = np.maximum(size - error, 0), size + error
        low = np.einsum("fk,fk->f", least, least) / INFLATION
        high = np.einsum("fk,fk->f", most, most) * INFLATION
        signs = np.zeros(len(q), dtype=np.int8)
        signs[low > floats.ridge * (1 + 4 * UNIT_ROUNDOFF)] = 1
        signs[high < floats.ridge * (1 - 4 * UNIT_ROUNDOFF)] = -1
        return signs, floats.sides(np.arange(len(q)), q, error)

    def slopes(self, face: int) -> list[int] | None:
        """The proved signs of `e . z` towards each cover of a face in order, 0 where the bound does not tell; `None` for faces whose kinks
        depend on each other."""
        rows = self.floats.cover_rows.get(face)
        if rows is None or not self.floats.reliable:
            return None
        sides = self.floats.covers[rows]
        error = gamma(self.floats.geometry.points + 4) + self.floats.ENTRY_ERROR
        value = sides @ self.z
        bound = np.abs(sides) @ (self.doubt + error * np.abs(self.z)) * INFLATION
        return [int(sign) for sign in (value > bound).astype(np.int8) - (value < -bound).astype(np.int8)]
