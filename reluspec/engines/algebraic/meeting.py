"""Where a face of one family's closure lies in another family that is cut: which parts it meets, and whether one has all of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from flint import arb, ctx

from reluspec.engines.algebraic.exact.algebraic import Algebraic
from reluspec.engines.algebraic.exact.cones import generators
from reluspec.engines.algebraic.exact.linear import dot
from reluspec.engines.algebraic.exact.scalars import Vector
from reluspec.engines.algebraic.stationary.charts import Unit
from reluspec.engines.algebraic.stationary.enclosures import Face, chart_coordinates
from reluspec.engines.algebraic.stationary.polyhedra import CriticalSet, field_scalars


class MeetingError(Exception):
    """It cannot be told; the message says why."""


@dataclass(frozen=True)
class Meeting:
    """The parts, by their positions, that a face meets; `whole`: it lies in one of them."""

    parts: tuple[int, ...]
    whole: bool


def meeting(face: Face, sources: Sequence[int], parts: Mapping[int, CriticalSet]) -> Meeting:
    """How a face, moved by an exchange of units (`sources`: where each parameter comes from), meets the disjoint parts of a family.

    The face is convex and lies in the family, in which the parts are open, so it is in their union iff it is in one of them.
    Raises `MeetingError`.
    """
    found = []
    for position, part in parts.items():
        try:
            scalars = field_scalars(part.field)
            values = [[dot(row, vector, scalars) for _, row in part.cuts] for vector in _moved(face, sources, part)]
            signs = [[value.sign() for value in row] for row in values]
        except ValueError:
            raise MeetingError("a family ends in another one that is cut at numbers of another field") from None
        if all(min(column) >= 0 and max(column) > 0 for column in zip(*signs, strict=True)):
            return Meeting((position,), True)
        if _meets(values, part):
            found.append(position)
    return Meeting(tuple(found), False)


def meeting_at(theta: Sequence[arb], parts: Mapping[int, CriticalSet], bits: int) -> Meeting:
    """The same for a point, in balls. Raises `MeetingError`."""
    for position, part in parts.items():
        with ctx.workprec(bits + 32):
            chart = chart_coordinates(part, theta)
            if chart is None:
                continue
            values = [
                sum((entry.ball(bits) * x for entry, x in zip(row[1:], chart, strict=True) if entry != 0), row[0].ball(bits))
                for _, row in part.cuts
            ]
            if all(value > 0 for value in values):
                return Meeting((position,), True)
            if not any(value <= 0 for value in values):
                raise MeetingError("a family ends where another one is cut, or too near")
    return Meeting((), False)


def _meets(values: Sequence[Sequence[Algebraic]], part: CriticalSet) -> bool:
    """Whether some positive combination of the face's generators has only positive values."""
    count, scalars = len(values), field_scalars(part.field)
    own = [[part.field.element(int(i == j)) for j in range(count)] for i in range(count)]
    rows = [*own, *(list(column) for column in zip(*values, strict=True))]
    inner = generators(rows, count, scalars).inner_point(count, scalars)
    return all(dot(row, inner, scalars).sign() > 0 for row in rows)


def _moved(face: Face, sources: Sequence[int], target: CriticalSet) -> Iterator[Vector]:
    """The generators of a face in the coordinates of the other family, 1 or 0 in front. Raises `MeetingError`.

    Where the other family has a unit's output weight a in place of its square and is cut where a changes its sign only, the square with
    that sign will do.
    """
    found = face.found
    place = {source: k for k, source in enumerate(sources)}
    vertices = len(found.vertices)
    vectors = [(int(g < vertices), (*found.vertices, *found.rays)[g]) for g in sorted(face.members)]
    theirs = {unit.output: (unit, sigma) for unit, sigma in zip(target.living, target.sigma, strict=True)}
    factors = [1] * len(sources)
    for unit, sigma in zip(found.living, found.sigma, strict=True):
        here = Unit(place[unit.output], tuple(place[k] for k in unit.incoming), frozenset(place[k] for k in unit.products), unit.plain)
        if all(not vector[unit.output] for _, vector in vectors):
            factors = [0 if k in here.parameters else factor for k, factor in enumerate(factors)]
        elif here.output not in theirs and not unit.plain and all(_asks_for_sign(row, here) for _, row in target.cuts):
            factors = [sigma if k == here.output else 0 if k in here.incoming else factor for k, factor in enumerate(factors)]
        elif here.output not in theirs or not _same(here, theirs.pop(here.output), sigma):
            raise MeetingError("a family ends in another one that is cut in other coordinates")
    if theirs:
        raise MeetingError("a family ends in another one that is cut in other coordinates")
    for height, vector in vectors:
        yield (found.field.element(height), *(vector[source] * factor for source, factor in zip(sources, factors, strict=True)))


def _asks_for_sign(row: Vector, unit: Unit) -> bool:
    """Whether a condition does not depend on a unit, or on nothing but the sign of its output weight."""
    used = {k for k, entry in enumerate(row[1:]) if entry != 0}
    return not used & set(unit.parameters) or (used == {unit.output} and row[0] == 0)


def _same(here: Unit, there: tuple[Unit, int], sigma: int) -> bool:
    unit, sign = there
    return set(unit.incoming) == set(here.incoming) and (unit.products, unit.plain) == (here.products, here.plain) and sign == sigma
