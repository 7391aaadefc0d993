"""What a stratum has of the orbit of a critical point under rotations of units: points, spheres, frames, or nothing.

Along an orbit the loss of the stratum, and all that is said about it to second order, are the same. A strict switch of a rotated unit l is
`sum_m F_lm eta_m`, where eta_m is its value with the unit's row replaced by row m of the normal form. Let the switches of a unit have
vectors eta_i, with the signs s_i, the same for every unit of the group.

- *No switch moves*: the whole orbit is in the stratum.
- *Rank one*: F is a unit vector c, and `s_i eta_i c_l > 0` for all i and l says that all `s_i eta_i` have one sign and all c_l have it,
  too: an open simplex of a sphere, or nothing. Its corners are points with one unit alive.
- *Rank two or more*: `sum_l (eta_i . F_l)(eta_j . F_l) = eta_i . eta_j`; where the signs are right, each term on the left has the sign
  `s_i s_j`. So if `s_i s_j eta_i . eta_j <= 0` for some i, j, there is nothing. Otherwise the part is not described here. For rank two and
  k >= 3 units it is one connected part. The F_l lie in an open wedge W of the plane, wider than a right angle because the normals `s_i
  eta_i` of its sides have a positive product; so W has two orthonormal vectors, and near them k vectors that are a frame. Squares u_l =
  F_l^2 of complex numbers turn `sum F_l F_l^T = 1` into `sum u_l = 0` and a scale, and W, one to one, into the complement of a closed
  convex cone G that is no linear space. In the space E of all u with sum zero, of dimension N = 2 (k - 1), the part is the complement of
  the k closed convex cones `u_l in G`. Any j < k of these meet in a convex cone that is no linear space, all k of them in 0 only; so on the
  sphere in E their union has the homology of the nerve, the boundary of a simplex, a sphere of dimension k - 2 (contractible pieces:
  Leray). By Alexander's duality the complement has `1 + rank H~_(N-2)` connected parts, and N - 2 = k - 2 only for k = 2.
- *A negative second derivative* within the stratum at the normal form: no point of the orbit is a minimum, wherever the switches cut it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flint import ctx

from reluspec.engines.algebraic.exact.algebraic import Algebraic
from reluspec.engines.algebraic.exact.forms import Definiteness, reduction
from reluspec.engines.algebraic.exact.linear import echelon
from reluspec.engines.algebraic.exact.scalars import BALLS, Undetermined
from reluspec.engines.algebraic.stationary.charts import derivative
from reluspec.engines.algebraic.stationary.frames import Columns, Orbit, corner, framed, inner, tangents, turned, unit_pairs
from reluspec.engines.algebraic.stationary.groups import Frame
from reluspec.engines.algebraic.stationary.polyhedra import Condition, CriticalSet, Shape, Vector, field_scalars, value_at
from reluspec.engines.algebraic.stationary.restricted import Restricted
from reluspec.engines.algebraic.stationary.rotations import along, arcs

BITS = 256
"""Precision of second derivatives across an orbit."""


class _Nothing(Exception):  # noqa: N818 - an answer, not a mistake
    """No point of the orbit has the stratum's signs."""


class _Unknown(Exception):  # noqa: N818
    """What the stratum has of the orbit is not described; the message says why."""


@dataclass(frozen=True)
class Found:
    """`sets` in the stratum; `reason`, if not empty, why there may be more; `left_out`: an orbit without minima was left out."""

    sets: tuple[CriticalSet, ...] = ()
    reason: str = ""
    left_out: bool = False


def orbit_sets(stratum: Restricted, conditions: Sequence[Condition], shape: Shape, frame: Frame) -> Found:
    """What the stratum has of the orbit of an isolated solution in normal form."""
    if shape.directions:
        return Found(reason="a family of orbits of critical points")
    if any(shape.point[pivot].sign() <= 0 for pivot in frame.pivots):
        return Found()
    try:
        constant, moving = _sorted(conditions, frame.groups, shape)
        if not all(value_at(c.polynomial.to_dict(), shape.point, shape.field.element(0)).sign() == c.sign for c in constant):
            return Found()
        order = across(stratum, frame.groups, shape)
        if order is Definiteness.INDEFINITE:
            return Found(left_out=True)
        if len(frame.groups) == 1 and len(frame.groups[0][0]) == 2 and _rank(shape.point, frame.groups[0]):
            return Found(*_arcs(shape, conditions, frame.groups[0]))
        # Without zero switches nothing but the second order decides.
        kind = "minima" if order is Definiteness.POSITIVE and stratum.surrogate.signs.is_cell else "critical points"
        parts = [_part(shape, group, moving[g], frame.groups, kind) for g, group in enumerate(frame.groups)]
    except _Nothing:
        return Found()
    except _Unknown as reason:
        return Found(reason=str(reason))
    return Found((_set(shape, [part for part in parts if part is not None], moving, frame.groups),))


def _arcs(shape: Shape, conditions: Sequence[Condition], group: Columns) -> tuple[tuple[CriticalSet, ...], str]:
    (pairs,) = unit_pairs(group)
    found, reason = arcs(shape, conditions, pairs)
    return tuple(found), reason


def across(stratum: Restricted, groups: Sequence[Columns], shape: Shape) -> Definiteness | None:
    """Of which kind the loss's second derivatives within the stratum are across the orbit of a point; `None` where balls do not tell.

    Only asked where the stratum is a linear space.
    """
    if stratum.constraints or stratum.equations:
        return None
    loss, scalars = stratum.loss.to_dict(), field_scalars(shape.field)
    along_orbit = [turned(shape.point, pairs, scalars.zero) for group in groups for pairs in unit_pairs(group)]
    positions = [[direction[k] for k in stratum.free] for direction in along_orbit]
    flat = echelon(positions, len(stratum.free), scalars).columns
    across = [k for j, k in enumerate(stratum.free) if j not in flat]
    with ctx.workprec(BITS):
        balls = [value.ball(BITS) for value in shape.point]
        matrix = [[value_at(derivative(derivative(loss, i), j), balls, BALLS.zero) for j in across] for i in across]
        try:
            return reduction(matrix, BALLS).kind
        except Undetermined:
            return None


_Moving = dict[int, list[tuple[Condition, int, Vector]]]
"""Per group its moving switches: the condition, the unit whose switch it is, and its vector."""


def _sorted(conditions: Sequence[Condition], groups: Sequence[Columns], shape: Shape) -> tuple[list[Condition], _Moving]:
    """The conditions that no rotation changes, and for each group those that it moves. Raises `_Unknown`."""
    constant: list[Condition] = []
    moving: _Moving = {g: [] for g in range(len(groups))}
    for condition in conditions:
        by = [g for g, group in enumerate(groups) if any(not along(condition.polynomial, pairs).is_zero() for pairs in unit_pairs(group))]
        if not by:
            constant.append(condition)
        elif len(by) > 1 or (unit := _row(condition, groups[by[0]])) is None:
            raise _Unknown("a switch is not linear along an orbit of critical points")
        else:
            moving[by[0]].append((condition, unit, _vector(condition, groups[by[0]], unit, shape)))
    return constant, moving


def _row(condition: Condition, group: Columns) -> int | None:
    """The unit in whose parameters a switch is linear and homogeneous, no other of the group occurring in it."""
    rows = list(zip(*group, strict=True))
    for unit, row in enumerate(rows):
        others = [k for other in rows if other is not row for k in other]
        if all(
            sum(exponents[k] for k in row) == 1 and not any(exponents[k] for k in others) for exponents in condition.polynomial.to_dict()
        ):
            return unit
    return None


def _vector(condition: Condition, group: Columns, unit: int, shape: Shape) -> Vector:
    """The values of a unit's switch with each row of the group in place of its own."""
    terms, zero = condition.polynomial.to_dict(), shape.field.element(0)
    values = []
    for other in range(len(group[0])):
        point = list(shape.point)
        for column in group:
            point[column[unit]] = shape.point[column[other]]
        values.append(value_at(terms, point, zero))
    return tuple(values)


def _rank(point: Vector, group: Columns) -> int:
    """The rank of a group's table in normal form: its rows that are not zero."""
    return sum(any(point[k] != 0 for k in row) for row in zip(*group, strict=True))


def _part(
    shape: Shape, group: Columns, moving: Sequence[tuple[Condition, int, Vector]], groups: Sequence[Columns], kind: str
) -> Orbit | None:
    """What the switches leave of one group's orbit; `None` for a fixed point. `kind` is what its points are called.

    Raises `_Nothing` and `_Unknown`.
    """
    rank = _rank(shape.point, group)
    vectors = [tuple(entry * condition.sign for entry in vector) for condition, _, vector in moving]
    if any(all(entry == 0 for entry in vector) for vector in vectors):
        raise _Nothing
    if not rank:
        return None
    dimension = rank * (2 * len(group[0]) - rank - 1) // 2
    if moving and {unit for _, unit, _ in moving} != set(range(len(group[0]))):
        raise _Unknown(f"{kind} of dimension {dimension}, an orbit of rotations that switches of some of its units cut")
    if moving and rank == 1 and len({vector[0].sign() for vector in vectors}) > 1:
        raise _Nothing
    if moving and rank > 1:
        if any(_inner(one, other).sign() <= 0 for one in vectors for other in vectors):
            raise _Nothing
        parts = ", one connected part," if rank == 2 and len(groups) == 1 else ""
        raise _Unknown(f"{kind} of dimension {dimension} (frames of rank {rank}){parts} whose ends are not followed")
    others = {k for other in groups if other is not group for column in other for k in column}
    return Orbit(group, rank, bool(moving), _pivots(shape, group, rank, others))


def _inner(one: Vector, other: Vector) -> Algebraic:
    return sum((a * b for a, b in zip(one[1:], other[1:], strict=True)), one[0] * other[0])


def _pivots(shape: Shape, group: Columns, rank: int, others: set[int]) -> tuple[int, ...]:
    """Columns of the group's own that span its table. Raises `_Unknown` where they do not."""
    own = [j for j, column in enumerate(group) if not any(k in others for k in column)]
    rows = [[shape.point[group[j][m]] for j in own] for m in range(rank)]
    columns = echelon(rows, len(own), field_scalars(shape.field)).columns
    if len(columns) < rank:
        raise _Unknown("orbits of critical points in which units of two layers turn together")
    return tuple(own[j] for j in columns)


def _set(shape: Shape, orbits: Sequence[Orbit], moving: _Moving, groups: Sequence[Columns]) -> CriticalSet:
    """The critical set: an isolated point where no group turns it."""
    base = list(shape.point)
    for orbit in orbits:
        _, _, vector = moving[groups.index(orbit.columns)][0] if orbit.positive else (None, None, ())
        if orbit.positive and (moving[groups.index(orbit.columns)][0][0].sign * vector[0]).sign() < 0:
            for column in orbit.columns:
                base[column[0]] = -base[column[0]]
    corners: list[tuple[list[Algebraic], frozenset[str]]] = [(base, frozenset())]
    witness: list[Any] = base
    for orbit in orbits:
        if orbit.positive:
            names = [(condition.name, unit) for condition, unit, _ in moving[groups.index(orbit.columns)]]
            corners = [
                (framed(point, orbit, corner(orbit.units, which)), tight | {name for name, unit in names if unit != which})
                for point, tight in corners
                for which in range(orbit.units)
            ]
            witness = framed(witness, orbit, inner(orbit.units))
    field = shape.field
    directions = echelon(tangents(witness, orbits, field.element(0)), len(base), field_scalars(field)).rows
    return CriticalSet(
        field=field,
        living=(),
        sigma=(),
        witness=tuple(witness),
        directions=tuple(tuple(row) for row in directions),
        vertices=tuple(tuple(point) for point, _ in corners),
        rays=(),
        tight=tuple(tight for _, tight in corners),
        singular=shape.singular,
        orbits=tuple(orbits),
        base=tuple(base),
    )
