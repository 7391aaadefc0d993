"""Faces of one unit as the data of theory.md section 4: a basis of the span, the map G, facets and covers, exactly.

For a face F with slopes D (one per point) let the rows of `basis` (k x m) be Lambda-orthogonal and span the span of F (without what every
row of the arrangement vanishes on), let `A = basis Lambda basis^T` be diagonal and `H = basis X^T D` (k x n). With `z = W (y - f)`, the
weighted residual, `g = H z` are the coordinates of theory.md's `G r`: `|G r|^2 = g^T A^-1 g`, and the unit's weight vector is `w = a
basis^T A^-1 g`. Everything stays rational: no square root is taken until floats are made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from flint import fmpq, fmpq_mat, fmpz
from numpy.typing import NDArray

from reluspec.engines.convex.setting import ConvexSetting
from reluspec.minima.stitch import DEAD
from reluspec.regions.arrangement import Arrangement, arrangement
from reluspec.systems.surrogate import rational

if TYPE_CHECKING:
    from reluspec.engines.convex.ball_geometry import BallGeometry


@dataclass(frozen=True)
class Span:
    """A Lambda-orthogonal basis (k x m, integer entries) of a face's span and the squared lengths `norms` (k) of its rows."""

    basis: fmpq_mat
    norms: tuple[fmpq, ...]


@dataclass(frozen=True)
class Cover:
    """A face one dimension up: the coefficients `e = (D_G X u)^T` (1 x n) of the slope `-sigma e . z` towards it.

    `u` is Lambda-orthogonal to the span of the face covered, so the penalty does not change along it to first order.
    """

    face: int
    coefficients: fmpq_mat


class Geometry:
    """All faces of one unit with their exact data, made when first asked for. Face 0 is the dead unit."""

    def __init__(self, setting: ConvexSetting) -> None:
        self.setting = setting
        self.arrangement: Arrangement = arrangement(setting.rows)
        self.points = setting.points
        self.width = len(setting.ridge)
        self.rows = fmpq_mat(self.points, self.width, [rational(entry) for row in setting.rows for entry in row])
        self._spans: dict[bytes, Span] = {}
        self._maps: dict[int, fmpq_mat] = {}
        self._covers: dict[int, list[Cover]] = {}
        self._below: list[list[int]] = [[] for _ in range(len(self.arrangement))]
        self._above: list[list[int]] = [[] for _ in range(len(self.arrangement))]
        for edge, (low, high) in enumerate(zip(self.arrangement.lower, self.arrangement.upper, strict=True)):
            self._below[int(high)].append(edge)
            self._above[int(low)].append(edge)

    def __len__(self) -> int:
        """How many faces there are, the dead unit's included."""
        return len(self.arrangement)

    @cached_property
    def ranks(self) -> tuple[int, ...]:
        """Dimension of each face beyond the lineality space: the number of coordinates of `g`."""
        return tuple(int(value) for value in self.arrangement.dimension - self.arrangement.lineality)

    @cached_property
    def balls(self) -> BallGeometry:
        """The faces in ball arithmetic."""
        from reluspec.engines.convex.ball_geometry import BallGeometry

        return BallGeometry(self)

    def is_cell(self, face: int) -> bool:
        return bool(self.arrangement.dimension[face] == self.arrangement.ambient_dimension)

    @cached_property
    def _lineality_rows(self) -> list[list[fmpq]]:
        """Rows `n^T Lambda` for a basis n of the common kernel: their kernel is its Lambda-orthogonal complement."""
        kernel = _kernel([list(row) for row in self.rows.tolist()], self.width)
        return [[entry * weight for entry, weight in zip(vector, self.setting.ridge, strict=True)] for vector in kernel]

    def span(self, face: int) -> Span:
        """The face's span; faces with one zero set share it."""
        zero = self.arrangement.signs[face] == 0
        key = zero.tobytes()
        if key not in self._spans:
            rows = self.rows.tolist()
            equations = [list(rows[i]) for i in range(self.points) if zero[i]] + self._lineality_rows
            vectors = _orthogonal(_kernel(equations, self.width), self.setting.ridge)
            norms = tuple(_inner(vector, vector, self.setting.ridge) for vector in vectors)
            self._spans[key] = Span(fmpq_mat(len(vectors), self.width, [entry for vector in vectors for entry in vector]), norms)
        return self._spans[key]

    def slopes(self, face: int) -> list[fmpq]:
        """The activation's slope at each point: `D`. On the face's own zero set either slope serves; the upper one is taken."""
        setting = self.setting
        return [setting.below if sign < 0 else setting.above for sign in self.arrangement.signs[face]]

    def map(self, face: int) -> fmpq_mat:
        """`H` (k x n): the face's coordinates of a weighted residual."""
        if face not in self._maps:
            slopes = self.slopes(face)
            product = self.span(face).basis * self.rows.transpose()
            rows = product.tolist()
            # basis rows vanish on the face's zero set exactly, so the slope chosen there does not matter.
            self._maps[face] = fmpq_mat(
                len(rows), self.points, [entry * slope for row in rows for entry, slope in zip(row, slopes, strict=True)]
            )
        return self._maps[face]

    @cached_property
    def metric_target(self) -> fmpq_mat:
        """`W y` (n x 1): the weighted residual of the dead network."""
        return self.setting.metric * self.setting.target_column

    def facets(self, face: int) -> list[fmpq_mat]:
        """One functional (k x 1, on `A^-1 g`) per facet: all positive exactly on the face (for one of the two signs of `g`)."""
        basis = self.span(face).basis
        functionals, seen = [], set()
        rows = self.rows.tolist()
        for edge in self._below[face]:
            row = int(self.arrangement.facet_row[edge])
            if row not in seen:
                seen.add(row)
                sign = int(self.arrangement.signs[face, row])
                functionals.append(basis * fmpq_mat(self.width, 1, [entry * sign for entry in rows[row]]))
        return functionals

    def covers(self, face: int) -> list[Cover]:
        """The faces one dimension up, with the coefficients of the slopes towards them (theory.md section 4, local minimality)."""
        if face not in self._covers:
            found = []
            for edge in self._above[face]:
                upper = int(self.arrangement.upper[edge])
                found.append(Cover(upper, self.slope_row(upper, self._step(face, edge), 1)))
            self._covers[face] = found
        return self._covers[face]

    def _step(self, face: int, edge: int) -> list[fmpq]:
        """The direction of an edge upwards, made Lambda-orthogonal to the span of the face."""
        step = [fmpq(int(entry)) for entry in self.arrangement.direction[edge]]
        step = _remainder(step, [list(row) for row in self.span(face).basis.tolist()], self.setting.ridge)
        return _remainder(step, self._lineality_basis, self.setting.ridge)

    def slope_row(self, face: int, step: Sequence[fmpq], scale: int) -> fmpq_mat:
        """`scale (D X step)^T` (1 x n), with the slopes D of the given face."""
        values = self.rows * fmpq_mat(self.width, 1, list(step))
        return fmpq_mat(1, self.points, [values[i, 0] * slope * scale for i, slope in enumerate(self.slopes(face))])

    def codimension(self, face: int) -> int:
        return self.arrangement.ambient_dimension - int(self.arrangement.dimension[face])

    def normal_basis(self, face: int) -> list[list[fmpq]]:
        """A basis of the Lambda-orthogonal complement of a face's span: steps towards some of its covers."""
        basis: list[list[fmpq]] = []
        for edge in self._above[face]:
            step = self._step(face, edge)
            rows = [*basis, step]
            if fmpq_mat(len(rows), self.width, [entry for row in rows for entry in row]).rank() == len(rows):
                basis.append(step)
        return basis

    @cached_property
    def _lineality_basis(self) -> list[list[fmpq]]:
        return _orthogonal(_kernel([list(row) for row in self.rows.tolist()], self.width), self.setting.ridge)

    @cached_property
    def faces_below(self) -> list[list[int]]:
        """For each face the faces in its closure, itself included and the dead unit left out."""
        closure: list[set[int]] = [set() for _ in range(len(self))]
        for face in range(1, len(self)):
            closure[face] = {face}
            for edge in self._below[face]:
                closure[face] |= closure[int(self.arrangement.lower[edge])]
        return [sorted(faces) for faces in closure]

    @cached_property
    def faces_above(self) -> list[NDArray[np.int64]]:
        """For each face the faces whose closure contains it, itself left out."""
        above: list[set[int]] = [set() for _ in range(len(self))]
        for face in range(len(self) - 1, -1, -1):
            for edge in self._above[face]:
                upper = int(self.arrangement.upper[edge])
                above[face] |= {upper} | above[upper]
        return [np.array(sorted(faces), dtype=np.int64) for faces in above]

    @cached_property
    def parities(self) -> NDArray[np.int64]:
        """`(-1)^rank` of each face."""
        return 1 - 2 * (np.array(self.ranks, dtype=np.int64) % 2)

    def name(self, face: int) -> str:
        """The face's sign string."""
        return self.arrangement.names[face]

    def stratum_name(self, faces: Sequence[int]) -> str:
        """The name of a labelled stratum, one face per unit: living units first, dead ones last."""
        return "|".join(self.name(face) for face in sorted(faces, key=lambda face: face == DEAD))


def _kernel(rows: Sequence[Sequence[fmpq]], width: int) -> list[list[fmpq]]:
    """A basis of the common kernel, in small integers."""
    if not rows:
        return [[fmpq(int(i == j)) for j in range(width)] for i in range(width)]
    numerators, _ = fmpq_mat(len(rows), width, [entry for row in rows for entry in row]).numer_denom()
    vectors, nullity = numerators.nullspace()
    table = vectors.tolist()
    return [[fmpq(table[i][j]) for i in range(width)] for j in range(int(nullity))]


def _inner(first: Sequence[fmpq], second: Sequence[fmpq], ridge: Sequence[fmpq]) -> fmpq:
    return sum((a * b * weight for a, b, weight in zip(first, second, ridge, strict=True)), fmpq(0))


def _remainder(vector: Sequence[fmpq], orthogonal: Sequence[Sequence[fmpq]], ridge: Sequence[fmpq]) -> list[fmpq]:
    """`vector` minus its Lambda-projection on the span of Lambda-orthogonal vectors."""
    rest = list(vector)
    for other in orthogonal:
        factor = _inner(rest, other, ridge) / _inner(other, other, ridge)
        rest = [a - factor * b for a, b in zip(rest, other, strict=True)]
    return rest


def _orthogonal(vectors: Sequence[Sequence[fmpq]], ridge: Sequence[fmpq]) -> list[list[fmpq]]:
    """Gram-Schmidt in the inner product of Lambda, without normalisation; primitive integer vectors."""
    found: list[list[fmpq]] = []
    for vector in vectors:
        found.append(_primitive(_remainder(vector, found, ridge)))
    return found


def _primitive(vector: Sequence[fmpq]) -> list[fmpq]:
    numerators, _ = fmpq_mat(1, len(vector), list(vector)).numer_denom()
    entries: list[fmpz] = numerators.entries()
    divisor = fmpz(0)
    for entry in entries:
        divisor = divisor.gcd(entry)
    return [fmpq(entry, divisor) for entry in entries]
