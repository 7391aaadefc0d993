"""All faces of a central hyperplane arrangement, exactly, whatever its dimension and however degenerate (theory.md section 2).

The arrangement is `{w : row_i . w = 0}`. Its faces are enumerated upwards from the smallest one: a face G of dimension k+1 is `F o u`,
where F is one of its facets and `u` a cocircuit (a one-dimensional face) of the *localisation* at F, the arrangement of the hyperplanes
through F. In general position a localisation at a face of codimension s has s hyperplanes, so a step costs next to nothing; repeated,
parallel, collinear or too few rows are no special case. All arithmetic is in integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from itertools import combinations
from math import comb, factorial, gcd, lcm
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reluspec.errors import LimitError

MAX_FACES = 2_000_000
"""Largest number of faces of one unit's arrangement that is enumerated."""

Integers = NDArray[Any]  # int64 where a bound proves that nothing overflows, Python integers (object) elsewhere
SIGN_CHARACTERS = {1: "+", 0: "0", -1: "-"}


def sign_string(signs: Sequence[int] | NDArray[np.int8]) -> str:
    """`(1, 0, -1)` as `+0-`."""
    return "".join(SIGN_CHARACTERS[int(sign)] for sign in signs)


@dataclass(frozen=True)
class Arrangement:
    """The faces of `{w in R^m : rows_i . w = 0}`, i < n, with their incidences.

    `signs` is F x n (int8) and sorted by dimension, the smallest face (all zero) first; `dimension` counts the lineality space in.
    `lower`, `upper` (E) are the pairs "facet, face"; along with each, `direction` (E x m integers) points from the facet into the face,
    and `facet_row` is a row that vanishes on the facet and not on the face.
    """

    rows: tuple[tuple[Fraction, ...], ...]
    signs: NDArray[np.int8] = field(compare=False)
    dimension: NDArray[np.int64] = field(compare=False)
    lower: NDArray[np.int64] = field(compare=False)
    upper: NDArray[np.int64] = field(compare=False)
    direction: Integers = field(compare=False)
    facet_row: NDArray[np.int64] = field(compare=False)
    integer_rows: Integers = field(compare=False, repr=False)

    def __len__(self) -> int:
        return len(self.signs)

    @property
    def ambient_dimension(self) -> int:
        return int(self.dimension[-1])

    @property
    def lineality(self) -> int:
        """Dimension of the smallest face: what all rows vanish on."""
        return int(self.dimension[0])

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The sign string of every face."""
        return tuple(sign_string(row) for row in self.signs)

    @cached_property
    def _index(self) -> dict[str, int]:
        return {name: position for position, name in enumerate(self.names)}

    def index_of(self, name: str) -> int | None:
        """The face with that sign string, or `None` when no such face exists."""
        return self._index.get(name)

    def counts_by_codimension(self) -> tuple[int, ...]:
        """How many faces there are of codimension 0, 1, …, up to that of the smallest face."""
        codimension = self.ambient_dimension - self.dimension
        return tuple(int(count) for count in np.bincount(codimension, minlength=int(codimension.max()) + 1))

    @cached_property
    def _parent_edge(self) -> NDArray[np.int64]:
        first = np.full(len(self), -1, dtype=np.int64)
        first[self.upper[::-1]] = np.arange(len(self.upper) - 1, -1, -1)
        return first

    @cached_property
    def _points(self) -> dict[int, tuple[int, ...]]:
        return {0: (0,) * len(self.rows[0])}

    def point(self, face: int) -> tuple[int, ...]:
        """An integer point in the relative interior of a face (for the smallest one: the origin)."""
        if face not in self._points:
            edge = int(self._parent_edge[face])
            base = self.point(int(self.lower[edge]))
            step = [int(entry) for entry in self.direction[edge]]
            # On a row that vanishes on the facet the step decides the sign; elsewhere the facet's own sign must win.
            scale = 1
            for row in self.integer_rows:
                at_base = sum(int(entry) * b for entry, b in zip(row, base, strict=True))
                if at_base:
                    at_step = sum(int(entry) * s for entry, s in zip(row, step, strict=True))
                    scale = max(scale, abs(at_step) // abs(at_base) + 1)
            point = tuple(scale * b + s for b, s in zip(base, step, strict=True))
            divisor = gcd(*point)
            self._points[face] = tuple(entry // divisor for entry in point)
        return self._points[face]


def faces_bound(rows: int, dimension: int) -> int:
    """The number of faces of a simple central arrangement: an upper bound for every arrangement of that size."""
    total = 1
    for k in range(1, dimension + 1):
        # A k-face of a simple arrangement lies in one of C(n, dimension - k) flats, each cut by the other hyperplanes.
        others = max(rows - (dimension - k), 0)
        cells = 2 * sum(comb(others - 1, j) for j in range(k)) if others else 1
        total += comb(rows, dimension - k) * cells
    return total


def arrangement(rows: Sequence[Sequence[Fraction]]) -> Arrangement:
    """Enumerate all faces. `rows` is n x m, exact; zero rows vanish everywhere and separate nothing.

    Raises `LimitError` when the faces may outnumber `MAX_FACES`.
    """
    exact = tuple(tuple(Fraction(entry) for entry in row) for row in rows)
    integer_rows = _primitive(exact)
    hyperplanes, owner, orientation = _hyperplanes(integer_rows)
    pivots = _pivot_columns(hyperplanes)
    rank, ambient = len(pivots), len(exact[0])
    bound = faces_bound(len(hyperplanes), rank)
    if bound > MAX_FACES:
        raise LimitError(
            f"the arrangement of {len(hyperplanes)} hyperplanes in dimension {rank} may have {bound:,} faces; the limit is {MAX_FACES:,}. "
            "Use fewer points or fewer inputs"
        )
    levels, edges = _enumerate(hyperplanes[:, pivots], rank)
    return _assemble(exact, integer_rows, levels, edges, owner, orientation, pivots, ambient)


def _primitive(rows: tuple[tuple[Fraction, ...], ...]) -> Integers:
    """Each row times a positive number, with coprime integer entries."""
    scaled = []
    for row in rows:
        multiple = lcm(*(entry.denominator for entry in row))
        integers = [int(entry * multiple) for entry in row]
        divisor = gcd(*integers) or 1
        scaled.append([entry // divisor for entry in integers])
    return np.array(scaled, dtype=object).reshape(len(rows), -1)


def _hyperplanes(rows: Integers) -> tuple[Integers, NDArray[np.int64], NDArray[np.int8]]:
    """Distinct hyperplanes, and for each row which of them it is (-1: a zero row) and on which side its positive side lies."""
    distinct: dict[tuple[int, ...], int] = {}
    owner = np.full(len(rows), -1, dtype=np.int64)
    orientation = np.ones(len(rows), dtype=np.int8)
    for position, row in enumerate(rows):
        leading = next((entry for entry in row if entry), 0)
        if leading:
            side = 1 if leading > 0 else -1
            owner[position] = distinct.setdefault(tuple(side * entry for entry in row), len(distinct))
            orientation[position] = side
    return np.array(list(distinct), dtype=object).reshape(len(distinct), rows.shape[1]), owner, orientation


def _pivot_columns(rows: Integers) -> list[int]:
    """Columns whose restriction keeps the rank: the arrangement in them is the essential one, its points lift by zeros."""
    remaining = [[Fraction(entry) for entry in row] for row in rows]
    pivots = []
    for column in range(rows.shape[1]):
        pivot = next((row for row in remaining if row[column]), None)
        if pivot is None:
            continue
        pivots.append(column)
        remaining = [
            [entry - row[column] / pivot[column] * p for entry, p in zip(row, pivot, strict=True)] for row in remaining if row is not pivot
        ]
    return pivots


@dataclass(frozen=True)
class _Edges:
    """Facet-face pairs of one level: positions within their levels, the step into the face, a separating hyperplane."""

    lower: list[int]
    upper: list[int]
    step: list[list[int]]
    separator: list[int]


def _enumerate(hyperplanes: Integers, rank: int) -> tuple[list[NDArray[np.int8]], list[_Edges]]:
    """Sign vectors (F_k x h) level by level, and the edges between consecutive levels, in essential coordinates."""
    count = len(hyperplanes)
    levels = [np.zeros((1, count), dtype=np.int8)]
    edges = []
    for level in range(rank):
        faces = levels[-1]
        flats: dict[bytes, list[int]] = {}
        zero_sets = faces == 0
        for position, packed in enumerate(np.packbits(zero_sets, axis=1)):
            flats.setdefault(packed.tobytes(), []).append(position)
        found: dict[bytes, int] = {}
        rows: list[NDArray[np.int8]] = []
        made = _Edges([], [], [], [])
        for members in flats.values():
            zero = np.flatnonzero(zero_sets[members[0]])
            signs, steps = _cocircuits(hyperplanes[zero], rank - level)
            separators = [int(zero[np.flatnonzero(row)[0]]) for row in signs]
            grown = np.repeat(faces[members], len(signs), axis=0)
            grown[:, zero] = np.tile(signs, (len(members), 1))
            for offset, row in enumerate(grown):
                key = row.tobytes()
                position = found.setdefault(key, len(found))
                if position == len(rows):
                    rows.append(row)
                which = offset % len(signs)
                made.lower.append(members[offset // len(signs)])
                made.upper.append(position)
                made.step.append(steps[which])
                made.separator.append(separators[which])
        levels.append(np.array(rows, dtype=np.int8).reshape(len(rows), count))
        edges.append(made)
    return levels, edges


def _cocircuits(rows: Integers, rank: int) -> tuple[NDArray[np.int8], list[list[int]]]:
    """The one-dimensional faces of an arrangement of that rank: sign vectors, and a vector in the row space for each."""
    if rank == 1:
        normals = np.array([rows[0], -rows[0]], dtype=object)
        return _signs(rows, normals), [list(normal) for normal in normals]
    basis = rows[_independent_rows(rows, rank)]
    reduced = _narrow(rows @ basis.T, rank)
    subsets = np.array(list(combinations(range(len(rows)), rank - 1)), dtype=np.int64)
    vectors = _cross_products(reduced[subsets])
    vectors = vectors[(vectors != 0).any(axis=1)]
    signs = _signs(reduced, vectors)
    _, first = np.unique(signs, axis=0, return_index=True)
    keep = np.sort(first)
    chosen = vectors[keep].astype(object) @ basis
    # A line may come once as u and once as -u (dependent subsets): keep one of the two, then add both sides.
    known: dict[bytes, int] = {}
    for position, row in enumerate(signs[keep]):
        if (-row).tobytes() not in known:
            known[row.tobytes()] = position
    steps = []
    for position in known.values():
        step = [int(entry) for entry in chosen[position]]
        divisor = gcd(*step)
        steps.append([entry // divisor for entry in step])
    both = steps + [[-entry for entry in step] for step in steps]
    kept = signs[keep][list(known.values())]
    return np.concatenate([kept, -kept]), both


def _signs(rows: Integers, vectors: Integers) -> NDArray[np.int8]:
    """The signs of all `row . vector`, in machine integers where their size proves that nothing overflows."""
    kind = np.int64 if rows.shape[1] * _largest(rows) * _largest(vectors) < 2**62 else object
    signs: NDArray[np.int8] = np.sign(vectors.astype(kind) @ rows.T.astype(kind)).astype(np.int8)
    return signs


def _largest(matrix: Integers) -> int:
    return max((abs(int(entry)) for entry in matrix.flat), default=0)


def _independent_rows(rows: Integers, rank: int) -> list[int]:
    return _pivot_columns(rows.T)[:rank]


def _narrow(matrix: Integers, size: int) -> Integers:
    """As int64 where no determinant of order `size` can overflow."""
    if factorial(size) * _largest(matrix) ** size < 2**62:
        return matrix.astype(np.int64)
    return matrix


def _cross_products(matrices: Integers) -> Integers:
    """For each (s-1) x s matrix the vector of its signed maximal minors: it spans the kernel, or is zero."""
    size = matrices.shape[2]
    columns = []
    for column in range(size):
        minor = _determinants(np.delete(matrices, column, axis=2))
        columns.append(minor if column % 2 == 0 else -minor)
    return np.stack(columns, axis=1)


def _determinants(matrices: Integers) -> Integers:
    """Determinants of a stack of small integer matrices by Laplace expansion: exact, and quick up to order five or so."""
    size = matrices.shape[1]
    if size == 1:
        return matrices[:, 0, 0]
    total = np.zeros(len(matrices), dtype=matrices.dtype)
    for column in range(size):
        minor = _determinants(np.delete(matrices[:, 1:], column, axis=2))
        total = total + (-1) ** column * matrices[:, 0, column] * minor
    return total


def _assemble(
    exact: tuple[tuple[Fraction, ...], ...],
    integer_rows: Integers,
    levels: list[NDArray[np.int8]],
    edges: list[_Edges],
    owner: NDArray[np.int64],
    orientation: NDArray[np.int8],
    pivots: list[int],
    ambient: int,
) -> Arrangement:
    """From hyperplanes back to rows, from levels to one list sorted by dimension and name."""
    first_row = {int(plane): position for position, plane in reversed(list(enumerate(owner))) if plane >= 0}
    all_signs, ranks = [], []
    for faces in levels:
        if faces.shape[1]:
            signs = np.where(owner >= 0, faces[:, owner] * orientation, 0).astype(np.int8)
        else:
            signs = np.zeros((1, len(owner)), np.int8)
        order = np.lexsort((-signs).T[::-1])
        rank = np.empty(len(order), dtype=np.int64)
        rank[order] = np.arange(len(order))
        all_signs.append(signs[order])
        ranks.append(rank)
    offsets = np.cumsum([0, *(len(faces) for faces in levels)])
    lineality = ambient - len(pivots)
    dimension = np.concatenate([np.full(len(faces), lineality + level, dtype=np.int64) for level, faces in enumerate(levels)])
    lower, upper = [], []
    separator: list[int] = []
    steps: list[list[int]] = []
    for level, made in enumerate(edges):
        lower.append(offsets[level] + ranks[level][made.lower])
        upper.append(offsets[level + 1] + ranks[level + 1][made.upper])
        separator.extend(first_row[plane] for plane in made.separator)
        steps.extend(made.step)
    direction = np.zeros((len(steps), ambient), dtype=object)
    if steps:
        direction[:, pivots] = np.array(steps, dtype=object)
    empty: list[NDArray[np.int64]] = [np.zeros(0, dtype=np.int64)]
    return Arrangement(
        rows=exact,
        signs=np.concatenate(all_signs),
        dimension=dimension,
        lower=np.concatenate(lower or empty),
        upper=np.concatenate(upper or empty),
        direction=direction,
        facet_row=np.array(separator, dtype=np.int64),
        integer_rows=integer_rows,
    )
