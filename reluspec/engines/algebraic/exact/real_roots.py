"""Real roots of polynomials over Q, in balls."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from flint import arb, ctx, fmpq_poly, fmpz, fmpz_poly

START_BITS = 64
"""Precision of the first ball; it doubles until the question is answered."""
GUARD_BITS = 16


def real_root_count(polynomial: fmpz_poly) -> int:
    """How many real roots a squarefree polynomial has, proved."""
    return len(real_roots(polynomial, START_BITS)) if polynomial.degree() > 1 else polynomial.degree()


def real_roots(polynomial: fmpz_poly, bits: int) -> tuple[arb, ...]:
    """Balls around the real roots, ascending; FLINT's root finder returns a real root with imaginary part exactly zero."""
    return _cached_roots(tuple(int(value) for value in polynomial.coeffs()), bits)


@lru_cache(maxsize=256)
def _cached_roots(coefficients: tuple[int, ...], bits: int) -> tuple[arb, ...]:
    with ctx.workprec(bits + GUARD_BITS):
        roots: Any = fmpz_poly(list(coefficients)).complex_roots()
        real = [root.real for root, _ in roots if root.imag.is_zero()]
    return tuple(sorted(real, key=lambda root: root.mid()))


def primitive(polynomial: fmpz_poly | fmpq_poly) -> fmpz_poly:
    integral: Any = polynomial.numer() if isinstance(polynomial, fmpq_poly) else polynomial
    content = integral.content()
    return integral if content == 1 and integral.leading_coefficient() > 0 else _divided(integral, content)


def _divided(polynomial: fmpz_poly, content: fmpz) -> fmpz_poly:
    factor = content if polynomial.leading_coefficient() > 0 else -content
    return fmpz_poly([value // factor for value in polynomial.coeffs()]) if content else polynomial


def accurate(ball: arb, bits: int) -> bool:
    with ctx.workprec(bits + GUARD_BITS):
        size = ball.abs_upper()
        return bool(ball.rad() <= (size if size > 1 else arb(1)) * arb(2) ** -bits)
