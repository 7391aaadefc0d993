"""Whatever the text, the outcome is a Problem or a SpecError whose diagnostics have places in the text."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spec_texts import SPECS, spec

from reluspec.errors import SpecError
from reluspec.language import parse_spec
from reluspec.language.files import UnreadableError, read_text
from reluspec.problem.problem import Problem

FULL = spec(
    data="data { x = [-1, (0), 1/2] y = [1, 2, 3] weight = [1, a, 2^a] }",
    network="network { input a hidden: layer 2 { max(z, z/10) } fixed bias [0, 1] output: layer 1 leaky_relu(1/10) without bias }",
    loss="loss mean { max(0, 1 - y*f)^2 + abs(y[0] - f[0]) }",
    more="""regulariser ridge(a/10) on hidden.weight + { p^4 } on output + { hidden.weight[0,0]^2 }
let a = 1
title "a \\" b"
solve { timeout = 3 }""",
)
TEXTS = [FULL, *(path.read_text(encoding="utf-8") for path in SPECS)]
WORDS = [
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    ",",
    ":",
    ".",
    "=",
    "+",
    "-",
    "*",
    "/",
    "^",
    '"',
    "#",
    "\\",
    "\0",
    "\r",
    "\n",
    "\t",
    "\ufeff",
    "0",
    "1e9",
    "9^9^9",
    ".5",
    "x",
    "y",
    "f",
    "z",
    "p",
    "a",
    "title",
    "let",
    "data",
    "from",
    "network",
    "input",
    "layer",
    "without",
    "bias",
    "fixed",
    "weight",
    "loss",
    "sum",
    "mean",
    "regulariser",
    "on",
    "solve",
    "max",
    "abs",
    "hidden",
    "hidden.weight",
    "ridge",
    "squared_error",
    "relu",
    "all",
    "∞",
    "é",
    '"points.csv"',
    "1/0",
    "f[0]",
    "-",
    "[[1]]",
]
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def has_places(error: SpecError, text: str) -> None:
    assert error.diagnostics
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for diagnostic in error.diagnostics:
        assert diagnostic.message
        if diagnostic.file == "<spec>":
            assert 0 < diagnostic.line <= len(lines)
            assert 0 < diagnostic.column <= len(lines[diagnostic.line - 1]) + 1
            assert diagnostic.length > 0
    str(error).encode("utf-8")


def outcome(text: str, **options) -> None:
    try:
        problem = parse_spec(text, **options)
    except SpecError as error:
        has_places(error, text)
        return
    assert isinstance(problem, Problem)


def test_the_text_to_be_spoilt_is_right():
    assert isinstance(parse_spec(FULL), Problem)


@QUICK
@given(st.text(st.characters(), max_size=200))
def test_any_text(text):
    outcome(text)


@QUICK
@given(st.lists(st.sampled_from(WORDS), max_size=60).map(" ".join))
def test_any_words(text):
    outcome(text)


@st.composite
def spoilt(draw):
    text = draw(st.sampled_from(TEXTS))
    for _ in range(draw(st.integers(1, 4))):
        a, b = sorted(draw(st.tuples(st.integers(0, len(text)), st.integers(0, 12))))
        start, stop = min(a, len(text)), min(a + b, len(text))
        kind = draw(st.sampled_from(["delete", "insert", "repeat", "swap", "replace"]))
        if kind == "delete":
            text = text[:start] + text[stop:]
        elif kind == "insert":
            text = text[:start] + draw(st.sampled_from(WORDS)) + text[start:]
        elif kind == "repeat":
            text = text[:stop] + text[start:]
        elif kind == "replace":
            text = text[:start] + draw(st.sampled_from(WORDS)) + text[stop:]
        else:
            text = text[stop:] + text[:start]
    return text


@settings(QUICK, max_examples=400)
@given(spoilt())
def test_spoilt_specs(text):
    outcome(text)


@st.composite
def spoilt_tokens(draw):
    tokens = draw(st.sampled_from(TEXTS)).split()
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(tokens) - 1))
        tokens[place : place + draw(st.integers(0, 2))] = draw(st.lists(st.sampled_from(WORDS), max_size=2))
    return " ".join(tokens)


@settings(QUICK, max_examples=400)
@given(spoilt_tokens())
def test_spoilt_words(text):
    outcome(text)


@QUICK
@given(st.lists(st.sampled_from(WORDS), max_size=10).map(" ".join))
def test_any_override(text):
    outcome(FULL, overrides={"a": text})


CSV_PIECES = ["a", "b", ",", ",", "1", "1/3", "-2.5e3", '"', "\n", "\r", "\r\n", " ", "\ufeff", "\0", "x", "é", "1/0", "1e9999999"]


@QUICK
@given(st.lists(st.sampled_from(CSV_PIECES), max_size=25).map("".join))
def test_any_csv(tmp_path_factory, text):
    directory = tmp_path_factory.getbasetemp()
    (directory / "points.csv").write_bytes(("a,b\n" + text).encode())
    outcome(spec(data='data from "points.csv" { x = [a] y = [b] }'), directory=directory)


@QUICK
@given(st.binary(max_size=50))
def test_any_bytes(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "bytes.rspec"
    path.write_bytes(content)
    try:
        text = read_text(path, 40, "40 bytes")
    except UnreadableError:
        return
    assert text.encode() == content.removeprefix(b"\xef\xbb\xbf")


@pytest.mark.parametrize("cut", range(0, len(FULL), 7))
def test_every_beginning_of_a_spec(cut):
    outcome(FULL[:cut])
