"""Cones and arrangements against brute force over all subsets of rows, and against `regions.arrangement`."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations

import pytest
from flint import ctx
from hypothesis import given, settings
from hypothesis import strategies as st

from reluspec.engines.algebraic.exact.cones import TooManyCells, cells, generators
from reluspec.engines.algebraic.exact.linear import dot, dual_basis, kernel, rank, solve
from reluspec.engines.algebraic.exact.scalars import BALLS, FRACTIONS, Undetermined, ball_sign
from reluspec.regions.arrangement import arrangement

ctx.prec = 128
Rows = list[tuple[Fraction, ...]]


@st.composite
def integer_rows(draw: st.DrawFn, largest: int = 7, zero: bool = True) -> tuple[int, Rows]:
    p = draw(st.integers(1, 4))
    row = st.lists(st.integers(-2, 2), min_size=p, max_size=p).filter(lambda entries: zero or any(entries))
    rows = draw(st.lists(row, max_size=largest))
    return p, [tuple(map(Fraction, entries)) for entries in rows]


def values(rows: Rows, vector: tuple[Fraction, ...]) -> list[Fraction]:
    return [dot(row, vector, FRACTIONS) for row in rows]


def tight(rows: Rows, vector: tuple[Fraction, ...]) -> frozenset[int]:
    return frozenset(i for i, value in enumerate(values(rows, vector)) if value == 0)


def brute_rays(rows: Rows, p: int) -> set[frozenset[int]]:
    """The extreme rays of `{rows . d >= 0}` modulo its lineality space, each by the rows that vanish on it."""
    lines = kernel(rows, p, FRACTIONS)
    found = set()
    for chosen in combinations(rows, max(p - len(lines) - 1, 0)):
        edge = kernel([*chosen, *lines], p, FRACTIONS)
        if len(edge) == 1:
            for ray in (edge[0], tuple(-entry for entry in edge[0])):
                if min(values(rows, ray), default=Fraction(1)) >= 0:
                    found.add(tight(rows, ray))
    return found


@settings(max_examples=250, deadline=None)
@given(integer_rows())
def test_generators(case: tuple[int, Rows]) -> None:
    p, rows = case
    cone = generators(rows, p, FRACTIONS)
    assert len(cone.lineality) == p - rank(rows, p, FRACTIONS) == rank(cone.lineality, p, FRACTIONS)
    assert all(not any(values(rows, line)) for line in cone.lineality)
    assert all(min(values(rows, ray)) >= 0 for ray in cone.rays)
    found = [tight(rows, ray) for ray in cone.rays]
    assert len(set(found)) == len(found)
    assert set(found) == brute_rays(rows, p)


@settings(max_examples=150, deadline=None)
@given(integer_rows(zero=False))
def test_cells(case: tuple[int, Rows]) -> None:
    p, rows = case
    found = cells(rows, p, FRACTIONS)
    assert len(set(found)) == len(found)
    if rows:
        faces = arrangement(rows)
        assert set(found) == {tuple(map(int, signs)) for signs, dim in zip(faces.signs, faces.dimension, strict=True) if dim == p}
    else:
        assert found == [()]


@settings(max_examples=60, deadline=None)
@given(integer_rows(largest=5, zero=False))
def test_balls_agree_or_say_so(case: tuple[int, Rows]) -> None:
    p, rows = case
    try:
        found = cells([BALLS.vector(row) for row in rows], p, BALLS)
    except Undetermined:
        return
    assert found == cells(rows, p, FRACTIONS)


def test_limit() -> None:
    rows = [FRACTIONS.vector([Fraction(i == j) for j in range(8)]) for i in range(8)]
    assert len(cells(rows, 8, FRACTIONS, 256)) == 256
    with pytest.raises(TooManyCells):
        cells(rows, 8, FRACTIONS, 255)


def test_larger_cone() -> None:
    # Normals on the moment curve: the rays are the facets of the cyclic 4-polytope with 14 vertices, n (n - 3) / 2 of them (Gale).
    rows = [tuple(Fraction(t) ** k for k in range(5)) for t in range(-7, 7)]
    assert len(generators(rows, 5, FRACTIONS).rays) == 14 * 11 // 2


@settings(max_examples=100, deadline=None)
@given(integer_rows(largest=5), st.lists(st.integers(-2, 2), min_size=4, max_size=4))
def test_linear_systems(case: tuple[int, Rows], hidden: list[int]) -> None:
    p, rows = case
    dual = dual_basis(rows, p, FRACTIONS)
    assert (dual is None) == (rank(rows, p, FRACTIONS) < len(rows))
    for j, vector in enumerate(dual or ()):
        assert values(rows, vector) == [Fraction(i == j) for i in range(len(rows))]
    right = values(rows, tuple(map(Fraction, hidden[:p])))
    solution = solve(rows, right, p, FRACTIONS)
    assert solution is not None
    assert values(rows, solution) == right
    assert solve([*rows, *rows[:1]], [*right, *(entry + 1 for entry in right[:1])], p, FRACTIONS) is None or not rows


def test_independent_balls_need_no_exact_zero() -> None:
    root = BALLS.number(Fraction(2)).sqrt()
    rows = [(root, BALLS.one, root), (BALLS.one, root, root * root)]
    dual = dual_basis(rows, 3, BALLS)
    assert dual is not None
    for j, vector in enumerate(dual):
        assert all(abs(float(dot(row, vector, BALLS)) - (i == j)) < 1e-30 for i, row in enumerate(rows))
    with pytest.raises(Undetermined):
        rank([rows[0], tuple(root * entry for entry in rows[0])], 3, BALLS)
    with pytest.raises(Undetermined):
        ball_sign(root * root - 2)
