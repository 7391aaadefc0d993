"""Quadratic forms in balls: definiteness, inertia, copositivity."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from flint import arb, fmpq

from reluspec.verifier.raw import definite

Matrix = Sequence[Sequence[arb]]
MAX_FACES = 1_024
"""Faces of a cone on which a form is tried."""


def inertia(matrix: Matrix) -> tuple[int, int] | None:
    """How many squares of either sign a non-degenerate symmetric form has: (positive, negative); `None` if it may be degenerate.

    Elimination with symmetric pivoting; a negligible diagonal is helped by adding one row and column to another (Sylvester's law).
    """
    rows = [list(row) for row in matrix]
    positive = negative = 0
    while rows:
        size = len(rows)
        k = max(range(size), key=lambda k: _size(rows[k][k]))
        i, j = max(
            ((i, j) for i in range(size) for j in range(size) if i != j), key=lambda pair: _size(rows[pair[0]][pair[1]]), default=(0, 0)
        )
        if _size(rows[k][k]) * 16 < _size(rows[i][j]):
            rows[i] = [a + b for a, b in zip(rows[i], rows[j], strict=True)]
            for row in rows:
                row[i] += row[j]
            k = i
        pivot = rows[k][k]
        if pivot.contains(0):
            return None
        positive, negative = positive + bool(pivot > 0), negative + bool(pivot < 0)
        own = rows.pop(k)
        for row in rows:
            factor = row[k] / pivot
            row[:] = [a - factor * b for a, b in zip(row, own, strict=True)]
            del row[k]
    return positive, negative


def _size(value: arb) -> float:
    return abs(float(value.mid()))


def schur(matrix: Matrix, first: int) -> list[list[arb]]:
    """What is left of a form when it is minimised over its first coordinates, where it is positive definite."""
    rows = [list(row) for row in matrix]
    for k in range(first):
        for i in range(k + 1, len(rows)):
            factor = rows[i][k] / rows[k][k]
            rows[i] = [a - factor * b for a, b in zip(rows[i], rows[k], strict=True)]
    return [row[first:] for row in rows[first:]]


def copositive(form: Matrix) -> bool:
    """Whether a form is proved positive on all non-negative vectors but zero: definite, or in two variables, or after a split.

    A form that is positive definite without its positive entries off the diagonal is positive on non-negative vectors with them.
    """
    size = len(form)
    if not all(form[k][k] > 0 for k in range(size)):
        return False
    if size == 2 and not form[0][1] >= 0:
        return bool(form[0][1] * form[0][1] < form[0][0] * form[1][1])
    return definite([[form[i][j] if i == j or not form[i][j] >= 0 else arb(0) for j in range(size)] for i in range(size)])


def negative_vector(form: Matrix) -> list[fmpq] | None:
    """A non-negative vector at which a form is proved negative, if one is found.

    There is one if and only if some principal submatrix has a positive eigenvector with a negative eigenvalue (Kaplan 2000).
    """
    size = len(form)
    floats = np.array([[float(entry.mid()) for entry in row] for row in form]).reshape(size, size)
    tried = 0
    for count in range(1, size + 1):
        for chosen in combinations(range(size), count):
            tried += 1
            if tried > MAX_FACES:
                return None
            values, vectors = np.linalg.eigh(floats[np.ix_(chosen, chosen)])
            own = vectors[:, 0] * (1 if vectors[:, 0].sum() >= 0 else -1)
            if values[0] >= 0 or own.min() < 0:
                continue
            found = [fmpq(0)] * size
            for k, entry in zip(chosen, own, strict=True):
                found[k] = fmpq(round(float(entry) * 2**20), 2**20)
            value = sum((found[i] * found[j] * form[i][j] for i in range(size) for j in range(size)), arb(0))
            if value < 0:
                return found
    return None
