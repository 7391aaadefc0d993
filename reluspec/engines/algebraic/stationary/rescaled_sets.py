"""Critical sets that rescalings of units move: what a slice has of them, and where their orbits end (`rescalings`).

**Ends.** Let t_n . q_n tend to theta. If q_n tends to a point q of the closed polyhedron, and the t_n stay in a compact set, theta is on
the orbit of q: a face of the polyhedron tells where. They do if the *weights* of coordinates and pins that are bounded away from zero on
the polyhedron - t multiplies these by t^weight, and what they tend to is finite - span all of R^r with positive factors: then every t_i
is bounded and bounded away from zero, and q_n is bounded with it. This is what a product that is not zero along the orbit says of its
factors. Otherwise, on the orbit of a single point q, let t run to a limit along s^u, s -> 0: coordinates with weight . u > 0 vanish, those
with weight . u = 0 stay, and theta exists if no weight . u is negative. Up to rescalings that is all: the closure of an orbit of positive
numbers has one orbit for each face of the cone of weights (Fulton, *Introduction to Toric Varieties*, sections 2.1 and 4.2).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import combinations

from flint import fmpq_mpoly

from reluspec.engines.algebraic.exact.cones import generators
from reluspec.engines.algebraic.exact.linear import dot, echelon, plus
from reluspec.engines.algebraic.exact.scalars import FRACTIONS
from reluspec.engines.algebraic.ideals.groebner import ring
from reluspec.engines.algebraic.stationary.charts import Terms
from reluspec.engines.algebraic.stationary.curves import polynomial_of, terms_of
from reluspec.engines.algebraic.stationary.polyhedra import Condition, CriticalSet, Shape, Vector, critical_sets, field_scalars, value_at
from reluspec.engines.algebraic.stationary.rescaled import Rescaled, Rescaling, pin_weight, tangent_space
from reluspec.engines.algebraic.stationary.rescalings import Slice, degree_under


def rescaled_sets(shape: Shape, conditions: Sequence[Condition], chosen: Slice) -> tuple[list[CriticalSet], str]:
    """The parts of the orbits through an affine space of solutions in a slice; if they could not be told, why."""
    rescalings = [Rescaling(c, terms_of(pin.whole)) for c, pin in zip(chosen.rescalings, chosen.pins, strict=True)]
    # A point says more along its orbit than as one of a cone; of other sets the ends of cones are known.
    strict = [condition.polynomial for condition in conditions]
    wider, left = _as_cones(shape, rescalings, strict) if shape.directions else (shape, tuple(rescalings))
    sets, reason = critical_sets(wider, conditions)
    if reason or not left:
        return sets, reason
    found = []
    for one in sets:
        rescaled = Rescaled(left, one.directions)
        space = tangent_space(rescaled, one.witness, field_scalars(shape.field))
        if space is None:
            return [], "a family of critical points that rescalings of units move within itself"
        moved = replace(one, directions=space, rescaled=rescaled)
        found.append(replace(moved, unfolded=_unfolded(moved, wider, conditions)) if all(pin.strict for pin in chosen.pins) else moved)
    return found, ""


def _unfolded(found: CriticalSet, shape: Shape, conditions: Sequence[Condition]) -> CriticalSet | None:
    """The set as a polyhedron, if it is all that the stratum has of a space of coordinates; ends of polyhedra are known.

    It is open there if it has as many dimensions as coordinates that move. It is closed, too: near a point of the stratum no pin vanishes,
    so the rescalings converge, and with them the points of the slice. A polyhedron is connected.
    """
    size, one, zero = range(len(found.witness)), shape.field.element(1), shape.field.element(0)
    moving = [k for k in size if any(step[k] != 0 for step in found.directions)]
    if len(moving) != found.dimension:
        return None
    units = tuple(tuple(one if j == k else zero for j in size) for k in moving)
    sets, reason = critical_sets(replace(shape, point=found.witness, directions=units), conditions)
    return sets[0] if len(sets) == 1 and not reason else None


def _as_cones(shape: Shape, rescalings: Sequence[Rescaling], strict: Sequence[fmpq_mpoly]) -> tuple[Shape, tuple[Rescaling, ...]]:
    """Rescalings that multiply all that they move by one number make a cone of the affine space: one direction more.

    Only where a strict switch changes its sign with that number, and so leaves the positive ones.
    """
    kept = list(rescalings)
    for one in rescalings:
        point, zero = shape.point, shape.field.element(0)
        moved = [k for k, c in enumerate(one.exponents) if c and any(vector[k] != 0 for vector in (point, *shape.directions))]
        still = [k for k in range(len(point)) if k not in moved]
        whole = all(not any(v[k] != 0 for k in moved) or not any(v[k] != 0 for k in still) for v in shape.directions)
        pins = [polynomial_of(other.pin, len(point)) for other in kept if other is not one]
        if (
            len({one.exponents[k] for k in moved}) == 1
            and whole
            and not any(degree_under(one.exponents, pin) for pin in pins)
            and any(_degree_in(polynomial, moved) % 2 for polynomial in strict)
        ):
            cone = tuple(entry if k in moved else zero for k, entry in enumerate(point))
            reduced = echelon((*shape.directions, cone), len(point), field_scalars(shape.field))
            shape = replace(shape, directions=tuple(map(tuple, reduced.rows)))
            kept.remove(one)
    return shape, tuple(kept)


def _degree_in(polynomial: fmpq_mpoly, positions: Sequence[int]) -> int:
    """The common degree of all monomials in these variables; 0 where they have none."""
    degrees = {sum(int(exponents[k]) for k in positions) for exponents in polynomial.monoms()}
    return degrees.pop() if len(degrees) == 1 else 0


def slice_images(found: CriticalSet) -> list[Terms | None]:
    """The slice as a graph: some of the parameters as polynomials in the others, which have `None`. Empty if it is not solved like that.

    In these coordinates directions without effect show as such.
    """
    size = len(found.witness)
    images = list(ring(size).gens())
    for one in found.rescalings:
        pin = polynomial_of(one.pin, size)
        value = 1 if value_at(pin.to_dict(), found.witness, found.field.element(0)).sign() > 0 else -1
        equation = pin.compose(*images) - value
        solved = next((k for k in range(size) if equation.degrees()[k] == 1 and equation.derivative(k).is_constant()), None)
        if solved is None:
            return []
        gens = list(ring(size).gens())
        gens[solved] = gens[solved] - equation / equation.derivative(solved).leading_coefficient()
        images = [image.compose(*gens) for image in images]
    return (
        [None if image == gen else dict(image.to_dict()) for image, gen in zip(images, ring(size).gens(), strict=True)]
        if found.rescalings
        else []
    )


def vanishing_at_ends(found: CriticalSet) -> Iterator[tuple[int, ...]] | None:
    """For each way in which an orbit ends at a finite point the coordinates that vanish there; `None` where that is not known."""
    rescaled = found.rescaled
    if rescaled is None:
        return iter(())
    size = len(rescaled.rescalings)
    held = [pin_weight(rescaled, k) for k in range(size)]
    held += [weight for k, weight in enumerate(rescaled.weights) if any(weight) and _is_held(found, k)]
    limits = generators([[Fraction(entry) for entry in weight] for weight in held], size, FRACTIONS)
    if not limits.rays:
        return iter(())
    if rescaled.directions:
        return None
    return iter(sorted({_vanishing(rescaled, found.witness, chosen) for chosen in _subsets(limits.rays)}))


def _subsets(rays: Sequence[Sequence[Fraction]]) -> Iterator[Sequence[Fraction]]:
    """Sums of some of the rays."""
    for count in range(1, len(rays) + 1):
        for chosen in combinations(rays, count):
            total: Sequence[Fraction] = [Fraction(0)] * len(rays[0])
            for ray in chosen:
                total = plus(total, Fraction(1), ray)
            yield total


def _vanishing(rescaled: Rescaled, witness: Vector, towards: Sequence[Fraction]) -> tuple[int, ...]:
    moved = (dot([Fraction(w) for w in weight], towards, FRACTIONS) for weight in rescaled.weights)
    return tuple(k for k, (power, entry) in enumerate(zip(moved, witness, strict=True)) if power > 0 and entry != 0)


def _is_held(found: CriticalSet, k: int) -> bool:
    """Whether a coordinate is bounded away from zero on the closed polyhedron."""
    signs = {vertex[k].sign() for vertex in found.vertices}
    return len(signs) == 1 and 0 not in signs and all(ray[k].sign() in (0, *signs) for ray in found.rays)
