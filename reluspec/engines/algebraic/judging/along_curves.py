"""Whether the verdict is one along a curve of critical points: polynomials whose signs it depends on, and what these say at a point.

Around a point of a stratum whose zero switches are affine the loss grows if every derivative into an adjacent cell is positive, along the
extreme rays of its cone, and the Hessian within the stratum is positive across the curve (Morse and Bott). It falls if one such derivative
or a value of the Hessian is negative. The kernel of the Hessian has at least the curve's tangent; it has no more iff `e_(m-1)`, the
sum of the principal minors of size m - 1, is not zero, and where that holds all along a branch the number of negative eigenvalues is the
same, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from flint import fmpq_mpoly

from reluspec.engines.algebraic.exact.cones import TooManyCells
from reluspec.engines.algebraic.exact.forms import reduction
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


@dataclass(frozen=True)
class Conditions:
    """`slopes`: derivatives into the adjacent cells; `hessian` within the stratum; `rank`: not zero where it has rank m - dimension."""

    slopes: tuple[fmpq_mpoly, ...]
    hessian: tuple[tuple[fmpq_mpoly, ...], ...]
    rank: fmpq_mpoly

    @property
    def marks(self) -> tuple[fmpq_mpoly, ...]:
        return (*self.slopes, self.rank)

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
        signs = [point.value(slope).sign() for slope in self.slopes]
        if -1 in signs:
            return Verdict.NOT_MINIMUM
        if point.value(self.rank).sign() == 0:
            return Verdict.UNDECIDED
        matrix = [[point.value(entry) for entry in row] for row in self.hessian]
        if reduction(matrix, field_scalars(point.field)).negative is not None:
            return Verdict.NOT_MINIMUM
        return Verdict.UNDECIDED if 0 in signs else Verdict.MINIMUM


def conditions(problem: Problem, signs: Signs, stratum: Restricted, loss: fmpq_mpoly, dimension: int = 1) -> Conditions:
    """The conditions on a set of some dimension, for `loss`, the loss on the stratum in its free parameters.

    Raises `SolvingLimit` where they are not known.
    """
    size = range(loss.context().nvars())
    hessian = tuple(tuple(loss.derivative(i).derivative(j) for j in size) for i in size)
    minors = ([[hessian[i][j] for j in chosen] for i in chosen] for chosen in combinations(size, len(size) - dimension))
    rank = sum((determinant(minor, loss.context()) for minor in minors), loss.context().constant(0))
    return Conditions(tuple(narrowed(slope.compose(*stratum.images), stratum, loss) for slope in _slopes(problem, signs)), hessian, rank)


def narrowed(polynomial: fmpq_mpoly, stratum: Restricted, like: fmpq_mpoly) -> fmpq_mpoly:
    """A polynomial in the free parameters, in the ring of another one."""
    terms = {tuple(int(exponents[k]) for k in stratum.free): value for exponents, value in polynomial.to_dict().items()}
    return like.context().from_dict(terms)


def _slopes(problem: Problem, signs: Signs) -> list[fmpq_mpoly]:
    """The derivatives of the adjacent cells' losses along the extreme rays of their cones."""
    base = surrogate(problem, signs)
    hidden, *others = signs.layers
    first = sum(map(len, hidden)) if others else 0
    zeros = [k for k, sign in enumerate(signs.all) if sign == "0" and not (k < first and base.switches[k].polynomial.is_zero())]
    if any(k >= first for k in zeros):
        raise SolvingLimit("a curve of critical points where switches vanish that are not affine")
    normals = [slope_of(base.switches[k].polynomial) for k in zeros]
    try:
        around = geometry(len(problem.parameters), [ZeroSwitch(normal) for normal in normals], FRACTIONS, MAX_SIDES)
        found = []
        for piece in around.pieces:
            flat = list(signs.all)
            for k, side in zip(zeros, piece.signs, strict=True):
                flat[k] = "+" if side > 0 else "-"
            loss = surrogate(problem, signs.reshaped("".join(flat))).loss
            found += [_along(loss, ray) for ray in piece.cone.rays]
    except (TooManyCells, StratumError) as reason:
        raise SolvingLimit(str(reason)) from reason
    return found


def _along(loss: fmpq_mpoly, ray: Sequence[object]) -> fmpq_mpoly:
    """The derivative along a ray."""
    steps = [(k, rational(step)) for k, step in enumerate(ray) if step]  # type: ignore[arg-type]
    return sum((loss.derivative(k) * step for k, step in steps), loss.context().constant(0))
