"""Arithmetic and signs of real algebraic numbers."""

from __future__ import annotations

import json
from fractions import Fraction
from math import cbrt, sqrt

import pytest
from flint import fmpq, fmpq_poly, fmpz_poly
from hypothesis import given, settings
from hypothesis import strategies as st

from reluspec.engines.algebraic.exact import algebraic
from reluspec.engines.algebraic.exact.algebraic import Algebraic
from reluspec.engines.algebraic.exact.number_field import RATIONALS, NumberField, real_embeddings
from reluspec.engines.algebraic.exact.real_roots import real_root_count

ROOT_TWO = NumberField(fmpz_poly([-2, 0, 1]), 1)
CUBIC = NumberField(fmpz_poly([1, -3, 0, 1]), 1)  # three real roots
QUINTIC = NumberField(fmpz_poly([3, -1, 0, 0, 0, 2]))
FIELDS = (RATIONALS, ROOT_TWO, CUBIC, QUINTIC)

rationals = st.fractions(min_value=-20, max_value=20, max_denominator=12)


@st.composite
def triples(draw: st.DrawFn) -> tuple[Algebraic, Algebraic, Algebraic]:
    field = draw(st.sampled_from(FIELDS))
    return tuple(_element(draw, field) for _ in range(3))  # type: ignore[return-value]


def _element(draw: st.DrawFn, field: NumberField) -> Algebraic:
    def polynomial() -> fmpq_poly:
        values = draw(st.lists(rationals, max_size=field.degree))
        return fmpq_poly([fmpq(value.numerator, value.denominator) for value in values])

    top, bottom = field.element(polynomial()), field.element(polynomial())
    return top / bottom if bottom else top


@given(triples())
@settings(deadline=None, max_examples=60)
def test_field_laws(elements: tuple[Algebraic, Algebraic, Algebraic]) -> None:
    a, b, c = elements
    assert a + b == b + a
    assert a * b == b * a
    assert (a + b) + c == a + (b + c)
    assert (a * b) * c == a * (b * c)
    assert a * (b + c) == a * b + a * c
    assert a - a == 0
    assert 0 - (0 - a) == a
    assert a**2 == a * a
    if b:
        assert a / b * b == a
        assert b**-1 == 1 / b
        assert b * b.inverse() == 1


@given(triples())
@settings(deadline=None, max_examples=60)
def test_signs_respect_order_and_balls(elements: tuple[Algebraic, Algebraic, Algebraic]) -> None:
    a, b, _ = elements
    assert (a * b).sign() == a.sign() * b.sign()
    assert (a - b).sign() == -(b - a).sign()
    assert (a * a).sign() >= 0
    assert (a - b).sign() == (float(a) > float(b)) - (float(a) < float(b)) or abs(float(a) - float(b)) < 1e-9
    assert a.ball(200).overlaps(a.ball(80))
    assert a.field.element(a.polynomial) == a
    if a:
        assert a.ball(200).rel_accuracy_bits() >= 200


@given(triples(), st.lists(st.tuples(st.sampled_from("+-*/"), st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=12))
@settings(deadline=None, max_examples=80)
def test_arithmetic_that_is_put_off_is_that_done_at_once(
    elements: tuple[Algebraic, Algebraic, Algebraic], steps: list[tuple[str, int, int]]
) -> None:
    """Two programs of the same steps; the one computes every step exactly before the next."""
    results = []
    for degree in (0, 1000):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(algebraic, "EAGER_DEGREE", degree)
            known = [elements[0].field.element(element.polynomial) for element in elements]
            for name, i, j in steps:
                one, two = known[i % len(known)], known[j % len(known)]
                known.append(one + two if name == "+" else one - two if name == "-" else one * two if name == "*" or not two else one / two)
            results.append(known)
    for late, early in zip(*results, strict=True):
        assert late.sign() == early.sign()
        assert bool(late) == bool(early)
        assert late.ball(100).overlaps(early.ball(100))
        assert late == early
        assert late.polynomial == early.polynomial


def test_long_sums_do_not_recurse() -> None:
    total, root = QUINTIC.element(0), QUINTIC.generator
    for number in range(1, 5_000):
        total = total + root * number
    assert total.sign() == root.sign()
    assert total == root * sum(range(5_000))


@given(triples())
@settings(deadline=None, max_examples=60)
def test_json_round_trip(elements: tuple[Algebraic, Algebraic, Algebraic]) -> None:
    for element in elements:
        field = NumberField.from_json(json.loads(json.dumps(element.field.to_json())))
        assert field == element.field
        assert field.element_from_json(json.loads(json.dumps(element.to_json()))) == element


@given(rationals, st.integers(-9, 9))
def test_mixed_with_rationals(value: Fraction, number: int) -> None:
    root = ROOT_TWO.generator
    assert ((root + value) - root).fraction() == value
    assert (value + root) == (root + value)
    assert ((number - root) + root).fraction() == number
    assert (value * root) ** 2 == 2 * value * value
    assert RATIONALS.element(value) * root == root * value
    assert (RATIONALS.element(value) + root).field == ROOT_TWO


def test_exact_zeros() -> None:
    root = ROOT_TWO.generator
    assert (root * root - 2).sign() == 0
    assert (root * root - 2) == 0
    assert not root**4 - 4
    assert (1 / (root - 1) - root - 1).sign() == 0
    near = Fraction(14142135623730950488016887242096980785696718753769, 10**49)
    assert (root - near).sign() == 1
    assert (root - near - Fraction(1, 10**49)).sign() == -1
    assert ((root + 1) / (2 * root + 2)).fraction() == Fraction(1, 2)
    assert root.fraction() is None


def test_roots_are_in_ascending_order() -> None:
    fields = real_embeddings(fmpz_poly([1, -3, 0, 1]))
    values = [float(field.generator) for field in fields]
    assert values == sorted(values)
    assert values == pytest.approx([-1.8793852415718, 0.3472963553339, 1.5320888862380])
    assert float(NumberField(fmpz_poly([2, 0, 0, 1])).generator) == pytest.approx(-cbrt(2))
    assert float(-ROOT_TWO.generator) == pytest.approx(-sqrt(2))


def test_roots_of_any_precision() -> None:
    for bits in (64, 3000, 500):
        ball = CUBIC.root(bits)
        assert ball.rad() < 2.0 ** -min(bits, 1000)
        assert ball.overlaps(CUBIC.root(64))
    assert NumberField(fmpz_poly([-7, 3])).generator.fraction() == Fraction(7, 3)


def test_real_roots_are_counted() -> None:
    assert real_root_count(fmpz_poly([1, 0, 1])) == 0
    assert real_root_count(fmpz_poly([-1, -1, 0, 0, 0, 1])) == 1
    assert real_root_count(fmpz_poly([5, 2])) == 1
    # Two roots 1e-30 apart: (x^2 - 2) (10^60 (x^2 - 2) - x) has no multiple root.
    close = fmpz_poly([-2, 0, 1]) * (10**60 * fmpz_poly([-2, 0, 1]) - fmpz_poly([0, 1]))
    assert real_root_count(close) == 4


def test_bad_fields_and_mixtures_are_refused() -> None:
    with pytest.raises(ValueError, match="has 2 real roots"):
        NumberField(fmpz_poly([-2, 0, 1]), 2)
    with pytest.raises(ValueError, match="positive degree"):
        NumberField(fmpz_poly([3]))
    with pytest.raises(ValueError, match="do not mix"):
        ROOT_TWO.generator + CUBIC.generator
    with pytest.raises(ZeroDivisionError):
        ROOT_TWO.generator / (ROOT_TWO.generator**2 - 2)


def test_elements_stay_short() -> None:
    """A long computation returns to reduced form instead of piling up denominators."""
    element = QUINTIC.generator + 1
    lengths = []
    for _ in range(9):
        element = (element + 1) / (element + 2) - element / 3
        lengths.append(int(element.numerator.numer().height_bits()))
    assert element.ball(64).rel_accuracy_bits() >= 64
    assert lengths[-1] < 40_000
