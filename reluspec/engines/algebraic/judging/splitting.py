"""Minima beyond second order: polynomials whose Hessian at a critical point has one flat direction.

By the splitting lemma (R. Gilmore, *Catastrophe Theory for Scientists and Engineers*) such a polynomial is, in suitable coordinates,
a positive definite form in all but one of them plus a function of the last, `phi(t) = l(t, y(t))`, where y(t) makes l critical in the
others. So it has a strict local minimum iff the Hessian in y is positive definite and the lowest term of phi is positive of even order.
If y is known up to t^m, phi is up to t^(2m + 1): an error O(t^(m + 1)) in y enters quadratically.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

ORDER = 3
"""y(t) is found up to this power, so that terms of phi up to the sixth order are known."""

Polynomial = Mapping[tuple[int, ...], Fraction]
"""Exponents -> coefficient; the critical point is the origin."""
_Series = list[Fraction]


def has_minimum_at_origin(polynomial: Polynomial, size: int) -> bool:
    """Whether a polynomial in `size` variables is proved to have a strict local minimum at 0, with at most one flat direction.

    False says nothing.
    """
    if any(value for exponents, value in polynomial.items() if sum(exponents) == 1):
        return False
    hessian = _hessian(polynomial, size)
    return any(_splits(polynomial, hessian, flat) for flat in range(size))


def _hessian(polynomial: Polynomial, size: int) -> list[list[Fraction]]:
    found = [[Fraction(0)] * size for _ in range(size)]
    for exponents, value in polynomial.items():
        if sum(exponents) == 2:
            i, j = (k for k, e in enumerate(exponents) for _ in range(e))
            found[i][j] += value
            found[j][i] += value
    return found


def _splits(polynomial: Polynomial, hessian: Sequence[Sequence[Fraction]], flat: int) -> bool:
    """The test with the coordinate `flat` for t."""
    others = [k for k in range(len(hessian)) if k != flat]
    inverse = _inverse_if_positive([[hessian[i][j] for j in others] for i in others])
    if inverse is None:
        return False
    curve: list[_Series] = [[Fraction(0)] * (ORDER + 1) for _ in hessian]
    curve[flat][1] = Fraction(1)
    for _ in range(ORDER):
        # Each Newton step with the fixed Hessian makes one more power right.
        slopes = [_along(_derivative(polynomial, k), curve, ORDER) for k in others]
        for row, k in zip(inverse, others, strict=True):
            step = [sum((c * slope[m] for c, slope in zip(row, slopes, strict=True)), Fraction(0)) for m in range(ORDER + 1)]
            curve[k] = [value - change for value, change in zip(curve[k], step, strict=True)]
    reduced = _along(polynomial, curve, 2 * ORDER + 1)
    lowest = next((m for m, value in enumerate(reduced) if value and m), None)
    return lowest is not None and lowest % 2 == 0 and reduced[lowest] > 0


def _inverse_if_positive(matrix: list[list[Fraction]]) -> list[list[Fraction]] | None:
    """The inverse of a symmetric matrix that is positive definite, by elimination without exchanges: all pivots are positive."""
    size = len(matrix)
    rows = [[*row, *(Fraction(i == j) for j in range(size))] for i, row in enumerate(matrix)]
    for k in range(size):
        if rows[k][k] <= 0:
            return None
        rows[k] = [value / rows[k][k] for value in rows[k]]
        for i in range(size):
            if i != k and rows[i][k]:
                rows[i] = [a - rows[i][k] * b for a, b in zip(rows[i], rows[k], strict=True)]
    return [row[size:] for row in rows]


def _derivative(polynomial: Polynomial, k: int) -> dict[tuple[int, ...], Fraction]:
    return {(*e[:k], e[k] - 1, *e[k + 1 :]): value * e[k] for e, value in polynomial.items() if e[k]}


def _along(polynomial: Polynomial, curve: Sequence[_Series], order: int) -> _Series:
    """The polynomial on a curve, up to a power of t."""
    total = [Fraction(0)] * (order + 1)
    for exponents, value in polynomial.items():
        term = [value, *[Fraction(0)] * order]
        for series, exponent in zip(curve, exponents, strict=True):
            for _ in range(exponent):
                term = _times(term, series, order)
        total = [a + b for a, b in zip(total, term, strict=True)]
    return total


def _times(first: _Series, second: _Series, order: int) -> _Series:
    product = [Fraction(0)] * (order + 1)
    for i, a in enumerate(first):
        if a:
            for j, b in enumerate(second[: order + 1 - i]):
                product[i + j] += a * b
    return product
