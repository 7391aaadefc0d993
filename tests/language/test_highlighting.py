"""Both highlighters – Pygments' and the TextMate grammar, run by a TextMate engine – against the grammar's own lexer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from shutil import copy
from tempfile import TemporaryDirectory
from typing import Any

import pygments.lexers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pygments.token import Comment, Error, Keyword, Number, String
from spec_texts import ROOT, SPECS
from test_formatting import FULL, comments, words

from reluspec.language.formatting import _lark
from reluspec.language.highlighting import RspecLexer

highlight = pytest.importorskip("babi.highlight", reason="babi, a TextMate engine, is not installed")

TEXTS = [
    FULL,
    'data from "a b.csv" { x = [height, "shoe size"] y = [sum] weight = title } # out\nloss mean huber(1/2) # "x"',
    "let sum = 1 let title = sum*data let on = -title ^ let network { input sum input: layer on relu sum: layer 1 linear }",
    "network { input 1 layer 2 relu without bias bias: layer fixed {max(input, layer)} fixed bias [from] fixed weight [[1]] }",
    "regularizer ridge(on) on on, bias.bias, input + lasso(sum) + { sum^2 + mean[loss] } on title\nloss sum { data - 2 }",
    *(path.read_text(encoding="utf-8") for path in (*SPECS, *sorted((ROOT / "examples").rglob("*.rspec")))),
]
KINDS = {"NUMBER": "number", "STRING": "string"}
Marked = list[tuple[str, str]]


def by_the_grammar(text: str) -> Marked:
    """Words with the kind the parser takes them for."""
    tree = _lark().parse(text)
    tokens = [child for subtree in tree.iter_subtrees() for child in subtree.children if not hasattr(child, "children")]
    kept = sorted(
        (token for token in tokens if str(token)[0] not in "+-*/^=.,:()[]{}" or token.type == "NUMBER"), key=lambda t: t.start_pos
    )
    return [(str(t), KINDS.get(t.type, "name" if t.type == "NAME" else "keyword")) for t in kept]


def by_pygments(text: str) -> Iterator[tuple[str, str]]:
    names = {Keyword: "keyword", Number: "number", String: "string", Comment.Single: "comment"}
    for kind, word in RspecLexer(stripnl=False, ensurenl=False).get_tokens(text):
        assert kind is not Error, word
        if word.strip() and word not in set("+-*/^=.,:()[]{}"):
            yield word, names.get(kind, "name")


@cache
def textmate() -> Any:
    """The engine reads a folder of files that are named by their scope."""
    with TemporaryDirectory() as folder:
        copy(ROOT / "grammar" / "rspec.tmLanguage.json", Path(folder) / "source.rspec.json")
        return highlight.Grammars(folder).compiler_for_scope("source.rspec")


def by_textmate(text: str) -> Iterator[tuple[str, str]]:
    scopes = {"keyword.control": "keyword", "constant": "number", "string": "string", "comment": "comment"}
    compiler = textmate()
    state = compiler.root_state
    for number, line in enumerate(text.split("\n")):
        state, regions = highlight.highlight_line(compiler, state, line + "\n", number == 0)
        for region in regions:
            word, scope = line[region.start : region.end], region.scope[-1]
            assert not scope.startswith("invalid"), word
            if word.strip() and scope != "source.rspec" and not scope.startswith(("punctuation", "keyword.operator")):
                yield word, next((kind for start, kind in scopes.items() if scope.startswith(start)), "name")


@pytest.mark.parametrize("marker", [by_pygments, by_textmate], ids=["pygments", "textmate"])
@pytest.mark.parametrize("number", range(len(TEXTS)))
def test_words_are_what_the_parser_takes_them_for(number: int, marker) -> None:
    text = TEXTS[number]
    marked = list(marker(text))
    assert [entry for entry in marked if entry[1] != "comment"] == by_the_grammar(text)
    assert [word for word, kind in marked if kind == "comment"] == comments(text)


@st.composite
def respaced(draw: st.DrawFn) -> tuple[str, str]:
    pieces = words(draw(st.sampled_from(TEXTS)))
    gaps = st.sampled_from([" ", "  ", "\t", "\n", " # layer {\n", "\n\n# (x: y = 1\n"])
    joined = pieces[0]
    for before, piece in pairwise(pieces):
        # An editor's grammar looks no further than the line for the colon or the sign of equality that makes a word a name.
        joined += (" " if piece in ":=" or before in ":=" else draw(gaps)) + piece
    return joined, joined.replace("\n", "\r\n")


@settings(max_examples=100, deadline=None)
@given(respaced())
def test_odd_spacing(texts: tuple[str, str]) -> None:
    for text in texts:
        expected = by_the_grammar(text)
        assert [entry for entry in by_pygments(text) if entry[1] != "comment"] == expected
    assert [entry for entry in by_textmate(texts[0]) if entry[1] != "comment"] == expected


def test_what_the_grammar_does_not_know_is_marked() -> None:
    assert any(kind is Error for kind, _ in RspecLexer().get_tokens("let a = 2x + §"))
    with pytest.raises(AssertionError):
        list(by_textmate("let a = 1 + §"))


def test_pygments_finds_it() -> None:
    assert type(pygments.lexers.get_lexer_by_name("rspec")) is RspecLexer
    assert type(pygments.lexers.get_lexer_for_filename("poster.rspec")) is RspecLexer


def test_the_textmate_grammar_is_of_this_language() -> None:
    document = json.loads((ROOT / "grammar" / "rspec.tmLanguage.json").read_text(encoding="utf-8"))
    assert (document["scopeName"], document["fileTypes"]) == ("source.rspec", ["rspec"])
    assert Path(ROOT / "grammar" / "README.md").is_file()
