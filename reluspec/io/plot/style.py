"""How pictures look: sizes for a printed column, and colours that colour-blind readers can tell apart (Okabe and Ito, 2008)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import matplotlib
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from reluspec.minima.records import Component

BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"
COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK)
DASHES: tuple[Any, ...] = ("-", (0, (6, 2)), (0, (1, 1.2)), (0, (6, 2, 1, 2)), (0, (3, 1.5)), (0, (8, 2, 1, 2, 1, 2)), "-")
MARKERS = ("o", "D", "s")
SOFT, FAINT = "#5a6270", "#c9ced6"
HEAT = "cividis"
GOLDEN = 0.62

_STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.titlesize": 8,
    "figure.titlesize": 9,
    "axes.labelsize": 8,
    "legend.fontsize": 7,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.4,
    "savefig.dpi": 300,
    "figure.constrained_layout.use": True,
    "pdf.fonttype": 42,  # letters that can be searched and edited
    "svg.hashsalt": "reluspec",
    "svg.fonttype": "path",
    "image.cmap": HEAT,
    "text.usetex": False,
}


@contextmanager
def styled() -> Iterator[None]:
    """matplotlib's own defaults with these changes, whatever the user's configuration says."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)  # type: ignore[arg-type]
        yield


def one_axes(width: float, ratio: float = GOLDEN) -> tuple[Figure, Axes]:
    """A figure with one axes, `ratio` times as high as wide."""
    figure = Figure(figsize=(width, width * ratio))
    return figure, figure.add_subplot()


def grid(count: int, width: float, columns: int = 3, ratio: float = 1.0) -> tuple[Figure, list[Axes]]:
    """A figure with `count` equal axes in rows."""
    columns = min(columns, count)
    rows = -(-count // columns)
    figure = Figure(figsize=(width, width / columns * ratio * rows))
    axes = figure.subplots(rows, columns, squeeze=False)
    for spare in axes.flat[count:]:
        spare.set_axis_off()
    return figure, list(axes.flat[:count])


def label(component: Component) -> str:
    """A component in a legend."""
    return f"{component.id}{'*' if component.is_global else ''}: {float(component.loss):.6g}"


def marker(component: Component) -> str:
    """A point, a curve, a sheet."""
    return MARKERS[min(component.dimension, 2)]


def mark_component(axes: Axes, x: float, y: float, component: Component, chosen: Sequence[int], size: float = 5.0) -> None:
    """One component at one place: its shape says its dimension, its filling its location."""
    colour = VERMILLION if component.id in chosen else BLUE
    fill = colour if component.location == "interior" else "white"
    axes.plot(x, y, marker(component), color=colour, markerfacecolor=fill, markersize=size, markeredgewidth=1.1, zorder=5, clip_on=False)
