"""The exact geometry rounded to doubles, with the bounds that make proofs of it (Higham, *Accuracy and Stability*, chapter 3)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf

import numpy as np
from flint import fmpq
from numpy.typing import NDArray

from reluspec.engines.convex.geometry import Geometry

Floats = NDArray[np.float64]
UNIT_ROUNDOFF = 2.0**-53
INFLATION = 1 + 2.0**-40  # covers the rounding of sums and products of fewer than 4000 non-negative numbers
MAX_GRAM_ENTRIES = 2 * 10**7
CHUNK = 256
"""Rows of the couplings compared at a time."""
UNKNOWN = 2
"""A side that the bounds leave open."""


def gamma(count: int) -> float:
    """Higham's gamma_k, rounded up: the relative error of k floating-point operations in a row."""
    return count * UNIT_ROUNDOFF / (1 - count * UNIT_ROUNDOFF) * INFLATION


SAFE_EXPONENT = 120
"""Entries between 2^-120 and 2^120 (or zero): products of a few neither overflow nor lose digits to underflow.

No error bound here counts underflow.
"""


def to_float(value: fmpq, shift: int = 0) -> float:
    """The double nearest to `value * 2^shift`: relative error at most one unit roundoff if that is in range.

    Infinite or zero where it is not.
    """
    numerator, denominator = int(value.p), int(value.q)
    try:
        return (numerator << shift) / denominator if shift >= 0 else numerator / (denominator << -shift)
    except OverflowError:
        return inf if numerator > 0 else -inf


def exponent(value: fmpq) -> int:
    """The binary logarithm of `|value|`, wrong by less than one; 0 for zero."""
    return int(abs(value.p)).bit_length() - int(value.q).bit_length() if value else 0


def _largest_exponent(values: Iterable[fmpq]) -> int:
    return max((exponent(value) for value in values if value), default=0)


def _choose_better(gram: Floats, left: Floats, right: Floats) -> None:
    """Make floats of the symmetric C (N x N, in place) bounded by `left_i right_j` bounded by `left_j right_i`, too.

    An output bias makes the metric dense. A row of `response` may then be far smaller than that of `map`, or zero, and C_ij from the wrong
    one of its two products is wrong by more than the bound of the other.
    """
    for start in range(0, len(gram), CHUNK):
        rows = slice(start, start + CHUNK)
        other = np.outer(right[rows], left) < np.outer(left[rows], right)  # never both (i, j) and (j, i)
        gram[rows][other] = gram.T[rows][other]


class FloatGeometry:
    """The exact geometry rounded to doubles; every entry is right to a few units in the last place (`ENTRY_ERROR`).

    Powers of two take the scale of the data out: these floats are those of `q 2^-q_exponent`, `z 2^-z_exponent` and `s 2^-s_exponent`.
    Where numbers of too different a size remain, `reliable` is false, and nothing is proved from floats.
    """

    ENTRY_ERROR = 8 * UNIT_ROUNDOFF

    def __init__(self, geometry: Geometry) -> None:
        self.geometry = geometry
        count, points = len(geometry), geometry.points
        self.ranks = np.array(geometry.ranks)
        self.width = width = max(1, int(self.ranks.max()))
        self.reliable = points <= 4000  # beyond, INFLATION would not cover the sums
        metric = geometry.setting.metric
        self.q_exponent = exponent(geometry.setting.ridge_output) // 2
        self.z_exponent = _largest_exponent(geometry.metric_target.entries())
        self.s_exponent = -self._coupling_exponent()
        self.ridge = self._rounded(geometry.setting.ridge_output, -2 * self.q_exponent)
        self.map = np.zeros((count, width, points))
        self.response = np.zeros((count, width, points))
        self.target = np.zeros((count, width))
        self.metric_target = np.array([self._rounded(entry, -self.z_exponent) for entry in geometry.metric_target.entries()])
        for face in range(1, count):
            exact, to_q = geometry.map(face), self.z_exponent - self.q_exponent
            for j in range(geometry.ranks[face]):
                self.map[face, j] = self._whitened(exact.tolist()[j], face, j, to_q)
                self.response[face, j] = self._whitened((exact * metric).tolist()[j], face, j, self.s_exponent - to_q)
                self.target[face, j] = self._whitened([(exact * geometry.metric_target)[j, 0]], face, j, -self.q_exponent)[0]
        with np.errstate(all="ignore"):
            self.map_norm = np.sqrt((self.map**2).sum(axis=2)) * INFLATION
            self.response_norm = np.sqrt((self.response**2).sum(axis=2)) * INFLATION
        # |C_ij - its float| <= coupling_error * map_norm_i * response_norm_j, by Cauchy-Schwarz; with i and j exchanged, too: where the
        # metric is diagonal, the sum of sizes is the same, and elsewhere the better one of C_ij and C_ji stands for both.
        self.coupling_error = (gamma(points + 4) + 2.5 * self.ENTRY_ERROR) * INFLATION
        self.gram: Floats | None = None
        if (count * width) ** 2 <= MAX_GRAM_ENTRIES:
            with np.errstate(all="ignore"):
                flat = self.map.reshape(count * width, points) @ self.response.reshape(count * width, points).T
                if geometry.setting.bias_row is not None:
                    _choose_better(flat, self.map_norm.ravel(), self.response_norm.ravel())
            self.gram = flat.reshape(count, width, count, width)
        self.facets = self._facets()
        self.cover_rows: dict[int, list[int]] = {}
        self.covers, self.pairs = self._covers()
        self.map_size = np.abs(self.map)

    def _rounded(self, value: fmpq, shift: int) -> float:
        """The nearest double of `value * 2^shift`; not `reliable` any more if it is too large or too small."""
        number = to_float(value, shift)
        if value and not 2.0**-SAFE_EXPONENT <= abs(number) <= 2.0**SAFE_EXPONENT:
            self.reliable = False
        return number

    def _whitened(self, row: Sequence[fmpq], face: int, coordinate: int, shift: int) -> Floats:
        """`row * 2^shift` over the length of one of the face's basis vectors."""
        norm = self.geometry.span(face).norms[coordinate]
        half = exponent(norm) // 2
        return np.asarray(np.array([self._rounded(entry, shift - half) for entry in row]) / np.sqrt(to_float(norm, -2 * half)))

    def _coupling_exponent(self) -> int:
        """The scale of the couplings C."""
        longest = [0]
        for face in range(1, len(self.geometry)):
            rows, norms = self.geometry.map(face).tolist(), self.geometry.span(face).norms
            longest += [2 * _largest_exponent(row) - exponent(norm) for row, norm in zip(rows, norms, strict=True) if any(row)]
        return max(longest[1:], default=0) + _largest_exponent(self.geometry.setting.metric.entries())

    def _facets(self) -> Floats:
        """F x f x k functionals on q, padded by repeating one of the face's own; a positive factor is free."""
        tables: list[Floats] = [np.zeros((1, self.width))]
        for face in range(1, len(self.geometry)):
            rank = self.geometry.ranks[face]
            norms = self.geometry.span(face).norms
            rows = np.zeros((len(functionals := self.geometry.facets(face)), self.width))
            for k, functional in enumerate(functionals):
                entries = functional.entries()
                shift = min(exponent(norm) // 2 - exponent(entry) for entry, norm in zip(entries, norms, strict=True) if entry)
                rows[k, :rank] = [self._whitened([entry], face, j, shift)[0] for j, entry in enumerate(entries)]
            tables.append(rows)
        longest = max(len(rows) for rows in tables)
        return np.stack([np.concatenate([rows, np.repeat(rows[:1], longest - len(rows), axis=0)]) for rows in tables])

    def _covers(self) -> tuple[Floats, NDArray[np.int64]]:
        """Slope coefficients of the two sides of every kink of simple faces: (2P) x n, and F x p x 2 positions (-1: none).

        On a simple face the kinks are independent, each with two sides; other faces are left to the exact code.
        """
        signs = self.geometry.arrangement.signs
        rows: list[Floats] = [np.zeros(len(signs[0]))]
        table: list[list[tuple[int, int]]] = [[] for _ in range(len(self.geometry))]
        for face in range(1, len(self.geometry)):
            codimension = self.geometry.arrangement.ambient_dimension - int(self.geometry.arrangement.dimension[face])
            covers = self.geometry.covers(face)
            if len(covers) != 2 * codimension:
                continue
            sides: dict[bytes, list[int]] = {}
            for cover in covers:
                kink = ((signs[face] == 0) & (signs[cover.face] != 0)).tobytes()
                sides.setdefault(kink, []).append(len(rows))
                self.cover_rows.setdefault(face, []).append(len(rows))
                entries = cover.coefficients.entries()
                shift = -_largest_exponent(entries)
                rows.append(np.array([self._rounded(entry, shift) for entry in entries]))
            table[face] = [(pair[0], pair[1]) for pair in sides.values()]
        longest = max(1, max(len(pairs) for pairs in table))
        padded = np.zeros((len(table), longest, 2), dtype=np.int64)  # row 0 is zero: never a proof
        for face, pairs in enumerate(table):
            if pairs:
                padded[face, : len(pairs)] = pairs
        return np.array(rows), padded

    def sides(self, faces: NDArray[np.int64], q: Floats, radius: Floats) -> NDArray[np.int8]:
        """For which sign of the output weight `q` up to `radius` (… x k) points into each face (…): 1, -1, 0 for neither, `UNKNOWN`."""
        facets = self.facets[faces]
        small = gamma(self.width + 4) + 2 * self.ENTRY_ERROR
        value = np.einsum("...pk,...k->...p", facets, q)
        doubt = np.einsum("...pk,...k->...p", np.abs(facets), radius + small * np.abs(q)) * INFLATION
        positive, negative = value > doubt, value < -doubt
        found = np.full(faces.shape, UNKNOWN, dtype=np.int8)
        found[positive.any(axis=-1) & negative.any(axis=-1)] = 0
        found[positive.all(axis=-1)] = 1
        found[negative.all(axis=-1)] = -1
        return found

    def coupling(self, sets: NDArray[np.int64]) -> Floats:
        """C of each set: B x K x K with K = (faces in a set) x width."""
        batch, size = sets.shape
        if self.gram is not None:
            blocks = self.gram[sets[:, :, None], :, sets[:, None, :], :]  # B x m x m x k x k (advanced indices first)
            return blocks.transpose(0, 1, 3, 2, 4).reshape(batch, size * self.width, size * self.width)
        left = self.map[sets].reshape(batch, size * self.width, -1)
        right = self.response[sets].reshape(batch, size * self.width, -1)
        return np.asarray(left @ right.transpose(0, 2, 1))
