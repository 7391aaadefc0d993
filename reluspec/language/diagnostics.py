"""Diagnostics: the place, the line itself with a caret, what is wrong, and a remedy."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property

from reluspec.errors import SpecError
from reluspec.language import limits
from reluspec.language.syntax import Span

_LINE_END = re.compile(r"\r\n|\n|\r")
_INDENT = "    "
_NAME_SHOWN = 60
_KNOWN_COMPARED = 200
_KNOWN_SHOWN = 12


@dataclass(frozen=True)
class SourceText:
    """A text and the name it has in messages. Lines end at CR LF, LF or CR; lines and columns count from 1, columns in characters."""

    name: str
    text: str

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(match.end() for match in _LINE_END.finditer(self.text))]

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of the character at `offset`."""
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def line(self, number: int) -> str:
        """The line without its end."""
        if not 1 <= number <= len(self._starts):
            return ""
        stop = self._starts[number] if number < len(self._starts) else len(self.text)
        return self.text[self._starts[number - 1] : stop].rstrip("\r\n")

    def start_of(self, line: int) -> int:
        """The offset of a line's first character."""
        return self._starts[line - 1]

    @property
    def end(self) -> Span:
        """The place after the last character that is not blank, where something missing would have been."""
        stop = len(self.text.rstrip())
        return Span(stop, stop + 1)


@dataclass(frozen=True)
class Diagnostic:
    """One error. `line` is 0 when the error is about the file as a whole; `length` is how many characters the caret underlines."""

    line: int
    column: int
    length: int
    message: str
    hint: str = ""
    file: str = field(default="<spec>", compare=False)
    source_line: str = field(default="", compare=False)

    def __str__(self) -> str:
        if not self.line:
            lines = [f"{self.file}: error: {self.message}"]
        else:
            shown, caret = _window(self.source_line, self.column, self.length)
            lines = [f"{self.file}:{self.line}:{self.column}: error: {self.message}", _INDENT + shown, _INDENT + caret]
        return "\n".join([*lines, f"  {self.hint}"] if self.hint else lines)


@dataclass
class Report:
    """Collects the errors of one load. Past `limits.DIAGNOSTICS_KEPT` it only counts them."""

    _found: list[tuple[int, int, Diagnostic]] = field(default_factory=list)
    _count: int = 0

    def error(self, source: SourceText, span: Span, message: str, hint: str = "", *, rank: int = 1) -> None:
        """Add an error. Errors are shown by `rank` (0 the command line, 1 the spec, 2 files it names), then by position."""
        self._count += 1
        if self.full:
            return
        line, column = source.position(span.start)
        text = source.line(line)
        length = max(1, min(span.end - span.start, len(text) - column + 1))
        self._found.append((rank, span.start, Diagnostic(line, column, length, message, hint, source.name, text)))

    def whole(self, name: str, message: str, hint: str = "", *, rank: int = 1) -> None:
        """Add an error about a file (or an option) as a whole."""
        self._count += 1
        if self.full:
            return
        self._found.append((rank, 0, Diagnostic(0, 0, 0, message, hint, name)))

    @property
    def full(self) -> bool:
        """Whether further errors would only be counted."""
        return len(self._found) >= limits.DIAGNOSTICS_KEPT

    def __bool__(self) -> bool:
        return self._count > 0

    def raise_if_any(self) -> None:
        """Raises `SpecError` with all errors in order of position, if there are any."""
        if not self._count:
            return
        diagnostics = tuple(diagnostic for _, _, diagnostic in sorted(self._found, key=lambda entry: entry[:2]))
        printed = [str(diagnostic) for diagnostic in diagnostics[: limits.DIAGNOSTICS_PRINTED]]
        left = self._count - len(printed)
        if left:
            printed.append(f"and {left} more error{'s' if left > 1 else ''}")
        raise SpecError("\n".join(printed), diagnostics)


def quoted(text: str) -> str:
    """A word of the spec as messages show it; a long one is cut."""
    clean = "".join(map(_visible, text))
    return f"`{clean}`" if len(clean) <= _NAME_SHOWN else f"`{clean[: _NAME_SHOWN - 1]}…`"


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` most likely means."""
    candidates = list(known)[:_KNOWN_COMPARED]
    for candidate in candidates:
        if candidate.casefold() == name.casefold():
            return candidate
    matches = get_close_matches(name[:_NAME_SHOWN], candidates, n=1)
    return matches[0] if matches else None


def suggestion(name: str, known: Iterable[str], shown: Sequence[str] | None = None) -> str:
    """The hint for an unknown name: the nearest known one and the list of all (`shown`, if they are listed in another form)."""
    names = list(known)
    listed = list(shown) if shown is not None else names
    best = nearest(name, names)
    parts = [f"did you mean {quoted(best)}?"] if best else []
    if listed:
        cut = [entry if len(entry) <= _NAME_SHOWN else entry[: _NAME_SHOWN - 1] + "…" for entry in listed[:_KNOWN_SHOWN]]
        parts.append("known: " + ", ".join([*cut, "…"] if len(listed) > _KNOWN_SHOWN else cut))
    return " ".join(parts)


def counted(number: int, word: str) -> str:
    """`1 number`, `2 numbers`."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _visible(character: str) -> str:
    """Control characters (a terminal would obey them) and lone surrogates (it could not print them) become a replacement character."""
    hidden = character != "\t" and unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    return "\N{REPLACEMENT CHARACTER}" if hidden else character


def _width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _window(line: str, column: int, length: int) -> tuple[str, str]:
    """The part of a line around a column, and the line with the carets below it.

    Tabs are kept in both, so that they move both alike wherever the terminal's tab stops are.
    """
    start = 0 if len(line) <= limits.LINE_SHOWN else max(0, min(column - 1 - limits.LINE_SHOWN // 2, len(line) - limits.LINE_SHOWN))
    stop = min(len(line), start + limits.LINE_SHOWN)
    before, after = "…" if start else "", "…" if stop < len(line) else ""
    shown = before + "".join(map(_visible, line[start:stop])) + after
    lead = before + line[start : column - 1]
    under = line[column - 1 : min(column - 1 + length, stop)]
    blank = "".join("\t" if character == "\t" else " " * _width(character) for character in lead)
    return shown.rstrip(), blank + "^" * max(1, sum(map(_width, under)))
