"""The ladder of losses."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from reluspec.io.plot.style import BLUE, FAINT, MARKERS, VERMILLION, marker, one_axes
from reluspec.minima.minima_map import MinimaMap

MOST_RUNGS = 80


def ladder(minima: MinimaMap, components: Sequence[int], width: float) -> Figure:
    """Every component at the height of its loss; those chosen stand out."""
    figure, axes = one_axes(width)
    few = len(minima) <= MOST_RUNGS
    for component in minima:
        place, loss = component.id, float(component.loss)
        colour = VERMILLION if component.id in components else BLUE
        if few:
            axes.plot([place - 0.4, place + 0.4], [loss, loss], color=FAINT, linewidth=1.5, zorder=1)
        fill = colour if component.location == "interior" else "white"
        axes.plot(place, loss, marker(component), color=colour, markerfacecolor=fill, markersize=5 if few else 2.5, markeredgewidth=0.9)
    axes.set(xlabel="component", ylabel="loss", xlim=(-0.7, len(minima) - 0.3))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.legend(handles=_legend(minima), frameon=False, loc="best")
    return figure


def _legend(minima: MinimaMap) -> list[Line2D]:
    words = ("isolated", "curve", "sheet")
    found = sorted({min(component.dimension, 2) for component in minima})
    shapes = [Line2D([], [], marker=MARKERS[k], linestyle="", color=BLUE, markersize=4, label=words[k]) for k in found]
    places = {component.location for component in minima}
    fills = [
        Line2D([], [], marker="o", linestyle="", color=BLUE, markersize=4, markerfacecolor=fill, label=name)
        for name, fill in (("interior: filled", BLUE), ("boundary: hollow", "white"))
        if name.split(":")[0] in places
    ]
    return shapes + fills
