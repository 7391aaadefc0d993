"""`reluspec verify`: re-proves what a map claims, with other code than the solver's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reluspec.cli.options import AsJson, Quiet, print_json

REFUTED = 4

Map = Annotated[Path, typer.Argument(metavar="MAP", help="A NAME.minima.json that `reluspec solve` wrote.", show_default=False)]
Sample = Annotated[
    int | None,
    typer.Option(
        "--sample",
        metavar="N",
        min=1,
        help="Re-prove the exclusion of N sets of faces of each size only (of N strata, outside the convex setting), chosen at random, "
        "beside all listed components.",
        show_default=False,
    ),
]
Timeout = Annotated[
    float,
    typer.Option("--timeout", metavar="SECONDS", min=0, help="End the exclusions after that long; what is left is not re-proved."),
]


def verify(map_: Map, sample: Sample = None, timeout: Timeout = 600.0, quiet: Quiet = False, as_json: AsJson = False) -> int:
    """Re-prove every claim of a map from the spec text in it. Exit code 4 if a claim is refuted, 0 otherwise: the last line says
    whether everything was re-proved or only a part."""
    from reluspec.verifier.verify import verify as run

    found = run(map_, sample=sample, timeout=timeout)
    if as_json:
        print_json(found.document())
    elif not quiet:
        print(found)
    return 0 if found.ok else REFUTED
