"""What the parser expected, in human words: terminal names → phrases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

_PHRASES = {
    "NUMBER": "an expression",
    "NAME": "a name",
    "STRING": "a string in double quotes",
    "LSQB": "a list in `[ ]`",
    "LBRACE": "`{`",
    "$END": "the end of the file",
}
# Where an expression may start, these words start it too and need no mention of their own.
_STARTS_OF_EXPRESSION = {"NAME", "LPAR", "PLUS", "MINUS"}
# What may go on after a complete expression or name: true, and never what the reader misses.
_CONTINUATIONS = {"PLUS", "MINUS", "STAR", "SLASH", "CIRCUMFLEX", "DOT", "LPAR", "LSQB"}
STATEMENTS = ("TITLE", "LET", "DATA", "NETWORK", "LOSS", "REGULARISER", "REGULARIZER", "SOLVE")
_BRITISH_ONLY = {"REGULARIZER"}  # one spelling is enough in a message


def describe_expected(terminals: Iterable[str], words: Mapping[str, str]) -> str:
    """A phrase such as "`,` or `]`" for a set of terminals; `words` gives the text of those that have a fixed one."""
    wanted = set(terminals) - _BRITISH_ONLY
    phrases = []
    statements = {name for name in STATEMENTS if name in wanted}
    if "NUMBER" in wanted:
        wanted -= _STARTS_OF_EXPRESSION
    elif wanted - _CONTINUATIONS:
        wanted -= _CONTINUATIONS
    if len(statements) > 1:
        listed = ", ".join(f"`{words[name]}`" for name in STATEMENTS if name in statements)
        phrases.append(f"the next statement ({listed})")
        wanted -= {*statements, "$END"}
    order = list(_PHRASES)
    for name in sorted(wanted, key=lambda name: (order.index(name) if name in order else -1, name)):
        phrases.append(_PHRASES[name] if name in _PHRASES else f"`{words.get(name, name.lower())}`")
    if len(phrases) < 2:
        return "".join(phrases)
    return ", ".join(phrases[:-1]) + " or " + phrases[-1]
