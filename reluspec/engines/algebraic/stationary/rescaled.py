"""What is moved by rescalings of units (`rescalings`): the orbits through the points q of an open polyhedron in a slice.

Rescalings multiply strict switches by positive numbers, so with q the whole orbit is in the stratum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from flint import arb, arb_mat

from reluspec.engines.algebraic.exact.algebraic import Algebraic
from reluspec.engines.algebraic.exact.linear import echelon
from reluspec.engines.algebraic.exact.scalars import Scalars
from reluspec.engines.algebraic.stationary.curves import Terms, value_of

Vector: TypeAlias = tuple[Algebraic, ...]


@dataclass(frozen=True)
class Rescaling:
    """`theta_k -> t^(exponents_k) theta_k`; the polynomial `pin`, multiplied by a power of t, is 1 or -1 on the slice."""

    exponents: tuple[int, ...]
    pin: Terms


@dataclass(frozen=True)
class Rescaled:
    """The rescalings of a set, and the directions of its polyhedron in the slice."""

    rescalings: tuple[Rescaling, ...]
    directions: tuple[Vector, ...]

    @property
    def weights(self) -> list[tuple[int, ...]]:
        """For every coordinate the powers of t_1, ..., t_r."""
        return list(zip(*(one.exponents for one in self.rescalings), strict=True))

    def tangents(self, point: Vector) -> list[list[Algebraic]]:
        """The directions in which rescalings move a point."""
        return [[entry * exponent for entry, exponent in zip(point, one.exponents, strict=True)] for one in self.rescalings]


def pin_weight(rescaled: Rescaled, k: int) -> tuple[int, ...]:
    """The powers of t_1, ..., t_r by which the k-th pin is multiplied."""
    exponents, _ = rescaled.rescalings[k].pin[0]
    return tuple(sum(c * e for c, e in zip(one.exponents, exponents, strict=True)) for one in rescaled.rescalings)


def into_slice(rescaled: Rescaled, theta: Sequence[arb]) -> list[arb] | None:
    """The point of the orbit of theta in the slice, up to the pins' signs; `None` where a pin may vanish at theta."""
    values = [abs(value_of(one.pin, theta)) for one in rescaled.rescalings]
    if not all(value > 0 for value in values):
        return None
    size = len(rescaled.rescalings)
    table = arb_mat(size, size, [arb(entry) for k in range(size) for entry in pin_weight(rescaled, k)])
    logarithms: Any = table.solve(arb_mat(size, 1, [value.log() for value in values]))
    moved = []
    for entry, weight in zip(theta, rescaled.weights, strict=True):
        power = sum((arb(w) * logarithms[j, 0] for j, w in enumerate(weight)), arb(0))
        moved.append(entry * (-power).exp() if any(weight) else entry)
    return moved


def tangent_space(rescaled: Rescaled, witness: Vector, scalars: Scalars) -> tuple[Vector, ...] | None:
    """The tangent space of the set, in reduced echelon form; `None` where its directions are dependent."""
    rows = [*rescaled.directions, *rescaled.tangents(witness)]
    reduced = echelon(rows, len(witness), scalars)
    return tuple(map(tuple, reduced.rows)) if len(reduced.columns) == len(rows) else None
