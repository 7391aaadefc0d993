"""The loss on a plane through two minima and a third point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.colors import FuncNorm
from matplotlib.figure import Figure

from reluspec.errors import LimitError, ProblemError
from reluspec.io.plot.evaluate import Array, Values, loss, outputs, parameters, spread, vector_of
from reluspec.io.plot.style import one_axes
from reluspec.minima.minima_map import MinimaMap
from reluspec.problem.problem import Problem
from reluspec.systems.exchanges import exchange_parameters, exchanges

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PIXELS = 201
MOST_SWITCHES = 120
MOST_EXCHANGES = 120


@dataclass(frozen=True)
class Plane:
    """Orthonormal coordinates around `origin`; `places` are names and coordinates of the points that span it."""

    origin: Array
    along: Array
    across: Array
    places: tuple[tuple[str, float, float], ...]


def loss_slice(minima: MinimaMap, components: Sequence[int], width: float) -> Figure:
    """The first two chosen minima (0 and 1 unless chosen), and a third one or else theta = 0. B is the nearest of its copies."""
    problem = minima.problem
    plane = _plane(minima, components)
    s, t = (spread([place[axis] for place in plane.places], 0.45) for axis in (1, 2))
    half = max(s[1] - s[0], t[1] - t[0]) / 2
    xs = np.linspace(sum(s) / 2 - half, sum(s) / 2 + half, PIXELS)
    ys = np.linspace(sum(t) / 2 - half, sum(t) / 2 + half, PIXELS)
    right, up = np.meshgrid(xs, ys)
    theta = parameters(problem, [o + a * right + c * up for o, a, c in zip(plane.origin, plane.along, plane.across, strict=True)])
    heights = np.asarray(loss(problem, theta))
    figure, axes = one_axes(width, 0.8)
    low, high = float(heights.min()), float(heights.max())
    soft = max((float(np.quantile(heights, 0.25)) - low) / 3, (high - low) * 1e-6, 1e-12)
    norm = FuncNorm((lambda v: np.log1p(np.maximum(v - low, 0) / soft), lambda v: low + soft * np.expm1(v)), vmin=low, vmax=high)
    image = axes.imshow(heights, origin="lower", extent=(xs[0], xs[-1], ys[0], ys[-1]), norm=norm)
    axes.contour(right, up, heights, norm.inverse(np.linspace(0, 1, 14)[1:-1]), colors="white", linewidths=0.4, alpha=0.7)
    _kinks(problem, theta, axes, right, up)
    for name, x, y in plane.places:
        axes.text(
            x, y, name, ha="center", va="center", fontsize=7, bbox={"boxstyle": "circle,pad=0.2", "facecolor": "white", "linewidth": 0.6}
        )
    axes.set(xlabel="distance along A to B", ylabel="distance across", aspect="equal")
    ticks = norm.inverse(np.linspace(0, 1, 6))
    bar = figure.colorbar(image, ax=axes, label="loss", ticks=ticks)
    bar.ax.set_yticklabels([f"{tick:.4g}" for tick in ticks])
    bar.ax.minorticks_off()
    return figure


def _plane(minima: MinimaMap, components: Sequence[int]) -> Plane:
    problem = minima.problem
    first, second = [*components, *[k for k in (0, 1) if k not in components]][:2]
    if max(first, second) >= len(minima):
        raise ProblemError("a slice goes through two minima, and the map lists only one")
    a = vector_of(problem, minima.theta(first))
    b = _nearest_copy(problem, vector_of(problem, minima.theta(second)), a)
    third = vector_of(problem, minima.theta(components[2])) if len(components) > 2 else np.zeros_like(a)
    distance = float(np.linalg.norm(b - a))
    if distance < 1e-9:
        raise ProblemError(f"components {first} and {second} have the same witness up to exchange of units: choose two others")
    along = (b - a) / distance
    across, name = _orthogonal(third - a, along), ("C" if len(components) > 2 else "0")
    places = [("A", 0.0, 0.0), ("B", distance, 0.0)]
    if np.linalg.norm(across) > 1e-6 * max(1.0, distance):
        places.append((name, float((third - a) @ along), float(np.linalg.norm(across))))
    else:
        # The three lie on a line: any other direction, the same every time.
        across = _orthogonal(np.random.default_rng(1).standard_normal(len(a)), along)
    size = float(np.linalg.norm(across))
    if size < 1e-9:
        raise ProblemError("there is only one parameter: the loss has no two-dimensional slice")
    return Plane(a, along, across / size, tuple(places))


def _orthogonal(vector: Array, along: Array) -> Array:
    return np.asarray(vector - (vector @ along) * along)


def _nearest_copy(problem: Problem, vector: Array, to: Array) -> Array:
    try:
        group = exchanges(problem)
    except LimitError:
        return vector
    if len(group) > MOST_EXCHANGES:
        return vector
    copies = [vector[list(exchange_parameters(problem, exchange))] for exchange in group]
    return min(copies, key=lambda copy: float(np.linalg.norm(copy - to)))


def _kinks(problem: Problem, theta: Values, axes: Axes, right: Array, up: Array) -> None:
    rows: list[Array] = []
    for point in problem.data.x:
        outputs(problem, theta, [float(entry) for entry in point], rows)
    if len(rows) > MOST_SWITCHES:
        return
    for row in rows:
        heights = np.broadcast_to(row, right.shape)
        if heights.min() < 0 < heights.max():
            axes.contour(right, up, heights, [0], colors="white", linewidths=0.7, linestyles="dashed")
