"""First and second order on the cone of a region, all along a part of a family (`family_test`): the cone may turn with the point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, combinations
from typing import Any

from reluspec.engines.algebraic.exact.forms import ConeForm, Copositivity, form_on_cone
from reluspec.engines.algebraic.exact.linear import echelon, unit_vectors
from reluspec.engines.algebraic.exact.scalars import FRACTIONS, Scalars
from reluspec.engines.algebraic.judging.verdict import Verdict
from reluspec.engines.algebraic.stationary.cutting import CutNeeded, NotCutError, Part
from reluspec.engines.algebraic.stationary.polyhedra import field_scalars

MAX_FLAT = 6
"""Rays with slope zero for which all determinants are looked at."""
MAX_SIZE = 7
"""Rows of a determinant of polynomials."""

Value = Any
"""A function on a part: a polynomial in its coordinates, a rational number or, where the part is a point, an algebraic number."""
Bend = Sequence[Sequence[Value]] | None
"""The Hessian of a switch; `None` for an affine one."""


@dataclass(frozen=True)
class MovingCone:
    """The cone of a region: lines and extreme rays as vectors of functions on the part.

    `open`: the region is known to have points near by. `scale` > 0: where the normals are independent, the j-th ray has this product
    with the j-th normal and 0 with the others; else `None`.
    """

    lines: Sequence[Sequence[Value]]
    rays: Sequence[Sequence[Value]]
    open: bool
    scale: Value | None


class ConeTest:
    """The test on a part."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.scalars: Scalars = FRACTIONS if part.size else field_scalars(part.found.field)

    def turning(self, normals: Sequence[Sequence[Value]], size: int) -> MovingCone:
        """The cone of independent normals, which are functions on the part, by Cramer's rule. Raises `CutNeeded`, `NotCutError`."""
        here = [[self.part.at_witness(entry) for entry in row] for row in normals]
        columns = sorted(echelon(here, size, self.scalars).columns)
        if len(columns) < len(normals) or len(normals) > MAX_SIZE:
            raise NotCutError("dependent normals of switches turn along it")
        square = [[row[k] for k in columns] for row in normals]
        whole = self.determinant(square)
        side = self.part.sign(whole)
        if not side:
            raise NotCutError("the normals of switches become dependent where it is cut")
        count = range(len(columns))
        cofactors = [[self.determinant(_without(square, i, j)) * ((-1) ** (i + j) * side) for j in count] for i in count]
        rays = [self._filled(columns, cofactors[i], size) for i in count]
        scale = whole * side
        lines = []
        for free in (k for k in range(size) if k not in columns):
            inner = [_sum([-(cofactors[i][j] * normals[i][free]) for i in count], scale) for j in count]
            lines.append([scale if k == free else entry for k, entry in enumerate(self._filled(columns, inner, size))])
        return MovingCone(lines, rays, True, scale)

    def _filled(self, columns: Sequence[int], entries: Sequence[Value], size: int) -> list[Value]:
        values = dict(zip(columns, entries, strict=True))
        return [values.get(k, self.part.zero) for k in range(size)]

    def determinant(self, rows: Sequence[Sequence[Value]]) -> Value:
        """By the first column."""
        if not rows:
            return self.part.one
        total = self.part.zero
        for k, row in enumerate(rows):
            if not self.part.is_zero(row[0]):
                total = total + row[0] * self.determinant([other[1:] for j, other in enumerate(rows) if j != k]) * (-1) ** k
        return total

    def verdict(
        self,
        cone: MovingCone,
        gradient: Sequence[Value],
        hessian: Sequence[Sequence[Value]],
        bends: Sequence[Bend],
    ) -> Verdict:
        """For a loss with this expansion and switches with these Hessians. Raises `CutNeeded`, `NotCutError`."""
        if not cone.lines and not cone.rays:
            return Verdict.MINIMUM
        if any(not self.part.is_zero(_dot(gradient, line)) for line in cone.lines):
            return Verdict.UNDECIDED
        slopes = [_dot(gradient, ray) for ray in cone.rays]
        signs = self._signs(slopes)
        if -1 in signs:
            return Verdict.NOT_MINIMUM if cone.open else Verdict.UNDECIDED
        flat = [ray for ray, sign in zip(cone.rays, signs, strict=True) if not sign]
        matrix = self._lagrangian(cone, slopes, hessian, bends)
        if matrix is None:
            return Verdict.UNDECIDED
        basis = [*cone.lines, *flat]
        images = [[_dot(row, vector) for row in matrix] for vector in basis]
        gram = [[_dot(one, image) for image in images] for one in basis]
        return self._second_order(gram, len(cone.lines), cone.open)

    def _lagrangian(
        self,
        cone: MovingCone,
        slopes: Sequence[Value],
        hessian: Sequence[Sequence[Value]],
        bends: Sequence[Bend],
    ) -> list[list[Value]] | None:
        """The Hessian of the Lagrangian, times a positive function; `None` where the multipliers are not unique."""
        if all(bend is None for bend in bends):
            return [list(row) for row in hessian]
        if cone.scale is None:
            return None
        matrix = [[entry * cone.scale for entry in row] for row in hessian]
        for slope, bend in zip(slopes, bends, strict=True):
            if bend is not None:
                matrix = [[a - slope * b for a, b in zip(row, other, strict=True)] for row, other in zip(matrix, bend, strict=True)]
        return matrix

    def _signs(self, values: Sequence[Value]) -> list[int]:
        """Signs on the part: a negative one counts whatever the others do."""
        found, needed = [], None
        for value in values:
            try:
                found.append(self.part.sign(value))
            except CutNeeded as cut:
                needed = needed or cut
        if needed is not None and -1 not in found:
            raise needed
        return found

    def _second_order(self, gram: Sequence[Sequence[Value]], lines: int, is_open: bool) -> Verdict:
        """What a form says on the cone of the first vectors of its basis, with any coefficients, and the others, with positive ones."""
        if not gram:
            return Verdict.MINIMUM
        units = unit_vectors(len(gram), self.scalars)
        here = [[self.part.at_witness(entry) for entry in row] for row in gram]
        form = form_on_cone(here, units[:lines], units[lines:], self.scalars)
        if not self.part.size:
            return Verdict.MINIMUM if form.kind is Copositivity.STRICT else Verdict.UNDECIDED
        if form.kind is Copositivity.NEGATIVE and is_open and self._stays_negative(gram, form):
            return Verdict.NOT_MINIMUM
        constant = all(entry.is_constant() for row in gram for entry in row)
        if not constant and not self._keeps_its_kind(gram, lines):
            return Verdict.UNDECIDED
        if form.kind is Copositivity.STRICT:
            return Verdict.MINIMUM
        return Verdict.NOT_MINIMUM if form.kind is Copositivity.NEGATIVE and is_open else Verdict.UNDECIDED

    def _stays_negative(self, gram: Sequence[Sequence[Value]], form: ConeForm) -> bool:
        """Whether the direction in which the form is negative at one point is one everywhere."""
        if form.direction is None:
            return False
        weights = [self.part.number(weight) for weight in form.direction]
        try:
            return self.part.sign(_dot(weights, [_dot(row, weights) for row in gram])) < 0
        except (CutNeeded, NotCutError):
            return False

    def _keeps_its_kind(self, gram: Sequence[Sequence[Value]], lines: int) -> bool:
        """Whether no determinant on the lines and some of the rays vanishes."""
        rays = range(lines, len(gram))
        if len(rays) > MAX_FLAT or len(gram) > MAX_SIZE:
            raise NotCutError("in too many directions")
        for chosen in chain.from_iterable(combinations(rays, size) for size in range(len(rays) + 1)):
            rows = [*range(lines), *chosen]
            if not self.part.sign(self.determinant([[gram[i][j] for j in rows] for i in rows])):
                return False
        return True


def _without(rows: Sequence[Sequence[Value]], i: int, j: int) -> list[list[Value]]:
    return [[entry for k, entry in enumerate(row) if k != j] for h, row in enumerate(rows) if h != i]


def _sum(values: Sequence[Value], like: Value) -> Value:
    total = like * 0
    for value in values:
        total = total + value
    return total


def _dot(one: Sequence[Value], other: Sequence[Value]) -> Value:
    return _sum([a * b for a, b in zip(one, other, strict=True)], one[0])
