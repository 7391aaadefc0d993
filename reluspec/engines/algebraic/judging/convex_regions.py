"""Problems whose loss is convex on every region: their minima are told by first-order conditions, ties and families included.

Where all weights behind the first layer with a free parameter are fixed, activations are piecewise linear, and loss and penalties are
convex, the regions are convex polyhedra and the loss is convex on each. So theta* is a local minimum iff no region around it has a
direction of descent: otherwise, by convexity, the loss is nowhere on these regions below its value at theta*. All points of a stratum have
the same regions around them. Where one of a family of equal losses is a minimum, it is one of each of these closed regions, and so are
the others; so what holds at the witness holds on the whole family.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product

from flint import Ordering, fmpq_mpoly_ctx

from reluspec.engines.algebraic.exact.cones import TooManyCells, generators
from reluspec.engines.algebraic.exact.scalars import FRACTIONS, Vector
from reluspec.engines.algebraic.judging.convexity import convex_loss, convex_penalties, piece_on
from reluspec.engines.algebraic.judging.surroundings import MAX_SIDES, LocalTest, slope_of
from reluspec.engines.algebraic.judging.verdict import Decision, Verdict
from reluspec.engines.algebraic.stationary.charts import derivative
from reluspec.engines.algebraic.stationary.polyhedra import CriticalSet, field_scalars
from reluspec.problem.expression import Expression, Variable, kinks
from reluspec.problem.problem import Layer, Problem
from reluspec.regions.signs import Signs
from reluspec.systems.surrogate import Surrogate

MAX_KINKS = 6
"""Of an activation, whose pieces are looked at one by one."""


def decision_on_convex_regions(problem: Problem, signs: Signs, found: CriticalSet) -> Decision | None:
    """The verdict; `None` where the problem is not in the class. Raises `TooManyCells`."""
    if found.living or found.is_curved or found.curve or not is_convex_on_regions(problem):
        return None
    return _ConvexTest(problem, signs, found).decision()


class _ConvexTest(LocalTest):
    """First order on every region around the witness, exact."""

    def decision(self) -> Decision:
        for count, (local, sides) in enumerate(self._regions(self.signs, self.zeros)):
            if count >= MAX_SIDES:
                raise TooManyCells(f"more than {MAX_SIDES:,} regions meet at a point")
            if self._falls(local, sides):
                return Decision(
                    Verdict.NOT_MINIMUM, "first order, the loss is convex on every region", "the function falls, to first order"
                )
        return Decision(Verdict.MINIMUM, "first order, the loss is convex on every region")

    def _falls(self, local: Surrogate, sides: dict[int, int]) -> bool:
        """Whether the loss of a region falls along a ray of its tangent cone, which is rational: all switches are affine."""
        loss, scalars, point = local.loss.to_dict(), field_scalars(self.found.field), self.found.witness
        gradient = [self._value(derivative(loss, k), scalars, point) for k in range(len(point))]
        rows = [[side * entry for entry in slope_of(local.switches[position].polynomial)] for position, side in sides.items()]
        cone = generators([row for row in rows if any(row)], len(point), FRACTIONS)

        def slope(ray: Vector) -> int:
            along = sum((g * step for g, step in zip(gradient, ray, strict=True) if step), scalars.zero)
            sign: int = along.sign()
            return sign

        return any(slope(line) for line in cone.lineality) or any(slope(ray) < 0 for ray in cone.rays)


@lru_cache(maxsize=16)
def is_convex_on_regions(problem: Problem) -> bool:
    """Whether the problem is in the class, as far as the form of its expressions shows."""
    layers = problem.network.layers
    first = next((k for k, layer in enumerate(layers) if _is_free(layer)), len(layers))
    return (
        all(layer.fixed_weight is not None for layer in layers[first + 1 :])
        and all(is_piecewise_linear(layer.activation.expression) for layer in layers)
        and convex_loss(problem)
        and convex_penalties(problem)
    )


def _is_free(layer: Layer) -> bool:
    return layer.fixed_weight is None or (layer.bias and layer.fixed_bias is None)


def is_piecewise_linear(activation: Expression) -> bool:
    """Whether all pieces of an activation and the arguments of its kinks have degree one at most."""
    bent = list(kinks(activation))
    if len(bent) > MAX_KINKS:
        return False
    context = fmpq_mpoly_ctx.get(["z"], Ordering.lex)
    return all(
        piece_on(expression, {Variable("z"): context.gen(0)}, iter(sides), context).total_degree() <= 1
        for sides in product((-1, 1), repeat=len(bent))
        for expression in (activation, *(kink.argument for kink in bent))
    )
