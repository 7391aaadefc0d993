"""Polyhedral cones and central arrangements over any `Scalars`, by double description.

Motzkin, Raiffa, Thompson, Thrall, *The double description method* (1953); Fukuda, Prodon, *Double description method revisited* (1996).
A cone is kept as its lineality space plus the extreme rays of a pointed cone, each with the set of inserted rows that vanish on it.
Zeros that hold by construction are recorded there, never computed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeVar

from reluspec.engines.algebraic.exact.linear import dot, normalised, pivot, plus, times, unit_vectors
from reluspec.engines.algebraic.exact.scalars import Matrix, Scalar, Scalars, Vector

T = TypeVar("T")


class TooManyCells(Exception):  # noqa: N818 - an outcome: the caller reports it as undecided
    """An arrangement has more cells than the caller allows."""


def at_most(limit: int, what: str, items: Iterable[T]) -> Iterator[T]:
    """The items; raises `TooManyCells` if there are more than `limit` of them."""
    for count, item in enumerate(items):
        if count >= limit:
            raise TooManyCells(f"more than {limit:,} {what}")
        yield item


@dataclass(frozen=True)
class Generators:
    """The cone `{sum x_i lineality_i + sum c_i rays_i : c >= 0}`; `lineality` is a basis, `rays` span a pointed cone modulo it."""

    lineality: tuple[Vector, ...]
    rays: tuple[Vector, ...]

    def inner_point(self, p: int, scalars: Scalars) -> Vector:
        """A point of the relative interior: the sum of the rays."""
        total: Vector = (scalars.zero,) * p
        for ray in self.rays:
            total = plus(total, scalars.one, ray)
        return total


@dataclass(frozen=True)
class _Cone:
    """Generators in the making. `zeros[i]` is the set (bits) of the inserted rows that vanish on `rays[i]`; all vanish on `lineality`."""

    lineality: tuple[Vector, ...]
    rays: tuple[Vector, ...] = ()
    zeros: tuple[int, ...] = ()
    inserted: int = 0

    def negative(self, scalars: Scalars) -> _Cone:
        minus = scalars.number(Fraction(-1))
        return _Cone(self.lineality, tuple(times(minus, ray) for ray in self.rays), self.zeros, self.inserted)


@dataclass(frozen=True)
class _Cut:
    """A row to be inserted, evaluated on the generators: values and signs on the rays, or a line it does not vanish on."""

    row: Sequence[Scalar]
    line: int | None
    values: tuple[Scalar, ...]
    signs: tuple[int, ...]


def generators(rows: Matrix, p: int, scalars: Scalars) -> Generators:
    """Of the cone `{d in R^p : rows_j . d >= 0 for all j}`. Any rows: dependent, parallel, opposite, zero."""
    cone = _Cone(tuple(unit_vectors(p, scalars)))
    for row in rows:
        cone = _side(cone, _cut(cone, row, scalars), 1, scalars)
    return Generators(cone.lineality, cone.rays)


def cells(rows: Matrix, p: int, scalars: Scalars, limit: int | None = None) -> list[tuple[int, ...]]:
    """All s in {+1, -1}^m with `{d in R^p : s_j rows_j . d > 0 for all j}` not empty, sorted. No row is zero."""
    return [signs for signs, _ in cell_cones(rows, p, scalars, limit)]


def cell_cones(rows: Matrix, p: int, scalars: Scalars, limit: int | None = None) -> list[tuple[tuple[int, ...], Generators]]:
    """The cells of the central arrangement, sorted by their signs, with generators of their closures.

    Rows are inserted one by one. An open cone is full-dimensional, hence the interior of what its generators span: it meets
    `row . d > 0` exactly when the row is positive on some ray or non-zero on the lineality space. As -C is a cell when C is, half of
    them are computed. Raises `TooManyCells` beyond `limit`.
    """
    if not rows:
        return [((), Generators(tuple(unit_vectors(p, scalars)), ()))]
    start = _Cone(tuple(unit_vectors(p, scalars)))
    found: list[tuple[tuple[int, ...], _Cone]] = [((1,), _side(start, _cut(start, rows[0], scalars), 1, scalars))]
    for row in rows[1:]:
        found = [
            ((*signs, side), _side(cone, cut, side, scalars))
            for signs, cone in found
            for cut in (_cut(cone, row, scalars),)
            for side in (1, -1)
            if cut.line is not None or side in cut.signs
        ]
        if limit is not None and 2 * len(found) > limit:
            raise TooManyCells(f"more than {limit} cells")
    found += [(tuple(-sign for sign in signs), cone.negative(scalars)) for signs, cone in found]
    return [(signs, Generators(cone.lineality, cone.rays)) for signs, cone in sorted(found, key=lambda item: item[0], reverse=True)]


def _cut(cone: _Cone, row: Sequence[Scalar], scalars: Scalars) -> _Cut:
    line = pivot([dot(row, vector, scalars) for vector in cone.lineality], scalars)
    values = tuple(dot(row, ray, scalars) for ray in cone.rays)
    return _Cut(row, line, values, () if line is not None else tuple(scalars.sign(value) for value in values))


def _side(cone: _Cone, cut: _Cut, side: int, scalars: Scalars) -> _Cone:
    """The part of the cone where `side * row . d >= 0`."""
    return _split_line(cone, cut, side, scalars) if cut.line is not None else _split_rays(cone, cut, side, scalars)


def _split_line(cone: _Cone, cut: _Cut, side: int, scalars: Scalars) -> _Cone:
    """The row does not vanish on a line b of the lineality space: b becomes a ray, the rest moves along b onto the hyperplane."""
    assert cut.line is not None
    bit = 1 << cone.inserted
    line = cone.lineality[cut.line]
    value = dot(cut.row, line, scalars)

    def moved(vector: Vector, at: Scalar) -> Vector:
        return plus(vector, -at / value, line)

    others = [vector for i, vector in enumerate(cone.lineality) if i != cut.line]
    inward = line if scalars.sign(value) == side else times(scalars.number(Fraction(-1)), line)
    rays = [moved(ray, at) for ray, at in zip(cone.rays, cut.values, strict=True)]
    return _Cone(
        tuple(moved(vector, dot(cut.row, vector, scalars)) for vector in others),
        (*(normalised(ray, scalars) for ray in rays), inward),
        (*(zeros | bit for zeros in cone.zeros), bit - 1),
        cone.inserted + 1,
    )


def _split_rays(cone: _Cone, cut: _Cut, side: int, scalars: Scalars) -> _Cone:
    """Rays on the side stay; each adjacent pair of rays across the hyperplane gives a new ray on it.

    Rays are adjacent iff no other ray has all the zeros they share (Fukuda and Prodon, proposition 7; rays of one pointed cone).
    """
    bit = 1 << cone.inserted
    evaluated = zip(cone.rays, cone.zeros, cut.signs, strict=True)
    kept = [(ray, zeros | (0 if sign else bit)) for ray, zeros, sign in evaluated if sign in (0, side)]
    inside = [i for i, sign in enumerate(cut.signs) if sign == side]
    outside = [i for i, sign in enumerate(cut.signs) if sign == -side]
    for i in inside:
        for j in outside:
            common = cone.zeros[i] & cone.zeros[j]
            if not any(common & ~zeros == 0 for k, zeros in enumerate(cone.zeros) if k not in (i, j)):
                kept.append((_crossing(cone, cut, (i, j), scalars), common | bit))
    return _Cone(cone.lineality, tuple(ray for ray, _ in kept), tuple(zeros for _, zeros in kept), cone.inserted + 1)


def _crossing(cone: _Cone, cut: _Cut, pair: tuple[int, int], scalars: Scalars) -> Vector:
    """The positive combination of two rays, on either side of the hyperplane, that lies on it: `r_i - (v_i / v_j) r_j`."""
    i, j = pair
    ratio: Any = cut.values[i] / cut.values[j]
    return normalised(plus(cone.rays[i], -ratio, cone.rays[j]), scalars)
