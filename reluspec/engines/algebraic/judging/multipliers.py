"""Multipliers of a cell, and the Hessians of its Lagrangians (notation: `local`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import combinations

from reluspec.engines.algebraic.exact.cones import generators
from reluspec.engines.algebraic.exact.linear import combination, plus, rank, solve, times, unit_vectors
from reluspec.engines.algebraic.exact.scalars import Matrix, Scalars, Vector
from reluspec.engines.algebraic.judging.adjacent import Piece, Signs, ZeroSwitch

STEPS = (1, 32, 1024)
"""How far out along unbounded multipliers is tried."""


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


def recessions(rows: Sequence[Vector], p: int, scalars: Scalars) -> list[Vector]:
    """Extreme rays of `{rho >= 0 : sum_j rho_j rows_j = 0}` (rows of length p), and their sum.

    None exactly when the open cone of the rows is not empty (Gordan).
    """
    units = unit_vectors(len(rows), scalars)
    equations = [tuple(row[i] for row in rows) for i in range(p)]
    opposite = [times(scalars.number(Fraction(-1)), equation) for equation in equations]
    cone = generators([*equations, *opposite, *units], len(rows), scalars)
    return [*cone.rays, cone.inner_point(len(rows), scalars)] if cone.rays else []


def candidates(rows: Sequence[Vector], gradient: Vector, open_cone: bool, scalars: Scalars) -> Iterator[Vector]:
    """Multipliers worth a try: the vertices, their mean, and, where the polyhedron is unbounded, points far out from that."""
    corners = vertices(rows, gradient, scalars)
    yield from corners
    if len(corners) > 1:
        weight = scalars.number(Fraction(1, len(corners)))
        corners = [times(weight, combination((scalars.one,) * len(corners), corners, len(rows), scalars))]
        yield from corners
    for step in () if open_cone or not corners else STEPS:
        for outwards in recessions(rows, len(gradient), scalars):
            yield plus(corners[0], scalars.number(Fraction(step)), outwards)


def lagrangians(
    hessian: Matrix, gradient: Vector, zero: Sequence[ZeroSwitch], piece: Piece, slopes: Vector | None, scalars: Scalars
) -> Iterator[list[Vector]]:
    """One for each candidate of multipliers: all vertices at least. `slopes` are the multipliers when they are unique (independent n_j)."""
    signs = piece.signs
    if all(switch.hessian is None for switch in zero):
        yield [tuple(row) for row in hessian]
    elif slopes is not None:
        yield lagrangian(hessian, zero, signs, slopes, scalars)
    else:
        rows = [times(scalars.number(Fraction(sign)), tuple(switch.normal)) for sign, switch in zip(signs, zero, strict=True)]
        for nu in candidates(rows, gradient, piece.open, scalars):
            yield lagrangian(hessian, zero, signs, nu, scalars)
