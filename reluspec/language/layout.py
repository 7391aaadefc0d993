"""Words with their marks → lines: where they break, how far they are indented, where comments and empty lines go."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, groupby

from reluspec.language.trivia import Comment, Word

WIDTH = 100
"""Characters of a line that a list or a regulariser is broken for; comments do not count."""
INDENT = 4


@dataclass(frozen=True)
class Bracket:
    """A list or tuple: the positions of its brackets and of the first words of its entries. In a `table` every entry is a list itself."""

    opening: int
    closing: int
    items: tuple[int, ...]
    table: bool


@dataclass
class _Line:
    code: str
    comment: str = ""


@dataclass(frozen=True)
class _Open:
    """A bracket whose entries stand on lines of their own; `indent` is that of the line it opened in."""

    bracket: Bracket
    indent: int


class Layout:
    """Sets the words, which end with an empty one, once."""

    def __init__(self, words: list[Word], brackets: list[Bracket]) -> None:
        self._words = words
        self._brackets = {bracket.opening: bracket for bracket in brackets}
        self._item_ends = {item: end - 1 for bracket in brackets for item, end in _entries(bracket)}
        self._width = [0, *accumulate(len(word.text) + word.space_before for word in words)]
        self._above = [0, *accumulate(len(word.above) for word in words)]
        self._beside = [0, *accumulate(bool(word.beside) for word in words)]
        self._lines: list[_Line] = []
        self._indent = 0
        self._base = 0
        self._stack: list[_Open] = []
        self._break_terms = False
        self._after_block = False

    def text(self) -> str:
        """The lines, each ended by LF."""
        for position, word in enumerate(self._words[:-1]):
            if word.line_start == 0 and word.text != "}":
                self._begin_statement(position)
            self._place(position)
            if word.beside:
                self._lines[-1].comment = word.beside
            bracket = self._brackets.get(position)
            if bracket and self._is_broken(bracket):
                self._stack.append(_Open(bracket, self._indent))
        self._comments(self._words[-1].above, 0, keep_blank=True)
        _align(self._lines)
        return "".join(f"{line.code}{line.comment}\n" for line in self._lines)

    def _begin_statement(self, position: int) -> None:
        word = self._words[position]
        end = self._statement_end(position)
        if self._lines and not word.empty_line_above and (word.block or self._after_block):
            first: Comment | Word = word.above[0] if word.above else word
            first.blank_above = True
        self._after_block = word.block
        self._break_terms = self._flat_width(position, end) > WIDTH or self._has_comments(position, end)

    def _statement_end(self, position: int) -> int:
        following = range(position + 1, len(self._words) - 1)
        return next((k for k in following if self._words[k].line_start is not None), len(self._words) - 1) - 1

    def _place(self, position: int) -> None:
        """Write the word, on a new line if it has to be."""
        word = self._words[position]
        indent, must = self._break_before(position)
        if must or word.above or not self._lines or self._lines[-1].comment:
            free = word.line_start is not None
            inner = indent + INDENT if self._closes(position) else indent
            self._comments(word.above, inner, keep_blank=free)
            if free and word.blank_above and word.text != "}":
                self._empty_line()
            self._lines.append(_Line(" " * indent + word.text))
            self._indent = indent
        else:
            self._lines[-1].code += " " * word.space_before + word.text
        if self._stack and position == self._stack[-1].bracket.closing:
            self._stack.pop()

    def _break_before(self, position: int) -> tuple[int, bool]:
        """The indentation the word has if it starts a line, and whether it must."""
        word = self._words[position]
        if word.line_start is not None:
            self._base = word.line_start * INDENT
            return self._base, True
        if not self._stack:
            return self._base + INDENT, word.may_break and self._break_terms
        top = self._stack[-1]
        if position == top.bracket.closing:
            return top.indent, True
        if position not in top.bracket.items:
            return top.indent + 2 * INDENT, False
        first = position == top.bracket.items[0]
        column = len(self._lines[-1].code) + 1 + self._flat_width(position, self._item_ends[position]) + 1
        return top.indent + INDENT, first or top.bracket.table or column > WIDTH

    def _closes(self, position: int) -> bool:
        """Whether the word ends a block or a broken list: comments above it belong to the inside."""
        if self._stack and position == self._stack[-1].bracket.closing:
            return True
        return self._words[position].text == "}" and self._words[position].line_start is not None

    def _is_broken(self, bracket: Bracket) -> bool:
        if self._has_comments(bracket.opening, bracket.closing):
            return True
        comma = self._words[bracket.closing + 1].text == ","
        rest = self._flat_width(bracket.opening, bracket.closing) - 1
        return len(self._lines[-1].code) + rest + comma > WIDTH and bool(bracket.items)

    def _flat_width(self, first: int, last: int) -> int:
        return self._width[last + 1] - self._width[first] - self._words[first].space_before

    def _has_comments(self, first: int, last: int) -> bool:
        """Whether there are comments between the first and the last word."""
        return self._above[last + 1] > self._above[first + 1] or self._beside[last] > self._beside[first]

    def _comments(self, comments: list[Comment], indent: int, *, keep_blank: bool) -> None:
        for comment in comments:
            if comment.blank_above and keep_blank:
                self._empty_line()
            self._lines.append(_Line(" " * indent, comment.text))

    def _empty_line(self) -> None:
        """None at the beginning of the text or of a block, nor two in a row."""
        last = self._lines[-1] if self._lines else _Line("")
        if (last.code.strip() or last.comment) and not last.code.endswith("{"):
            self._lines.append(_Line(""))


def _entries(bracket: Bracket) -> list[tuple[int, int]]:
    """The entries of a list: first word, and the comma or bracket after it."""
    ends = [*(item - 1 for item in bracket.items[1:]), bracket.closing]
    return list(zip(bracket.items, ends[: len(bracket.items)], strict=True))


def _align(lines: list[_Line]) -> None:
    """Comments beside lines of one indentation that follow each other start in one column, two blanks off the longest."""
    for _, lines_alike in groupby(lines, lambda line: bool(line.comment and line.code.strip()) and _indentation(line)):
        run = [line for line in lines_alike if line.comment and line.code.strip()]
        column = max((len(line.code) for line in run), default=0) + 2
        for line in run:
            line.code = line.code.ljust(column)


def _indentation(line: _Line) -> tuple[int]:
    return (len(line.code) - len(line.code.lstrip(" ")),)
