"""How many solutions a system of polynomial equations can have: the algebra modulo an ideal.

Source: Cox, Little, O'Shea, *Using Algebraic Geometry*, chapter 2.

If polynomials g_1, g_2, ... are in the ideal of the equations and only finitely many monomials are divisible by none of their leading
monomials, there are at most that many complex solutions. That bound needs no Groebner basis, only members of the ideal; with a basis it
is as good as it gets. Multiplication by a polynomial h is a linear map of the span of these monomials, and its eigenvalues are the values
of h at the solutions, if multiplications commute. So at most `rank M_h` solutions, counted with multiplicity, have `h != 0`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from math import lcm
from typing import Any

import numpy as np
from flint import Ordering, fmpq, fmpq_mat, fmpz_mpoly_ctx, fmpz_mpoly_vec

from reluspec.verifier.raw import Polynomial

Monomial = tuple[int, ...]
Sparse = dict[int, fmpq]

BASIS_LIMITS = (400, 3_000, 60_000)
"""Polynomials, terms of one and bits of a coefficient, past which a basis is given up."""
MAX_SOLUTIONS = 160


class SizeError(Exception):
    """The system is beyond the verifier's limits; the message says in which respect."""


class InfiniteError(Exception):
    """The ideal has, or may have, infinitely many complex solutions."""


def members(context: Any, equations: Sequence[Polynomial]) -> list[dict[Monomial, fmpq]]:
    """A reduced Groebner basis of the ideal of `equations`, degrevlex, monic; `[{1: 1}]` where there is no solution. Raises `SizeError`."""
    integers = fmpz_mpoly_ctx.get(list(context.names()), Ordering.degrevlex)
    rows = [integers.from_dict(_integral(one)).primitive()[1] for one in equations if one != 0]
    if not rows:
        return []
    found: Any
    found, complete = fmpz_mpoly_vec(rows, integers).buchberger_naive(limits=BASIS_LIMITS)
    if not complete:
        raise SizeError("a Groebner basis is past its limits")
    basis = []
    for row in found.autoreduction():
        terms = {tuple(map(int, monomial)): value for monomial, value in row.to_dict().items()}
        top = terms[max(terms, key=order)]
        basis.append({monomial: fmpq(value, top) for monomial, value in terms.items()})
    return basis


def order(monomial: Monomial) -> tuple[int, tuple[int, ...]]:
    """Ascending: degree first, then reverse lexicographic."""
    return sum(monomial), tuple(-exponent for exponent in reversed(monomial))


def _integral(polynomial: Polynomial) -> dict[Monomial, int]:
    terms = polynomial.to_dict()
    scale = lcm(*(int(value.q) for value in terms.values()))
    return {monomial: int(value.p) * (scale // int(value.q)) for monomial, value in terms.items()}


class Quotient:
    """The polynomials in `variables` unknowns modulo an ideal with finitely many solutions. Raises `InfiniteError`, `SizeError`."""

    def __init__(self, basis: Sequence[dict[Monomial, fmpq]], variables: int) -> None:
        self.variables = variables
        self.leading = {max(terms, key=order): terms for terms in basis}
        self.standard = self._standard()
        self.place = {monomial: k for k, monomial in enumerate(self.standard)}
        self._forms: dict[Monomial, Sparse] = {monomial: {k: fmpq(1)} for k, monomial in enumerate(self.standard)}
        if self.standard:
            self._border()

    @property
    def size(self) -> int:
        """A bound for the number of solutions."""
        return len(self.standard)

    def _standard(self) -> list[Monomial]:
        powers = {k for monomial in self.leading for k in range(self.variables) if sum(monomial) == monomial[k]}
        if len(powers) < self.variables and not any(sum(monomial) == 0 for monomial in self.leading):
            raise InfiniteError
        found: list[Monomial] = []
        layer = {(0,) * self.variables}
        while layer:
            layer = {monomial for monomial in layer if not any(_divides(top, monomial) for top in self.leading)}
            found.extend(layer)
            if len(found) > MAX_SOLUTIONS:
                raise SizeError(f"a system may have more than {MAX_SOLUTIONS} complex solutions")
            layer = {_step(monomial, k) for monomial in layer for k in range(self.variables)}
        return sorted(found, key=order)

    def _border(self) -> None:
        """The normal forms of the variables' multiples of standard monomials, in ascending order, each from smaller ones (as in FGLM)."""
        border = {_step(monomial, k) for monomial in self.standard for k in range(self.variables)} - set(self.place)
        for monomial in sorted(border, key=order):
            terms = self.leading.get(monomial)
            if terms is not None:
                self._forms[monomial] = {self.place[other]: -value for other, value in terms.items() if other != monomial}
                continue
            k, smaller = next((k, s) for k, s in _parts(monomial) if s in self._forms and s not in self.place)
            self._forms[monomial] = self._multiplied(self._forms[smaller], k)

    def _multiplied(self, form: Sparse, k: int) -> Sparse:
        """A normal form times a variable."""
        total: Sparse = {}
        for position, value in form.items():
            for other, entry in self._forms[_step(self.standard[position], k)].items():
                total[other] = total.get(other, fmpq(0)) + value * entry
        return {position: value for position, value in total.items() if value}

    @cached_property
    def matrices(self) -> list[list[Sparse]]:
        """For every variable, the columns of the multiplication by it."""
        return [[self._forms[_step(monomial, k)] for monomial in self.standard] for k in range(self.variables)]

    def floats(self) -> np.ndarray:
        """The multiplications by the variables, rounded (variables x size x size). Raises `SizeError` for numbers beyond floats."""
        found = np.zeros((self.variables, self.size, self.size))
        try:
            for k, columns in enumerate(self.matrices):
                for j, column in enumerate(columns):
                    for i, value in column.items():
                        found[k, i, j] = int(value.p) / int(value.q)
        except OverflowError:
            raise SizeError("the numbers of a system are too large") from None
        return found

    def multiplication(self, polynomial: Polynomial) -> fmpq_mat:
        """The matrix of the multiplication by a polynomial."""
        columns: list[list[fmpq]] = []
        table = polynomial.to_dict()
        for start in range(self.size):
            total: Sparse = {}
            for exponents, coefficient in table.items():
                form: Sparse = {start: coefficient}
                for k, power in enumerate(exponents):
                    for _ in range(int(power)):
                        form = self._multiplied(form, k)
                for position, value in form.items():
                    total[position] = total.get(position, fmpq(0)) + value
            columns.append([total.get(i, fmpq(0)) for i in range(self.size)])
        return fmpq_mat(columns).transpose()

    @cached_property
    def is_algebra(self) -> bool:
        """Whether the multiplications commute.

        Then they are those of an algebra Q[x] / J with J in the ideal (Mourrain 1999), whatever the leading monomials are.
        """
        whole = [
            fmpq_mat(self.size, self.size, [column.get(i, fmpq(0)) for i in range(self.size) for column in columns]).numer_denom()[0]
            for columns in self.matrices
        ]
        return all(whole[i] * whole[j] == whole[j] * whole[i] for i in range(self.variables) for j in range(i))

    def bound(self, nonzero: Sequence[Polynomial]) -> int:
        """At most this many solutions, with multiplicity, have none of the polynomials zero."""
        if not self.is_algebra:
            return self.size
        total: fmpq_mat | None = None
        for one in nonzero:
            matrix = self.multiplication(one)
            total = matrix if total is None else total * matrix
        if total is None:
            return self.size
        rank = int(total.rank())
        while rank:
            total = total * total
            after = int(total.rank())
            if after == rank:
                break
            rank = after
        return rank


def _divides(first: Monomial, second: Monomial) -> bool:
    return all(a <= b for a, b in zip(first, second, strict=True))


def _step(monomial: Monomial, k: int) -> Monomial:
    return (*monomial[:k], monomial[k] + 1, *monomial[k + 1 :])


def _parts(monomial: Monomial) -> list[tuple[int, Monomial]]:
    return [(k, (*monomial[:k], monomial[k] - 1, *monomial[k + 1 :])) for k, exponent in enumerate(monomial) if exponent]
