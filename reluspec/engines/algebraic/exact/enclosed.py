"""Coordinates of an isolated real solution of a polynomial system, given by the system and a box.

They are algebraic numbers whose minimal polynomials need not be at hand: for that a Groebner basis would have to be computed. What is a
polynomial identity is decided exactly, every other sign in balls; zeros that hold at the solution alone are `Undetermined`.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, TypedDict

from flint import Ordering, arb, arb_mat, ctx, fmpq, fmpq_mpoly, fmpq_mpoly_ctx, fmpz

from reluspec.engines.algebraic.exact.algebraic import Algebraic, exact_rational
from reluspec.engines.algebraic.exact.krawczyk import narrowed
from reluspec.engines.algebraic.exact.number_field import NumberField
from reluspec.engines.algebraic.exact.real_roots import GUARD_BITS
from reluspec.engines.algebraic.exact.scalars import BALLS, Undetermined
from reluspec.minima.records import Ball

BITS = (128, 512, 2048)
"""Precisions at which a sign is looked for."""
STEPS = 8
"""Of Newton's method from the middle of a box, at the first precision: it converges quadratically."""

TermsJson = list[list[Any]]
"""A polynomial: exponents of the unknowns and a rational coefficient, term by term."""


class IsolatedJson(TypedDict):
    """A solution as plain data: the equations, and a ball for every unknown."""

    equations: list[TermsJson]
    box: list[dict[str, str]]


class Isolated(NumberField):
    """The numbers that are rational functions of the only solution of a square system in a box.

    `equations` are n polynomials in the n unknowns of `context`. Raises `ValueError` where interval Newton (Krawczyk; Neumaier, *Interval
    Methods*, 5.2) does not prove that the box has exactly one solution, at which the Jacobian is regular.
    """

    def __init__(self, equations: Sequence[fmpq_mpoly], box: Sequence[Ball]) -> None:
        self.equations, self.box = tuple(equations), tuple(box)
        self.context: fmpq_mpoly_ctx = equations[0].context()
        self._jacobian = [[one.derivative(k) for k in range(len(box))] for one in equations]
        self._bits = BITS[0]
        with ctx.workprec(self._bits):
            outer = [arb(BALLS.number(Fraction(one.value)), BALLS.number(Fraction(one.radius)).abs_upper()) for one in box]
            found = self._narrowed(outer, [entry.mid() for entry in outer])
            if found is None:
                raise ValueError("the box is not proved to have exactly one solution of the system")
            self._values = found

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Isolated) and self.to_json() == other.to_json())

    def __hash__(self) -> int:
        return hash(self.box)

    def __repr__(self) -> str:
        return f"Q(the solution of {len(self.equations)} equations near {', '.join(str(one) for one in self.box)})"

    def coordinate(self, position: int) -> Enclosed:
        """One of the unknowns."""
        return Enclosed(self, self.context.gen(position), self.context.constant(1))

    def element(self, value: Any) -> Enclosed:
        """A rational number, or a polynomial in the unknowns."""
        numerator = value if isinstance(value, fmpq_mpoly) else self.context.constant(exact_rational(value))
        return Enclosed(self, numerator, self.context.constant(1))

    def values(self, bits: int) -> list[arb]:
        """Balls around the unknowns, narrower the more bits there are."""
        while self._bits < bits:
            precision = min(2 * self._bits, bits)
            with ctx.workprec(precision):
                middle = self._approached([entry.mid() for entry in self._values])
                self._values = self._narrowed(self._values, middle) or self._values
            self._bits = precision
        return self._values

    def to_json(self) -> IsolatedJson:  # type: ignore[override]
        box = [{"value": one.value, "radius": one.radius} for one in self.box]
        return {"equations": [_terms(one) for one in self.equations], "box": box}

    @staticmethod
    def from_json(data: IsolatedJson) -> Isolated:  # type: ignore[override]
        """Raises `ValueError` for a box that is not proved to have one solution."""
        context = fmpq_mpoly_ctx.get([f"x{k}" for k in range(len(data["box"]))], Ordering.degrevlex)
        return Isolated([_polynomial(context, terms) for terms in data["equations"]], [Ball(**one) for one in data["box"]])

    def element_from_json(self, data: Sequence[Any]) -> Enclosed:
        numerator, denominator = (_polynomial(self.context, terms) for terms in data)
        return Enclosed(self, numerator, denominator)

    def _approached(self, middle: list[arb]) -> list[arb]:
        """Newton's method."""
        for _ in range(STEPS):
            steps = (self._inverse(middle) * self._slopes(middle)).entries()
            middle = [(entry - step).mid() for entry, step in zip(middle, steps, strict=True)]
        return middle

    def _slopes(self, at: Sequence[arb]) -> arb_mat:
        return arb_mat(len(at), 1, _evaluated(self.equations, at))

    def _inverse(self, middle: Sequence[arb]) -> arb_mat:
        size = len(middle)
        return arb_mat(size, size, [entry for row in self._jacobian for entry in _evaluated(row, middle)]).mid().inv().mid()

    def _narrowed(self, box: Sequence[arb], middle: Sequence[arb]) -> list[arb] | None:
        """Krawczyk's operator on a box, which has exactly one solution where its image is inside: the image; else `None`."""
        size = len(box)
        try:
            inverse = self._inverse(middle)
        except ZeroDivisionError:
            return None
        jacobian = arb_mat(size, size, [entry for row in self._jacobian for entry in _evaluated(row, box)])
        return narrowed(box, middle, inverse, self._slopes(middle), jacobian)


class Enclosed(Algebraic):
    """An element of `Isolated`: a quotient of polynomials in the unknowns, the denominator not zero at the solution.

    A sign that no precision of `BITS` shows raises `Undetermined`; it is zero for certain only where the numerator is the zero polynomial.
    """

    __slots__ = ("_bottom", "_top")

    field: Isolated

    def __init__(self, field: Isolated, numerator: fmpq_mpoly, denominator: fmpq_mpoly) -> None:
        self.field = field
        if numerator.is_zero():
            denominator = field.context.constant(1)
        if denominator.is_constant():
            numerator, denominator = numerator / denominator.leading_coefficient(), field.context.constant(1)
        self._top, self._bottom = numerator, denominator
        self._ball, self._bits = None, 0

    def _pair(self, value: object) -> tuple[Enclosed, Enclosed] | None:
        """Both operands as elements of one field; `None` for what is no number. Raises `ValueError` for two fields."""
        if isinstance(value, Enclosed) and value.field == self.field:
            return self, value
        number = value.fraction() if isinstance(value, Algebraic) else value
        if number is None:
            raise ValueError(f"elements of {self.field} and of another field do not mix")
        return (self, self.field.element(number)) if isinstance(number, int | Fraction | fmpz | fmpq) else None

    def __repr__(self) -> str:
        return f"{self._top} over {self._bottom} = {self.enclosure(BITS[0]).str(10, radius=False)}"

    def _constant(self) -> Any:
        if not self._top.is_constant() or not self._bottom.is_constant():
            return None
        return self._top.leading_coefficient() if self._top else exact_rational(0)

    def fraction(self) -> Fraction | None:
        """The value, where the element is a constant."""
        value = self._constant()
        return None if value is None else Fraction(int(value.p), int(value.q))

    @property
    def numerator(self) -> Any:
        """There is none: raises `Undetermined`."""
        raise Undetermined("the minimal polynomial of a number is not at hand")

    denominator = polynomial = numerator

    def __add__(self, value: Any) -> Any:
        pair = self._pair(value)
        if pair is None:
            return NotImplemented
        (one, other), bottom = pair, pair[0]._bottom
        if bottom == other._bottom:
            return Enclosed(one.field, one._top + other._top, bottom)
        return Enclosed(one.field, one._top * other._bottom + other._top * bottom, bottom * other._bottom)

    __radd__ = __add__

    def __mul__(self, value: Any) -> Any:
        pair = self._pair(value)
        if pair is None:
            return NotImplemented
        one, other = pair
        return Enclosed(one.field, one._top * other._top, one._bottom * other._bottom)

    __rmul__ = __mul__

    def __neg__(self) -> Enclosed:
        return Enclosed(self.field, -self._top, self._bottom)

    def __rsub__(self, value: Any) -> Any:
        return -self + value

    def inverse(self) -> Enclosed:
        if not self.sign():
            raise ZeroDivisionError("division by zero")
        return Enclosed(self.field, self._bottom, self._top)

    def __rtruediv__(self, value: Any) -> Any:
        return self.inverse() * value

    def __bool__(self) -> bool:
        return self.sign() != 0

    def __eq__(self, value: object) -> bool:
        pair = self._pair(value)
        return NotImplemented if pair is None else not pair[0] - pair[1]

    __hash__ = None

    def sign(self) -> int:
        """-1, 0 or 1. Raises `Undetermined`."""
        if self._top.is_zero():
            return 0
        for bits in BITS:
            ball = self.enclosure(bits)
            if ball > 0 or ball < 0:
                return 1 if ball > 0 else -1
        raise Undetermined("a number cannot be told from zero")

    def enclosure(self, bits: int) -> arb:
        if self._ball is None or self._bits < bits:
            with ctx.workprec(bits):
                top, bottom = _evaluated((self._top, self._bottom), self.field.values(bits))
                self._ball, self._bits = top / bottom, bits
        return self._ball

    def ball(self, bits: int) -> arb:
        """A ball of relative radius `2^-bits`, or, around a number that cannot be told from zero, as small as that of `max(BITS)` bits."""
        if self._top.is_zero():
            return arb(0)
        working = max(bits, self._bits) + GUARD_BITS
        while not (ball := self.enclosure(working)).rel_accuracy_bits() >= bits and working < bits + BITS[-1]:
            working *= 2
        return ball

    def to_json(self) -> list[Any]:
        """Numerator and denominator."""
        return [_terms(self._top), _terms(self._bottom)]


def field_from_json(data: Any) -> NumberField:
    """The field of a critical set, by its form."""
    return Isolated.from_json(data) if "box" in data else NumberField.from_json(data)


def _evaluated(polynomials: Sequence[fmpq_mpoly], at: Sequence[arb]) -> list[arb]:
    """Their values at a point, at the precision in force."""
    powers: dict[tuple[int, int], arb] = {}
    values = []
    for polynomial in polynomials:
        total = arb(0)
        for exponents, coefficient in polynomial.to_dict().items():
            term = arb(coefficient)
            for k, exponent in enumerate(exponents):
                if exponent:
                    if (k, exponent) not in powers:
                        powers[k, exponent] = at[k] ** int(exponent)
                    term *= powers[k, exponent]
            total += term
        values.append(total)
    return values


def _terms(polynomial: fmpq_mpoly) -> TermsJson:
    return [[[int(k) for k in exponents], str(value)] for exponents, value in polynomial.to_dict().items()]


def _polynomial(context: fmpq_mpoly_ctx, terms: Sequence[Sequence[Any]]) -> fmpq_mpoly:
    return context.from_dict({tuple(exponents): exact_rational(Fraction(value)) for exponents, value in terms})
