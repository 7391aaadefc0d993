"""`reluspec system`: the polynomial or Lagrange system of a stratum, for other algebra systems."""

from __future__ import annotations

from typing import Annotated

import typer

from reluspec.cli.options import Output, Quiet, Sets, Spec, Verbose, check_output, note, overrides, print_document

StratumName = Annotated[
    str,
    typer.Option(
        "--stratum",
        metavar="SIGNS",
        help="For example '++0--|-0+++'; write --stratum=... where it starts with a minus.",
        show_default=False,
    ),
]
Format = Annotated[str, typer.Option("--format", metavar="NAME", help="text, json, msolve, singular, macaulay2, sympy or julia.")]


def system(
    spec: Spec,
    stratum: StratumName,
    format: Format = "text",
    output: Output = None,
    set_: Sets = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """The system whose solutions are the critical points of a node, an edge or a corner, ready to paste."""
    from reluspec import pipeline
    from reluspec.errors import PluginError
    from reluspec.io.artefacts import write_text
    from reluspec.regions.signs import parse_signs
    from reluspec.systems.system import stratum_system
    from reluspec.systems.writers import WRITERS

    if format not in WRITERS:
        raise PluginError(f"there is no system format {format!r}; known: {', '.join(WRITERS)}")
    check_output(output, spec)
    problem = pipeline.load(spec, overrides(set_))
    found = stratum_system(problem, parse_signs(problem, stratum))
    text = WRITERS[format](found)
    if verbose:
        note(found.explanation)
    if output is None:
        print_document(text)
    else:
        write_text(text, output)
        note(f"wrote {output}", quiet)
