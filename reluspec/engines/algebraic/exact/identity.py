"""When two real algebraic numbers of different fields are one: same minimal polynomial, same root of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from flint import arb, fmpq_mat, fmpq_poly

from reluspec.engines.algebraic.exact.algebraic import Algebraic
from reluspec.engines.algebraic.exact.number_field import NumberField, real_embeddings
from reluspec.engines.algebraic.exact.real_roots import START_BITS

Identity: TypeAlias = tuple[tuple[int, ...], int]
"""The coefficients of the primitive minimal polynomial, constant first, and the position among its real roots."""


def identity(value: Algebraic) -> Identity:
    """A name that two real algebraic numbers share if and only if they are equal."""
    if (exact := value.fraction()) is not None:
        return (-exact.numerator, exact.denominator), 0
    roots = real_embeddings(_minimal_polynomial(value))
    bits = START_BITS
    while True:
        ball = value.ball(bits)
        near = [root for root in roots if root.root(bits).overlaps(ball)]
        if len(near) == 1:
            return tuple(int(coefficient) for coefficient in near[0].polynomial.coeffs()), near[0].position
        bits *= 2


def _minimal_polynomial(value: Algebraic) -> fmpq_poly:
    """The only irreducible factor of the characteristic polynomial of multiplication by the element (Cohen, section 4.3)."""
    field: NumberField = value.field
    size, column, columns = field.degree, value.polynomial, []
    for _ in range(size):
        columns.append(column)
        column = column * fmpq_poly([0, 1]) % field.modulus
    matrix = fmpq_mat(size, size, [columns[j][i] for i in range(size) for j in range(size)])
    (factor, _), *_ = matrix.charpoly().numer().factor()[1]
    return fmpq_poly(factor)


def equal(a: Sequence[Algebraic], b: Sequence[Algebraic]) -> bool:
    """Whether two vectors are equal, exactly; balls tell most that differ apart."""
    if not all(_near(x, y) for x, y in zip(a, b, strict=True)):
        return False
    return all(x == y if x.field == y.field else identity(x) == identity(y) for x, y in zip(a, b, strict=True))


def _near(a: Algebraic, b: Algebraic) -> bool:
    one: arb = a.ball(START_BITS)
    return bool(one.overlaps(b.ball(START_BITS)))
