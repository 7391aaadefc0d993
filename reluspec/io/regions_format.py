"""`NAME.regions.json`: what `compile` finds out about a problem, as a document, and the summary it prints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from reluspec.io.artefacts import write_json
from reluspec.io.provenance import problem_facts, provenance
from reluspec.pipeline import Compilation
from reluspec.text import filled

if TYPE_CHECKING:
    from reluspec.regions.region_graph import RegionGraph
    from reluspec.systems.general_regions import GeneralRegions

MAX_GRAPH_CELLS = 2_000
"""Largest product graph that is written into the document; `reluspec graph` exports larger ones."""
MAX_FACES = 20_000
"""Largest factor whose faces are listed."""
MAX_LISTED = 12
"""Codimensions printed in a summary; the document has them all."""


def regions_document(compiled: Compilation) -> dict[str, Any]:
    """The compilation as JSON-ready data."""
    choice = compiled.choice
    return {
        **provenance("regions", compiled.problem),
        "engine": {
            "name": choice.engine.name if choice.engine else None,
            "reason": "; ".join([choice.reason, *choice.refusals]),
            **({"forecast": compiled.forecast} if compiled.forecast else {}),
        },
        "regions": _regions(compiled.regions) if compiled.regions else None,
        **({"regions_reason": compiled.regions_reason} if compiled.regions is None else {}),
        **({"general_regions": _general(compiled.general)} if compiled.general else {}),
    }


def _general(regions: GeneralRegions) -> dict[str, Any]:
    counts = {"strata": str(regions.strata), "strata_up_to_exchange": str(regions.strata_up_to_exchange)}
    if not regions.small:
        return {**counts, "cells": str(regions.cell_count), "unknown_cells": None, "walls": None, "graph": None}
    return {
        **counts,
        "cells": str(regions.cells),
        "unknown_cells": str(regions.unknown_cells),
        "walls": str(regions.walls),
        "graph": _graph(regions) if regions.cells <= MAX_GRAPH_CELLS else None,
    }


def _regions(regions: RegionGraph) -> dict[str, Any]:
    factor = regions.factor
    codimension = factor.ambient_dimension - factor.dimension
    return {
        "cells": str(regions.cells),
        "walls": str(regions.walls),
        "strata_by_codimension": [str(count) for count in regions.strata_by_codimension()],
        "strata_up_to_exchange": str(sum(regions.strata_by_codimension(up_to_exchange=True))),
        "unit": {
            "faces_by_codimension": list(factor.counts_by_codimension()),
            "faces": [
                {"name": name, "codimension": int(codimension[face]), "point": [str(entry) for entry in factor.point(face)]}
                for face, name in enumerate(factor.names)
            ]
            if len(factor) <= MAX_FACES
            else [],
        },
        "graph": _graph(regions) if regions.cells <= MAX_GRAPH_CELLS else None,
    }


def _graph(regions: RegionGraph | GeneralRegions) -> dict[str, Any]:
    import networkx

    document: dict[str, Any] = networkx.node_link_data(regions.graph(), edges="edges")
    return document


def write_regions(compiled: Compilation, path: Path) -> None:
    """Write `NAME.regions.json`. Raises `ArtefactError`."""
    write_json(regions_document(compiled), path, "regions")


def summary(compiled: Compilation) -> str:
    """What `compile` prints."""
    problem = compiled.problem
    facts = problem_facts(problem)
    sizes = "-".join(str(size) for size in (problem.network.inputs, *facts["units"], problem.network.outputs))
    rows = [
        ("network", f"{sizes}, {len(problem.parameters)} parameters; {facts['data_points']} data points"),
        ("objective", f"{problem.loss}" + "".join(f" + {penalty}" for penalty in problem.regulariser)),
        ("switches", f"{facts['switches']}, hence {_power(facts['switches'])} sign patterns on paper"),
    ]
    regions = compiled.regions
    if compiled.general is not None:
        rows += _general_rows(compiled.general)
    elif regions is None:
        rows.append(("regions", f"not described: {compiled.regions_reason}"))
    else:
        counts = regions.strata_by_codimension()
        total = sum(regions.strata_by_codimension(up_to_exchange=True))
        rows += [
            ("cells", f"{counts[0]:,} exist"),
            ("walls", f"{counts[1] if len(counts) > 1 else 0:,}"),
            ("corners", _by_codimension(counts[2:], 2)),
            ("strata", f"{sum(counts):,}, or {total:,} up to exchange of units"),
            ("one unit", f"{len(regions.factor):,} faces: {_by_codimension(regions.factor.counts_by_codimension(), 0)}"),
        ]
    rows.append(("symmetry", _exchanges(facts["unit_exchanges"], facts["units"])))
    choice = compiled.choice
    name = choice.engine.name if choice.engine else "none"
    rows += [("engine", f"{name}: {choice.reason}"), *(("", refusal) for refusal in choice.refusals)]
    if compiled.forecast:
        rows.append(("work", compiled.forecast))
    return "\n".join(
        [*filled("", _printable(problem.title)), *(line for name, text in rows for line in filled(f"  {name:10s} ", _printable(text)))]
    )


def _general_rows(regions: GeneralRegions) -> list[tuple[str, str]]:
    unproved = "" if regions.small and not regions.unknown_cells else ", as far as is known"
    strata = f"{regions.strata:,}, or {regions.strata_up_to_exchange:,} up to exchange of units, that are not proved empty"
    if not regions.small:
        return [("cells", f"{regions.cell_count:,} at most"), ("strata", strata)]
    proved = regions.cells - regions.unknown_cells
    cells = f"{proved:,} exist" if not unproved else f"{proved:,} exist, {regions.unknown_cells:,} may exist"
    return [("cells", cells), ("walls", f"{regions.walls:,}{unproved}"), ("strata", strata)]


def _by_codimension(counts: tuple[int, ...], first: int) -> str:
    listed = [f"{count:,} of codimension {first + k}" for k, count in enumerate(counts)]
    if len(listed) > MAX_LISTED:
        listed = [*listed[: MAX_LISTED - 2], "…", listed[-1]]
    return ", ".join(listed) or "none"


def _exchanges(count: int | str, units: list[int]) -> str:
    if count == 1:
        return "none"
    shown = f"{count:,}" if isinstance(count, int) and count < 10**12 else " * ".join(f"{number}!" for number in units)
    return f"{shown} exchanges of units"


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)


def _power(switches: int) -> str:
    return f"2^{switches}" + (f" = {1 << switches:,}" if switches <= 40 else "")
