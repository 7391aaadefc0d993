"""The region graph as one HTML page: counts and an SVG drawing, without scripts and without anything from a network."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from reluspec.io.layout import Drawing, Position, drawing
from reluspec.regions.region_graph import RegionGraph

if TYPE_CHECKING:
    from collections.abc import Iterator

_SIZE = 1000
_WORDS = {0: "cells (nodes)", 1: "walls (edges)"}

_STYLE = """
:root { color-scheme: light dark; --ink: #1c1f24; --paper: #fff; --soft: #667; --line: #b4bac4; --node: #0b62c4; --hot: #c2410c; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e8eb; --paper: #15181c; --soft: #99a1ad; --line: #4b5361; --node: #6cb2ff; --hot: #ff9d5c; }
}
body { margin: 2rem auto; max-width: 64rem; padding: 0 1rem; font: 16px/1.5 system-ui, sans-serif; }
body { color: var(--ink); background: var(--paper); }
h1 { font-size: 1.4rem; overflow-wrap: anywhere; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { padding: .15rem 1rem .15rem 0; text-align: right; font-variant-numeric: tabular-nums; }
th { color: var(--soft); font-weight: 500; }
th:nth-child(2), td:nth-child(2) { text-align: left; }
p { overflow-wrap: anywhere; }
svg { width: 100%; height: auto; }
svg text { fill: var(--soft); font: 12px ui-monospace, monospace; }
.wall .seen { stroke: var(--line); stroke-width: 1.5; }
.wall .near { stroke: transparent; stroke-width: 10; }
.wall:hover .seen { stroke: var(--hot); stroke-width: 4; }
.cell { fill: var(--node); stroke: var(--node); }
.cell:hover { fill: var(--hot); stroke: var(--hot); fill-opacity: 1; }
.back { fill: var(--paper); }
"""


def region_page(regions: RegionGraph) -> str:
    """A self-contained page: counts on top, then the graph with names on hover."""
    title = escape(regions.problem.title) or "Region graph"
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            # Whatever a title may contain: nothing on this page runs, and nothing is fetched.
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{title}</title>",
            f"<style>{_STYLE}</style>",
            "</head>",
            "<body>",
            f"<h1>{title}</h1>",
            *_summary(regions),
            *_figure(regions),
            "</body>",
            "</html>",
            "",
        ]
    )


def _summary(regions: RegionGraph) -> Iterator[str]:
    units, points, inputs = regions.units, regions.points, regions.problem.network.inputs
    yield (
        f"<p>{units:,} {'unit' if units == 1 else 'units'}, {points:,} {'point' if points == 1 else 'points'} in R<sup>{inputs}</sup>: "
        f"{regions.cells:,} of the 2<sup>{regions.switches}</sup> activation patterns exist.</p>"
    )
    yield "<table><tr><th>codimension</th><th></th><th>strata</th><th>up to exchange of units</th></tr>"
    labelled, orbits = regions.strata_by_codimension(), regions.strata_by_codimension(up_to_exchange=True)
    for codimension, (count, orbit) in enumerate(zip(labelled, orbits, strict=True)):
        word = _WORDS.get(codimension, "corners")
        yield f"<tr><td>{codimension}</td><td>{word}</td><td>{count:,}</td><td>{orbit:,}</td></tr>"
    yield f"<tr><td></td><td>all</td><td>{sum(labelled):,}</td><td>{sum(orbits):,}</td></tr></table>"


def _figure(regions: RegionGraph) -> Iterator[str]:
    drawn = drawing(regions)
    if drawn is None:
        yield f"<p>The graph is too large to be drawn, even that of one unit ({regions.one_unit.cells:,} cells).</p>"
        return
    if drawn.regions.units != regions.units:
        yield (
            f"<p>Drawn is the region graph of one unit ({drawn.regions.cells:,} cells, {drawn.regions.walls:,} walls); "
            f"the whole graph is the product of {regions.units:,} copies of it.</p>"
        )
    elif drawn.columns:
        yield "<p>Unit 0 changes from left to right, unit 1 from top to bottom; opposite sides of the square are one and the same.</p>"
    margin = 12 + 8 * drawn.regions.points if drawn.columns else 0
    box = f"{-margin} {-margin} {_SIZE + margin + 12} {_SIZE + margin + 12}"
    yield f'<svg viewBox="{box}" role="img" aria-label="Region graph">'
    yield from _walls(drawn)
    yield from _cells(drawn)
    yield from _labels(drawn)
    yield "</svg>"
    yield "<p>A dot is a cell, the fuller the more of its switches are positive; a line is a wall; rest the pointer on it for its name.</p>"


def _walls(drawn: Drawing) -> Iterator[str]:
    for one, other, attributes in drawn.graph.edges(data=True):
        text = f"{attributes['wall']}\nunit {attributes['unit']}: zero at point {attributes['points'].replace(',', ', ')}"
        yield f'<g class="wall"><title>{escape(text)}</title>'
        for start, end in _segments(drawn, one, other):
            ends = f'x1="{_px(start[0])}" y1="{_px(start[1])}" x2="{_px(end[0])}" y2="{_px(end[1])}"'
            yield f'<line class="seen" {ends}/><line class="near" {ends}/>'
        yield "</g>"


def _segments(drawn: Drawing, one: str, other: str) -> list[tuple[Position, Position]]:
    """The line between two cells; on a torus one across the sides becomes two stubs."""
    start, end = drawn.positions[one], drawn.positions[other]
    size = len(drawn.columns)
    for axis in (0, 1):
        # Neighbours on the square are one step apart: any longer way runs across the side.
        if size and abs(start[axis] - end[axis]) > 1.5 / size:
            low, high = sorted((start, end), key=lambda position: position[axis])
            return [(low, _moved(low, axis, -0.5 / size)), (high, _moved(high, axis, 0.5 / size))]
    return [(start, end)]


def _moved(position: Position, axis: int, by: float) -> Position:
    return (position[0] + by, position[1]) if axis == 0 else (position[0], position[1] + by)


def _cells(drawn: Drawing) -> Iterator[str]:
    radius = max(3.0, min(12.0, 260 / len(drawn.columns))) if drawn.columns else 9.0
    for name, attributes in drawn.graph.nodes(data=True):
        x, y = (_px(coordinate) for coordinate in drawn.positions[name])
        active = name.count("+") / drawn.regions.switches
        yield f'<circle class="back" cx="{x}" cy="{y}" r="{radius:.1f}"/>'
        yield (
            f'<circle class="cell" cx="{x}" cy="{y}" r="{radius:.1f}" fill-opacity="{0.1 + 0.9 * active:.2f}">'
            f"<title>{escape(_cell_text(name, attributes))}</title></circle>"
        )


def _cell_text(name: str, attributes: dict[str, Any]) -> str:
    point = [f"{key} = {value}" for key, value in attributes.items() if key not in ("signs", "bits", "dimension")]
    return "\n".join([name, f"pattern {attributes['bits']}", *point])


def _labels(drawn: Drawing) -> Iterator[str]:
    for position, name in enumerate(drawn.rows):
        yield f'<text x="-8" y="{_px((position + 0.5) / len(drawn.rows))}" text-anchor="end" dominant-baseline="middle">{name}</text>'
    for position, name in enumerate(drawn.columns):
        x = _px((position + 0.5) / len(drawn.columns))
        yield f'<text transform="translate({x} -8) rotate(-90)" dominant-baseline="middle">{name}</text>'


def _px(coordinate: float) -> str:
    return f"{_SIZE * coordinate:.1f}"
