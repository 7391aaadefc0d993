"""Dead units at kinks of the loss: some subgradient for each choice of cells, against linear programs on a fine grid of directions."""

from __future__ import annotations

import random
from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from campaign import missing_points, numeric_minima, wrong_components
from jets import Landscape
from scipy.optimize import linprog

import reluspec
from reluspec.engines.algebraic.exact.cones import generators
from reluspec.engines.algebraic.exact.scalars import FRACTIONS
from reluspec.engines.algebraic.judging.subgradients import Condition, Demand, demands, serves_all
from reluspec.engines.algebraic.stationary.critical import critical_points
from reluspec.regions.signs import parse_signs

Box = list[tuple[Fraction, Fraction]]
STEPS = 360


def relu_slope(sign: int) -> Fraction:
    return Fraction(sign >= 0)


def corners(box: Box, cuts: Sequence[Condition]) -> list[list[Fraction]]:
    """Corners of the g in a box that satisfy the cuts, and their mean."""
    count = len(box)
    rows = [(1, *(0 for _ in box))]
    for i, (low, high) in enumerate(box):
        rows += [(-low, *(int(j == i) for j in range(count))), (high, *(-int(j == i) for j in range(count)))]
    rows += [(constant, *coefficients) for coefficients, constant in cuts]
    rays = generators([tuple(map(Fraction, row)) for row in rows], count + 1, FRACTIONS).rays
    points = [[entry / ray[0] for entry in ray[1:]] for ray in rays if ray[0]]
    if len(points) > 1:
        points.append([sum(column, Fraction(0)) / len(points) for column in zip(*points, strict=True)])
    return points


def margin(demanded: Sequence[Demand], box: Box) -> float:
    """The largest m such that some g has `2 sqrt(lambda_a) |Lambda^(1/2) p| + sigma v(g).p >= m` for unit vectors p on a grid (d = 1)."""
    angles = np.linspace(0, 2 * np.pi, STEPS, endpoint=False)
    rows, bounds = [], []
    for demand in demanded:
        for p in np.stack([np.cos(angles), np.sin(angles)], axis=1):
            if all(np.dot([float(x) for x in wall], p) >= -1e-12 for wall in demand.walls):
                along = [float(s) * np.dot([float(x) for x in row], p) for row, s in zip(demand.rows, demand.slopes, strict=True)]
                ridge, *others = map(float, demand.penalties)
                rows.append([*(-entry for entry in along), 1.0])
                bounds.append(2 * np.sqrt(ridge * np.dot(others, p * p)))
    limits = [*((float(low), float(high)) for low, high in box), (None, None)]
    found = linprog([0.0] * len(box) + [-1.0], A_ub=rows, b_ub=bounds, bounds=limits)
    return float(-found.fun)


def test_choices_of_cells_agree_with_linear_programs() -> None:
    r, answers = random.Random(2), {True: 0, False: 0}
    for _ in range(25):
        rows = [(Fraction(x), Fraction(1)) for x in r.sample(range(-2, 4), 3)]
        box = [(Fraction(-1), Fraction(1)) if r.random() < 0.6 else (Fraction(s), Fraction(s)) for s in (r.choice([-1, 1]) for _ in rows)]
        penalties = (Fraction(r.randint(1, 12), 8), Fraction(r.randint(1, 12), 8), Fraction(r.randint(1, 12), 8))
        unit = demands(rows, relu_slope, penalties)
        units = r.choice([1, 2])
        answer = serves_all([unit] * units, lambda cuts, box=box: corners(box, cuts), FRACTIONS)
        least = min(margin(choice, box) for choice in combinations(unit, units))
        if abs(least) > 1e-2:
            assert answer is (least > 0)
            answers[answer] += 1
    assert min(answers.values()) > 3


TWO = "network { input 1 hidden: layer 2 relu output: layer 1 linear without bias } loss sum absolute_error"


@pytest.mark.slow
def test_maps_with_dead_units_at_kinks_are_complete() -> None:
    for data, penalty in (("x = [0, 1, 2] y = [-2, 0, 1]", "ridge(1/2)"), ("x = [0, 2, 3] y = [2, -1, 0]", "ridge(1/4)")):
        problem = reluspec.parse(f"data {{ {data} }} {TWO} regulariser {penalty}")
        found, landscape = reluspec.solve(problem, "algebraic", workers=1), Landscape(problem)
        assert found.complete
        assert not list(wrong_components(landscape, found))
        assert not list(missing_points(landscape, found, numeric_minima(landscape, 40, 0)))


def test_residuals_on_a_line_leave_no_stratum_open() -> None:
    """Three points on a line, seen by a unit that is affine on them: one residual is a combination of the others."""
    problem = reluspec.parse(f"data {{ x = [0, 1, 3] y = [-2, -2, -2] }} {TWO} regulariser ridge(1)")
    for name in ("++0|+++;000", "0++|+++;000"):
        found = critical_points(problem, parse_signs(problem, name))
        assert not found.unresolved
        assert not found.sets
