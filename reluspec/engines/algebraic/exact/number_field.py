"""Real number fields Q(alpha): alpha is a given real root of an irreducible polynomial. Their elements: `algebraic`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from flint import arb, ctx, fmpq, fmpq_poly, fmpz, fmpz_poly

from reluspec.engines.algebraic.exact.algebraic import Algebraic, Scalar, exact_rational
from reluspec.engines.algebraic.exact.real_roots import GUARD_BITS, START_BITS, accurate, primitive, real_root_count, real_roots


class FieldJson(TypedDict):
    """A field as plain data: coefficients, constant first, and the position among the real roots."""

    polynomial: list[str]
    root: int


class NumberField:
    """Q(alpha): alpha is the `position`-th smallest real root, counted from 0, of an irreducible polynomial over Q.

    `polynomial` is kept primitive over the integers with a positive leading coefficient. That it is irreducible is the caller's word.
    """

    def __init__(self, polynomial: fmpz_poly | fmpq_poly, position: int = 0) -> None:
        self.polynomial: fmpz_poly = primitive(polynomial)
        self.position = position
        self.degree: int = self.polynomial.degree()
        if self.degree < 1:
            raise ValueError(f"a number field needs a polynomial of positive degree, not {polynomial}")
        self.modulus = fmpq_poly(self.polynomial)
        self._derivative: fmpz_poly = self.polynomial.derivative()
        self.long = self.degree * (self.polynomial.height_bits() + self.degree) + START_BITS
        self._root: arb | None = None
        self._root_bits = 0
        if self.degree > 1 and not 0 <= position < (count := real_root_count(self.polynomial)):
            raise ValueError(f"{self.polynomial} has {count} real roots; there is no root {position}")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, NumberField):
            return NotImplemented
        return self is other or (self.position == other.position and bool(self.polynomial == other.polynomial))

    def __hash__(self) -> int:
        return hash((tuple(self.polynomial.coeffs()), self.position))

    def __repr__(self) -> str:
        return "Q" if self.degree == 1 else f"Q(root {self.position} of {self.polynomial})"

    def root(self, bits: int) -> arb:
        """A ball around alpha, of radius at most `2^-bits max(1, |alpha|)`."""
        if self.degree == 1:
            with ctx.workprec(bits + GUARD_BITS):
                return arb(fmpq(-self.polynomial[0], self.polynomial[1]))
        if self._root is None or self._root_bits < bits:
            self._root, self._root_bits = self._enclose(bits), bits
        return self._root

    def _enclose(self, bits: int) -> arb:
        """Interval Newton steps from the last ball; the root finder where they do not converge."""
        ball, precision = self._root, self._root_bits
        while ball is not None and precision < bits:
            precision = min(2 * precision - GUARD_BITS // 2, bits)
            ball = self._newton(ball, precision)
        return real_roots(self.polynomial, bits)[self.position] if ball is None else ball

    def _newton(self, ball: arb, bits: int) -> arb | None:
        with ctx.workprec(2 * bits + GUARD_BITS):
            middle = ball.mid()
            slope = self._derivative(ball)
            if slope.contains(0):
                return None
            narrowed = middle - self.polynomial(middle) / slope
            return narrowed.intersection(ball) if accurate(narrowed, bits) and narrowed.overlaps(ball) else None

    @property
    def generator(self) -> Algebraic:
        """The number alpha as an element."""
        return Algebraic(self, fmpq_poly([0, 1]) % self.modulus)

    def element(self, value: Scalar | fmpz_poly | fmpq_poly) -> Algebraic:
        """A rational number, or a polynomial in alpha."""
        if isinstance(value, fmpz_poly | fmpq_poly):
            return Algebraic(self, fmpq_poly(value) % self.modulus)
        return Algebraic(self, fmpq_poly([exact_rational(value)]))

    def to_json(self) -> FieldJson:
        return {"polynomial": [str(value) for value in self.polynomial.coeffs()], "root": self.position}

    @staticmethod
    def from_json(data: FieldJson) -> NumberField:
        return NumberField(fmpz_poly([fmpz(value) for value in data["polynomial"]]), data["root"])

    def element_from_json(self, data: Sequence[str]) -> Algebraic:
        """The element with these coefficients, rational strings, constant first."""
        cut = data.index("/") if "/" in data else len(data)
        top, bottom = (fmpq_poly([_parsed(value) for value in part]) for part in (data[:cut], data[cut + 1 :]))
        return self.element(top) if bottom.is_zero() else self.element(top) / self.element(bottom)

    def times(self, first: fmpq_poly, second: fmpq_poly | None) -> fmpq_poly:
        """The product of two polynomials in alpha, reduced; `None` stands for 1."""
        if second is None:
            return first
        product = first * second
        return product if product.degree() < self.degree else product % self.modulus

    def quotient(self, first: fmpq_poly, second: fmpq_poly | None) -> fmpq_poly:
        """A quotient as one polynomial in alpha, by the extended Euclidean algorithm; `None` stands for 1."""
        return first if second is None else first * second.xgcd(self.modulus)[1] % self.modulus

    def common(self, first: fmpq_poly | None, second: fmpq_poly | None) -> fmpq_poly | None:
        """The product of two denominators."""
        return second if first is None else self.times(first, second)

    def value(self, polynomial: fmpq_poly, bits: int) -> arb:
        """A polynomial in alpha, evaluated with `bits` bits (which the caller has set as FLINT's precision)."""
        return arb(polynomial[0]) if polynomial.degree() < 1 else polynomial.numer()(self.root(bits)) / polynomial.denom()


def real_embeddings(polynomial: fmpz_poly | fmpq_poly) -> list[NumberField]:
    """The number fields of all real roots of an irreducible polynomial, in ascending order; Q for a linear one."""
    integral = primitive(polynomial)
    return [NumberField(integral, position) for position in range(real_root_count(integral))]


def _parsed(text: str) -> fmpq:
    """A rational string of any length: Python's own integers stop at 4300 digits."""
    top, _, bottom = text.partition("/")
    return fmpq(fmpz(top), fmpz(bottom or "1"))


RATIONALS = NumberField(fmpz_poly([0, 1]))
"""The field Q."""
