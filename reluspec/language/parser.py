"""Text → syntax tree. A statement that cannot be parsed is reported and skipped, so that the errors behind it are found too."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from reluspec.language import limits
from reluspec.language.diagnostics import Report, SourceText, nearest, quoted
from reluspec.language.expected import STATEMENTS, describe_expected
from reluspec.language.grammar import grammar_path
from reluspec.language.syntax import Span, SpecSyntax, Statement

if TYPE_CHECKING:
    from lark import Lark
    from lark.exceptions import UnexpectedInput

_BRACKETS = {"(": ")", "[": "]", "{": "}"}
_SKELETON = re.compile(r'#[^\r\n]*|"(?:[^"\\\r\n]|\\[^\r\n])*"|[()\[\]{}]')
_STATEMENT = re.compile(r"(?:^|(?<=[\r\n]))[ \t]*(title|let|data|network|loss|regulari[sz]er|solve)\b")
_LET_NAME = re.compile(r"\blet\s+([^\W\d]\w*)")
_WORD = re.compile(r"[^\W\d]\w*")
_MALFORMED_NUMBER = re.compile(r"[0-9.][\w.]*")
_LOOK_ALIKES = {
    **dict.fromkeys("\N{MINUS SIGN}\N{EN DASH}\N{EM DASH}\N{HYPHEN}\N{NON-BREAKING HYPHEN}", "-"),
    **dict.fromkeys("\N{MULTIPLICATION SIGN}\N{DOT OPERATOR}\N{MIDDLE DOT}\N{ASTERISK OPERATOR}", "*"),
    **dict.fromkeys("\N{DIVISION SIGN}\N{DIVISION SLASH}\N{FRACTION SLASH}\\", "/"),
    **dict.fromkeys("\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}\N{DOUBLE LOW-9 QUOTATION MARK}'", '"'),
    **dict.fromkeys("\N{FULLWIDTH COMMA};", ","),
    "\N{NO-BREAK SPACE}": "a plain blank",
    "\N{SUPERSCRIPT TWO}": "^2",
    "\N{SUPERSCRIPT THREE}": "^3",
}


@lru_cache(maxsize=1)
def _lark() -> Lark:
    """Lark is imported and the tables are built when a spec is first parsed: commands that parse none stay quick."""
    from lark import Lark

    from reluspec.language.tree import TreeBuilder

    return Lark(
        grammar_path().read_text(encoding="utf-8"),
        parser="lalr",
        start="spec",
        keep_all_tokens=True,
        maybe_placeholders=False,
        transformer=TreeBuilder(),
    )


@lru_cache(maxsize=1)
def _words() -> dict[str, str]:
    """The fixed text of each terminal that has one."""
    from lark.lexer import PatternStr

    return {terminal.name: terminal.pattern.value for terminal in _lark().terminals if isinstance(terminal.pattern, PatternStr)}


def statement_words() -> frozenset[str]:
    """The words that start a statement."""
    return frozenset(_words()[name] for name in STATEMENTS)


@dataclass(frozen=True)
class _SyntaxFailure:
    """The first syntax error of a text.

    `after_statement` says that what precedes it is complete; `resume_from` is where the search for the next statement starts.
    """

    span: Span
    message: str
    hint: str
    resume_from: int
    after_statement: bool = False


def parse(source: SourceText, report: Report, *, rank: int = 1) -> SpecSyntax:
    """The syntax tree of every statement that can be parsed; the syntax errors of the others go to `report`."""
    if _unfit(source, report, rank):
        return SpecSyntax((), complete=False)
    statements: list[Statement] = []
    skipped: set[str] = set()
    begin = 0
    for _ in range(limits.SYNTAX_ERRORS):
        tree, failure = _parse_once(source, begin, len(source.text))
        if failure is None:
            statements += tree.statements if tree else ()
            return SpecSyntax(tuple(statements), complete=begin == 0, skipped_lets=frozenset(skipped))
        report.error(source, failure.span, failure.message, failure.hint, rank=rank)
        good_until, resume = _around(source.text, begin, failure.resume_from)
        if not failure.after_statement:
            skipped.update(_LET_NAME.findall(source.text, good_until, resume))
        before, _ = _parse_once(source, begin, failure.span.start if failure.after_statement else good_until)
        statements += before.statements if before else ()
        begin = resume
    return SpecSyntax(tuple(statements), complete=False, skipped_lets=frozenset(skipped))


def _around(text: str, begin: int, error: int) -> tuple[int, int]:
    """The start of the statement that an error is in, and where the next one starts (statements at the start of a line only)."""
    good_until = begin
    for match in _STATEMENT.finditer(text, begin):
        if match.start(1) >= error and match.start(1) > begin:
            return good_until, match.start(1)
        good_until = match.start(1)
    return good_until, len(text)


def _parse_once(source: SourceText, begin: int, stop: int) -> tuple[SpecSyntax | None, _SyntaxFailure | None]:
    """Parse one piece of the text. Blanks stand for what is before it, so that the positions are those of the whole."""
    from lark.exceptions import UnexpectedInput

    piece = " " * begin + source.text[begin:stop]
    try:
        tree: Any = _lark().parse(piece)
    except UnexpectedInput as error:
        return None, _failure(source, piece, begin, error)
    return tree, None


def _failure(source: SourceText, piece: str, begin: int, error: UnexpectedInput) -> _SyntaxFailure:
    from lark.exceptions import UnexpectedToken

    offset = error.pos_in_stream or 0
    if not isinstance(error, UnexpectedToken):
        expected: set[str] = set(getattr(error, "allowed", None) or ())
        return _bad_character(source.text, offset, describe_expected(expected, _words()))
    expected = set(error.accepts or error.expected)
    phrase = describe_expected(expected, _words())
    if error.token.type == "$END":
        span, found = SourceText(source.name, piece).end, "the end of the file"
    else:
        span, found = Span(offset, offset + len(error.token)), quoted(str(error.token))
    hints = []
    keyword = nearest(str(error.token), [word for name, word in _words().items() if name in expected and _WORD.fullmatch(word)])
    if keyword and error.token.type != "$END":
        hints.append(f"did you mean `{keyword}`?")
    # A line that starts like a statement while a bracket of an earlier line is open: it is the bracket that is wrong.
    line = source.start_of(source.position(span.start)[0])
    begins = _STATEMENT.match(piece, line)
    open_above = _left_open(piece, begin, line) if begins else []
    left_open = open_above or (_left_open(piece, begin, span.start) if error.token.type == "$END" else [])
    if left_open:
        hints.append(f"the `{piece[left_open[-1]]}` of line {source.position(left_open[-1])[0]} is not closed")
    resume_from = begins.start(1) if begins and open_above else span.start
    return _SyntaxFailure(span, f"expected {phrase}, found {found}", " ".join(hints), resume_from, "$END" in expected)


def _bad_character(text: str, offset: int, phrase: str) -> _SyntaxFailure:
    """The error for a character at which no word can start."""
    character = text[offset]
    if character == '"':
        line_end = re.compile(r"[\r\n]|$").search(text, offset)
        stop = line_end.start() if line_end else len(text)
        return _SyntaxFailure(Span(offset, stop), "the string is not closed before the end of the line", 'close it with `"`', stop)
    number = _MALFORMED_NUMBER.match(text, offset)
    if number and any(digit.isdigit() for digit in number.group()):
        hint = "write numbers as 12, 0.5, 1e-3 or 1/3, and products with `*`"
        return _SyntaxFailure(Span(*number.span()), f"{quoted(number.group())} is not a number", hint, offset)
    named = quoted(character) if character.isprintable() else f"U+{ord(character):04X}"
    if character == "*" and text[offset - 1 : offset] == "*":
        return _SyntaxFailure(Span(offset, offset + 1), "unexpected character `*`", "powers are written with `^`", offset)
    hint = f"expected {phrase}" if phrase else ""
    if character in _LOOK_ALIKES:
        meant = _LOOK_ALIKES[character]
        hint = f"did you mean {meant if len(meant) > 2 else f'`{meant}`'}?"
    return _SyntaxFailure(Span(offset, offset + 1), f"unexpected character {named}", hint, offset)


def _unfit(source: SourceText, report: Report, rank: int) -> bool:
    """Report what makes a text unfit for parsing: NUL bytes, lone surrogates, brackets nested too deeply, no statement at all."""
    text = source.text
    if "\0" in text:
        at = text.index("\0")
        report.error(source, Span(at, at + 1), "there is a NUL byte here", "a spec is plain text in UTF-8", rank=rank)
        return True
    surrogate = re.search("[\ud800-\udfff]", text)
    if surrogate:
        message = f"U+{ord(surrogate.group()):04X} is half a character"
        report.error(source, Span(*surrogate.span()), message, "a spec is text in UTF-8", rank=rank)
        return True
    deepest = _too_deep(text)
    if deepest is not None:
        message = f"brackets are nested {limits.NESTING + 1} deep here; the limit is {limits.NESTING}"
        report.error(source, Span(deepest, deepest + 1), message, rank=rank)
        return True
    return False


def _too_deep(text: str) -> int | None:
    depth = 0
    for match in _SKELETON.finditer(text):
        if match.group() in _BRACKETS:
            depth += 1
            if depth > limits.NESTING:
                return match.start()
        elif match.group() in ")]}":
            depth = max(0, depth - 1)
    return None


def _left_open(text: str, begin: int, stop: int) -> list[int]:
    """The offsets of the brackets which are open at `stop`."""
    stack: list[int] = []
    for match in _SKELETON.finditer(text, begin, stop):
        if match.group() in _BRACKETS:
            stack.append(match.start())
        elif match.group() in ")]}" and stack:
            stack.pop()
    return stack
