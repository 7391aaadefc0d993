"""`reluspec fmt`: specs in canonical layout."""

from __future__ import annotations

import sys
from difflib import unified_diff
from pathlib import Path
from typing import Annotated

import typer

from reluspec.cli.options import Quiet, Verbose, note, print_document

Files = Annotated[list[str], typer.Argument(metavar="FILE...", help="Specs; `-` formats standard input.", show_default=False)]
Check = Annotated[bool, typer.Option("--check", help="Write nothing; list the files that would change, and exit with 1 if there are any.")]
Diff = Annotated[bool, typer.Option("--diff", help="Write nothing; print what would change.")]

STANDARD_INPUT = "-"


def fmt(files: Files, check: Check = False, diff: Diff = False, quiet: Quiet = False, verbose: Verbose = False) -> None:
    """Lay out specs the one canonical way. Meaning and comments stay; a file with errors is reported and left alone."""
    from reluspec.errors import ReluspecError

    errors: list[str] = []
    changed = 0
    for name in dict.fromkeys(files):
        try:
            changed += _format(name, check, diff, quiet, verbose)
        except ReluspecError as error:
            errors.append(str(error))
    if errors:
        raise ReluspecError("\n".join(errors))
    if check and changed:
        raise typer.Exit(1)


def _format(name: str, check: bool, diff: bool, quiet: bool, verbose: bool) -> bool:
    """Format one file; whether its layout was another."""
    from reluspec.io.artefacts import write_text

    before, after = _both(name)
    changed = before != after
    if diff and not quiet:
        _print_diff(name, before, after)
    if name == STANDARD_INPUT:
        if not check and not diff:
            print_document(after)
    elif changed and check and not diff and not quiet:
        print(name)
    elif changed and not check and not diff:
        write_text(after, Path(name))
        note(f"formatted {name}", quiet)
    if verbose and not changed:
        note(f"{name} is as it should be", quiet)
    return changed


def _both(name: str) -> tuple[str, str]:
    """The text as it is, with its byte order mark, and as it should be. Raises `SpecError` with all that the checker finds."""
    from reluspec.language import SpecError, format_text, parse_spec
    from reluspec.language.diagnostics import Diagnostic
    from reluspec.language.files import UnreadableError, decoded

    shown, folder = ("<stdin>", None) if name == STANDARD_INPUT else (name, Path(name).parent)
    try:
        content = _content(name)
        text = decoded(content)
    except UnreadableError as error:
        whole = Diagnostic(0, 0, 0, str(error), error.hint, shown)
        raise SpecError(str(whole), (whole,)) from None
    parse_spec(text, name=shown, directory=folder)
    return content.decode(), format_text(text, name=shown)


def _content(name: str) -> bytes:
    from reluspec.language import limits
    from reluspec.language.files import read_content, within

    if name == STANDARD_INPUT:
        return within(sys.stdin.buffer.read(limits.SPEC_BYTES + 1), limits.SPEC_BYTES, "1 MiB")
    return read_content(Path(name), limits.SPEC_BYTES, "1 MiB")


def _print_diff(name: str, before: str, after: str) -> None:
    """A unified diff. Line ends and byte order marks are shown where they change."""
    old, new = (text.split("\n") for text in (before, after))
    lines = list(unified_diff(old, new, name, name, lineterm=""))
    if lines:
        print_document("\n".join(line.replace("\r", "\\r").replace("\ufeff", "\\ufeff") for line in lines))
