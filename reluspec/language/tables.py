"""Lists of numbers and tuples: the values of `x`, `y`, `weight` and of fixed parameters."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from reluspec.language import limits
from reluspec.language import syntax as s
from reluspec.language.algebra import constant
from reluspec.language.diagnostics import counted, quoted
from reluspec.language.scopes import Context

Row: TypeAlias = tuple[Fraction, ...]


@dataclass(frozen=True)
class Rows:
    """A checked list. `spans` has the place of each row (one span for all when they come from a file)."""

    rows: tuple[Row, ...]
    spans: tuple[s.Span, ...]
    origin: s.Span

    @property
    def width(self) -> int:
        return len(self.rows[0])


def rows(field: s.Field, context: Context) -> Rows | None:
    """A list of numbers or of tuples of one length, or None after the errors have been reported."""
    items = list_items(field.name, field.value, context, "numbers, or of tuples such as (0, 1)")
    if items is None:
        return None
    if not items:
        context.error(field.value.span, f"{quoted(field.name.text)} has no points")
        return None
    found: list[Row] = []
    ok = True
    for position, item in enumerate(items):
        row = _row(item, context)
        if row is None:
            ok = False
        elif found and len(row) != len(found[0]):
            message = f"point {position} of {quoted(field.name.text)} has {counted(len(row), 'number')}, point 0 has {len(found[0])}"
            context.error(item.span, message, "every point needs the same length; points count from 0")
            ok = False
        else:
            found.append(row)
    if not ok:
        return None
    return Rows(tuple(found), tuple(item.span for item in items), field.value.span)


def positive_numbers(field: s.Field, context: Context) -> Rows | None:
    """A list of positive numbers (the weights of the points), or None after the errors have been reported."""
    found = rows(field, context)
    if found is None:
        return None
    if found.width != 1:
        context.error(found.spans[0], f"a weight is one number, not a tuple of {found.width}")
        return None
    bad = [place for place, row in enumerate(found.rows) if row[0] <= 0]
    for place in bad:
        value = found.rows[place][0]
        message = "a weight of zero" if not value else f"the negative weight {value}"
        context.error(found.spans[place], message, "weights are positive; leave a point out instead of giving it no weight")
    return None if bad else found


def list_items(name: s.Name, value: s.Value, context: Context, content: str) -> tuple[s.Value, ...] | None:
    """The entries of a list that is not too long, or None after an error."""
    if not isinstance(value, s.ListValue):
        context.error(value.span, f"{quoted(name.text)} must be a list of {content}", "write it in brackets: [ … ]")
        return None
    if len(value.items) > limits.POINTS:
        context.error(value.span, f"{quoted(name.text)} has {len(value.items)} entries; the limit is {limits.POINTS}")
        return None
    return value.items


def _row(item: s.Value, context: Context) -> Row | None:
    entries = item.items if isinstance(item, s.TupleValue) else (item,)
    numbers = [number(entry, context) for entry in entries]
    known = tuple(entry for entry in numbers if entry is not None)
    return known if len(known) == len(numbers) else None


def number(item: s.Value, context: Context) -> Fraction | None:
    """One number, or None after an error."""
    if isinstance(item, s.String):
        context.error(item.span, f"{quoted(item.raw)} is text, not a number", 'column names belong to `data from "FILE.csv" { … }`')
        return None
    if isinstance(item, s.TupleValue | s.ListValue):
        kind = "tuple" if isinstance(item, s.TupleValue) else "list"
        context.error(item.span, f"a {kind} where a number is needed", "a point is a number, or a tuple of numbers such as (0, 1)")
        return None
    return constant(item, context)


def matrix(value: s.Value, width: int, context: Context) -> tuple[Row, ...] | None:
    """A list of lists (or tuples) of `width` numbers each, or None after the errors have been reported."""
    if not isinstance(value, s.ListValue):
        context.error(value.span, "a fixed weight is a list of rows, one per unit", "write it as [[1, -1], [0, 1]]")
        return None
    found = [_matrix_row(item, width, context) for item in value.items]
    known = tuple(row for row in found if row is not None)
    return known if len(known) == len(found) else None


def _matrix_row(item: s.Value, width: int, context: Context) -> Row | None:
    if not isinstance(item, s.ListValue | s.TupleValue):
        context.error(item.span, "a row of a fixed weight is a list of numbers", "write the weight as [[1, -1], [0, 1]], even with one row")
        return None
    if len(item.items) != width:
        context.error(item.span, f"this row has {counted(len(item.items), 'number')}; the layer has {counted(width, 'input')}")
        return None
    numbers = [number(entry, context) for entry in item.items]
    known = tuple(entry for entry in numbers if entry is not None)
    return known if len(known) == width else None
