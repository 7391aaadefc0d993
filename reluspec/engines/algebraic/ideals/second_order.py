"""What the second order says about a positive-dimensional set of critical points: where it may hold minima, as equations.

At a local minimum the Hessian H is positive semidefinite. On the zeros of an ideal, all of them critical points, that has consequences
which are polynomial, and hold on the whole of a curved family at once:

- **A minor with finitely many values.** Principal minors m of H, and the coefficients `e_k` of its characteristic polynomial (the sum of
  all principal minors of size k), are nowhere negative at minima; H is positive semidefinite iff all `e_k >= 0`. Where the powers of m
  are dependent modulo the ideal, q(m) = 0 on its zeros, and m takes no values but the real roots of q: the factors of q that have no
  root `>= 0` are left out, the others are cases. On an orbit of isometries that keep the loss all `e_k` are constant.
- **A minor that vanishes.** `H_ii = 0` makes the whole row zero; `H_ii H_jj = H_ij^2` with `v = H_ii e_j - H_ij e_i` makes `v^T H v =
  H_ii (H_ii H_jj - H_ij^2)` zero, hence `H v = 0`: `H_ii H_jk = H_ij H_ik` for all k. (A positive semidefinite H has `v^T H v = 0` only
  where `H v = 0`.)

Every equation that is new makes the ideal larger; so this comes to an end: at the ideal (1), which no minimum satisfies, at finitely many
points, or at a set on which the second order has no more to say.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import combinations
from math import lcm
from typing import Any

from flint import fmpq_mpoly, fmpq_poly

from reluspec.engines.algebraic.exact.number_field import real_embeddings
from reluspec.engines.algebraic.ideals.groebner import Quotient
from reluspec.engines.algebraic.ideals.parametrise import powers_of

Matrix = Sequence[Sequence[fmpq_mpoly]]

MAX_VALUES = 8
"""So many values of a minor are looked for."""
MAX_PAIRS = 40
"""Minors of size two that are looked at."""
MAX_TERMS = 300
"""Terms of an entry, on the way to the characteristic polynomial's coefficients, beyond which no more of these are formed."""
SECONDS = 3.0
"""Of processor time, after which no more of these coefficients are formed."""


def necessary(quotient: Quotient, hessian: Matrix) -> list[list[fmpq_mpoly]] | None:
    """Cases, each with equations to be added to the ideal, one of which holds at every real zero at which the Hessian is positive
    semidefinite; `None` where nothing new was found.

    No case at all: there is no such zero.
    """
    entries = [[_normal_form(quotient, entry) for entry in row] for row in hessian]
    added = _rows(entries)
    if added:
        return [added]
    for minor in _minors(quotient, entries):
        cases = _by_sign(quotient, minor)
        if cases is not None:
            return cases
    added = _ranks(quotient, entries)
    return [added] if added else None


def _normal_form(quotient: Quotient, polynomial: fmpq_mpoly) -> fmpq_mpoly:
    """The polynomial's remainder modulo the ideal."""
    if polynomial.is_zero():
        return polynomial
    integral = quotient.integral(polynomial)
    row, scale = quotient.reduced(integral)
    denominator = lcm(*(int(value.q) for value in polynomial.to_dict().values()))
    terms = {tuple(monomial[:-1]): value for monomial, value in row.to_dict().items()}
    return quotient.context.from_dict(terms) / (int(scale) * denominator)


def _rows(entries: Matrix) -> list[fmpq_mpoly]:
    """The rows of diagonal entries that are zero."""
    size = range(len(entries))
    return [entries[i][j] for i in size if entries[i][i].is_zero() for j in size if not entries[i][j].is_zero()]


def _minors(quotient: Quotient, entries: Matrix) -> Iterator[fmpq_mpoly]:
    """Polynomials that are not negative where the Hessian is positive semidefinite, small ones first, modulo the ideal."""
    size = range(len(entries))
    yield from (entries[i][i] for i in size)
    for i, j in list(combinations(size, 2))[:MAX_PAIRS]:
        if not entries[i][j].is_zero():
            yield _normal_form(quotient, entries[i][i] * entries[j][j] - entries[i][j] * entries[i][j])
    yield from _characteristic(quotient, entries)


def _characteristic(quotient: Quotient, entries: Matrix) -> Iterator[fmpq_mpoly]:
    """The sums of all principal minors of size 1, 2, ... (Faddeev and LeVerrier: `e_k = tr(H N_k) / k`, `N_(k+1) = e_k - H N_k`)."""
    size = range(len(entries))
    zero = quotient.context.constant(0)
    power = [[zero + int(i == j) for j in size] for i in size]
    end = time.process_time() + SECONDS
    for k in range(1, len(entries) + 1):
        product: list[list[fmpq_mpoly]] = []
        for i in size:
            product.append([_normal_form(quotient, sum((entries[i][m] * power[m][j] for m in size), zero)) for j in size])
            if time.process_time() > end or max(len(entry) for entry in product[-1]) > MAX_TERMS:
                return
        coefficient = _normal_form(quotient, sum((product[i][i] for i in size), zero)) / k
        yield coefficient
        power = [[coefficient * int(i == j) - product[i][j] for j in size] for i in size]


def _by_sign(quotient: Quotient, minor: fmpq_mpoly) -> list[list[fmpq_mpoly]] | None:
    """The cases left by `minor >= 0`, if it takes finitely many values and some of them are excluded or can be told apart."""
    if minor.is_zero():
        return None
    if minor.is_constant():
        return [] if minor.leading_coefficient() < 0 else None
    minor = minor * lcm(*(int(value.q) for value in minor.to_dict().values()))
    relation = powers_of(quotient, quotient.integral(minor), MAX_VALUES)
    if relation is None:
        return None
    factors = [factor for factor, _ in relation.relation.numer().factor()[1]]
    kept = [factor for factor in factors if any(root.generator.sign() >= 0 for root in real_embeddings(factor))]
    equations = [_composed(fmpq_poly(factor), minor) for factor in kept]
    new = [[equation] for equation in equations if not quotient.contains(equation)]
    return new if len(new) == len(kept) else None


def _composed(polynomial: fmpq_poly, at: fmpq_mpoly) -> fmpq_mpoly:
    total = 0 * at
    for value in reversed(polynomial.coeffs()):
        total = total * at + value
    return total


def _ranks(quotient: Quotient, entries: Matrix) -> list[fmpq_mpoly]:
    """What minors of size two that vanish make vanish, too."""
    size = range(len(entries))
    added: list[Any] = []
    for i, j in combinations(size, 2):
        if entries[i][i].is_zero() or entries[i][j].is_zero():
            continue
        if _normal_form(quotient, entries[i][i] * entries[j][j] - entries[i][j] * entries[i][j]).is_zero():
            rows = (entries[i][i] * entries[j][k] - entries[i][j] * entries[i][k] for k in size)
            added += [row for row in (_normal_form(quotient, entry) for entry in rows) if not row.is_zero()]
    return added
