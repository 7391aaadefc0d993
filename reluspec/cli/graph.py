"""`reluspec graph`: the region graph for other tools."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from reluspec.cli.options import Output, Quiet, Sets, Spec, Verbose, check_output, note, overrides, print_document

if TYPE_CHECKING:
    from reluspec.io.exporters import Exporter
    from reluspec.regions.region_graph import RegionGraph

Format = Annotated[
    str, typer.Option("--format", metavar="NAME", help="graphml, gexf, dot, json, html or an installed exporter.", show_default=False)
]
OneUnit = Annotated[bool, typer.Option("--one-unit", help="The factor graph of a single unit instead of the product.", show_default=False)]


def graph(
    spec: Spec,
    format: Format,
    output: Output = None,
    one_unit: OneUnit = False,
    set_: Sets = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Export the region graph: cells as nodes, walls as edges. To standard output, or to a file with -o."""
    from reluspec import pipeline
    from reluspec.errors import UnsupportedProblemError
    from reluspec.io.artefacts import write_text
    from reluspec.plugins import Group, blame, load
    from reluspec.regions.region_graph import region_graph
    from reluspec.systems.general_regions import GeneralRegions

    check_output(output, spec)
    exporter: Exporter = load(Group.EXPORTER, format)
    problem = pipeline.load(spec, overrides(set_))
    regions: RegionGraph | GeneralRegions
    try:
        product = region_graph(problem)
        regions = product.one_unit if one_unit else product
    except UnsupportedProblemError:
        if one_unit:
            raise
        regions = GeneralRegions(problem)
    with blame(Group.EXPORTER, format):
        text = exporter.write(regions)
        if not isinstance(text, str):
            raise TypeError(f"it wrote {type(text).__name__}, not text")
    if verbose:
        note(repr(regions))
    if output is None:
        print_document(text)
    else:
        write_text(text, output)
        note(f"wrote {output}", quiet)
