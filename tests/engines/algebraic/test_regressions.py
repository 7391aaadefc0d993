"""What the algebraic engine once got wrong, found by random problems and descents."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from flint import fmpz_poly

import reluspec
from reluspec.engines.algebraic.exact.number_field import NumberField
from reluspec.engines.algebraic.job import stratum_job
from reluspec.language import parse_spec
from reluspec.problem.problem import Problem

sys.path.insert(0, str(Path(__file__).parents[2]))

from descent import drop
from jets import Landscape


def problem(
    x: str = "[0, -2, 2]",
    y: str = "[1, 3, -3]",
    *,
    layers: str = "hidden: layer 1 relu",
    bias: str = " without bias",
    loss: str = "squared_error",
    penalty: str = "ridge(1/10)",
    inputs: int = 1,
) -> Problem:
    return parse_spec(
        f"data {{ x = {x}  y = {y} }}\nnetwork {{ input {inputs}  {layers}  output: layer 1 linear{bias} }}\n"
        f"loss sum {loss}\nregulariser {penalty}\n",
        name="case.rspec",
    )


def summary(one: Problem) -> list[tuple[float, int, int, bool]]:
    minima = reluspec.solve(one, "algebraic")
    assert minima.complete
    return [(round(float(c.loss), 9), c.dimension, c.orbit_size, c.closed) for c in minima]


LASSO = "ridge(1/10) on hidden + lasso(1/5) on output"


@pytest.mark.parametrize(
    ("nested", "plain"),
    [
        ({"layers": "hidden: layer 1 { max(abs(z), z/2) }"}, {"layers": "hidden: layer 1 abs"}),
        ({"layers": "hidden: layer 1 { max(z/10, max(0, z)) }"}, {}),
        ({"loss": "{ max(abs(y - f), (y - f)/2) }", "penalty": LASSO}, {"loss": "absolute_error", "penalty": LASSO}),
        ({"penalty": "ridge(1/10) + { max(abs(p), p/2)/5 } on output"}, {"penalty": "ridge(1/10) + lasso(1/5) on output"}),
    ],
)
def test_one_function_written_with_nested_kinks(nested: dict[str, str], plain: dict[str, str]) -> None:
    """The switch of the outer kink is another polynomial on the other side of the inner one."""
    assert summary(problem(**nested)) == summary(problem(**plain))


def test_kinks_of_a_second_layer_and_of_the_objective() -> None:
    """On either side of a switch of the second layer one of the objective is another polynomial."""
    deep = problem(
        "[(0, 1), (1, 0)]", "[1, 2]", layers="first: layer 1 relu  second: layer 1 relu", bias="", loss="absolute_error", inputs=2
    )
    minima = reluspec.solve(deep, "algebraic", timeout=300)
    unknown = {entry.stratum for entry in minima.undecided}
    known = {0.3123884544: "", 0.4429441921: "", 0.6620741394: "+0/+0;00", 0.7494412984: "0+/+0;00", 1.1: "00/00;0+"}
    for loss, stratum in known.items():
        assert stratum in unknown or any(abs(loss - float(component.loss)) < 1e-8 for component in minima), loss
    assert len(minima) >= 4


def test_kinks_that_vanish_on_the_other_side_of_another() -> None:
    """The loss is zero around y = f: there the multiplier of the objective's switch must vanish."""
    insensitive = problem(loss="{ max(0, abs(y - f) - 1/2) }")
    land, random = Landscape(insensitive), np.random.default_rng(0)
    minima = reluspec.solve(insensitive, "algebraic")
    for component in minima:
        assert drop(land, land.row(component.theta()), random, 2000, (1e-4, 1e-5)) > -3, float(component.loss)
    assert [round(float(component.loss), 6) for component in minima] == [2.723607, 3.25]


@pytest.mark.parametrize(
    ("one", "stratum", "theta"),
    [
        # |a| |w x + c| beats 4 a w: all (0, c, 0), c > 0, are minima.
        (
            problem(y="[0, 3, -3]", layers="hidden: layer 1 abs", loss="absolute_error", penalty="ridge(1/10) on weights"),
            "+++;0+-",
            (0, 1, 0),
        ),
        # Minima for 1 < w/c < 12/7 only: the slope that balances a changes with w.
        (
            problem("[-1, -1/3, 0, 1/4]", "[1, -1, 1, 3]", bias="", loss="absolute_error", penalty="ridge(1/10) on output.weight"),
            "-+++;0-0+",
            (1.5, 1, 0, 1),
        ),
    ],
)
def test_units_without_effect_beside_a_kink_of_the_objective(one: Problem, stratum: str, theta: tuple[float, ...]) -> None:
    land = Landscape(one)
    assert drop(land, np.array(theta, dtype=float), np.random.default_rng(0), 20_000) > -1
    outcome = stratum_job(one, stratum)
    assert outcome["reason"] or any(found["verdict"] != "NOT_MINIMUM" for found in outcome["sets"])


@pytest.mark.parametrize("bias", ["", " without bias"])
def test_ends_of_families_in_a_layer_without_kinks(bias: str) -> None:
    """Two linear units share one function: a circle, in four parts that meet where a unit is dead."""
    linear = problem(layers="hidden: layer 2 linear without bias", bias=bias)
    minima = reluspec.solve(linear, "algebraic")
    assert minima.complete
    (circle,) = minima
    assert (circle.dimension, circle.orbit_size, circle.closed, circle.location) == (1, 1, True, "interior")
    assert {piece.dimension for piece in circle.pieces} == {0, 1}


def test_long_coefficients_are_read_back() -> None:
    """Three hidden layers have longer ones than Python's integers may have digits."""
    field = NumberField(fmpz_poly([-2, 0, 1]), 1)
    number = field.element(10) ** 5000 / 3
    assert field.element_from_json(number.to_json()) == number


def test_units_without_effect_whose_bias_decides() -> None:
    """At a = w = 0 the form in (a, w) is [[2 c^2 + 1/2, -2], [-2, 1/2]]: positive for large c, negative for small ones."""
    family = problem("[2, 1]", "[2, -2]", penalty="ridge(1/2) on weights")
    minima = reluspec.solve(family, "algebraic")
    listed = {piece.stratum for component in minima for piece in component.pieces}
    assert "++" in listed | {entry.stratum for entry in minima.undecided}


def test_a_lasso_on_two_hidden_layers() -> None:
    """With all targets zero the loss of some strata is odd in a unit's parameters."""
    problem = reluspec.parse(
        "data { x = [-1, 3] y = [0, 0] } network { input 1 a: layer 1 relu without bias b: layer 1 relu without bias "
        "output: layer 1 linear without bias } loss sum squared_error regulariser lasso(1)"
    )
    minima = reluspec.solve(problem, workers=1)
    assert minima.complete
    assert [(component.dimension, float(component.loss)) for component in minima] == [(0, 0.0)]
