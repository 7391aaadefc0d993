"""Affine families cut into polyhedral parts: signs of polynomials on a part, and the two sides of a hyperplane with what lies between.

A family with rational coordinates is `{witness + sum t_i d_i}`, t in an open polyhedron; on it polynomials in the coordinates are
polynomials in t. Their zeros cut the polyhedron: those of linear factors into polyhedra, and a line into intervals, whatever the degree.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import factorial, prod
from typing import Any

from flint import Ordering, fmpq, fmpq_mpoly, fmpq_mpoly_ctx, fmpq_poly

from reluspec.engines.algebraic.exact.algebraic import Algebraic
from reluspec.engines.algebraic.exact.forms import positive_definite
from reluspec.engines.algebraic.exact.linear import dot, kernel
from reluspec.engines.algebraic.exact.number_field import RATIONALS, real_embeddings
from reluspec.engines.algebraic.exact.scalars import FRACTIONS, Vector
from reluspec.engines.algebraic.stationary.charts import Terms, least_power
from reluspec.engines.algebraic.stationary.polyhedra import CriticalSet, own_coordinates, value_at
from reluspec.systems.surrogate import fraction, rational

MAX_MIXTURES = 3_000
"""Monomials of a polynomial in the generators of a polyhedron."""
COMPARED_BITS = 4_096
"""Precision to which different algebraic numbers are told apart: they differ, so it is enough sooner or later."""


class NotCutError(Exception):
    """A family cannot be cut into parts in this way; the message says why."""


@dataclass(frozen=True)
class Cut:
    """Where a polynomial in t vanishes: on the hyperplane `row[0] + sum row[i + 1] t_i = 0`.

    On a line, where the coordinate that is t up to a constant has a `value`: whatever part of the line is looked at, it is one number.
    """

    row: tuple[Fraction, ...] = ()
    value: Algebraic | None = None

    @property
    def on_line(self) -> Algebraic:
        """The value. Raises `NotCutError` for a cut that has none."""
        if self.value is None:
            raise NotCutError("a hyperplane that cuts a line")
        return self.value


class CutNeeded(Exception):  # noqa: N818 - an outcome: the caller cuts and asks again
    """A sign changes on the family."""

    def __init__(self, cut: Cut) -> None:
        super().__init__("a sign changes along a family of critical points")
        self.cut = cut


class Part:
    """A relatively open polyhedron in a family, whose rational coordinates t are those of its directions. Raises `NotCutError`."""

    def __init__(self, found: CriticalSet) -> None:
        self.found, self.size = found, len(found.directions)
        self.context = fmpq_mpoly_ctx.get([f"t{k}" for k in range(self.size)], Ordering.degrevlex)
        if self.size:
            self.point = rationals(found.witness)
            self.directions = [rationals(step) for step in found.directions]
            self.own = own_coordinates(self.directions)
            gens = self.context.gens()
            self._images = [
                sum(
                    (gen * rational(step[k]) for gen, step in zip(gens, self.directions, strict=True)),
                    self.context.constant(rational(entry)),
                )
                for k, entry in enumerate(self.point)
            ]

    # Polynomials

    @property
    def zero(self) -> Any:
        """The function 0 on the part."""
        return self.number(Fraction(0))

    @property
    def one(self) -> Any:
        """The function 1 on the part."""
        return self.number(Fraction(1))

    def number(self, value: Any) -> Any:
        """A number, rational unless the part is a point, as a function on the part."""
        if not self.size:
            return value if isinstance(value, Algebraic) else self.found.field.element(value)
        return self.context.constant(rational(value))

    def values(self, polynomials: Sequence[Terms]) -> list[Any]:
        """Polynomials in a chart's coordinates on this part, all times the same power of every s: positive there."""
        least = {unit.output: least_power((exponents for terms in polynomials for exponents in terms), unit) for unit in self.found.living}
        lifted = [
            {tuple(e - min(least.get(k, 0), 0) for k, e in enumerate(exponents)): value for exponents, value in terms.items()}
            for terms in polynomials
        ]
        if not self.size:
            return [value_at(terms, self.found.witness, self.found.field.element(0)) for terms in lifted]
        return [value_at(terms, self._images, self.context.constant(0)) for terms in lifted]

    def is_zero(self, value: Any) -> bool:
        """Whether a polynomial vanishes on the whole part."""
        return bool(value.is_zero()) if self.size else value == 0

    def sign(self, value: Any) -> int:
        """The one sign of a polynomial on the part. Raises `CutNeeded` where it has several, `NotCutError` where that is not known."""
        if not self.size:
            one: int = value.sign()
            return one
        if value.is_constant():
            constant = fraction(value.coefficient(0)) if not value.is_zero() else Fraction(0)
            return (constant > 0) - (constant < 0)
        content, factors = value.factor()
        sign = 1 if content > 0 else -1
        for factor, power in factors:
            side = self._side(factor)
            sign = sign * side if power % 2 else sign
        return sign

    def at_witness(self, value: Any) -> Any:
        """The value at the part's own point; rational unless the part is a point."""
        return fraction(value(*(fmpq(0) for _ in range(self.size)))) if self.size else value

    def _side(self, factor: fmpq_mpoly) -> int:
        if self.size == 1:
            return self._side_on_line(factor)
        if factor.total_degree() == 1:
            return self._side_of_plane(tuple(self._row(factor)))
        if side := self._by_mixtures(factor) or self._by_definiteness(factor):
            return side
        raise NotCutError("a condition changes there that is no product of linear ones")

    def _row(self, linear: fmpq_mpoly) -> Iterator[Fraction]:
        terms = linear.to_dict()
        yield fraction(terms.get((0,) * self.size, fmpq(0)))
        for k in range(self.size):
            yield fraction(terms.get(tuple(int(j == k) for j in range(self.size)), fmpq(0)))

    def _side_of_plane(self, row: tuple[Fraction, ...]) -> int:
        values = [dot(row, generator, FRACTIONS) for generator in self.generators]
        if min(values) < 0 < max(values):
            raise CutNeeded(Cut(row=row))
        return 1 if max(values) > 0 else -1

    def _side_on_line(self, factor: fmpq_mpoly) -> int:
        terms = factor.to_dict()
        polynomial = fmpq_poly([terms.get((k,), fmpq(0)) for k in range(factor.total_degree() + 1)])
        (own,) = self.own
        shifted = polynomial(fmpq_poly([rational(-self.point[own]), 1]))
        for field in real_embeddings(shifted):
            root = field.generator if field.degree > 1 else RATIONALS.element(fmpq(-field.polynomial[0], field.polynomial[1]))
            if self._is_inside(root):
                raise CutNeeded(Cut(value=root))
        return 1 if self.at_witness(factor) > 0 else -1

    def _is_inside(self, value: Algebraic) -> bool:
        low, high = self.interval
        return (low is None or compared(low, value) < 0) and (high is None or compared(value, high) < 0)

    def _by_mixtures(self, factor: fmpq_mpoly) -> int:
        """Its sign where, in the weights of mixtures of the generators, all its coefficients have one; else 0."""
        count, degree = len(self.generators), factor.total_degree()
        if prod(range(count, count + degree)) > MAX_MIXTURES * factorial(degree):
            return 0
        ring = fmpq_mpoly_ctx.get([f"c{g}" for g in range(count)], Ordering.degrevlex)
        forms = [
            sum((gen * rational(g[k]) for gen, g in zip(ring.gens(), self.generators, strict=True)), ring.constant(0))
            for k in range(self.size + 1)
        ]
        total = ring.constant(0)
        for exponents, value in factor.to_dict().items():
            whole = (degree - sum(exponents), *exponents)
            total = total + value * prod((forms[k] ** int(e) for k, e in enumerate(whole)), start=ring.constant(1))
        signs = {1 if value > 0 else -1 for value in total.to_dict().values()}
        return signs.pop() if len(signs) == 1 else 0

    def _by_definiteness(self, factor: fmpq_mpoly) -> int:
        """The sign of a definite quadratic polynomial; else 0."""
        if factor.total_degree() != 2:
            return 0
        size = self.size + 1
        matrix = [[Fraction(0)] * size for _ in range(size)]
        for exponents, value in factor.to_dict().items():
            whole = (2 - int(sum(exponents)), *exponents)
            i, j = (k for k, e in enumerate(whole) for _ in range(int(e)))
            matrix[i][j] += fraction(value) / 2
            matrix[j][i] += fraction(value) / 2
        for sign in (1, -1):
            if positive_definite([[sign * entry for entry in row] for row in matrix], FRACTIONS):
                return sign
        return 0

    # The polyhedron

    @cached_property
    def generators(self) -> list[Vector]:
        """Vertices and rays in t, with 1 or 0 in front."""
        offset = [tuple(a - b for a, b in zip(rationals(v), self.point, strict=True)) for v in self.found.vertices]
        corners = [(Fraction(1), *(vector[k] for k in self.own)) for vector in offset]
        return corners + [(Fraction(0), *(vector[k] for k in self.own)) for vector in map(rationals, self.found.rays)]

    @cached_property
    def interval(self) -> tuple[Algebraic | None, Algebraic | None]:
        """The ends of a part of dimension one, as values of its coordinate; `None` where it is unbounded."""
        (own,) = self.own
        ends = sorted((vertex[own] for vertex in self.found.vertices), key=lambda end: (end - self.point[own]).sign())
        signs = {ray[own].sign() for ray in self.found.rays}
        low = None if -1 in signs else ends[0]
        high = None if 1 in signs else ends[-1]
        return low, high

    @cached_property
    def facets(self) -> dict[str, Vector]:
        """The conditions that are equalities on a facet, as rows that are positive inside."""
        rows: dict[str, Vector] = {}
        for name in sorted(frozenset().union(*self.found.tight)):
            members = [g for g, names in zip(self.generators, self.found.tight, strict=True) if name in names]
            null = kernel(members, self.size + 1, FRACTIONS)
            if len(null) == 1:
                values = [dot(null[0], g, FRACTIONS) for g in self.generators]
                rows[name] = null[0] if max(values) > 0 else tuple(-entry for entry in null[0])
        return rows


def between(low: Algebraic | None, high: Algebraic | None) -> Fraction:
    """A rational number between two numbers; `None` for no bound."""
    if low is None or high is None:
        end, side = (low, 1) if low is not None else (high, -1)
        return Fraction(0) if end is None else Fraction(round(float(end))) + 2 * side
    bits = 64
    while True:
        a, b = low.ball(bits), high.ball(bits)
        if a < b:
            middle = (a.upper() + b.lower()) / 2
            mantissa, exponent = middle.mid().man_exp()
            value = Fraction(int(mantissa)) * Fraction(2) ** int(exponent)
            short = value.limit_denominator(64)
            return short if compared(low, RATIONALS.element(short)) < 0 < compared(high, RATIONALS.element(short)) else value
        bits *= 2


def compared(one: Algebraic, other: Algebraic) -> int:
    """-1, 0 or 1 as one real algebraic number is smaller than another one, the same, or larger; they may be of two fields."""
    if one.field == other.field or one.fraction() is not None or other.fraction() is not None:
        return (one - other).sign()
    # Generators of different fields differ, and so do different roots of one polynomial.
    bits = 64
    while bits <= COMPARED_BITS:
        a, b = one.ball(bits), other.ball(bits)
        if a < b or a > b:
            return -1 if a < b else 1
        bits *= 2
    raise NotCutError("two numbers on it cannot be told apart")


def rationals(vector: Sequence[Algebraic]) -> tuple[Fraction, ...]:
    found = [entry.fraction() for entry in vector]
    if None in found:
        raise NotCutError("its coordinates are irrational")
    return tuple(entry for entry in found if entry is not None)
