"""Coordinates given by a system and a box: exact identities, signs in balls, and what cannot be told."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from operator import add, mul, sub, truediv
from typing import Any

import pytest
from flint import Ordering, fmpq, fmpq_mpoly_ctx, fmpz_poly
from hypothesis import given
from hypothesis import strategies as st

from reluspec.engines.algebraic.exact.enclosed import Enclosed, Isolated, field_from_json
from reluspec.engines.algebraic.exact.number_field import RATIONALS, NumberField
from reluspec.engines.algebraic.exact.scalars import Undetermined
from reluspec.minima.records import Ball

CONTEXT = fmpq_mpoly_ctx.get(["x0", "x1"], Ordering.degrevlex)
X, Y = CONTEXT.gens()
EQUATIONS = [X**2 - 2, X * Y - 3]
ROOT = Isolated(EQUATIONS, [Ball("1.41421356", "1e-8"), Ball("2.12132034", "1e-7")])
"""x = sqrt 2, y = 3 / sqrt 2."""


def test_values_are_those_of_the_solution() -> None:
    root, other = ROOT.coordinate(0), ROOT.coordinate(1)
    for bits in (60, 300, 3000):
        ball = root.ball(bits)
        assert ball.rel_accuracy_bits() >= bits
        assert (ball**2).contains(2)
    assert float(other) == pytest.approx(3 / 2**0.5, abs=1e-14)
    assert (root - other).sign() == -1
    assert (2 * other / root - 4).sign() == -1


def test_identities_are_exact_and_other_zeros_are_not_told() -> None:
    root, other = ROOT.coordinate(0), ROOT.coordinate(1)
    assert ((root + other) * (root - other) - root * root + other * other).sign() == 0
    assert (root / other * other).fraction() is None
    assert (root - root).fraction() == 0
    assert (root - root + Fraction(2, 3)).fraction() == Fraction(2, 3)
    with pytest.raises(Undetermined):
        (root * root - 2).sign()
    with pytest.raises(Undetermined):
        bool(root * other == 3)


def test_rational_numbers_mix_and_other_fields_do_not() -> None:
    root = ROOT.coordinate(0)
    assert (1 - root).sign() == -1
    assert (fmpq(1, 2) * root + Fraction(1, 3) - 1).sign() == 1
    assert (RATIONALS.element(2) - root).sign() == 1
    assert (root + RATIONALS.element(2)).sign() == 1
    with pytest.raises(ValueError, match="do not mix"):
        root + NumberField(fmpz_poly([-5, 0, 1]), 1).generator
    with pytest.raises(ZeroDivisionError):
        root / (root - root)


@pytest.mark.parametrize(
    "box",
    [
        [Ball("1.5", "1e-3"), Ball("2", "1e-3")],
        [Ball("0", "10"), Ball("0", "10")],
        [Ball("1.41421356", "1e-12"), Ball("2.12132034", "1e-12")],
    ],
)
def test_a_box_without_proof_is_refused(box: list[Ball]) -> None:
    """No solution inside, several, or none that is known to be inside."""
    with pytest.raises(ValueError, match="exactly one solution"):
        Isolated(EQUATIONS, box)


def test_plain_data_and_back() -> None:
    element = (ROOT.coordinate(0) + 1) / ROOT.coordinate(1)
    field = field_from_json(json.loads(json.dumps(ROOT.to_json())))
    again = field.element_from_json(json.loads(json.dumps(element.to_json())))
    assert field == ROOT
    assert isinstance(again, Enclosed)
    assert (again - element).fraction() == 0
    assert field_from_json(RATIONALS.to_json()) == RATIONALS


@given(st.lists(st.tuples(st.sampled_from([add, sub, mul, truediv]), st.integers(-3, 3), st.booleans()), max_size=6))
def test_arithmetic_follows_that_of_floats(steps: list[tuple[Callable[[Any, Any], Any], int, bool]]) -> None:
    value, near = ROOT.coordinate(0), 2**0.5
    for operation, number, other in steps:
        if operation is truediv and not (number or other):
            continue
        value = operation(value, ROOT.coordinate(1) if other else number)
        near = operation(near, 3 / 2**0.5 if other else number)
    assert float(value.enclosure(200).mid()) == pytest.approx(near, rel=1e-9, abs=1e-9)
