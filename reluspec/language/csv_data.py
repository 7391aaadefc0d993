"""Data columns from a CSV file: UTF-8, comma-separated, names in the first row, every number read exactly."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from reluspec.language import limits
from reluspec.language import syntax as s
from reluspec.language.diagnostics import Report, SourceText, counted, quoted
from reluspec.language.files import read_text, regular_only
from reluspec.language.numbers import NumberError, cell

_RANK = 2  # errors in the CSV file come after those in the spec


@dataclass(frozen=True)
class Table:
    """The header and the rows of a CSV file; `lines[i]` is the file's line on which row `i` starts."""

    source: SourceText
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]


def csv_text(path: Path) -> str:
    """The text of a CSV file. Raises `UnreadableError`."""
    regular_only(path)
    return read_text(path, limits.CSV_BYTES, "64 MiB")


def read_table(text: str, shown: str, report: Report) -> Table | None:
    """The table in a CSV text, or None after what is wrong with it has been reported."""
    if excess := _excess(text):
        report.whole(shown, excess, rank=_RANK)
        return None
    source = SourceText(shown, text)
    rows: list[tuple[str, ...]] = []
    lines: list[int] = []
    try:
        for line, row in _rows(source.text):
            if len(rows) > limits.POINTS:
                report.whole(shown, f"more than {limits.POINTS} rows; that is the limit", rank=_RANK)
                return None
            rows.append(tuple(row))
            lines.append(line)
    except csv.Error as error:
        line = lines[-1] + 1 if lines else 1
        at = source.start_of(line) if source.line(line) else 0
        report.error(source, s.Span(at, at + len(source.line(line))), f"not a CSV row: {error}", rank=_RANK)
        return None
    while rows and not any(name.strip() for name in rows[-1]) and len(rows[-1]) < 2:
        rows.pop()  # blank lines at the end of a file mean nothing; one between rows is an error
        lines.pop()
    if not rows:
        report.whole(shown, "the file is empty", "its first row names the columns", rank=_RANK)
        return None
    header = tuple(name.strip() for name in rows[0])
    table = Table(source, header, tuple(rows[1:]), tuple(lines[1:]))
    if not table.rows:
        report.whole(shown, "the file has a header and no rows", rank=_RANK)
        return None
    return table if _rectangular(table, report) else None


def _excess(text: str) -> str:
    """The limit that a text exceeds before it is taken apart: each cell and each line costs some fifty times its one byte."""
    if (count := text.count("\n") + text.count("\r") - text.count("\r\n")) > limits.CSV_LINES:
        return f"{count} lines; the limits are {limits.POINTS} rows and {limits.CSV_LINES} lines"
    columns = 1 + max(line.count(",") for line in text.split("\n"))
    cells = text.count(",")
    if columns > limits.CSV_COLUMNS:
        return f"a line with {columns} columns; the limit is {limits.CSV_COLUMNS}"
    return f"{cells} cells; the limit is {limits.CSV_CELLS}" if cells > limits.CSV_CELLS else ""


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    for row in reader:
        yield line, row
        line = reader.line_num + 1


def _rectangular(table: Table, report: Report) -> bool:
    ok = True
    for line, row in zip(table.lines, table.rows, strict=True):
        if len(row) != len(table.header):
            at = table.source.start_of(line)
            message = f"row {line} has {counted(len(row), 'cell')}, the header has {len(table.header)}" if row else f"row {line} is empty"
            report.error(table.source, s.Span(at, at + len(table.source.line(line))), message, rank=_RANK)
            ok = False
    return ok


def column(table: Table, place: int, report: Report, *, positive: bool = False) -> list[Fraction] | None:
    """One column as exact numbers, or None after every bad cell has been reported with its row."""
    values: list[Fraction] = []
    ok = True
    for line, row in zip(table.lines, table.rows, strict=True):
        try:
            value = cell(row[place])
        except NumberError as error:
            reason = "the cell is empty" if not row[place].strip() else str(error)
        else:
            values.append(value)
            if not positive or value > 0:
                continue
            reason = f"the weight {value} is not positive"
        ok = False
        # Past the number of errors kept, the place is not worth looking for: there may be a hundred thousand.
        span = s.Span(0, 0) if report.full else _cell_span(table, line, place, row)
        report.error(table.source, span, f"row {line}, column {quoted(table.header[place])}: {reason}", rank=_RANK)
    return values if ok else None


def _cell_span(table: Table, line: int, place: int, row: Sequence[str]) -> s.Span:
    """Where a cell is in its line; the whole line when a quoted cell runs over line ends."""
    text, at = table.source.line(line), table.source.start_of(line)
    starts, quote = [0], False
    for position, character in enumerate(text):
        if character == '"':
            quote = not quote
        elif character == "," and not quote:
            starts.append(position + 1)
    if len(starts) != len(row):
        return s.Span(at, at + len(text))
    stop = starts[place + 1] - 1 if place + 1 < len(starts) else len(text)
    return s.Span(at + starts[place], at + stop)
