"""Activations, objectives and penalties by name: looked up in the plugin registry and built."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from reluspec.errors import PluginError
from reluspec.language import syntax as s
from reluspec.language.algebra import constant
from reluspec.language.diagnostics import counted, quoted, suggestion
from reluspec.language.scopes import Context
from reluspec.plugins import Group, installed, load, names
from reluspec.problem.definitions import Definition
from reluspec.problem.expression import Expression, Variable, variables

_WORDS = {Group.ACTIVATION: "activation", Group.LOSS: "objective", Group.REGULARISER: "penalty"}
_VARIABLES = {
    Group.ACTIVATION: frozenset({Variable("z")}),
    Group.LOSS: frozenset({Variable("y"), Variable("f")}),
    Group.REGULARISER: frozenset({Variable("p")}),
}


@dataclass(frozen=True)
class Built:
    """A part as written (`name`, `arguments`) and as meant."""

    name: str
    arguments: tuple[Fraction, ...]
    expression: Expression


def build_named(part: s.Named, group: Group, context: Context) -> Built | None:
    """The part of that name with its arguments, or None after the errors have been reported."""
    arguments = [constant(argument, context) for argument in part.arguments]
    definition = _definition(part, group, context)
    if definition is None:
        return None
    wanted = len(definition.parameters)
    if len(arguments) != wanted:
        takes = f"takes {counted(wanted, 'argument')}" if wanted else "takes no argument"
        context.error(part.span, f"{quoted(part.name.text)} {takes}; {len(arguments)} given", f"write {_signature(definition)}")
        return None
    known = tuple(argument for argument in arguments if argument is not None)
    if len(known) < wanted:
        return None
    where = part.arguments[0].span.to(part.arguments[-1].span) if part.arguments else part.span
    try:
        expression = definition.build(*known)
        stray = sorted({str(variable) for variable in variables(expression) if variable not in _VARIABLES[group]})
    except ValueError as error:
        context.error(where, str(error))
        return None
    except Exception as error:  # the definition may be a plugin's, and a plugin may fail in any way
        context.error(part.span, f"the {_WORDS[group]} {quoted(part.name.text)} fails: {type(error).__name__}: {error}", "tell its author")
        return None
    if stray:
        context.error(part.span, f"the {_WORDS[group]} {quoted(part.name.text)} uses the variable {stray[0]}", "tell its author")
        return None
    return Built(part.name.text, known, expression)


def _definition(part: s.Named, group: Group, context: Context) -> Definition | None:
    name = part.name.text
    usable = names(group)
    if name in usable:
        definition: Definition = load(group, name)
        return definition
    if any(plugin.name == name for plugin in installed(group)):
        try:
            load(group, name)
        except PluginError as error:
            context.error(part.name.span, str(error))
            return None
    shown = [_signature(load(group, known)) for known in usable]
    context.error(part.name.span, f"unknown {_WORDS[group]} {quoted(name)}", suggestion(name, usable, shown))
    return None


def _signature(definition: Definition) -> str:
    return f"{definition.name}({', '.join(definition.parameters)})" if definition.parameters else definition.name


def as_written(span: s.Span, context: Context) -> str:
    """The source text of a part on one line, without comments."""
    return " ".join(re.sub(r"#[^\r\n]*", " ", context.text(span)).split())
