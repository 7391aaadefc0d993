"""What holds at a local minimum in a stratum even where the gradients of the zero switches are dependent and multipliers need not exist.

Let `X = sum_k c_k theta_k d/dtheta_k` multiply every zero switch by a constant: all monomials of each have the same `c . e`, e being the
exponents. The flow of X, theta_k -> e^(c_k t) theta_k, then keeps the set where the switches vanish, so that at a local minimum of the loss
on it the derivative X l is zero. (One of these fields, for a hidden unit, gives the balance of its weights.) And if theta_k is in no zero
switch, the set is kept by shifts of theta_k: the derivative by it is zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from flint import fmpq, fmpq_mpoly

from reluspec.engines.algebraic.exact.linear import kernel
from reluspec.engines.algebraic.exact.scalars import FRACTIONS
from reluspec.systems.surrogate import rational


def conditions(loss: fmpq_mpoly, zeros: Sequence[fmpq_mpoly], free: Sequence[int]) -> list[fmpq_mpoly]:
    """Polynomials in the `free` parameters that vanish at every local minimum of the loss on the set where all of `zeros` do."""
    bound = [k for k in free if any(polynomial.degrees()[k] for polynomial in zeros)]
    rows = []
    for polynomial in zeros:
        first, *others = ([Fraction(int(exponents[k])) for k in bound] for exponents in polynomial.monoms())
        rows += [[a - b for a, b in zip(other, first, strict=True)] for other in others]
    found = [loss.derivative(k) for k in free if k not in bound]
    for field in kernel(rows, len(bound), FRACTIONS):
        pairs = [(k, rational(c)) for k, c in zip(bound, field, strict=True) if c]
        terms = {exponents: value * sum((c * exponents[k] for k, c in pairs), fmpq(0)) for exponents, value in loss.to_dict().items()}
        found.append(loss.context().from_dict(terms))
    return [polynomial for polynomial in found if not polynomial.is_zero()]
