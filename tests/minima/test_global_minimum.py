"""What is called a global minimum: the least loss where the loss attains its infimum, and nowhere else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import reluspec
from reluspec.problem.coercive import has_bounded_sublevel_sets, not_coercive

DATA = "data { x = [-1, 0, 2] y = [1, 1, 1] }"
ONE = "network { input 1 hidden: layer 1 relu output: layer 1 linear%s }"
WITHOUT_BIAS = " without bias"


def problem(bias: str, rest: str, data: str = DATA) -> reluspec.Problem:
    return reluspec.parse(f"{data} {ONE % bias} {rest}")


@pytest.mark.parametrize(
    ("bias", "rest", "bounded"),
    [
        (WITHOUT_BIAS, "loss sum squared_error regulariser ridge(1/10)", True),
        (WITHOUT_BIAS, "loss sum squared_error regulariser ridge(1/10) on weights", False),  # hidden biases
        (WITHOUT_BIAS, "loss sum absolute_error regulariser lasso(1/10)", True),
        (WITHOUT_BIAS, "loss sum squared_error", False),
        ("", "loss sum squared_error regulariser ridge(1/10) on weights, hidden.bias", True),  # outputs hold the output's bias
        ("", "loss sum { max(0, 1 - y*f)^2 } regulariser ridge(1/10) on weights, hidden.bias", False),  # one label only
        ("", "loss sum { max(0, 1 - y*f)^2 } regulariser ridge(1/10)", True),
        (WITHOUT_BIAS, "loss sum squared_error regulariser ridge(1/10) + { hidden.weight[0,0] }", True),
        (WITHOUT_BIAS, "loss sum squared_error regulariser ridge(1/10) + { -hidden.weight[0,0]^4 }", False),
    ],
)
def test_bounded_sublevel_sets(bias: str, rest: str, bounded: bool) -> None:
    one = problem(bias, rest)
    assert has_bounded_sublevel_sets(one) is bounded
    assert bounded or not_coercive(one)


def test_both_labels_hold_the_bias() -> None:
    rest = "loss sum { max(0, 1 - y*f)^2 } regulariser ridge(1/10) on weights, hidden.bias"
    assert has_bounded_sublevel_sets(problem("", rest, "data { x = [-1, 0, 2] y = [1, -1, 1] }"))


def test_a_loss_that_is_lower_far_out(tmp_path: Path) -> None:
    """The only minima have loss 3; with a bias c to infinity and output weight 1 / c the loss tends to 0."""
    one = problem(WITHOUT_BIAS, "loss sum squared_error regulariser ridge(1/10) on weights")
    minima = reluspec.solve(one)
    assert minima.complete
    assert [float(component.loss) for component in minima] == [3.0]
    far = {"hidden.weight": [[0]], "hidden.bias": [10**4], "output.weight": [[1e-4]]}
    assert float(one.loss_at(far)) < 1e-6
    assert not minima.global_is_proved
    assert "* least loss of all minima; far out the loss may be lower" in str(minima)
    reluspec.write_map(minima, tmp_path / "minima.json")
    assert json.loads((tmp_path / "minima.json").read_text())["summary"]["global_is_proved"] is False
    assert reluspec.verify(tmp_path / "minima.json").ok
    checked = reluspec.check(one, minima.theta(0), minima=minima)
    assert checked.is_minimum
    assert checked.is_global_minimum is None


def test_zero_is_least_without_penalties() -> None:
    minima = reluspec.solve(problem("", "loss sum squared_error"))
    assert minima.complete
    assert minima.global_is_proved
    assert "* global minimum" in str(minima)
