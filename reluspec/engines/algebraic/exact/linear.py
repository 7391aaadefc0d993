"""Linear algebra over any `Scalars`: elimination whose pivots are proved to be non-zero."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from flint import fmpq, fmpq_mat

from reluspec.engines.algebraic.exact.scalars import Matrix, Scalar, Scalars, Vector


def dot(a: Sequence[Scalar], b: Sequence[Scalar], scalars: Scalars) -> Scalar:
    """`a . b`."""
    total = scalars.zero
    for x, y in zip(a, b, strict=True):
        total = total + x * y
    return total


def plus(a: Sequence[Scalar], factor: Scalar, b: Sequence[Scalar]) -> Vector:
    """`a + factor * b`."""
    return tuple(x + factor * y for x, y in zip(a, b, strict=True))


def times(factor: Scalar, a: Sequence[Scalar]) -> Vector:
    """`factor * a`."""
    return tuple(factor * x for x in a)


def combination(weights: Sequence[Scalar], vectors: Sequence[Sequence[Scalar]], length: int, scalars: Scalars) -> Vector:
    """`sum_i weights_i vectors_i`, vectors of that length."""
    total: Vector = (scalars.zero,) * length
    for weight, vector in zip(weights, vectors, strict=True):
        total = plus(total, weight, vector)
    return total


def weighted(one: Sequence[Fraction], other: Sequence[Fraction], weights: Sequence[Fraction]) -> Fraction:
    """`sum_k weights_k one_k other_k`."""
    return sum((c * a * b for c, a, b in zip(weights, one, other, strict=True)), Fraction(0))


def image(matrix: Matrix, vector: Sequence[Scalar], scalars: Scalars) -> Vector:
    """`matrix * vector`."""
    return tuple(dot(row, vector, scalars) for row in matrix)


def form(matrix: Matrix, a: Sequence[Scalar], b: Sequence[Scalar], scalars: Scalars) -> Scalar:
    """`a^T matrix b`."""
    return dot(a, image(matrix, b, scalars), scalars)


def unit_vectors(length: int, scalars: Scalars) -> list[Vector]:
    """The standard basis."""
    return [tuple(scalars.number(Fraction(i == j)) for j in range(length)) for i in range(length)]


def pivot(entries: Sequence[Scalar], scalars: Scalars) -> int | None:
    """The position of an entry proved to be non-zero (balls: one far from zero), or `None` when all entries are exactly zero.

    Raises `Undetermined` when neither can be told.
    """
    if scalars.magnitude is None:
        return next((i for i, entry in enumerate(entries) if scalars.sign(entry)), None)
    sizes = [scalars.magnitude(entry) for entry in entries]
    best = max(range(len(entries)), key=sizes.__getitem__, default=None)
    if best is not None and sizes[best] > 0:
        return best
    return next((i for i, entry in enumerate(entries) if scalars.sign(entry)), None)


def normalised(vector: Vector, scalars: Scalars) -> Vector:
    """A positive multiple: some entry becomes 1 or -1, so that the numbers do not grow along a chain of combinations."""
    position = pivot(vector, scalars)
    if position is None:
        return vector
    size = vector[position] if scalars.sign(vector[position]) > 0 else -vector[position]
    return tuple(entry / size for entry in vector)


@dataclass(frozen=True)
class Echelon:
    """A reduced echelon form: `rows[i]` has 1 in column `columns[i]`, where the other rows have 0; `columns` in order of elimination.

    `sign` is that of the determinant when the matrix is square and of full rank.
    """

    rows: list[Vector]
    columns: list[int]
    sign: int


def echelon(rows: Matrix, width: int, scalars: Scalars) -> Echelon:
    """Gauss-Jordan with pivots anywhere in the first `width` columns.

    Complete pivoting: rows that are independent are found so without any number being proved to be zero, hence by balls, too.
    """
    work = [tuple(row) for row in rows]
    left, sign = list(range(len(work))), 1
    columns: list[int] = []
    order: list[int] = []
    while left and len(columns) < width:
        free = [j for j in range(width) if j not in columns]
        position = pivot([work[i][j] for i in left for j in free], scalars)
        if position is None:
            break
        i, j = left[position // len(free)], free[position % len(free)]
        head = work[i][j]
        sign *= scalars.sign(head)
        work[i] = tuple(scalars.one if k == j else entry / head for k, entry in enumerate(work[i]))
        for k in range(len(work)):
            if k != i:
                work[k] = _cleared(work[k], work[i], j, scalars)
        left.remove(i)
        columns.append(j)
        order.append(i)
    return Echelon([work[i] for i in order], columns, sign * _parity([j for _, j in sorted(zip(order, columns, strict=True))]))


def _cleared(row: Vector, pivot_row: Vector, column: int, scalars: Scalars) -> Vector:
    """`row` minus the multiple of `pivot_row` that makes the column exactly zero."""
    factor = row[column]
    cleared = [entry - factor * other for entry, other in zip(row, pivot_row, strict=True)]
    cleared[column] = scalars.zero
    return tuple(cleared)


def _parity(permutation: Sequence[int]) -> int:
    inversions = sum(a > b for i, a in enumerate(permutation) for b in permutation[i + 1 :])
    return -1 if inversions % 2 else 1


def rank(rows: Matrix, width: int, scalars: Scalars) -> int:
    """The rank of a matrix with `width` columns."""
    return len(echelon(rows, width, scalars).columns)


def kernel(rows: Matrix, width: int, scalars: Scalars) -> list[Vector]:
    """A basis of `{d in R^width : rows . d = 0}`."""
    reduced = echelon(rows, width, scalars)
    basis = []
    for free in (j for j in range(width) if j not in reduced.columns):
        vector = [scalars.zero] * width
        vector[free] = scalars.one
        for row, column in zip(reduced.rows, reduced.columns, strict=True):
            vector[column] = -row[free]
        basis.append(tuple(vector))
    return basis


def sparse_kernel(rows: Sequence[Sequence[fmpq]], width: int) -> dict[int, dict[int, fmpq]]:
    """`kernel` over Q: for every free column the vector that is 1 there and 0 at the other free ones, as column -> entry."""
    echelon, rank = fmpq_mat([list(row) for row in rows] or [[fmpq(0)] * width]).rref()
    leading = [next(j for j in range(width) if echelon[i, j] != 0) for i in range(rank)]
    return {
        free: {free: fmpq(1)} | {j: -echelon[i, free] for i, j in enumerate(leading) if echelon[i, free] != 0}
        for free in range(width)
        if free not in leading
    }


def dual_basis(rows: Matrix, width: int, scalars: Scalars) -> list[Vector] | None:
    """Vectors D_j with `rows_i . D_j = (i == j)`, or `None` when the rows are linearly dependent.

    In the reduced form `T rows = E` the pivot columns of E are the identity: D has the rows of T there and zeros elsewhere.
    """
    units = unit_vectors(len(rows), scalars)
    reduced = echelon([tuple(row) + unit for row, unit in zip(rows, units, strict=True)], width, scalars)
    if len(reduced.columns) < len(rows):
        return None
    dual = [[scalars.zero] * width for _ in rows]
    for row, column in zip(reduced.rows, reduced.columns, strict=True):
        for j, entry in enumerate(row[width:]):
            dual[j][column] = entry
    return [tuple(vector) for vector in dual]


def solve(rows: Matrix, right: Sequence[Scalar], width: int, scalars: Scalars) -> Vector | None:
    """One solution of `rows . x = right`, free unknowns zero; `None` when there is none."""
    reduced = echelon([(*row, entry) for row, entry in zip(rows, right, strict=True)], width, scalars)
    solution = [scalars.zero] * width
    for row, column in zip(reduced.rows, reduced.columns, strict=True):
        solution[column] = row[width]
    if len(reduced.columns) < len(rows):
        residual = [dot(row, solution, scalars) - entry for row, entry in zip(rows, right, strict=True)]
        if any(scalars.sign(entry) for entry in residual):
            return None
    return tuple(solution)
