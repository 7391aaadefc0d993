"""Motions that keep the loss of a region: affine vector fields X with `X l = 0`, found by linear algebra.

Parameters without effect, shifts such as `d/db - a d/dc` (a unit's bias against the output's), rescalings `a d/da - w d/dw` and rotations
of units are of this form. The flow of X keeps l, and the signs of the switches h with `X h = lambda h`.

Let the fields X_1, ..., X_m, the directions of a family z(t) of critical points and some coordinates y span the whole space at z(t0). By
the theorem of inverse functions every point near z(t0) is moved by their flows to some z(t) + y, which is in the region cut by the switches
that all of them keep. So z(t0) is a minimum of l on the region if it is one among these points: a test in fewer coordinates, for minima
beside which the loss is flat, the ends of other families among them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from flint import fmpq

from reluspec.engines.algebraic.exact.linear import sparse_kernel
from reluspec.engines.algebraic.stationary.charts import Terms, derivative

MAX_COLUMNS = 150
"""Coefficients of an affine vector field that are unknown."""
MAX_SUBSETS = 16
"""Choices of the switches that are to be kept."""

Field = tuple[Terms, ...]
"""A vector field: one polynomial per coordinate."""


def kept_subsets(count: int) -> Iterator[tuple[int, ...]]:
    """Which of so many switches are to be kept: large choices first."""
    found = (chosen for size in range(count, -1, -1) for chosen in combinations(range(count), size))
    yield from (chosen for _, chosen in zip(range(MAX_SUBSETS), found, strict=False))


def motions(loss: Terms, switches: Sequence[Terms], size: int) -> list[Field]:
    """A basis of the affine fields in `size` coordinates that keep the loss, and the switches up to factors; empty past the limit."""
    moving = [k for k in range(size) if any(exponents[k] for exponents in loss)]
    columns: list[tuple[int, int | None]] = [(k, None) for k in range(size)] + [(k, j) for k in moving for j in moving]
    if len(columns) > MAX_COLUMNS:
        return []
    polynomials = (loss, *switches)
    slopes = [[derivative(terms, k) for k in range(size)] for terms in polynomials]
    table: dict[tuple[int, tuple[int, ...]], dict[int, fmpq]] = {}
    for number, own in enumerate(slopes):
        for column, (k, j) in enumerate(columns):
            for exponents, value in own[k].items():
                table.setdefault((number, _raised(exponents, j)), {})[column] = value
        if number:
            # The unknown factor of a switch.
            for exponents, value in polynomials[number].items():
                table.setdefault((number, tuple(exponents)), {})[len(columns) + number - 1] = -value
    width = len(columns) + len(switches)
    found = sparse_kernel([[row.get(c, fmpq(0)) for c in range(width)] for row in table.values()], width)
    return [_field(vector, columns, size) for vector in found.values()]


def _raised(exponents: tuple[int, ...], j: int | None) -> tuple[int, ...]:
    return tuple(e + (k == j) for k, e in enumerate(exponents))


def _field(vector: dict[int, fmpq], columns: Sequence[tuple[int, int | None]], size: int) -> Field:
    found: list[Terms] = [{} for _ in range(size)]
    for column, value in vector.items():
        if column < len(columns):
            k, j = columns[column]
            found[k][_raised((0,) * size, j)] = value
    return tuple(found)
