"""`reluspec show`: a map's list, or one component whole, on the terminal."""

from __future__ import annotations

from typing import Annotated

import typer

from reluspec.cli.options import AsJson, Map, Quiet, Verbose, note, print_json

Identifier = Annotated[
    int | None, typer.Argument(metavar="ID", help="The component to be printed whole; without it, the list.", show_default=False)
]


def show(map: Map, id: Identifier = None, quiet: Quiet = False, verbose: Verbose = False, as_json: AsJson = False) -> None:
    """Print a map's list of components, or one component with everything that is proved about it."""
    from reluspec.errors import UsageError
    from reluspec.io.map_format import component_document, map_document, read_map
    from reluspec.minima.details import component_text, undecided_text

    minima = read_map(map)
    if id is not None and not 0 <= id < len(minima):
        known = f"it has 0 to {len(minima) - 1}" if len(minima) else "it has none"
        raise UsageError(f"{map} has no component {id}; {known}")
    if as_json:
        print_json(map_document(minima, critical=bool(minima.critical)) if id is None else component_document(minima[id]))
    elif id is not None:
        print(component_text(minima, id))
    else:
        print(minima)
        if minima.undecided:
            print(undecided_text(minima, all_of_them=verbose))
    if verbose:
        note(f"engine {minima.landscape.engine}: {minima.engine_reason}", quiet)
