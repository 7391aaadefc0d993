"""Components on which a polynomial vanishes, removed from the zeros of an ideal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flint import fmpq_mpoly, fmpq_mpoly_ctx

from reluspec.engines.algebraic.ideals.groebner import Groebner, Quotient, SolvingLimit, ring


def saturated(context: fmpq_mpoly_ctx, quotient: Quotient, excluded: Sequence[fmpq_mpoly], groebner: Groebner) -> list[fmpq_mpoly] | None:
    """A basis of a larger ideal with the same zeros outside those of `excluded`; `None` when nothing was gained.

    One polynomial f at a time, by a basis with `1 - z f` (Rabinowitsch). Its elements without z are in the saturation, and with `g = a z +
    b` so is `a + b f`. These need not be all of the saturation: this is a simplification, nothing rests on its completeness.
    """
    if not quotient.basis:
        return None
    basis, gained = list(quotient.basis), False
    for polynomial in excluded:
        if polynomial.is_constant():
            continue
        try:
            found = _inverted(context, basis, polynomial, groebner)
        except SolvingLimit:
            continue
        new = [element for element in found if not quotient.contains(element)]
        if new:
            basis, gained = groebner(context, [*basis, *new]), True
            quotient = Quotient(context, basis)
    return basis if gained else None


def _inverted(context: fmpq_mpoly_ctx, basis: Sequence[fmpq_mpoly], polynomial: fmpq_mpoly, groebner: Groebner) -> list[fmpq_mpoly]:
    """Elements of the saturation. z comes first, so that degrevlex prefers leading monomials with it."""
    larger = ring(context.nvars() + 1)

    def moved(element: fmpq_mpoly) -> fmpq_mpoly:
        return larger.from_dict({(0, *monomial): value for monomial, value in element.to_dict().items()})

    most = max(int(element.total_degree()) for element in basis) + 1
    found = groebner(larger, [*map(moved, basis), larger.gen(0) * moved(polynomial) - 1])
    elements = [_cleared(context, element, polynomial) for element in found if element.degrees()[0] <= 1]
    return [element for element in elements if element.total_degree() <= most]


def _cleared(context: fmpq_mpoly_ctx, element: fmpq_mpoly, polynomial: fmpq_mpoly) -> fmpq_mpoly:
    """`b` itself, or `a + b f` for `a z + b`."""
    parts: list[dict[tuple[int, ...], Any]] = [{}, {}]
    for monomial, value in element.to_dict().items():
        parts[int(monomial[0])][tuple(monomial[1:])] = value
    free, slope = context.from_dict(parts[0]), context.from_dict(parts[1])
    return free if slope.is_zero() else slope + free * polynomial
