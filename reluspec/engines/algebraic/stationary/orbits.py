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
- *A negative second derivative* within the stratum at the normal form: no point of the orbit is a minimum, wherever the switches cut it. It
  is left out where the part is not described.
- *Kinks away from zero* give switches `F_l . eta_i + kappa_i` with the same constant all along. Those with `kappa^2 > |eta|^2` have one
  sign on the whole orbit. For rank one the others are open intervals for the weights c_l. Where all are fulfilled on the open simplex of
  the homogeneous ones, it is left whole; where the squares of numbers in these intervals cannot add up to one, there is nothing. What
  else is left is some arcs for two units (`hinges`), and is not described for more.
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
from reluspec.engines.algebraic.stationary.frames import Columns, Orbit, corner, framed, inner_frame, tangents, turned, unit_pairs
from reluspec.engines.algebraic.stationary.groups import Frame
from reluspec.engines.algebraic.stationary.hinges import EmptyError, UndescribedError
from reluspec.engines.algebraic.stationary.polyhedra import Condition, CriticalSet, Shape, Vector, field_scalars, value_at
from reluspec.engines.algebraic.stationary.restricted import Restricted
from reluspec.engines.algebraic.stationary.rotations import arcs
from reluspec.engines.algebraic.stationary.switches import Switch, inner, meets_sphere, on_simplex, switches, tight_at_corners, told_apart

BITS = 256
"""Precision of second derivatives across an orbit."""


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
    order = across(stratum, frame.groups, shape)
    try:
        constant, turning = told_apart(conditions, frame.groups)
        if not all(value_at(c.polynomial.to_dict(), shape.point, shape.field.element(0)).sign() == c.sign for c in constant):
            return Found()
        if len(frame.groups) == 1 and len(frame.groups[0][0]) == 2 and _rank(shape.point, frame.groups[0]):
            sets, reason = _arcs(shape, conditions, frame.groups[0])
            return Found(left_out=True) if reason and order is Definiteness.INDEFINITE else Found(sets, reason)
        # Without zero switches nothing but the second order decides.
        kind = "minima" if order is Definiteness.POSITIVE and stratum.surrogate.signs.is_cell else "critical points"
        moving = [switches(moved, group, shape) for moved, group in zip(turning, frame.groups, strict=True)]
        parts = [_part(shape, group, own, frame.groups, kind) for own, group in zip(moving, frame.groups, strict=True)]
    except EmptyError:
        return Found()
    except UndescribedError as reason:
        return Found(left_out=True) if order is Definiteness.INDEFINITE else Found(reason=str(reason))
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


def _rank(point: Vector, group: Columns) -> int:
    """The rank of a group's table in normal form: its rows that are not zero."""
    return sum(any(point[k] != 0 for k in row) for row in zip(*group, strict=True))


def _part(shape: Shape, group: Columns, moving: Sequence[Switch], groups: Sequence[Columns], kind: str) -> Orbit | None:
    """What the switches leave of one group's orbit; `None` for a fixed point. `kind` is what its points are called.

    Raises `EmptyError` and `UndescribedError`.
    """
    rank, units = _rank(shape.point, group), len(group[0])
    if not rank:
        return None
    points = f"{kind} of dimension {rank * (2 * units - rank - 1) // 2}"
    if moving and {switch.unit for switch in moving} != set(range(units)):
        raise UndescribedError(f"{points}, an orbit of rotations that switches of some of its units cut")
    linear = [switch.vector for switch in moving if not switch.is_bent]
    if rank > 1 and any(inner(one, other).sign() <= 0 for one in linear for other in linear):
        raise EmptyError
    if rank == 1:
        moving = on_simplex(moving)
    if any(switch.is_bent for switch in moving):
        if rank == 1 and not meets_sphere(moving, units, shape.field.element(0)):
            raise EmptyError
        raise UndescribedError(f"{points}, an orbit of rotations that kinks away from zero cut")
    if moving and rank > 1:
        parts = ", one connected part," if rank == 2 and len(groups) == 1 else ""
        raise UndescribedError(f"{points} (frames of rank {rank}){parts} whose ends are not followed")
    others = {k for other in groups if other is not group for column in other for k in column}
    return Orbit(group, rank, bool(moving), _pivots(shape, group, rank, others))


def _pivots(shape: Shape, group: Columns, rank: int, others: set[int]) -> tuple[int, ...]:
    """Columns of the group's own that span its table. Raises `UndescribedError` where they do not."""
    own = [j for j, column in enumerate(group) if not any(k in others for k in column)]
    rows = [[shape.point[group[j][m]] for j in own] for m in range(rank)]
    columns = echelon(rows, len(own), field_scalars(shape.field)).columns
    if len(columns) < rank:
        raise UndescribedError("orbits of critical points in which units of two layers turn together")
    return tuple(own[j] for j in columns)


def _set(shape: Shape, orbits: Sequence[Orbit], moving: Sequence[Sequence[Switch]], groups: Sequence[Columns]) -> CriticalSet:
    """The critical set: an isolated point where no group turns it."""
    base = list(shape.point)
    own = {orbit: moving[groups.index(orbit.columns)] for orbit in orbits if orbit.positive}
    sides = {orbit: next(switch.vector[0].sign() for switch in found if not switch.is_bent) for orbit, found in own.items()}
    for orbit, side in sides.items():
        if side < 0:
            for column in orbit.columns:
                base[column[0]] = -base[column[0]]
    corners: list[tuple[list[Algebraic], frozenset[str]]] = [(base, frozenset())]
    witness: list[Any] = base
    for orbit, found in own.items():
        zeros_at = tight_at_corners(found, orbit.units, sides[orbit])
        corners = [
            (framed(point, orbit, corner(orbit.units, which)), tight | zeros)
            for point, tight in corners
            for which, zeros in enumerate(zeros_at)
        ]
        witness = framed(witness, orbit, inner_frame(orbit.units))
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
