"""Is a point a local minimum of a smooth function plus convex kinks, on a region? First and second order, without the kinks' sides.

On a region `R = {r_j >= 0 for all j}` around theta*, r_j(theta*) = 0, let the function be `l = B + sum_k |D_k|` with polynomials B, r_j and
D_k, D_k(theta*) = 0: an l1 penalty, the residuals of an absolute loss. Its 2^k sides need not be looked at one by one (as `local` does).

Notation: g, n_j, e_k the gradients of B, r_j, D_k at theta*, and H, R_j, E_k their Hessians; C = {d : n_j . d >= 0}; *multipliers* are
(m, nu) with |m_k| <= 1, nu >= 0 and `g + sum m_k e_k = sum nu_j n_j`; M is the polytope or polyhedron of them all; L = L(m, nu) =
`H + sum m_k E_k - sum nu_j R_j`, affine in (m, nu).

**First order.** The derivative of l along d is `g . d + sum |e_k . d|`, the maximum of `(g + sum m_k e_k) . d` over |m| <= 1. By linear
programming duality it is non-negative on C iff M is not empty. If M is empty, Farkas' lemma gives a d in C along which l falls: where
all r_j are affine, theta* + t d is in R; else, when the open cone is not empty, d moved into it a little (the derivative is continuous
in d) enters R.

**Critical cone.** K = {d in C : derivative 0}. For *any one* pair of multipliers the derivative along d in C is
`sum nu_j n_j . d + sum (|e_k . d| - m_k e_k . d)`, a sum of terms >= 0, so K is the cone of the d in C with `n_j . d = 0` where
nu_j > 0, `e_k . d = 0` where |m_k| < 1 and `m_k e_k . d >= 0` where |m_k| = 1.

**Minimum.** If every d in K, d != 0, has multipliers with d^T L d > 0, theta* is a strict local minimum on R. For any multipliers
`|D_k| >= m_k D_k`, so on R the function l is at least the polynomial `B + sum m_k D_k - sum nu_j r_j`, which is critical at theta*
with Hessian L. If points x_k -> theta* of R had l(x_k) <= l(theta*), a limit d of their directions would be in C (tangents of R
are) and have derivative <= 0, so be in K; its multipliers would give d^T L d <= 0.

**No minimum.** A d in K with d^T L d < 0 *for all multipliers*. If all r_j and D_k are affine, L = H and l falls along theta* + t d. Else
let the open cone not be empty and look for x(t) = theta* + t d + t^2/2 w with `n_j . w + d^T R_j d > 0` where n_j . d = 0, which enters
R, and with second derivative `g . w + d^T H d + sum' sgn(e_k . d) (e_k . w + d^T E_k d) + sum'' |e_k . w + d^T E_k d| < 0`, sum'' over
the k with e_k . d = 0 and sum' over the others. The open cone makes these constraints strictly feasible, so the least such derivative is
the largest value of d^T L d over the multipliers with `nu_j n_j . d = 0` and m_k = sgn(e_k . d) in sum' (duality of linear programs). For
d in K these are all multipliers. They are a polytope (an inner point of C bounds nu), so its vertices are enough.

One pair of multipliers for all of K is sought by cutting planes: a direction with d^T L d <= 0 excludes a half-space of M. Where no pair
does for all of K, K is cut along the planes e_k . d = 0 and the coordinates, and each part may have its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TypeAlias

from reluspec.engines.algebraic.exact.cones import Generators, generators
from reluspec.engines.algebraic.exact.forms import Copositivity, form_on_cone
from reluspec.engines.algebraic.exact.linear import combination, dot, echelon, kernel, plus, times, unit_vectors
from reluspec.engines.algebraic.exact.programs import Feasible, feasible
from reluspec.engines.algebraic.exact.scalars import Matrix, Scalar, Scalars, Undetermined, Vector
from reluspec.engines.algebraic.judging.lagrangians import Lagrangians
from reluspec.engines.algebraic.judging.local import LocalKind, LocalVerdict, ZeroSwitch

MAX_FREEDOM = 6
"""Dimension of M beyond which its vertices are not enumerated."""
MAX_CUTS = 8
"""Cutting planes in the search for one pair of multipliers."""
MAX_PARTS = 32
"""Parts of the critical cone that are looked at."""
MAX_RAYS = 12
"""Rays of a part for which copositivity is decided."""


_Rows: TypeAlias = tuple[Vector, ...]


@dataclass(frozen=True)
class Taylor:
    """Gradient (p) and Hessian (p x p, `None` for an affine function) at theta*."""

    gradient: Vector
    hessian: Matrix | None


@dataclass(frozen=True)
class KinkedRegion:
    """B, the r_j (`sides`) and the D_k (`kinks`) at theta*.

    `critical`: the derivative along the common tangent space {n_j . d = 0, e_k . d = 0} is known to vanish. Balls need it.
    """

    smooth: Taylor
    sides: tuple[ZeroSwitch, ...]
    kinks: tuple[Taylor, ...]
    critical: bool


@dataclass(frozen=True)
class Multipliers:
    """A pair (m, nu)."""

    m: Vector
    nu: Vector


def kinked_verdict(region: KinkedRegion, scalars: Scalars, thorough: bool = True) -> LocalVerdict:
    """Decide whether theta* is a local minimum on the region; unless `thorough`, without cutting the critical cone.

    Raises `Undetermined` when balls are too wide for a verdict.
    """
    return _Test(region, scalars, MAX_PARTS if thorough else 1).verdict()


def tied_kinks(region: KinkedRegion, scalars: Scalars) -> list[int]:
    """The kinks k with |m_k| = 1 for some multipliers that first order leaves. Empty where the first order fails."""
    found = _Test(region, scalars, 1).multipliers()
    if not isinstance(found, Multipliers):
        return []
    return [k for k, m in enumerate(found.m) if not scalars.sign(m * m - scalars.one)]


class _Test:
    def __init__(self, region: KinkedRegion, scalars: Scalars, most_parts: int) -> None:
        self.region, self.scalars, self.most_parts = region, scalars, most_parts
        self.p = len(region.smooth.gradient)
        self.normals = [tuple(side.normal) for side in region.sides]
        self.slopes = [kink.gradient for kink in region.kinks]
        self.minus = scalars.number(Fraction(-1))

    def verdict(self) -> LocalVerdict:
        found = self.multipliers()
        if not isinstance(found, Multipliers):
            return self._descent(found)
        space, rows = self._critical_cone(found)
        cone = self._cone(space, rows)
        if not (cone.lineality or cone.rays):
            return _minimum()
        return self._second_order(found, space, rows)

    def _second_order(self, found: Multipliers, space: Sequence[Vector], rows: _Rows) -> LocalVerdict:
        """On the critical cone, cut into parts where that is needed."""
        family = self._lagrangians(found)
        cuts: _Rows = (*self.slopes, *unit_vectors(self.p, self.scalars)) if family.changes else ()
        parts, looked = [(rows, cuts)], 0
        while parts:
            rows, cuts = parts.pop()
            looked += 1
            cone = self._cone(space, rows)
            against, solved = self._part(cone, family)
            if against is not None:
                return against
            if not solved:
                further = self._split(cone, rows, cuts) if looked + len(parts) < self.most_parts else []
                if not further:
                    return LocalVerdict(LocalKind.DEGENERATE, "a second order that vanishes on the critical cone")
                parts += further
        return _minimum()

    # First order

    def multipliers(self) -> Multipliers | Vector:
        """Multipliers, or a direction of C along which the function falls."""
        every = [*self.normals, *self.slopes]
        columns = echelon(every, self.p, self.scalars).columns if self.region.critical else list(range(self.p))
        opposite = [times(self.minus, slope) for slope in self.slopes]
        right = self.region.smooth.gradient
        for slope in opposite:
            right = plus(right, self.scalars.one, slope)
        two = self.scalars.number(Fraction(2))
        # m = t - 1 with 0 <= t <= 2: sum nu n - sum t e = g - sum e.
        matrix = [tuple(vector[i] for i in columns) for vector in (*opposite, *self.normals)]
        bounds = [*(two for _ in opposite), *(None for _ in self.normals)]
        found = feasible(matrix, [right[i] for i in columns], bounds, self.scalars)
        if isinstance(found, Feasible):
            count = len(self.slopes)
            return Multipliers(tuple(t - self.scalars.one for t in found.point[:count]), found.point[count:])
        direction = dict(zip(columns, found.certificate, strict=True))
        return tuple(-direction[i] if i in direction else self.scalars.zero for i in range(self.p))

    def _derivative(self, direction: Vector) -> Scalar:
        total = dot(self.region.smooth.gradient, direction, self.scalars)
        for slope in self.slopes:
            value = dot(slope, direction, self.scalars)
            total = total + (value if self.scalars.sign(value) >= 0 else -value)
        return total

    def _descent(self, direction: Vector) -> LocalVerdict:
        if any(side.hessian is not None for side in self.region.sides):
            inner = self._inner
            if inner is None:
                return LocalVerdict(LocalKind.DEGENERATE, "the first order fails on a region that may be empty", direction)
            step = Fraction(1, 2)
            while not self._falls(moved := plus(direction, self.scalars.number(step), inner)):
                step /= 16
            direction = moved
        reason = "the function falls, to first order"
        return LocalVerdict(LocalKind.NOT_MINIMUM, reason, direction, slope=self._derivative(direction))

    def _falls(self, direction: Vector) -> bool:
        try:
            return self.scalars.sign(self._derivative(direction)) < 0
        except Undetermined:
            return False  # a smaller step will tell: the slope of the direction itself is proved to be negative

    @property
    def _bent(self) -> list[Matrix | None]:
        """The Hessians that multipliers multiply."""
        return [kink.hessian for kink in self.region.kinks] + [side.hessian for side in self.region.sides]

    @cached_property
    def _inner(self) -> Vector | None:
        """A point of the open cone, `None` when there is none."""
        inner = generators(self.normals, self.p, self.scalars).inner_point(self.p, self.scalars)
        return inner if all(self.scalars.sign(dot(row, inner, self.scalars)) > 0 for row in self.normals) else None

    # The critical cone: its linear span or more, and inequalities in it

    def _critical_cone(self, found: Multipliers) -> tuple[list[Vector], _Rows]:
        equal: list[Vector] = []
        rows: list[Vector] = []
        for weight, normal in zip(found.nu, self.normals, strict=True):
            (equal if self.scalars.sign(weight) else rows).append(normal)
        for m, slope in zip(found.m, self.slopes, strict=True):
            at = next((side for side in (1, -1) if not self.scalars.sign(m - self.scalars.number(Fraction(side)))), 0)
            if at:
                rows.append(slope if at > 0 else times(self.minus, slope))
            else:
                equal.append(slope)
        return kernel(equal, self.p, self.scalars), tuple(rows)

    def _cone(self, space: Sequence[Vector], rows: Sequence[Vector]) -> Generators:
        """Generators of the directions of the space on which the rows are not negative."""
        inside = [tuple(dot(row, vector, self.scalars) for vector in space) for row in rows]
        found = generators(inside, len(space), self.scalars)
        return Generators(
            tuple(combination(line, space, self.p, self.scalars) for line in found.lineality),
            tuple(combination(ray, space, self.p, self.scalars) for ray in found.rays),
        )

    def _split(self, cone: Generators, rows: _Rows, cuts: _Rows) -> list[tuple[_Rows, _Rows]]:
        """The two sides of the first of these planes that cuts the cone."""
        for at, cut in enumerate(cuts):
            signs = {self.scalars.sign(dot(cut, ray, self.scalars)) for ray in cone.rays}
            if signs >= {1, -1} or any(self.scalars.sign(dot(cut, line, self.scalars)) for line in cone.lineality):
                left = cuts[at + 1 :]
                return [((*rows, row), left) for row in (cut, times(self.minus, cut))]
        return []

    # Second order

    def _lagrangians(self, found: Multipliers) -> Lagrangians:
        """L on the affine space of all multipliers: at one pair, and how it changes along a basis; with the bounds of M."""
        one, zero, count = self.scalars.one, self.scalars.zero, len(self.slopes)
        start = self._lagrangian((*found.m, *found.nu), self.region.smooth.hessian)
        if all(hessian is None for hessian in self._bent):
            return Lagrangians(start, [], [])
        columns = [*self.slopes, *(times(self.minus, normal) for normal in self.normals)]
        equations = [tuple(column[i] for column in columns) for i in range(self.p)]
        free = kernel(equations, len(columns), self.scalars)
        changes = [self._lagrangian(vector, None) for vector in free]
        bounds = [(one, *(zero for _ in free))]
        for k, m in enumerate(found.m):
            bounds += [(one - m, *(-vector[k] for vector in free)), (one + m, *(vector[k] for vector in free))]
        for j, nu in enumerate(found.nu):
            bounds.append((nu, *(vector[count + j] for vector in free)))
        return Lagrangians(start, changes, bounds)

    def _lagrangian(self, weights: Sequence[Scalar], base: Matrix | None) -> list[Vector]:
        zeros = (self.scalars.zero,) * self.p
        total = [zeros] * self.p if base is None else [tuple(row) for row in base]
        count = len(self.slopes)
        for k, (weight, hessian) in enumerate(zip(weights, self._bent, strict=True)):
            if hessian is not None:
                factor = weight if k < count else -weight
                total = [plus(row, factor, other) for row, other in zip(total, hessian, strict=True)]
        return total

    def _part(self, cone: Generators, family: Lagrangians) -> tuple[LocalVerdict | None, bool]:
        """NOT_MINIMUM or `None`, and whether some multipliers are positive on all of this part of K."""
        if not (cone.lineality or cone.rays):
            return None, True
        if len(cone.rays) > MAX_RAYS:
            return None, False
        if len(family.changes) > MAX_FREEDOM:
            kind = form_on_cone(family.start, cone.lineality, cone.rays, self.scalars).kind
            return None, kind is Copositivity.STRICT
        bounds = list(family.bounds)
        corners = family.corners(bounds, self.scalars)
        for _ in range(MAX_CUTS):
            tried = family.at(family.middle(bounds, self.scalars), self.scalars)
            found = form_on_cone(tried, cone.lineality, cone.rays, self.scalars)
            if found.kind is Copositivity.STRICT:
                return None, True
            if found.direction is None:
                return None, False
            row = family.along(found.direction, self.scalars)
            values = [self.scalars.sign(dot(row, corner, self.scalars)) for corner in corners]
            if max(values) < 0 and self._enters:
                return self._falls_to_second_order(found.direction, row, corners), True
            if max(values) <= 0:
                return None, False
            bounds.append(row)
            if family.is_thin(bounds, self.scalars):
                return None, False
        return None, False

    @property
    def _enters(self) -> bool:
        """Whether curves with a given second order enter the region."""
        straight = all(hessian is None for hessian in self._bent)
        return straight or not self.normals or self._inner is not None

    def _falls_to_second_order(self, direction: Vector, row: Vector, corners: Sequence[Vector]) -> LocalVerdict:
        values = [dot(row, corner, self.scalars) for corner in corners]
        return LocalVerdict(
            LocalKind.NOT_MINIMUM,
            "the function falls, to second order, along a critical direction",
            direction,
            slope=self.scalars.zero,
            curvature=max(values, key=float),
        )


def _minimum() -> LocalVerdict:
    return LocalVerdict(LocalKind.MINIMUM, "multipliers of the kinks, and a positive second order on the critical cone")
