"""`reluspec schema`: the JSON Schema of an artefact."""

from __future__ import annotations

from typing import Annotated

import typer

from reluspec.cli.options import Quiet, Verbose, note, print_json

Name = Annotated[str, typer.Argument(metavar="NAME", help="minima, regions, regions-graph, system or check.", show_default=False)]


def schema(name: Name, quiet: Quiet = False, verbose: Verbose = False) -> None:
    """Print the JSON Schema of an artefact."""
    from reluspec.io.artefacts import schema as read

    document = read(name)
    if verbose and not quiet:
        note(str(document.get("description", "")))
    print_json(document)
