"""Elements of Q(alpha), alpha a real algebraic number: exact arithmetic and signs.

An element is a quotient of polynomials in alpha of degree below the degree of the field (H. Cohen, *A Course in Computational Algebraic
Number Theory*, section 4.2). It is zero exactly when the numerator is; every other sign shows in balls of some finite precision.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from operator import add, mul, neg
from typing import TYPE_CHECKING, Any, TypeAlias

from flint import arb, ctx, fmpq, fmpq_poly, fmpz

from reluspec.engines.algebraic.exact.real_roots import GUARD_BITS, START_BITS

if TYPE_CHECKING:
    from reluspec.engines.algebraic.exact.number_field import NumberField

QUICK_BITS = (128, 512)
"""Precisions at which a sign is looked for before the element is computed exactly."""
EAGER_DEGREE = 4
"""Largest degree of fields in which arithmetic is done at once: nothing is gained there by putting it off."""

Scalar: TypeAlias = "int | Fraction | fmpz | fmpq"


class Algebraic:
    """An element of a `NumberField`: immutable, exact.

    Arithmetic mixes with `int`, `Fraction` and FLINT's rationals, and with elements of Q; elements of two other fields do not mix.
    The element is kept as a quotient of two polynomials in alpha: coordinates of solutions are short in this form and long in reduced form
    (F. Rouillier, 1999), and a division costs nothing. It is zero exactly when the numerator is.

    In fields of a degree above `EAGER_DEGREE` results of arithmetic are kept as the operation and its operands until the quotient is asked
    for: most signs show in balls, which are computed from the operands' balls (exact geometric computation, C. Yap, 1997).
    """

    __slots__ = ("_ball", "_bits", "_denominator", "_numerator", "_operation", "field")

    def __init__(self, field: NumberField, numerator: fmpq_poly, denominator: fmpq_poly | None = None) -> None:
        """Both polynomials must be reduced modulo the field's, the denominator not zero; `None` stands for 1."""
        self.field = field
        self._operation: _Operation | None = None
        self._ball: arb | None = None
        self._bits = 0
        self._keep(numerator, denominator)

    @staticmethod
    def _later(field: NumberField, *operation: Any) -> Algebraic:
        """The result of an operation, not computed yet."""
        made = Algebraic.__new__(Algebraic)
        made.field, made._operation, made._ball, made._bits = field, operation, None, 0
        return made

    def _keep(self, numerator: fmpq_poly, denominator: fmpq_poly | None) -> None:
        if denominator is not None and denominator.degree() < 1:
            numerator, denominator = numerator / denominator[0], None
        self._numerator, self._denominator, self._operation = numerator, denominator, None

    @property
    def numerator(self) -> fmpq_poly:
        """A polynomial in alpha of degree less than that of the field."""
        self._compute()
        return self._numerator

    @property
    def denominator(self) -> fmpq_poly | None:
        """Likewise; `None` stands for 1."""
        self._compute()
        return self._denominator

    @property
    def polynomial(self) -> fmpq_poly:
        """The element as one polynomial in alpha."""
        return self.field.quotient(self.numerator, self.denominator)

    def _compute(self) -> None:
        """Carry out the operations that were put off; operands first, without recursion."""
        waiting = [self]
        while waiting:
            element = waiting[-1]
            if element._operation is None:
                waiting.pop()
                continue
            name, *operands = element._operation
            if left := [operand for operand in operands if operand._operation is not None]:
                waiting.extend(left)
                continue
            pairs = [(operand._numerator, operand._denominator) for operand in operands]
            element._keep(*_EXACTLY[name](element.field, *pairs))

    def _pair(self, value: object) -> tuple[Algebraic, Algebraic] | None:
        """Both operands as elements of one field; `None` for what is no number."""
        if isinstance(value, Algebraic):
            if value.field is self.field or value.field == self.field:
                return self, value
            if (number := value._constant()) is not None:
                return self, Algebraic(self.field, fmpq_poly([number]))
            if (number := self._constant()) is not None:
                return Algebraic(value.field, fmpq_poly([number])), value
            raise ValueError(f"elements of {self.field} and {value.field} do not mix")
        if isinstance(value, int | Fraction | fmpz | fmpq):
            return self, Algebraic(self.field, fmpq_poly([exact_rational(value)]))
        return None

    def _constant(self) -> fmpq | None:
        """The value when it is rational: numerator and denominator are then proportional."""
        if self.denominator is None:
            return self.numerator[0] if self.numerator.degree() < 1 else None
        ratio = self.numerator.leading_coefficient() / self.denominator.leading_coefficient()
        return ratio if self.numerator == ratio * self.denominator else None

    @property
    def _plainly_zero(self) -> bool:
        return self._operation is None and self._numerator.is_zero()

    def __add__(self, value: Algebraic | Scalar) -> Algebraic:
        pair = self._pair(value)
        if pair is None:
            return NotImplemented
        one, two = pair
        if one._plainly_zero or two._plainly_zero:
            return two if one._plainly_zero else one
        return one._combined("+", two)

    __radd__ = __add__

    def __sub__(self, value: Algebraic | Scalar) -> Algebraic:
        pair = self._pair(value)
        return NotImplemented if pair is None else pair[0] + -pair[1]

    def __rsub__(self, value: Scalar) -> Algebraic:
        return -self + value

    def __neg__(self) -> Algebraic:
        return Algebraic(self.field, -self._numerator, self._denominator) if self._operation is None else self._later(self.field, "-", self)

    def __mul__(self, value: Algebraic | Scalar) -> Algebraic:
        pair = self._pair(value)
        if pair is None:
            return NotImplemented
        one, two = pair
        if one._plainly_zero or two._plainly_zero:
            return one if one._plainly_zero else two
        return one._combined("*", two)

    __rmul__ = __mul__

    def _combined(self, name: str, other: Algebraic) -> Algebraic:
        """The result of an operation with another element of the field: at once in fields of small degree."""
        result = self._later(self.field, name, self, other)
        if self.field.degree <= EAGER_DEGREE:
            result._compute()
        return result

    def inverse(self) -> Algebraic:
        if not self:
            raise ZeroDivisionError("division by the algebraic number 0")
        if self._operation is not None:
            return self._later(self.field, "/", self)
        return Algebraic(self.field, fmpq_poly([1]) if self._denominator is None else self._denominator, self._numerator)

    def __truediv__(self, value: Algebraic | Scalar) -> Algebraic:
        pair = self._pair(value)
        return NotImplemented if pair is None else pair[0] * pair[1].inverse()

    def __rtruediv__(self, value: Scalar) -> Algebraic:
        return self.inverse() * value

    def __pow__(self, exponent: int) -> Algebraic:
        base, result = (self.inverse() if exponent < 0 else self), self.field.element(1)
        for digit in f"{abs(int(exponent)):b}":
            result = result * result
            if digit == "1":
                result = result * base
        return result

    def __bool__(self) -> bool:
        return self._quick_sign() is not None or not self.numerator.is_zero()

    def __eq__(self, value: object) -> bool:
        pair = self._pair(value)
        if pair is None:
            return NotImplemented
        one, two = pair
        if one._operation is not None or two._operation is not None:
            return not one - two
        return bool(one.field.times(one._numerator, two._denominator) == one.field.times(two._numerator, one._denominator))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        value = self.fraction()
        return str(value) if value is not None else f"{self.polynomial} = {self.ball(53).str(10, radius=False)}"

    def fraction(self) -> Fraction | None:
        """The value when it is rational."""
        value = self._constant()
        return None if value is None else _fraction(value)

    def sign(self) -> int:
        """-1, 0 or 1, exactly."""
        if (quick := self._quick_sign()) is not None:
            return quick
        if not self.numerator:
            return 0
        bits = START_BITS
        while (sign := _sign_of(self.enclosure(bits))) is None:
            bits *= 2
        return sign

    def _quick_sign(self) -> int | None:
        """The sign where operations were put off and balls show it: it is not zero."""
        if self._operation is None:
            return None
        signs = (_sign_of(self.enclosure(bits)) for bits in QUICK_BITS)
        return next((sign for sign in signs if sign is not None), None)

    def enclosure(self, bits: int) -> arb:
        """A ball around the value, computed with `bits` bits; how wide it is depends on cancellation."""
        waiting = [self]
        while self._ball is None or self._bits < bits:
            element = waiting[-1]
            _, *operands = element._operation or ("",)
            if left := [operand for operand in operands if operand._ball is None or operand._bits < bits]:
                waiting.extend(left)
                continue
            with ctx.workprec(bits):
                element._ball = element._evaluated(bits)
            element._bits = bits
            waiting.pop()
        return self._ball

    def _evaluated(self, bits: int) -> arb:
        """The ball from those of the operands."""
        if self._operation is not None:
            name, *operands = self._operation
            return _IN_BALLS[name](*(operand._ball for operand in operands))
        ball = self.field.value(self._numerator, bits)
        return ball if self._denominator is None else ball / self.field.value(self._denominator, bits)

    def ball(self, bits: int) -> arb:
        """A ball around the value, of relative radius at most `2^-bits`; exact for zero."""
        if not self:
            return arb(0)
        working = max(bits, self._bits) + GUARD_BITS
        while not (ball := self.enclosure(working)).is_exact() and not (ball.is_finite() and ball.rel_accuracy_bits() >= bits):
            working *= 2
        return ball

    def __float__(self) -> float:
        return float(self.ball(53 + 5).mid())

    def to_json(self) -> list[str]:
        """Coefficients as rational strings, constant first: the numerator's, then, unless it is 1, `"/"` and the denominator's."""
        top = [str(value) for value in self.numerator.coeffs()]
        return top if self.denominator is None else [*top, "/", *(str(value) for value in self.denominator.coeffs())]


_Operation: TypeAlias = "tuple[Any, ...]"
"""A name of `_EXACTLY` and its operands."""
_Quotient: TypeAlias = "tuple[fmpq_poly, fmpq_poly | None]"
"""Numerator and denominator; `None` stands for 1."""


def _sum(field: NumberField, one: _Quotient, two: _Quotient) -> _Quotient:
    if _same(one[1], two[1]):
        return one[0] + two[0], one[1]
    return _shortened(field, field.times(one[0], two[1]) + field.times(two[0], one[1]), field.common(one[1], two[1]))


def _product(field: NumberField, one: _Quotient, two: _Quotient) -> _Quotient:
    return _shortened(field, field.times(one[0], two[0]), field.common(one[1], two[1]))


def _negative(_: NumberField, one: _Quotient) -> _Quotient:
    return -one[0], one[1]


def _inverse(_: NumberField, one: _Quotient) -> _Quotient:
    return fmpq_poly([1]) if one[1] is None else one[1], one[0]


_EXACTLY: dict[str, Callable[..., _Quotient]] = {"+": _sum, "*": _product, "-": _negative, "/": _inverse}
_IN_BALLS: dict[str, Callable[..., arb]] = {"+": add, "*": mul, "-": neg, "/": lambda ball: 1 / ball}


def _shortened(field: NumberField, numerator: fmpq_poly, denominator: fmpq_poly | None) -> _Quotient:
    """In reduced form where the quotient has become longer than that would be."""
    if denominator is None or numerator.numer().height_bits() < field.long:
        return numerator, denominator
    return field.quotient(numerator, denominator), None


def _sign_of(ball: arb) -> int | None:
    """The sign of all numbers in a ball, if they have one that is not zero."""
    return None if not ball.is_finite() or ball.contains(0) else 1 if ball > 0 else -1


def _same(first: fmpq_poly | None, second: fmpq_poly | None) -> bool:
    return first is second or (first is not None and second is not None and bool(first == second))


def exact_rational(value: Scalar) -> fmpq:
    return fmpq(value.numerator, value.denominator) if isinstance(value, Fraction) else fmpq(value)


def _fraction(value: fmpq) -> Fraction:
    return Fraction(int(value.p), int(value.q))
