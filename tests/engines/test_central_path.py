"""The slow and sure minimiser of one set of faces, beside the fast one in floats and on problems that this one fails at."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from checks import check
from small_problems import Small, small
from test_screen import geometry_of

import reluspec
from reluspec.engines.convex.central_path import central_path, pulls
from reluspec.engines.convex.minimise import minimise
from reluspec.engines.convex.point import FaceSystem

WELL_SCALED = small([(1, 3), (3, 1), (-2, 3)], [2, -1, 3], 2, "1/10")
# Weights of optima ten powers of ten from where they start, in directions that almost agree.
BADLY_SCALED = [
    small(
        [("357/1000", "-707/1000"), ("-1487/500", "-707/1000"), ("764/5", "-143/125")],
        ["-707/1000", "-143/125", "357/1000"],
        2,
        "1/1000",
        activation="abs",
        output_bias="fixed",
    ),
    small(["-1402/5", "271/2", "984/5"], ["-289/200", "-393/500", -198], 2, "1/1000"),
    small(
        [("701/250", "1983/10"), ("-991/1000", "37/200"), ("-331/125", "-991/1000")],
        ["747/10", "-2093/10", "-922/5"],
        2,
        "1/1000",
        activation="leaky_relu(1/10)",
        output_bias="penalised",
    ),
]


def test_the_path_ends_where_floats_find_the_optimum() -> None:
    geometry, floats = geometry_of(WELL_SCALED)
    sets = np.array(list(combinations(range(1, len(geometry)), 2)), dtype=np.int64)[::3]
    expected = minimise(floats.coupling(sets), floats.target[sets].reshape(len(sets), -1), 2, floats.ridge) * 2.0**floats.s_exponent
    for faces, weights in zip(sets.tolist(), expected, strict=True):
        system = FaceSystem(geometry, tuple(faces))
        found = central_path(system)
        assert found is not None
        assert np.allclose([float(value) for value in found], weights, rtol=1e-6, atol=1e-9 * (1 + weights.max()))
        squares = [0.0] * 2
        for unit, value, norm in zip(system.owner, pulls(system, found), system.norms, strict=True):
            squares[unit] += float(value) ** 2 / float(norm)
        ridge = float(geometry.setting.ridge_output)
        for square, weight in zip(squares, weights, strict=True):
            assert square == pytest.approx(ridge, rel=1e-6) if weight > 1e-6 else square <= ridge * (1 + 1e-6)


@pytest.mark.parametrize("problem", BADLY_SCALED, ids=["abs", "relu", "leaky"])
def test_badly_scaled_problems_are_complete(problem: Small) -> None:
    check(problem, reluspec.solve(problem.problem))
