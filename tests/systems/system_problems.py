"""Small problems built by hand, without the parser."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from reluspec.problem.definitions import BUILT_IN, Definition, F, Kind, P, Y
from reluspec.problem.expression import Expression, Variable, substitute
from reluspec.problem.problem import Activation, Data, Layer, Loss, Network, Penalty, Problem, Reduction, total

DEFINITIONS = {definition.name: definition for definition in BUILT_IN}


def fractions(values: Sequence[object]) -> tuple[Fraction, ...]:
    return tuple(Fraction(str(value)) for value in values)


def activation(name: str, *arguments: Fraction) -> Activation:
    return Activation(name, arguments, DEFINITIONS[name].build(*arguments))


def loss(name: str, outputs: int, *arguments: Fraction, reduction: Reduction = Reduction.SUM) -> Loss:
    expression = DEFINITIONS[name].build(*arguments)
    terms = [substitute(expression, {Y: Variable("y", (k,)), F: Variable("f", (k,))}) for k in range(outputs)]
    return Loss(reduction, name, arguments, total(terms))


def penalty(name: str, coefficient: str, parameters: Sequence[Variable]) -> Penalty:
    definition: Definition = DEFINITIONS[name]
    assert definition.kind is Kind.REGULARISER
    expression: Expression = definition.build(Fraction(coefficient))
    return Penalty(f"{name}({coefficient})", total([substitute(expression, {P: parameter}) for parameter in parameters]))


def problem(
    x: Sequence[Sequence[object]],
    y: Sequence[Sequence[object]],
    layers: Sequence[Layer],
    objective: Loss | None = None,
    penalties: Sequence[tuple[str, str]] = (("ridge", "1/10"),),
    weight: Sequence[object] | None = None,
    title: str = "a test",
) -> Problem:
    """A problem whose penalties act on all free parameters."""
    network = Network(len(x[0]), tuple(layers))
    data = Data(tuple(fractions(p) for p in x), tuple(fractions(p) for p in y), fractions(weight or [1] * len(x)))
    objective = objective or loss("squared_error", network.outputs)
    bare = Problem(title, data, network, objective)
    return Problem(title, data, network, objective, tuple(penalty(name, c, bare.parameters) for name, c in penalties))


def poster(
    units: int = 2, x: Sequence[object] = (-3, -1, 0, 1, 2), y: Sequence[object] = ("3/2", "1/2", 2, 1, "1/2"), title: str = "poster"
) -> Problem:
    layers = (Layer("hidden", units, activation("relu")), Layer("output", 1, activation("linear"), bias=False))
    return problem([(v,) for v in x], [(v,) for v in y], layers, title=title)


def two_hidden(bias: bool = True) -> Problem:
    """1 input, two hidden layers of two and one ReLU units, output with bias; two points."""
    layers = (
        Layer("first", 2, activation("relu"), bias=bias),
        Layer("second", 1, activation("relu"), bias=bias),
        Layer("output", 1, activation("linear"), bias=bias),
    )
    return problem([(-1,), (2,)], [(1,), ("1/2",)], layers)
