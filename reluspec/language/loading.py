"""Files and texts → problems: the front end's two doors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from reluspec.language import limits
from reluspec.language.checker import check
from reluspec.language.diagnostics import Report, SourceText
from reluspec.language.files import UnreadableError, read_text
from reluspec.language.parser import parse
from reluspec.language.scopes import Context
from reluspec.problem.problem import Problem


def load_spec(path: str | Path, overrides: Mapping[str, str] | None = None) -> Problem:
    """The problem a `.rspec` file states.

    `overrides` replace the expressions of `let` statements by name. CSV files are looked for beside the spec. Raises `SpecError` with every
    error of the file.
    """
    path = Path(path)
    report = Report()
    try:
        text = read_text(path, limits.SPEC_BYTES, "1 MiB")
    except UnreadableError as error:
        report.whole(str(path), str(error), error.hint)
        report.raise_if_any()
        raise AssertionError("unreachable: the report has an error") from error
    return _problem(text, str(path), path.stem, overrides or {}, path.parent)


def parse_spec(
    text: str,
    *,
    name: str = "<spec>",
    overrides: Mapping[str, str] | None = None,
    directory: str | Path | None = None,
    files: Mapping[str, str] | None = None,
) -> Problem:
    """The problem a text states; `name` stands for the file in messages.

    CSV files are looked for first among `files` (path in the spec -> text), then in `directory`, by default the working directory. Raises
    `SpecError` with every error of the text.
    """
    report = Report()
    size = len(text.encode("utf-8", errors="replace"))
    if size > limits.SPEC_BYTES:
        report.whole(name, f"a spec of {size} bytes; the limit is 1 MiB ({limits.SPEC_BYTES} bytes)")
        report.raise_if_any()
    stem = "untitled" if name.startswith("<") else Path(name).stem
    place = None if directory is None else Path(directory)
    return _problem(text.removeprefix("\N{BYTE ORDER MARK}"), name, stem, overrides or {}, place, files)


def _problem(
    text: str, name: str, default_title: str, overrides: Mapping[str, str], directory: Path | None, files: Mapping[str, str] | None = None
) -> Problem:
    report = Report()
    context = Context(SourceText(name, text), report, files=dict(files or {}))
    tree = parse(context.source, report)
    problem = None
    if tree.statements or tree.complete:
        problem = check(tree, context, default_title=default_title or "untitled", overrides=overrides, directory=directory)
    report.raise_if_any()
    if problem is None:
        raise AssertionError("the checker returned no problem and reported no error")
    return problem
