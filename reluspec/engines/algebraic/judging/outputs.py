"""Minima that convexity of the loss in the network's outputs shows, whatever is tied in the parameters.

Let E be the loss as a convex function of the outputs f, G a subgradient at a critical point theta*, and the penalty a sum of squares, with
the gradient p. Then `l(theta) - l(theta*) >= <G, f(theta) - f(theta*)> + <p, theta - theta*>`, on a region a polynomial. If on every part
of every region around theta* its factors have signs whose product is not negative, theta* is a local minimum: factors of switches have
their sign on the part, others keep the sign that they have at theta*, and affine ones that vanish there have one if they do on the cone of
the affine factors. Beside units that are dead in several layers, where f is of third order and more, this tells what second order cannot.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import product
from typing import Any

from flint import fmpq_mpoly, fmpq_mpoly_ctx

from reluspec.engines.algebraic.exact.cones import generators
from reluspec.engines.algebraic.exact.linear import dot
from reluspec.engines.algebraic.exact.scalars import FRACTIONS
from reluspec.engines.algebraic.judging.convexity import convex_loss, quadratic_penalties
from reluspec.engines.algebraic.judging.dual import loss_gradient
from reluspec.engines.algebraic.judging.parts import Part
from reluspec.engines.algebraic.judging.regions import RegionTest
from reluspec.engines.algebraic.judging.surroundings import MAX_SIDES, slope_of
from reluspec.engines.algebraic.stationary.polyhedra import CriticalSet, value_at
from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs, objective_kinks
from reluspec.systems.surrogate import Surrogate, monic_key, rational

MAX_KINKS = 4
"""Kinks of the loss at a point, for which the subgradients of all their sides are tried."""


def applies(problem: Problem, signs: Signs, found: CriticalSet) -> bool:
    """Whether the problem is of this class, and the point in no chart."""
    plain = not (found.flat or found.living or found.is_curved or found.curve)
    return plain and signs.objective.count("0") <= MAX_KINKS and quadratic_penalties(problem) is not None and convex_loss(problem)


class OutputTest(RegionTest):
    """The sign of `<G, f - f*>` on every part of the regions around a point, in a slice where rescalings move it."""

    def is_minimum(self) -> bool:
        """Whether the point is proved to be a local minimum; exact, with rational numbers only."""
        gradients = (loss_gradient(self.problem, self.signs, self.found, objective) for objective in self._objectives())
        return any(self._rises_with([[value.fraction() for value in row] for row in gradient]) for gradient in gradients)

    def _objectives(self) -> Iterator[str]:
        """The sides of the loss's kinks: at a kink with the gradient of either side, which is a subgradient.

        None where several kinks of one data point meet.
        """
        signs, each = self.signs.objective, objective_kinks(self.problem)
        if all(signs[k : k + each].count("0") <= 1 for k in range(0, len(signs), each or 1)):
            for sides in product("+-", repeat=signs.count("0")):
                chosen = iter(sides)
                yield "".join(next(chosen) if sign == "0" else sign for sign in signs)

    def _rises_with(self, gradient: Sequence[Sequence[Fraction | None]]) -> bool:
        """Whether the change that this subgradient tells is nowhere negative around the point."""
        if any(value is None for row in gradient for value in row):
            return False
        known = [[value or Fraction(0) for value in row] for row in gradient]
        count = 0
        for local, sides in self._regions(self.signs, self.zeros):
            change = self._change(local, known)
            if change is None:
                return False
            for part in () if change.is_zero() else self._parts(local, sides):
                count += 1
                if count > MAX_SIDES or not self._rises(change, part):
                    return False
        return True

    def _change(self, local: Surrogate, gradient: Sequence[Sequence[Fraction]]) -> fmpq_mpoly | None:
        """`<G, f - f*>` as a polynomial of a region; `None` where f* is not rational."""
        total = local.context.constant(0)
        zero = self.found.field.element(0)
        for k, penalty in (quadratic_penalties(self.problem) or {}).items():
            at = self.found.witness[k].fraction() if penalty else Fraction(0)
            if at is None:
                return None
            total = total + rational(2 * penalty * at) * (self._image(k, local.context) - rational(at))
        for outputs, row in zip(local.outputs, gradient, strict=True):
            for output, slope in zip(outputs, row, strict=True):
                at = value_at(output.to_dict(), self.found.witness, zero).fraction() if slope else Fraction(0)
                if at is None:
                    return None
                total = total + rational(slope) * (output - rational(at))
        return total

    def _image(self, k: int, context: fmpq_mpoly_ctx) -> fmpq_mpoly:
        """A parameter in the slice."""
        terms = self.images[k] if self.images else None
        return context.gen(k) if terms is None else context.from_dict(terms)

    def _rises(self, change: fmpq_mpoly, part: Part) -> bool:
        """Whether a polynomial is proved to have no negative values on a part of a region, near the point."""
        told = {monic_key(factor): side for factor, side in part}
        rows = [[side * entry for entry in slope_of(factor)] for factor, side in part if factor.total_degree() == 1]
        sign = 1 if change.leading_coefficient() > 0 else -1
        for factor, power in change.factor()[1]:
            if int(power) % 2:
                monic = factor / factor.leading_coefficient()
                sign *= told.get(monic_key(factor)) or self._constant_sign(monic) or self._sign_on_cone(monic, rows)
        return sign > 0

    def _sign_on_cone(self, factor: fmpq_mpoly, rows: Sequence[Sequence[Fraction]]) -> int:
        """The sign of an affine form that vanishes at the point, where all of `rows` are positive; 0 where it has none."""
        value: Any = self._value(factor.to_dict(), self._exact, self.found.witness)
        if factor.total_degree() != 1 or value != 0:
            return 0
        slope = slope_of(factor)
        cone = generators(rows, len(slope), FRACTIONS)
        values = [dot(slope, ray, FRACTIONS) for ray in cone.rays]
        if any(dot(slope, line, FRACTIONS) for line in cone.lineality) or not any(values):
            return 0
        if all(entry >= 0 for entry in values):
            return 1
        return -1 if all(entry <= 0 for entry in values) else 0
