"""Signs of polynomials, linearised: what can be proved contradictory when every monomial counts as an unknown of its own.

Affine zeros are solved and substituted; other zeros are linear equations in the monomials; what is strict is a linear program
(`linear_program.Dictionary`). No assignment with a real point is ever lost. Where all polynomials are affine after substitution the
answer is exact; elsewhere it gets sharper by products: if v > 0 and f > 0, then v f > 0 (`split`). With one unit behind each layer, or
one output, that makes it exact as well: v w lies in the cone of w, or in its negative.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import lcm

from flint import fmpq_mpoly, fmpq_mpoly_ctx

from reluspec.errors import LimitError
from reluspec.problem.expression import sign
from reluspec.systems.existence import solve_affine
from reluspec.systems.linear_program import Dictionary
from reluspec.systems.surrogate import constant_value

Row = dict[tuple[int, ...], int]


class EffortError(LimitError):
    """The search has taken as many steps as it may."""


@dataclass
class Meter:
    """Counts inequalities as they enter a linear program, all relaxations of one search together."""

    limit: int | None = None
    spent: int = 0

    def spend(self, steps: int) -> None:
        """Raises `EffortError` beyond the limit."""
        self.spent += steps
        if self.limit is not None and self.spent > self.limit:
            raise EffortError(f"the search for strata was given up after {self.limit:,} steps")


@dataclass(frozen=True, eq=False)
class Relaxation:
    """A consistent set of assumptions. `strict` are positive; `products` are positive, too, but follow from them.

    `images` are the generators after substitution (`None`: as they are), `zeros` the equations that are not affine, in echelon form.
    `rank` counts the equations assumed.
    """

    context: fmpq_mpoly_ctx
    dictionary: Dictionary = field(default_factory=Dictionary)
    images: tuple[fmpq_mpoly, ...] | None = None
    zeros: tuple[fmpq_mpoly, ...] = ()
    strict: tuple[fmpq_mpoly, ...] = ()
    products: tuple[fmpq_mpoly, ...] = ()
    rank: int = 0
    meter: Meter = field(default_factory=Meter)

    @property
    def affine(self) -> bool:
        """Whether the assumptions are affine, so that their consistency is proved and not just possible."""
        return not self.zeros and all(polynomial.total_degree() <= 1 for polynomial in self.strict)

    def reduced(self, polynomial: fmpq_mpoly) -> fmpq_mpoly:
        """The polynomial where the equations hold."""
        if self.images is not None:
            polynomial = polynomial.compose(*self.images)
        return _modulo(polynomial, self.zeros)

    def assume(self, polynomial: fmpq_mpoly, side: int, *, derived: bool = False) -> Relaxation | None:
        """With the sign `side` for a polynomial as well; `None` when that contradicts the rest.

        `derived` marks products of what is known: they sharpen the rest and are no assumptions themselves.
        """
        polynomial = self.reduced(polynomial)
        value = constant_value(polynomial)
        if value is not None:
            return self if sign(value) == side else None
        if side == 0:
            return self._vanishing(polynomial)
        self.meter.spend(1)
        oriented = polynomial if side > 0 else -polynomial
        dictionary = _with(self.dictionary, oriented)
        if dictionary is None:
            return None
        if derived:
            return replace(self, dictionary=dictionary, products=(*self.products, oriented))
        return replace(self, dictionary=dictionary, strict=(*self.strict, oriented))

    def branch(self, polynomial: fmpq_mpoly) -> dict[int, Relaxation]:
        """The signs that a polynomial may have, with the consequences of each; a sign that is implied adds nothing."""
        polynomial = self.reduced(polynomial)
        value = constant_value(polynomial)
        if value is not None:
            return {sign(value): self}
        found = {}
        for side in (1, -1):
            relaxation = self.assume(polynomial, side)
            if relaxation is not None:
                found[side] = relaxation
        # Solutions are a relatively open convex set: a linear form that has one sign there does not vanish there.
        if len(found) == 1:
            return dict.fromkeys(found, self)
        zero = self._vanishing(polynomial)
        if zero is not None:
            found[0] = zero
        return found

    def split(self, variable: fmpq_mpoly, forms: Iterable[fmpq_mpoly]) -> list[Relaxation]:
        """The cases v > 0, v < 0 and v = 0 of a parameter, each with the products of v and the positive `forms`."""
        cases = []
        for side, relaxation in self.branch(variable).items():
            case: Relaxation | None = relaxation
            if side:
                for form in forms:
                    case = case.assume(variable * form, side, derived=True) if case is not None else None
            if case is not None:
                cases.append(case)
        return cases

    def _vanishing(self, polynomial: fmpq_mpoly) -> Relaxation | None:
        images, zeros = self.images, [*self.zeros, polynomial]
        strict, products = list(self.strict), list(self.products)
        self.meter.spend(1 + len(strict) + len(products))
        while True:
            echelon = _echelon(zeros)
            if echelon is None:
                return None
            affine = [zero for zero in echelon if zero.total_degree() == 1]
            if not affine:
                break
            step = solve_affine(affine, self.context)
            images = tuple(image.compose(*step) for image in images) if images is not None else tuple(step)
            zeros = [zero.compose(*step) for zero in echelon if zero.total_degree() != 1]
            strict = [entry.compose(*step) for entry in strict]
            products = [entry.compose(*step) for entry in products]
        dictionary = Dictionary()
        kept: tuple[list[fmpq_mpoly], list[fmpq_mpoly]] = ([], [])
        for entries, into in zip((strict, products), kept, strict=True):
            for entry in entries:
                remaining = _modulo(entry, echelon)
                value = constant_value(remaining)
                if value is None:
                    following = _with(dictionary, remaining)
                    if following is None:
                        return None
                    dictionary = following
                    into.append(remaining)
                elif value <= 0:
                    return None
        return Relaxation(self.context, dictionary, images, tuple(echelon), tuple(kept[0]), tuple(kept[1]), self.rank + 1, self.meter)


def integer_row(polynomial: fmpq_mpoly) -> Row:
    """A positive multiple of a polynomial as integers by monomial."""
    terms = polynomial.to_dict()
    multiple = lcm(*(int(coefficient.q) for coefficient in terms.values()))
    return {monomial: int(coefficient.p) * (multiple // int(coefficient.q)) for monomial, coefficient in terms.items()}


def _with(dictionary: Dictionary, positive: fmpq_mpoly, least: int = 1) -> Dictionary | None:
    row = integer_row(positive)
    one = (0,) * positive.context().nvars()
    if one in row and one not in dictionary.rows:
        # The monomial 1 is an unknown as well: solutions with another positive value are scaled.
        following = dictionary.added({one: 1})
        return following.added(row, least) if following is not None else None
    return dictionary.added(row, least)


def strict_point(positive: Sequence[fmpq_mpoly], least: Sequence[int]) -> dict[int, Fraction] | None:
    """Values of generators (by position) where affine polynomials are positive, `None` when there are none; others are free.

    Different `least` (positive) give different points.
    """
    dictionary: Dictionary | None = Dictionary()
    for polynomial, bound in zip(positive, least, strict=True):
        if dictionary is None:
            return None
        dictionary = _with(dictionary, polynomial, bound)
    if dictionary is None:
        return None
    names = [name for name in (*dictionary.rows, *dictionary.columns) if isinstance(name, tuple)]
    scale = next((dictionary.value(name) for name in names if not any(name)), Fraction(1))
    return {name.index(1): dictionary.value(name) / scale for name in names if any(name)}


def _modulo(polynomial: fmpq_mpoly, echelon: Sequence[fmpq_mpoly]) -> fmpq_mpoly:
    for zero in echelon:
        coefficient = polynomial[zero.monomial(0)]
        if coefficient:
            polynomial = polynomial - coefficient * zero
    return polynomial


def _echelon(zeros: Sequence[fmpq_mpoly]) -> list[fmpq_mpoly] | None:
    """Reduced row echelon form in the monomials, highest degrees first; `None` when it contains 1."""
    rows: list[fmpq_mpoly] = []
    for zero in zeros:
        remaining = _modulo(zero, rows)
        if remaining.is_zero():
            continue
        if remaining.is_constant():
            return None
        monic = remaining / remaining.leading_coefficient()
        rows = [*(_modulo(row, [monic]) for row in rows), monic]
    return rows
