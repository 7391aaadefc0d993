"""The arrangement of one unit against a slow, plain enumeration of all sign vectors."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from math import comb, gcd

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reluspec.errors import LimitError
from reluspec.regions.arrangement import MAX_FACES, Arrangement, arrangement, faces_bound, sign_string

Row = tuple[Fraction, ...]


# The reference: a sign vector is a face iff its linear system has a solution, by Fourier and Motzkin.


def feasible(zero: list[Row], positive: list[Row]) -> bool:
    """Whether some w has `row . w = 0` and `row . w > 0` for the given rows."""
    zero, positive = list(zero), list(positive)
    while zero:
        row = zero.pop()
        pivot = next((k for k, entry in enumerate(row) if entry), None)
        if pivot is not None:
            zero = [eliminate(other, row, pivot) for other in zero]
            positive = [eliminate(other, row, pivot) for other in positive]
    for k in range(len(positive[0]) if positive else 0):
        if any(not any(row) for row in positive):
            return False
        above = [row for row in positive if row[k] > 0]
        below = [row for row in positive if row[k] < 0]
        combined = [tuple(a * -low[k] + b * up[k] for a, b in zip(up, low, strict=True)) for up in above for low in below]
        positive = list(dict.fromkeys([row for row in positive if not row[k]] + combined))
    return not positive


def eliminate(row: Row, by: Row, pivot: int) -> Row:
    return tuple(entry - row[pivot] / by[pivot] * b for entry, b in zip(row, by, strict=True))


def rank(rows: list[Row]) -> int:
    rows = [row for row in rows if any(row)]
    if not rows:
        return 0
    first, *rest = rows
    pivot = next(k for k, entry in enumerate(first) if entry)
    return 1 + rank([eliminate(row, first, pivot) for row in rest])


def reference(rows: list[Row]) -> dict[str, int]:
    """Every face's sign string and dimension."""
    found = {}
    for signs in product((1, 0, -1), repeat=len(rows)):
        zero = [row for row, sign in zip(rows, signs, strict=True) if sign == 0]
        positive = [tuple(sign * entry for entry in row) for row, sign in zip(rows, signs, strict=True) if sign]
        if feasible(zero, positive):
            found[sign_string(signs)] = len(rows[0]) - rank(zero)
    return found


def in_closure(lower: str, upper: str) -> bool:
    return all(low in ("0", up) for low, up in zip(lower, upper, strict=True))


def signs_at(rows: list[Row], point: tuple[int, ...]) -> str:
    heights = [sum((entry * p for entry, p in zip(row, point, strict=True)), Fraction(0)) for row in rows]
    return sign_string([(height > 0) - (height < 0) for height in heights])


def check(rows: list[Row]) -> Arrangement:
    """All that an arrangement claims about itself."""
    found = arrangement(rows)
    assert dict(zip(found.names, found.dimension.tolist(), strict=True)) == reference(rows)
    assert len(set(found.names)) == len(found)
    check_order(found)
    check_incidences(found, rows)
    check_points(found, rows)
    check_totals(found)
    return found


def check_order(found: Arrangement) -> None:
    assert list(found.dimension) == sorted(found.dimension)
    assert found.names[0] == "0" * len(found.rows)
    order = {"+": 0, "0": 1, "-": 2}
    keys = [(dimension, [order[sign] for sign in name]) for dimension, name in zip(found.dimension.tolist(), found.names, strict=True)]
    assert keys == sorted(keys)
    assert [found.index_of(name) for name in found.names] == list(range(len(found)))


def check_incidences(found: Arrangement, rows: list[Row]) -> None:
    """F is a facet of G iff F is in the closure of G and one dimension smaller; the step at F leads into G."""
    dimension = dict(zip(found.names, found.dimension.tolist(), strict=True))
    expected = {(f, g) for f in dimension for g in dimension if dimension[g] == dimension[f] + 1 and in_closure(f, g)}
    pairs = [(found.names[lower], found.names[upper]) for lower, upper in zip(found.lower, found.upper, strict=True)]
    assert len(pairs) == len(set(pairs))
    assert set(pairs) == expected
    assert found.direction.shape == (len(pairs), len(rows[0]))
    for (lower, upper), step, row in zip(pairs, found.direction, found.facet_row, strict=True):
        towards = signs_at(rows, tuple(int(entry) for entry in step))
        # An infinitesimal step: where the facet's switch is not zero it keeps its sign, elsewhere the step decides.
        assert "".join(t if low == "0" else low for low, t in zip(lower, towards, strict=True)) == upper
        assert lower[row] == "0"
        assert upper[row] != "0"


def check_points(found: Arrangement, rows: list[Row]) -> None:
    for face, name in enumerate(found.names):
        point = found.point(face)
        assert signs_at(rows, point) == name
        assert gcd(*point) in (0, 1)
    assert not any(found.point(0))


def check_totals(found: Arrangement) -> None:
    assert sum((-1) ** dimension for dimension in found.dimension.tolist()) == (-1) ** found.ambient_dimension  # Euler: they fill R^m
    assert sum(found.counts_by_codimension()) == len(found)
    assert {name.translate(str.maketrans("+-", "-+")) for name in found.names} == set(found.names)
    walls = np.flatnonzero(found.dimension == found.ambient_dimension - 1)
    assert all(np.count_nonzero(found.lower == wall) == 2 for wall in walls)


@st.composite
def degenerate_rows(draw: st.DrawFn) -> list[Row]:
    """Small integer rows with repetitions, multiples, sums of others and zeros: everything that is not general position."""
    size = draw(st.integers(1, 4))
    entry = st.integers(-2, 2)
    rows: list[tuple[int, ...]] = []
    for _ in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from(["new", "new", "new", "multiple", "sum", "zero"]))
        if kind == "zero":
            rows.append((0,) * size)
        elif kind == "multiple" and rows:
            factor = draw(st.sampled_from([-2, -1, 1, 3]))
            rows.append(tuple(factor * value for value in draw(st.sampled_from(rows))))
        elif kind == "sum" and rows:
            one, other = draw(st.sampled_from(rows)), draw(st.sampled_from(rows))
            rows.append(tuple(a + b for a, b in zip(one, other, strict=True)))
        else:
            rows.append(tuple(draw(entry) for _ in range(size)))
    return [tuple(map(Fraction, row)) for row in rows]


def with_bias(*points: tuple[int, ...]) -> list[Row]:
    return [(*map(Fraction, point), Fraction(1)) for point in points]


@settings(max_examples=60, deadline=None)
@given(degenerate_rows())
@example(with_bias((0,), (0,), (1,)))  # a repeated point
@example(with_bias((0, 0), (1, 1), (2, 2), (3, 3)))  # collinear points
@example(with_bias((0, 0), (1, 0), (0, 1), (1, 1)))  # XOR
@example(with_bias((1, 2, 3)))  # fewer points than dimensions
@example([(Fraction(0), Fraction(0))])  # nothing but a zero row
@example([(Fraction(0),), (Fraction(-3),), (Fraction(5),)])  # no bias, d = 1, x = 0 among the data
@example([(Fraction(1, 3), Fraction(-1, 2)), (Fraction(-2, 3), Fraction(1)), (Fraction(1, 7), Fraction(1, 5))])
def test_agrees_with_the_reference(rows: list[Row]) -> None:
    check(rows)


@pytest.mark.parametrize("size", [10**9, 10**20])
def test_numbers_beyond_machine_integers(size: int) -> None:
    rows = with_bias((size, 1), (1, size), (-size, size - 1), (size + 1, 1), (0, 0))
    check(rows)


@pytest.mark.parametrize("points", [1, 2, 5, 9])
def test_one_input_has_2n_cells_2n_rays_and_the_origin(points: int) -> None:
    found = arrangement(with_bias(*((x,) for x in range(points))))
    assert found.counts_by_codimension() == ((2 * points, 2 * points, 1) if points > 1 else (2, 1))


@pytest.mark.parametrize(("points", "inputs"), [(3, 2), (6, 2), (7, 3), (6, 4), (4, 4)])
def test_general_position_counts(points: int, inputs: int) -> None:
    """Points on the moment curve: the cells of theory.md section 2, and the bound on all faces is attained."""
    found = arrangement(with_bias(*(tuple(t**k for k in range(1, inputs + 1)) for t in range(points))))
    assert found.counts_by_codimension()[0] == 2 * sum(comb(points - 1, k) for k in range(inputs + 1))
    assert len(found) == faces_bound(points, min(points, inputs + 1))
    check_totals(found)


@settings(max_examples=60, deadline=None)
@given(degenerate_rows())
def test_the_bound_is_one(rows: list[Row]) -> None:
    hyperplanes = {tuple(entry / next(filter(None, row)) for entry in row) for row in rows if any(row)}
    assert len(arrangement(rows)) <= faces_bound(len(hyperplanes), rank(rows))


def test_lineality_of_too_few_points() -> None:
    found = arrangement(with_bias((1, 2, 3), (4, 5, 6)))
    assert (found.ambient_dimension, found.lineality) == (4, 2)
    assert found.counts_by_codimension() == (4, 4, 1)


def test_no_face_of_that_name() -> None:
    found = arrangement(with_bias((0,), (1,), (2,)))
    assert found.index_of("+-+") is None
    assert found.index_of("+0-") is not None


def test_the_limit_says_how_large_it_is() -> None:
    rows = with_bias(*(tuple(t**k for k in range(1, 6)) for t in range(60)))
    bound = faces_bound(60, 6)
    assert bound > MAX_FACES
    with pytest.raises(LimitError) as raised:
        arrangement(rows)
    assert f"{bound:,}" in str(raised.value)
    assert f"{MAX_FACES:,}" in str(raised.value)


@settings(max_examples=30, deadline=None)
@given(degenerate_rows())
def test_order_of_the_data_does_not_matter(rows: list[Row]) -> None:
    names = {frozenset(enumerate(name)) for name in arrangement(rows).names}
    size = len(rows)
    backwards = {frozenset((size - 1 - position, sign) for position, sign in enumerate(name)) for name in arrangement(rows[::-1]).names}
    assert names == backwards
