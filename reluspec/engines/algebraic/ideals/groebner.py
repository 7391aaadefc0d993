"""Groebner bases over Q and the algebra modulo an ideal (Cox, Little, O'Shea, *Using Algebraic Geometry*, chapter 2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations
from math import lcm
from typing import Any, Protocol, TypeAlias

from flint import Ordering, fmpq_mpoly, fmpq_mpoly_ctx, fmpz_mpoly_ctx, fmpz_mpoly_vec

Monomial: TypeAlias = tuple[int, ...]

BASIS_LIMITS = (400, 3_000, 60_000)
"""Groebner basis by FLINT: polynomials, terms of one, bits of a coefficient; past them it gives up."""


EFFORTS = ((60, 300, 2_000), (120, 1_000, 10_000), (400, 3_000, 20_000), (400, 3_000, 40_000))
"""The limits of first and second attempts, before another formulation of the same system is tried."""


class SolvingLimit(Exception):  # noqa: N818 - it is a limit that was reached, not a mistake
    """A system is too large for exact solving within the limits; the message says in which respect."""


class Groebner(Protocol):
    """Computes a reduced degrevlex Groebner basis; `[1]` where there is no common zero, `[]` where all polynomials are zero.

    The context is ordered by degrevlex. Raises `SolvingLimit` when it has to give up.
    """

    def __call__(self, context: fmpq_mpoly_ctx, polynomials: Sequence[fmpq_mpoly]) -> list[fmpq_mpoly]: ...


def ring(variables: int) -> fmpq_mpoly_ctx:
    """Q[x0, x1, ...] ordered by degrevlex."""
    return fmpq_mpoly_ctx.get([f"x{j}" for j in range(variables)], Ordering.degrevlex)


def integral_terms(polynomial: fmpq_mpoly) -> dict[Monomial, int]:
    """The terms of the polynomial times the positive integer that clears its denominators."""
    terms = polynomial.to_dict()
    denominator = lcm(*(int(value.q) for value in terms.values()))
    return {monomial: int(value.p) * (denominator // int(value.q)) for monomial, value in terms.items()}


class FlintBasis:
    """Buchberger's algorithm as FLINT has it: milliseconds for small systems, hopeless for large ones.

    `reached` tells whether it has given up at its limits.
    """

    def __init__(self, limits: tuple[int, int, int] = BASIS_LIMITS) -> None:
        self.limits = limits
        self.reached = False

    def __call__(self, context: fmpq_mpoly_ctx, polynomials: Sequence[fmpq_mpoly]) -> list[fmpq_mpoly]:
        integers = fmpz_mpoly_ctx.get(list(context.names()), Ordering.degrevlex)
        rows = [integers.from_dict(integral_terms(polynomial)).primitive()[1] for polynomial in polynomials if not polynomial.is_zero()]
        if not rows:
            return []
        found: Any
        found, complete = fmpz_mpoly_vec(rows, integers).buchberger_naive(limits=self.limits)
        if not complete:
            self.reached = True
            sizes = "{:,} polynomials, {:,} terms or {:,} bits".format(*self.limits)
            raise SolvingLimit(f"a Groebner basis has more than {sizes}")
        return [_monic(context, dict(row.to_dict()), row.monoms()[0]) for row in found.autoreduction()]


flint_basis = FlintBasis()


def _monic(context: Any, terms: dict[Monomial, Any], leading: Monomial) -> fmpq_mpoly:
    monic: fmpq_mpoly = context.from_dict(terms) / terms[leading]
    return monic


class Quotient:
    """Q[x] modulo an ideal, by its reduced degrevlex basis.

    Reductions run over the integers. One inert variable more, `scale`, tells by which number a reduction multiplied.
    """

    def __init__(self, context: fmpq_mpoly_ctx, basis: Sequence[fmpq_mpoly]) -> None:
        self.context = context
        self.variables: int = context.nvars()
        self.basis = basis
        self.leading: list[Monomial] = [polynomial.monoms()[0] for polynomial in basis]
        self._integers: Any = fmpz_mpoly_ctx.get([*context.names(), "scale"], Ordering.degrevlex)
        self._scale = self._integers.gen(self.variables)
        self._rows = fmpz_mpoly_vec([self.integral(polynomial) for polynomial in basis], self._integers)

    def integral(self, polynomial: fmpq_mpoly) -> Any:
        """A positive integer multiple in the ring of `reduced`."""
        return self._integers.from_dict({(*monomial, 0): value for monomial, value in integral_terms(polynomial).items()})

    def polynomial(self, terms: dict[Monomial, Any]) -> Any:
        """A polynomial of the ring of `reduced` from its terms."""
        return self._integers.from_dict(terms)

    def reduced(self, polynomial: Any) -> tuple[Any, int]:
        """r and c > 0 such that `c polynomial - r` is in the ideal and r is in normal form."""
        remainder = (polynomial + self._scale).reduction_primitive_part(self._rows) if self.basis else polynomial + self._scale
        scale = remainder[(0,) * self.variables + (1,)]
        remainder = remainder - scale * self._scale
        return (remainder, int(scale)) if scale > 0 else (-remainder, -int(scale))

    def contains(self, polynomial: fmpq_mpoly) -> bool:
        """Whether the polynomial is in the ideal."""
        return polynomial.is_zero() or self.reduced(self.integral(polynomial))[0].is_zero()

    @property
    def one(self) -> Any:
        return self._integers.constant(1)

    def variable(self, position: int) -> Any:
        return self._integers.gen(position)

    @property
    def is_trivial(self) -> bool:
        """No common zero."""
        return any(not any(monomial) for monomial in self.leading)

    @property
    def is_finite(self) -> bool:
        """Finitely many complex zeros: some power of every variable is a leading monomial."""
        return len({_support(monomial) for monomial in self.leading if len(_support(monomial)) == 1}) == self.variables

    def dimension(self) -> int:
        """The dimension of the set of complex zeros: the largest set of variables that supports no leading monomial."""
        supports = {_support(monomial) for monomial in self.leading}
        for size in range(self.variables, 0, -1):
            for chosen in combinations(range(self.variables), size):
                if not any(support <= set(chosen) for support in supports):
                    return size
        return 0

    def standard_monomials(self, most: int) -> int:
        """How many monomials are in normal form, for finitely many zeros. Raises `SolvingLimit` beyond `most`."""
        layer: set[Monomial] = {(0,) * self.variables}
        count = 0
        while layer:
            count += len(layer)
            if count > most:
                raise SolvingLimit(f"more than {most} complex solutions with multiplicity")
            layer = {step for monomial in layer for step in _steps(monomial) if not self._divisible(step)}
        return count

    def _divisible(self, monomial: Monomial) -> bool:
        return any(all(i <= j for i, j in zip(leading, monomial, strict=True)) for leading in self.leading)


def _support(monomial: Monomial) -> frozenset[int]:
    return frozenset(j for j, exponent in enumerate(monomial) if exponent)


def _steps(monomial: Monomial) -> Iterable[Monomial]:
    for j in range(len(monomial)):
        yield (*monomial[:j], monomial[j] + 1, *monomial[j + 1 :])
