"""The parts that an affine family is cut into, each again a relatively open polyhedron of critical points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from reluspec.engines.algebraic.exact.algebraic import Algebraic
from reluspec.engines.algebraic.exact.cones import generators
from reluspec.engines.algebraic.exact.linear import dot, echelon
from reluspec.engines.algebraic.exact.number_field import RATIONALS, NumberField
from reluspec.engines.algebraic.exact.scalars import FRACTIONS, Vector
from reluspec.engines.algebraic.stationary.cutting import Cut, NotCutError, Part, between, rationals
from reluspec.engines.algebraic.stationary.polyhedra import CriticalSet, Cutting

PLAIN = "plain"
"""How conditions begin that an output weight is not zero where it stands for its square."""


class Pieces(Part):
    """A part of a family and what it is cut into."""

    def split(self, cut: Cut, name: str) -> tuple[CriticalSet, CriticalSet, CriticalSet]:
        """The parts on the positive side of a hyperplane, on the negative one, and on it."""
        above = self.beside(cut.row, name)
        below = self.beside(tuple(-entry for entry in cut.row), name)
        return above, below, self._between(above, name)

    def beside(self, row: tuple[Fraction, ...], name: str) -> CriticalSet:
        """The part where a row is positive."""
        facets = self.facets | {name: row}
        horizon = (Fraction(1), *[Fraction(0)] * self.size)
        cone = generators([horizon, *facets.values()], self.size + 1, FRACTIONS)
        lines = [*cone.lineality, *(tuple(-entry for entry in line) for line in cone.lineality)]
        # The same for all choices of the other generators: across the lines.
        across = [_across(ray, cone.lineality) for ray in cone.rays]
        ordered = sorted([*across, *lines], key=lambda ray: not ray[0])
        corners = [tuple(entry / ray[0] for entry in ray) for ray in ordered if ray[0]]
        far = [ray for ray in ordered if not ray[0]]
        tight = tuple(self._tight(generator, facets) for generator in (*corners, *far))
        constant = row[0] - sum(c * self.point[k] for c, k in zip(row[1:], self.own, strict=True))
        slopes = dict(zip(self.own, row[1:], strict=True))
        cutting = (constant, *(slopes.get(k, Fraction(0)) for k in range(len(self.point))))
        return self._with_generators(corners, far, tight, (*self.found.cuts, (name, _elements(cutting))))

    def _with_generators(
        self, corners: Sequence[Vector], far: Sequence[Vector], tight: tuple[frozenset[str], ...], cuts: tuple[Cutting, ...]
    ) -> CriticalSet:
        vertices = [self._placed(self.point, corner[1:]) for corner in corners]
        rays = [self._placed([Fraction(0)] * len(self.point), ray[1:]) for ray in far]
        return replace(
            self.found,
            witness=_elements(_inside(vertices, rays)),
            vertices=tuple(map(_elements, vertices)),
            rays=tuple(map(_elements, rays)),
            tight=tight,
            cuts=cuts,
        )

    def _placed(self, base: Sequence[Fraction], steps: Sequence[Fraction]) -> list[Fraction]:
        moved = list(base)
        for step, direction in zip(steps, self.directions, strict=True):
            moved = [entry + step * change for entry, change in zip(moved, direction, strict=True)]
        return moved

    def _tight(self, generator: Vector, facets: dict[str, Vector]) -> frozenset[str]:
        """The conditions that are equalities at a point of the closure: with those of facets the ones that hold on its whole face."""
        own = {name for name, row in facets.items() if not dot(row, generator, FRACTIONS)}
        face = [names for names in self.found.tight if own & self.facets.keys() <= names]
        return frozenset(own | frozenset.intersection(*face)) if face else frozenset(own)

    def _between(self, above: CriticalSet, name: str) -> CriticalSet:
        """The face of a part on which a condition is an equality."""
        corners = len(above.vertices)
        on = [g for g, names in enumerate(above.tight) if name in names]
        vertices = [above.vertices[g] for g in on if g < corners]
        rays = [above.rays[g - corners] for g in on if g >= corners]
        spans = [tuple(a - b for a, b in zip(rationals(v), rationals(vertices[0]), strict=True)) for v in vertices[1:]]
        reduced = echelon([*spans, *map(rationals, rays)], len(self.point), FRACTIONS)
        return replace(
            above,
            witness=_elements(_inside([*map(rationals, vertices)], [*map(rationals, rays)])),
            directions=tuple(map(_elements, reduced.rows)),
            vertices=tuple(vertices),
            rays=tuple(rays),
            tight=tuple(above.tight[g] - {name} for g in on),
        )

    # Of dimension one

    def at(self, value: Algebraic) -> CriticalSet:
        """The point of a line at a value of its coordinate."""
        point = self._on_line(value)
        return CriticalSet(value.field, self.found.living, self.found.sigma, point, (), (point,), (), (frozenset(),), self.found.singular)

    def stretch(self, low: Algebraic | None, high: Algebraic | None) -> CriticalSet:
        """The part of the line between two values, which may be of different fields; `None` for its own ends."""
        (own,) = self.own
        start, stop = self.interval
        corners = len(self.found.vertices)
        kept = [
            (vertex, names)
            for vertex, names in zip(self.found.vertices, self.found.tight[:corners], strict=True)
            if (low is None and start is not None and vertex[own] == start) or (high is None and stop is not None and vertex[own] == stop)
        ]
        rays = [
            (ray, names)
            for ray, names in zip(self.found.rays, self.found.tight[corners:], strict=True)
            if (high if ray[own].sign() > 0 else low) is None
        ]
        cuts: list[Cutting] = []
        for name, end, side in ((f"above {low}", low, 1), (f"below {high}", high, -1)):
            if end is not None:
                kept.append((self._on_line(end), frozenset({name})))
                row = [end.field.element(0)] * (len(self.point) + 1)
                row[own + 1], row[0] = end.field.element(side), end * -side
                cuts.append((name, tuple(row)))
        middle = between(low if low is not None else start, high if high is not None else stop)
        kept = kept or [(_elements(self.point), frozenset())]
        return replace(
            self.found,
            witness=_elements(self._placed(self.point, [middle - self.point[own]])),
            vertices=tuple(vertex for vertex, _ in kept),
            rays=tuple(ray for ray, _ in rays),
            tight=tuple(names for _, names in (*kept, *rays)),
            cuts=(*self.found.cuts, *cuts),
        )

    def _on_line(self, value: Algebraic) -> tuple[Algebraic, ...]:
        (direction,), (own,) = self.directions, self.own
        t, pairs = value - self.point[own], zip(self.point, direction, strict=True)
        return tuple(t * step + entry if step else value.field.element(entry) for entry, step in pairs)


def plain(found: CriticalSet) -> CriticalSet:
    """A family in which the square s of an output weight a takes all positive values, whatever the others are, with a in its place.

    Only for output weights that come alone (`Unit.incoming` is empty): beside the stratum the loss may not have their sign symmetry.
    """
    for unit, sigma in zip(found.living, found.sigma, strict=True):
        k = unit.output
        alone = [[j for j, entry in enumerate(ray) if entry != 0] == [k] for ray in (*found.rays, *found.directions) if ray[k] != 0]
        if unit.incoming or not alone or not all(alone) or any(vertex[k] != 0 for vertex in found.vertices):
            continue
        index = found.living.index(unit)
        named = {f"alive {index}": f"{PLAIN} {k}"} | {
            f"alive {other}": f"alive {other - 1}" for other in range(index + 1, len(found.living))
        }
        size, zero = range(len(found.witness)), found.field.element(0)
        row = (zero, *(found.field.element(sigma) if j == k else zero for j in size))
        found = replace(
            found,
            living=tuple(other for other in found.living if other is not unit),
            sigma=tuple(side for other, side in zip(found.living, found.sigma, strict=True) if other is not unit),
            witness=tuple(found.field.element(sigma) if j == k else entry for j, entry in enumerate(found.witness)),
            rays=tuple(tuple(entry * sigma if j == k else entry for j, entry in enumerate(ray)) for ray in found.rays),
            tight=tuple(frozenset(named.get(name, name) for name in names) for names in found.tight),
            cuts=(*found.cuts, (f"{PLAIN} {k}", row)),
        )
        return plain(found)
    return found


def in_one_field(found: CriticalSet) -> CriticalSet:
    """The same part with all its numbers in one field. Raises `NotCutError` where its ends are of two."""
    vectors = (*found.vertices, *(row for _, row in found.cuts))
    fields = {entry.field for vector in vectors for entry in vector if entry.fraction() is None}
    if len(fields) > 1:
        raise NotCutError("a part of it ends at numbers of two fields")
    field = fields.pop() if fields else found.field
    return replace(
        found,
        field=field,
        witness=_lifted(found.witness, field),
        directions=tuple(_lifted(step, field) for step in found.directions),
        vertices=tuple(_lifted(vertex, field) for vertex in found.vertices),
        rays=tuple(_lifted(ray, field) for ray in found.rays),
        cuts=tuple((name, _lifted(row, field)) for name, row in found.cuts),
    )


def _across(ray: Vector, lines: Sequence[Vector]) -> Vector:
    """A ray without its component along the lines, which are made orthogonal one by one."""
    basis: list[Vector] = []
    for vector in (*lines, ray):
        for line in basis:
            share = dot(vector, line, FRACTIONS) / dot(line, line, FRACTIONS)
            vector = tuple(entry - share * other for entry, other in zip(vector, line, strict=True))
        basis.append(vector)
    return basis[-1]


def _inside(vertices: Sequence[Sequence[Fraction]], rays: Sequence[Sequence[Fraction]]) -> list[Fraction]:
    """The mean of the vertices plus the rays."""
    middle = [sum(entries, Fraction(0)) / len(vertices) for entries in zip(*vertices, strict=True)]
    return [sum(entries, Fraction(0)) for entries in zip(middle, *rays, strict=True)]


def _elements(vector: Sequence[Fraction]) -> tuple[Algebraic, ...]:
    return tuple(map(RATIONALS.element, vector))


def _lifted(vector: Sequence[Algebraic], field: NumberField) -> tuple[Algebraic, ...]:
    return tuple(entry if entry.field == field else field.element(entry.fraction() or 0) for entry in vector)
