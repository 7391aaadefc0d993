"""The region graph with its cells, walls and the minima on them; the same pictures as on the page (`io/report/regions.py`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from reluspec.errors import ProblemError
from reluspec.io.plot.parts import matrix, parts_of
from reluspec.io.plot.style import FAINT, SKY, SOFT, mark_component, one_axes
from reluspec.io.report.regions import MAX_DRAWN, region_data
from reluspec.minima.minima_map import MinimaMap
from reluspec.minima.records import Component

MOST_NAMES = 24
MOST_DOTS = 40
"""Most cells that are drawn as dots and lines where two parts of their names could be drawn as a matrix."""


def graph(minima: MinimaMap, components: Sequence[int], width: float) -> Figure:
    """Tiles of two units, a ring or a sphere of one unit's directions, a matrix of two parts of the cells' names, or dots and lines,
    as suits the problem."""
    data = region_data(minima.problem)
    kind = data["kind"]
    if kind == "none":
        raise ProblemError(f"the region graph is not drawn: {data['reason']}")
    ordered = sorted(minima, key=lambda component: component.id in components)
    if kind == "cycle" and minima.problem.network.layers[0].units > 1:
        return _tiles(data, ordered, components, width)
    if kind == "cycle":
        return _ring(data, ordered, components, width)
    if kind == "sphere":
        return _sphere(minima, data, ordered, components, width)
    units = minima.problem.network.layers[0].units if data.get("one_unit") else len(parts_of(data["nodes"][0][0]))
    if units > 1 and (data.get("one_unit") or len(data["nodes"]) > MOST_DOTS):
        return matrix(data, ordered, components, width)
    if len(data["nodes"]) > MAX_DRAWN:
        raise ProblemError(f"the region graph is not drawn: its {len(data['nodes']):,} cells are too many to be told apart")
    return _dots(data, ordered, components, width)


def _unit_names(stratum: str) -> list[str]:
    return stratum.split(";")[0].split("/")[0].split("|")


def _tiles(data: dict[str, Any], ordered: list[Component], chosen: Sequence[int], width: float) -> Figure:
    ring: list[str] = data["ring"]
    size = len(ring) // 2
    figure, axes = one_axes(width, 1.0)
    on = np.array([name.count("+") / len(name) for name in ring[1::2]])
    axes.imshow((on[:, None] + on[None, :]) / 2, extent=(0, size, size, 0), cmap="Blues", vmin=0, vmax=3, aspect="equal")
    axes.hlines(range(size + 1), 0, size, color=FAINT, linewidth=0.5)
    axes.vlines(range(size + 1), 0, size, color=FAINT, linewidth=0.5)
    place = {name: position / 2 for position, name in enumerate(ring)}
    dead = size + 0.8
    for component in ordered:
        for piece in component.pieces:
            # Units 0 and 1; the others, if there are any, are projected away.
            names = _unit_names(piece.stratum)[:2]
            spots = [place.get(name, dead) for name in names]
            for x in {spots[0], size} if spots[0] == 0 else {spots[0]}:
                for y in {spots[1], size} if spots[1] == 0 else {spots[1]}:
                    mark_component(axes, x, y, component, chosen, size=max(2.0, min(6.0, 80 / size)))
    if strip := _has_dead(ordered):
        for spot, turn in (((dead, size / 2), 90), ((size / 2, dead), 0)):
            axes.text(*spot, "dead", rotation=turn, ha="center", va="center", color=SOFT, fontsize=6)
        axes.axhspan(size + 0.4, size + 1.2, color=FAINT, alpha=0.4, linewidth=0)
        axes.axvspan(size + 0.4, size + 1.2, color=FAINT, alpha=0.4, linewidth=0)
    end = size + (1.2 if strip else 0)
    others = "" if data["units"] == "2" else f" of {data['units']}, the others projected away"
    axes.set(xlabel=f"unit 0{others}", ylabel="unit 1", xlim=(0, end), ylim=(end, 0))
    axes.spines[:].set_visible(False)
    if size <= MOST_NAMES:
        axes.set_xticks(np.arange(size) + 0.5, ring[1::2], rotation=90, family="DejaVu Sans Mono", fontsize=6)
        axes.set_yticks(np.arange(size) + 0.5, ring[1::2], family="DejaVu Sans Mono", fontsize=6)
    else:
        axes.set(xticks=[], yticks=[])
    axes.tick_params(length=0)
    axes.xaxis.set_label_position("top")
    axes.xaxis.tick_top()
    return figure


def _has_dead(ordered: list[Component]) -> bool:
    return any(piece.dead_units for component in ordered for piece in component.pieces)


def _ring(data: dict[str, Any], ordered: list[Component], chosen: Sequence[int], width: float) -> Figure:
    ring: list[str] = data["ring"]
    cells = len(ring) // 2
    figure, axes = one_axes(width, 1.0)
    for k, name in enumerate(ring[1::2]):
        turn = np.linspace(2 * np.pi * (k + 0.03) / cells, 2 * np.pi * (k + 0.97) / cells, 40)
        axes.plot(np.sin(turn), np.cos(turn), color=SKY, linewidth=5, solid_capstyle="butt", alpha=0.6)
        if cells <= MOST_NAMES:
            angle = np.pi * (2 * k + 1) / cells
            axes.text(
                0.8 * np.sin(angle), 0.8 * np.cos(angle), name, ha="center", va="center", family="DejaVu Sans Mono", fontsize=6, color=SOFT
            )
    stacked: dict[str, int] = {}
    for component in ordered:
        for name in _unit_names(component.pieces[0].stratum):
            if name in ring:
                angle, radius = np.pi * ring.index(name) / cells, 1 + 0.1 * stacked.get(name, 0)
                stacked[name] = stacked.get(name, 0) + 1
                mark_component(axes, radius * np.sin(angle), radius * np.cos(angle), component, chosen)
            else:
                mark_component(axes, 0, 0, component, chosen)
    axes.set(aspect="equal")
    axes.set_axis_off()
    return figure


def _sphere(minima: MinimaMap, data: dict[str, Any], ordered: list[Component], chosen: Sequence[int], width: float) -> Figure:
    figure = Figure(figsize=(width, width * 0.58))
    halves = figure.subplots(1, 2)
    turn = np.linspace(0, 2 * np.pi, 721)
    for half, axes in enumerate(halves):
        axes.plot(np.cos(turn), np.sin(turn), color=FAINT, linewidth=0.8)
        for row in data["rows"]:
            if any(row):
                axes.plot(*_on_disc(_great_circle(np.array(row), turn), half), color=SOFT, linewidth=0.7)
        last = "bias" if minima.problem.network.layers[0].bias else "last weight"
        axes.set(aspect="equal", title=f"{last} {'below' if half else 'above'} 0", xlim=(-1.03, 1.03), ylim=(-1.03, 1.03))
        axes.set_axis_off()
    for component in ordered:
        for direction in _directions(minima, component):
            half = int(direction[2] < 0)
            x, y = _on_disc(direction[:, None], half)
            mark_component(halves[half], float(x[0]), float(y[0]), component, chosen)
    return figure


def _directions(minima: MinimaMap, component: Component) -> Iterator[Any]:
    layer = minima.problem.network.layers[0]
    theta = component.theta()
    weights = theta[f"{layer.name}.weight"]
    vectors = np.column_stack([weights, theta[f"{layer.name}.bias"]]) if layer.bias else weights
    for vector in vectors:
        if np.linalg.norm(vector) > 1e-12:
            yield vector / np.linalg.norm(vector)


def _great_circle(normal: Any, turn: Any) -> Any:
    _, _, axes = np.linalg.svd(normal[None, :])
    return np.outer(axes[1], np.cos(turn)) + np.outer(axes[2], np.sin(turn))


def _on_disc(points: Any, half: int) -> tuple[Any, Any]:
    """Equal-area projection of one half of the sphere (3 x m); what lies on the other is cut out."""
    height = -points[2] if half else points[2]
    seen = np.where(height >= -1e-9, 1.0, np.nan)
    scale = seen / np.sqrt(1 + np.abs(points[2]))
    return points[0] * scale, points[1] * scale


def _dots(data: dict[str, Any], ordered: list[Component], chosen: Sequence[int], width: float) -> Figure:
    figure, axes = one_axes(width, 0.85)
    nodes: list[Any] = data["nodes"]
    for one, other, _ in data["edges"]:
        axes.plot([nodes[one][1], nodes[other][1]], [-nodes[one][2], -nodes[other][2]], color=FAINT, linewidth=0.7, zorder=1)
    axes.plot([node[1] for node in nodes], [-node[2] for node in nodes], "o", color=SOFT, markersize=2.5, zorder=2)
    for component in ordered:
        stratum = component.pieces[0].stratum
        around = [node for node in nodes if all(here in ("0", there) for here, there in zip(stratum, node[0], strict=True))]
        if around:
            mark_component(axes, float(np.mean([n[1] for n in around])), -float(np.mean([n[2] for n in around])), component, chosen)
    axes.set_axis_off()
    return figure
