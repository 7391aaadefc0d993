"""Points and affine sets over a number field: substitution, linear elimination, membership."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from flint import arb, ctx, fmpq_mpoly

from reluspec.engines.algebraic.exact.algebraic import Algebraic
from reluspec.engines.algebraic.exact.number_field import NumberField
from reluspec.engines.algebraic.exact.real_roots import START_BITS
from reluspec.engines.algebraic.ideals.groebner import Monomial

Point: TypeAlias = tuple[Algebraic, ...]
Terms: TypeAlias = dict[Monomial, Algebraic]
"""A polynomial over a number field: exponents -> coefficient, none of them zero."""


@dataclass(frozen=True)
class SolutionSet:
    """The affine set `point + span(directions)` over one number field; a single point without directions.

    The directions are in reduced echelon form: each has a pivot variable, where it is 1 and `point` and the other directions are 0.
    Shapes: `point` (variables), `directions` (dimension, variables).
    """

    field: NumberField
    point: Point
    directions: tuple[Point, ...] = ()

    @property
    def dimension(self) -> int:
        return len(self.directions)

    @property
    def pivots(self) -> tuple[int, ...]:
        """The variables that may be chosen freely, one per direction."""
        return tuple(next(j for j, entry in enumerate(direction) if entry) for direction in self.directions)

    def contains(self, other: SolutionSet) -> bool:
        """Whether the other set is a part of this one; a set over a third field counts as none."""
        try:
            rows = [*other.directions, tuple(a - b for a, b in zip(other.point, self.point, strict=True))]
            return not any(any(_residue(row, self.directions, self.pivots)) for row in rows)
        except ValueError:
            return False

    def embedded(self, field: NumberField) -> SolutionSet:
        """The same polynomials in another root of the same irreducible polynomial."""
        move = [tuple(Algebraic(field, entry.numerator, entry.denominator) for entry in row) for row in (self.point, *self.directions)]
        return SolutionSet(field, move[0], tuple(move[1:]))


def _residue(row: Sequence[Algebraic], directions: Sequence[Point], pivots: Sequence[int]) -> list[Algebraic]:
    rest = list(row)
    for direction, pivot in zip(directions, pivots, strict=True):
        factor = rest[pivot]
        if factor:
            rest = [a - factor * b for a, b in zip(rest, direction, strict=True)]
    return rest


def canonical(field: NumberField, point: Sequence[Algebraic], directions: Sequence[Sequence[Algebraic]]) -> SolutionSet:
    """The set with its directions in reduced echelon form and zeros at the point's pivots."""
    rows = echelon([list(direction) for direction in directions])
    pivots = [next(j for j, entry in enumerate(row) if entry) for row in rows]
    base = _residue(point, [tuple(row) for row in rows], pivots)
    return SolutionSet(field, tuple(base), tuple(tuple(row) for row in rows))


def echelon(rows: list[list[Algebraic]]) -> list[list[Algebraic]]:
    """Reduced row echelon form without zero rows."""
    done: list[list[Algebraic]] = []
    for column in range(len(rows[0]) if rows else 0):
        chosen = next((row for row in rows if row[column]), None)
        if chosen is None:
            continue
        inverse = chosen[column].inverse()
        pivot = [entry * inverse for entry in chosen]
        rows = [_cleared(row, pivot, column) for row in rows if row is not chosen]
        done = [_cleared(row, pivot, column) for row in done] + [pivot]
    return done


def _cleared(row: list[Algebraic], pivot: list[Algebraic], column: int) -> list[Algebraic]:
    factor = row[column]
    return [a - factor * b for a, b in zip(row, pivot, strict=True)] if factor else row


def product(first: Terms, second: Terms) -> Terms:
    """The product of two polynomials over a number field."""
    total: Terms = {}
    for left, a in first.items():
        for right, b in second.items():
            _add(total, tuple(i + j for i, j in zip(left, right, strict=True)), a * b)
    return _nonzero(total)


def _add(total: Terms, monomial: Monomial, value: Algebraic) -> None:
    total[monomial] = total[monomial] + value if monomial in total else value


def _nonzero(terms: Terms) -> Terms:
    return {monomial: value for monomial, value in terms.items() if value}


def composed(terms: Iterable[tuple[Monomial, Algebraic]], forms: Sequence[Terms], one: Terms) -> Terms:
    """A polynomial with `forms[j]` in place of variable j; `one` is the constant 1 among the forms."""
    total: Terms = {}
    for monomial, value in terms:
        term = {key: value * entry for key, entry in one.items()}
        for form, exponent in zip(forms, monomial, strict=True):
            for _ in range(exponent):
                term = product(term, form)
        for key, entry in term.items():
            _add(total, key, entry)
    return _nonzero(total)


def coefficients(polynomial: fmpq_mpoly, field: NumberField) -> list[tuple[Monomial, Algebraic]]:
    """Terms of a rational polynomial with coefficients in the field."""
    return [(tuple(map(int, monomial)), field.element(value)) for monomial, value in polynomial.to_dict().items()]


def restricted(polynomial: fmpq_mpoly, solution: SolutionSet) -> Terms:
    """The polynomial on the set, in one parameter per direction."""
    one = {(0,) * solution.dimension: solution.field.element(1)}
    forms = [affine_form(base, column) for base, column in zip(solution.point, _columns(solution), strict=True)]
    return composed(coefficients(polynomial, solution.field), forms, one)


def _columns(solution: SolutionSet) -> list[Point]:
    if not solution.directions:
        return [()] * len(solution.point)
    return list(zip(*solution.directions, strict=True))


def affine_form(base: Algebraic, slopes: Sequence[Algebraic]) -> Terms:
    """`base + sum slopes[j] t_j`."""
    units = [tuple(int(i == j) for i in range(len(slopes))) for j in range(len(slopes))]
    return _nonzero({(0,) * len(slopes): base, **dict(zip(units, slopes, strict=True))})


def value_at(polynomial: fmpq_mpoly, point: Point) -> Algebraic:
    """The exact value at a point; all coordinates are in one field, or rational."""
    field = max((entry.field for entry in point), key=lambda field: field.degree)
    return restricted(polynomial, SolutionSet(field, point)).get((), field.element(0))


def vanishes(polynomial: fmpq_mpoly, solution: SolutionSet) -> bool:
    """Whether the polynomial is zero on all of the set. At a point balls answer most often; algebra decides the rest."""
    if not solution.directions:
        with ctx.workprec(2 * START_BITS):
            if not ball_value(polynomial, [entry.enclosure(2 * START_BITS) for entry in solution.point]).contains(0):
                return False
    return not restricted(polynomial, solution)


def ball_value(polynomial: fmpq_mpoly, point: Sequence[arb]) -> arb:
    """The value at a point of balls, with FLINT's current precision."""
    total = arb(0)
    for monomial, value in polynomial.to_dict().items():
        term = arb(value)
        for entry, exponent in zip(point, monomial, strict=True):
            if exponent:
                term *= entry ** int(exponent)
        total += term
    return total


def affine_part(polynomials: Sequence[Terms], variables: int, field: NumberField) -> tuple[SolutionSet, list[Terms]] | None:
    """The smallest affine set that linear elimination finds to hold all common zeros; `None` where there are none.

    With it the polynomials, restricted to the set, that are not zero there: empty when the set is all of the zeros.
    """
    zero, one = field.element(0), field.element(1)
    units = [tuple(one if i == j else zero for i in range(variables)) for j in range(variables)]
    found, rest = SolutionSet(field, (zero,) * variables, tuple(units)), [terms for terms in polynomials if terms]
    while linear := [terms for terms in rest if all(sum(monomial) <= 1 for monomial in terms)]:
        inner = _solved(linear, found.dimension, field)
        if inner is None:
            return None
        forms = [affine_form(base, column) for base, column in zip(inner.point, _columns(inner), strict=True)]
        constant = {(0,) * inner.dimension: one}
        rest = [terms for terms in (composed(old.items(), forms, constant) for old in rest) if terms]
        found = within(found, inner)
    return found, rest


def _solved(linear: Sequence[Terms], variables: int, field: NumberField) -> SolutionSet | None:
    """Solutions of linear equations; `None` where there are none."""
    zero, one = field.element(0), field.element(1)
    units = [tuple(int(i == j) for i in range(variables)) for j in range(variables)]
    rows = echelon([[terms.get(monomial, zero) for monomial in [*units, (0,) * variables]] for terms in linear])
    pivots = [next(j for j, entry in enumerate(row) if entry) for row in rows]
    if variables in pivots:
        return None
    point, free = [zero] * variables, [j for j in range(variables) if j not in pivots]
    for row, pivot in zip(rows, pivots, strict=True):
        point[pivot] = -row[-1]
    directions = []
    for chosen in free:
        direction = [one if j == chosen else zero for j in range(variables)]
        for row, pivot in zip(rows, pivots, strict=True):
            direction[pivot] = -row[chosen]
        directions.append(tuple(direction))
    return SolutionSet(field, tuple(point), tuple(directions))


def within(outer: SolutionSet, inner: SolutionSet) -> SolutionSet:
    """The set whose parameters on `outer` run over `inner`."""

    def along(row: Sequence[Algebraic]) -> list[Algebraic]:
        total = [outer.field.element(0)] * len(outer.point)
        for factor, direction in zip(row, outer.directions, strict=True):
            if factor:
                total = [a + factor * b for a, b in zip(total, direction, strict=True)]
        return total

    point = tuple(a + b for a, b in zip(outer.point, along(inner.point), strict=True))
    return SolutionSet(outer.field, point, tuple(tuple(along(direction)) for direction in inner.directions))
