"""Signs along an arc of critical points, against Sturm's theorem, exact samples and evaluation on the arc itself."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from math import sqrt

import pytest
from flint import fmpq, fmpz_poly
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from reluspec.engines.algebraic.exact.algebraic import Algebraic
from reluspec.engines.algebraic.exact.number_field import RATIONALS, NumberField
from reluspec.engines.algebraic.exact.scalars import Undetermined
from reluspec.engines.algebraic.judging.circles import Chord, Polynomial
from reluspec.engines.algebraic.stationary.polyhedra import CriticalSet
from reluspec.engines.algebraic.stationary.rotations import rotated

RUN = settings(max_examples=150, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
SMALL = st.fractions(-3, 3, max_denominator=4)
ROOT_TWO = NumberField(fmpz_poly([-2, 0, 1]), 1)

# ---- signs on the open interval from 0 to 1 ------------------------------------------------------------------------------------


def trimmed(coefficients: list[Fraction]) -> list[Fraction]:
    """Without leading zeros; constant first."""
    while coefficients and not coefficients[-1]:
        coefficients = coefficients[:-1]
    return coefficients


def remainder(top: list[Fraction], bottom: list[Fraction]) -> list[Fraction]:
    top = list(top)
    while len(top) >= len(bottom):
        factor = top[-1] / bottom[-1]
        for k, entry in enumerate(bottom):
            top[len(top) - len(bottom) + k] -= factor * entry
        top = trimmed(top[:-1])
    return top


def at(coefficients: list[Fraction], t: Fraction) -> Fraction:
    return sum((entry * t**k for k, entry in enumerate(coefficients)), Fraction(0))


def changes(values: list[Fraction]) -> int:
    signs = [value > 0 for value in values if value]
    return sum(a != b for a, b in pairwise(signs))


def roots_inside(coefficients: list[Fraction]) -> int:
    """How many different roots lie strictly between 0 and 1, by Sturm's theorem."""
    while not coefficients[0]:
        coefficients = coefficients[1:]
    while at(coefficients, Fraction(1)) == 0:
        quotient, carry = [], Fraction(0)
        for entry in reversed(coefficients):
            carry += entry
            quotient.append(carry)
        coefficients = quotient[-2::-1]
    chain = [coefficients, trimmed([k * entry for k, entry in enumerate(coefficients)][1:])]
    while chain[-1]:
        chain.append(trimmed([-entry for entry in remainder(chain[-2], chain[-1])]))
    return changes([at(one, Fraction(0)) for one in chain[:-1]]) - changes([at(one, Fraction(1)) for one in chain[:-1]])


def polynomial(coefficients: list[Fraction], field: NumberField = RATIONALS) -> Polynomial:
    return Polynomial(tuple(field.element(entry) for entry in coefficients))


def expected_sign(coefficients: list[Fraction]) -> int | None:
    """The one sign on the open interval; `None` if there is none."""
    if not any(coefficients):
        return 0
    signs = {(value > 0) - (value < 0) for value in (at(coefficients, Fraction(k, 64)) for k in range(1, 64))}
    if roots_inside(trimmed(coefficients)):
        return None
    (only,) = signs
    return only


@RUN
@given(st.lists(SMALL, min_size=1, max_size=6))
def test_signs_by_sturm(coefficients: list[Fraction]) -> None:
    """A sign that is told is right; a change of sign, or a zero inside, is told by no sign."""
    expected = expected_sign(coefficients)
    try:
        found = polynomial(coefficients).sign()
    except Undetermined:
        assert expected is None or near_a_root(coefficients)
    else:
        assert found == expected


def near_a_root(coefficients: list[Fraction]) -> bool:
    """Whether some value is so small that halving eight times may not show its sign: by values at 1/512 and its multiples."""
    size = max(abs(entry) for entry in coefficients)
    return any(abs(at(coefficients, Fraction(k, 512))) < size / 50 for k in range(513))


@RUN
@given(
    st.lists(st.one_of(st.fractions(-4, Fraction(-1, 20)), st.fractions(Fraction(21, 20), 4)), max_size=3),
    st.lists(st.tuples(SMALL, st.fractions(Fraction(1, 10), 2)), max_size=2),
    st.integers(0, 2),
    st.integers(0, 2),
    SMALL.filter(bool),
)
def test_roots_outside(roots: list[Fraction], pairs: list[tuple[Fraction, Fraction]], start: int, end: int, leading: Fraction) -> None:
    """With all real roots a little outside, or at the ends, and the others off the axis, the sign is told."""
    whole = polynomial([leading])
    for root in [*roots, *[Fraction(0)] * start, *[Fraction(1)] * end]:
        whole = whole * polynomial([-root, Fraction(1)])
    for real, imaginary in pairs:
        whole = whole * polynomial([real**2 + imaginary**2, -2 * real, Fraction(1)])
    coefficients = [entry.fraction() for entry in whole.coefficients]
    assert all(entry is not None for entry in coefficients)
    assert whole.sign() == expected_sign([entry for entry in coefficients if entry is not None])


@RUN
@given(st.fractions(Fraction(1, 100), Fraction(99, 100)), st.lists(SMALL, min_size=1, max_size=4))
def test_a_root_inside_is_seen(root: Fraction, others: list[Fraction]) -> None:
    assume(any(others))
    with pytest.raises(Undetermined):
        (polynomial([-root, Fraction(1)]) * polynomial(others)).sign()


@pytest.mark.parametrize(("shift", "expected"), [(0, None), (Fraction(1, 1000), 1), (Fraction(-1, 8), None), (-1, -1)])
def test_a_double_root_is_no_sign(shift: Fraction, expected: int | None) -> None:
    """(t - sqrt(2)/2)^2 + shift over Q(sqrt 2): a zero inside does not count as positive."""
    half = ROOT_TWO.generator / 2
    square = Polynomial((half * half + shift, half * -2, ROOT_TWO.element(1)))
    if expected is None:
        with pytest.raises(Undetermined):
            square.sign()
    else:
        assert square.sign() == expected


def test_zero_and_constants() -> None:
    assert polynomial([Fraction(0)] * 3).sign() == 0
    assert polynomial([Fraction(-2)]).sign() == -1
    assert (polynomial([Fraction(1)]) + polynomial([Fraction(0), Fraction(2)]) ** 3).sign() == 1


@RUN
@given(st.lists(SMALL, min_size=1, max_size=4), st.lists(SMALL, min_size=1, max_size=4), st.integers(1, 3), SMALL)
def test_arithmetic(first: list[Fraction], second: list[Fraction], power: int, t: Fraction) -> None:
    a, b = polynomial(first), polynomial(second)

    def value(one: Polynomial) -> Fraction:
        exact = [entry.fraction() for entry in one.coefficients]
        return at([entry for entry in exact if entry is not None], t)

    assert value(a + b) == at(first, t) + at(second, t)
    assert value(a + Fraction(3)) == at(first, t) + 3
    assert value(a * b) == at(first, t) * at(second, t)
    assert value(a**power) == at(first, t) ** power


# ---- along an arc --------------------------------------------------------------------------------------------------------------

PAIRS = ((0, 2), (1, 3))
COORDINATES = 6


@st.composite
def an_arc(draw: st.DrawFn) -> CriticalSet:
    """An arc of less than half a turn through a random point over Q or Q(sqrt 2); coordinates 4 and 5 do not move."""
    field = draw(st.sampled_from([RATIONALS, ROOT_TWO]))
    point = tuple(field.element(draw(SMALL)) + field.generator * draw(st.integers(-1, 1)) for _ in range(COORDINATES))
    assume(any(point[k] != 0 for pair in PAIRS for k in pair))
    half = draw(st.fractions(Fraction(1, 10), Fraction(9, 10)))
    start = draw(SMALL)
    ends = [rotated(point, PAIRS, *(field.element(entry) for entry in direction(start, t))) for t in (Fraction(0), half)]
    scaled = tuple(entry * 3 if k < 4 else entry for k, entry in enumerate(ends[1]))  # ends need not have one length
    inside = rotated(point, PAIRS, *(field.element(entry) for entry in direction(start, half / 2)))
    return CriticalSet(field, (), (), inside, (inside,), (ends[0], scaled), (), (frozenset(), frozenset()), False, PAIRS)


def direction(start: Fraction, turn: Fraction) -> tuple[Fraction, Fraction]:
    """A point of the unit circle: the one at `start` turned by the one at `turn`, both by the tangent of half the angle."""
    (c, s), (d, t) = (((1 - h * h) / (1 + h * h), 2 * h / (1 + h * h)) for h in (start, turn))
    return c * d - s * t, s * d + c * t


EXPONENTS = st.lists(st.integers(0, 2), min_size=COORDINATES, max_size=COORDINATES)
TERMS = st.dictionaries(EXPONENTS.map(tuple), SMALL.filter(bool), min_size=1, max_size=5)


def moving_degree(exponents: tuple[int, ...]) -> int:
    return sum(exponents[:4])


@RUN
@given(an_arc(), TERMS, st.fractions(0, 1, max_denominator=12))
def test_values_on_the_arc(found: CriticalSet, terms: dict[tuple[int, ...], Fraction], t: Fraction) -> None:
    """The polynomial on the arc is that on the chord times the power of a positive number; the sides' parities must agree."""
    rational = {exponents: fmpq(value.numerator, value.denominator) for exponents, value in terms.items()}
    chord = Chord(found, *found.vertices)
    if len({moving_degree(exponents) % 2 for exponents in terms}) > 1:
        with pytest.raises(Undetermined):
            chord.up_to_scale(rational)
        return
    value = evaluated(chord.up_to_scale(rational).coefficients, t)
    point = [float(a) + float(t) * (float(b) - float(a)) for a, b in zip(*found.vertices, strict=True)]
    radius = sqrt(sum(float(found.witness[k]) ** 2 for k in range(4)))
    factor = radius / sqrt(sum(entry**2 for entry in point[:4]))
    arc = [entry * factor for entry in point[:4]] + [float(entry) for entry in found.witness[4:]]
    direct, size = 0.0, 0.0
    for exponents, coefficient in terms.items():
        term = float(coefficient)
        for base, exponent in zip(arc, exponents, strict=True):
            term *= base**exponent
        direct, size = direct + term, size + abs(term)
    top = max(map(moving_degree, terms))
    assert value * factor**top == pytest.approx(direct, rel=1e-9, abs=1e-9 * (1 + size))


def evaluated(coefficients: tuple[Algebraic, ...], t: Fraction) -> float:
    return float(sum((entry * t**k for k, entry in enumerate(coefficients)), coefficients[0] * 0))


@RUN
@given(an_arc(), st.lists(SMALL, min_size=4, max_size=4))
def test_a_linear_form_along_an_arc(found: CriticalSet, form: list[Fraction]) -> None:
    """Its sign at both ends is its sign in between, or there is none."""
    terms = {tuple(int(k == j) for j in range(COORDINATES)): fmpq(c.numerator, c.denominator) for k, c in enumerate(form) if c}
    assume(terms)
    ends = [sum((vertex[k] * c for k, c in enumerate(form)), found.field.element(0)).sign() for vertex in found.vertices]
    along = Chord(found, *found.vertices).up_to_scale(terms)
    if set(ends) == {1, -1}:
        with pytest.raises(Undetermined):
            along.sign()
    else:
        assert along.sign() == next((end for end in ends if end), 0)
