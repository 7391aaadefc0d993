"""The pictures by name, and how they are written: repeatable files, vector where the format is one."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from reluspec.errors import ArtefactError, MissingPackageError, ProblemError, UsageError
from reluspec.minima.minima_map import MinimaMap, printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PICTURES = {
    "fits": "reluspec.io.plot.fits:fits",
    "ladder": "reluspec.io.plot.ladder:ladder",
    "graph": "reluspec.io.plot.regions:graph",
    "slice": "reluspec.io.plot.slices:loss_slice",
    "family": "reluspec.io.plot.family:family",
}
"""What can be drawn, and the function that draws it."""

FORMATS = {".png": {"Software": None}, ".svg": {"Date": None, "Creator": "reluspec"}, ".pdf": {"CreationDate": None, "Creator": "reluspec"}}
"""Endings, and the metadata that make a file repeatable: no day, no version."""

MAX_INCHES = 40.0


def plot(minima: MinimaMap, what: str = "fits", components: Sequence[int] = (), width: float = 5.5, title: bool = True) -> Figure:
    """A matplotlib figure, `width` inches wide: `what` is one of `PICTURES`.

    `components` chooses by id: those of `fits` (by default the six of least loss), the two (and a third point) of `slice`, the one of
    `family`; `ladder` and `graph` stress them. Raises `UsageError` for an unknown picture or component, `MissingPackageError`
    without matplotlib, `ProblemError` or `UnsupportedProblemError` where a map has no such picture.
    """
    check_picture(what)
    for component in components:
        if not 0 <= component < len(minima):
            raise UsageError(f"the map has no component {component}; it has {f'0 to {len(minima) - 1}' if len(minima) else 'none'}")
    if not len(minima):
        raise ProblemError("the map lists no minimum: there is nothing to draw")
    if not 1 <= width <= MAX_INCHES:
        raise UsageError(f"the width must be from 1 to {MAX_INCHES:g} inches, not {width:g}")
    _need_matplotlib()
    from reluspec.io.plot.style import styled

    module, _, name = PICTURES[what].partition(":")
    draw: Callable[[MinimaMap, Sequence[int], float], Figure] = getattr(import_module(module), name)
    with styled():
        figure = draw(minima, components, width)
        if title:
            mark = "" if minima.complete else " (map not complete)"
            # A title is text: a dollar sign in it begins no formula.
            figure.suptitle(printable(minima.problem.title) + mark, parse_math=False)
    return figure


def write_plot(figure: Figure, path: str | Path) -> None:
    """Write a figure as .png, .svg or .pdf: the same figure gives the same bytes. Raises `UsageError`, `ArtefactError`."""
    from reluspec.io.artefacts import write_bytes
    from reluspec.io.plot.style import styled

    path = Path(path)
    suffix = check_format(path)
    content = io.BytesIO()
    try:
        with styled(), warnings.catch_warnings():
            # A character that the font lacks becomes a box: worth no warning in a terminal.
            warnings.filterwarnings("ignore", message="Glyph .* missing")
            figure.savefig(content, format=suffix[1:], metadata=FORMATS[suffix])
    except (OverflowError, MemoryError) as error:
        raise ArtefactError(f"cannot draw {path}: {error}") from None
    write_bytes(content.getvalue(), path)


def check_picture(what: str) -> None:
    """Raises `UsageError` naming the pictures that there are."""
    if what not in PICTURES:
        raise UsageError(f"there is no picture {what!r}; there are {', '.join(PICTURES)}")


def check_format(path: Path) -> str:
    """The ending of a picture's file. Raises `UsageError`."""
    if path.suffix.lower() not in FORMATS:
        raise UsageError(f"{path} must end in {', '.join(FORMATS)}: the ending chooses the format")
    return path.suffix.lower()


def _need_matplotlib() -> None:
    try:
        import_module("matplotlib.figure")
    except ImportError as error:
        raise MissingPackageError(
            f"plots need matplotlib, which cannot be imported ({error}). Install it: pip install 'reluspec[plot]'"
        ) from None
