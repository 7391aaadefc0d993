"""Switches along an orbit of rotations of units: which are constant, which are conditions on a frame, and what these leave for rank one.

With the row of unit l replaced by `sum_m F_lm P_m` a switch that is affine in this row is `F_l . eta + kappa`: eta has the values of its
linear part with row m of the normal form in place of the unit's, kappa is what is left with zeros there (`orbits`, `hinges`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reluspec.engines.algebraic.exact.algebraic import Algebraic
from reluspec.engines.algebraic.stationary.frames import Columns, unit_pairs
from reluspec.engines.algebraic.stationary.hinges import EmptyError, UndescribedError
from reluspec.engines.algebraic.stationary.polyhedra import Condition, Shape, Vector, value_at
from reluspec.engines.algebraic.stationary.rotations import along


@dataclass(frozen=True)
class Switch:
    """The condition `vector . F_unit + offset > 0` on a frame."""

    name: str
    unit: int
    vector: Vector
    offset: Algebraic

    @property
    def is_bent(self) -> bool:
        """Whether it comes of a kink away from zero."""
        return self.offset != 0


Moved = list[tuple[Condition, int]]
"""Conditions that rotations of one group change, with the unit in whose parameters they are affine."""


def told_apart(conditions: Sequence[Condition], groups: Sequence[Columns]) -> tuple[list[Condition], list[Moved]]:
    """The conditions that no rotation changes, and those that each group moves. Raises `UndescribedError`."""
    constant: list[Condition] = []
    moved: list[Moved] = [[] for _ in groups]
    for condition in conditions:
        by = [g for g, group in enumerate(groups) if any(not along(condition.polynomial, pairs).is_zero() for pairs in unit_pairs(group))]
        if not by:
            constant.append(condition)
        elif len(by) > 1 or (unit := _row(condition, groups[by[0]])) is None:
            raise UndescribedError("a switch is not affine along an orbit of critical points")
        else:
            moved[by[0]].append((condition, unit))
    return constant, moved


def switches(moved: Moved, group: Columns, shape: Shape) -> list[Switch]:
    """The conditions on a group's frame that are not fulfilled by all frames. Raises `EmptyError` where one is fulfilled by none."""
    kept = []
    for condition, unit in moved:
        switch = _switch(condition, group, unit, shape)
        side, room = switch.offset.sign(), (switch.offset * switch.offset - inner(switch.vector, switch.vector)).sign()
        if side <= 0 and room >= 0:
            raise EmptyError
        if side <= 0 or room <= 0:
            kept.append(switch)
    return kept


def inner(one: Vector, other: Vector) -> Algebraic:
    """The scalar product."""
    return sum((a * b for a, b in zip(one[1:], other[1:], strict=True)), one[0] * other[0])


def on_simplex(found: Sequence[Switch]) -> list[Switch]:
    """The conditions on the weights c of units on a sphere (rank one) that bound the open simplex of it, or that cut the sphere otherwise.

    A kink away from zero is an interval for one weight, which may be no condition on the simplex. Raises `EmptyError`.
    """
    linear = [switch for switch in found if not switch.is_bent]
    sides = {switch.vector[0].sign() for switch in linear}
    if len(sides) > 1:
        raise EmptyError
    kept = []
    for switch in found:
        signs = {1, -1}
        if sides and switch.is_bent:
            (side,) = sides
            signs = {switch.offset.sign(), (switch.offset + switch.vector[0] * side).sign()}
        if 1 not in signs:
            raise EmptyError
        if -1 in signs:
            kept.append(switch)
    return kept


def tight_at_corners(found: Sequence[Switch], units: int, side: int) -> list[frozenset[str]]:
    """The names of the conditions that are equalities at each corner of a simplex, where one weight is `side`, the others zero."""
    return [
        frozenset(switch.name for switch in found if switch.offset + switch.vector[0] * (side * (switch.unit == alive)) == 0)
        for alive in range(units)
    ]


def meets_sphere(found: Sequence[Switch], units: int, zero: Algebraic) -> bool:
    """Whether some weights on the unit sphere fulfil all conditions, open intervals for each: whether the squares can add up to one."""
    least, most, unbounded = zero, zero, False
    for unit in range(units):
        ends = [(-switch.offset / switch.vector[0], switch.vector[0].sign()) for switch in found if switch.unit == unit]
        low, high = (_furthest([end for end, side in ends if side == wanted], wanted) for wanted in (1, -1))
        if low is not None and high is not None and (high - low).sign() <= 0:
            return False
        if low is not None and low.sign() >= 0:
            least = least + low * low
        if high is not None and high.sign() <= 0:
            least = least + high * high
        if low is None or high is None:
            unbounded = True
        else:
            most = most + (high * high if (high + low).sign() > 0 else low * low)
    # No end belongs to its interval.
    return (least - 1).sign() < 0 and (unbounded or (most - 1).sign() > 0)


def _furthest(ends: Sequence[Algebraic], side: int) -> Algebraic | None:
    """The largest of lower bounds (`side` 1), or the smallest of upper bounds (-1)."""
    best: Algebraic | None = None
    for end in ends:
        if best is None or (end - best).sign() * side > 0:
            best = end
    return best


def _row(condition: Condition, group: Columns) -> int | None:
    """The unit in whose parameters a switch is affine, no other of the group occurring in it."""
    rows = list(zip(*group, strict=True))
    for unit, row in enumerate(rows):
        others = [k for other in rows if other is not row for k in other]
        if all(
            sum(exponents[k] for k in row) <= 1 and not any(exponents[k] for k in others) for exponents in condition.polynomial.to_dict()
        ):
            return unit
    return None


def _switch(condition: Condition, group: Columns, unit: int, shape: Shape) -> Switch:
    terms, zero = condition.polynomial.to_dict(), shape.field.element(0)

    def with_row(row: Sequence[Algebraic]) -> Algebraic:
        point = list(shape.point)
        for column, entry in zip(group, row, strict=True):
            point[column[unit]] = entry
        value: Algebraic = value_at(terms, point, zero)
        return value * condition.sign

    offset = with_row([zero] * len(group))
    rows = [[shape.point[column[other]] for column in group] for other in range(len(group[0]))]
    return Switch(condition.name, unit, tuple(with_row(row) - offset for row in rows), offset)
