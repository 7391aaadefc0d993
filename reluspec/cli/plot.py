"""`reluspec plot`: one picture of a map for a paper."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from reluspec.cli.options import Map, Output, Quiet, Verbose, beside, check_output, note

if TYPE_CHECKING:
    from pathlib import Path

What = Annotated[str, typer.Option("--what", metavar="PICTURE", help="fits, ladder, graph, slice or family.", show_default=False)]
Components = Annotated[
    list[int] | None,
    typer.Option(
        "--component",
        metavar="ID",
        help="Which to draw (fits, family), to go through (slice: two, or three) or to stress. Repeatable.",
        show_default=False,
    ),
]
Width = Annotated[float, typer.Option("--width", metavar="INCHES", help="Of the picture; letters keep their size.")]
NoTitle = Annotated[bool, typer.Option("--no-title", help="Leave the title to the caption.", show_default=False)]


def plot(
    map: Map,
    what: What,
    output: Output = None,
    component: Components = None,
    width: Width = 5.5,
    no_title: NoTitle = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Draw one picture of a map as .png, .svg or .pdf (needs matplotlib: the extra `plot`)."""
    from reluspec.io.map_format import read_map
    from reluspec.io.plot import plot as draw
    from reluspec.io.plot import write_plot
    from reluspec.io.plot.figures import check_format, check_picture

    check_picture(what)
    path: Path = output or beside(map, f".{what}.png")
    check_format(path)
    check_output(path, map)
    minima = read_map(map)
    figure = draw(minima, what, component or (), width, title=not no_title)
    write_plot(figure, path)
    if verbose:
        note(f"{path.stat().st_size:,} bytes", quiet)
    if not minima.complete:
        note(f"reluspec: note: the map is not complete: {minima.incomplete_because}", quiet)
    note(f"wrote {path}", quiet)
