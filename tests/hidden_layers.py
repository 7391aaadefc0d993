"""Problems with hidden layers, built by hand: what tests of regions and exporters need, without the parser."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from reluspec.problem.definitions import BUILT_IN, F, P, Y
from reluspec.problem.expression import Expression, Variable, substitute
from reluspec.problem.problem import Activation, Data, Layer, Loss, Network, Penalty, Problem, Reduction, total

BUILD = {definition.name: definition.build for definition in BUILT_IN}
POSTER_X = (-3, -1, 0, 1, 2)


def activation(name: str, *arguments: Fraction) -> Activation:
    return Activation(name, arguments, BUILD[name](*arguments))


def custom(expression: Expression) -> Activation:
    """An activation in braces."""
    return Activation("{…}", (), expression)


def layer(name: str, units: int, function: str = "relu", *, bias: bool = True) -> Layer:
    return Layer(name, units, activation(function), bias)


def problem(x: Sequence[object], *layers: Layer, loss: str = "squared_error", penalty: str = "ridge", title: str = "a test") -> Problem:
    """Inputs x (numbers or tuples), targets 1, hidden layers and a linear output without bias."""
    points = tuple(tuple(Fraction(str(entry)) for entry in (point if isinstance(point, tuple) else (point,))) for point in x)
    expression = substitute(BUILD[loss](), {Y: Variable("y", (0,)), F: Variable("f", (0,))})
    network = Network(len(points[0]), (*layers, layer("output", 1, "linear", bias=False)))
    ones = (Fraction(1),) * len(points)
    bare = Problem(title, Data(points, tuple((one,) for one in ones), ones), network, Loss(Reduction.SUM, loss, (), expression))
    term = total([substitute(BUILD[penalty](Fraction(1, 10)), {P: parameter}) for parameter in bare.parameters])
    return Problem(title, bare.data, network, bare.loss, (Penalty(f"{penalty}(1/10)", term),))


def hidden(x: Sequence[object], units: int, function: str = "relu", *, bias: bool = True, title: str = "a test") -> Problem:
    """One hidden layer."""
    return problem(x, layer("hidden", units, function, bias=bias), title=title)


def poster(units: int = 2, title: str = "poster") -> Problem:
    return hidden(POSTER_X, units, title=title)
