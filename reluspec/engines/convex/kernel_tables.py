"""What the compiled kernel reads, made from the rounded geometry: norms that bound its errors, facets and kinks as flat lists.

`kernel/certificate.md` says what each bound is for; every one of them is rounded up.
"""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np
from flint import fmpq
from numpy.typing import NDArray

from reluspec.engines.convex.float_geometry import INFLATION, UNIT_ROUNDOFF, FloatGeometry, Floats, gamma, to_float
from reluspec.engines.convex.minimise import minimise

MAX_PULL_ENTRIES = 2 * 10**7
"""Largest table of what the weights of every face do to every slope; beyond, the kernel works it out when it needs it."""


def kernel_tables(floats: FloatGeometry) -> dict[str, Any]:
    """The argument of the kernel's `Kernel`."""
    faces, width, points = floats.map.shape
    setting = floats.geometry.setting
    facet_begin, facets = _facets(floats)
    kink_begin, kink_sides = _kinks(floats)
    with np.errstate(all="ignore"):
        diagonal = np.einsum("fki,fki->fk", floats.map, floats.response)
        traces = (diagonal + floats.coupling_error * floats.map_norm * floats.response_norm).sum(axis=1) * INFLATION
        sides = floats.covers
        small_pull = len(sides) * faces * width <= MAX_PULL_ENTRIES
        pull = sides @ floats.response.reshape(faces * width, points).T if small_pull else None
        side_length = _lengths(sides)
        return {
            "faces": faces,
            "width": width,
            "points": points,
            "ridge": floats.ridge,
            "coupling_error": floats.coupling_error,
            "entry_error": floats.ENTRY_ERROR,
            "weight_bound": _weight_bound(floats),
            "inflation": INFLATION,
            "gram": None if floats.gram is None else _array(floats.gram),
            "map": _array(floats.map),
            "response": _array(floats.response),
            "target": _array(floats.target),
            "rank": _indices(floats.ranks),
            "start": _array(_alone(floats)),
            "norm": np.sqrt(traces) * INFLATION,
            "map_norm": _lengths(floats.map_norm),
            "response_norm": _lengths(floats.response_norm),
            "target_norm": _lengths(floats.target),
            "facet_begin": _indices(facet_begin),
            "facets": _array(facets),
            "facet_norm": _lengths(facets),
            "kink_begin": _indices(kink_begin),
            "kink_sides": _indices(kink_sides),
            "side_pull": None if pull is None else _array(pull),
            "sides": _array(sides),
            "side_target": _array(sides @ floats.metric_target),
            "side_norm": _metric_lengths(floats, setting.metric.tolist()),
            "side_length": side_length,
            "target_length": float(_lengths(floats.metric_target[None])[0]),
        }


def _array(values: Floats) -> Floats:
    return np.ascontiguousarray(values, dtype=np.float64)


def _indices(values: Any) -> NDArray[np.int32]:
    return np.ascontiguousarray(values, dtype=np.int32)


def _lengths(rows: Floats) -> Floats:
    """Upper bounds of the Euclidean lengths of rows: 2^-830 covers squares that underflow."""
    return np.asarray(np.sqrt((rows**2).sum(axis=1) + 2.0**-830) * INFLATION)


def _weight_bound(floats: FloatGeometry) -> float:
    """`|r_0|^2 / (4 lambda_a)` in the scale of s: `lambda_a sum s = <r, r_0 - r>` at every optimum. 2^-900 covers underflow."""
    setting = floats.geometry.setting
    square = (setting.target_column.transpose() * floats.geometry.metric_target)[0, 0]
    return max(to_float(square / (4 * setting.ridge_output), -floats.s_exponent) * (1 + 4 * UNIT_ROUNDOFF), 2.0**-900)


def _alone(floats: FloatGeometry) -> Floats:
    """The optimal weight of each face alone, approximately: starting points."""
    faces = np.arange(1, len(floats.ranks))[:, None]
    start = np.zeros(len(floats.ranks))
    start[1:] = minimise(floats.coupling(faces), floats.target[faces[:, 0]], 1, floats.ridge)[:, 0]
    return np.nan_to_num(start, posinf=0.0)


def _metric_lengths(floats: FloatGeometry, metric: list[list[fmpq]]) -> Floats:
    """Upper bounds of `|W^1/2 e|` for every side e, in the scale in which `e . (z - z') <= |W^1/2 e| |r - r'|` holds."""
    shift = 2 * floats.q_exponent + floats.s_exponent - 2 * floats.z_exponent
    rounded = np.array([[to_float(entry, shift) for entry in row] for row in metric])
    if not np.isfinite(rounded).all():
        return np.full(len(floats.covers), inf)
    size = np.abs(floats.covers)
    square = ((floats.covers @ rounded) * floats.covers).sum(axis=1)
    error = (2 * gamma(2 * len(rounded) + 4) + 4 * floats.ENTRY_ERROR) * ((size @ np.abs(rounded)) * size).sum(axis=1)
    return np.asarray(np.sqrt(np.maximum(square, 0) + error + 2.0**-830) * INFLATION)


def _facets(floats: FloatGeometry) -> tuple[NDArray[np.int64], Floats]:
    """Where each face's functionals begin, and all of them: the padding, repetitions of the first one, is left out."""
    kept = [rows[: len(rows) - _repeated(rows)] for rows in floats.facets]
    kept[0] = kept[0][:0]
    return np.concatenate([[0], np.cumsum([len(rows) for rows in kept])]), np.concatenate(kept)


def _repeated(rows: Floats) -> int:
    """How many rows at the end equal the first one."""
    differing = np.flatnonzero((rows != rows[0]).any(axis=1))
    return len(rows) - 1 - (int(differing[-1]) if len(differing) else 0)


def _kinks(floats: FloatGeometry) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where each face's independent kinks begin, and the two sides of every one."""
    there = floats.pairs[:, :, 0] > 0  # row 0 of the sides is padding
    return np.concatenate([[0], np.cumsum(there.sum(axis=1))]), floats.pairs[there].reshape(-1, 2)
