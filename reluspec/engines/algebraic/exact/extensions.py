"""Square roots adjoined to real number fields: the field that holds them, and where old elements go.

For D > 0 in K = Q(alpha) the algebra A = K[s] / (s^2 - D) has dimension 2 deg K over Q. If the powers of theta = s + c alpha are a basis
of A, alpha and s are polynomials in theta, found by linear algebra, and theta has a characteristic polynomial whose one irreducible factor
with the root sqrt(D) + c alpha defines K(sqrt(D)) (H. Cohen, *A Course in Computational Algebraic Number Theory*, sections 3.6 and 4.1).
Finitely many c fail, those for which two conjugates of theta agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import TypeAlias

from flint import ctx, fmpq_mat, fmpq_poly

from reluspec.engines.algebraic.exact.algebraic import Algebraic
from reluspec.engines.algebraic.exact.number_field import RATIONALS, NumberField, real_embeddings
from reluspec.engines.algebraic.exact.real_roots import START_BITS

MAX_DEGREE = 48
"""Of a field that roots are adjoined to: arithmetic in larger ones takes too long."""

_Pair: TypeAlias = tuple[fmpq_poly, fmpq_poly]
"""`first + second s`, polynomials in alpha."""


class ExtensionError(Exception):
    """The field would be too large; the message says so."""


@dataclass(frozen=True)
class Extension:
    """A field L over K: `generator` is the element of L that the generator of K is."""

    field: NumberField
    generator: Algebraic

    def lifted(self, value: Algebraic) -> Algebraic:
        """An element of K as one of L."""
        top = self._at(value.numerator)
        return top if value.denominator is None else top / self._at(value.denominator)

    def _at(self, polynomial: fmpq_poly) -> Algebraic:
        """A polynomial of K's generator, by Horner's rule."""
        total = self.field.element(0)
        for coefficient in reversed(polynomial.coeffs()):
            total = total * self.generator + coefficient
        return self.field.element(total.polynomial)


def with_roots(field: NumberField, squares: Sequence[Algebraic]) -> tuple[Extension, list[Algebraic]]:
    """A field that holds the positive square roots of positive elements, and these roots. Raises `ExtensionError`."""
    whole, roots = Extension(field, field.generator), list[Algebraic]()
    for square in squares:
        step, root = _with_root(whole.lifted(square))
        whole = Extension(step.field, step.lifted(whole.generator))
        roots = [*map(step.lifted, roots), root]
    return whole, roots


def _with_root(square: Algebraic) -> tuple[Extension, Algebraic]:
    """K(sqrt(D)) and the root, for D > 0."""
    field, inside = square.field, square.polynomial
    size = 2 * field.degree
    if size > 2 * MAX_DEGREE:
        raise ExtensionError(f"a number field of degree {size}")
    zero, one, alpha = fmpq_poly([]), fmpq_poly([1]), fmpq_poly([0, 1]) % field.modulus
    for c in count():
        powers: list[_Pair] = [(one, zero)]
        for _ in range(size):
            low, high = powers[-1]
            # (low + high s) (s + c alpha)
            powers.append((field.times(high, inside) + c * field.times(low, alpha), low + c * field.times(high, alpha)))
        table = fmpq_mat(size, size, [entry for row in zip(*map(_column, powers[:size], [field] * size), strict=True) for entry in row])
        if table.det() != 0:
            break
    wanted = [powers[size], (alpha, zero), (zero, one)]
    solved = table.solve(
        fmpq_mat(size, 3, [entry for row in zip(*(_column(pair, field) for pair in wanted), strict=True) for entry in row])
    )
    relation, generator, root = (fmpq_poly([solved[i, j] for i in range(size)]) for j in range(3))
    larger = _embedding(fmpq_poly([*[0] * size, 1]) - relation, square, c)
    if larger.degree > MAX_DEGREE:
        raise ExtensionError(f"a number field of degree {larger.degree}")
    images = [larger.element(generator), larger.element(root)]
    if larger.degree == 1:
        larger, images = RATIONALS, [RATIONALS.element(image.fraction() or 0) for image in images]
    return Extension(larger, images[0]), images[1]


def _column(pair: _Pair, field: NumberField) -> list[object]:
    """The coordinates of an element of A in the basis alpha^i, alpha^i s."""
    return [part[i] for part in pair for i in range(field.degree)]


def _embedding(characteristic: fmpq_poly, square: Algebraic, c: int) -> NumberField:
    """The field of the root sqrt(D) + c alpha of the characteristic polynomial, which has no multiple roots."""
    every = [field for factor, _ in characteristic.numer().factor()[1] for field in real_embeddings(factor)]
    bits = START_BITS
    while True:
        with ctx.workprec(2 * bits):
            theta = square.ball(bits).sqrt() + c * square.field.root(bits)
        near = [field for field in every if field.root(bits).overlaps(theta)]
        if len(near) == 1:
            return near[0]
        bits *= 2
