"""Curves of critical points on zero switches that are not solved: Lagrange's systems, the multipliers eliminated.

Residuals of the absolute error, say, behind units whose weights are fixed: `a c + b e = const` is a constraint between their parameters.
Along a curve of critical points its multiplier tends to be a number, or a polynomial in the parameters, and is then replaced by it;
else the minors of all gradients stand in its place. Curves where the constraints' gradients are dependent are only shown not to meet the
stratum, if they do not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from flint import fmpq_mpoly

from reluspec.engines.algebraic.ideals.groebner import Groebner, Quotient, SolvingLimit, ring
from reluspec.engines.algebraic.ideals.solving import Solved
from reluspec.engines.algebraic.ideals.sweep import Sweep, determinant
from reluspec.engines.algebraic.judging.along_curves import narrowed
from reluspec.engines.algebraic.stationary.chart_branch import ChartBranch
from reluspec.engines.algebraic.stationary.charts import Chart
from reluspec.engines.algebraic.stationary.polyhedra import CriticalSet, covers, critical_sets
from reluspec.engines.algebraic.stationary.restricted import Restricted

Polynomials = list[fmpq_mpoly]
Strict = Sequence[tuple[int, fmpq_mpoly]]


@dataclass(frozen=True)
class ConstrainedCurve:
    """Equations in the free parameters, and what the constraints' multipliers are along the curve, if they are polynomials."""

    equations: Polynomials
    multipliers: tuple[fmpq_mpoly, ...] | None


@dataclass
class OnConstraints:
    """All critical points: points and affine families, and curves."""

    sets: list[CriticalSet] = field(default_factory=list)
    curves: list[ConstrainedCurve] = field(default_factory=list)


def critical_on_constraints(stratum: Restricted, strict: Strict, groebner: Groebner) -> OnConstraints:
    """The critical points of a piece of a stratum; `strict`: signs and polynomials in its free parameters.

    Raises `SolvingLimit` where they are more than points, affine families and curves of the kind above.
    """
    branch, found = ChartBranch(stratum, Chart(()), ()), OnConstraints()
    for equations, singular in branch.systems():
        solved = branch.solve(equations, groebner, singular)
        if solved.unresolved and not solved.open:
            raise SolvingLimit(solved.unresolved)
        found.sets += [one for one in _sets(branch, solved, singular) if not any(covers(other, one) for other in found.sets)]
        for ideal in solved.open:
            size = len(stratum.free)
            curve = None if singular else _eliminated(list(ideal), size) or _projected(list(ideal), stratum, groebner)
            if curve is None:
                _absent(list(ideal), strict, groebner)
            elif Quotient(curve.equations[0].context(), groebner(curve.equations[0].context(), curve.equations)).dimension() != 1:
                raise SolvingLimit("critical points that are no curve and not affine")
            else:
                found.curves.append(curve)
    return found


def _sets(branch: ChartBranch, solved: Solved, singular: bool) -> Iterator[CriticalSet]:
    """What of the points and affine families lies in the stratum. Raises `SolvingLimit`."""
    for solution in solved.sets:
        shape = branch.shape(solution, singular)
        sets, reason = critical_sets(shape, branch.conditions) if shape else ([], "a family of critical points is not affine")
        if reason:
            raise SolvingLimit(reason)
        yield from sets


def _eliminated(ideal: Polynomials, size: int) -> ConstrainedCurve | None:
    """The curve in the first `size` variables, where the others are polynomials in these by equations that are linear in them."""
    context = ideal[0].context()
    gens, values = list(context.gens()), dict[int, fmpq_mpoly]()
    rest = [equation for equation in ideal if not equation.is_zero()]
    while len(values) < context.nvars() - size:
        given = next(((k, equation) for equation in rest for k in range(size, len(gens)) if _gives(equation, k)), None)
        if given is None:
            return None
        place, equation = given
        value = gens[place] - equation / equation.derivative(place).leading_coefficient()
        images = [value if k == place else gen for k, gen in enumerate(gens)]
        values = {k: known.compose(*images) for k, known in values.items()} | {place: value}
        rest = [moved for other in rest if not (moved := other.compose(*images)).is_zero()]
    less = ring(size)

    def kept(polynomial: fmpq_mpoly) -> fmpq_mpoly:
        return less.from_dict({tuple(exponents[:size]): c for exponents, c in polynomial.to_dict().items()})

    if not rest:
        return None
    return ConstrainedCurve([kept(equation) for equation in rest], tuple(kept(values[k]) for k in range(size, len(gens))))


def _projected(ideal: Polynomials, stratum: Restricted, groebner: Groebner) -> ConstrainedCurve:
    """Critical points among them all zeros of an ideal, in the free parameters: equations that have no multipliers, and minors.

    Where the constraints' gradients are independent the loss's is a combination of them iff the largest minors of all of these vanish.
    """
    size = len(stratum.free)
    less = ring(size)
    loss, *constraints = [narrowed(polynomial, stratum, less.constant(1)) for polynomial in (stratum.loss, *stratum.constraints)]
    slopes = [[polynomial.derivative(k) for k in range(size)] for polynomial in (loss, *constraints)]
    minors = [determinant([[row[k] for k in chosen] for row in slopes], less) for chosen in combinations(range(size), len(slopes))]
    given = [equation.to_dict() for equation in ideal if not any(equation.degrees()[size:])]
    kept = [less.from_dict({exponents[:size]: c for exponents, c in terms.items()}) for terms in given]
    return ConstrainedCurve(groebner(less, [*kept, *constraints, *minors]), None)


def _gives(equation: fmpq_mpoly, place: int) -> bool:
    """Whether an equation is linear in a variable, with a number for its coefficient."""
    return equation.degrees()[place] == 1 and equation.derivative(place).is_constant()


def _absent(ideal: Polynomials, strict: Strict, groebner: Groebner) -> None:
    """Raises `SolvingLimit` unless a curve, in the parameters and multipliers, is proved to have no point with the strict signs."""
    context = ideal[0].context()
    extra = (0,) * (context.nvars() - (strict[0][1].context().nvars() if strict else 0))
    wide = [(sign, context.from_dict({(*e, *extra): c for e, c in polynomial.to_dict().items()})) for sign, polynomial in strict]
    if Quotient(context, groebner(context, ideal)).dimension() > 1 or Sweep(ideal, wide, groebner).pieces:
        raise SolvingLimit("a curved set of critical points on switches with dependent gradients")
