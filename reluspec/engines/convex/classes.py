"""Residual classes: all critical sets of faces that share one residual r (theory.md sections 4 and 5).

With r go the directions `G_F r`, the verdict of each living unit, that of a dead one, and the loss. A set S of faces has critical points
with this residual exactly if S is the union of vertices (proved points with linearly independent columns): the weights form the relative
interior of the polytope with these vertices.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from flint import arb, arb_mat, fmpq_mat

from reluspec.engines.convex.decide import Decider, Decision
from reluspec.engines.convex.geometry import Geometry
from reluspec.engines.convex.oracle import CriticalPoint
from reluspec.engines.convex.point import PRECISIONS, working_precision
from reluspec.engines.convex.verdict import DeadVerdict, Directions, UndecidedSignError, UnitVerdict, dead_verdict, directions


@dataclass(frozen=True)
class Polytope:
    """The weights of a critical set of faces: dimension, and the vertices it is spanned by (subsets of the set)."""

    faces: tuple[int, ...]
    dimension: int
    vertices: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class ResidualClass:
    """One residual with all that lives on it.

    `units` holds the faces of its vertices; `polytopes` one entry per critical set of at most L faces.
    """

    points: tuple[CriticalPoint, ...]
    units: dict[int, UnitVerdict]
    dead: DeadVerdict
    polytopes: tuple[Polytope, ...]

    @property
    def representative(self) -> CriticalPoint:
        return self.points[0]

    def point_of(self, vertex: tuple[int, ...]) -> CriticalPoint:
        return next(point for point in self.points if point.faces == vertex)


def residual_classes(decider: Decider, decisions: Sequence[Decision], units: int) -> tuple[list[ResidualClass], dict[tuple[int, ...], str]]:
    """Group vertices by residual, exactly.

    `decisions` are the vertices of at most `units` faces that are critical in Clarke's sense (the dead network's empty set among them).
    Two vertices T, T' have one residual if and only if each lies among the faces that the other's residual attains: then both residuals
    are the projection on the cylinders of the union of T and T'. Returns the classes, and for vertices that a tie leaves open the reason.
    """
    open_reasons: dict[tuple[int, ...], str] = {}
    found: dict[tuple[int, ...], Directions] = {}
    for decision in decisions:
        point = decider.point(decision.faces)
        assert point is not None
        try:
            found[decision.faces] = directions(point, decider.view(point))
        except UndecidedSignError as error:
            open_reasons[decision.faces] = str(error)
    by_faces = {decision.faces: decision for decision in decisions if decision.faces in found}
    groups: list[list[tuple[int, ...]]] = []
    grouped: set[tuple[int, ...]] = set()
    for faces, here in found.items():
        if faces in grouped:
            continue
        attained = set(here.attained) | set(faces)
        group = [faces]
        if len(attained) > len(faces):
            limit = min(units, len(attained))
            for size in range(1, limit + 1):
                for other in combinations(sorted(attained), size):
                    if other != faces and other in found and set(faces) <= set(found[other].attained) | set(other):
                        group.append(other)
        grouped.update(group)
        groups.append(group)
    classes = []
    for group in groups:
        try:
            classes.append(_build(decider, [by_faces[faces] for faces in group], found[group[0]], units))
        except UndecidedSignError as error:
            open_reasons.update({faces: str(error) for faces in group})
    return classes, open_reasons


def _build(decider: Decider, members: list[Decision], where: Directions, limit: int) -> ResidualClass:
    points = tuple(point for member in members if (point := decider.point(member.faces)) is not None)
    units = {unit.face: unit for member in members for unit in member.units}
    dead = dead_verdict(points[0], where.exceeding)
    return ResidualClass(points, units, dead, tuple(_polytopes(points, limit)))


def _polytopes(points: tuple[CriticalPoint, ...], limit: int) -> Iterable[Polytope]:
    vertices = [point.faces for point in points]
    if len(vertices) == 1:
        if len(vertices[0]) <= limit:
            yield Polytope(vertices[0], 0, (vertices[0],))
        return
    faces = sorted(set().union(*vertices))
    for size in range(limit + 1):
        for subset in combinations(faces, size):
            inside = tuple(vertex for vertex in vertices if set(vertex) <= set(subset))
            if set().union(*inside) == set(subset) and inside:
                yield Polytope(subset, _dimension(points, subset, inside), inside)


def _dimension(points: tuple[CriticalPoint, ...], faces: tuple[int, ...], vertices: tuple[tuple[int, ...], ...]) -> int:
    """The polytope's exact dimension, squeezed between the affine rank of its vertices and the number of faces minus the rank of their
    columns.

    Both ranks are proved from below by ball arithmetic; they meet once the precision suffices. Raises `UndecidedSignError` if they do not.
    """
    if len(vertices) == 1:
        return 0
    inside = [point for point in points if point.faces in vertices]
    for precision in (PRECISIONS[0], 4 * PRECISIONS[-1]):
        with working_precision(precision + 32):
            weights = [_weights(point, faces, precision) for point in inside]
            columns = [_column(inside[0], face, precision) for face in faces]
            if any(entry is None for entry in weights) or any(entry is None for entry in columns):
                break
            first, *others = [entry for entry in weights if entry is not None]
            low = _rank([[a - b for a, b in zip(other, first, strict=True)] for other in others])
            high = len(faces) - _rank([entry for entry in columns if entry is not None])
        if low == high:
            return low
    raise UndecidedSignError(f"the dimension of the weights of {points[0].geometry.stratum_name(faces)} could not be proved")


def _weights(point: CriticalPoint, faces: tuple[int, ...], precision: int) -> list[arb] | None:
    enclosure = point.enclosure(precision)
    if enclosure is None:
        return None
    values = dict(zip(point.faces, enclosure.s, strict=True))
    return [values.get(face, arb(0)) for face in faces]


def _column(point: CriticalPoint, face: int, precision: int) -> list[arb] | None:
    """`W D X v` (n): what one unit of weight on a face takes from the weighted residual."""
    enclosure = point.enclosure(precision)
    if enclosure is None:
        return None
    geometry = point.geometry
    g = arb_mat(geometry.map(face)) * enclosure.z
    scaled = arb_mat(g.nrows(), 1, [g[j, 0] / norm for j, norm in enumerate(geometry.span(face).norms)])
    return list((arb_mat(geometry.setting.metric * geometry.map(face).transpose()) * scaled).entries())


def _rank(rows: list[list[arb]]) -> int:
    """A proved lower bound of the rank: elimination with pivots that provably differ from zero."""
    rows = [list(row) for row in rows]
    rank = 0
    while rows:
        best = max(
            ((abs(entry).lower(), i, j) for i, row in enumerate(rows) for j, entry in enumerate(row) if not entry.contains(0)),
            default=None,
            key=lambda item: float(item[0]),
        )
        if best is None:
            return rank
        _, i, j = best
        pivot = rows.pop(i)
        rows = [[a - row[j] / pivot[j] * b for a, b in zip(row, pivot, strict=True)] for row in rows]
        for row in rows:
            row[j] = arb(0)
        rank += 1
    return rank


def direction(point: CriticalPoint, face: int, precision: int) -> list[arb]:
    """`v = basis^T A^-1 g` (m): a living unit's weight vector is its output weight times v."""
    enclosure = point.enclosure(precision)
    assert enclosure is not None
    geometry: Geometry = point.geometry
    span = geometry.span(face)
    g = arb_mat(geometry.map(face)) * enclosure.z
    scaled = arb_mat(g.nrows(), 1, [g[j, 0] / norm for j, norm in enumerate(span.norms)])
    return list((arb_mat(fmpq_mat(span.basis).transpose()) * scaled).entries())
