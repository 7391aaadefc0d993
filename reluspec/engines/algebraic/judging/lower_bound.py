"""A lower bound of the loss over all parameters: where it is attained, a point is a global minimum, whatever is tied there.

Points of one input share the network's outputs. So the loss is at least the sum, over the inputs, of the least value that their objectives
have together at any outputs, plus a bound of the penalties (0, where they are sums of squares and absolute values with factors that are
not negative). The loss is constant on a connected set of critical points of one polynomial; so one point of it tells.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise

from flint import fmpq_poly, fmpz_poly

from reluspec.engines.algebraic.exact.number_field import real_embeddings
from reluspec.engines.algebraic.stationary.charts import Chart, ParityError
from reluspec.engines.algebraic.stationary.polyhedra import CriticalSet, value_at
from reluspec.problem.expression import (
    Constant,
    Expression,
    Kink,
    Power,
    Product,
    Sum,
    Variable,
    evaluate,
    kinks,
    sign,
    substitute,
    variables,
)
from reluspec.problem.problem import Problem, Reduction
from reluspec.regions.signs import Signs
from reluspec.systems.surrogate import fraction, rational, surrogate

MAX_PROBLEMS = 16
"""Problems whose bound is remembered."""


@dataclass(frozen=True)
class Bound:
    """`value` is nowhere above the loss. `outputs` (data points x outputs) are the only ones with which the data's part of the loss has its
    least value; empty where there are others.
    """

    value: Fraction
    outputs: tuple[tuple[Fraction, ...], ...]


def attains_the_bound(problem: Problem, signs: Signs, found: CriticalSet) -> bool:
    """Whether the loss on a critical set of the stratum `signs` is a proved lower bound of the loss; exact."""
    bound = lower_bound(problem)
    if bound is None:
        return False
    try:
        loss = Chart(found.living).even(surrogate(problem, signs).loss)
    except ParityError:
        return False
    return bool(value_at(loss, found.witness, found.field.element(0)) == bound.value)


@lru_cache(maxsize=MAX_PROBLEMS)
def lower_bound(problem: Problem) -> Bound | None:
    """The bound; `None` where none is known, or the least value of an objective is not rational."""
    if not all(_not_negative(penalty.expression) for penalty in problem.regulariser):
        return None
    groups: dict[tuple[Fraction, ...], list[int]] = {}
    for point, place in enumerate(problem.data.x):
        groups.setdefault(place, []).append(point)
    total, unique = Fraction(0), True
    outputs: dict[int, tuple[Fraction, ...]] = {}
    for group in groups.values():
        least = [_least_of(problem, group, k) for k in range(problem.network.outputs)]
        if any(one is None for one in least) or not _separate(problem.loss.expression):
            return None
        known = [one for one in least if one is not None]
        total += sum((one.value for one in known), Fraction(0))
        unique = unique and all(len(one.places) == 1 and not one.flat for one in known)
        outputs.update({point: tuple(one.places[0] for one in known if one.places) for point in group})
    mean = len(problem.data) if problem.loss.reduction is Reduction.MEAN else 1
    return Bound(total / mean, tuple(outputs[point] for point in range(len(problem.data))) if unique else ())


def _not_negative(expression: Expression) -> bool:
    """Whether an expression is seen to be nowhere negative."""
    if isinstance(expression, Constant):
        return expression.value >= 0
    if isinstance(expression, Sum):
        return all(map(_not_negative, expression.terms))
    if isinstance(expression, Product):
        return all(map(_not_negative, expression.factors))
    if isinstance(expression, Power):
        return expression.exponent % 2 == 0 or _not_negative(expression.base)
    return isinstance(expression, Kink) and expression.below <= 0 <= expression.above


def _terms(expression: Expression) -> tuple[Expression, ...]:
    return expression.terms if isinstance(expression, Sum) else (expression,)


def _outputs_in(expression: Expression) -> set[tuple[int, ...]]:
    return {variable.index for variable in variables(expression) if variable.name == "f"}


def _separate(expression: Expression) -> bool:
    """Whether an objective is a sum of terms in one output each."""
    return all(len(_outputs_in(term)) <= 1 for term in _terms(expression))


@dataclass(frozen=True)
class _Least:
    """The least value of a piecewise polynomial in one variable, and where it has it; `flat`: elsewhere, too, on an interval, say."""

    value: Fraction
    places: tuple[Fraction, ...]
    flat: bool


def _least_of(problem: Problem, group: Sequence[int], output: int) -> _Least | None:
    """The least value of the objectives of some points together, as far as they depend on one output (constants: with the first)."""
    parts: list[Expression] = []
    for point in group:
        known: dict[Variable, Expression] = {Variable("y", (k,)): Constant(value) for k, value in enumerate(problem.data.y[point])}
        for term in _terms(problem.loss.expression):
            if (output,) in _outputs_in(term) or (not output and not _outputs_in(term)):
                parts.append(Product((Constant(problem.data.weight[point]), substitute(term, known))))
    return _least(Sum(tuple(parts)), Variable("f", (output,))) if parts else _Least(Fraction(0), (), True)


def _least(expression: Expression, variable: Variable) -> _Least | None:
    """`None` where there is none, or it is not rational, or a kink is not affine."""
    bends = bends_of(expression, variable)
    if bends is None:
        return None
    pieces = list(_pieces(expression, variable, bends))
    places = sorted({*bends, *(root for piece in pieces for root in piece.turns())})
    values = {place: Fraction(evaluate(expression, {variable: place}, sign, Fraction)) for place in places}
    if not values:  # without bends or turning points: constant, or unbounded
        place = Fraction(0)
        values = {place: Fraction(evaluate(expression, {variable: place}, sign, Fraction))}
    least = min(values.values())
    if not all(piece.at_least(least) for piece in pieces):
        return None
    flat = any(piece.is_at(least) for piece in pieces)
    return _Least(least, tuple(place for place, value in values.items() if value == least), flat)


def bends_of(expression: Expression, variable: Variable) -> list[Fraction] | None:
    """Where the kinks are, ascending; `None` where what is in one is not piecewise affine."""
    found = set()
    for kink in kinks(expression):
        inner = bends_of(kink.argument, variable)
        if inner is None:
            return None
        for piece in _pieces(kink.argument, variable, inner):
            if piece.polynomial.degree() > 1:
                return None
            if piece.polynomial.degree() == 1 and piece.reaches(at := fraction(-piece.polynomial[0] / piece.polynomial[1])):
                found.add(at)
    return sorted(found)


@dataclass(frozen=True)
class _OnInterval:
    """A polynomial on an open interval; `None` for infinite ends."""

    polynomial: fmpq_poly
    low: Fraction | None
    high: Fraction | None

    def _inside(self, place: Fraction) -> bool:
        return (self.low is None or self.low < place) and (self.high is None or place < self.high)

    def reaches(self, place: Fraction) -> bool:
        """Whether the place is inside, or an end."""
        return (self.low is None or self.low <= place) and (self.high is None or place <= self.high)

    def turns(self) -> Iterator[Fraction]:
        """The rational zeros of the derivative."""
        slope = self.polynomial.derivative()
        for factor, _ in slope.numer().factor()[1] if slope.degree() > 0 else ():
            if factor.degree() == 1:
                root = Fraction(-int(factor[0]), int(factor[1]))
                if self._inside(root):
                    yield root

    def is_at(self, least: Fraction) -> bool:
        """Whether the polynomial has this least value everywhere on the interval, or at a place that is not rational."""
        rest = self.polynomial - rational(least)
        return rest.is_zero() or any(factor.degree() > 1 and self._has_root(factor) for factor, _ in rest.numer().factor()[1])

    def at_least(self, least: Fraction) -> bool:
        """Whether the polynomial is nowhere below on the interval: no sign changes, and one value above."""
        rest = self.polynomial - rational(least)
        if rest.is_zero():
            return True
        factors = [factor for factor, power in rest.numer().factor()[1] if power % 2 and factor.degree() > 0]
        if any(self._has_root(factor) for factor in factors):
            return False
        probe = (self.low or Fraction(0)) if self.high is None else self.high
        # Beside a point where the polynomial may vanish with even order: as many probes as it has roots, and one more.
        width = min(Fraction(1), self.high - self.low) if self.low is not None and self.high is not None else Fraction(1)
        step = width / (rest.degree() + 2) * (1 if self.high is None else -1)
        values = (rest(rational(probe + step * k)) for k in range(1, rest.degree() + 2))
        return next(value for value in values if value != 0) > 0

    def _has_root(self, factor: fmpz_poly) -> bool:
        for field in real_embeddings(factor):
            root = field.generator
            if (self.low is None or (root - self.low).sign() > 0) and (self.high is None or (root - self.high).sign() < 0):
                return True
        return False


def _pieces(expression: Expression, variable: Variable, bends: Sequence[Fraction]) -> Iterator[_OnInterval]:
    """The polynomials between the kinks."""
    ends: list[Fraction | None] = [None, *bends, None]
    for low, high in pairwise(ends):
        inside = (low + high) / 2 if low is not None and high is not None else high - 1 if high is not None else (low or Fraction(-1)) + 1

        def side(switch: fmpq_poly, at: Fraction = inside) -> int:
            return sign(fraction(switch(rational(at))))

        def number(value: Fraction) -> fmpq_poly:
            return fmpq_poly([rational(value)])

        yield _OnInterval(evaluate(expression, {variable: fmpq_poly([0, 1])}, side, number), low, high)
