"""The canonical layout of a spec: `format_text`.

A statement a line, blocks indented by four blanks, one blank around operators that bind weakly and none around the others. Lists that do
not fit in a line are broken: numbers fill the lines, rows of a matrix get one each. Nothing is reworded, reordered or recalculated;
comments stay beside or above the words they were written at; of several empty lines one is left. All decisions rest on the words and on
what is attached to them, which a second pass finds again: formatting twice is formatting once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from reluspec.errors import ReluspecError
from reluspec.language.diagnostics import Report, SourceText
from reluspec.language.layout import Bracket, Layout
from reluspec.language.trivia import Word, drop_word, pass_over, words_with_comments

if TYPE_CHECKING:
    from lark import Lark

_BLOCKS = ("data", "network", "solve")
_TIGHT_BEFORE = frozenset(",)].*/^:")
_TIGHT_AFTER = frozenset("([.*/^")


def format_text(text: str, *, name: str = "<spec>") -> str:
    """The text in canonical layout: LF line ends, or CR LF if its first line ends so; no byte order mark.

    `name` stands for the file in messages. Only the syntax is checked. Raises `SpecError` with every syntax error of the text.
    """
    from reluspec.language.parser import parse

    text = text.removeprefix("\N{BYTE ORDER MARK}")
    report = Report()
    tree = parse(SourceText(name, text), report)
    report.raise_if_any()
    if not tree.statements:
        return Layout(words_with_comments(text, ()), []).text()
    words, brackets = _read(text)
    shown = Layout(words, brackets).text()
    if _said(_read(shown)[0]) != _said(words):
        raise ReluspecError(f"{name}: the formatter would change what this spec says; that is an error of reluspec. Please report it")
    first = re.search(r"\r\n|\n|\r", text)
    return shown.replace("\n", "\r\n") if first and first.group() == "\r\n" else shown


def _read(text: str) -> tuple[list[Word], list[Bracket]]:
    """The words as they will be set, and the brackets among them."""
    tree = _lark().parse(text)
    tokens: list[Any] = [child for subtree in tree.iter_subtrees() for child in subtree.children if not hasattr(child, "children")]
    tokens.sort(key=lambda token: token.start_pos)
    words = words_with_comments(text, ((str(token), token.start_pos, token.end_pos) for token in tokens))
    _normalise_commas(words, tree)
    return words, _mark(words, tree)


def _said(words: list[Word]) -> list[tuple[str, list[str], str]]:
    """What must not change: the words, and which comments stand where."""
    return [(word.text, [comment.text for comment in word.above], word.beside) for word in words]


@lru_cache(maxsize=1)
def _lark() -> Lark:
    """The grammar once more, for a tree of words: the parser's own builds the syntax tree at once."""
    from lark import Lark

    from reluspec.language.grammar import grammar_path

    grammar = grammar_path().read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", start="spec", keep_all_tokens=True, maybe_placeholders=False, propagate_positions=True)


def _lists(tree: Any) -> Iterable[Any]:
    return (subtree for subtree in tree.iter_subtrees() if subtree.data in ("list_value", "tuple_value"))


def _is_comma(child: Any) -> bool:
    return not hasattr(child, "children") and str(child) == ","


def _normalise_commas(words: list[Word], tree: Any) -> None:
    """Comments go behind commas; a comma before a closing bracket goes, but for that of a tuple of one."""
    superfluous = {
        subtree.children[-2].start_pos
        for subtree in _lists(tree)
        if _is_comma(subtree.children[-2]) and not (subtree.data == "tuple_value" and len(subtree.children) == 4)
    }
    for position in reversed(range(len(words))):
        if words[position].start in superfluous and words[position].text == ",":
            drop_word(words, position)
    for position, word in enumerate(words):
        if word.text == ",":
            pass_over(words, position)


def _mark(words: list[Word], tree: Any) -> list[Bracket]:
    """Say of every word how it is set; the brackets of lists and tuples by position."""
    at = {word.start: position for position, word in enumerate(words) if word.text}
    for word, following in pairwise(words):
        word.space_before &= word.text not in _TIGHT_BEFORE
        following.space_before = word.text not in _TIGHT_AFTER
    brackets = []
    for subtree in tree.iter_subtrees():
        children = subtree.children
        match subtree.data:
            case "spec":
                _mark_statements(words, at, children)
            case "data" | "solve" | "network":
                _mark_block(words, at, children)
            case "named" | "call" if len(children) > 1:
                words[at[children[1].start_pos]].space_before = False
            case "reference":
                for child in children:
                    if str(child) == "[":
                        words[at[child.start_pos]].space_before = False
                    elif _is_comma(child):
                        words[at[child.start_pos] + 1].space_before = False
            case "signed" | "exponent":
                for sign in children[:-1]:
                    words[at[sign.start_pos] + 1].space_before = False
            case "regulariser":
                for child in children:
                    if str(child) == "+":
                        words[at[child.start_pos]].may_break = True
            case "list_value" | "tuple_value":
                items = [at[child.meta.start_pos] for child in children if hasattr(child, "children")]
                table = all(child.data in ("list_value", "tuple_value") for child in children if hasattr(child, "children"))
                brackets.append(Bracket(at[children[0].start_pos], at[children[-1].start_pos], tuple(items), table))
    return brackets


def _mark_statements(words: list[Word], at: dict[int, int], statements: Iterable[Any]) -> None:
    for statement in statements:
        word = words[at[statement.meta.start_pos]]
        word.line_start = 0
        word.block = statement.data in _BLOCKS


def _mark_block(words: list[Word], at: dict[int, int], children: list[Any]) -> None:
    """Each field or layer starts a line; so does the closing brace, unless nothing is inside."""
    opening = next(k for k, child in enumerate(children) if str(child) == "{" and not hasattr(child, "children"))
    closing = words[at[children[-1].start_pos]]
    inside = [child for child in children[opening + 1 : -1] if hasattr(child, "children") or str(child) == "input"]
    for child in inside:
        if not hasattr(child, "children"):
            words[at[child.start_pos]].line_start = 1
        elif child.data in ("field", "layer"):
            words[at[child.meta.start_pos]].line_start = 1
    if inside or closing.above or words[at[children[opening].start_pos]].beside:
        closing.line_start = 0
    else:
        closing.space_before = False
