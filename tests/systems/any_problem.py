"""Specs of all kinds, small: depth, outputs, activations with thresholds, kinks in losses and penalties, fixed tensors, repeated points."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from hypothesis import strategies as st

from reluspec.language import parse_spec
from reluspec.problem.expression import Variable
from reluspec.problem.problem import Problem

ACTIVATIONS = ("relu", "relu", "abs", "hard_tanh", "{ max(z, z/10) }", "{ abs(z - 1) + max(z, 0) }", "{ max(z^2 - 1, 0) }", "linear")
LOSSES = ("sum squared_error", "sum huber(1)", "sum absolute_error", "mean squared_hinge", "sum { abs(abs(y - f) - 1) }")
REGULARISERS = (
    "ridge(1)",
    "lasso(1)",
    "ridge(1) + lasso(1) on first.weight",
    "ridge(1) + { abs(abs(p) - 1) } on first.bias",
    "{ abs(first.weight[0,0] - first.weight[1,0]) }",
    "{ first.weight[0,0]^2 }",
    "{ abs(first.weight[0,0] * output.weight[0,0] - 1) }",
)


def spec(
    x: list[int],
    layers: str,
    output: str = "layer 1 linear",
    loss: str = "sum squared_error",
    regulariser: str = "ridge(1)",
    y: list[int] | None = None,
) -> Problem:
    """`layers` are all but the last; with several outputs they have the same target."""
    outputs = int(output.split()[1])
    targets = [value if outputs == 1 else (value,) * outputs for value in y or [(7 * k) % 5 - 2 for k in range(len(x))]]
    network = f"network {{ input 1\n {layers}\n output: {output} }}"
    return parse_spec(f"data {{ x = {x}\n y = {targets} }}\n{network}\nloss {loss}\nregulariser {regulariser}\n", name="a test")


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    x = draw(st.lists(st.integers(-2, 2), min_size=1, max_size=2))
    units = draw(st.sampled_from([(2,), (2,), (3,), (1, 1), (2, 1), (1, 2)]))
    layers = []
    for position, count in enumerate(units):
        text = f"{'first' if position == 0 else 'second'}: layer {count} {draw(st.sampled_from(ACTIVATIONS))}"
        text += draw(st.sampled_from(["", "", " without bias", f" fixed bias {[draw(st.integers(-1, 1)) for _ in range(count)]}"]))
        if draw(st.integers(0, 5)) == 0:
            fan_in = units[position - 1] if position else 1
            text += f" fixed weight {[[draw(st.integers(-1, 1)) for _ in range(fan_in)] for _ in range(count)]}"
        layers.append(text)
    bias = draw(st.sampled_from(["", " without bias"]))
    output = f"layer {draw(st.sampled_from([1, 1, 2]))} {draw(st.sampled_from(['linear', 'linear', 'relu']))}{bias}"
    loss = draw(st.sampled_from(LOSSES if output.startswith("layer 1") else LOSSES[:3]))
    whole = "fixed weight" not in layers[0] and "first.bias" not in layers[0]
    unfit = {"first.bias": "bias" in layers[0], "[1,0]": units[0] < 2, "first.weight": not whole, "lasso(1)": False}
    fit = [text for text in REGULARISERS if not any(word in text and excluded for word, excluded in unfit.items())]
    return spec(
        x, "\n".join(layers), output, loss, draw(st.sampled_from(fit)), draw(st.lists(st.integers(-1, 1), min_size=2, max_size=2))[: len(x)]
    )


NUMBERS = st.sampled_from([Fraction(k, d) for k in range(-3, 4) for d in (1, 2)]) | st.fractions(-4, 4, max_denominator=7)


@st.composite
def parameters(draw: st.DrawFn, problem: Problem) -> Mapping[Variable, Fraction]:
    """A point, often with zeros, ones and other coincidences."""
    return {parameter: draw(NUMBERS) for parameter in problem.parameters}
