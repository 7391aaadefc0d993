"""The functions at the minima over the data: curves, heat maps or predicted against true, by the number of inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from reluspec.io.plot.evaluate import Array, Values, inputs, outputs, parameters, spread, targets, vector_of
from reluspec.io.plot.style import COLOURS, DASHES, GOLDEN, SOFT, grid, label
from reluspec.minima.minima_map import MinimaMap
from reluspec.problem.problem import Problem

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DEFAULT = 6
"""Components drawn unless chosen."""
SAMPLES = 600
PIXELS = 160


def fits(minima: MinimaMap, components: Sequence[int], width: float) -> Figure:
    """One axes per output with all components (d = 1), or one per component."""
    chosen = list(components) or list(range(min(DEFAULT, len(minima))))
    inputs_count = minima.problem.network.inputs
    if inputs_count == 1:
        return _curves(minima, chosen, width)
    return (
        _heat_maps(minima, chosen, width) if inputs_count == 2 and minima.problem.network.outputs == 1 else _scatters(minima, chosen, width)
    )


def theta_of(minima: MinimaMap, component: int) -> Values:
    """The parameters at a component's witness."""
    return parameters(minima.problem, list(vector_of(minima.problem, minima.theta(component))))


def _curves(minima: MinimaMap, chosen: list[int], width: float) -> Figure:
    problem = minima.problem
    count = problem.network.outputs
    figure, axes = grid(count, width, columns=2, ratio=GOLDEN if count == 1 else 0.8)
    low, high = spread(inputs(problem), 0.15)
    for output, one in enumerate(axes):
        for place, component in enumerate(chosen):
            theta = theta_of(minima, component)
            kinks = kink_places(problem, theta, low, high)
            xs = np.union1d(np.linspace(low, high, SAMPLES), kinks)
            colour, dashes = COLOURS[place % len(COLOURS)], DASHES[place % len(DASHES)]
            one.plot(xs, curve(problem, theta, xs, output), color=colour, linestyle=dashes, label=label(minima[component]))
            one.plot(
                kinks, curve(problem, theta, kinks, output), "D", color=colour, markersize=3.5, markeredgecolor="white", markeredgewidth=0.5
            )
        draw_data(one, problem, output)
        one.set(xlabel="x", ylabel=f"output {output}" if count > 1 else "f(x)", xlim=(low, high))
    axes[0].legend(title="component: loss", frameon=False, loc="best")
    return figure


def draw_data(axes: Axes, problem: Problem, output: int) -> None:
    """The data points of one output, d = 1."""
    axes.plot(
        inputs(problem)[:, 0], targets(problem)[:, output], "o", markerfacecolor="white", markeredgecolor="black", markersize=4.5, zorder=5
    )


def curve(problem: Problem, theta: Values, xs: Array, output: int = 0) -> Array:
    """The function of one input at many points."""
    return np.broadcast_to(np.asarray(outputs(problem, theta, [xs])[output], dtype=np.float64), xs.shape)


def kink_places(problem: Problem, theta: Values, low: float, high: float) -> Array:
    """Where the function bends: sign changes of the units' switches, found on a grid and made exact by bisection."""
    xs = np.linspace(low, high, SAMPLES + 1)
    rows: list[Array] = []
    outputs(problem, theta, [xs], rows)
    found = []
    for position, row in enumerate(rows):
        row = np.broadcast_to(row, xs.shape)
        if np.max(np.abs(row)) < 1e-12:
            continue  # a dead unit
        for k in np.flatnonzero((row[:-1] >= 0) != (row[1:] >= 0)):
            found.append(_bisect(problem, theta, position, xs[k], xs[k + 1]))
    return np.array(sorted(found))


def _bisect(problem: Problem, theta: Values, position: int, left: float, right: float) -> float:
    def side(x: float) -> bool:
        rows: list[Array] = []
        outputs(problem, theta, [x], rows)
        return bool(rows[position] >= 0)

    at_left = side(left)
    for _ in range(48):
        middle = (left + right) / 2
        left, right = (middle, right) if side(middle) == at_left else (left, middle)
    return (left + right) / 2


def _heat_maps(minima: MinimaMap, chosen: list[int], width: float) -> Figure:
    problem = minima.problem
    figure, axes = grid(len(chosen), width, ratio=1.1)
    x, y = inputs(problem), targets(problem)[:, 0]
    (left, right), (low, high) = spread(x[:, 0], 0.15), spread(x[:, 1], 0.15)
    across, up = np.meshgrid(np.linspace(left, right, PIXELS), np.linspace(low, high, PIXELS))
    pictures, kinks = [], []
    for component in chosen:
        rows: list[Array] = []
        pictures.append(np.broadcast_to(np.asarray(outputs(problem, theta_of(minima, component), [across, up], rows)[0]), across.shape))
        kinks.append(rows)
    least, most = min(y.min(), *(p.min() for p in pictures)), max(y.max(), *(p.max() for p in pictures))
    for one, component, picture, rows in zip(axes, chosen, pictures, kinks, strict=True):
        image = one.imshow(picture, origin="lower", extent=(left, right, low, high), vmin=least, vmax=most, aspect="auto")
        for row in rows:
            if np.min(row) < 0 < np.max(row):
                one.contour(across, up, np.broadcast_to(row, across.shape), [0], colors="white", linewidths=0.9, linestyles="dashed")
        one.scatter(x[:, 0], x[:, 1], c=y, vmin=least, vmax=most, edgecolors="white", linewidths=1, s=28, zorder=5)
        one.set(title=label(minima[component]), xlabel="x[0]", ylabel="x[1]")
    figure.colorbar(image, ax=axes, label="f(x), y", shrink=0.8)
    return figure


def _scatters(minima: MinimaMap, chosen: list[int], width: float) -> Figure:
    problem = minima.problem
    figure, axes = grid(len(chosen), width, ratio=1.1)
    x, y = inputs(problem), targets(problem)
    for one, component in zip(axes, chosen, strict=True):
        predicted = [np.broadcast_to(found, len(x)) for found in outputs(problem, theta_of(minima, component), list(x.T))]
        ends = spread([y.T, predicted], 0.08)
        one.plot(ends, ends, color=SOFT, linewidth=0.7, linestyle="--")
        for output, found in enumerate(predicted):
            one.plot(
                y[:, output],
                found,
                "osD^"[output % 4],
                markersize=4,
                markerfacecolor="none",
                color=COLOURS[output % len(COLOURS)],
                label=f"output {output}",
            )
        one.set(title=label(minima[component]), xlabel="true y", ylabel="predicted", xlim=ends, ylim=ends)
    if problem.network.outputs > 1:
        axes[0].legend(frameon=False)
    return figure
