"""A critical point in balls of many bits, from the certified root in double precision."""

from __future__ import annotations

from dataclasses import dataclass

from flint import arb, ctx

from reluspec.regions.signs import Signs
from reluspec.verifier.general.lagrange import System
from reluspec.verifier.general.solutions import Solution
from reluspec.verifier.raw import Affine, Root, SingularError, krawczyk, rational_root, value


@dataclass(frozen=True)
class Critical:
    """A critical point of a stratum.

    `hessian` is that of the loss along the stratum, in coordinates of it, bordered by the gradients of the constraints that have one of the
    `multipliers`.
    """

    signs: Signs
    root: Root
    hessian: list[list[arb]]
    multipliers: int

    @property
    def codimension(self) -> int:
        """Of the stratum, near the point."""
        return self.root.ring.size - len(self.hessian) + 2 * self.multipliers


def refined(system: System, signs: Signs, solution: Solution, bits: int) -> Critical:
    """The solution with all its parameters. Raises `SingularError` where interval Newton does not single it out."""
    ring = system.ring
    affine = Affine(ring)
    affine.images[: ring.size] = list(system.images)
    rest = affine.eliminate(system.equations)
    unknown = sorted({k for one in rest for k in range(len(ring.gens)) if one.degrees()[k] > 0})
    if len(rest) != len(unknown) or not set(unknown) <= set(system.unknown):
        raise SingularError("its system does not determine it")
    near = dict(zip(system.unknown, solution.point, strict=True))
    with ctx.workprec(bits):
        inner, box = krawczyk(rest, unknown, {k: arb(near[k]) for k in unknown}, bits)
        exact = rational_root(rest, inner)
        if exact is not None:
            affine.eliminate([ring.gens[k] - entry for k, entry in exact.items()])
        values = {k: value(affine.images[k], inner) for k in system.unknown}
        # The true solution near the midpoints is in the box, where there is only one, or this one is where that is the only one.
        in_box = all(box[k].contains(arb(near[k], solution.radius)) for k in unknown)
        if not in_box and not all(arb(near[k], solution.alone).contains(values[k]) for k in system.unknown):
            raise SingularError("interval Newton settles at another solution")
        hessian = [[value(one.derivative(k), values) for k in system.unknown] for one in system.equations]
        images = affine.images[: ring.size]
        theta, around = [value(image, inner) for image in images], [value(image, box) for image in images]
        root = Root(theta, around, affine, ring.surrogate(signs), ring, rest, values)
        return Critical(signs, root, hessian, sum(k >= ring.size for k in system.unknown))
