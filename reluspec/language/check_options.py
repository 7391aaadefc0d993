"""The `solve` statement."""

from __future__ import annotations

from fractions import Fraction

from reluspec.language import limits
from reluspec.language import syntax as s
from reluspec.language.algebra import constant
from reluspec.language.check_data import fields_by_name
from reluspec.language.diagnostics import quoted, suggestion
from reluspec.language.numbers import shown
from reluspec.language.scopes import Context
from reluspec.language.strings import unescaped
from reluspec.plugins import Group, installed
from reluspec.problem.problem import SolveOptions

_OPTIONS = ("engine", "precision", "workers", "timeout")
_AUTO = "auto"


def check_options(statement: s.SolveStatement, context: Context) -> SolveOptions:
    """The options; `auto` leaves any of them to the program. Errors have been reported."""
    fields = fields_by_name(statement.fields, _OPTIONS, "solve", context)
    return SolveOptions(
        engine=_engine(fields.get("engine"), context),
        precision=_count(fields.get("precision"), "bits", limits.PRECISION_BITS, context),
        workers=_count(fields.get("workers"), "threads", limits.WORKERS, context),
        timeout=_timeout(fields.get("timeout"), context),
    )


def _engine(field: s.Field | None, context: Context) -> str | None:
    if field is None:
        return None
    value = field.value
    if isinstance(value, s.String):
        name = unescaped(value, context)
    elif isinstance(value, s.Reference) and value.bare:
        name = value.name
    else:
        context.error(value.span, "`engine` is the name of an engine, or `auto`", 'other characters go in quotes: "my-engine"')
        return None
    if name is None or name == _AUTO:
        return None
    # Why an installed one cannot be used is said when it is needed.
    known = [plugin.name for plugin in installed(Group.ENGINE)]
    if name not in known:
        context.error(value.span, f"there is no engine {quoted(name)}", suggestion(name, [_AUTO, *known]))
        return None
    return name


def _number(field: s.Field | None, context: Context) -> Fraction | None:
    if field is None or (isinstance(field.value, s.Reference) and field.value.bare and field.value.name == _AUTO):
        return None
    if isinstance(field.value, s.String | s.ListValue | s.TupleValue):
        context.error(field.value.span, f"{quoted(field.name.text)} is a number, or `auto`")
        return None
    return constant(field.value, context)


def _count(field: s.Field | None, word: str, allowed: range, context: Context) -> int | None:
    value = _number(field, context)
    if field is None or value is None:
        return None
    if value not in allowed:
        least, most = allowed[0], allowed[-1]
        context.error(field.value.span, f"{quoted(field.name.text)} must be an integer from {least} to {most} ({word}), not {shown(value)}")
        return None
    return int(value)


def _timeout(field: s.Field | None, context: Context) -> Fraction | None:
    value = _number(field, context)
    if field is None or value is None:
        return None
    if value <= 0:
        context.error(field.value.span, f"`timeout` must be positive (seconds), not {shown(value)}")
        return None
    return value
