"""Critical sets where first order tells all along a family, or every term of the loss for itself is least: beside sets that are not affine.

*Terms.* The loss is a sum of one term per data point and one per penalty. If on every part of every region around a critical set each
term is at least what it is on the set, so is the loss. A term minus its value there is a polynomial, and its factors tell its sign: even
powers - residuals that vanish, penalties like `(w^2 + c^2 - 1)^2` -, switches of the part, and factors with one sign (`outputs`). A unit
that is off leaves points constant, so that terms tell where second order has nothing to say, and coordinates may be irrational.

*Slopes.* If on a region that affine switches cut the slope along a ray of its cone is a polynomial whose factors each have one sign
on the set, negative together, none of its points is a minimum.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flint import fmpq_mpoly

from reluspec.engines.algebraic.exact.cones import generators
from reluspec.engines.algebraic.exact.scalars import FRACTIONS, Vector
from reluspec.engines.algebraic.judging.convexity import piece_on
from reluspec.engines.algebraic.judging.outputs import OutputTest
from reluspec.engines.algebraic.judging.surroundings import MAX_SIDES, slope_of
from reluspec.engines.algebraic.judging.verdict import Decision, Verdict
from reluspec.engines.algebraic.stationary.pieces import plain
from reluspec.engines.algebraic.stationary.polyhedra import CriticalSet, on_family, own_coordinates
from reluspec.problem.expression import Constant, Expression, Sum, Variable, kinks, substitute
from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs, objective_kinks, sign_values
from reluspec.systems.surrogate import Surrogate, rational

TERM_BY_TERM = "every term of the loss is least by itself"
SLOPES = "first order, one slope all along"


class TermTest(OutputTest):
    """The test at a point, or on an affine family, in its chart."""

    def is_minimum(self) -> bool:
        """Whether the set is proved to be made of local minima."""
        count = 0
        for local, sides in self._regions(self.signs, self.zeros):
            changes = [self._change_of(term) for term in self._terms(local)]
            known = [change for change in changes if change is not None]
            if len(known) < len(changes):
                return False
            for part in self._parts(local, sides):
                count += 1
                if count > MAX_SIDES or not all(change.is_zero() or self._rises(change, part) for change in known):
                    return False
        return True

    def falls(self) -> bool:
        """Whether the loss is proved to fall on a region beside every point of the set."""
        for local, sides in self._regions(self.signs, self.zeros):
            switches = [(side, local.switches[position].polynomial) for position, side in sides.items()]
            if all(polynomial.total_degree() == 1 for _, polynomial in switches):
                rows = [[side * entry for entry in slope_of(polynomial)] for side, polynomial in switches]
                cone = generators(rows, len(self.found.witness), FRACTIONS)
                lines = [*cone.lineality, *(tuple(-entry for entry in line) for line in cone.lineality)]
                if any(self._sign_of(self._along(local.loss, ray)) < 0 for ray in (*cone.rays, *lines)):
                    return True
        return False

    # Terms

    def _terms(self, local: Surrogate) -> Iterator[fmpq_mpoly]:
        """The terms of the loss on a region, up to positive factors."""
        loss, signs, each = self.problem.loss.expression, local.signs.objective, objective_kinks(self.problem)
        for i, (outputs, targets) in enumerate(zip(local.outputs, self.problem.data.y, strict=True)):
            known: dict[Variable, Expression] = {Variable("y", (k,)): Constant(value) for k, value in enumerate(targets)}
            values = {Variable("f", (k,)): output for k, output in enumerate(outputs)}
            sides = iter(sign_values(signs[i * each : (i + 1) * each]))
            yield piece_on(substitute(loss, known), values, sides, local.context)
        values = dict(zip(self.problem.parameters, local.context.gens(), strict=True))
        values |= {variable: local.context.constant(rational(value)) for variable, value in self.problem.constants().items()}
        sides = iter(sign_values(local.signs.penalty))
        for penalty in self.problem.regulariser:
            bent = any(True for _ in kinks(penalty.expression))
            for expression in (penalty.expression,) if bent else _summands(penalty.expression):
                yield piece_on(expression, values, sides, local.context)

    def _change_of(self, term: fmpq_mpoly) -> fmpq_mpoly | None:
        """A term minus its value on the set; `None` where that is not one rational number. Raises `ParityError`."""
        terms = self.chart.even(term)
        at = self._value(terms, self._exact, self.found.witness).fraction()
        if at is None or not self._is_constant(terms, self._shape, term.context()):
            return None
        return term - rational(at)

    def _sign_on_cone(self, factor: fmpq_mpoly, rows: Sequence[Sequence[object]]) -> int:
        """As beside a point; in a chart, and of a factor that does not vanish on all of a family, nothing is told."""
        if self.found.living or not self._is_constant(factor.to_dict(), self._shape, factor.context()):
            return 0
        return super()._sign_on_cone(factor, rows)  # type: ignore[arg-type]

    def _constant_sign(self, polynomial: fmpq_mpoly) -> int:
        """The sign on the set, also of what is affine on a family and has one sign on the corners and rays of its closure."""
        found = self.found
        if (side := super()._constant_sign(polynomial)) or not found.directions or found.living:
            return side
        row = on_family(polynomial, self._shape, 1)
        if row is None:
            return 0
        corners = [self._value(polynomial.to_dict(), self._exact, vertex) for vertex in found.vertices]
        slopes = dict(zip(own_coordinates(found.directions), row[1:], strict=True))
        rays = [sum((slope * ray[k] for k, slope in slopes.items()), self._exact.zero) for ray in found.rays]
        signs = {value.sign() for value in (*corners, *rays)}
        return 1 if signs in ({0, 1}, {1}) else -1 if signs in ({0, -1}, {-1}) else 0

    # Slopes

    def _along(self, loss: fmpq_mpoly, ray: Vector) -> fmpq_mpoly:
        total = loss.context().constant(0)
        for k, step in enumerate(ray):
            total = total + rational(step) * loss.derivative(k) if step else total
        return total

    def _sign_of(self, polynomial: fmpq_mpoly) -> int:
        """The sign of a polynomial on the set where its factors have one each, not zero; else 0."""
        if polynomial.is_zero():
            return 0
        content, factors = polynomial.factor()
        sign = 1 if content > 0 else -1
        for factor, power in factors:
            side = self._constant_sign(factor)
            sign *= side if int(power) % 2 else abs(side)
        return sign


def _summands(expression: Expression) -> Iterator[Expression]:
    if isinstance(expression, Sum):
        for term in expression.terms:
            yield from _summands(term)
    else:
        yield expression


def decided_by_terms(problem: Problem, signs: Signs, found: CriticalSet) -> Decision | None:
    """The verdict where one of the two arguments applies. Raises `TooManyCells`, `ParityError` and `StratumError`."""
    if found.is_curved or found.curve or found.rescaled or found.cuts:
        return None
    test = TermTest(problem, signs, plain(found))
    if test.is_minimum():
        return Decision(Verdict.MINIMUM, TERM_BY_TERM)
    return Decision(Verdict.NOT_MINIMUM, SLOPES, "the function falls, to first order") if test.falls() else None
