"""The exact test: is a polynomial zero at a critical point? (theory.md section 7)

In the products `h_l = s_l g_l` the equations of section 4 are quadrics: `g = b - C A^-1 h` is affine, `|g_l|^2 = lambda_a` and `h_l ||
g_l` (2 x 2 minors). `algebra` finds, for a quantity p, a polynomial m with `m(p) = 0` at the point. The non-zero roots of m are bounded
away from zero (Cauchy), so balls of finite precision tell zero from the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from itertools import combinations
from typing import Any

from flint import Ordering, arb, fmpq, fmpq_mat, fmpq_mpoly_ctx

from reluspec.engines.convex.algebra import Terms, relation
from reluspec.engines.convex.point import PRECISIONS, Enclosure, FaceSystem, working_precision
from reluspec.isolation import Isolated, IsolationError

SMALL = 3
"""Up to so many variables the algebra takes milliseconds and runs in this process; larger systems get one of their own."""
MAX_PRECISION = 100_000
"""Bits of the last ball evaluation."""

Polynomial = Any  # flint.fmpq_mpoly in the variables h


class ZeroTest:
    """Exact questions about the solution of one `FaceSystem`. `helper` runs what may take long."""

    def __init__(self, system: FaceSystem, helper: Isolated) -> None:
        self.system = system
        self.helper = helper
        self._count = system.coordinates
        self._ring = fmpq_mpoly_ctx.get([f"h{j}" for j in range(max(self._count, 1))], Ordering.degrevlex)

    def linear(self, row: fmpq_mat) -> Polynomial:
        """`e . z` as a polynomial in h."""
        constant = (row * self.system.geometry.metric_target)[0, 0]
        pull = (row * self.system.response).entries() if self._count else []
        return self._affine(constant, [-entry for entry in pull])

    def excess(self, face: int) -> Polynomial:
        """`|G_F r|^2 - lambda_a` as a polynomial in h."""
        geometry = self.system.geometry
        total = self._ring.constant(-geometry.setting.ridge_output)
        for row, norm in zip(geometry.map(face).tolist(), geometry.span(face).norms, strict=True):
            form = self.linear(fmpq_mat(1, geometry.points, row))
            total += form * form * (1 / norm)
        return total

    def _affine(self, constant: fmpq, coefficients: list[fmpq]) -> Polynomial:
        terms = {(0,) * max(self._count, 1): constant}
        for j, coefficient in enumerate(coefficients):
            terms[tuple(int(i == j) for i in range(self._count))] = coefficient
        return self._ring.from_dict({exponents: value for exponents, value in terms.items() if value})

    @cached_property
    def equations(self) -> list[Polynomial]:
        """The quadrics that hold at the point."""
        system = self.system
        if not self._count:
            return []
        h = self._ring.gens()
        rows = zip(system.coupling.tolist(), system.target.entries(), strict=True)
        g = [self._affine(value, [-entry for entry in row]) for row, value in rows]
        found = []
        for start, rank in zip(system.offsets, system.ranks, strict=True):
            block = range(start, start + rank)
            square = self._ring.constant(-system.geometry.setting.ridge_output)
            for j in block:
                square += g[j] * g[j] * (1 / system.norms[j])
            found.append(square)
            found.extend(h[i] * g[j] - h[j] * g[i] for i, j in combinations(block, 2))
        return [equation for equation in found if not equation.is_zero()]

    def plainly_zero(self, polynomial: Polynomial, enclosure: Enclosure | None, degree: int) -> bool:
        """Whether `u p = sum c_k f_k` for the equations f_k, a polynomial u of at most this degree (0 or 1) that is not zero at the point,
        and c_k of fitting degree.

        Most ties have such a reason (equal norms of `G r` for faces that differ in one point, points that no unit sees, …), nine of ten
        even with a constant u, and finding it is linear algebra.
        """
        if polynomial.is_zero():
            return True
        if enclosure is None or not self._count:
            return False
        linear = [self._ring.constant(1), *self._ring.gens()]
        multiples = linear if degree else linear[:1]
        cofactors = linear if degree and polynomial.total_degree() == 2 else linear[:1]
        products = [polynomial * u for u in multiples] + [equation * c for equation in self.equations for c in cofactors]
        for vector in _kernel(products):
            u = sum((u * coefficient for u, coefficient in zip(multiples, vector, strict=False)), self._ring.constant(0))
            value = self._evaluate(u, enclosure, enclosure.precision)
            if value is not None and not value.contains(0):
                return True
        return False

    def sign(self, polynomial: Polynomial, enclosure: Callable[[int], Enclosure | None]) -> int | None:
        """The sign of the polynomial at the point, zero included; `None` past the limits."""
        if not self._count:  # the dead network: everything is rational
            constant = polynomial.to_dict().get((0,), fmpq(0))
            return int(constant > 0) - int(constant < 0)
        if self.plainly_zero(polynomial, enclosure(PRECISIONS[0]), 1):
            return 0
        found = self._relation(polynomial)
        if found is None:
            return None
        first = next(k for k, coefficient in enumerate(found) if coefficient)
        rest = [abs(coefficient) for coefficient in found[first:]]
        if len(rest) == 1:
            return 0  # m is a power of the variable: zero is its only root
        gap: fmpq = rest[0] / (rest[0] + max(rest))
        precision = 128 + max(0, int(gap.q).bit_length() - int(gap.p).bit_length())
        while precision <= MAX_PRECISION:
            value = self._evaluate(polynomial, enclosure(precision), precision)
            if value is None or not value.is_finite():
                return None
            if not value.contains(0):
                return 1 if value > 0 else -1
            if abs(value) < arb(gap):
                # Smaller than every non-zero root of m, hence the root zero.
                return 0 if first else None
            precision *= 2
        return None

    def _relation(self, polynomial: Polynomial) -> list[fmpq] | None:
        """The coefficients of m, constant first; `None` past the limits of size, time and memory."""
        equations = [_terms(equation) for equation in self.equations]
        arguments = (self._count, equations, _terms(polynomial))
        if self._count <= SMALL:
            found = relation(*arguments)
        else:
            try:
                found = self.helper.call(relation, *arguments)
            except IsolationError:
                return None
        return None if found is None else [fmpq(*pair) for pair in found]

    def _evaluate(self, polynomial: Polynomial, enclosure: Enclosure | None, precision: int) -> arb | None:
        if enclosure is None:
            return None
        with working_precision(precision + 32):
            h = [enclosure.s[self.system.owner[j]] * enclosure.g[j] for j in range(self._count)]
            total = arb(0)
            for exponents, coefficient in polynomial.to_dict().items():
                term = arb(coefficient)
                for value, power in zip(h, exponents, strict=False):
                    for _ in range(int(power)):  # arb's own power is undefined on balls around zero
                        term *= value
                total += term
            return total


def _kernel(polynomials: list[Polynomial]) -> list[list[fmpq]]:
    """A basis of the linear relations between polynomials."""
    tables = [polynomial.to_dict() for polynomial in polynomials]
    monomials = sorted({monomial for table in tables for monomial in table})
    matrix = fmpq_mat(len(monomials), len(tables), [table.get(monomial, fmpq(0)) for monomial in monomials for table in tables])
    vectors, nullity = matrix.numer_denom()[0].nullspace()
    return [[fmpq(vectors[i, j]) for i in range(len(tables))] for j in range(int(nullity))]


def _terms(polynomial: Polynomial) -> Terms:
    """A polynomial as plain data: FLINT's own cannot travel between processes."""
    return {exponents: (int(value.p), int(value.q)) for exponents, value in polynomial.to_dict().items()}
