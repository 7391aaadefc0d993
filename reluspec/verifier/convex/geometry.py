"""What every face of one unit contributes, exact: its map, its facets' and covers' linear forms in the weighted residual.

On a face F with span V_F, signs D_F and a basis B_j of V_F orthogonal for Lambda (`q_j = B_j^T Lambda B_j`), the outputs of a unit are
`A p` with `A = D_F X B` (n x k). With the weighted residual z (`omega_i` times the residual) its best direction is
`v = sum_j (A_j . z) / q_j B_j` up to a positive factor, and `|G z|^2 = sum_j (A_j . z)^2 / q_j`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from flint import fmpq, fmpq_mat
from numpy.typing import NDArray

from reluspec.verifier.convex.faces import Face, faces
from reluspec.verifier.convex.setting import Setting, rational

Row = tuple[fmpq, ...]
DEAD = 0
"""The face on which every switch is zero."""


@dataclass(frozen=True)
class Cover:
    """A face of one dimension more, and the form e: towards it the loss has the slope `-sigma e . z`, up to a positive factor."""

    face: int
    step: Row
    form: Row


@dataclass(frozen=True)
class Local:
    """The exact data of one face: columns A_j (each n), their weights q_j, the basis (each m), forms c of facets: `sigma c . z > 0` inside.

    Covers come in `opposite` pairs (positions) where their steps are antiparallel.
    """

    columns: tuple[Row, ...]
    weights: Row
    basis: tuple[Row, ...]
    facets: tuple[Row, ...]
    covers: tuple[Cover, ...]
    opposite: tuple[tuple[int, int], ...]

    @property
    def dimension(self) -> int:
        return len(self.columns)


class Geometry:
    """The faces of one unit, sorted by dimension; number 0 is the dead one."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        found, space = faces(setting.rows)
        self.space: list[Row] = [tuple(fmpq(entry) for entry in vector) for vector in space]
        self._rows = [tuple(rational(entry) for entry in row) for row in setting.rows]
        spans = {face.signs: self._span(face) for face in found}
        found.sort(key=lambda face: (len(spans[face.signs]), face.signs))
        self.faces = found
        self.spans = [spans[face.signs] for face in found]
        self.signs: NDArray[np.int8] = np.array([face.signs for face in found], dtype=np.int8)
        self.dimensions: NDArray[np.int64] = np.array([len(span) for span in self.spans])
        self.names = [setting.name(face.signs) for face in found]
        self.number = {name: k for k, name in enumerate(self.names)}
        self._locals: dict[int, Local] = {}
        self._above: dict[int, NDArray[np.int64]] = {}

    def __len__(self) -> int:
        return len(self.faces)

    @property
    def points(self) -> int:
        return len(self._rows)

    @cached_property
    def rank(self) -> int:
        """The dimension of the cells, the common space left out."""
        return int(self.dimensions.max())

    def above(self, face: int) -> NDArray[np.int64]:
        """The faces whose closure holds this one, itself left out."""
        if face not in self._above:
            own = self.signs[face]
            inside = np.all((own == 0) | (self.signs == own), axis=1)
            inside[face] = False
            self._above[face] = np.flatnonzero(inside)
        return self._above[face]

    def is_cell(self, face: int) -> bool:
        return bool(self.dimensions[face] == self.rank)

    def local(self, face: int) -> Local:
        if face not in self._locals:
            self._locals[face] = self._local(face)
        return self._locals[face]

    def inner(self, a: Sequence[fmpq], b: Sequence[fmpq]) -> fmpq:
        """The scalar product of Lambda."""
        return sum((x * w * y for x, w, y in zip(a, self.setting.ridge, b, strict=True)), fmpq(0))

    def _less(self, vector: Sequence[fmpq], span: Sequence[Row]) -> Row:
        """The part of a vector that is orthogonal to an orthogonal system and to the common space."""
        rest = list(vector)
        for other in (*self._flat, *span):
            share = self.inner(rest, other) / self.inner(other, other)
            rest = [a - share * b for a, b in zip(rest, other, strict=True)]
        return tuple(rest)

    @cached_property
    def _flat(self) -> list[Row]:
        """The common space by an orthogonal basis."""
        found: list[Row] = []
        for vector in self.space:
            rest = list(vector)
            for other in found:
                share = self.inner(rest, other) / self.inner(other, other)
                rest = [a - share * b for a, b in zip(rest, other, strict=True)]
            found.append(tuple(rest))
        return found

    def _span(self, face: Face) -> tuple[Row, ...]:
        found: list[Row] = []
        for ray in face.rays:
            rest = self._less([fmpq(entry) for entry in ray], found)
            if any(rest):
                found.append(rest)
        return tuple(found)

    def _slopes(self, face: int) -> list[fmpq]:
        values = {1: self.setting.above, -1: self.setting.below, 0: fmpq(0)}
        return [values[int(sign)] for sign in self.signs[face]]

    def _through(self, face: int, step: Row) -> Row:
        """`D_F X step`: the outputs of a unit that moves along a vector, with the slopes of a face."""
        return tuple(slope * _dot(row, step) for slope, row in zip(self._slopes(face), self._rows, strict=True))

    def _local(self, face: int) -> Local:
        basis = self.spans[face]
        columns = tuple(self._through(face, vector) for vector in basis)
        weights = tuple(self.inner(vector, vector) for vector in basis)
        facets = []
        for i in self._facet_rows(face):
            shares = [int(self.signs[face][i]) * _dot(self._rows[i], vector) / q for vector, q in zip(basis, weights, strict=True)]
            facets.append(_combination(shares, columns, self.points))
        covers = []
        for other in self.above(face):
            if self.dimensions[other] == self.dimensions[face] + 1:
                point = [fmpq(sum(entries)) for entries in zip(*self.faces[other].rays, strict=True)]
                step = self._less(point, basis)
                covers.append(Cover(int(other), step, self._through(int(other), step)))
        return Local(columns, weights, basis, tuple(facets), tuple(covers), tuple(_opposite([cover.step for cover in covers])))

    def _facet_rows(self, face: int) -> list[int]:
        """For every facet of a face a row that vanishes on it and not on the face."""
        own = self.signs[face]
        below = np.flatnonzero(np.all((self.signs == 0) | (self.signs == own), axis=1) & (self.dimensions == self.dimensions[face] - 1))
        return sorted({int(np.flatnonzero((self.signs[other] == 0) & (own != 0))[0]) for other in below})

    def is_simple(self, face: int) -> bool:
        """Whether the kinks of a unit on this face are independent, so that the index is a product over them (theory.md section 8)."""
        local = self.local(face)
        codimension = self.rank - local.dimension
        return len(local.covers) == 2 * codimension and len(local.opposite) == codimension

    def characteristic(self, seeds: Sequence[int], base: int) -> int:
        """Euler characteristic, in the sphere of directions, of the union of the open cones around `base` whose closure holds a seed.

        The union is open in a sphere of dimension `rank - dim(base) - 1`: up to that sign it is the sum over its cones of
        `(-1)^(dimension in the sphere)`, the one with compact support.
        """
        cones = set(seeds).union(*(map(int, self.above(seed)) for seed in seeds)) if seeds else set()
        floor = int(self.dimensions[base])
        total = sum((-1) ** (int(self.dimensions[cone]) - floor - 1) for cone in cones)
        return int((-1) ** (self.rank - floor - 1) * total)


def _dot(a: Sequence[fmpq], b: Sequence[fmpq]) -> fmpq:
    return sum((x * y for x, y in zip(a, b, strict=True)), fmpq(0))


def _combination(shares: Sequence[fmpq], columns: Sequence[Row], length: int) -> Row:
    return tuple(sum((share * column[i] for share, column in zip(shares, columns, strict=True)), fmpq(0)) for i in range(length))


def _opposite(steps: Sequence[Row]) -> list[tuple[int, int]]:
    """Pairs of antiparallel vectors."""
    found = []
    for i, first in enumerate(steps):
        for j in range(i + 1, len(steps)):
            if fmpq_mat([list(first), list(steps[j])]).rank() == 1 and _dot(first, steps[j]) < 0:
                found.append((i, j))
    return found
