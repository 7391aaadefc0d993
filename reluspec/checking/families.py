"""The point of a family of minima that is nearest to a given one: a projection on its parametrisation (formats.md, `parametrisation`).

Both kinds of families become one: coordinates that are combinations of vertices and rays, and a map from these to theta, unit by unit. The
weights of the combination are found by Gauss and Newton's method with non-negative least squares; an arc has one angle, searched for.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from reluspec.checking.cones import Array, nonnegative_least_squares
from reluspec.errors import ArtefactError
from reluspec.minima.records import Ball, ChartFamily, ChartUnit, Family
from reluspec.problem.expression import Variable
from reluspec.problem.problem import Problem

STEPS = 60
GRID = 129
SMALLEST = 1e-30
"""Of the square of an output weight, where a derivative is taken by it."""


def _in_range(chart: ChartFamily, size: int) -> bool:
    """Whether a chart has a number for every parameter, and names parameters that there are, in tuples of one length."""
    if not isinstance(chart.vertices, tuple) or not isinstance(chart.rays, tuple):
        return False
    for row in (*chart.vertices, *chart.rays):
        if not isinstance(row, tuple) or len(row) != size or not all(isinstance(entry, Ball) for entry in row):
            return False
    positions = [k for unit in chart.units for k in (unit.output, *unit.directions, *unit.products)]
    positions += [k for pair in chart.pairs for k in pair]
    return all(0 <= k < size for k in positions) and len({len(pair) for pair in chart.pairs}) <= 1


class Projection:
    """A family in the coordinates of `problem.parameters`. Raises `ArtefactError` for one that does not fit the problem."""

    def __init__(self, problem: Problem, family: Family | ChartFamily) -> None:
        chart = family if isinstance(family, ChartFamily) else None
        if chart is None:
            assert isinstance(family, Family)
            self._vertices, self._units = _in_a_chart(problem, family)
            self._rays, self._pairs = np.zeros((0, len(problem.parameters))), np.zeros((0, 2), dtype=int)
        else:
            size = len(problem.parameters)
            if not _in_range(chart, size):
                raise ArtefactError("a parametrisation in the map is not one of the problem's parameters")
            self._vertices = np.array([[float(x) for x in row] for row in chart.vertices]).reshape(-1, size)
            self._rays = np.array([[float(x) for x in row] for row in chart.rays]).reshape(-1, size)
            width = len(chart.pairs[0]) if chart.pairs else 2
            self._units, self._pairs = chart.units, np.array(chart.pairs, dtype=int).reshape(len(chart.pairs), width)

    def nearest(self, target: Array) -> Array:
        """A point of the closed family as near to `target` (p) as was found."""
        if len(self._pairs):
            return self._nearest_on_arc(target) if self._pairs.shape[1] == 2 else self._nearest_on_orbit(target)
        count = len(self._vertices)
        starts = [np.full(count, 1 / count), *(0.9 * np.eye(count)[k] + 0.1 / count for k in range(min(count, 6) if count > 1 else 0))]
        found = [self._descend(target, np.append(start, np.zeros(len(self._rays)))) for start in starts]
        return min(found, key=lambda point: float(np.linalg.norm(point - target)))

    def _descend(self, target: Array, weights: Array) -> Array:
        corners = np.vstack([self._vertices, self._rays])
        count = len(self._vertices)
        point = self._theta(corners.T @ weights)
        for _ in range(STEPS):
            slopes = self._derivative(corners.T @ weights) @ corners.T
            heavy = 1e4 * max(1.0, float(np.abs(slopes).max()))  # the weights of the vertices add up to one
            ones = heavy * np.append(np.ones(count), np.zeros(len(weights) - count))
            wanted = nonnegative_least_squares(np.vstack([slopes, ones]), np.append(slopes @ weights + target - point, heavy))
            total = float(wanted[:count].sum())
            if not total > 0:
                break
            wanted[:count] /= total
            shorter = self._line_search(target, weights, wanted, float(np.linalg.norm(point - target)))
            if shorter is None:
                break
            weights, point = shorter
        return point

    def _line_search(self, target: Array, weights: Array, wanted: Array, distance: float) -> tuple[Array, Array] | None:
        corners = np.vstack([self._vertices, self._rays])
        for share in 0.5 ** np.arange(12):
            trial = weights + share * (wanted - weights)
            point = self._theta(corners.T @ trial)
            if float(np.linalg.norm(point - target)) < distance * (1 - 1e-12):
                return trial, point
        return None

    def _theta(self, coordinates: Array) -> Array:
        theta = coordinates.copy()
        for unit in self._units:
            square = float(coordinates[unit.output]) ** 2 if unit.plain else max(float(coordinates[unit.output]), 0.0)
            weight = unit.sign * np.sqrt(square)
            theta[unit.output] = weight
            theta[list(unit.directions)] *= weight
            if unit.products:
                theta[list(unit.products)] /= weight or np.sqrt(SMALLEST)
        return theta

    def _derivative(self, coordinates: Array) -> Array:
        """Of theta by the coordinates (p x p)."""
        matrix = np.eye(len(coordinates))
        for unit in self._units:
            square = float(coordinates[unit.output]) ** 2 if unit.plain else float(coordinates[unit.output])
            weight = unit.sign * np.sqrt(max(square, SMALLEST))
            slope = 1.0 if unit.plain else 1 / (2 * weight)
            matrix[unit.output, unit.output] = slope
            for k in unit.directions:
                matrix[k, k], matrix[k, unit.output] = weight, coordinates[k] * slope
            for k in unit.products:
                matrix[k, k], matrix[k, unit.output] = 1 / weight, -coordinates[k] * slope / weight**2
        return matrix

    # ---- arcs ------------------------------------------------------------------------------------------------------------------

    def _nearest_on_arc(self, target: Array) -> Array:
        whole = len(self._vertices) == 1
        first, last = (0.0, 2 * np.pi) if whole else (0.0, 1.0)
        place = self._turned if whole else self._on_chord

        def distance(at: float) -> float:
            return float(np.linalg.norm(place(at) - target))

        grid = np.linspace(first, last, GRID)
        best = int(np.argmin([distance(at) for at in grid]))
        low, high = grid[max(best - 1, 0)], grid[min(best + 1, GRID - 1)]
        return place(_golden(distance, float(low), float(high)))

    def _nearest_on_orbit(self, target: Array) -> Array:
        """More than two units: a rotation by singular values (Schoenemann's), or on a part of a sphere a combination of its corners."""
        coordinates, wanted = self._vertices[0].copy(), target[self._pairs]
        if len(self._vertices) == 1:
            left, _, right = np.linalg.svd(wanted.T @ coordinates[self._pairs])
            left[:, -1] *= np.sign(np.linalg.det(left @ right))
            coordinates[self._pairs] = coordinates[self._pairs] @ (left @ right).T
            return self._theta(coordinates)
        corners = self._vertices[:, self._pairs]
        shares = np.maximum(np.tensordot(corners, wanted, 2), 0)
        if not shares.any():
            shares[int(np.argmax(np.tensordot(corners, wanted, 2)))] = 1
        coordinates[self._pairs] = np.tensordot(shares / np.linalg.norm(shares), corners, 1)
        return self._theta(coordinates)

    def _on_chord(self, share: float) -> Array:
        steps = len(self._vertices) - 1
        k = min(int(share * steps), steps - 1)
        first, last = self._vertices[k], self._vertices[k + 1]
        coordinates = (k + 1 - share * steps) * first + (share * steps - k) * last
        length = float(np.linalg.norm(coordinates[self._pairs]))
        coordinates[self._pairs] *= float(np.linalg.norm(first[self._pairs])) / max(length, 1e-300)
        return self._theta(coordinates)

    def _turned(self, angle: float) -> Array:
        coordinates = self._vertices[0].copy()
        one, other = coordinates[self._pairs[:, 0]], coordinates[self._pairs[:, 1]]
        coordinates[self._pairs[:, 0]] = np.cos(angle) * one + np.sin(angle) * other
        coordinates[self._pairs[:, 1]] = np.cos(angle) * other - np.sin(angle) * one
        return self._theta(coordinates)


def _golden(function: Callable[[float], float], low: float, high: float) -> float:
    """The place of a minimum between two numbers, by golden sections."""
    ratio = (np.sqrt(5) - 1) / 2
    for _ in range(70):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if function(left) < function(right):
            high = right
        else:
            low = left
    return (low + high) / 2


def _in_a_chart(problem: Problem, family: Family) -> tuple[Array, tuple[ChartUnit, ...]]:
    """A polytope of squared output weights as vertices (V x p) of a chart: each unit's direction is the same at all of them."""
    hidden, output = problem.network.layers
    position = {variable: k for k, variable in enumerate(problem.parameters)}
    vertices, units = np.zeros((len(family.vertices), len(position))), []
    for u, (sign, direction) in enumerate(zip(family.signs, family.directions, strict=True)):
        own = [Variable(f"{hidden.name}.weight", (u, k)) for k in range(problem.network.inputs)]
        own += [Variable(f"{hidden.name}.bias", (u,))] if hidden.bias else []
        free = [(position[variable], float(entry)) for variable, entry in zip(own, direction, strict=False) if variable in position]
        weight = position[Variable(f"{output.name}.weight", (0, u))]
        if not sign:
            continue
        for k, entry in free:
            vertices[:, k] = entry
        vertices[:, weight] = [float(row[u]) for row in family.vertices]
        units.append(ChartUnit(weight, sign, tuple(k for k, _ in free), ()))
    if family.bias and (bias := position.get(Variable(f"{output.name}.bias", (0,)))) is not None:
        vertices[:, bias] = [float(entry) for entry in family.bias]
    return vertices, tuple(units)
