"""Ideals none of whose zeros is in a stratum, by signs of polynomials modulo the ideal alone: for sets that are not described.

Conditions that agree modulo the ideal up to a rational factor have signs that agree up to that factor's.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from flint import fmpq_mpoly

from reluspec.engines.algebraic.ideals.groebner import Groebner, Quotient
from reluspec.engines.algebraic.stationary.polyhedra import Condition, flip


def contradicts(ideal: Sequence[fmpq_mpoly], conditions: Sequence[tuple[Condition, fmpq_mpoly]], living: int, groebner: Groebner) -> bool:
    """Whether no zero of an ideal fulfils the conditions, for any signs of so many output weights.

    The conditions come with their polynomials in the ideal's ring. Raises `SolvingLimit`.
    """
    context = ideal[0].context()
    quotient, one = Quotient(context, groebner(context, ideal)), context.constant(1)
    alike: dict[str, list[tuple[Condition, int]]] = {}
    for condition, polynomial in ((Condition("one", 1, one, (0,) * living), one), *conditions):
        rest, _ = quotient.reduced(quotient.integral(polynomial))
        if rest.is_zero():
            return True
        side = 1 if rest.leading_coefficient() > 0 else -1
        alike.setdefault(str(side * rest.primitive()[1]), []).append((condition, side))
    return not any(
        all(len({condition.sign * flip(condition, sigma) * side for condition, side in group}) == 1 for group in alike.values())
        for sigma in product((1, -1), repeat=living)
    )
