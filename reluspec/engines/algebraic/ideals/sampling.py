"""A real point on every connected component of a smooth set of zeros with strict signs, and bounds for how many components there are.

Let V be the zeros of f_1, ..., f_c in R^m at which `sigma_i h_i > 0`, and J = (grad f_l) of rank c everywhere on V: a manifold of dimension
m - c, closed in the open set S of the strict signs. For a point a let

    Phi = prod_i |h_i| / (1 + |x - a|^2)^N,   2 N > degree of the product.

Phi is positive on S and tends to 0 at its walls and at infinity, so it has a maximum on every component of V. There

    grad log Phi = sum_l lambda_l grad f_l,

a polynomial system, which has finitely many solutions for almost all a, and asks for minors of (J, grad log Phi) to vanish. These are
the *samples*.

How many components? No more than samples that may be local maxima: at the others the Hessian of log Phi along V has a positive direction.
If every Hessian is regular, Phi is a Morse function with compact `{Phi >= t}`, t > 0; as t falls a component appears at every maximum,
two are joined at most where exactly one direction is positive, nowhere else (Milnor, *Morse Theory*, section 3). So there are at least as
many as maxima without such saddles. Another a may give better bounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, pairwise
from math import prod
from random import Random

from flint import arb, arb_mat, ctx, fmpq, fmpq_mpoly, fmpq_mpoly_ctx

from reluspec.engines.algebraic.exact.number_field import RATIONALS
from reluspec.engines.algebraic.ideals.graphs import inside
from reluspec.engines.algebraic.ideals.groebner import Groebner, SolvingLimit, ring
from reluspec.engines.algebraic.ideals.solving import Limits, solve_system
from reluspec.engines.algebraic.ideals.sweep import CurvePoint, determinant

Strict = Sequence[tuple[int, fmpq_mpoly]]

BITS = 192
"""Precision at which Hessians are looked at."""
CENTRES = 4
"""Points a that are tried."""
SEED = 20
MAX_SOLUTIONS = 400
"""Of the system for the samples, complex."""


@dataclass(frozen=True)
class Sample:
    """A critical point of Phi; `rising`: how many directions of V are positive for the Hessian of log Phi, `None` where it is not known."""

    point: CurvePoint
    rising: int | None

    @property
    def may_be_top(self) -> bool:
        return not self.rising


@dataclass(frozen=True)
class Samples:
    """Points on every component: `tops`, of which every component has one, and bounds for the number of components."""

    tops: tuple[CurvePoint, ...]
    least: int
    most: int
    found: int


def samples(equations: Sequence[fmpq_mpoly], strict: Strict, groebner: Groebner) -> Samples:
    """Of zeros that are smooth (`surfaces.is_smooth`), in a ring all of whose variables matter. Raises `SolvingLimit`."""
    context: fmpq_mpoly_ctx = (equations[0] if equations else strict[0][1]).context()
    size = context.nvars()
    if not equations and all(polynomial.total_degree() <= 1 for _, polynomial in strict):
        point = inside(strict, size)
        one = () if point is None else (CurvePoint(RATIONALS, tuple(map(RATIONALS.element, point))),)
        return Samples(one, len(one), len(one), len(one))
    facets = irredundant(strict, size)
    if facets is None:
        return Samples((), 0, 0, 0)
    random, best = Random(SEED), None
    for _ in range(CENTRES):
        centre = [fmpq(random.randint(-9, 9), random.randint(1, 3)) for _ in range(size)]
        try:
            found = _Phi(equations, facets, strict, centre).samples(groebner)
        except SolvingLimit:
            if best is None:
                continue
            break
        best = _better(best, found)
        if best.least == best.most:
            break
    if best is None:
        raise SolvingLimit("no samples were found")
    return best


def _better(one: Samples | None, other: Samples) -> Samples:
    if one is None:
        return other
    few, least = min(one, other, key=lambda samples: samples.most), max(one.least, other.least)
    return Samples(few.tops, least, few.most, few.found)


def irredundant(strict: Strict, size: int) -> list[tuple[int, fmpq_mpoly]] | None:
    """The strict signs without affine ones that follow from the other affine ones; `None` where these contradict each other."""
    affine = [(sign, polynomial) for sign, polynomial in strict if polynomial.total_degree() <= 1]
    if affine and inside(affine, size) is None:
        return None
    for one in list(affine):
        others = [other for other in affine if other is not one]
        if inside([*others, (-one[0], one[1])], size) is None:
            affine = others
    return [*affine, *((sign, polynomial) for sign, polynomial in strict if polynomial.total_degree() > 1)]


def has_signs(point: CurvePoint, strict: Strict) -> bool:
    """Whether the strict signs hold at a point, exactly."""
    return all(point.value(polynomial).sign() == sign for sign, polynomial in strict)


class _Phi:
    """The function Phi for one point a."""

    def __init__(self, equations: Sequence[fmpq_mpoly], facets: Strict, strict: Strict, centre: Sequence[fmpq]) -> None:
        self.equations, self.strict, self.centre = equations, strict, centre
        self.facets = [polynomial for _, polynomial in facets]
        self.context: fmpq_mpoly_ctx = (equations[0] if equations else self.facets[0]).context()
        self.size = self.context.nvars()
        self.power = sum(int(polynomial.total_degree()) for polynomial in self.facets) // 2 + 1
        offsets = [x - a for x, a in zip(self.context.gens(), centre, strict=True)]
        self.distance = sum((offset**2 for offset in offsets), self.context.constant(1))

    def samples(self, groebner: Groebner) -> Samples:
        """Raises `SolvingLimit` where there are not finitely many."""
        points = self._points(groebner)
        found = [Sample(point, self._rising(point)) for point in points if has_signs(point, self.strict)]
        tops = tuple(sample.point for sample in found if sample.may_be_top)
        saddles = len(found) if any(sample.rising is None for sample in found) else sum(sample.rising == 1 for sample in found)
        return Samples(tops, max(len(tops) - saddles, min(len(tops), 1)), len(tops), len(found))

    def _points(self, groebner: Groebner) -> list[CurvePoint]:
        """The critical points, of both signs; by minors, whose bases are small, or, where those have more zeros, by multipliers."""
        try:
            return _solved(self._by_minors(), [*self.facets, self.distance], 0, groebner)
        except SolvingLimit:
            never_zero = [self._moved(polynomial) for polynomial in (*self.facets, self.distance)]
            return _solved(self._by_multipliers(), never_zero, len(self.equations), groebner)

    def _growth(self) -> list[fmpq_mpoly]:
        """The gradient of log Phi, times what is not zero."""
        one = self.context.constant(1)
        total = prod(self.facets, start=one)
        others = [prod((f for f in self.facets if f is not facet), start=one) for facet in self.facets]
        found = []
        for k in range(self.size):
            slopes = (facet.derivative(k) * rest for facet, rest in zip(self.facets, others, strict=True))
            growth = sum(slopes, self.context.constant(0)) * self.distance
            found.append(growth - self.power * self.distance.derivative(k) * total)
        return found

    def _by_minors(self) -> list[fmpq_mpoly]:
        """Equations at whose zeros the gradients are dependent."""
        rows = [*self._jacobian, self._growth()]
        columns = combinations(range(self.size), len(rows))
        minors = (determinant([[row[k] for k in chosen] for row in rows], self.context) for chosen in columns)
        return [*self.equations, *(minor for minor in minors if not minor.is_zero())]

    def _by_multipliers(self) -> list[fmpq_mpoly]:
        """The equations, and those of the multipliers, which come first."""
        multipliers = ring(self.size + len(self.equations)).gens()
        system = [self._moved(equation) for equation in self.equations]
        for k, growth in enumerate(self._growth()):
            parts = (factor * self._moved(f.derivative(k)) for factor, f in zip(multipliers, self.equations, strict=False))
            system.append(sum((-part for part in parts), self._moved(growth)))
        return system

    def _moved(self, polynomial: fmpq_mpoly) -> fmpq_mpoly:
        """In the ring with the multipliers."""
        zeros = (0,) * len(self.equations)
        larger = ring(self.size + len(zeros))
        return larger.from_dict({(*zeros, *exponents): value for exponents, value in polynomial.to_dict().items()})

    # The Hessian along V

    def _rising(self, point: CurvePoint) -> int | None:
        """How many eigenvalues of the Hessian of log Phi along V are positive; `None` where that is not known."""
        with ctx.workprec(BITS):
            x = [entry.ball(BITS) for entry in point.x]
            tangents = self._tangents(x)
            if tangents is None:
                return None
            if not tangents.ncols():
                return 0
            hessian = self._hessian(x)
            return _positive(tangents.transpose() * hessian * tangents)

    @cached_property
    def _jacobian(self) -> list[list[fmpq_mpoly]]:
        return [[equation.derivative(k) for k in range(self.size)] for equation in self.equations]

    def _tangents(self, x: Sequence[arb]) -> arb_mat | None:
        """A basis of the tangent space, in columns: the other coordinates of V as functions of some."""
        if not self.equations:
            return arb_mat([[arb(int(i == j)) for j in range(self.size)] for i in range(self.size)])
        rows = [[value(entry, x) for entry in row] for row in self._jacobian]
        best = pivots(rows)
        free = [k for k in range(self.size) if k not in best]
        if not free:
            return arb_mat(self.size, 0)
        try:
            steps = arb_mat([[row[k] for k in best] for row in rows]).solve(arb_mat([[-row[k] for k in free] for row in rows]))
        except ZeroDivisionError:
            return None
        where = {k: number for number, k in enumerate(best)}
        return arb_mat([[steps[where[i], j] if i in where else arb(int(i == k)) for j, k in enumerate(free)] for i in range(self.size)])

    def _hessian(self, x: Sequence[arb]) -> arb_mat:
        """Of log Phi minus the equations times their multipliers, which are the solution of the normal equations."""
        size = range(self.size)
        offsets = [entry - arb(a) for entry, a in zip(x, self.centre, strict=True)]
        q = value(self.distance, x)
        gradient = [-2 * self.power * offset / q for offset in offsets]
        hessian = [[self.power * (4 * offsets[i] * offsets[j] / q**2 - (2 / q if i == j else arb(0))) for j in size] for i in size]
        for facet in self.facets:
            h, slope = value(facet, x), [value(facet.derivative(k), x) for k in size]
            for i in size:
                gradient[i] += slope[i] / h
                for j in size:
                    hessian[i][j] += value(facet.derivative(i).derivative(j), x) / h - slope[i] * slope[j] / h**2
        if self.equations:
            jacobian = arb_mat([[value(entry, x) for entry in row] for row in self._jacobian])
            normal = jacobian * jacobian.transpose()
            multipliers = normal.solve(jacobian * arb_mat([[entry] for entry in gradient]))
            for number, equation in enumerate(self.equations):
                for i in size:
                    for j in size:
                        hessian[i][j] -= multipliers[number, 0] * value(equation.derivative(i).derivative(j), x)
        return arb_mat(hessian)


def _solved(system: Sequence[fmpq_mpoly], never_zero: Sequence[fmpq_mpoly], shift: int, groebner: Groebner) -> list[CurvePoint]:
    """The real solutions without their first coordinates. Raises `SolvingLimit` where they are not isolated."""
    solved = solve_system(system[0].context(), system, never_zero, groebner, Limits(solutions=MAX_SOLUTIONS))
    if solved.unresolved or any(one.directions for one in solved.sets):
        raise SolvingLimit("the critical points of a function on a surface are not isolated")
    return [CurvePoint(one.field, tuple(one.point[shift:])) for one in solved.sets]


def pivots(rows: Sequence[Sequence[arb]]) -> tuple[int, ...]:
    """The columns of the largest minor, as far as balls tell."""
    columns = combinations(range(len(rows[0])), len(rows)) if rows else iter([()])
    return max(columns, key=lambda chosen: float(abs(arb_mat([[row[k] for k in chosen] for row in rows]).det()).mid()) if chosen else 0.0)


def value(polynomial: fmpq_mpoly, x: Sequence[arb]) -> arb:
    """The value at a point given by balls."""
    total = arb(0)
    for exponents, coefficient in polynomial.to_dict().items():
        powers = (entry ** int(exponent) for entry, exponent in zip(x, exponents, strict=True) if exponent)
        total += prod(powers, start=arb(coefficient))
    return total


def _positive(matrix: arb_mat) -> int | None:
    """How many eigenvalues of a regular symmetric matrix, in balls, are positive: Descartes' rule is exact where all roots are real.

    A coefficient between two of opposite signs may have any sign.
    """
    coefficients = [matrix.charpoly()[k] for k in range(matrix.nrows() + 1)]
    signs = [1 if c > 0 else -1 if c < 0 else 0 for c in coefficients]
    if not signs[0]:
        return None
    if any(not signs[k] and signs[k - 1] * signs[k + 1] >= 0 for k in range(1, len(signs) - 1)):
        return None
    return sum(a * b < 0 for a, b in pairwise(sign for sign in signs if sign))
