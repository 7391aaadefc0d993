"""Existence of strata, forms of the system, and critical points known by hand."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import pytest
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st
from system_problems import activation, loss, poster, problem, two_hidden

from reluspec.errors import StratumError
from reluspec.problem.problem import Layer, Problem
from reluspec.regions.arrangement import arrangement
from reluspec.regions.signs import parse_signs
from reluspec.systems.evaluation import condition_values, residuals, with_multipliers
from reluspec.systems.existence import strictly_feasible
from reluspec.systems.system import Role, SystemKind, stratum_system


def exists(target: Problem, name: str) -> bool:
    try:
        system = stratum_system(target, parse_signs(target, name))
    except StratumError as error:
        assert "reluspec graph" in str(error)  # noqa: PT017
        return False
    assert system.existence_proved
    return True


@pytest.mark.parametrize(
    "x",
    [
        [(0,), (1,), (2,)],
        [(0,), (1,), (1,), (3,)],
        [(0, 0), (1, 0), (0, 1), (1, 1)],
        [(0, 0), (1, 1), (2, 2), (0, 1)],
    ],
)
def test_the_strata_of_one_unit_are_the_faces_of_its_arrangement(x: list[tuple[int, ...]]) -> None:
    layers = (Layer("hidden", 1, activation("relu")), Layer("output", 1, activation("linear"), bias=False))
    target = problem(x, [(1,)] * len(x), layers)
    faces = set(arrangement([[Fraction(v) for v in (*point, 1)] for point in x]).names)
    assert {"".join(name) for name in product("+-0", repeat=len(x)) if exists(target, "".join(name))} == faces


def test_two_units_exist_independently() -> None:
    assert exists(poster(), "0++++|+++0-")
    assert not exists(poster(), "0++++|++-+-")
    with pytest.raises(
        StratumError, match=r"no values of hidden.weight\[1,0\], hidden.bias\[1\] give the switches of unit 1 of layer hidden"
    ):
        stratum_system(poster(), parse_signs(poster(), "0++++|++-+-"))


def test_affine_switches_with_constants() -> None:
    """relu6 of a unit with bias fixed at 0 and one point at 1: the switches are w and w - 6."""
    layers = (Layer("hidden", 1, activation("relu6"), fixed_bias=(Fraction(0),)), Layer("output", 1, activation("linear"), bias=False))
    target = problem([(1,)], [(1,)], layers)
    names = {first + second for first, second in product("+-0", repeat=2)}
    assert {name for name in names if exists(target, name)} == {"--", "0-", "+-", "+0", "++"}


def test_contradictions_behind_a_dead_first_layer() -> None:
    """Without biases a dead first layer makes every later switch zero."""
    target = two_hidden(bias=False)
    with pytest.raises(StratumError, match=r"that of unit 0 of layer second at point 0 is 0, so its sign is 0, not \+"):
        stratum_system(target, parse_signs(target, "00|00/++"))
    system = stratum_system(target, parse_signs(target, "00|00/00"))
    assert (system.kind, len(system.multipliers), system.existence_proved) == (SystemKind.LAGRANGE, 2, True)


def test_repeated_nonlinear_switches_must_agree() -> None:
    layers = (Layer("hidden", 1, activation("relu")), Layer("output", 1, activation("linear"), bias=False))
    target = problem([(1,), (1,)], [(1,), (1,)], layers, loss("absolute_error", 1))
    with pytest.raises(StratumError, match="the objective at point 0 and of the objective at point 1 are multiples of each other"):
        stratum_system(target, parse_signs(target, "++;+-"))
    system = stratum_system(target, parse_signs(target, "++;00"))
    assert sum(equation.role is Role.SWITCH for equation in system.equations) == len(system.multipliers) == 1


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 3), st.data())
def test_strict_feasibility_against_the_arrangement(dimension: int, data: st.DataObject) -> None:
    row = st.lists(st.integers(-3, 3), min_size=dimension, max_size=dimension).filter(any)
    rows = [[Fraction(v) for v in entries] for entries in data.draw(st.lists(row, min_size=1, max_size=6))]
    assert strictly_feasible(rows) == (arrangement(rows).index_of("+" * len(rows)) is not None)


def kinked() -> Problem:
    """x~ = (3/4, 1) has length 5/4, so with lambda = 1/10 and y = 5/4 + 2/25 the unit w = (3, 4)/5, a = 1 is critical.

    It is zero at x = -4/3.
    """
    layers = (Layer("hidden", 1, activation("relu")), Layer("output", 1, activation("linear"), bias=False))
    return problem([("3/4",), ("-4/3",)], [("133/100",), (7,)], layers)


CRITICAL = (Fraction(3, 5), Fraction(4, 5), Fraction(1))


def test_a_critical_point_on_a_cell() -> None:
    target = problem(*[[("3/4",)], [("133/100",)]], kinked().network.layers)
    system = stratum_system(target, parse_signs(target, "+"))
    assert system.kind is SystemKind.GRADIENT
    assert not system.multipliers
    assert residuals(system, CRITICAL) == (0, 0, 0)
    assert condition_values(system, CRITICAL) == (Fraction(5, 4),)
    assert any(residuals(system, (Fraction(3, 5), Fraction(4, 5), Fraction(2))))


def test_a_critical_point_on_a_wall_in_three_arithmetics() -> None:
    system = stratum_system(kinked(), parse_signs(kinked(), "+0"))
    assert (system.kind, len(system.equations)) == (SystemKind.LAGRANGE, 4)
    point = with_multipliers(system, CRITICAL)
    # The surrogate takes the upper side at the kink: its gradient there is -2 * 7 * a times that of the switch.
    assert point == (*CRITICAL, 14)
    assert residuals(system, point) == (0, 0, 0, 0)
    floats = with_multipliers(system, [float(value) for value in CRITICAL])
    assert max(map(abs, residuals(system, floats))) < 1e-12
    balls = residuals(system, with_multipliers(system, [arb(value.numerator) / value.denominator for value in CRITICAL]))
    assert all(ball.contains(0) and ball.rad() < 1e-10 for ball in balls)


def test_points_of_the_wrong_length_are_refused() -> None:
    with pytest.raises(ValueError, match="has 4 variables, but the point has 3 numbers"):
        residuals(stratum_system(kinked(), parse_signs(kinked(), "+0")), CRITICAL)


def test_dependent_linear_switches_share_multipliers() -> None:
    """Five zero switches of a dead unit in the plane have rank 2."""
    system = stratum_system(poster(), parse_signs(poster(), "00000|+++0-"))
    assert system.kind is SystemKind.LAGRANGE
    assert [multiplier.place for multiplier in system.multipliers] == [
        "the switch of unit 0 of layer hidden at point 0",
        "the switch of unit 0 of layer hidden at point 1",
        "the switch of unit 1 of layer hidden at point 3",
    ]
    assert sum(equation.role is Role.SWITCH for equation in system.equations) == 3


def test_deeper_switches_with_a_bias_have_independent_gradients() -> None:
    system = stratum_system(two_hidden(), parse_signs(two_hidden(), "0+|-+/0+"))
    assert (system.kind, len(system.multipliers), system.existence_proved) == (SystemKind.LAGRANGE, 2, False)


def test_fritz_john_where_gradients_may_be_dependent() -> None:
    """Two points, two active units, no bias: the gradients of the second layer's switches depend on each other where its weights vanish."""
    layers = (
        Layer("first", 2, activation("relu"), bias=False),
        Layer("second", 1, activation("relu"), bias=False),
        Layer("output", 1, activation("linear"), bias=False),
    )
    target = problem([(1, 0), (0, 1)], [(1,), (2,)], layers)
    system = stratum_system(target, parse_signs(target, "++|++/00"))
    assert system.kind is SystemKind.FRITZ_JOHN
    assert [str(multiplier.variable) for multiplier in system.multipliers] == ["mu_loss", "mu[0]", "mu[1]"]
    assert system.equations[-1].role is Role.NORMALISATION
    # Equal columns in the first layer, second weights zero: the switches' gradients are equal, so (0, 1, -1) / sqrt 2 is a solution.
    point = [1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.3, 0.0, 0.5**0.5, -(0.5**0.5)]
    assert max(map(abs, residuals(system, point))) < 1e-15
    with pytest.raises(ValueError, match="Fritz John"):
        with_multipliers(system, point[:7])


def test_a_multiple_of_a_strict_switch_serves_as_pivot() -> None:
    """Without bias, one zero switch in the second layer: its gradient contains the first layer's active output, which is positive."""
    target = two_hidden(bias=False)
    assert stratum_system(target, parse_signs(target, "-+|+-/0+")).kind is SystemKind.LAGRANGE
