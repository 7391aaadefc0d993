"""The `data` statement → points, values and weights."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from reluspec.language import syntax as s
from reluspec.language.csv_data import Table, column, csv_text, read_table
from reluspec.language.diagnostics import counted, quoted, suggestion
from reluspec.language.files import UnreadableError
from reluspec.language.scopes import Context
from reluspec.language.strings import unescaped
from reluspec.language.tables import Rows, positive_numbers, rows

_FIELDS = ("x", "y", "weight")


@dataclass(frozen=True)
class CheckedData:
    """The parts of the data that are right; None stands for one that is not."""

    x: Rows | None
    y: Rows | None
    weight: Rows | None


def fields_by_name(fields: tuple[s.Field, ...], known: tuple[str, ...], statement: str, context: Context) -> dict[str, s.Field]:
    """The fields of a statement in braces; unknown and repeated ones are reported."""
    found: dict[str, s.Field] = {}
    for field in fields:
        name = field.name.text
        if name not in known:
            context.error(field.name.span, f"`{statement}` has no field {quoted(name)}", suggestion(name, known))
        elif name in found:
            line = context.source.position(found[name].name.span.start)[0]
            context.error(field.name.span, f"{quoted(name)} is given twice", f"the first is in line {line}")
        else:
            found[name] = field
    return found


def check_data(statement: s.DataStatement, directory: Path | None, context: Context) -> CheckedData:
    """Check the statement by itself; that it fits the network is `check_fit`'s part."""
    fields = fields_by_name(statement.fields, _FIELDS, "data", context)
    for name in ("x", "y"):
        if name not in fields and not any(field.name.text not in _FIELDS for field in statement.fields):
            context.error(statement.keyword, f"the data has no {quoted(name)}", f"add a line {name} = [ … ]")
    if statement.csv is None:
        parts = {name: (positive_numbers if name == "weight" else rows)(field, context) for name, field in fields.items()}
    else:
        parts = _from_file(statement.csv, fields, directory, context)
    data = CheckedData(parts.get("x"), parts.get("y"), parts.get("weight"))
    _same_lengths(data, fields, context)
    return data


def _same_lengths(data: CheckedData, fields: dict[str, s.Field], context: Context) -> None:
    if data.x is None:
        return
    wanted = len(data.x.rows)
    for name, part in (("y", data.y), ("weight", data.weight)):
        if part is not None and len(part.rows) != wanted:
            message = f"{quoted(name)} has {counted(len(part.rows), 'value')}, but `x` has {counted(wanted, 'point')}"
            context.error(fields[name].name.span, message, "every point needs one entry in each")


def check_fit(data: CheckedData, inputs: tuple[int, s.Span] | None, outputs: int | None, context: Context) -> None:
    """Report points whose length is not the network's number of inputs or outputs."""
    if data.x is not None and inputs is not None and data.x.width != inputs[0]:
        message = f"the points of `x` have {counted(data.x.width, 'number')}, but the network has {counted(inputs[0], 'input')}"
        line = context.source.position(inputs[1].start)[0]
        context.error(data.x.spans[0], message, f"`input {inputs[0]}` is in line {line}; one of the two is wrong")
    if data.y is not None and outputs is not None and data.y.width != outputs:
        message = f"the values of `y` have {counted(data.y.width, 'number')}, but the network has {counted(outputs, 'output')}"
        context.error(data.y.spans[0], message, "the units of the last layer are the outputs")


# ---- CSV


def _from_file(file: s.String, fields: dict[str, s.Field], directory: Path | None, context: Context) -> dict[str, Rows | None]:
    names = {name: _column_names(field, context) for name, field in fields.items()}
    path = unescaped(file, context)
    if path is None:
        return {}
    full = (directory or Path()) / path
    try:
        if path not in context.files:
            context.files[path] = csv_text(full)
    except UnreadableError as error:
        where = f"{quoted(path)}: {error}"
        hint = error.hint or f"the path is relative to {'the spec' if directory else 'the working directory'}: {full}"
        context.error(file.span, where, hint)
        return {}
    table = read_table(context.files[path], str(full), context.report)
    if table is None:
        return {}
    return {name: None if wanted is None else _columns(name, fields[name], wanted, table, context) for name, wanted in names.items()}


def _column_names(field: s.Field, context: Context) -> list[tuple[str, s.Span]] | None:
    """The columns a field names: `[height, "shoe size"]`, or one without brackets."""
    items = field.value.items if isinstance(field.value, s.ListValue) else (field.value,)
    found = []
    for item in items:
        if isinstance(item, s.Reference) and item.bare:
            found.append((item.name, item.span))
        elif isinstance(item, s.String):
            name = unescaped(item, context)
            if name is not None:
                found.append((name.strip(), item.span))
        else:
            context.error(item.span, "this is not the name of a column", 'a name with other characters goes in quotes: "shoe size"')
    if not items:
        context.error(field.value.span, f"{quoted(field.name.text)} names no column")
        return None
    if field.name.text == "weight" and len(items) > 1:
        context.error(field.value.span, f"`weight` is one column, not {len(items)}")
        return None
    return found if len(found) == len(items) else None


def _columns(name: str, field: s.Field, wanted: list[tuple[str, s.Span]], table: Table, context: Context) -> Rows | None:
    columns: list[list[Fraction] | None] = []
    for title, span in wanted:
        count = table.header.count(title)
        if count == 1:
            columns.append(column(table, table.header.index(title), context.report, positive=name == "weight"))
            continue
        columns.append(None)
        if count:
            context.error(span, f"{quoted(table.source.name)} has {count} columns named {quoted(title)}", "rename all but one")
            continue
        hint = suggestion(title, table.header)
        if len(table.header) == 1 and any(mark in table.header[0] for mark in ";\t"):
            hint = "the file seems to be separated by `;` or tabs; it must be separated by commas"
        context.error(span, f"{quoted(table.source.name)} has no column {quoted(title)}", hint)
    known = [values for values in columns if values is not None]
    if len(known) < len(columns):
        return None
    return Rows(tuple(zip(*known, strict=True)), (field.value.span,) * len(table.rows), field.value.span)
