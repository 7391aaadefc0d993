"""Whether the verdict is one along a curve of critical points: polynomials whose signs it depends on, and what these say at a point.

Around a point of a stratum whose zero switches are affine the loss grows if every derivative into an adjacent cell is positive, along the
extreme rays of its cone, and the Hessian within the stratum is positive across the curve (Morse and Bott). It falls if one such derivative
or a value of the Hessian is negative. The kernel of the Hessian has at least the curve's tangent; it has no more iff `e_(m-1)`, the
sum of the principal minors of size m - 1, is not zero, and where that holds all along a branch the number of negative eigenvalues is the
same, too.

Other switches h_j, as residuals on kinks of the loss, count where the gradients N of all that vanish are independent in every
adjacent cell. They are coordinates then, and in each cell, where h >= 0, the gradient of the loss is g = N^T nu. By Cramer's rule the
`det(N N^T) nu_j` are polynomials: if all are positive the loss grows away from the stratum, if one is negative it falls. On constraints
c_j = 0 that are not solved the Hessian is that of Lagrange's function, on the kernel of their gradients C. If H is its matrix, and v the
curve's tangent, `[[H, C^T], [C, 0]]` has the kernel (v, *), and no more iff H has none but v on the kernel of C.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, product
from typing import Any, TypeAlias

from flint import fmpq_mpoly, fmpq_mpoly_ctx

from reluspec.engines.algebraic.exact.cones import TooManyCells
from reluspec.engines.algebraic.exact.forms import reduction
from reluspec.engines.algebraic.exact.linear import dot, kernel
from reluspec.engines.algebraic.exact.scalars import FRACTIONS
from reluspec.engines.algebraic.ideals.groebner import SolvingLimit
from reluspec.engines.algebraic.ideals.sweep import CurvePiece, CurvePoint, determinant
from reluspec.engines.algebraic.judging.adjacent import geometry
from reluspec.engines.algebraic.judging.local import ZeroSwitch
from reluspec.engines.algebraic.judging.surroundings import MAX_SIDES, slope_of
from reluspec.engines.algebraic.judging.verdict import Decision, Verdict
from reluspec.engines.algebraic.stationary.polyhedra import field_scalars
from reluspec.engines.algebraic.stationary.restricted import Restricted
from reluspec.errors import StratumError
from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs
from reluspec.systems.surrogate import rational, surrogate

Rows: TypeAlias = tuple[tuple[fmpq_mpoly, ...], ...]

MAX_VANISHING = 6
"""Switches that vanish along a curve, some of them not affine, whose sides are looked at one by one."""
MAX_BORDERED = 9
"""Rows of a Hessian with constraints."""


@dataclass(frozen=True)
class Conditions:
    """`slopes`: derivatives into the adjacent cells, up to positive factors; `hessian` within the stratum, on the kernel of the gradients
    `constraints`; `rank`: not zero where it has rank m - dimension there; `independent`: not zero where all this says something.
    """

    slopes: tuple[fmpq_mpoly, ...]
    hessian: Rows
    rank: fmpq_mpoly
    constraints: Rows = ()
    independent: tuple[fmpq_mpoly, ...] = ()

    @property
    def marks(self) -> tuple[fmpq_mpoly, ...]:
        return (*self.slopes, self.rank, *self.independent)

    def decision(self, piece: CurvePiece) -> Decision:
        """The verdict on a piece of a curve that was swept with these marks."""
        verdicts = {self._at(point) for point in piece.samples}
        if verdicts == {Verdict.MINIMUM}:
            return Decision(Verdict.MINIMUM, "first and second order along a curve")
        if verdicts == {Verdict.NOT_MINIMUM}:
            return Decision(Verdict.NOT_MINIMUM, "first and second order along a curve", "the function falls along a curve's whole length")
        if Verdict.UNDECIDED in verdicts:
            return Decision(Verdict.UNDECIDED, "", "degenerate: a slope or a second derivative vanishes on a curve of critical points")
        return Decision(Verdict.UNDECIDED, "", "the verdict changes along a curve of critical points")

    def _at(self, point: CurvePoint) -> Verdict:
        if any(point.value(polynomial).sign() == 0 for polynomial in self.independent):
            return Verdict.UNDECIDED
        signs = [point.value(slope).sign() for slope in self.slopes]
        if -1 in signs:
            return Verdict.NOT_MINIMUM
        if point.value(self.rank).sign() == 0:
            return Verdict.UNDECIDED
        if reduction(self._within(point), field_scalars(point.field)).negative is not None:
            return Verdict.NOT_MINIMUM
        return Verdict.UNDECIDED if 0 in signs else Verdict.MINIMUM

    def _within(self, point: CurvePoint) -> list[list[Any]]:
        """The Hessian at a point, on the stratum's tangent space."""
        scalars = field_scalars(point.field)
        matrix = [[point.value(entry) for entry in row] for row in self.hessian]
        if not self.constraints:
            return matrix
        steps = kernel([[point.value(entry) for entry in row] for row in self.constraints], len(matrix), scalars)
        moved = [[dot(row, step, scalars) for row in matrix] for step in steps]
        return [[dot(one, step, scalars) for step in steps] for one in moved]


def conditions(
    problem: Problem, signs: Signs, stratum: Restricted, loss: fmpq_mpoly, multipliers: Sequence[fmpq_mpoly] | None = (), dimension: int = 1
) -> Conditions:
    """The conditions on a set of some dimension, for `loss`, the loss on the stratum in its free parameters.

    `multipliers` of the stratum's constraints along the curve; by Cramer's rule, up to a positive factor, if `None`. Raises `SolvingLimit`
    where the conditions are not known.
    """
    context = loss.context()
    size = range(context.nvars())
    constraints = [narrowed(polynomial, stratum, loss) for polynomial in stratum.constraints]
    factors = _multipliers(loss, constraints) if multipliers is None else [context.constant(1), *multipliers]
    summands = list(zip(factors, (loss, *constraints), strict=True))
    hessian = tuple(tuple(sum((m * f.derivative(i).derivative(j) for m, f in summands), context.constant(0)) for j in size) for i in size)
    normals = tuple(tuple(polynomial.derivative(k) for k in size) for polynomial in constraints)
    slopes, independent = _beside(problem, signs)

    def within(polynomials: Sequence[fmpq_mpoly]) -> tuple[fmpq_mpoly, ...]:
        return tuple(narrowed(polynomial.compose(*stratum.images), stratum, loss) for polynomial in polynomials)

    return Conditions(within(slopes), hessian, _of_corank(dimension, hessian, normals, context), normals, within(independent))


def _multipliers(loss: fmpq_mpoly, constraints: Sequence[fmpq_mpoly]) -> list[fmpq_mpoly]:
    """Those of the loss and its constraints, that of the loss positive where the constraints' gradients are independent."""
    context = loss.context()
    zero, size = context.constant(0), range(context.nvars())
    slope, *normals = [[polynomial.derivative(k) for k in size] for polynomial in (loss, *constraints)]
    gram = [[_product(one, other, zero) for other in normals] for one in normals]
    right = [-_product(one, slope, zero) for one in normals]
    return [determinant(gram, context), *_by_cramer(gram, right, context)]


def _of_corank(dimension: int, hessian: Rows, normals: Rows, context: fmpq_mpoly_ctx) -> fmpq_mpoly:
    """The sum of principal minors of `[[H, C^T], [C, 0]]`, so many rows less. Raises `SolvingLimit` where it is large.

    Of a symmetric matrix with a kernel of that dimension it is the product of the other eigenvalues.
    """
    if len(hessian) + len(normals) > MAX_BORDERED and normals:
        raise SolvingLimit("a curve of critical points on many switches that are not affine")
    bordered = [[*row, *(normal[k] for normal in normals)] for k, row in enumerate(hessian)]
    bordered += [[*normal, *(context.constant(0) for _ in normals)] for normal in normals]
    size = range(len(bordered))
    minors = ([[bordered[i][j] for j in chosen] for i in chosen] for chosen in combinations(size, len(size) - dimension))
    return sum((determinant(minor, context) for minor in minors), context.constant(0))


def narrowed(polynomial: fmpq_mpoly, stratum: Restricted, like: fmpq_mpoly) -> fmpq_mpoly:
    """A polynomial in the free parameters, in the ring of another one."""
    terms = {tuple(int(exponents[k]) for k in stratum.free): value for exponents, value in polynomial.to_dict().items()}
    return like.context().from_dict(terms)


def _beside(problem: Problem, signs: Signs) -> tuple[list[fmpq_mpoly], list[fmpq_mpoly]]:
    """The slopes into the adjacent cells, and what is not zero where they are slopes. Raises `SolvingLimit`."""
    base = surrogate(problem, signs)
    hidden, *others = signs.layers
    first = sum(map(len, hidden)) if others else 0
    zeros = [k for k, sign in enumerate(signs.all) if sign == "0" and not (k < first and base.switches[k].polynomial.is_zero())]
    try:
        if all(k < first for k in zeros):
            return _along_rays(problem, signs, {k: slope_of(base.switches[k].polynomial) for k in zeros}), []
        return _in_cells(problem, signs, [k for k, sign in enumerate(signs.all) if sign == "0"])
    except (TooManyCells, StratumError) as reason:
        raise SolvingLimit(str(reason)) from reason


def _along_rays(problem: Problem, signs: Signs, normals: Mapping[int, tuple[Fraction, ...]]) -> list[fmpq_mpoly]:
    """The derivatives of the adjacent cells' losses along the extreme rays of their cones. Raises `TooManyCells` and `StratumError`."""
    around = geometry(len(problem.parameters), [ZeroSwitch(normal) for normal in normals.values()], FRACTIONS, MAX_SIDES)
    found = []
    for piece in around.pieces:
        sides = {k: "+" if side > 0 else "-" for k, side in zip(normals, piece.signs, strict=True)}
        loss = surrogate(problem, _replaced(signs, sides)).loss
        found += [_along(loss, ray) for ray in piece.cone.rays]
    return found


def _in_cells(problem: Problem, signs: Signs, zeros: Sequence[int]) -> tuple[list[fmpq_mpoly], list[fmpq_mpoly]]:
    """Per cell `det(N N^T) nu_j`, and all `det(N N^T)`, each once. Raises `SolvingLimit` and `StratumError`."""
    if len(zeros) > MAX_VANISHING:
        raise SolvingLimit("a curve of critical points where many switches vanish")
    slopes: dict[str, fmpq_mpoly] = {}
    independent: dict[str, fmpq_mpoly] = {}
    for sides in product("-+", repeat=len(zeros)):
        local = surrogate(problem, _replaced(signs, dict(zip(zeros, sides, strict=True))))
        gradient, *normals = [
            [polynomial.derivative(k) * (-1 if side == "-" else 1) for k in range(len(problem.parameters))]
            for side, polynomial in zip(("+", *sides), (local.loss, *(local.switches[k].polynomial for k in zeros)), strict=True)
        ]
        zero = local.context.constant(0)
        gram = [[_product(one, other, zero) for other in normals] for one in normals]
        right = [_product(one, gradient, zero) for one in normals]
        for polynomial in _by_cramer(gram, right, local.context):
            slopes.setdefault(str(polynomial), polynomial)
        whole = determinant(gram, local.context)
        independent.setdefault(str(whole), whole)
    return list(slopes.values()), list(independent.values())


def _by_cramer(matrix: Sequence[Sequence[fmpq_mpoly]], right: Sequence[fmpq_mpoly], context: fmpq_mpoly_ctx) -> Iterator[fmpq_mpoly]:
    """The solution of a linear system, times its determinant."""
    for j in range(len(right)):
        yield determinant([[*row[:j], value, *row[j + 1 :]] for row, value in zip(matrix, right, strict=True)], context)


def _product(one: Sequence[fmpq_mpoly], other: Sequence[fmpq_mpoly], zero: fmpq_mpoly) -> fmpq_mpoly:
    return sum((a * b for a, b in zip(one, other, strict=True)), zero)


def _replaced(signs: Signs, sides: Mapping[int, str]) -> Signs:
    return signs.reshaped("".join(sides.get(k, sign) for k, sign in enumerate(signs.all)))


def _along(loss: fmpq_mpoly, ray: Sequence[object]) -> fmpq_mpoly:
    """The derivative along a ray."""
    steps = [(k, rational(step)) for k, step in enumerate(ray) if step]  # type: ignore[arg-type]
    return sum((loss.derivative(k) * step for k, step in steps), loss.context().constant(0))
