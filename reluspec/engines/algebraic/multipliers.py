"""Multipliers of a cell, and the Hessians of its Lagrangians (notation: `local`)."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations

from reluspec.engines.algebraic.adjacent import Signs, ZeroSwitch
from reluspec.engines.algebraic.linear import dot, plus, rank, solve, times
from reluspec.engines.algebraic.scalars import Matrix, Scalars, Vector


def vertices(rows: Sequence[Vector], gradient: Vector, scalars: Scalars) -> list[Vector]:
    """Of the polyhedron `{nu >= 0 : sum_j nu_j rows_j = gradient}`: the basic solutions, each once.

    It is not empty when g >= 0 on C (Farkas). A basic solution vanishes outside a maximal linearly independent set of rows.
    """
    p, size = len(gradient), rank(rows, len(gradient), scalars)
    found: list[Vector] = []
    for chosen in combinations(range(len(rows)), size):
        basis = [rows[j] for j in chosen]
        if rank(basis, p, scalars) < size:
            continue
        weights = solve([[row[i] for row in basis] for i in range(p)], gradient, size, scalars)
        if weights is None or any(scalars.sign(weight) < 0 for weight in weights):
            continue
        values = dict(zip(chosen, weights, strict=True))
        vertex = tuple(values.get(j, scalars.zero) for j in range(len(rows)))
        if not any(_equal(vertex, other, scalars) for other in found):
            found.append(vertex)
    return found


def _equal(a: Vector, b: Vector, scalars: Scalars) -> bool:
    return not any(scalars.sign(x - y) for x, y in zip(a, b, strict=True))


def lagrangian(hessian: Matrix, zero: Sequence[ZeroSwitch], signs: Signs, nu: Sequence[object], scalars: Scalars) -> list[Vector]:
    """`H - sum_j nu_j s_j H_j` (p x p); affine switches have H_j = 0."""
    total = [tuple(row) for row in hessian]
    for switch, sign, weight in zip(zero, signs, nu, strict=True):
        if switch.hessian is not None:
            factor = scalars.number(Fraction(-sign)) * weight
            total = [plus(row, factor, other) for row, other in zip(total, switch.hessian, strict=True)]
    return total


def lagrangians(
    hessian: Matrix, gradient: Vector, zero: Sequence[ZeroSwitch], signs: Signs, slopes: Vector | None, scalars: Scalars
) -> list[list[Vector]]:
    """One for each vertex of the multipliers, and their mean. `slopes` are the multipliers when they are unique (independent n_j)."""
    if all(switch.hessian is None for switch in zero):
        return [[tuple(row) for row in hessian]]
    if slopes is not None:
        return [lagrangian(hessian, zero, signs, slopes, scalars)]
    rows = [times(scalars.number(Fraction(sign)), tuple(switch.normal)) for sign, switch in zip(signs, zero, strict=True)]
    corners = vertices(rows, gradient, scalars)
    if len(corners) > 1:
        weight = scalars.number(Fraction(1, len(corners)))
        ones = (scalars.one,) * len(corners)
        corners.append(tuple(weight * dot(column, ones, scalars) for column in zip(*corners, strict=True)))
    return [lagrangian(hessian, zero, signs, nu, scalars) for nu in corners]
