"""Polynomials whose real zeros lie in an affine set because they do not change sign: x^2 + y^2 = 0 is a point, x^2 + 1 = 0 is empty."""

from __future__ import annotations

from collections.abc import Sequence

from reluspec.engines.algebraic.exact.algebraic import Algebraic
from reluspec.engines.algebraic.exact.number_field import NumberField
from reluspec.engines.algebraic.ideals.affine import SolutionSet, Terms, affine_part, within
from reluspec.engines.algebraic.ideals.groebner import Monomial


def real_affine_part(polynomials: Sequence[Terms], variables: int, field: NumberField) -> tuple[SolutionSet, list[Terms]] | None:
    """As `affine_part`, for real zeros: it also uses polynomials that do not change sign."""
    found = affine_part(polynomials, variables, field)
    while found is not None and found[1]:
        part, rest = found
        linear = [form for terms in rest for form in forced(terms, part.dimension, field)]
        if not linear:
            return found
        inner = affine_part([*linear, *rest], part.dimension, field)
        found = None if inner is None else (within(part, inner[0]), inner[1])
    return found


def forced(terms: Terms, variables: int, field: NumberField) -> list[Terms]:
    """Affine forms that vanish at every real zero; empty when nothing is known."""
    if all(sum(monomial) <= 2 for monomial in terms):
        return _of_quadric(terms, variables, field)
    signs = {value.sign() for value in terms.values()}
    if len(signs) > 1 or any(exponent % 2 for monomial in terms for exponent in monomial):
        return []
    # A sum of even monomials of one sign: each of them is zero.
    one = field.element(1)
    pure = [monomial for monomial in terms if sum(map(bool, monomial)) <= 1]
    return [{tuple(min(exponent, 1) for exponent in monomial): one} for monomial in pure]


def _of_quadric(terms: Terms, variables: int, field: NumberField) -> list[Terms]:
    """The kernel of the form `(t, 1)^T Q (t, 1)` where Q is semidefinite; it holds all zeros."""
    zero = field.element(0)
    units: list[Monomial] = [tuple(int(i == j) for i in range(variables)) for j in range(variables)] + [(0,) * variables]

    def entry(i: int, j: int) -> Algebraic:
        value = terms.get(tuple(a + b for a, b in zip(units[i], units[j], strict=True)), zero)
        return value if i == j else value / 2

    size = variables + 1
    matrix = [[entry(i, j) for j in range(size)] for i in range(size)]
    if not _is_semidefinite(matrix):
        return []
    rows = [{unit: value for unit, value in zip(units, row, strict=True) if value} for row in matrix]
    return [row for row in rows if row]


def _is_semidefinite(matrix: list[list[Algebraic]]) -> bool:
    """By symmetric elimination: all pivots have one sign, and a zero on the diagonal has a zero row."""
    size, seen = len(matrix), 0
    rows = [list(row) for row in matrix]
    for k in range(size):
        pivot = rows[k][k]
        sign = pivot.sign()
        if sign == 0:
            if any(rows[k][j] for j in range(k + 1, size)):
                return False
            continue
        if seen * sign < 0:
            return False
        seen = sign
        for i in range(k + 1, size):
            if rows[i][k]:
                factor = rows[i][k] / pivot
                rows[i] = [a - factor * b for a, b in zip(rows[i], rows[k], strict=True)]
    return True
