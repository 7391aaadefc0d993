"""Surrogates and systems against a plain derivation in sympy, and against the loss itself."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
import sympy
from flint import fmpq, fmpq_mpoly
from hypothesis import given, settings
from hypothesis import strategies as st
from system_problems import activation, loss, poster, problem

from reluspec.errors import LimitError, ProblemError, StratumError
from reluspec.problem.expression import Variable
from reluspec.problem.problem import Layer, Problem, Reduction
from reluspec.regions.signs import Signs, format_signs, parse_signs, signs_at
from reluspec.systems.evaluation import value_at
from reluspec.systems.surrogate import MAX_TERMS, surrogate
from reluspec.systems.system import Role, SystemKind, stratum_system

SLOPES = {"relu": (0, 1), "leaky_relu": (sympy.Rational(1, 10), 1), "abs": (-1, 1), "linear": (1, 1)}
THETA_ENTRY = st.integers(-2, 2).map(Fraction)
ACTIVATIONS = {
    "relu": activation("relu"),
    "leaky_relu": activation("leaky_relu", Fraction(1, 10)),
    "abs": activation("abs"),
    "linear": activation("linear"),
}


@st.composite
def problems(draw: Any, objectives: tuple[str, ...] = ("squared_error",)) -> Problem:
    """One or two hidden layers, one or two inputs and points, small integers: zeros of switches are common."""
    inputs, outputs, points = draw(st.integers(1, 2)), draw(st.integers(1, 2)), draw(st.integers(1, 3))
    depth = draw(st.integers(1, 2))
    hidden = [
        Layer(f"h{k}", draw(st.integers(1, 2)), ACTIVATIONS[draw(st.sampled_from(["relu", "leaky_relu", "abs"]))], bias=draw(st.booleans()))
        for k in range(depth)
    ]
    fan_in = hidden[-1].units
    fixed = tuple(tuple(Fraction(draw(st.integers(-1, 1))) for _ in range(fan_in)) for _ in range(outputs)) if draw(st.booleans()) else None
    layers = [*hidden, Layer("out", outputs, ACTIVATIONS["linear"], bias=draw(st.booleans()), fixed_weight=fixed)]
    entry = st.integers(-2, 2)
    x = [[draw(entry) for _ in range(inputs)] for _ in range(points)]
    y = [[draw(entry) for _ in range(outputs)] for _ in range(points)]
    name = draw(st.sampled_from(objectives))
    arguments = {"huber": (Fraction(1),), "power": (Fraction(4),)}.get(name, ())
    objective = loss(name, outputs, *arguments, reduction=draw(st.sampled_from(list(Reduction))))
    penalties = draw(st.sampled_from([(), (("ridge", "1/3"),), (("lasso", "1/2"),), (("ridge", "1/3"), ("lasso", "2"))]))
    weight = [draw(st.integers(1, 3)) for _ in range(points)]
    return problem(x, y, layers, objective, penalties, weight)


def theta_of(target: Problem, vector: list[Fraction]) -> dict[str, Any]:
    """A vector in the order of the parameters, in PyTorch's form."""
    theta: dict[str, Any] = {}
    for parameter, value in zip(target.parameters, vector, strict=True):
        tensor = theta.setdefault(parameter.name, [])
        if len(parameter.index) == 1:
            tensor.append(value)
        elif parameter.index[1] == 0:
            tensor.append([value])
        else:
            tensor[-1].append(value)
    return theta


def draw_theta(data: Any, target: Problem, entry: Any = THETA_ENTRY) -> list[Fraction]:
    return data.draw(st.lists(entry, min_size=len(target.parameters), max_size=len(target.parameters)))


def reference(target: Problem, signs: Signs) -> tuple[Any, list[Any], list[Any]]:
    """(loss, switches in the order of the name, parameters) by sympy, for squared error and the activations of `SLOPES`.

    Reads only the problem's fields.
    """
    symbols = {parameter: sympy.Symbol(f"p{k}") for k, parameter in enumerate(target.parameters)}
    values = symbols | {variable: sympy.Rational(value) for variable, value in target.constants().items()}
    switches = []
    signals: list[list[Any]] = [[sympy.Rational(v) for v in point] for point in target.data.x]
    for layer, units in zip(target.network.layers, signs.layers, strict=True):
        below, above = SLOPES[layer.activation.name]
        columns = []
        for unit in range(layer.units):
            column = []
            for i, signal in enumerate(signals):
                z = sum(values[Variable(f"{layer.name}.weight", (unit, k))] * v for k, v in enumerate(signal))
                z += values[Variable(f"{layer.name}.bias", (unit,))] if layer.bias else 0
                if units:
                    switches.append(sympy.expand(z))
                column.append(z * (below if units and units[unit][i] == "-" else above))
            columns.append(column)
        signals = [list(row) for row in zip(*columns, strict=True)]
    total: Any = sympy.Integer(0)
    for output, y, weight in zip(signals, target.data.y, target.data.weight, strict=True):
        total += sympy.Rational(weight) * sum((sympy.Rational(t) - f) ** 2 for t, f in zip(y, output, strict=True))
    if target.loss.reduction is Reduction.MEAN:
        total /= len(target.data)
    penalty_signs = iter(signs.penalty)
    for term in target.regulariser:
        coefficient = sympy.Rational(term.text.partition("(")[2].rstrip(")"))
        for symbol in symbols.values():
            if term.text.startswith("ridge"):
                total += coefficient * symbol**2
            else:
                switches.append(symbol)
                total += coefficient * symbol * (-1 if next(penalty_signs) == "-" else 1)
    return sympy.expand(total), switches, list(symbols.values())


def as_sympy(polynomial: fmpq_mpoly, symbols: list[Any]) -> Any:
    total: Any = sympy.Integer(0)
    for exponents, coefficient in polynomial.to_dict().items():
        total += sympy.Rational(int(coefficient.p), int(coefficient.q)) * sympy.prod(s**e for s, e in zip(symbols, exponents, strict=True))
    return total


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_surrogate_and_system_agree_with_sympy(data: Any) -> None:
    target = data.draw(problems())
    if not target.parameters:
        return
    vector = draw_theta(data, target)
    signs = signs_at(target, theta_of(target, vector))
    expected_loss, expected_switches, symbols = reference(target, signs)
    local = surrogate(target, signs)
    assert sympy.expand(as_sympy(local.loss, symbols) - expected_loss) == 0
    assert [as_sympy(switch.polynomial, symbols) for switch in local.switches] == expected_switches
    assert "".join("-0+"[switch.sign + 1] for switch in local.switches) == signs.all

    system = stratum_system(target, signs)
    places = {f"the switch of {switch.place}": [] for switch in local.switches}
    for switch, expected in zip(local.switches, expected_switches, strict=True):
        places[f"the switch of {switch.place}"].append(expected)
    unknowns = [*symbols, *(sympy.Symbol(f"m{j}") for j in range(len(system.multipliers)))]
    multiplied = [(unknowns[len(symbols) + j], multiplier) for j, multiplier in enumerate(system.multipliers)]
    lagrangian: Any = sympy.Integer(0)
    if system.kind is not SystemKind.FRITZ_JOHN:
        lagrangian = expected_loss
    for unknown, multiplier in multiplied:
        # A place of the regulariser has several switches; equality of the equations is checked for unambiguous places only.
        choices = [expected_loss] if multiplier.place == "the loss" else places[multiplier.place]
        if len(choices) > 1:
            return
        lagrangian += unknown * choices[0]
    stationarity = [equation.polynomial for equation in system.equations if equation.role is Role.STATIONARITY]
    for symbol, polynomial in zip(symbols, stationarity, strict=True):
        assert sympy.expand(as_sympy(polynomial, unknowns) - sympy.diff(lagrangian, symbol)) == 0


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_lagrange_multipliers_span_all_gradients_and_the_point_satisfies_the_rest(data: Any) -> None:
    """At a point of the stratum: the multiplied switches have independent gradients, which span those of all zero switches."""
    target = data.draw(problems())
    if not target.parameters:
        return
    vector = draw_theta(data, target)
    signs = signs_at(target, theta_of(target, vector))
    local, system = surrogate(target, signs), stratum_system(target, signs)
    assert system.stratum == format_signs(target, signs)
    for equation in system.equations:
        if equation.role is Role.SWITCH:
            assert value_at(equation.polynomial, [*vector, *[0] * len(system.multipliers)]) == 0
    for condition in system.conditions:
        assert condition.sign * value_at(condition.polynomial, [*vector, *[0] * len(system.multipliers)]) > 0
    if system.kind is SystemKind.FRITZ_JOHN:
        return
    jacobian = [[value_at(s.polynomial.derivative(k), vector) for k in range(len(vector))] for s in local.switches if s.sign == 0]
    rank = sympy.Matrix(jacobian).rank() if jacobian else 0
    assert len(system.multipliers) == rank


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_the_surrogate_equals_the_loss_on_its_stratum(data: Any) -> None:
    """Any objective, in a whole neighbourhood inside the stratum's cell where the point has no zero switch."""
    target = data.draw(problems(("squared_error", "absolute_error", "huber", "squared_hinge", "power")))
    if not target.parameters:
        return
    vector = draw_theta(data, target, st.fractions(-2, 2, max_denominator=7))
    for shift in (Fraction(0), Fraction(1, 1000)):
        shifted = [value + shift * (k + 1) for k, value in enumerate(vector)]
        theta = theta_of(target, shifted)
        local = surrogate(target, signs_at(target, theta))
        assert value_at(local.loss, shifted) == target.loss_at(theta)
        for switch in local.switches:
            value = value_at(switch.polynomial, shifted)
            assert (value > 0) - (value < 0) == switch.sign


def test_a_switch_that_is_constant_decides_existence() -> None:
    layer = Layer("hidden", 1, activation("relu"), fixed_weight=((Fraction(1),),), fixed_bias=(Fraction(0),))
    target = problem([(2,), (-1,)], [(1,), (1,)], (layer, Layer("output", 1, activation("linear"))))
    assert surrogate(target, parse_signs(target, "+-")).loss.total_degree() == 2
    with pytest.raises(StratumError, match="unit 0 of layer hidden at point 1 is the constant -1, so its sign is -, not 0"):
        surrogate(target, parse_signs(target, "+0"))


def test_nothing_to_minimise() -> None:
    layer = Layer("output", 1, activation("linear"), bias=False, fixed_weight=((Fraction(1),),))
    with pytest.raises(ProblemError, match="every parameter of the network is fixed"):
        stratum_system(problem([(2,)], [(1,)], (layer,), penalties=()), Signs(((),)))


def test_a_system_that_would_not_fit_is_refused() -> None:
    layers = [Layer(f"h{k}", 12, activation("relu")) for k in range(4)]
    target = problem([(1,)], [(1,)], (*layers, Layer("output", 1, activation("linear"))))
    name = "/".join("|".join("+" * 12) for _ in range(4))
    with pytest.raises(LimitError, match=f"the limit is {MAX_TERMS:,}"):
        stratum_system(target, parse_signs(target, name))


def test_the_poster_gradient_by_hand() -> None:
    """One unit, one point (x, y) = (1, 3): the loss is (3 - a (w + b))^2 + (a^2 + w^2 + b^2) / 10 on the cell `+`."""
    target = poster(1, (1,), (3,))
    w, b, a = surrogate(target, parse_signs(target, "+")).context.gens()
    assert surrogate(target, parse_signs(target, "+")).loss == (3 - a * (w + b)) ** 2 + (a**2 + w**2 + b**2) * fmpq(1, 10)
