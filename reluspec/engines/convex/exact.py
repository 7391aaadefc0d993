"""The exact test: is a polynomial zero at a critical point? (theory.md section 7)

In the products `h_l = s_l g_l` the equations of section 4 are quadrics: `g = b - C A^-1 h` is affine, `|g_l|^2 = lambda_a` and `h_l || g_l` (2 x 2 minors). A Groebner basis of these gives, for a quantity p, a polynomial m with
`m(p) = 0` at the point. The non-zero roots of m are bounded away from zero (Cauchy), so balls of finite precision tell zero from the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from itertools import combinations
from math import lcm
from typing import Any

from flint import Ordering, arb, fmpq, fmpq_mat, fmpq_mpoly_ctx, fmpz_mpoly_ctx, fmpz_mpoly_vec

from reluspec.engines.convex.point import Enclosure, FaceSystem, working_precision

BASIS_LIMITS = (400, 3_000, 60_000)
"""Groebner basis: polynomials, terms of one, bits of a coefficient; past them the test gives up."""
MAX_DEGREE = 260
"""Largest degree of the polynomial m that is looked for."""
MAX_PRECISION = 100_000
"""Bits of the last ball evaluation."""

Polynomial = Any  # flint.fmpq_mpoly in the variables h


class ZeroTest:
    """Exact questions about the solution of one `FaceSystem`."""

    def __init__(self, system: FaceSystem) -> None:
        self.system = system
        self._count = system.coordinates
        names = [f"h{j}" for j in range(self._count)]
        self._ring = fmpq_mpoly_ctx.get(names or ["h0"], Ordering.degrevlex)
        # One inert variable more: its coefficient tells by what number a reduction over the integers was scaled.
        self._integers = fmpz_mpoly_ctx.get([*names, "scale"], Ordering.degrevlex)

    def linear(self, row: fmpq_mat) -> Polynomial:
        """`e . z` as a polynomial in h."""
        constant = (row * self.system.geometry.metric_target)[0, 0]
        pull = (row * self.system.response).entries() if self._count else []
        return self._affine(constant, [-entry for entry in pull])

    def excess(self, face: int) -> Polynomial:
        """`|G_F r|^2 - lambda_a` as a polynomial in h."""
        geometry = self.system.geometry
        rows = geometry.map(face).tolist()
        total = self._ring.constant(-geometry.setting.ridge_output)
        for row, norm in zip(rows, geometry.span(face).norms, strict=True):
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
        h = self._ring.gens()
        coupling, target = system.coupling.tolist() if self._count else [], system.target.entries() if self._count else []
        g = [self._affine(value, [-entry for entry in row]) for row, value in zip(coupling, target, strict=True)]
        found = []
        for start, rank in zip(system.offsets, system.ranks, strict=True):
            block = range(start, start + rank)
            square = self._ring.constant(-system.geometry.setting.ridge_output)
            for j in block:
                square += g[j] * g[j] * (1 / system.norms[j])
            found.append(square)
            found.extend(h[i] * g[j] - h[j] * g[i] for i, j in combinations(block, 2))
        return found

    def identically_zero(self, polynomial: Polynomial) -> bool:
        """Whether the quantity vanishes for a reason visible at once: as a polynomial, or as a multiple of one equation."""
        if polynomial.is_zero():
            return True
        for equation in self.equations:
            if not equation.is_zero() and polynomial * equation.leading_coefficient() == equation * polynomial.leading_coefficient():
                return True
        return False

    def sign(self, polynomial: Polynomial, enclosure: Callable[[int], Enclosure | None]) -> int | None:
        """The sign of the polynomial at the point, zero included; `None` past the limits."""
        if self.identically_zero(polynomial):
            return 0
        if self.basis is None:
            return None
        reduced = self._reduce(polynomial)
        if reduced.is_zero():
            return 0
        relation = self._relation(reduced)
        if relation is None:
            return None
        first = next(k for k, coefficient in enumerate(relation) if coefficient)
        rest = [abs(coefficient) for coefficient in relation[first:]]
        gap = rest[0] / (rest[0] + max(rest))
        precision = 128 + max(0, int(gap.q).bit_length() - int(gap.p).bit_length())
        while precision <= MAX_PRECISION:
            value = self._evaluate(reduced, enclosure(precision), precision)
            if value is None:
                return None
            if not value.contains(0):
                return 1 if value > 0 else -1
            if abs(value) < arb(gap):
                # Smaller than every non-zero root: the value is the root zero, which the relation must have.
                return 0 if first else None
            precision *= 2
        return None

    @cached_property
    def basis(self) -> Any | None:
        """A reduced Groebner basis, or `None` past the limits."""
        generators = [self._integral(equation) for equation in self.equations if not equation.is_zero()]
        if not generators:
            return fmpz_mpoly_vec([], self._integers)
        found, complete = fmpz_mpoly_vec(generators, self._integers).buchberger_naive(limits=BASIS_LIMITS)
        return found.autoreduction() if complete else None

    def _integral(self, polynomial: Polynomial) -> Any:
        denominator = _common_denominator(polynomial)
        terms = {(*exponents, 0)[-self._count - 1 :]: int(value * denominator) for exponents, value in polynomial.to_dict().items()}
        return self._integers.from_dict(terms)

    def _reduce(self, polynomial: Polynomial) -> Polynomial:
        """The normal form modulo the basis."""
        if polynomial.is_zero() or not self._count:
            return polynomial
        marked = self._integral(polynomial) + self._integers.gen(self._count)
        remainder = marked.reduction_primitive_part(self.basis).to_dict()
        marker = (0,) * self._count + (1,)
        scale = fmpq(remainder.pop(marker)) * _common_denominator(polynomial)
        return self._ring.from_dict({exponents[:-1]: fmpq(value) / scale for exponents, value in remainder.items()})

    def _relation(self, reduced: Polynomial) -> list[fmpq] | None:
        """Coefficients, constant first, of a polynomial m with m(p) = 0 at the point: the first linear relation between the powers of p."""
        powers = [self._ring.constant(1)]
        rows: list[dict[tuple[int, ...], fmpq]] = [powers[0].to_dict()]
        checked = 1
        while len(powers) <= MAX_DEGREE:
            powers.append(self._reduce(powers[-1] * reduced))
            rows.append(powers[-1].to_dict())
            # Testing every power would cost a rank each time; testing at growing steps keeps the total near the last test's.
            if len(powers) >= checked + max(1, checked // 3):
                checked = len(powers)
                relation = _dependency(rows)
                if relation is not None:
                    return relation
        return None

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


def _dependency(rows: list[dict[tuple[int, ...], fmpq]]) -> list[fmpq] | None:
    """The shortest vector c with `sum c_k rows_k = 0`, or `None` where the rows are independent."""
    monomials = sorted({monomial for row in rows for monomial in row})
    matrix = fmpq_mat(len(monomials), len(rows), [row.get(monomial, fmpq(0)) for monomial in monomials for row in rows])
    echelon, rank = matrix.rref()
    if rank == len(rows):
        return None
    # The first column without a pivot is the first power that depends on the lower ones.
    pivot_columns = []
    for i in range(rank):
        pivot_columns.append(next(j for j in range(len(rows)) if echelon[i, j]))
    free = next(j for j in range(len(rows)) if j not in pivot_columns)
    relation = [fmpq(0)] * (free + 1)
    relation[free] = fmpq(1)
    for i, column in enumerate(pivot_columns):
        if column < free:
            relation[column] = -echelon[i, free]
    return relation


def _common_denominator(polynomial: Polynomial) -> int:
    return lcm(*(int(coefficient.q) for coefficient in polynomial.coeffs()))
