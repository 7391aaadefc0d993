"""Options that several commands share, and how they speak."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

Spec = Annotated[
    Path, typer.Argument(metavar="SPEC", help="A .rspec file, or a .regions.json or .minima.json made from one.", show_default=False)
]
Map = Annotated[Path, typer.Argument(metavar="MAP", help="A .minima.json file that `reluspec solve` wrote.", show_default=False)]
Output = Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="Where to write.", show_default=False)]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Override a constant (let) of the spec. Repeatable.", show_default=False),
]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Print nothing but errors.", show_default=False)]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Say more on standard error.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, to standard output.", show_default=False)]
EngineName = Annotated[
    str | None, typer.Option("--engine", metavar="NAME", help="auto, or an engine that `reluspec plugins` lists.", show_default=False)
]


def artefact_path(spec: Path, suffix: str) -> Path:
    """`model.rspec` and `model.regions.json` give `model` + suffix, in the working directory."""
    stem = spec.name
    for known in (".regions.json", ".minima.json", ".rspec"):
        if stem.endswith(known):
            stem = stem.removesuffix(known)
            break
    else:
        stem = spec.stem
    return Path(f"{stem or 'untitled'}{suffix}")


def beside(map: Path, suffix: str) -> Path:
    """`folder/poster.minima.json` gives `folder/poster` + suffix: pictures stand beside the map they show."""
    return map.with_name(artefact_path(map, suffix).name)


def check_output(output: Path | None, spec: Path, *, given: bool = True) -> None:
    """Before any work: the output can be written, and if its name was given it is not the input's. Raises `UsageError`, `ArtefactError`."""
    from reluspec.errors import UsageError
    from reluspec.io.artefacts import check_place

    if output is None:
        return
    check_place(output)
    if given and output.exists() and spec.exists() and output.is_file() and output.samefile(spec):
        raise UsageError(f"-o {output} would overwrite the input. Choose another name")


def print_json(document: Any) -> None:
    """One JSON document on standard output."""
    from reluspec.io.json_text import json_text

    print_document(json_text(document))


def print_document(text: str) -> None:
    """A text for other programs on standard output: UTF-8 whatever the locale is, as its file would be."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    print(text, end="" if text.endswith("\n") else "\n")


def note(text: str, quiet: bool = False) -> None:
    """A remark for people: standard error, unless quiet."""
    if not quiet:
        print(text, file=sys.stderr)


def overrides(values: list[str] | None) -> dict[str, str]:
    """The `--set` options. Raises `UsageError` for one without `=`."""
    from reluspec.language import parse_overrides

    return parse_overrides(values or [])
