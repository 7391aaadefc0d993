"""Signs of quadratic forms: on a space, on the orthant, on a polyhedral cone. Exact, with witnesses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from fractions import Fraction
from itertools import combinations

from reluspec.engines.algebraic.exact.linear import combination, dot, echelon, form, image, kernel, pivot, plus, unit_vectors
from reluspec.engines.algebraic.exact.scalars import Matrix, Scalar, Scalars, Undetermined, Vector

__all__ = [
    "ConeForm",
    "Copositivity",
    "Definiteness",
    "Reduction",
    "Scalars",
    "Undetermined",
    "copositivity",
    "definiteness",
    "form_on_cone",
    "orthant_form",
    "reduction",
]


class Definiteness(Enum):
    """Of a symmetric matrix; the empty one is positive."""

    POSITIVE = "positive definite"
    SEMIDEFINITE = "positive semidefinite and singular"
    INDEFINITE = "negative somewhere"


class Copositivity(Enum):
    """Of a form on a cone without its origin: positive; non-negative and zero somewhere (or not proved otherwise); negative somewhere."""

    STRICT = "positive"
    TIED = "non-negative"
    NEGATIVE = "negative somewhere"


@dataclass(frozen=True)
class ConeForm:
    """A verdict; `direction` is in the cone: the form is negative there (NEGATIVE), vanishes there (TIED, where one is at hand)."""

    kind: Copositivity
    direction: Vector | None = None


@dataclass
class _Diagonal:
    """Congruence in progress: `vectors[i]^T A vectors[j]` is diagonal on `done` with `values`, and `matrix` on the others, `left`."""

    vectors: list[Vector]
    matrix: list[list[Scalar]]
    left: list[int]
    done: list[int] = field(default_factory=list)
    values: list[Scalar] = field(default_factory=list)


@dataclass(frozen=True)
class Reduction:
    """An A-orthogonal basis: `positive` vectors with the form's `values` > 0, then the `kernel` of A, or a `negative` vector instead."""

    positive: tuple[Vector, ...]
    values: tuple[Scalar, ...]
    kernel: tuple[Vector, ...]
    negative: Vector | None

    @property
    def kind(self) -> Definiteness:
        if self.negative is not None:
            return Definiteness.INDEFINITE
        return Definiteness.SEMIDEFINITE if self.kernel else Definiteness.POSITIVE


def definiteness(matrix: Matrix, scalars: Scalars) -> Definiteness:
    """Of a symmetric n x n matrix."""
    return reduction(matrix, scalars).kind


def reduction(matrix: Matrix, scalars: Scalars) -> Reduction:
    """LDL^T by positive pivots on the diagonal, until none is left.

    A negative diagonal entry is a negative value. If the remaining diagonal is zero, a non-zero entry a_ij gives the negative value
    -2 |a_ij| at `e_i - sign(a_ij) e_j`; if there is none, the remaining vectors are the kernel.
    """
    n = len(matrix)
    state = _Diagonal(unit_vectors(n, scalars), [list(row) for row in matrix], list(range(n)))
    while state.left:
        position = pivot([state.matrix[i][i] for i in state.left], scalars)
        if position is None:
            return _flat(state, scalars)
        i = state.left[position]
        if scalars.sign(state.matrix[i][i]) < 0:
            return _reduced(state, (), state.vectors[i])
        _eliminate(state, i)
    return _reduced(state, (), None)


def _reduced(state: _Diagonal, kernel_vectors: tuple[Vector, ...], negative: Vector | None) -> Reduction:
    return Reduction(tuple(state.vectors[i] for i in state.done), tuple(state.values), kernel_vectors, negative)


def _eliminate(state: _Diagonal, i: int) -> None:
    """Make the other vectors A-orthogonal to vector i."""
    head = state.matrix[i][i]
    state.left.remove(i)
    state.done.append(i)
    state.values.append(head)
    factors = {j: -state.matrix[j][i] / head for j in state.left}
    for j in state.left:
        state.vectors[j] = plus(state.vectors[j], factors[j], state.vectors[i])
        for k in state.left:
            state.matrix[j][k] = state.matrix[j][k] + factors[j] * state.matrix[i][k]


def _flat(state: _Diagonal, scalars: Scalars) -> Reduction:
    """The remaining diagonal is exactly zero."""
    pairs = list(combinations(state.left, 2))
    position = pivot([state.matrix[i][j] for i, j in pairs], scalars)
    if position is None:
        return _reduced(state, tuple(state.vectors[i] for i in state.left), None)
    i, j = pairs[position]
    side = scalars.number(Fraction(-scalars.sign(state.matrix[i][j])))
    return _reduced(state, (), plus(state.vectors[i], side, state.vectors[j]))


def copositivity(matrix: Matrix, scalars: Scalars) -> Copositivity:
    """Of a symmetric k x k matrix on the orthant; exponential in k (k <= 10 or so)."""
    return orthant_form(matrix, scalars).kind


def orthant_form(matrix: Matrix, scalars: Scalars) -> ConeForm:
    """Copositivity with a witness x >= 0. Cheap sufficient criteria first, then all principal submatrices by increasing order.

    *Positive definite*: strictly copositive. *Row i with a_ii >= 0 and no negative entry*: x^T A x >= y^T A y for y = x without x_i, so
    A is copositive iff the rest is, and strictly iff a_ii > 0 and the rest is strictly. Balls that cannot tell leave it to what follows.
    """
    n = len(matrix)
    if positive_definite(matrix, scalars):
        return ConeForm(Copositivity.STRICT)
    kept, flat = list(range(n)), None
    while (i := next((i for i in kept if _no_negative(matrix, i, kept, scalars)), None)) is not None:
        flat = i if scalars.sign(matrix[i][i]) == 0 else flat
        kept.remove(i)
    inner = _all_orders(_principal(matrix, kept), scalars)
    if inner.kind is Copositivity.STRICT and flat is not None:
        return ConeForm(Copositivity.TIED, unit_vectors(n, scalars)[flat])
    return ConeForm(inner.kind, None if inner.direction is None else _spread(inner.direction, kept, n, scalars))


def _no_negative(matrix: Matrix, i: int, kept: list[int], scalars: Scalars) -> bool:
    try:
        return all(scalars.sign(matrix[i][j]) >= 0 for j in kept)
    except Undetermined:
        return False


def positive_definite(matrix: Matrix, scalars: Scalars) -> bool:
    """Whether that is proved."""
    try:
        return definiteness(matrix, scalars) is Definiteness.POSITIVE
    except Undetermined:
        return False


def _principal(matrix: Matrix, indices: Sequence[int]) -> list[list[Scalar]]:
    return [[matrix[i][j] for j in indices] for i in indices]


def _spread(vector: Sequence[Scalar], indices: Sequence[int], length: int, scalars: Scalars) -> Vector:
    """The vector with those entries at the indices and zeros elsewhere."""
    entries = dict(zip(indices, vector, strict=True))
    return tuple(entries.get(i, scalars.zero) for i in range(length))


def _all_orders(matrix: Matrix, scalars: Scalars) -> ConeForm:
    """Hadeler, *On copositive matrices* (1983); Cottle, Habetler, Lemke, *On classes of copositive matrices* (1970).

    Let all principal submatrices of order n - 1 be copositive and x > 0 minimise z^T A z on the simplex with value v <= 0 (no such x:
    A is strictly copositive if they are, copositive in any case). Then A x = v 1. For z independent of x the line x + t z meets the
    orthant's boundary at some t != 0, so for z^T A x = 0: v + t^2 z^T A z >= 0. If v < 0, A has signature (n - 1, 1), det A < 0, and
    A^-1 u <= 0 for u >= 0: otherwise y = x - t A^-1 u is on the boundary for some t > 0, and y^T A y = v 1.y - t u.y < 0 (or y = 0 and
    0 > A x / t = u). Hence adj A >= 0. If v = 0 and the submatrices are strictly copositive, A is semidefinite with kernel R x, x > 0.
    Conversely `x = adj A 1` has x >= 0 and x^T A x = det A 1^T adj A 1.
    """
    n, tied = len(matrix), None
    if positive_definite(matrix, scalars):
        return ConeForm(Copositivity.STRICT)
    for order in range(1, n + 1):
        for indices in combinations(range(n), order):
            verdict = _top_order(_principal(matrix, indices), scalars)
            if verdict.direction is not None:
                direction = _spread(verdict.direction, indices, n, scalars)
                if verdict.kind is Copositivity.NEGATIVE:
                    return ConeForm(Copositivity.NEGATIVE, direction)
                tied = direction
    return ConeForm(Copositivity.STRICT) if tied is None else ConeForm(Copositivity.TIED, tied)


def _top_order(matrix: Matrix, scalars: Scalars) -> ConeForm:
    """What the whole matrix adds, its proper principal submatrices being copositive: a negative value, a zero at some x > 0, or nothing."""
    n = len(matrix)
    reduced = echelon(matrix, n, scalars)
    if len(reduced.columns) < n:
        null = kernel(matrix, n, scalars)
        signs = {scalars.sign(entry) for entry in null[0]}
        if len(null) == 1 and len(signs) == 1:
            side = scalars.number(Fraction(signs.pop()))
            return ConeForm(Copositivity.TIED, tuple(side * entry for entry in null[0]))
    elif reduced.sign < 0:
        # The columns of -A^-1, a positive multiple of adj A.
        units = unit_vectors(n, scalars)
        inverse = echelon([(*row, *unit) for row, unit in zip(matrix, units, strict=True)], n, scalars)
        if all(scalars.sign(entry) <= 0 for row in inverse.rows for entry in row[n:]):
            ones = (scalars.one,) * n
            by_column = dict(zip(inverse.columns, inverse.rows, strict=True))
            return ConeForm(Copositivity.NEGATIVE, tuple(-dot(by_column[i][n:], ones, scalars) for i in range(n)))
    return ConeForm(Copositivity.STRICT)


def form_on_cone(matrix: Matrix, lineality: Sequence[Vector], rays: Sequence[Vector], scalars: Scalars) -> ConeForm:
    """The sign of `d^T matrix d` on the cone `lineality + {sum c_i rays_i : c >= 0}`, d != 0. `matrix` is symmetric, p x p.

    The rays are non-zero and span a pointed cone modulo the lineality space (a linearly independent list).

    On the lineality space the form is reduced first. A negative value settles it. For k in its kernel there and a ray r with
    `k^T H r != 0` the form at r + t k is linear in t: negative. Otherwise the rays are made H-orthogonal to the lineality space (Schur
    complement), so that the form is the sum of two: positive on the lineality space modulo its kernel, and `c^T (R^T H R) c` at `R c`.
    As R c != 0 for c >= 0, c != 0 (pointed), the second is positive on the cone iff that matrix is strictly copositive, even with more
    rays than dimensions.
    """
    p = len(matrix)
    gram = [[form(matrix, a, b, scalars) for b in lineality] for a in lineality]
    reduced = reduction(gram, scalars)
    if reduced.negative is not None:
        return ConeForm(Copositivity.NEGATIVE, combination(reduced.negative, lineality, p, scalars))
    null = [combination(weights, lineality, p, scalars) for weights in reduced.kernel]
    unbounded = _unbounded(matrix, null, rays, scalars)
    if unbounded is not None:
        return ConeForm(Copositivity.NEGATIVE, unbounded)
    positive = [combination(weights, lineality, p, scalars) for weights in reduced.positive]
    projected = [_projected(matrix, ray, positive, reduced.values, scalars) for ray in rays]
    inner = orthant_form([[form(matrix, a, b, scalars) for b in projected] for a in projected], scalars)
    direction = None if inner.direction is None else combination(inner.direction, projected, p, scalars)
    if null and inner.kind is not Copositivity.NEGATIVE:
        return ConeForm(Copositivity.TIED, null[0])
    return ConeForm(inner.kind, direction)


def _projected(matrix: Matrix, ray: Vector, basis: Sequence[Vector], values: Sequence[Scalar], scalars: Scalars) -> Vector:
    """The ray plus the combination of the H-orthogonal basis that makes it H-orthogonal to all of it."""
    slopes = image(matrix, ray, scalars)
    for vector, value in zip(basis, values, strict=True):
        ray = plus(ray, -dot(vector, slopes, scalars) / value, vector)
    return ray


def _unbounded(matrix: Matrix, null: Sequence[Vector], rays: Sequence[Vector], scalars: Scalars) -> Vector | None:
    """`r + t k` with value -1, for a ray r and a kernel vector k of the lineality space's form with `k^T H r != 0`."""
    for vector in null:
        for ray in rays:
            slope = form(matrix, vector, ray, scalars)
            if scalars.sign(slope):
                step = -(form(matrix, ray, ray, scalars) + scalars.one) / (slope + slope)
                return plus(ray, step, vector)
    return None
