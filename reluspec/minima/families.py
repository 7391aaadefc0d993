"""Points of a positive-dimensional piece, by where they stand in its polyhedron (theory.md section 4.2, formats.md)."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from reluspec.minima.records import Ball, ChartFamily, Family, Tensor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reluspec.problem.problem import Problem

Arrays = dict[str, "NDArray[np.float64]"]


def floats(tensor: Tensor) -> Any:
    """Nested tuples of certified reals as nested lists of their values."""
    return float(tensor) if isinstance(tensor, Ball) else [floats(entry) for entry in tensor]


def family_point(problem: Problem, family: Family | ChartFamily, mixture: Any, amounts: Any = (), turn: Any = 0.0) -> Arrays:
    """The theta at the convex combination `mixture` (V, adding up to 1) of the vertices plus `amounts` (R, positive) of the rays.

    On an arc with more than two vertices the combination of their numbers, from 0, is a place between two neighbours (`on_path`). A whole
    circle, which has one vertex, is turned by the angle `turn` (radians), a whole orbit of more units by the rotation `turn` (one
    row per unit), or its first two units by an angle.
    """
    if isinstance(family, ChartFamily):
        return _chart_point(problem, family, np.asarray(mixture), np.asarray(amounts), turn)
    mixture = np.asarray(mixture)
    s = mixture @ np.array(floats(family.vertices))
    bias = float(mixture @ np.array(floats(family.bias))) if family.bias else None
    return _polytope_point(problem, family, s, bias)


def on_path(family: Family | ChartFamily, place: float) -> NDArray[np.float64]:
    """The mixture of vertices at a place between 0 and 1 on an arc, from the first vertex to the last, two neighbours at a time."""
    last = len(family.vertices) - 1
    mixture = np.zeros(last + 1)
    k = min(int(place * last), last - 1)
    mixture[k], mixture[k + 1] = k + 1 - place * last, place * last - k
    return mixture


def is_arc(family: Family | ChartFamily) -> bool:
    """Whether the family is an arc of a circle with two ends; its vertices are in order."""
    return isinstance(family, ChartFamily) and bool(family.pairs) and len(family.pairs[0]) == 2 and len(family.vertices) > 1


def is_whole_circle(family: Family | ChartFamily) -> bool:
    """Whether the family is a circle without ends, or a whole orbit: an angle is its coordinate."""
    return isinstance(family, ChartFamily) and bool(family.pairs) and len(family.vertices) == 1


def random_points(problem: Problem, family: Family | ChartFamily, count: int, seed: int) -> list[Arrays]:
    """Random convex combinations of the vertices, plus random amounts of the rays, turned by a random angle."""
    random = np.random.default_rng(seed)
    rays = len(family.rays) if isinstance(family, ChartFamily) else 0
    points = []
    for _ in range(count):
        mixture, amounts = random.dirichlet(np.ones(len(family.vertices))), random.exponential(size=rays)
        if is_arc(family) and len(mixture) > 2:
            mixture = on_path(family, random.uniform())
        points.append(family_point(problem, family, mixture, amounts, _random_turn(family, random)))
    return points


def _random_turn(family: Family | ChartFamily, random: np.random.Generator) -> Any:
    """A random angle, for more than two units a random rotation (Stewart's: Q of a Gaussian matrix)."""
    if not isinstance(family, ChartFamily) or not family.pairs:
        return 0.0
    units = len(family.pairs[0])
    if units == 2:
        return random.uniform(0, 2 * np.pi)
    turn, upper = np.linalg.qr(random.normal(size=(units, units)))
    turn = turn * np.sign(np.diag(upper))
    turn[:, 0] *= np.sign(np.linalg.det(turn))
    return turn


def _polytope_point(problem: Problem, family: Family, s: Any, bias: float | None) -> Arrays:
    hidden, output = problem.network.layers
    a = np.array(family.signs) * np.sqrt(s)
    vectors = a[:, None] * np.array(floats(family.directions))
    inputs = problem.network.inputs
    theta = {f"{hidden.name}.weight": vectors[:, :inputs]}
    if hidden.bias:
        theta[f"{hidden.name}.bias"] = vectors[:, inputs] if vectors.shape[1] > inputs else np.zeros(len(a))
    theta[f"{output.name}.weight"] = a[None, :]
    if output.bias:
        theta[f"{output.name}.bias"] = np.array([bias if bias is not None else float((output.fixed_bias or (Fraction(0),))[0])])
    return theta


def _chart_point(problem: Problem, family: ChartFamily, mixture: NDArray[np.float64], amounts: NDArray[np.float64], turn: Any) -> Arrays:
    if is_arc(family):
        mixture = on_path(family, float(mixture @ np.arange(len(mixture))) / (len(mixture) - 1))
    vertices, rays = np.array(floats(family.vertices)), np.array(floats(family.rays)).reshape(-1, len(problem.parameters))
    theta = mixture @ vertices + amounts @ rays
    if family.pairs:
        _onto_circle(theta, vertices, np.array(family.pairs), turn)
    for unit in family.units:
        if not unit.plain:
            theta[unit.output] = unit.sign * np.sqrt(theta[unit.output])
        theta[list(unit.directions)] *= theta[unit.output]
        theta[list(unit.products)] /= theta[unit.output]
    return {name: np.array(tensor, dtype=np.float64) for name, tensor in problem.tensors(theta, float).items()}


def _onto_circle(theta: Any, vertices: Any, pairs: Any, angle: Any) -> None:
    """Move a point of the chord onto its arc; the only point of a whole circle is turned by the angle, that of an orbit by a rotation."""
    if len(vertices) == 1 and np.ndim(angle):
        theta[pairs] = theta[pairs] @ np.asarray(angle).T
    elif len(vertices) == 1:
        first, second = theta[pairs[:, 0]], theta[pairs[:, 1]]
        theta[pairs[:, 0]] = np.cos(angle) * first + np.sin(angle) * second
        theta[pairs[:, 1]] = np.cos(angle) * second - np.sin(angle) * first
    else:
        theta[pairs] *= np.linalg.norm(vertices[0][pairs]) / np.linalg.norm(theta[pairs])
