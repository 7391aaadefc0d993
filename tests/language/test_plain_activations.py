"""However an activation is written, strata have the names of its plain form: the sign of z where its only kink is at 0."""

from __future__ import annotations

from fractions import Fraction as Q

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spec_texts import build

import reluspec
from reluspec.problem.activations import plain_form
from reluspec.problem.definitions import Z
from reluspec.problem.expression import Constant, Kink, Power, Product, Sum, evaluate, kinks, sign

LEAKY = "{ relu(z) - relu(-z)/10 }"


def spec(activation: str):
    return build(
        data="data { x = [-1, 1, 2]  y = [1, -2, 2] }",
        network=f"network {{ input 1  hidden: layer 1 {activation}  output: layer 1 linear without bias }}",
        more="regulariser ridge(1/10)",
    )


def expression_of(activation: str):
    return spec(activation).network.layers[0].activation.expression


@pytest.mark.parametrize(
    ("text", "slopes"),
    [
        (LEAKY, (Q(1, 10), Q(1))),
        ("{ max(z, z/10) }", (Q(1, 10), Q(1))),
        ("leaky_relu(1/10)", (Q(1, 10), Q(1))),
        ("{ -relu(-z) }", (Q(1), Q(0))),
        ("{ abs(-2*z) }", (Q(-2), Q(2))),
        ("{ relu(abs(z)) + max(0, z^3) - z^2*relu(z) }", (Q(-1), Q(1))),
    ],
)
def test_one_kink_at_zero(text: str, slopes: tuple[Q, Q]) -> None:
    assert expression_of(text) == Kink(Z, *slopes)


@pytest.mark.parametrize(("text", "slope"), [("{ relu(z) - relu(-z) }", 1), ("{ abs(z) - abs(-z) }", 0), ("leaky_relu(1)", 1)])
def test_no_kink(text: str, slope: int) -> None:
    assert not spec(text).network.layers[0].activation.kinks
    assert all(evaluate(expression_of(text), {Z: Q(z)}, sign, Q) == slope * z for z in (-2, 0, 3))


@pytest.mark.parametrize("text", ["{ relu(1 - z) }", "{ relu(-z)^2 }", "{ min(1, 2 - z) }", "hard_tanh", "{ abs(2 - abs(z)) }"])
def test_switches_grow(text: str) -> None:
    for kink in kinks(expression_of(text)):
        if not any(kinks(kink.argument)):
            values = [evaluate(kink.argument, {Z: Q(z)}, sign, Q) for z in (-1, 0, 1)]
            assert values == sorted(values)


EXPRESSIONS = st.recursive(
    st.just(Z) | st.integers(-3, 3).map(lambda c: Constant(Q(c, 2))),
    lambda part: st.one_of(
        st.lists(part, min_size=1, max_size=3).map(lambda parts: Sum(tuple(parts))),
        st.lists(part, min_size=1, max_size=2).map(lambda parts: Product(tuple(parts))),
        st.builds(Power, part, st.integers(0, 2)),
        st.builds(Kink, part, st.integers(-1, 1).map(Q), st.integers(-1, 2).map(Q)),
    ),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(EXPRESSIONS, st.lists(st.fractions(-4, 4, max_denominator=6), min_size=1, max_size=4))
def test_the_function_is_the_same(expression, places) -> None:
    plain = plain_form(expression)
    for place in places:
        assert evaluate(plain, {Z: place}, sign, Q) == evaluate(expression, {Z: place}, sign, Q)


@pytest.mark.parametrize("text", [LEAKY, "{ -relu(-z) }", "{ abs(-2*z) }"])
def test_both_engines_and_the_verifier_name_the_same_strata(text: str, tmp_path) -> None:
    problem = spec(text)
    convex, algebraic = (reluspec.solve(problem, name) for name in ("convex", "algebraic"))
    assert convex.complete
    assert algebraic.complete
    assert [[piece.stratum for piece in c.pieces] for c in convex] == [[piece.stratum for piece in c.pieces] for c in algebraic]
    path = tmp_path / "map.minima.json"
    reluspec.write_map(convex, path)
    assert not reluspec.verify(path).refuted
