"""Proving that a polynomial is zero at a solution of polynomial equations: an identity over the rationals.

Balls tell a number from zero, never that it is zero. Here a certificate is looked for: polynomials u, c_k with `u p = sum_k c_k f_k`, an
identity that holds everywhere. At a common zero of the f_k where a ball proves `u != 0` it makes p zero. Finding it is linear algebra.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations_with_replacement
from typing import Any

from flint import arb, fmpq, fmpq_mat

Polynomial = Any  # flint.fmpq_mpoly

MAX_COLUMNS = 1_500
"""Size of the largest linear system that is solved for a certificate."""


def vanishes(
    polynomial: Polynomial,
    equations: Sequence[Polynomial],
    value: Callable[[Polynomial], arb],
    degrees: Sequence[int],
    columns: int = MAX_COLUMNS,
    least: int = 0,
) -> bool:
    """Whether a certificate proves `polynomial` zero; `value` encloses a polynomial at the solution, u is tried in these `degrees`.

    Linear systems of more than so many `columns` are not tried. Products of higher degree than `u p` are, up to the degree `least`: they
    may cancel each other.
    """
    if polynomial == 0:
        return True
    ring = polynomial.context()
    equations = [equation for equation in equations if equation != 0]
    for degree in degrees:
        top = max(degree + polynomial.total_degree(), least)
        left = [polynomial * monomial for monomial in _monomials(ring, degree)]
        right = [f * monomial for f in equations if f.total_degree() <= top for monomial in _monomials(ring, top - f.total_degree())]
        if len(left) + len(right) > columns:
            return False
        for vector in _relations([*left, *right]):
            u = sum((coefficient * m for coefficient, m in zip(vector, _monomials(ring, degree), strict=False)), ring.constant(0))
            if u != 0 and not value(u).contains(0):
                return True
    return False


def _monomials(ring: Any, degree: int) -> list[Polynomial]:
    found = [ring.constant(1)]
    for size in range(1, degree + 1):
        for chosen in combinations_with_replacement(ring.gens(), size):
            product = ring.constant(1)
            for factor in chosen:
                product = product * factor
            found.append(product)
    return found


def _relations(polynomials: Sequence[Polynomial]) -> list[list[fmpq]]:
    """A basis of the linear relations between polynomials."""
    tables = [polynomial.to_dict() for polynomial in polynomials]
    rows = sorted({monomial for table in tables for monomial in table})
    matrix = fmpq_mat(len(rows), len(tables), [table.get(row, fmpq(0)) for row in rows for table in tables])
    vectors, nullity = matrix.numer_denom()[0].nullspace()
    return [[fmpq(vectors[i, j]) for i in range(len(tables))] for j in range(int(nullity))]
