"""String literals."""

from __future__ import annotations

from reluspec.language import syntax as s
from reluspec.language.diagnostics import quoted
from reluspec.language.scopes import Context

_ESCAPES = {'"': '"', "\\": "\\", "n": "\n"}


def unescaped(string: s.String, context: Context) -> str | None:
    """The text a string literal means, or None after an unknown escape has been reported."""
    body = string.raw[1:-1]
    pieces = []
    position = 0
    while position < len(body):
        character = body[position]
        if character != "\\":
            pieces.append(character)
            position += 1
            continue
        following = body[position + 1]
        if following not in _ESCAPES:
            at = string.span.start + 1 + position
            context.error(s.Span(at, at + 2), f"unknown escape {quoted(body[position : position + 2])}", r"a string knows \", \\ and \n")
            return None
        pieces.append(_ESCAPES[following])
        position += 2
    return "".join(pieces)
