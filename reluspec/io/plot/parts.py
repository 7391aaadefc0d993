"""A region graph of many cells as a matrix: two parts of the cells' names against each other, as on the page (`parts.js`)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from reluspec.io.plot.style import FAINT, SKY, SOFT, mark_component, one_axes
from reluspec.minima.records import Component

MOST_NAMES = 24
MOST_ORDERED = 800


@dataclass(frozen=True)
class Axis:
    """The patterns of one part, in an order in which neighbours differ little."""

    order: tuple[str, ...]

    @property
    def dead(self) -> float:
        """Where parts stand whose signs are all 0."""
        return len(self.order) + 0.8

    def places(self, part: str) -> list[float]:
        """Where a stratum's part stands: between the cells it touches if they follow each other, else on each of them."""
        if not part.strip("0"):
            return [self.dead]
        found = [k for k, cell in enumerate(self.order) if all(here in ("0", there) for here, there in zip(part, cell, strict=True))]
        if found and found[-1] - found[0] == len(found) - 1:
            return [float(np.mean(found)) + 0.5]
        if found == [0, len(self.order) - 1]:
            return [0.0, float(len(self.order))]
        return [k + 0.5 for k in found]


def parts_of(name: str) -> list[str]:
    """`++|-+/+;-` is four parts: units, and the switches of loss and penalties."""
    return re.split("[|/;]", name)


def neighbourly(names: Sequence[str]) -> tuple[str, ...]:
    """Always on to the nearest of what is left: where cells form a cycle, this is the cycle's order."""
    left = sorted(names, reverse=True)
    if len(left) > MOST_ORDERED:
        return tuple(left)
    order = [left.pop(0)]
    while left:
        order.append(left.pop(min(range(len(left)), key=lambda k: sum(map(str.__ne__, left[k], order[-1])))))
    return tuple(order)


def matrix(data: dict[str, Any], ordered: list[Component], chosen: Sequence[int], width: float) -> Figure:
    """The first two parts; what the others say is projected away, and a darker tile stands for more cells."""
    names = [node[0] for node in data["nodes"]]
    columns, rows = (Axis(neighbourly(list(patterns))) for patterns in _patterns(names, bool(data.get("one_unit"))))
    figure, axes = one_axes(width, min(1.0, max(0.5, len(rows.order) / len(columns.order))))
    counts = _counts(names, columns, rows, bool(data.get("one_unit")))
    shades = np.where(counts > 0, 0.15 + 0.4 * counts / counts.max(), np.nan)
    axes.imshow(shades, extent=(0, len(columns.order), len(rows.order), 0), cmap=_shades(), vmin=0, vmax=1, aspect="auto")
    axes.hlines(range(len(rows.order) + 1), 0, len(columns.order), color=FAINT, linewidth=0.4)
    axes.vlines(range(len(columns.order) + 1), 0, len(rows.order), color=FAINT, linewidth=0.4)
    strip = False
    for component in ordered:
        for piece in component.pieces:
            first, second = parts_of(piece.stratum)[:2]
            spots = [(x, y) for x in columns.places(first) for y in rows.places(second)]
            strip = strip or any(x == columns.dead or y == rows.dead for x, y in spots)
            for x, y in spots:
                mark_component(axes, x, y, component, chosen, 5.0 if len(spots) == 1 else 3.0)
    _label(axes, columns, rows, strip)
    return figure


def _patterns(names: list[str], one_unit: bool) -> list[set[str]]:
    """Those of the first two parts."""
    return [set(names)] * 2 if one_unit else [{parts_of(name)[part] for name in names} for part in range(2)]


def _counts(names: list[str], columns: Axis, rows: Axis, one_unit: bool) -> Any:
    if one_unit:
        return np.ones((len(rows.order), len(columns.order)))
    tiles = Counter(tuple(parts_of(name)[:2]) for name in names)
    return np.array([[tiles[one, other] for one in columns.order] for other in rows.order], dtype=float)


def _shades() -> ListedColormap:
    """From paper to sky blue."""
    colour = [int(SKY[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    return ListedColormap([[1 + (part - 1) * k / 255 for part in colour] for k in range(256)])


def _label(axes: Axes, columns: Axis, rows: Axis, strip: bool) -> None:
    across, down = len(columns.order), len(rows.order)
    if strip:
        axes.axvspan(across + 0.4, across + 1.2, color=FAINT, alpha=0.4, linewidth=0)
        axes.axhspan(down + 0.4, down + 1.2, color=FAINT, alpha=0.4, linewidth=0)
        axes.text(across / 2, rows.dead, "all 0", ha="center", va="center", color=SOFT, fontsize=6)
    axes.set(xlim=(0, across + 1.2 * strip), ylim=(down + 1.2 * strip, 0), xlabel="first part of the cell's name", ylabel="second part")
    for axis, names in ((axes.xaxis, columns.order), (axes.yaxis, rows.order)):
        named = len(names) <= MOST_NAMES
        axis.set_ticks(np.arange(len(names)) + 0.5 if named else [], names if named else [], family="DejaVu Sans Mono", fontsize=6)
    axes.tick_params(length=0)
    axes.tick_params(axis="x", rotation=90)
    axes.spines[:].set_visible(False)
    axes.xaxis.set_label_position("top")
    axes.xaxis.tick_top()
