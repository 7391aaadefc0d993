"""Exchanges of units are symmetries of the loss, and those that are not are left out."""

from __future__ import annotations

from fractions import Fraction

import pytest
from any_problem import parameters, problems, spec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from system_problems import poster

from reluspec.errors import LimitError
from reluspec.problem.problem import Problem
from reluspec.regions.signs import parse_signs, signs_at
from reluspec.systems.exchanges import exchange_parameters, exchange_signs, exchanges
from reluspec.systems.points import theta_of


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(problems(), st.data())
def test_exchanges_are_symmetries(problem: Problem, data: st.DataObject) -> None:
    old = data.draw(parameters(problem))
    group = exchanges(problem)
    assert group[0].is_identity
    assert len(set(group)) == len(group)
    theta = theta_of(problem, old)
    for exchange in group:
        places = exchange_parameters(problem, exchange)
        new = {parameter: old[problem.parameters[place]] for parameter, place in zip(problem.parameters, places, strict=True)}
        moved = theta_of(problem, new)
        assert problem.loss_at(moved) == problem.loss_at(theta)
        assert signs_at(problem, moved) == exchange_signs(problem, signs_at(problem, theta), exchange)


COUNTS = {
    "all": (spec([0], "first: layer 3 relu\n second: layer 2 relu"), 12),
    "weights that differ": (spec([0], "first: layer 2 relu fixed weight [[1], [-1]]"), 1),
    "weights that agree": (spec([0], "first: layer 2 relu fixed weight [[1], [1]]"), 2),
    "one bias of three": (spec([0], "first: layer 3 relu fixed bias [0, 1, 0]"), 2),
    "output weights": (spec([0], "first: layer 2 relu", "layer 1 linear fixed weight [[1, 2]]"), 1),
    "both layers at once": (spec([0], "first: layer 2 relu\n second: layer 2 relu fixed weight [[1, 0], [0, 1]]"), 2),
    "a penalty on one unit": (spec([0], "first: layer 2 relu", regulariser="{ first.weight[0,0]^2 }"), 1),
    "a sum over units": (spec([0], "first: layer 2 relu", regulariser="{ first.weight[1,0]^2 + first.weight[0,0]^2 }"), 2),
    "a square of a sum": (spec([0], "first: layer 2 relu", regulariser="{ (first.weight[1,0] + 2*first.weight[0,0])^2 }"), 1),
    "a difference": (spec([0], "first: layer 2 relu", regulariser="{ abs(first.weight[1,0] - first.weight[0,0]) }"), 2),
    "a one-sided difference": (spec([0], "first: layer 2 relu", regulariser="{ max(first.weight[1,0] - first.weight[0,0], 0) }"), 1),
    "a largest": (spec([0], "first: layer 2 relu", regulariser="{ max(first.weight[1,0], first.weight[0,0]) }"), 2),
    "lasso": (spec([0], "first: layer 3 relu", regulariser="lasso(1)"), 6),
}


@pytest.mark.parametrize("name", COUNTS)
def test_how_many_there_are(name: str) -> None:
    problem, count = COUNTS[name]
    assert len(exchanges(problem)) == count


def test_signs_of_penalties_move_along() -> None:
    problem = spec([1], "first: layer 2 relu", "layer 1 linear without bias", regulariser="lasso(1) on output.weight")
    swap = exchanges(problem)[1]
    assert exchange_signs(problem, parse_signs(problem, "+|0;-+"), swap) == parse_signs(problem, "0|+;+-")
    turned = spec([1], "first: layer 2 relu", regulariser="{ abs(first.weight[1,0] - first.weight[0,0]) }")
    assert exchange_signs(turned, parse_signs(turned, "+|0;+"), exchanges(turned)[1]) == parse_signs(turned, "0|+;-")


def test_too_many_permutations() -> None:
    assert len(exchanges(poster(7))) == 5040
    for units in (8, 10_000):
        with pytest.raises(LimitError, match=f"{units}! permutations; up to 5,040"):
            exchanges(poster(units))


def test_parameters_in_order() -> None:
    problem = poster(2)
    assert [str(problem.parameters[place]) for place in exchange_parameters(problem, exchanges(problem)[1])] == [
        "hidden.weight[1,0]",
        "hidden.weight[0,0]",
        "hidden.bias[1]",
        "hidden.bias[0]",
        "output.weight[0,1]",
        "output.weight[0,0]",
    ]
    assert problem.loss_at(theta_of(problem, dict.fromkeys(problem.parameters, Fraction(1)))) > 0
