"""Every error of a spec has its own message, place and remedy."""

from __future__ import annotations

import pytest
from spec_texts import DATA, LOSS, NETWORK, error_of, marked, messages, spec

from reluspec.errors import ReluspecError, SpecError, UsageError
from reluspec.language import load_spec, parse_overrides

HIDDEN = "hidden: layer 2 relu"


def network(old: str = "", new: str = "") -> str:
    assert old in NETWORK
    return spec(network=NETWORK.replace(old, new))


def check(text: str, message: str, place: str, hint: str = "", **options) -> None:
    """Exactly one error: `message` is in it, the caret underlines `place`, `hint` is in the remedy."""
    error = error_of(text, **options)
    assert len(error.diagnostics) == 1, str(error)
    (diagnostic,) = error.diagnostics
    assert message in diagnostic.message
    assert marked(text, **options) == [place]
    assert hint in diagnostic.hint
    assert diagnostic.message in str(error)


def test_the_printed_form():
    error = error_of(network("relu", "rellu"), name="model.rspec")
    assert str(error) == (
        "model.rspec:4:21: error: unknown activation `rellu`\n"
        "        hidden: layer 2 rellu\n"
        "                        ^^^^^\n"
        "  did you mean `relu`? known: linear, relu, leaky_relu(ALPHA), abs, hard_tanh, relu6"
    )
    assert isinstance(error, ReluspecError)
    assert error.exit_code == 1


# ---- syntax


@pytest.mark.parametrize(
    ("text", "message", "place", "hint"),
    [
        (spec(data="data { x = [0 1] y = [1] }"), "expected `,` or `]`, found `1`", "1", ""),
        (spec(loss="loss squared_error"), "expected `mean` or `sum`, found `squared_error`", "squared_error", ""),
        (spec(more="netwrk { }"), "found `netwrk`", "netwrk", "did you mean `network`?"),
        (network("layer 2", "laier 2"), "found `laier`", "laier", "did you mean `layer`?"),
        (network("input 1", ""), "expected `input`, found `hidden`", "hidden", ""),
        (spec(network="network { input 1 }"), "expected `layer` or a name, found `}`", "}", ""),
        (spec(more="let a ="), "expected an expression, found the end of the file", "", ""),
        (spec(more="let a = 2x"), "`2x` is not a number", "2x", "products with `*`"),
        (spec(more="let a = 1.5.2"), "`1.5.2` is not a number", "1.5.2", ""),
        (spec(more="let a = 0x10"), "`0x10` is not a number", "0x10", ""),
        (spec(more="let a = 2**3"), "expected an expression, found `*`", "*", ""),
        (spec(more="let a = 1 − 2"), "unexpected character `−`", "−", "did you mean `-`?"),
        (spec(more="let a = 3;"), "unexpected character `;`", ";", "did you mean `,`?"),
        (spec(more="let a = 3\N{NO-BREAK SPACE}"), "unexpected character U+00A0", "\N{NO-BREAK SPACE}", "plain blank"),
        (spec(more="let a = ?"), "unexpected character `?`", "?", "expected an expression"),
        (spec(more='title "abc\n'), "the string is not closed before the end of the line", '"abc', 'close it with `"`'),
        (spec(more=r'title "a\qb"'), r"unknown escape `\q`", r"\q", r"\n"),
        (spec(more="title abc"), "expected a string in double quotes, found `abc`", "abc", ""),
        (spec(more="}"), "expected the next statement", "}", ""),
        (spec(more="let a\0 = 1"), "NUL byte", "\0", "UTF-8"),
        (spec(more="let a = \ud800"), "U+D800", "\ud800", "UTF-8"),
    ],
)
def test_syntax_errors(text, message, place, hint):
    check(text, message, place, hint)


def test_a_bracket_left_open():
    error = error_of(spec(data="data {\n    x = [0, 1]\n    y = [0, 1]\n"))
    assert "the `{` of line 1 is not closed" in str(error)
    error = error_of(spec(more="let a = (1 + 2"))
    assert "the `(` of line 8 is not closed" in str(error)


def test_errors_behind_a_syntax_error_are_found():
    text = """let a = 1 1
data { x = [1, 2] y = [1] }
network { input a layer 2 rellu layer 1 linear }
loss sum {
regulariser ridge(b)
let c = = 2
"""
    found = messages(text)
    # `a` is not unknown: its definition is what could not be read. And nothing is said to be missing.
    assert [message.split(",")[0] for message in found] == [
        "expected the next statement (`title`",
        "`y` has 1 value",
        "unknown activation `rellu`",
        "expected `}`",
        "unknown name `b`",
        "expected an expression",
    ]


# ---- statements


def test_empty_and_missing():
    assert messages("") == messages(" \n# nothing\n") == ["the spec is empty"]
    assert messages(DATA) == ["there is no `network` statement", "there is no `loss` statement"]
    assert messages(f"{NETWORK}\n{LOSS}") == ["there is no `data` statement"]


@pytest.mark.parametrize(
    ("more", "word"),
    [
        (DATA, "data"),
        (NETWORK, "network"),
        (LOSS, "loss"),
        ("solve { } solve { }", "solve"),
        ('title "a" title "b"', "title"),
        ("regulariser ridge(1) regularizer ridge(1)", "regularizer"),
    ],
)
def test_repeated_statements(more, word):
    first = {"data": 1, "network": 2, "loss": 7}.get(word, 8)
    check(spec(more=more), f"a second `{word}` statement", word, f"the first is in line {first}")


@pytest.mark.parametrize(
    ("more", "message", "place", "hint"),
    [
        ("let a = 1 let a = 2", "`a` is defined twice", "a", "line 8"),
        ("let y = 1", "`y` cannot be defined: it is a variable", "y", ""),
        ("let max = 1", "`max` cannot be defined: it is a function", "max", ""),
        ("let data = 1", "`data` cannot be defined: it is a word of the language", "data", ""),
        ("let a = b let b = 1", "`b` is defined in line 8, not before", "b", "earlier"),
        ("let a = a + 1", "`a` is defined in line 8, not before", "a", "earlier"),
        ("let lambda = 1 regulariser ridge(lamda)", "unknown name `lamda`", "lamda", "did you mean `lambda`?"),
        ("let a = 1/0", "division by zero", "0", ""),
        ("let a = 1/(1 - 1)", "division by zero", "(1 - 1)", ""),
        ("let a = 0^-1", "division by zero", "0^-1", ""),
        ("let a = 2^(1/2)", "the exponent 1/2 is not an integer", "2^(1/2)", ""),
        ("let a = hidden.weight[0,0]", "`hidden.weight` is not a constant", "hidden.weight[0,0]", "numbers and names defined by `let`"),
        ("let a = 1 let b = a[0]", "`a` is a single number", "a[0]", ""),
        ("let a = max", "`max` needs its arguments", "max", "max(1"[:3]),
        ("let a = max(1)", "`max` takes 2 or more arguments; 1 given", "max(1)", ""),
        ("let a = sqrt(2)", "unknown function `sqrt`", "sqrt", "piecewise polynomial"),
    ],
)
def test_lets(more, message, place, hint):
    check(spec(more=more), message, place, hint)


def test_a_constant_that_is_wrong_is_reported_once():
    assert messages(spec(more="let a = 1/0 let b = a + 1 regulariser ridge(b)")) == ["division by zero"]


# ---- overrides


def test_overrides():
    text = spec(more="let lambda = 1 regulariser ridge(lambda)")
    error = error_of(text, overrides={"lamda": "1"})
    assert str(error) == "--set lamda: error: no `let` in <spec> defines `lamda`\n  did you mean `lambda`? known: lambda"
    check(text, "division by zero", "0", overrides={"lambda": "1/0"})
    assert "--set lambda:1:14: error: division by zero\n    let lambda=1/0" in str(error_of(text, overrides={"lambda": "1/0"}))
    check(text, "unknown name `b`", "b", overrides={"lambda": "b"})
    check(text, "expected an expression", "", overrides={"lambda": "1 +"})
    check(text, "an override is one expression", "1 let c = 2", overrides={"lambda": "1 let c = 2"})
    assert "the spec has no `let`" in str(error_of(spec(), overrides={"a": "1"}))
    assert "limit" in str(error_of(text, overrides={"lambda": " " * (1 << 20) + "1"}))


def test_parse_overrides():
    assert parse_overrides([]) == {}
    assert parse_overrides(["a=1", " λ = 1/2 + b "]) == {"a": "1", "λ": "1/2 + b"}
    for bad in ("a", "=1", "a=", "1a=2", "a b=2", "a-b=2", ""):
        with pytest.raises(UsageError, match="NAME=EXPR"):
            parse_overrides([bad])
    with pytest.raises(UsageError, match="twice"):
        parse_overrides(["a=1", "a=2"])


# ---- data


@pytest.mark.parametrize(
    ("data", "message", "place", "hint"),
    [
        ("data { x = [0, 1] y = [1] }", "`y` has 1 value, but `x` has 2 points", "y", ""),
        ("data { x = [0] y = [1] weight = [1, 2] }", "`weight` has 2 values, but `x` has 1 point", "weight", ""),
        ("data { x = [0, (1, 2)] y = [1, 2] }", "point 1 of `x` has 2 numbers, point 0 has 1", "(1, 2)", "same length"),
        (
            "data { x = [(0, 1)] y = [1] }",
            "the points of `x` have 2 numbers, but the network has 1 input",
            "(0, 1)",
            "`input 1` is in line 3",
        ),
        ("data { x = [0] y = [(1, 2)] }", "the values of `y` have 2 numbers, but the network has 1 output", "(1, 2)", "last layer"),
        ("data { x = [0] y = [1] weight = [0] }", "a weight of zero", "0", "positive"),
        ("data { x = [0] y = [1] weight = [-1/2] }", "the negative weight -1/2", "-1/2", "positive"),
        ("data { x = [0] y = [1] weight = [(1, 2)] }", "a weight is one number", "(1, 2)", ""),
        ("data { x = [] y = [] }", "`x` has no points", "[]", ""),
        ("data { x = 3 y = [1] }", "`x` must be a list", "3", "brackets"),
        ("data { x = [0] }", "the data has no `y`", "data", "y = ["),
        ("data { x = [0] y = [1] x = [2] }", "`x` is given twice", "x", "line 1"),
        ("data { x = [0] y = [1] wieght = [1] }", "`data` has no field `wieght`", "wieght", "did you mean `weight`?"),
        ("data { x = [a] y = [1] }", "unknown name `a`", "a", ""),
        ('data { x = ["a"] y = [1] }', "is text, not a number", '"a"', "data from"),
        ("data { x = [[1]] y = [1] }", "a list where a number is needed", "[1]", "tuple"),
        ("data { x = [((1, 2), 3)] y = [1] }", "a tuple where a number is needed", "(1, 2)", ""),
    ],
)
def test_data(data, message, place, hint):
    found = error_of(spec(data=data)).diagnostics[0]
    assert message in found.message
    assert marked(spec(data=data))[0] == place
    assert hint in found.hint


# ---- network


@pytest.mark.parametrize(
    ("old", "new", "message", "place", "hint"),
    [
        ("layer 2", "layer 0", "the number of units must be at least 1, not 0", "0", ""),
        ("layer 2", "layer -3", "the number of units must be at least 1, not -3", "-3", ""),
        ("layer 2", "layer 1/2", "the number of units must be an integer, not 1/2", "1/2", ""),
        ("layer 2", "layer 10001", "10001 units; the limit is 10000", "10001", ""),
        ("input 1", "input 0", "the number of inputs must be at least 1, not 0", "0", ""),
        ("input 1", "input 10001", "10001 inputs; the limit is 10000", "10001", ""),
        ("hidden", "output", "two layers have the name `output`", "output", "line 4"),
        ("hidden", "all", "a layer cannot be called `all`", "all", "on"),
        ("hidden:", "layer1: layer 1 relu", "two layers have the name `layer1`", "layer 2 relu", "line 4"),
        ("relu", "relu(3)", "`relu` takes no argument; 1 given", "relu(3)", "write relu"),
        ("relu", "leaky_relu", "`leaky_relu` takes 1 argument; 0 given", "leaky_relu", "leaky_relu(ALPHA)"),
        ("relu", "leaky_relu(1, 2)", "`leaky_relu` takes 1 argument; 2 given", "leaky_relu(1, 2)", ""),
        ("relu", "ReLU", "unknown activation `ReLU`", "ReLU", "did you mean `relu`?"),
        ("relu", "tanh", "unknown activation `tanh`", "tanh", "known: linear"),
        ("relu", "relu fixed weight [[1]]", "the fixed weight has 1 row; the layer has 2 units", "[[1]]", "per unit"),
        ("relu", "relu fixed weight [[1, 2], [3]]", "this row has 2 numbers; the layer has 1 input", "[1, 2]", ""),
        ("relu", "relu fixed weight [1, 2]", "a row of a fixed weight is a list", "1", "[[1"),
        ("relu", "relu fixed weight 1", "a fixed weight is a list of rows", "1", "[[1"),
        ("relu", "relu fixed bias [1]", "the fixed bias has 1 number; the layer has 2 units", "[1]", ""),
        ("relu", "relu fixed bias 1", "a fixed bias is a list", "1", "[0"),
        ("relu", "relu fixed bais [1, 2]", "a layer has no `bais` to be fixed", "bais", "did you mean `bias`?"),
        ("relu", "relu fixed bias [1, 2] fixed bias [1, 2]", "`fixed bias` is given twice", "bias", ""),
        ("relu", "relu without bias without bias", "`without bias` is said twice", "without bias", ""),
        ("relu", "relu without bias fixed bias [1, 2]", "the layer is `without bias`", "fixed bias [1, 2]", ""),
        ("relu", "{ max(z) }", "`max` takes 2 or more arguments", "max(z)", ""),
        ("relu", "{ abs(z, 1) }", "`abs` takes 1 argument; 2 given", "abs(z, 1)", ""),
        ("relu", "{ 1/z }", "division by an expression that is not constant", "z", "piecewise polynomial"),
        ("relu", "{ z/0 }", "division by zero", "0", ""),
        ("relu", "{ sin(z) }", "unknown function `sin`", "sin", "did you mean `min`?"),
        ("relu", "{ sin(z) }", "unknown function `sin`", "sin", "piecewise polynomial"),
        ("relu", "{ max(x, 0) }", "unknown name `x`", "x", "piecewise polynomial"),
        ("relu", "{ z[0] }", "has no meaning in an activation", "z[0]", ""),
        ("relu", "{ z^(1/2) }", "to the power 1/2 is not a polynomial", "(1/2)", ""),
        ("relu", "{ z^-1 }", "to the power -1 is not a polynomial", "1", ""),
        ("relu", "{ 2^z }", "the exponent is not a constant", "z", "piecewise polynomial"),
        ("relu", "{ relu }", "`relu` needs its arguments in parentheses", "relu", "relu(z)"),
    ],
)
def test_network(old, new, message, place, hint):
    text = network(old, new)
    found = error_of(text).diagnostics[0]
    assert message in found.message
    assert marked(text)[0] == place
    assert hint in found.hint


def test_nothing_to_minimise_over():
    text = spec(network="network { input 1 layer 1 linear fixed weight [[1]] fixed bias [0] }")
    check(text, "every parameter of the network is fixed", "network")


# ---- loss, regulariser, options


@pytest.mark.parametrize(
    ("loss", "message", "place", "hint"),
    [
        ("loss sum squared_eror", "unknown objective `squared_eror`", "squared_eror", "did you mean `squared_error`?"),
        ("loss sum huber", "`huber` takes 1 argument; 0 given", "huber", "huber(DELTA)"),
        ("loss sum huber(0)", "the threshold of huber must be positive, not 0", "0", ""),
        ("loss sum power(3)", "must be an even integer", "3", ""),
        ("loss sum { y - g }", "unknown name `g`", "g", "an expression in `y` and `f`"),
        ("loss sum { f[1] }", "there is no output 1 in `f`", "1", "from 0 to 0"),
        ("loss sum { f[0, 0] }", "`f` needs one index, not 2", "f[0, 0]", ""),
        ("loss sum { f.weight }", "no meaning in an objective", "f.weight", ""),
        ("loss sum { hidden.weight[0,0] }", "no meaning in an objective", "hidden.weight[0,0]", ""),
    ],
)
def test_loss(loss, message, place, hint):
    check(spec(loss=loss), message, place, hint)


def test_several_outputs_need_an_index():
    parts = {"data": "data { x = [0] y = [(1, 2)] }", "network": "network { input 1 layer 2 linear }"}
    check(spec(**parts, loss="loss sum { (y[0] - f)^2 }"), "the network has 2 outputs: `f` needs an index", "f", "write f[0] to f[1]")
    check(spec(**parts, loss="loss sum { f[2] }"), "there is no output 2 in `f`", "2", "from 0 to 1")


@pytest.mark.parametrize(
    ("regulariser", "message", "place", "hint"),
    [
        ("rigde(1)", "unknown penalty `rigde`", "rigde", "did you mean `ridge`? known: ridge(C), lasso(C)"),
        ("ridge", "`ridge` takes 1 argument; 0 given", "ridge", "ridge(C)"),
        ("ridge(-1)", "must not be negative", "-1", ""),
        ("ridge(1) on hiden", "unknown selector `hiden`", "hiden", "did you mean `hidden`?"),
        ("ridge(1) on hidden.wieght", "unknown selector `hidden.wieght`", "hidden.wieght", "did you mean `hidden.weight`?"),
        ("ridge(1) on output.bias", "`output.bias` selects no free parameter: the layer `output` is `without bias`", "output.bias", ""),
        ("{ hidden.weight[2,0] }", "there is no unit 2 in `hidden.weight`", "2", "from 0 to 1"),
        ("{ hidden.weight[0,-1] }", "there is no input -1", "-1", ""),
        ("{ hidden.weight[1/2,0] }", "there is no unit 1/2", "1/2", ""),
        ("{ hidden.weight[0] }", "`hidden.weight` needs 2 indices, not 1", "hidden.weight[0]", "hidden.weight[unit, input]"),
        ("{ hidden.bias }", "`hidden.bias` needs one index, not 0", "hidden.bias", "hidden.bias[unit]"),
        ("{ hiden.bias[0] }", "there is no parameter `hiden.bias`", "hiden.bias[0]", "did you mean `hidden.bias`?"),
        ("{ output.bias[0] }", "the layer `output` is `without bias`", "output.bias[0]", ""),
        ("{ q^2 }", "unknown name `q`", "q", "a penalty is an expression in parameters"),
        ("{ p[0] }", "`p` stands for one parameter", "p[0]", ""),
        ("{ hidden.bias[0] } on hidden", "`on` has no meaning here", "hidden", "{ p^4 } on"),
    ],
)
def test_regulariser(regulariser, message, place, hint):
    check(spec(more=f"regulariser {regulariser}"), message, place, hint)


def test_selectors_of_fixed_parameters():
    text = network("relu", "relu fixed bias [0, 0]") + "regulariser ridge(1) on biases, hidden.bias, hidden"
    assert messages(text) == [
        "`biases` selects no free parameter: all of them are fixed",
        "`hidden.bias` selects no free parameter: all of them are fixed",
    ]
    text = network("relu", "relu without bias") + "regulariser ridge(1) on biases"
    check(text, "`biases` selects no free parameter: every layer is `without bias`", "biases")


@pytest.mark.parametrize(
    ("option", "message", "place", "hint"),
    [
        ("engin = auto", "`solve` has no field `engin`", "engin", "did you mean `engine`?"),
        ("engine = convx", "there is no engine `convx`", "convx", "did you mean `convex`?"),
        ('engine = "no such"', "there is no engine `no such`", '"no such"', "known: auto, convex, algebraic"),
        ("engine = 3", "`engine` is the name of an engine", "3", ""),
        ("precision = 52", "`precision` must be an integer from 53 to 10000", "52", ""),
        ("precision = 1/2", "`precision` must be an integer", "1/2", ""),
        ('workers = "two"', "`workers` is a number", '"two"', ""),
        ("workers = 0", "`workers` must be an integer from 1", "0", ""),
        ("timeout = 0", "`timeout` must be positive", "0", ""),
        ("timeout = soon", "unknown name `soon`", "soon", ""),
        ("timeout = 1 timeout = 2", "`timeout` is given twice", "timeout", ""),
    ],
)
def test_options(option, message, place, hint):
    check(spec(more=f"solve {{ {option} }}"), message, place, hint)


# ---- files


def test_files(tmp_path):
    def complaint(content: bytes | None) -> str:
        path = tmp_path / "a.rspec"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(SpecError) as caught:
            load_spec(path)
        assert str(caught.value).startswith(str(path))
        assert len(caught.value.diagnostics) == 1
        return str(caught.value)

    assert "there is no such file" in complaint(None)
    assert "not UTF-8: byte 0xe4 at offset 9, in line 2" in complaint(b"# abcde\n \xe4")
    assert "UTF-16" in complaint("title".encode("utf-16"))
    assert "larger than 1 MiB" in complaint(b" " * ((1 << 20) + 1))
    assert "the spec is empty" in complaint(b"")
    for path, message in (
        (tmp_path, "this is a directory"),
        ("a\0b", "cannot be that of a file"),
        (tmp_path / ("a" * 300), "cannot be read"),
    ):
        with pytest.raises(SpecError, match=message):
            load_spec(path)
