"""`reluspec report`: a map as one self-contained page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reluspec.cli.options import Map, Output, Quiet, Verbose, beside, check_output, note

if TYPE_CHECKING:
    from pathlib import Path


def report(map: Map, output: Output = None, quiet: Quiet = False, verbose: Verbose = False) -> None:
    """Write a map as one page that opens from disk, without a network: lists, functions, families, regions, slices."""
    from reluspec.io.map_format import read_map
    from reluspec.io.report import write_report

    path: Path = output or beside(map, ".report.html")
    check_output(path, map)
    minima = read_map(map)
    write_report(minima, path)
    if verbose:
        note(f"{path.stat().st_size:,} bytes; {len(minima):,} components", quiet)
    if not minima.complete:
        note(f"reluspec: note: the map is not complete: {minima.incomplete_because}; the page says so on top", quiet)
    note(f"wrote {path}", quiet)
