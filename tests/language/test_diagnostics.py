"""Places and carets, the grammar file, and the parser's start-up."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from spec_texts import ROOT, error_of, spec

from reluspec.language import grammar_path, limits
from reluspec.language.diagnostics import Diagnostic, SourceText, nearest, suggestion
from reluspec.language.expected import describe_expected


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_in_three_ways(end):
    (diagnostic,) = error_of(spec(more="let a = 1\n  let b = c").replace("\n", end)).diagnostics
    assert (diagnostic.line, diagnostic.column, diagnostic.length) == (9, 11, 1)
    assert diagnostic.source_line == "  let b = c"


def test_the_column_ignores_the_byte_order_mark(tmp_path):
    (diagnostic,) = error_of("\N{BYTE ORDER MARK}let a = b\n" + spec()).diagnostics
    assert (diagnostic.line, diagnostic.column) == (1, 9)


def caret_under(text: str, word: str) -> None:
    _, line, caret, *_ = str(error_of(text)).split("\n")
    for tab in (4, 8):
        shown, under = line.expandtabs(tab), caret.expandtabs(tab)
        assert shown[under.index("^") : under.rindex("^") + 1] == word


def test_carets_under_tabs():
    caret_under(spec(more="\tlet\ta =\t\twrong"), "wrong")


def test_carets_under_wide_and_combining_characters():
    _, _, caret, *_ = str(error_of(spec(more='title "数学" let a = wrong'))).split("\n")
    # Each of the two ideographs takes two cells of a terminal.
    assert caret.index("^") == 4 + len('title "数学" let a = ') + 2


def test_long_lines_are_cut_around_the_place():
    text = spec(more="let a = " + "1 + " * 3000 + "wrong + " + "1 + " * 3000 + "1")
    _, line, caret, *_ = str(error_of(text)).split("\n")
    assert len(line) <= limits.LINE_SHOWN + 6
    assert line[caret.index("^") : caret.rindex("^") + 1] == "wrong"
    assert line.strip().startswith("…")
    assert line.endswith("…")


def test_control_characters_do_not_reach_the_terminal():
    printed = str(error_of(spec(more='title "\x1b[2J" let a = wrong')))
    assert "\x1b" not in printed
    assert "\N{REPLACEMENT CHARACTER}" in printed


def test_diagnostics_are_values():
    assert Diagnostic(1, 2, 3, "m", "h", "a") == Diagnostic(1, 2, 3, "m", "h", "b", "line")
    error = error_of("let a = b")
    copy = pickle.loads(pickle.dumps(error))
    assert str(copy) == str(error)
    assert copy.diagnostics == error.diagnostics


def test_source_text():
    source = SourceText("a", "ab\r\nc\rd\n")
    assert [source.position(k) for k in (0, 1, 4, 6, 8)] == [(1, 1), (1, 2), (2, 1), (3, 1), (4, 1)]
    assert [source.line(k) for k in (0, 1, 2, 3, 4, 5)] == ["", "ab", "c", "d", "", ""]


def test_suggestions():
    assert nearest("RELU", ["abs", "relu"]) == "relu"
    assert nearest("xyz", ["abs", "relu"]) is None
    assert suggestion("a", []) == ""
    assert suggestion("zz", [f"n{k}" for k in range(20)]).endswith("n11, …")


def test_expected_words():
    assert describe_expected({"NUMBER", "NAME", "LPAR", "MINUS", "PLUS"}, {}) == "an expression"
    assert describe_expected({"STAR", "PLUS", "RPAR"}, {"RPAR": ")"}) == "`)`"
    assert describe_expected({"$END"}, {}) == "the end of the file"
    assert describe_expected(set(), {}) == ""


def test_the_grammar_of_this_checkout_is_found():
    assert grammar_path() == ROOT / "grammar" / "rspec.lark"


def run_copy(folder: Path, *, with_grammar: bool) -> str:
    """Parse a spec with a copy of the package laid out as the wheel has it."""
    shutil.copytree(ROOT / "reluspec", folder / "reluspec", ignore=shutil.ignore_patterns("__pycache__"))
    if with_grammar:
        shutil.copy(ROOT / "grammar" / "rspec.lark", folder / "reluspec" / "language" / "rspec.lark")
    code = f"""
from reluspec.errors import ReluspecError
from reluspec.language import grammar_path, load_spec
try:
    print(grammar_path(), load_spec({str(ROOT / "specs" / "closed_arc.rspec")!r}).title)
except ReluspecError as error:
    print(error)
"""
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=folder, check=True, env=environment)
    return result.stdout


def test_the_grammar_of_a_wheel_is_found(tmp_path):
    assert run_copy(tmp_path, with_grammar=True).startswith(f"{tmp_path}/reluspec/language/rspec.lark closed arc")


def test_a_wheel_without_the_grammar_says_so(tmp_path):
    assert run_copy(tmp_path, with_grammar=False).startswith("the grammar is missing: it is neither ")


def test_lark_is_imported_when_a_spec_is_parsed():
    code = "import sys, reluspec.language; print('lark' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert result.stdout == "False\n"
