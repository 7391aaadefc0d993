"""What specs mean: statements, numbers, activations, losses, regularisers."""

from __future__ import annotations

from fractions import Fraction as Q

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spec_texts import NETWORK, SPECS, build, spec

from reluspec.language import load_spec, parse_spec
from reluspec.problem.expression import Variable, evaluate, kinks, sign, variables
from reluspec.problem.problem import Problem, Reduction, SolveOptions

CONTRACT = """
title "Two units, five points"

let lambda = 1/10                      # names: letters, digits, _ ; arithmetic + - * / ^ ( )

data {
    x = [-2, -1, 0, 1, 2]              # d = 1: a list of numbers; d > 1: a list of tuples (0, 1)
    y = [1, -1, 1/2, 0, 2]             # one output: numbers; several: tuples
    weight = [1, 1, 2, 1, 1]           # optional, positive: weights of the points in the loss
}

network {
    input 1
    hidden: layer 2 relu               # NAME: layer UNITS ACTIVATION; affine map, then the activation
    output: layer 1 linear without bias
}

loss sum squared_error                 # sum or mean over the data
regulariser ridge(lambda)              # lambda * (sum of squares of all parameters)
"""


def value_of(expression, **values):
    return evaluate(expression, {Variable(name): Q(value) for name, value in values.items()}, sign, lambda q: q)


def activation(text, z, more=""):
    problem = build(network=f"network {{ input 1 layer 1 {text} layer 1 linear }}", more=more)
    return value_of(problem.network.layers[0].activation.expression, z=z)


def loss_value(text, y, f):
    expression = build(loss=f"loss sum {text}").loss.expression
    return evaluate(expression, {Variable("y", (0,)): Q(y), Variable("f", (0,)): Q(f)}, sign, lambda q: q)


def constant(text, **lets):
    """The value of an expression, read back from a data point."""
    more = "\n".join(f"let {name} = {value}" for name, value in lets.items())
    return build(data=f"data {{ x = [{text}] y = [0] }}", more=more).data.x[0][0]


def test_the_contracts_example():
    problem = parse_spec(CONTRACT)
    assert problem.title == "Two units, five points"
    assert problem.data.x == tuple((Q(k),) for k in (-2, -1, 0, 1, 2))
    assert problem.data.y[2] == (Q(1, 2),)
    assert problem.data.weight == (1, 1, 2, 1, 1)
    assert [(layer.name, layer.units, str(layer.activation), layer.bias) for layer in problem.network.layers] == [
        ("hidden", 2, "relu", True),
        ("output", 1, "linear", False),
    ]
    assert problem.loss.reduction is Reduction.SUM
    assert str(problem.loss) == "sum squared_error"
    assert [str(penalty) for penalty in problem.regulariser] == ["ridge(1/10)"]
    theta = {"hidden.weight": [[Q(1)], [Q(-2)]], "hidden.bias": [Q(1, 3), Q(0)], "output.weight": [[Q(2), Q(-1, 2)]]}
    total = Q(1, 10) * sum(q * q for q in (Q(1), Q(-2), Q(1, 3), Q(0), Q(2), Q(-1, 2)))
    for (x,), (y,), weight in zip(problem.data.x, problem.data.y, problem.data.weight, strict=True):
        f = 2 * max(x + Q(1, 3), 0) - Q(1, 2) * max(-2 * x, 0)
        total += weight * (y - f) ** 2
    assert problem.loss_at(theta) == total


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_every_spec_of_the_gallery(path):
    problem = load_spec(path)
    assert problem.source is not None
    assert problem.source.text == path.read_text(encoding="utf-8")
    assert problem.source.name == str(path)
    assert len(problem.network.layers) >= 2


RATIONALS = st.fractions(min_value=-5, max_value=5, max_denominator=50)


@settings(max_examples=40, deadline=None)
@given(st.lists(RATIONALS, min_size=6, max_size=6))
def test_the_poster_networks_loss_is_the_direct_formula(numbers):
    problem = load_spec(next(path for path in SPECS if path.stem == "poster"))
    a, b, c, d, v, w = numbers
    theta = {"hidden.weight": [[a], [b]], "hidden.bias": [c, d], "output.weight": [[v, w]]}
    xs, ys = [-3, -1, 0, 1, 2], [Q(3, 2), Q(1, 2), 2, 1, Q(1, 2)]
    direct = sum((y - v * max(a * x + c, 0) - w * max(b * x + d, 0)) ** 2 for x, y in zip(xs, ys, strict=True))
    assert problem.loss_at(theta) == direct + Q(1, 10) * sum(q * q for q in numbers)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.1", Q(1, 10)),
        ("1e-3", Q(1, 1000)),
        (".5", Q(1, 2)),
        ("5.", 5),
        ("1.5E+2", 150),
        ("-2^2", -4),
        ("(-2)^2", 4),
        ("2^-1", Q(1, 2)),
        ("2^3^2", 512),
        ("2^-1^3", Q(1, 2)),
        ("-2^-2", Q(-1, 4)),
        ("1 - 2 - 3", -4),
        ("12/3/2", 2),
        ("2 * -3", -6),
        ("--2", 2),
        ("+1", 1),
        ("-+-2", 2),
        ("1/3 + 1/6", Q(1, 2)),
        ("(1 + 2) * 3", 9),
        ("0^0", 1),
        ("1^99999999999999999999", 1),
        ("(-1)^99999999999999999999", -1),
        ("0^99999999999999999999", 0),
        ("max(1, 3, 2)", 3),
        ("min(1, -3, 2)", -3),
        ("abs(-1/2)", Q(1, 2)),
        ("relu(-3) + relu(4)", 4),
        ("1e1000 / 1e1000", 1),
    ],
)
def test_constants_are_exact(text, value):
    assert constant(text) == value


@settings(max_examples=60, deadline=None)
@given(st.fractions(max_denominator=10**6))
def test_fractions_survive(value):
    assert constant(str(value)) == value


@settings(max_examples=60, deadline=None)
@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9))
def test_decimals_survive(value):
    assert constant(str(value)) == Q(value)


def test_lets():
    assert constant("b", a="1/10", b="2*a^2") == Q(1, 50)
    assert constant("lambda + λ_1", lambda_="0", **{"lambda": "1", "λ_1": "2"}) == 3
    # A let may come after the statements that use it; overrides replace its text, and later lets follow.
    text = spec(more="regulariser ridge(b)\nlet a = 1\nlet b = a + 1")
    assert str(parse_spec(text).regulariser[0]) == "ridge(2)"
    changed = parse_spec(text, overrides={"a": "1/2 + 1/2^2"})
    assert str(changed.regulariser[0]) == "ridge(7/4)"
    assert changed.source is not None
    assert changed.source.overrides == (("a", "1/2 + 1/2^2"),)
    # The text an override replaces is not evaluated.
    assert str(parse_spec(spec(more="let a = 1/0 regulariser ridge(a)"), overrides={"a": "3"}).regulariser[0]) == "ridge(3)"
    assert str(parse_spec(spec(more="let a = 1 let b = 2 regulariser ridge(b)"), overrides={"b": "a/3"}).regulariser[0]) == "ridge(1/3)"


def test_layout_is_free():
    tight = 'loss sum squared_error network{input 1 layer 2 relu layer 1 linear}data{y=[1,0,]x=[0,1,]}let a=1let b=2 title"t"'
    with pytest.raises(Exception, match="1let"):
        parse_spec(tight)
    problem = parse_spec(tight.replace("1let", "1 let"))
    assert problem.title == "t"
    assert [layer.name for layer in problem.network.layers] == ["layer0", "layer1"]
    for end in ("\r\n", "\r"):
        assert parse_spec(CONTRACT.replace("\n", end)) == parse_spec(CONTRACT)
    assert parse_spec("\N{BYTE ORDER MARK}" + CONTRACT) == parse_spec(CONTRACT)


def test_titles(tmp_path):
    assert build(more=r'title "a \"b\" \\ \n ünïcode #no comment"').title == 'a "b" \\ \n ünïcode #no comment'
    assert build().title == "untitled"
    path = tmp_path / "my problem.rspec"
    path.write_text(spec(), encoding="utf-8")
    assert load_spec(path).title == "my problem"
    assert load_spec(str(path)) == load_spec(path, {})


def test_keywords_are_names_elsewhere():
    network = "network { input 1 layer: layer 1 relu }"
    with pytest.raises(Exception, match="expected"):
        build(network=network)
    problem = build(network="network { input 1 mean: layer 2 relu sum: layer 1 linear }", more="regulariser ridge(1) on mean, sum.weight")
    assert [layer.name for layer in problem.network.layers] == ["mean", "sum"]


def test_tuples_and_several_outputs():
    problem = build(data="data { x = [(0, 1), (1/2, 0)] y = [(1, 2, 3), (4, 5, 6)] }", network="network { input 2 layer 3 linear }")
    assert problem.data.x == ((0, 1), (Q(1, 2), 0))
    assert problem.network.outputs == 3
    theta = {"layer0.weight": [[Q(1), Q(2)]] * 3, "layer0.bias": [Q(0)] * 3}
    assert problem.loss_at(theta) == sum((y - 2) ** 2 for y in (1, 2, 3)) + sum((y - Q(1, 2)) ** 2 for y in (4, 5, 6))
    single = build(data="data { x = [(3,), (4), 5] y = [(1,), 2, (3)] }")
    assert single.data.x == ((3,), (4,), (5,))


def test_many_layers_or_one():
    problem = build(network="network { input 1 layer 2 relu b: layer 3 abs layer 2 hard_tanh layer 1 relu6 }")
    assert [layer.name for layer in problem.network.layers] == ["layer0", "b", "layer2", "layer3"]
    assert len(build(network="network { input 1 output: layer 1 linear }").parameters) == 2


def test_units_and_inputs_may_be_constants():
    problem = build(network="network { input d hidden: layer 2*d relu layer d linear }", more="let d = 1")
    assert [layer.units for layer in problem.network.layers] == [2, 1]


def test_fixed_parameters():
    network = "network { input 1 hidden: layer 2 relu fixed bias [0, 1/2] fixed weight [[1], [-1]] output: layer 1 linear without bias }"
    problem = build(network=network)
    hidden = problem.network.layers[0]
    assert hidden.fixed_weight == ((1,), (-1,))
    assert hidden.fixed_bias == (0, Q(1, 2))
    assert [str(variable) for variable in problem.parameters] == ["output.weight[0,0]", "output.weight[0,1]"]
    both = build(network="network { input 1 layer 2 relu without bias fixed weight [(1,), [2]] layer 1 linear }")
    assert both.network.layers[0].fixed_weight == ((1,), (2,))
    assert not both.network.layers[0].bias


@pytest.mark.parametrize(
    ("text", "z", "value"),
    [
        ("linear", -3, -3),
        ("relu", -3, 0),
        ("relu", 3, 3),
        ("leaky_relu(1/10)", -3, Q(-3, 10)),
        ("abs", -3, 3),
        ("hard_tanh", 3, 1),
        ("hard_tanh", Q(1, 3), Q(1, 3)),
        ("relu6", 7, 6),
        ("{ max(z, z/10) }", -3, Q(-3, 10)),
        ("{ max(z, z/10) }", 3, 3),
        ("{ z^3 - 2*z + 1 }", 2, 5),
        ("{ min(1, max(0, z), 2*z) }", Q(1, 4), Q(1, 4)),
        ("{ abs(z - 1)*relu(z)/2 }", 3, 3),
        ("{ -z^2 }", 3, -9),
        ("{ (z) }", 3, 3),
        ("{ c*z + c^2 }", 3, 10),
        ("{ z^2^2 }", 2, 16),
        ("{ z^0 }", 5, 1),
        ("{ 0*abs(z) + z }", 5, 5),
        ("{ z - z + 1/2 }", 5, Q(1, 2)),
        ("{ max(z, 1, -z, 2) }", -5, 5),
        ("{ 2 - (z - 1) }", 4, -1),
    ],
)
def test_activations(text, z, value):
    assert activation(text, z, more="let c = 2") == value


def test_braces_keep_their_text_and_kinks():
    layer = build(network="network { input 1 layer 2 {  max(z,   z/10) # leaky\n } layer 1 linear }").network.layers[0]
    assert layer.activation.name == "{ max(z, z/10) }"
    assert len(layer.activation.kinks) == 1
    assert list(kinks(build(loss="loss sum { max(0, 1 - y*f)^2 }").loss.expression))
    assert not list(kinks(build(loss="loss sum { 0*abs(y) + f^2 }").loss.expression))


@pytest.mark.parametrize(
    ("text", "y", "f", "value"),
    [
        ("squared_error", 1, 3, 4),
        ("absolute_error", 1, 3, 2),
        ("huber(1)", 0, 3, Q(5, 2)),
        ("huber(1)", 0, Q(1, 2), Q(1, 8)),
        ("squared_hinge", 1, Q(1, 2), Q(1, 4)),
        ("power(4)", 0, 2, 16),
        ("{ max(0, 1 - y*f)^2 }", -1, 1, 4),
        ("{ (y[0] - f[0])^2 }", 1, 3, 4),
    ],
)
def test_losses(text, y, f, value):
    assert loss_value(text, y, f) == value


def test_losses_with_several_outputs():
    parts = {"data": "data { x = [0] y = [(1, 2)] }", "network": "network { input 1 layer 2 linear }"}
    summed = build(**parts, loss="loss mean absolute_error").loss
    assert summed.reduction is Reduction.MEAN
    assert set(variables(summed.expression)) == {Variable(name, (k,)) for name in "yf" for k in (0, 1)}
    own = build(**parts, loss="loss sum { (y[k] - f[1])^2 + f[0] }", more="let k = 1").loss
    assert [str(v) for v in variables(own.expression)] == ["y[1]", "f[1]", "f[0]"]
    assert own.name == "{ (y[k] - f[1])^2 + f[0] }"


def penalties(text, network=NETWORK):
    """Each penalty's value where every parameter is 2."""
    problem = build(network=network, more=f"regulariser {text}")
    return [evaluate(p.expression, dict.fromkeys(problem.parameters, Q(2)), sign, lambda q: q) for p in problem.regulariser]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("ridge(1)", [24]),
        ("ridge(1/2) on all", [12]),
        ("lasso(1) on weights", [8]),
        ("ridge(1) on biases", [8]),
        ("ridge(1) on hidden", [16]),
        ("ridge(1) on hidden.weight, output.weight", [16]),
        ("ridge(1) on hidden, hidden.bias, all", [24]),
        ("ridge(1) on hidden.weight, output.weight + lasso(1/2) on biases + { hidden.weight[0,0]^2 }", [16, 2, 4]),
        ("{ p^4 } on hidden.bias", [32]),
        ("{ p^2 }", [24]),
        ("{ p * hidden.bias[1] } on output", [8]),
        ("ridge(0)", []),
        ("lasso(0) + ridge(1)", [24]),
        ("{ 0 * hidden.bias[0] }", []),
        ("{ abs(hidden.weight[0,0] - hidden.weight[1,0]) }", [0]),
    ],
)
def test_regularisers(text, values):
    assert penalties(text) == values


def test_regulariser_of_partly_fixed_networks():
    network = "network { input 1 hidden: layer 2 relu fixed weight [[3], [4]] output: layer 1 linear }"
    assert penalties("ridge(1) on hidden", network) == [8]
    assert penalties("{ hidden.weight[1,0] * hidden.bias[0] }", network) == [8]


def test_penalty_texts_and_the_other_spelling():
    problem = build(more="let c = 1/2 regularizer ridge(c) on hidden.weight, biases + { p^4 } on output")
    assert [str(penalty) for penalty in problem.regulariser] == ["ridge(1/2) on hidden.weight, biases", "{ p^4 } on output"]


def test_solve_options():
    full = build(more="solve { engine = auto  precision = 53  workers = 2  timeout = 60 }")
    assert full.options == SolveOptions(None, 53, 2, Q(60))
    assert build(more="solve { timeout = 1/2 engine = convex workers = auto }").options == SolveOptions("convex", None, None, Q(1, 2))
    assert build(more='solve { engine = "msolve" }').options.engine == "msolve"
    assert build(more="solve { }").options == build().options == SolveOptions()


def test_a_problem_is_a_value():
    assert isinstance(build(), Problem)
    assert build() == build()
    assert hash(build()) == hash(build())
