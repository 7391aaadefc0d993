"""Signs of forms: witnesses are checked exactly, the absence of negative values on dense samples and by subdivision."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations_with_replacement

import numpy as np
import pytest
from flint import ctx
from hypothesis import given, settings
from hypothesis import strategies as st

from reluspec.engines.algebraic.exact.cones import generators
from reluspec.engines.algebraic.exact.forms import Copositivity, Definiteness, copositivity, definiteness, form_on_cone, orthant_form
from reluspec.engines.algebraic.exact.linear import dot, form
from reluspec.engines.algebraic.exact.scalars import BALLS, FRACTIONS, Undetermined

ctx.prec = 128
Matrix = list[list[Fraction]]
HORN = [[1, -1, 1, 1, -1], [-1, 1, -1, 1, 1], [1, -1, 1, -1, 1], [1, 1, -1, 1, -1], [-1, 1, 1, -1, 1]]


def fractions(matrix: list[list[int]]) -> Matrix:
    return [[Fraction(entry) for entry in row] for row in matrix]


@st.composite
def symmetric(draw: st.DrawFn, least: int = 1, largest: int = 4, diagonal: int = -1) -> Matrix:
    n = draw(st.integers(least, largest))
    matrix = [[Fraction(0)] * n for _ in range(n)]
    for i in range(n):
        for j in range(i + 1):
            matrix[i][j] = matrix[j][i] = Fraction(draw(st.integers(diagonal, 3) if i == j else st.integers(-3, 3)))
    return matrix


def subdivided(matrix: Matrix, corners: list[tuple[Fraction, ...]], depth: int) -> Copositivity | None:
    """Bundfuss and Duer (2008): positive Gram matrices on a subdivision of the simplex prove strict copositivity. `None`: not decided."""
    gram = [[form(matrix, a, b, FRACTIONS) for b in corners] for a in corners]
    if any(gram[i][i] < 0 for i in range(len(corners))):
        return Copositivity.NEGATIVE
    if all(entry >= 0 for row in gram for entry in row):
        return Copositivity.STRICT if all(gram[i][i] > 0 for i in range(len(corners))) else Copositivity.TIED
    if depth == 0:
        return None
    i, j = min(((i, j) for i in range(len(corners)) for j in range(i)), key=lambda pair: gram[pair[0]][pair[1]])
    middle = tuple((x + y) / 2 for x, y in zip(corners[i], corners[j], strict=True))
    halves = [subdivided(matrix, [middle if k == drop else c for k, c in enumerate(corners)], depth - 1) for drop in (i, j)]
    for kind in (Copositivity.NEGATIVE, None, Copositivity.TIED):
        if kind in halves:
            return kind
    return Copositivity.STRICT


@settings(max_examples=400, deadline=None)
@given(symmetric())
def test_copositivity(matrix: Matrix) -> None:
    found = orthant_form(matrix, FRACTIONS)
    if found.kind is not Copositivity.STRICT:
        assert found.direction is not None
        assert min(found.direction) >= 0 < max(found.direction)
        value = form(matrix, found.direction, found.direction, FRACTIONS)
        assert value < 0 if found.kind is Copositivity.NEGATIVE else value == 0
    n = len(matrix)
    corners = [tuple(Fraction(i == j) for j in range(n)) for i in range(n)]
    reference = subdivided(matrix, corners, 10)
    assert reference in (None, found.kind)
    if found.kind is Copositivity.TIED:
        floats = np.array(matrix, dtype=float)
        grid = np.array([np.bincount(chosen, minlength=n) for chosen in combinations_with_replacement(range(n), 12)], dtype=float)
        assert np.einsum("ki,ij,kj->k", grid, floats, grid).min() >= -1e-9


@pytest.mark.parametrize(
    ("shift", "kind"), [(Fraction(0), "TIED"), (Fraction(1, 10**9), "STRICT"), (Fraction(-1, 10**9), "NEGATIVE")], ids=str
)
def test_horn(shift: Fraction, kind: str) -> None:
    """Horn's matrix is copositive, not strictly, and not a sum of a semidefinite and a non-negative matrix."""
    matrix = [[entry + shift * (i == j) for j, entry in enumerate(row)] for i, row in enumerate(fractions(HORN))]
    assert copositivity(matrix, FRACTIONS).name == kind
    if shift:
        assert copositivity([BALLS.vector(row) for row in matrix], BALLS).name == kind


def test_copositive_of_order_ten() -> None:
    # Two Horn matrices side by side, coupled positively; then one negative coupling that Horn's zeros (1, 1, 0, 0, 0) feel.
    zeros = [[0] * 5 for _ in range(5)]
    matrix = fractions([a + b for a, b in zip(HORN, zeros, strict=True)] + [b + a for a, b in zip(HORN, zeros, strict=True)])
    assert copositivity(matrix, FRACTIONS) is Copositivity.TIED
    matrix[0][5] = matrix[5][0] = Fraction(-1, 100)
    found = orthant_form(matrix, FRACTIONS)
    assert found.kind is Copositivity.NEGATIVE
    assert form(matrix, found.direction, found.direction, FRACTIONS) < 0


@settings(max_examples=300, deadline=None)
@given(symmetric(0, 5))
def test_definiteness(matrix: Matrix) -> None:
    lowest = min(np.linalg.eigvalsh(np.array(matrix, dtype=float)), default=1.0) if matrix else 1.0
    expected = Definiteness.POSITIVE if lowest > 1e-9 else Definiteness.SEMIDEFINITE if lowest > -1e-9 else Definiteness.INDEFINITE
    assert definiteness(matrix, FRACTIONS) is expected
    try:
        assert definiteness([BALLS.vector(row) for row in matrix], BALLS) is expected
    except Undetermined:
        assert expected is not Definiteness.POSITIVE


@settings(max_examples=300, deadline=None)
@given(symmetric(2, 4), st.lists(st.lists(st.integers(-2, 2), min_size=4, max_size=4), max_size=6), st.integers(0, 2**30))
def test_form_on_cone(matrix: Matrix, rows: list[list[int]], seed: int) -> None:
    p = len(matrix)
    normals = [tuple(map(Fraction, row[:p])) for row in rows]
    cone = generators(normals, p, FRACTIONS)
    found = form_on_cone(matrix, cone.lineality, cone.rays, FRACTIONS)
    if found.kind is not Copositivity.STRICT:
        assert found.direction is not None
        assert any(found.direction)
        assert all(dot(normal, found.direction, FRACTIONS) >= 0 for normal in normals)
        value = form(matrix, found.direction, found.direction, FRACTIONS)
        assert value < 0 if found.kind is Copositivity.NEGATIVE else value == 0
    if found.kind is not Copositivity.NEGATIVE and (cone.lineality or cone.rays):
        points = sample(cone.lineality, cone.rays, np.random.default_rng(seed))
        lowest = np.einsum("ki,ij,kj->k", points, np.array(matrix, dtype=float), points).min()
        assert lowest > (0 if found.kind is Copositivity.STRICT else -1e-9)


def sample(lineality: tuple[tuple[Fraction, ...], ...], rays: tuple[tuple[Fraction, ...], ...], rng: np.random.Generator) -> np.ndarray:
    """Points of the cone; many on its faces."""
    count, points = 500, 0
    if lineality:
        points = points + rng.normal(size=(count, len(lineality))) @ np.array(lineality, dtype=float)
    if rays:
        weights = rng.exponential(size=(count, len(rays))) * (rng.random((count, len(rays))) < 0.6)
        weights[np.arange(count), rng.integers(0, len(rays), count)] += 0.1
        points = points + weights @ np.array(rays, dtype=float)
    return np.asarray(points)
