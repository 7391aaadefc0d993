"""The formatter: canonical, idempotent, nothing lost, nothing reworded."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from spec_texts import ROOT, SPECS, spec

from reluspec.errors import SpecError
from reluspec.language import format_text, parse_spec
from reluspec.language.formatting import _lark
from reluspec.language.layout import WIDTH
from reluspec.problem.problem import Problem

QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
FULL = """title "a # \\" b"
let a = 1  let b_2 = (a + 1) / 2 ^ -1 - -3
data { x = [(-1, .5,), ((0), 1 / 2), (2, 1e-3)] y = [1, 2, 3,] weight = [1, a, 2^a] }
network {
    input 2
    hidden: layer 2 { max(z, z/10) - relu(-z) } fixed weight [[1, -1], [0, 1]]
    layer 3 leaky_relu(1/10) without bias
    output: layer 1 linear fixed bias [0]
}
loss mean { max(0, 1 - y*f)^2 + abs(y[0] - f[0]) }
regulariser ridge(a/10) on hidden.bias, output + { p^4 } on output.weight + { output.weight[0, 0]^2 } + lasso(1)
solve { timeout = 3 precision = 64 }
"""
TEXTS = [FULL, *(path.read_text(encoding="utf-8") for path in (*SPECS, *(ROOT / "examples").rglob("*.rspec")) if "vee" not in path.name)]
GAPS = [
    " ",
    "\t",
    "\n",
    "\r\n",
    "\r",
    "\n\n\n",
    "  \f ",
    " # c\n",
    "# c\r\n",
    "#\n",
    "\n# own\n",
    "\n\n # own \t\n\n#two\n",
    ' # "x" [ # \r',
]


def words(text: str) -> list[str]:
    """The words of a text by the grammar's own lexer; commas, which the formatter may drop before a bracket, are left out."""
    tree = _lark().parse(text)
    tokens = [child for subtree in tree.iter_subtrees() for child in subtree.children if not hasattr(child, "children")]
    return [str(token) for token in sorted(tokens, key=lambda token: token.start_pos)]


def comments(text: str) -> list[str]:
    strings_or_comments = re.findall(r'"(?:[^"\\\r\n]|\\[^\r\n])*"|(#[^\r\n]*)', text)
    return [comment.rstrip(" \t\f") for comment in strings_or_comments if comment]


def meaning(text: str) -> Problem:
    """The problem without the texts of what stands in braces: these are quoted as they were written."""
    problem = parse_spec(text)
    layers = tuple(replace(layer, activation=replace(layer.activation, name="")) for layer in problem.network.layers)
    penalties = tuple(replace(penalty, text="") for penalty in problem.regulariser)
    network = replace(problem.network, layers=layers)
    return replace(problem, network=network, loss=replace(problem.loss, name=""), regulariser=penalties)


def check(text: str) -> str:
    shown = format_text(text)
    assert format_text(shown) == shown
    assert meaning(shown) == meaning(text)
    assert [word for word in words(shown) if word != ","] == [word for word in words(text) if word != ","]
    assert comments(shown) == comments(text)
    lines = shown.split("\n")
    assert lines[-1] == ""
    assert not any(line != line.rstrip(" \t\f") for line in lines if "#" not in line)
    assert "\n\n\n" not in shown
    assert not shown.startswith("\n")
    return shown


@pytest.mark.parametrize("path", [*SPECS, *sorted((ROOT / "examples").rglob("*.rspec"))], ids=lambda path: path.stem)
def test_what_we_ship_is_canonical(path: Path) -> None:
    assert path.read_bytes().decode() == format_text(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("number", range(len(TEXTS)))
def test_known_specs(number: int) -> None:
    check(TEXTS[number])


@st.composite
def respaced(draw: st.DrawFn) -> str:
    """A spec with other gaps between its words, comments among them."""
    pieces = words(draw(st.sampled_from(TEXTS)))
    gaps = draw(st.lists(st.sampled_from(GAPS), min_size=len(pieces) + 1, max_size=len(pieces) + 1))
    return "".join(gap + piece for gap, piece in zip(gaps, [*pieces, ""], strict=True))


@QUICK
@given(respaced())
def test_odd_spacing_and_comments_everywhere(text: str) -> None:
    check(text)


numbers = st.sampled_from(["0", "1", "-2", "3/4", "-.5", "1e-3", "2^3", "(1 + 2)", "+1", "1 - -1", "2*3", "12345678901234567890"])
names = st.sampled_from(["hidden", "sum", "layer1", "größe", "_"])
z_expression = st.recursive(
    st.sampled_from(["z", "1", "2/3", "-z", "lam"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from([" + ", "-", "*"]), inner).map(lambda t: f"({t[0]}{t[1]}{t[2]})"),
        st.lists(inner, min_size=1, max_size=3).map(lambda t: f"max({', '.join(t)})"),
        inner.map(lambda t: f"abs( {t} )"),
        inner.map(lambda t: f"({t})^ 2" if len(t) < 20 else t),
    ),
    max_leaves=6,
)


@st.composite
def problems(draw: st.DrawFn) -> str:
    """Specs of all shapes: widths of data from one to many lines, rows, layers, expressions, penalties, orders of statements."""
    count, inputs, units = draw(st.integers(1, 60)), draw(st.integers(1, 3)), draw(st.integers(1, 4))
    points = draw(st.lists(st.lists(numbers, min_size=inputs, max_size=inputs), min_size=count, max_size=count))
    x = [row[0] if inputs == 1 else f"({','.join(row)})" for row in points]
    y = draw(st.lists(numbers, min_size=count, max_size=count))
    name = draw(names)
    fixed = ""
    if draw(st.booleans()):
        rows = draw(st.lists(st.lists(numbers, min_size=inputs, max_size=inputs), min_size=units, max_size=units))
        fixed = " fixed weight [" + ", ".join(f"[{', '.join(row)}]" for row in rows) + "]"
    comma = draw(st.sampled_from(["", ",", " ,"]))
    terms = draw(st.lists(st.sampled_from([f"ridge(lam) on {name}.bias", "lasso(1/7)", "{ p^2 * 3 } on output"]), min_size=1, max_size=9))
    statements = [
        f"data {{ x = [{', '.join(x)}{comma}] y = [{','.join(y)}{comma}] }}",
        f"network {{ input {inputs} {name}: layer {units} {{ {draw(z_expression)} }}{fixed} output: layer 1 linear }}",
        "loss sum squared_error",
        "let lam = 1/10",
        f"regulariser {' + '.join(terms)}",
    ]
    return draw(st.sampled_from(["\n", "\n\n\n", " ", "\r\n"])).join(draw(st.permutations(statements)))


@QUICK
@given(problems())
def test_generated_specs(text: str) -> None:
    try:
        parse_spec(text)
    except SpecError:
        assume(False)  # a power past the language's limits, say
    check(text)


@QUICK
@given(st.lists(st.sampled_from([*words(FULL), *GAPS]), max_size=40).map(" ".join))
def test_any_words_are_formatted_or_refused(text: str) -> None:
    try:
        shown = format_text(text)
    except SpecError:
        return
    assert format_text(shown) == shown


def test_lines_are_filled_and_rows_stand_alone() -> None:
    numbers_shown = ", ".join(str(k) for k in range(80))
    rows = ", ".join(f"({k}, {k})" for k in range(40))
    shown = format_text(f"data {{ x = [{numbers_shown}] y = [{rows}] }}")
    lines = shown.splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert min(len(line) for line in lines[2:5]) > WIDTH - 5
    assert "        (0, 0)," in lines
    assert lines[-3] == "        (39, 39)"


SCATTERED = """# head


data { # the points
 x=[1, # one
 # two
 2 # last
 ,] # beside
 y=[1,2]


 # end of data
}
loss sum squared_error# how

# end"""
GATHERED = """# head

data {  # the points
    x = [
        1,  # one
        # two
        2  # last
    ]  # beside
    y = [1, 2]

    # end of data
}

loss sum squared_error  # how

# end
"""


def test_comments_keep_their_places() -> None:
    assert format_text(SCATTERED) == GATHERED


def test_comments_around_commas_stay_in_order() -> None:
    for text in (
        "x=[1 # a\n , # b\n 2]",
        "x=[1\n# a\n, # b\n 2]",
        "x=[1 # a\n # b\n , # c\n # d\n]",
        "x=[(1 # a\n , # b\n )]",
        "x=[# a\n]",
    ):
        shown = format_text(f"data {{ {text} }}")
        assert comments(shown) == comments(text)
        assert format_text(shown) == shown


def test_line_ends_and_byte_order_marks() -> None:
    text = spec()
    assert "\r" not in format_text(text)
    dos = format_text("\ufeff" + text.replace("\n", "\r\n"))
    assert dos == format_text(text).replace("\n", "\r\n")
    assert format_text(dos) == dos
    assert format_text(text.replace("\n", "\r")) == format_text(text)


def test_texts_without_words() -> None:
    for text, shown in (("", ""), ("\n\n", ""), (" # only\r\r", "# only\n"), ("# a\n\n\n# b", "# a\n\n# b\n")):
        assert format_text(text) == shown


def test_deep_nesting_is_no_problem() -> None:
    deep = "".join("(1+2*-3^-" for _ in range(98)) + "1" + ")" * 98
    shown = format_text(f"let a = {deep}")
    assert format_text(shown) == shown


def test_syntax_errors_are_the_checkers() -> None:
    text = "data { x = [1 2] }\nlosss sum"
    with pytest.raises(SpecError) as formatted:
        format_text(text, name="m.rspec")
    with pytest.raises(SpecError) as parsed:
        parse_spec(text, name="m.rspec")
    assert formatted.value.diagnostics == parsed.value.diagnostics[: len(formatted.value.diagnostics)]
    assert "m.rspec:1:15: error" in str(formatted.value)
