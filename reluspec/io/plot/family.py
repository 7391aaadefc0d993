"""A family of minima: how the weights move along it, and what the network computes meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from reluspec.errors import ProblemError
from reluspec.io.plot.evaluate import Array, inputs, outputs, parameters, spread, targets, vector_of
from reluspec.io.plot.fits import curve, draw_data, kink_places
from reluspec.io.plot.style import COLOURS, DASHES, SOFT
from reluspec.minima.families import family_point, is_arc, is_whole_circle, on_path
from reluspec.minima.minima_map import MinimaMap
from reluspec.minima.records import ChartFamily, Component, Piece

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STEPS = 200
MOST_NAMED = 16
REACH = 3.0
"""How far along a ray, in multiples of it, a picture goes."""


def family(minima: MinimaMap, components: Sequence[int], width: float) -> Figure:
    """Left the parameters along the family, right its functions, all drawn over each other. The first family unless one is chosen."""
    component = _chosen(minima, components)
    piece = component.pieces[component.widest]
    problem = minima.problem
    shares = np.linspace(0.002, 0.998, STEPS)
    points = np.array([vector_of(problem, point) for point in _path(minima, piece, shares)])
    figure = Figure(figsize=(width, width * 0.48))
    weights, function = figure.subplots(1, 2)
    for k, name in enumerate(problem.parameters):
        named = str(name) if len(problem.parameters) <= MOST_NAMED else None
        weights.plot(
            shares, points[:, k], color=COLOURS[k % len(COLOURS)], linestyle=DASHES[(k // 2) % len(DASHES)], linewidth=1.1, label=named
        )
    weights.set(xlabel=f"along component {component.id}", ylabel="parameters", xlim=(0, 1))
    if len(problem.parameters) <= MOST_NAMED:
        figure.legend(loc="outside lower center", ncols=min(4, len(problem.parameters)), frameon=False)
    _functions(minima, function, points[:: STEPS // 10])
    return figure


def _chosen(minima: MinimaMap, components: Sequence[int]) -> Component:
    if components:
        component = minima[components[0]]
        if component.dimension == 0:
            raise ProblemError(f"component {component.id} is an isolated point, no family")
    else:
        found = next((component for component in minima if component.dimension), None)
        if found is None:
            raise ProblemError("all minima of this map are isolated points: there is no family to be drawn")
        component = found
    if component.pieces[component.widest].family is None:
        raise ProblemError(f"how to move along component {component.id} is not known")
    return component


def _path(minima: MinimaMap, piece: Piece, shares: Array) -> list[dict[str, Array]]:
    """From corner to corner – in a sheet along its first edge, a little inside – or outwards along a ray, or around a circle."""
    found = piece.family
    assert found is not None
    corners = len(found.vertices)
    rays = len(found.rays) if isinstance(found, ChartFamily) else 0
    points = []
    for share in shares:
        mixture = np.full(corners, 0.02 / max(corners - 2, 1)) if corners > 2 else np.zeros(corners)
        rest = 0.98 if corners > 2 else 1.0
        mixture[0] = rest * (1 - share) if corners > 1 else 1.0
        if corners > 1:
            mixture[1] = rest * share
        if is_arc(found):
            mixture = on_path(found, share)
        amounts = np.full(rays, 0.5)
        amounts[:1] = REACH * share
        turn = 2 * np.pi * share if is_whole_circle(found) else 0.0
        points.append(family_point(minima.problem, found, mixture, amounts, turn))
    return points


def _functions(minima: MinimaMap, axes: Axes, points: Array) -> None:
    problem = minima.problem
    if problem.network.inputs == 1:
        low, high = spread(inputs(problem), 0.15)
        for k, point in enumerate(points):
            theta = parameters(problem, list(point))
            xs = np.union1d(np.linspace(low, high, 400), kink_places(problem, theta, low, high))
            for output in range(problem.network.outputs):
                axes.plot(xs, curve(problem, theta, xs, output), color=COLOURS[output % len(COLOURS)], linewidth=2.4 - 0.2 * k, alpha=0.7)
        for output in range(problem.network.outputs):
            draw_data(axes, problem, output)
        axes.set(xlabel="x", ylabel="f(x)", title=f"{len(points)} of its functions")
        return
    x, y = inputs(problem), targets(problem)
    for point in points:
        for output, found in enumerate(outputs(problem, parameters(problem, list(point)), list(x.T))):
            axes.plot(
                y[:, output],
                np.broadcast_to(found, len(x)),
                "o",
                markerfacecolor="none",
                color=COLOURS[output % len(COLOURS)],
                markersize=4,
            )
    ends = axes.get_xlim()
    axes.plot(ends, ends, color=SOFT, linestyle="--", linewidth=0.7)
    axes.set(xlabel="true y", ylabel="predicted", title=f"{len(points)} of its functions")
