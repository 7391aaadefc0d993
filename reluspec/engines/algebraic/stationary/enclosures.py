"""Critical sets in the parameters of the network: certified balls, and when two of them are the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import product

from flint import arb, ctx

from reluspec.engines.algebraic.exact.cones import generators
from reluspec.engines.algebraic.exact.linear import dot, unit_vectors
from reluspec.engines.algebraic.stationary.curves import on_piece
from reluspec.engines.algebraic.stationary.frames import blocks, on_orbit, turned
from reluspec.engines.algebraic.stationary.polyhedra import CriticalSet, Vector, field_scalars, own_coordinates
from reluspec.engines.algebraic.stationary.rescaled import into_slice

BITS = 320
"""Precision at which points are told apart."""


class InfinityError(Exception):
    """A family goes to infinity here: an output weight tends to zero, its product with another parameter does not."""


def theta_balls(found: CriticalSet, coordinates: Vector, bits: int) -> list[arb]:
    """The parameters of a point given in the chart of `found`: `a = sigma sqrt(s)`, in plain charts a, and `w = a u = v / a`.

    Raises `InfinityError` for a point of the closure that is none of the parameter space.
    """
    with ctx.workprec(bits + 32):
        return _parameters(found, coordinates, on_arc(found, [entry.ball(bits + 32) for entry in coordinates]))


def _parameters(found: CriticalSet, exact: Vector, values: list[arb]) -> list[arb]:
    """From the chart to the parameters; `exact` tells which s vanish: a ball around zero has no square root and no inverse."""
    theta = list(values)
    for unit, sigma in zip(found.living, found.sigma, strict=True):
        dead = exact[unit.output] == 0
        scale = arb(0) if dead else values[unit.output] if unit.plain else sigma * values[unit.output].sqrt()
        theta[unit.output] = scale
        for k in unit.incoming:
            if dead and k in unit.products and exact[k] != 0:
                raise InfinityError
            # A weight between two units with charts belongs to both.
            theta[k] = arb(0) if dead else theta[k] / scale if k in unit.products else scale * theta[k]
    return theta


def on_arc(found: CriticalSet, values: list[arb]) -> list[arb]:
    """A point of the plane of an arc, moved onto the arc; of several simplices on spheres, onto these. Other sets are left as they are."""
    parts = [tuple(k for pair in found.pairs for k in pair)] if found.pairs else blocks(found.orbits)
    for part in parts:
        if any(found.witness[k] != 0 for k in part):
            wanted = sum((found.witness[k].ball(ctx.prec) ** 2 for k in part), arb(0))
            factor = (wanted / sum((values[k] ** 2 for k in part), arb(0))).sqrt()
            values = [value * factor if k in part else value for k, value in enumerate(values)]
    return values


def centre(found: CriticalSet, bits: int) -> list[arb]:
    """The parameters of a point in the middle that any symmetry of the set keeps: the mean of the vertices plus the rays.

    The rays have length one, in the sum of absolute values: symmetries permute coordinates.
    """
    if found.curve or found.rescaled:
        return theta_balls(found, found.witness, bits)
    if not found.is_curved:
        middle = list(Face(found, frozenset(range(len(found.vertices)))).inside)
        for ray in found.rays:
            length = sum((entry * entry.sign() for entry in ray), found.field.element(0))
            middle = [entry + step / length for entry, step in zip(middle, ray, strict=True)]
        return theta_balls(found, tuple(middle), bits)
    with ctx.workprec(bits + 32):
        if found.pairs and len(found.vertices) > 1:
            return _parameters(found, found.witness, _middle(found, bits))
        moved = [on_arc(found, [entry.ball(bits + 32) for entry in vertex]) for vertex in found.vertices]
        mean = [sum(entries, arb(0)) / len(moved) for entries in zip(*moved, strict=True)]
        return _parameters(found, found.witness, on_arc(found, mean))


def _middle(found: CriticalSet, bits: int) -> list[arb]:
    """The point of an arc in the middle between its ends: the witness's side of the line through the centre across their difference."""
    witness = [entry.ball(bits + 32) for entry in found.witness]
    first, last = (on_arc(found, [entry.ball(bits + 32) for entry in vertex]) for vertex in (found.vertices[0], found.vertices[-1]))
    across = turned([a - b for a, b in zip(first, last, strict=True)], found.pairs, arb(0))
    if all(entry.overlaps(arb(0)) for entry in across):
        # A circle without one point.
        across = [-entry for entry in first]
    moving = {k for pair in found.pairs for k in pair}
    side = 1 if sum((across[k] * witness[k] for k in moving), arb(0)) > 0 else -1
    return on_arc(found, [side * across[k] if k in moving else entry for k, entry in enumerate(witness)])


def same(a: Sequence[arb], b: Sequence[arb]) -> bool:
    """Whether two points may be one: their balls overlap."""
    return all(x.overlaps(y) for x, y in zip(a, b, strict=True))


class Face:
    """A proper face of the closure of a family, by the positions of its generators (vertices first)."""

    def __init__(self, found: CriticalSet, members: frozenset[int]) -> None:
        self.found, self.members = found, members

    @cached_property
    def tight(self) -> frozenset[str]:
        """The conditions that are equalities on the whole face."""
        return frozenset.intersection(*(self.found.tight[g] for g in self.members))

    @cached_property
    def mixed(self) -> frozenset[int]:
        """The coordinates that have several signs in its relative interior."""
        every = [*self.found.vertices, *self.found.rays]
        columns = [[every[g][k] for g in sorted(self.members)] for k in range(len(self.found.witness))]
        moving = {k for k, column in enumerate(columns) if any(entry != column[0] for entry in column[1:])}
        return frozenset(k for k in moving if {1, -1} <= {entry.sign() for entry in columns[k]})

    def sides(self, coordinates: Sequence[int]) -> Iterator[Vector]:
        """A point of its relative interior for every choice of the signs, zero included, that these coordinates have there."""
        every = [*self.found.vertices, *self.found.rays]
        chosen = [every[g] for g in sorted(self.members)]
        corners, size = sum(g < len(self.found.vertices) for g in self.members), len(chosen)
        scalars = field_scalars(self.found.field)
        units = unit_vectors(size, scalars)
        for signs in product((1, 0, -1), repeat=len(coordinates)):
            # Weights of the generators, all of them positive, with which the coordinates have these signs.
            values = [([vector[k] for vector in chosen], sign) for k, sign in zip(coordinates, signs, strict=True)]
            rows = [[entry * side for entry in row] for row, sign in values for side in ((sign,) if sign else (1, -1))]
            weights = generators([*units, *rows], size, scalars).inner_point(size, scalars)
            strict = [dot(row, weights, scalars) * sign for row, sign in values if sign]
            if all(value.sign() > 0 for value in (*weights, *strict)):
                total = sum(weights[1:corners], weights[0])
                shares = [weight / total for weight in weights]
                yield tuple(dot(shares, entries, scalars) for entries in zip(*chosen, strict=True))

    @cached_property
    def inside(self) -> Vector:
        """A point of its relative interior: the mean of its vertices plus its rays."""
        corners = len(self.found.vertices)
        chosen = [self.found.vertices[g] for g in sorted(self.members) if g < corners]
        far = [self.found.rays[g - corners] for g in sorted(self.members) if g >= corners]
        one = self.found.field.element(1)
        centre = [sum(entries[1:], entries[0]) * (one / len(chosen)) for entries in zip(*chosen, strict=True)]
        for ray in far:
            centre = [entry + step for entry, step in zip(centre, ray, strict=True)]
        return tuple(centre)


def proper_faces(found: CriticalSet) -> Iterator[Face]:
    """All proper faces with a point, of every dimension; none of a curve, which has ends of its own."""
    if found.curve:
        return
    every = range(len(found.tight))
    names = sorted(frozenset().union(*found.tight))
    facets = {frozenset(g for g in every if name in found.tight[g]) for name in names}
    faces = set(facets)
    while True:
        more = {a & b for a in faces for b in facets} - faces
        if not more:
            break
        faces |= more
    corners = range(len(found.vertices))
    for members in sorted(faces, key=sorted):
        if any(g in members for g in corners) and len(members) < len(found.tight):
            yield Face(found, members)


def contains(found: CriticalSet, theta: Sequence[arb], bits: int) -> bool:
    """Whether a point of the same stratum may lie in a critical set: nothing at this precision tells them apart.

    A part of a family counts as the whole family.
    """
    with ctx.workprec(bits + 32):
        if not found.directions:
            return same(theta, theta_balls(found, found.witness, bits))
        if found.curve:
            return on_piece(found.curve, theta_balls(found, found.witness, bits), theta)
        chart = chart_coordinates(found, theta)
        if chart is None:
            return False
        if found.pairs:
            return _on_circle(found, chart)
        if found.orbits:
            return on_orbit([entry.ball(bits + 32) for entry in found.base], found.orbits, chart)
        if found.rescaled:
            moved = into_slice(found.rescaled, theta)
            if moved is None:
                return False
            chart = moved
        offset = [value - entry.ball(bits + 32) for value, entry in zip(chart, found.witness, strict=True)]
        for direction, own in zip(found.flat, own_coordinates(found.flat), strict=True):
            step = offset[own]
            offset = [value - step * entry.ball(bits + 32) for value, entry in zip(offset, direction, strict=True)]
        return all(value.overlaps(arb(0)) for value in offset)


def chart_coordinates(found: CriticalSet, theta: Sequence[arb]) -> list[arb] | None:
    """A point in the chart of a critical set; `None` where its signs are not known to be those of the set's output weights."""
    chart = list(theta)
    for unit, sigma in zip(found.living, found.sigma, strict=True):
        if not theta[unit.output] * sigma > 0:
            return None
        chart[unit.output] = theta[unit.output] if unit.plain else theta[unit.output] ** 2
        for k in unit.incoming:
            chart[k] = theta[k] * theta[unit.output] if k in unit.products else theta[k] / theta[unit.output]
    return chart


def _on_circle(found: CriticalSet, chart: Sequence[arb]) -> bool:
    """Whether a point of the chart may lie on the circle of an arc: in its plane, at its distance."""
    moving = {k for pair in found.pairs for k in pair}
    witness, tangent = ([entry.ball(ctx.prec) for entry in vector] for vector in (found.witness, found.directions[0]))
    square = sum((witness[k] ** 2 for k in moving), arb(0))
    cosine, sine = (sum((chart[k] * vector[k] for k in moving), arb(0)) / square for vector in (witness, tangent))
    expected = [cosine * a + sine * b if k in moving else a for k, (a, b) in enumerate(zip(witness, tangent, strict=True))]
    return same(chart, expected) and (cosine**2 + sine**2).overlaps(arb(1))
