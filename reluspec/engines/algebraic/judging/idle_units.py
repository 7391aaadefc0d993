"""Units with a = 0 at a critical set: whether they can be put to use (the conditions are in `units`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from reluspec.engines.algebraic.exact.algebraic import Algebraic
from reluspec.engines.algebraic.exact.cones import cell_cones, generators
from reluspec.engines.algebraic.exact.enclosed import Isolated
from reluspec.engines.algebraic.exact.forms import Copositivity, copositivity
from reluspec.engines.algebraic.exact.linear import echelon, kernel, solve, weighted
from reluspec.engines.algebraic.exact.scalars import FRACTIONS
from reluspec.engines.algebraic.judging.unit_point import MAX_CELLS, NotApplicable, UnitPoint, along
from reluspec.engines.algebraic.stationary.charts import Unit
from reluspec.engines.algebraic.stationary.polyhedra import Vector, field_scalars
from reluspec.regions.arrangement import arrangement

BITS = 128
MAX_RAYS = 10
"""Rays of a cell's cone for which copositivity is decided."""


@dataclass(frozen=True)
class _OnFace:
    """A unit on the linear space of a face of its parameters: its penalties, a basis, v along the basis."""

    penalties: tuple[Fraction, ...]
    basis: Sequence[tuple[Fraction, ...]]
    slopes: Sequence[Algebraic]
    zero: Algebraic

    @cached_property
    def steepest(self) -> Sequence[Algebraic]:
        """`Lambda^-1 v` in the basis, where all penalties are positive."""
        gram = [[self.zero + weighted(one, other, self.penalties[1:]) for other in self.basis] for one in self.basis]
        found = solve(gram, self.slopes, len(self.basis), field_scalars(self.zero.field))
        assert found is not None
        return found

    def has_steepest(self, rows: Sequence[Sequence[Fraction]], signs: Sequence[int]) -> bool:
        """Whether the steepest direction, or its opposite, is in the face. Raises `Undetermined`."""
        w = [along(self.steepest, column) for column in zip(*self.basis, strict=True)]
        values = [along(w, row) * int(sign) for row, sign in zip(rows, signs, strict=True) if sign]
        balls = [value.ball(BITS) for value in values]
        if any(ball < 0 for ball in balls) and any(ball > 0 for ball in balls):
            return False
        return len({value.sign() for value in values} - {0}) < 2 and all(values)

    def is_like(self, other: _OnFace) -> bool:
        """Whether both have one and the same condition."""
        same = self.penalties == other.penalties and self.basis == other.basis
        return same and all((a - b).fraction() == 0 for a, b in zip(self.slopes, other.slopes, strict=True))


class IdleUnits:
    """The units with a = 0 at one critical set. `NotApplicable` where the test does not decide."""

    def __init__(self, point: UnitPoint) -> None:
        self.point = point

    def complaint(self, slopes: Sequence[Algebraic]) -> str:
        """Which unit with a = 0 can be put to use."""
        falls = (self._test(position, unit)(position, unit, slopes) for position, unit in self.point.idle)
        return next((complaint for complaint in falls if complaint), "")

    @property
    def all_dead(self) -> bool:
        """Whether every one is dead and has penalties on all of its parameters."""
        return all(self.point.is_dead(unit) and min(self.point.data.penalties[position]) > 0 for position, unit in self.point.idle)

    def are_idle(self, slopes: Sequence[Algebraic]) -> bool:
        """Whether the units with a = 0 are known to be of no use with these slopes."""
        try:
            return not self.complaint(slopes)
        except NotApplicable:
            return False

    def _test(self, position: int, unit: Unit) -> Callable[[int, Unit, Sequence[Algebraic]], str]:
        """The test of a unit with a = 0."""
        ridge, *penalty = self.point.data.penalties[position]
        if not (ridge and any(penalty)):
            return self._without_effect
        return self._dead if self.point.is_dead(unit) else self._off

    def _without_effect(self, position: int, unit: Unit, slopes: Sequence[Algebraic]) -> str:
        """A unit without penalty on a or on w has to have v = 0 on every cell."""
        for rows, sides, _ in self.point.sides_around(position, unit):
            if any(entry != 0 for entry in self.point.effect(rows, sides, slopes)):
                if any(self.point.data.penalties[position][1:]) and not self.point.is_dead(unit):
                    raise NotApplicable
                return f"unit {position} can be put to use"
        return ""

    def _dead(self, position: int, unit: Unit, slopes: Sequence[Algebraic]) -> str:
        # In balls ties with living units do not show, and long eliminations make polynomials swell.
        enclosed = isinstance(self.point.found.field, Isolated)
        return self._dead_by_faces(position, unit, slopes) if enclosed else self._dead_by_cells(position, unit, slopes)

    def _dead_by_faces(self, position: int, unit: Unit, slopes: Sequence[Algebraic]) -> str:
        """A unit with penalties on all its parameters: |v.w| is at most `2 sqrt(lambda_a w Lambda w)` where it is largest beside it.

        On the linear space of a face this is along `Lambda^-1 v`; it counts where that or its opposite is in the face. A living unit with
        the same v and penalties attains the bound there, which need not show in balls. Raises `Undetermined`.
        """
        rows, point = self.point.rows(unit), self.point
        ridge = point.data.penalties[position][0]
        attained = [self._on_face(number, rows, point.units_signs[number], slopes) for number, _ in point.living]
        for signs in arrangement(rows).signs:
            face = self._on_face(position, rows, [int(sign) for sign in signs], slopes)
            if face.slopes and not any(face.is_like(other) for other in attained) and face.has_steepest(rows, signs):
                excess = along(face.slopes, face.steepest) - 4 * ridge
                if excess.sign() > 0:
                    return f"the dead unit {position} can be woken"
        return ""

    def _on_face(self, position: int, rows: Sequence[tuple[Fraction, ...]], signs: Sequence[int], slopes: Sequence[Algebraic]) -> _OnFace:
        """A unit's slopes on a face of its parameters."""
        walls = [row for row, sign in zip(rows, signs, strict=True) if not sign]
        basis = kernel(walls, len(rows[0]), FRACTIONS)
        v = self.point.effect(rows, {i: sign for i, sign in enumerate(signs) if sign}, slopes)
        return _OnFace(self.point.data.penalties[position], basis, [along(v, vector) for vector in basis], self.point.zero)

    def _dead_by_cells(self, position: int, unit: Unit, slopes: Sequence[Algebraic]) -> str:
        rows = self.point.rows(unit)
        real = [i for i, row in enumerate(rows) if any(row)]
        for cell, cone in cell_cones([rows[i] for i in real], len(unit.incoming), FRACTIONS, MAX_CELLS):
            v = self.point.effect(rows, dict(zip(real, cell, strict=True)), slopes)
            rays = [*cone.rays, *cone.lineality, *(tuple(-entry for entry in line) for line in cone.lineality)]
            if self._negative(position, v, rays):
                return f"the dead unit {position} can be woken"
        return ""

    def _off(self, position: int, unit: Unit, slopes: Sequence[Algebraic]) -> str:
        """A unit without effect: a = 0, and nothing penalised is left in w.

        Where the inequality fails, that is no way down yet: with a bias c != 0 a small a changes the outputs by a c, and the loss by its
        own second order in that, which counts as much.
        """
        rows, signs = self.point.rows(unit), self.point.units_signs[position]
        if any(not sign and any(row) for row, sign in zip(rows, signs, strict=True)):
            raise NotApplicable
        v = self.point.effect(rows, dict(enumerate(signs)), slopes)
        basis = [tuple(Fraction(i == j) for j in range(len(v))) for i in range(len(v))]
        rays = [*basis, *(tuple(-entry for entry in ray) for ray in basis)]
        if self._negative(position, v, rays):
            raise NotApplicable
        return ""

    def _negative(self, position: int, v: Sequence[Algebraic], rays: Sequence[Sequence[Fraction]]) -> bool:
        """Whether `4 lambda_a w Lambda w - (v.w)^2` is negative somewhere on the cone of these rays."""
        if all(entry == 0 for entry in v):
            return False
        if len(rays) > MAX_RAYS:
            raise NotApplicable
        ridge, *penalty = self.point.data.penalties[position]
        effects = [along(v, ray) for ray in rays]
        gram = [
            [4 * ridge * weighted(one, two, penalty) - here * there for two, there in zip(rays, effects, strict=True)]
            for one, here in zip(rays, effects, strict=True)
        ]
        return copositivity(gram, field_scalars(self.point.found.field)) is Copositivity.NEGATIVE

    def woken(self, corners: Sequence[Sequence[Algebraic]]) -> str:
        """Which unit with a = 0 and without penalty on w can be put to use, where the slopes are any mean of these.

        Such a w moves freely; for a fixed w the loss is convex in a and all else. So the point is a minimum iff for every w near w* some
        g has v(g).w = 0. Where one unit cannot be put to use alone, several may. Raises `NotApplicable`.
        """
        penalised = [any(self.point.data.penalties[position][1:]) for position, _ in self.point.idle]
        for bound, (position, unit) in zip(penalised, self.point.idle, strict=True):
            if bound:
                continue
            answers = {self._wakes(position, unit, w, corners) for w in self._typical(position, unit, corners)}
            if len(answers) > 1:
                raise NotApplicable  # the verdict varies along the family
            if answers.pop():
                return f"unit {position} can be put to use"
        if penalised != [False]:
            raise NotApplicable
        return ""

    def _typical(self, position: int, unit: Unit, corners: Sequence[Sequence[Algebraic]]) -> list[Vector]:
        """Parameters w of the family, one from every part that the planes v(g).w = 0 cut the linear space around it into.

        What holds in all of them holds everywhere: the points near which the unit wakes are a closed set, and inside a cell they are the
        closure of some of these parts. Raises `NotApplicable` on kinks, where they may not be.
        """
        scalars = field_scalars(self.point.found.field)
        own = [tuple(vector[k] for k in unit.incoming) for vector in (self.point.found.witness, *self.point.found.directions)]
        basis = echelon(own, len(unit.incoming), scalars).rows
        if len(basis) < 2 and (not basis or any(entry != 0 for entry in own[0])):
            return own[:1]
        around = list(self.point.sides_around(position, unit))
        if len(around) > 1:
            raise NotApplicable
        rows, sides, _ = around[0]
        inside = [[along(vector, rows[i]) * side for vector in basis] for i, side in sides.items() if any(rows[i])]
        cuts = [[along(vector, v) for vector in basis] for v in (self.point.effect(rows, sides, slopes) for slopes in corners)]
        every = [row for row in (*inside, *cuts) if any(entry != 0 for entry in row)]
        strict = sum(any(entry != 0 for entry in row) for row in inside)
        parts = [cone for cell, cone in cell_cones(every, len(basis), scalars, MAX_CELLS) if min(cell[:strict], default=1) > 0]
        inner = [cone.inner_point(len(basis), scalars) for cone in parts]
        return [tuple(along(point, column) for column in zip(*basis, strict=True)) for point in inner]

    def _wakes(self, position: int, unit: Unit, w: Vector, corners: Sequence[Sequence[Algebraic]]) -> bool:
        """Whether near w there is one with v(g).w of one and the same sign for all these g."""
        for rows, sides, wall in self.point.sides_around(position, unit):
            effects = [self.point.effect(rows, sides, slopes) for slopes in corners]
            walls = [[self.point.zero + sides[i] * entry for entry in rows[i]] for i in wall]
            for sigma in (1, -1):
                signs = [sigma * along(w, v).sign() for v in effects]
                ties = [[sigma * entry for entry in v] for v, sign in zip(effects, signs, strict=True) if not sign]
                if min(signs) >= 0 and self._open(ties, walls):
                    return True
        return False

    def _open(self, ties: Sequence[Sequence[Algebraic]], walls: Sequence[Sequence[Algebraic]]) -> bool:
        """Whether some d has a positive product with each of the `ties` and none negative with the `walls`."""
        if not ties:
            return True
        cone = generators([*ties, *walls], len(ties[0]), field_scalars(self.point.found.field))
        return all(any(along(row, ray).sign() > 0 for ray in cone.rays) for row in ties)
