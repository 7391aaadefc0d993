"""The `let` statements, and the overrides that replace some of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction

from reluspec.errors import UsageError
from reluspec.language import limits
from reluspec.language import syntax as s
from reluspec.language.algebra import constant
from reluspec.language.diagnostics import SourceText, quoted, suggestion
from reluspec.language.parser import parse, statement_words
from reluspec.language.scopes import FUNCTIONS, VARIABLES, Context

_NAME = re.compile(r"[^\W\d]\w*")


def parse_overrides(settings: Sequence[str]) -> dict[str, str]:
    """`["lambda=1/20"]` → `{"lambda": "1/20"}`. Raises `UsageError` for anything that is not NAME=EXPR, and for a name given twice."""
    found: dict[str, str] = {}
    for setting in settings:
        name, separator, text = (piece.strip() for piece in setting.partition("="))
        if not separator or not text or not _NAME.fullmatch(name):
            raise UsageError(f"--set needs NAME=EXPR, for example lambda=1/20, not {quoted(setting)}")
        if name in found:
            raise UsageError(f"--set gives {quoted(name)} twice: {quoted(found[name])} and {quoted(text)}")
        found[name] = text
    return found


def check_lets(statements: Sequence[s.LetStatement], skipped: frozenset[str], overrides: Mapping[str, str], context: Context) -> None:
    """Evaluate the lets in order into `context.constants`; every error has been reported."""
    first: dict[str, s.LetStatement] = {}
    for let in statements:
        if _usable_name(let, first, context):
            first[let.name.text] = let
    known = {*first, *skipped}
    for name in overrides:
        if name not in known:
            hint = suggestion(name, first) or "the spec has no `let`"
            context.report.whole(f"--set {name}", f"no `let` in {context.source.name} defines {quoted(name)}", hint, rank=0)
    context.constants.update(dict.fromkeys(skipped))
    context.later.update({name: context.source.position(let.name.span.start)[0] for name, let in first.items()})
    for name, let in first.items():
        value = _override(name, overrides[name], context) if name in overrides else constant(let.expression, context)
        del context.later[name]
        context.constants[name] = value


def _usable_name(let: s.LetStatement, first: Mapping[str, s.LetStatement], context: Context) -> bool:
    name = let.name.text
    if name in VARIABLES:
        context.error(let.name.span, f"{quoted(name)} cannot be defined: it is a variable of expressions in braces", "choose another name")
    elif name in FUNCTIONS:
        context.error(let.name.span, f"{quoted(name)} cannot be defined: it is a function", "choose another name")
    elif name in statement_words():
        context.error(let.name.span, f"{quoted(name)} cannot be defined: it is a word of the language", "choose another name")
    elif name in first:
        line = context.source.position(first[name].name.span.start)[0]
        context.error(let.name.span, f"{quoted(name)} is defined twice", f"the first `let {name}` is in line {line}")
    else:
        return True
    return False


def _override(name: str, text: str, context: Context) -> Fraction | None:
    """The value of a `--set`, parsed as the statement it stands for; its errors show the command line's text."""
    prefix = f"let {name}="
    source = SourceText(f"--set {name}", prefix + text)
    if len(text) > limits.SPEC_BYTES:
        context.report.whole(source.name, f"an expression of {len(text)} characters; the limit is {limits.SPEC_BYTES}", rank=0)
        return None
    tree = parse(source, context.report, rank=0)
    if not tree.complete:
        return None
    if len(tree.statements) != 1:
        span = s.Span(len(prefix), len(source.text))
        context.report.error(source, span, "an override is one expression", "for example --set lambda=1/20", rank=0)
        return None
    (let,) = tree.statements
    own = Context(source, context.report, context.constants, context.later, rank=0)
    return constant(let.expression, own) if isinstance(let, s.LetStatement) else None
