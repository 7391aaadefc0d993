"""Arrangements in the plane whose switches depend: three and more points on a line, grids, repeated points (theory.md section 3)."""

from __future__ import annotations

import numpy as np
import pytest
from checks import check, check_systems
from reference import Loss, descended, gap_of_perturbation
from small_problems import Small, small

import reluspec

LINE_AND_ONE = [(0, 0), (1, 0), (2, 0), (0, 1)]
GRID = [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1)]
DOUBLED = [(0, 0), (0, 0), (1, 0), (2, 0), (1, 2)]
PROBLEMS = {
    "line and a point": small(LINE_AND_ONE, [1, -1, 2, "1/2"], 1, "1/10"),
    "line and a point, two units": small(LINE_AND_ONE, [1, -1, 2, "1/2"], 2, "1/10"),
    "line at zero, kink minimum": small(LINE_AND_ONE, [0, 0, 0, 2], 1, "1/10"),
    "line at zero, two units": small(LINE_AND_ONE, [0, 0, 0, 2], 2, "1/10"),
    "line at zero, leaky": small(LINE_AND_ONE, [0, 0, 0, 2], 1, "1/10", activation="leaky_relu(-1/2)"),
    "line below": small(LINE_AND_ONE, [-1, -1, -2, 3], 1, "1/10"),
    "line below, alternating": small(LINE_AND_ONE, [-1, 1, -1, 3], 1, "1/100"),
    "grid": small(GRID, [0, 0, 0, 1, 2], 1, "1/10"),
    "grid, alternating": small(GRID, [-1, -2, -1, 3, 3], 1, "1/20", output_bias="free"),
    "doubled": small(DOUBLED, [-1, 0, -1, -1, 3], 1, "1/10"),
    "doubled, abs": small(DOUBLED, [-1, 0, -1, -1, 3], 1, "1/10", activation="abs"),
    "all on a line": small([(0, 0), (1, 1), (2, 2), (3, 3)], [0, 1, 0, 1], 2, "1/10"),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_against_references(name: str) -> None:
    problem: Small = PROBLEMS[name]
    minima = reluspec.solve(problem.problem)
    check(problem, minima)
    check_systems(problem.problem, minima)
    losses = np.array([float(component.loss) for component in minima])
    loss = Loss(problem)
    reached = descended(loss, starts=6)
    assert min(value for value, _ in reached) >= losses.min() - 1e-9
    for value, point in reached:
        if np.abs(losses - value).min() > 1e-6 * (1 + value):  # a descent caught in a narrow valley
            assert gap_of_perturbation(loss, point, count=20_000, stay=False) < -1e-13, point


def test_some_minima_lie_where_switches_depend() -> None:
    """Otherwise the tests above would not test what they say."""
    strata = {piece.stratum for problem in PROBLEMS.values() for c in reluspec.solve(problem.problem) for piece in c.pieces}
    assert any(stratum.split("|")[0].startswith("000") and "+" in stratum for stratum in strata)
