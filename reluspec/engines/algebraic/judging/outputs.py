"""Minima that convexity of the loss in the network's outputs shows, whatever is tied in the parameters.

Let E be the loss as a convex function of the outputs f, G a subgradient at a critical point theta*, and let there be no penalty. Then
`l(theta) - l(theta*) >= <G, f(theta) - f(theta*)>`, on a region a polynomial. If on every part of every region around theta* its factors have
signs whose product is not negative, theta* is a local minimum: factors of switches have their sign on the part, others keep the sign that
they have at theta*, and affine ones that vanish there have one if they do on the cone of the affine factors. Beside units that are dead in
several layers, where f is of third order and more, this tells what second order cannot.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from flint import fmpq_mpoly

from reluspec.engines.algebraic.exact.cones import generators
from reluspec.engines.algebraic.exact.scalars import FRACTIONS
from reluspec.engines.algebraic.judging.convexity import convex_loss
from reluspec.engines.algebraic.judging.dual import loss_gradient
from reluspec.engines.algebraic.judging.parts import Part
from reluspec.engines.algebraic.judging.regions import RegionTest
from reluspec.engines.algebraic.judging.surroundings import MAX_SIDES, slope_of
from reluspec.engines.algebraic.stationary.polyhedra import CriticalSet, value_at
from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs
from reluspec.systems.surrogate import Surrogate, monic_key, rational


def applies(problem: Problem, signs: Signs, found: CriticalSet) -> bool:
    """Whether the problem is of this class, and the subgradient is known in rational numbers."""
    return not problem.regulariser and "0" not in signs.objective and not found.flat and not found.living and not found.is_curved and convex_loss(problem)


class OutputTest(RegionTest):
    """The sign of `<G, f - f*>` on every part of the regions around a point, in a slice where rescalings move it."""

    def is_minimum(self) -> bool:
        """Whether the point is proved to be a local minimum; exact."""
        gradient = [[value.fraction() for value in row] for row in loss_gradient(self.problem, self.signs, self.found)]
        if any(value is None for row in gradient for value in row):
            return False
        known = [[Fraction(value or 0) for value in row] for row in gradient]
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
        for outputs, row in zip(local.outputs, gradient, strict=True):
            for output, slope in zip(outputs, row, strict=True):
                at = value_at(output.to_dict(), self.found.witness, zero).fraction() if slope else Fraction(0)
                if at is None:
                    return None
                total = total + rational(slope) * (output - rational(at))
        return total

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
        """The sign of an affine form that vanishes at the point where all of `rows` are positive; 0 where it has none, or that is not told."""
        value: Any = self._value(factor.to_dict(), self._exact, self.found.witness)
        if factor.total_degree() != 1 or value != 0:
            return 0
        slope = slope_of(factor)
        cone = generators(rows, len(slope), FRACTIONS)
        values = [sum((a * b for a, b in zip(slope, ray, strict=True)), Fraction(0)) for ray in cone.rays]
        if any(sum((a * b for a, b in zip(slope, line, strict=True)), Fraction(0)) for line in cone.lineality) or not any(values):
            return 0
        if all(entry >= 0 for entry in values):
            return 1
        return -1 if all(entry <= 0 for entry in values) else 0
