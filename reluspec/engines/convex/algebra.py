"""Computational algebra over the rationals on plain data: what the exact test asks of it, ready to run in a process of its own.

Groebner basis by FLINT; normal forms in the quotient; the first linear relation between the powers of an element (Cox, Little, O'Shea,
*Using
Algebraic Geometry*, chapter 2).
"""

from __future__ import annotations

from math import lcm
from typing import Any, TypeAlias

from flint import Ordering, fmpq, fmpq_mat, fmpz_mpoly_ctx, fmpz_mpoly_vec

Terms: TypeAlias = dict[tuple[int, ...], tuple[int, int]]
"""A polynomial: exponents -> (numerator, denominator)."""

BASIS_LIMITS = (400, 3_000, 60_000)
"""Groebner basis: polynomials, terms of one, bits of a coefficient; past them the algebra gives up."""
MAX_DEGREE = 260
"""Largest degree of a relation that is looked for."""


def relation(variables: int, equations: list[Terms], polynomial: Terms) -> list[tuple[int, int]] | None:
    """Coefficients, constant first, of a polynomial m with m(p) in the ideal of the equations; `None` past the limits.

    m then vanishes at the value of p at every common zero of the equations.
    """
    quotient = _Quotient.of(variables, equations)
    if quotient is None:
        return None
    element = quotient.normal_form({exponents: fmpq(*value) for exponents, value in polynomial.items()})
    powers: list[dict[tuple[int, ...], fmpq]] = [{(0,) * variables: fmpq(1)}]
    checked = 1
    while len(powers) <= MAX_DEGREE:
        powers.append(quotient.normal_form(_product(powers[-1], element)))
        # Testing every power would cost a rank each time; testing at growing steps keeps the total near the last test's.
        if len(powers) >= checked + max(1, checked // 3):
            checked = len(powers)
            found = dependency(powers)
            if found is not None:
                return [(int(value.p), int(value.q)) for value in found]
    return None


class _Quotient:
    """The ring modulo an ideal, by a reduced Groebner basis."""

    def __init__(self, variables: int, context: Any, basis: Any) -> None:
        self.variables = variables
        self.context = context
        self.basis = basis

    @classmethod
    def of(cls, variables: int, equations: list[Terms]) -> _Quotient | None:
        # One inert variable more: its coefficient tells by what number a reduction over the integers was scaled.
        names = [*(f"h{j}" for j in range(variables)), "scale"]
        context = fmpz_mpoly_ctx.get(names, Ordering.degrevlex)
        rows = [_integral(context, {exponents: fmpq(*value) for exponents, value in terms.items()})[0] for terms in equations]
        found: Any
        found, complete = fmpz_mpoly_vec(rows, context).buchberger_naive(limits=BASIS_LIMITS)
        return cls(variables, context, found.autoreduction()) if complete else None

    def normal_form(self, terms: dict[tuple[int, ...], fmpq]) -> dict[tuple[int, ...], fmpq]:
        integral, denominator = _integral(self.context, terms)
        marked = integral + self.context.gen(self.variables)
        remainder = dict(marked.reduction_primitive_part(self.basis).to_dict())
        scale = fmpq(remainder.pop((0,) * self.variables + (1,))) * denominator
        return {exponents[:-1]: fmpq(value) / scale for exponents, value in remainder.items()}


def _integral(context: Any, terms: dict[tuple[int, ...], fmpq]) -> tuple[Any, int]:
    """A polynomial over the integers, and the number it was multiplied by."""
    denominator = lcm(*(int(value.q) for value in terms.values()))
    return context.from_dict({(*exponents, 0): int((value * denominator).p) for exponents, value in terms.items()}), denominator


def _product(first: dict[tuple[int, ...], fmpq], second: dict[tuple[int, ...], fmpq]) -> dict[tuple[int, ...], fmpq]:
    total: dict[tuple[int, ...], fmpq] = {}
    for left, a in first.items():
        for right, b in second.items():
            exponents = tuple(i + j for i, j in zip(left, right, strict=True))
            total[exponents] = total.get(exponents, fmpq(0)) + a * b
    return {exponents: value for exponents, value in total.items() if value}


def dependency(rows: list[dict[tuple[int, ...], fmpq]]) -> list[fmpq] | None:
    """The shortest vector c with `sum c_k rows_k = 0` and last entry 1, or `None` where the rows are independent."""
    monomials = sorted({monomial for row in rows for monomial in row})
    matrix = fmpq_mat(len(monomials), len(rows), [row.get(monomial, fmpq(0)) for monomial in monomials for row in rows])
    echelon, rank = matrix.rref()
    if rank == len(rows):
        return None
    # The first column without a pivot is the first power that depends on the lower ones.
    pivots = [next(j for j in range(len(rows)) if echelon[i, j]) for i in range(rank)]
    free = next(j for j in range(len(rows)) if j not in pivots)
    found = [fmpq(0)] * free + [fmpq(1)]
    for i, column in enumerate(pivots):
        if column < free:
            found[column] = -echelon[i, free]
    return found
