"""Names of strata: parsing, formatting, errors."""

from __future__ import annotations

from fractions import Fraction

import pytest

from reluspec.errors import StratumError
from reluspec.problem.definitions import BUILT_IN, F, P, Y
from reluspec.problem.expression import Variable, substitute
from reluspec.problem.problem import Activation, Data, Layer, Loss, Network, Penalty, Problem, Reduction, total
from reluspec.regions.signs import Signs, format_signs, parse_signs, sign_values, signs_at

BUILD = {definition.name: definition.build for definition in BUILT_IN}


def make(*hidden: tuple[str, int], points: int = 5, objective: str = "squared_error", lasso: bool = False) -> Problem:
    """A 1-input network with the hidden layers (activation, units) and one linear output."""
    layers = [Layer(f"h{i}", units, Activation(name, (), BUILD[name]())) for i, (name, units) in enumerate(hidden)]
    layers.append(Layer("output", 1, Activation("linear", (), BUILD["linear"]()), bias=False))
    expression = substitute(BUILD[objective](), {Y: Variable("y", (0,)), F: Variable("f", (0,))})
    data = Data(tuple((Fraction(i),) for i in range(points)), ((Fraction(1),),) * points, (Fraction(1),) * points)
    bare = Problem("t", data, Network(1, tuple(layers)), Loss(Reduction.SUM, objective, (), expression))
    if not lasso:
        return bare
    term = total([substitute(BUILD["lasso"](Fraction(1)), {P: parameter}) for parameter in bare.parameters])
    return Problem("t", bare.data, bare.network, bare.loss, (Penalty("lasso(1)", term),))


POSTER = make(("relu", 2))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("++0--|-0+++", "++0--|-0+++"),
        ("++0--,-0+++", "++0--|-0+++"),
        (" ++0-- | -0+++ ", "++0--|-0+++"),
        ("11000|00111", "++---|--+++"),
        ("11111|00000", "+++++|-----"),
        ("00000|00000", "00000|00000"),
        ("-----|00000", "-----|00000"),
    ],
)
def test_names_of_one_hidden_layer(text: str, name: str) -> None:
    signs = parse_signs(POSTER, text)
    assert format_signs(POSTER, signs) == name
    assert parse_signs(POSTER, name) == signs


def test_layers_objective_and_penalties() -> None:
    problem = make(("relu", 2), ("linear", 3), ("abs", 1), points=2, objective="absolute_error", lasso=True)
    head, penalty = "+0|--/-+", "+" * len(problem.parameters)
    signs = parse_signs(problem, f"{head};0-{penalty}")
    assert signs == Signs((("+0", "--"), (), ("-+",), ()), "0-", penalty)
    assert format_signs(problem, signs) == f"{head};0-{penalty}"
    assert (signs.zeros, signs.is_cell) == (2, False)
    assert len(signs.all) == problem.switch_count
    assert parse_signs(problem, "10|00/01;11" + "1" * len(problem.parameters)).is_cell


def test_several_kinks_are_written_point_by_point() -> None:
    problem = make(("hard_tanh", 1), points=2)
    kinks = len(problem.network.layers[0].activation.kinks)
    assert parse_signs(problem, "+" * kinks + "-" * kinks).layers[0] == ("+" * kinks + "-" * kinks,)
    with pytest.raises(StratumError, match=rf"{kinks} for each of the 2 data points"):
        parse_signs(problem, "+-")


def test_a_problem_without_kinks_has_one_nameless_stratum() -> None:
    problem = make(points=2)
    assert format_signs(problem, parse_signs(problem, "")) == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("++0--", "layer h0 has 2 units with kinks, but 1 unit found"),
        ("++0--|-0+++|+++++", "but 3 units found"),
        ("++0-|-0+++", r"unit 0 of layer h0 has 4 signs \('\+\+0-'\), not 5; write one for each data point"),
        ("++0--|", "unit 1 of layer h0 has 0 signs"),
        ("++0--|-0++x", "the character 'x' \\(number 11\\)"),
        ("++1--|-0+++", "mixes bits \\('1', character 3\\)"),
        ("++0--/-0+++", "2 layers found, but 1 layer with kinks \\(h0\\)"),
        ("++0--|-0+++;+", "1 sign of objective and penalties, not 0 .*leave out the ';'"),
        ("++0--|-0+++;+;", "only one ';'"),
        ("", "layer h0 has 2 units with kinks, but 1 unit found"),
    ],
)
def test_errors_name_place_value_and_remedy(text: str, message: str) -> None:
    with pytest.raises(StratumError, match=message):
        parse_signs(POSTER, text)


def test_missing_signs_of_the_objective() -> None:
    with pytest.raises(StratumError, match=r"0 signs of objective and penalties, not 2 .*write 2 after a ';'"):
        parse_signs(make(("relu", 1), points=2, objective="absolute_error"), "++")


def test_formatting_refuses_signs_of_another_problem() -> None:
    with pytest.raises(StratumError, match="1 layer, but the network has 2"):
        format_signs(POSTER, Signs((("+++++", "+++++"),)))
    with pytest.raises(StratumError, match="'1' is no sign"):
        format_signs(POSTER, Signs((("+++++", "1++++"), ())))


def test_the_stratum_of_a_point() -> None:
    theta = {"h0.weight": [[1], [0]], "h0.bias": [-2, 0], "output.weight": [[1, 1]]}
    assert format_signs(POSTER, signs_at(POSTER, theta)) == "--0++|00000"
    problem = make(("relu", 1), ("abs", 1), points=3, objective="absolute_error", lasso=True)
    theta = {"h0.weight": [[1]], "h0.bias": [-1], "h1.weight": [[-1]], "h1.bias": [0], "output.weight": [[Fraction(1)]]}
    # Outputs 0, 0, 1; the targets are 1.
    assert format_signs(problem, signs_at(problem, theta)) == "-0+/00-;++0+--0+"


def test_values() -> None:
    assert sign_values("+0-") == (1, 0, -1)
