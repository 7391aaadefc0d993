"""What the grammar leaves out: comments and blank lines, attached to the words beside which they stand, for `formatting`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

_COMMENT = re.compile(r"#[^\r\n]*")
_LINE_END = re.compile(r"\r\n|\n|\r")
_BLANKS = " \t\f"


@dataclass
class Comment:
    """A comment on a line of its own; `blank_above` says that an empty line stands above it."""

    text: str
    blank_above: bool = False


@dataclass
class Word:
    """One word of a spec (or its end) and the comments beside it.

    `above` are the comments on lines of their own before it, `beside` the one that ends its line. The flags say how `formatting` sets it.
    """

    text: str
    start: int
    above: list[Comment] = field(default_factory=list)
    beside: str = ""
    blank_above: bool = False
    space_before: bool = True
    line_start: int | None = None
    """If the word starts a line in every layout: the depth of its block."""
    block: bool = False
    """It starts a statement that is written as a block of several lines."""
    may_break: bool = False
    """It may start a line where its statement is too long for one."""
    item: bool = False
    """It starts an entry of a list or tuple."""

    @property
    def empty_line_above(self) -> bool:
        return self.blank_above or any(comment.blank_above for comment in self.above)


def words_with_comments(text: str, tokens: Iterable[tuple[str, int, int]]) -> list[Word]:
    """The words (text, start, end) in order, with the comments between them; last comes an empty word for the end of the text."""
    words: list[Word] = []
    stop = 0
    for shown, start, end in (*tokens, ("", len(text), len(text))):
        word = Word(shown, start)
        _attach(text[stop:start], words[-1] if words else None, word)
        words.append(word)
        stop = end
    return words


def _attach(gap: str, before: Word | None, after: Word) -> None:
    """Give the comments in the gap between two words to one of them."""
    lines = _blank_runs(gap)
    for blank_lines, comment in lines:
        if not comment:
            after.blank_above = blank_lines > 1
        elif blank_lines == 0 and before is not None and not before.beside and not after.above:
            before.beside = comment
        else:
            after.above.append(Comment(comment, blank_lines > 1))


def _blank_runs(gap: str) -> Iterator[tuple[int, str]]:
    """The comments of a gap, each with the number of line ends before it; last, without a comment, those before the word."""
    stop = 0
    for match in _COMMENT.finditer(gap):
        yield len(_LINE_END.findall(gap, stop, match.start())), match.group().rstrip(_BLANKS)
        stop = match.end()
    yield len(_LINE_END.findall(gap, stop)), ""


def drop_word(words: list[Word], position: int) -> None:
    """Take out a word that means nothing; its comments stay."""
    word, before, after = words[position], words[position - 1], words[position + 1]
    after.above[:0] = word.above
    if word.beside and (word.above or before.beside):
        after.above.insert(len(word.above), Comment(word.beside))
    elif word.beside:
        before.beside = word.beside
    del words[position]


def pass_over(words: list[Word], position: int) -> None:
    """Move the comments before a comma behind it: a line should not start with one."""
    comma, before, after = words[position], words[position - 1], words[position + 1]
    moved = [Comment(before.beside)] if before.beside else []
    moved += comma.above
    if comma.beside:
        moved.append(Comment(comma.beside))
    if not moved:
        return
    beside_line = bool(before.beside) or not comma.above
    before.beside, comma.above = "", []
    comma.beside = moved.pop(0).text if beside_line else ""
    after.above[:0] = moved
