"""The float screen against ball arithmetic, set by set; its enclosures against Newton's method in 50 digits."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations

import mpmath
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from small_problems import Small, small, small_problems

from reluspec.engines.convex import screen as screen_module
from reluspec.engines.convex.decide import Decider, Outcome
from reluspec.engines.convex.float_geometry import FloatGeometry
from reluspec.engines.convex.geometry import Geometry
from reluspec.engines.convex.minimise import coordinates, minimise
from reluspec.engines.convex.screen import Screened, screen
from reluspec.engines.convex.setting import convex_setting
from reluspec.isolation import Isolated

RUN = settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
)
# What the exact code may say of a set for which the floats proved something.
ALLOWED = {
    Screened.INACTIVE: {Outcome.INACTIVE},
    Screened.OUTSIDE: {Outcome.OUTSIDE},
    Screened.MIXED: {Outcome.MIXED},
    Screened.SURVIVOR: {Outcome.VERTEX, Outcome.MIXED},
}
FIVE_X, FIVE_Y = [-2, -1, 0, 1, 2], [1, -1, "1/2", 0, 2]


def geometry_of(problem: Small) -> tuple[Geometry, FloatGeometry]:
    geometry = Geometry(convex_setting(problem.problem))
    return geometry, FloatGeometry(geometry)


def all_sets(geometry: Geometry, units: int) -> list[np.ndarray]:
    sizes = range(1, min(units, len(geometry) - 1) + 1)
    return [np.array(list(combinations(range(1, len(geometry)), size)), dtype=np.int64) for size in sizes]


def contradictions(problem: Small, limit: int = 60) -> int:
    """Compare a sample of all sets; returns how many the floats had proved."""
    geometry, floats = geometry_of(problem)
    random = np.random.default_rng(0)
    proved = 0
    with Isolated() as helper:
        decider = Decider(geometry, floats, helper)
        for sets in all_sets(geometry, problem.units):
            batch = screen(floats, sets)
            chosen = random.permutation(len(sets))[:limit]
            for k in chosen:
                outcome = Screened(batch.outcome[k])
                if outcome is Screened.UNDECIDED:
                    continue
                proved += 1
                decided = decider.decide(tuple(int(face) for face in sets[k])).outcome
                assert decided in ALLOWED[outcome], (sets[k], outcome, decided)
    return proved


@RUN
@given(st.booleans().flatmap(lambda integers: small_problems(integers=integers)))
@example(small(FIVE_X, FIVE_Y, 2, "1/10"))
@example(small([-1, 1], [1, 1], 2, "1/10", activation="abs"))
def test_floats_never_contradict_balls(problem: Small) -> None:
    contradictions(problem)


@pytest.mark.parametrize(
    ("x", "y", "ridge"),
    [
        (["1000000", "-2000000", "500000"], FIVE_Y[:3], "1/10"),
        (["0.000001", "-0.000002", "0.0000005"], FIVE_Y[:3], "1/1000000"),
        ([0, "1e-9", 1, "1.000000001"], [1, "1.000000001", -1, 2], "1/10"),
        ([0, "1e-9", 1, "1.000000001"], [1, 2, -1, 2], "1e-6"),
        (FIVE_X, FIVE_Y, "1e6"),
        (FIVE_X, FIVE_Y, "1e-6"),
        (FIVE_X, ["1e30", "-1e30", 1, 0, "2e30"], "1e30"),
        ([-2, 1, 2], ["1e-30", "-1e-30", "2e-30"], "1e-30"),
        ([-2, 1, 2], ["1e4", "-1e4", "2e4"], "1e-4"),
        ([-2, 1, 2], ["1e400", 1, "-1e400"], "1e400"),
    ],
)
def test_badly_scaled_data(x: list[object], y: list[object], ridge: str) -> None:
    contradictions(small(x, y, 2, ridge), limit=40)


def test_the_screen_decides_most_sets_at_every_scale() -> None:
    """A common factor of y and the penalties changes nothing, far beyond the range of floats."""
    plain = contradictions(small(FIVE_X, FIVE_Y, 2, 1))
    assert plain > 60
    for factor in ("1e30", "1e-30", "1e400", "1e-400"):
        large = [str(Fraction(str(v)) * Fraction(factor)) for v in FIVE_Y]
        assert abs(contradictions(small(FIVE_X, large, 2, factor)) - plain) <= 5  # rounding moves a few


def solution(geometry: Geometry, faces: tuple[int, ...], start: np.ndarray) -> list[mpmath.mpf]:
    """(g, s) of theory.md section 4 in 50 digits, from a start (g, s)."""
    blocks = [geometry.map(face) for face in faces]
    norms = [norm for face in faces for norm in geometry.span(face).norms]
    owner = [k for k, face in enumerate(faces) for _ in geometry.span(face).norms]
    exact = lambda value: mpmath.mpf(int(value.p)) / int(value.q)  # noqa: E731
    coupling = [
        [exact((first * geometry.setting.metric * second.transpose())[i, j]) for second in blocks for j in range(second.nrows())]
        for first in blocks
        for i in range(first.nrows())
    ]
    target = [exact((block * geometry.metric_target)[i, 0]) for block in blocks for i in range(block.nrows())]
    lengths, ridge, count = [exact(norm) for norm in norms], exact(geometry.setting.ridge_output), len(owner)

    def equations(*unknowns: mpmath.mpf) -> list[mpmath.mpf]:
        g, s = unknowns[:count], unknowns[count:]
        rows = [g[i] + sum(coupling[i][j] * s[owner[j]] * g[j] / lengths[j] for j in range(count)) - target[i] for i in range(count)]
        return rows + [sum(g[j] ** 2 / lengths[j] for j in range(count) if owner[j] == k) - ridge for k in range(len(faces))]

    return list(mpmath.findroot(equations, [mpmath.mpf(v) for v in start], tol=1e-80, maxsteps=60))


@pytest.mark.parametrize(
    "problem",
    [
        small(FIVE_X, FIVE_Y, 2, "1/10"),
        small([(0, 0), (0, 1), (1, 0), (1, 1)], [0, 1, 1, 0], 2, "1/20"),
        small([0, "1e-3", 1, "1.001"], [1, 2, -1, 2], 2, "1e-3"),
        small([-2, 1, 2], ["1e4", "-1e4", "2e4"], 2, "1e-4"),
        small([(1, 2), (0, "1/3"), (2, -1)], [1, -1, 2], 2, ("1/10", "1/3", "1/7"), activation="leaky_relu(1/10)", output_bias="free"),
    ],
)
def test_enclosures_hold_the_solution(problem: Small) -> None:
    geometry, floats = geometry_of(problem)
    checked = 0
    for sets in all_sets(geometry, 2):
        size = sets.shape[1]
        coupling, target = floats.coupling(sets), floats.target[sets].reshape(len(sets), -1)
        s = minimise(coupling, target, size, floats.ridge)
        q, s = screen_module._polish(coupling, target, s, floats.ridge)
        radius, active, proved = screen_module._enclose(floats, sets, coupling, target, q, s)
        for k in np.flatnonzero(proved & active.all(axis=1))[:: max(1, len(sets) // 25)]:
            faces = tuple(int(face) for face in sets[k])
            where = [unit * floats.width + j for unit, face in enumerate(faces) for j in range(geometry.ranks[face])]
            with mpmath.workdps(50):
                lengths = [mpmath.sqrt(mpmath.mpf(int(n.p)) / int(n.q)) for face in faces for n in geometry.span(face).norms]
                to_q, to_s = mpmath.mpf(2) ** floats.q_exponent, mpmath.mpf(2) ** floats.s_exponent
                start = [mpmath.mpf(q[k, j]) * to_q * length for j, length in zip(where, lengths, strict=True)]
                root = solution(geometry, faces, [*start, *(mpmath.mpf(v) * to_s for v in s[k])])
                for j, length, value in zip(where, lengths, root, strict=False):
                    assert abs(value / length / to_q - mpmath.mpf(q[k, j])) <= radius[k, j]
                for unit in range(size):
                    distance = abs(root[len(where) + unit] / to_s - mpmath.mpf(s[k, unit]))
                    assert distance <= radius[k, q.shape[1] + unit]
            checked += 1
    assert checked > 10


def test_a_face_left_out_that_exceeds_lambda_spoils_the_proof() -> None:
    """`INACTIVE` needs *every* face left out below lambda: the optimum of one face alone says nothing about a pair that would live."""
    problem = small(FIVE_X, FIVE_Y, 3, "1/10")
    geometry, floats = geometry_of(problem)
    sets = all_sets(geometry, 3)[2]
    alone = 0
    for kept in range(3):
        s = np.zeros((len(sets), 3))
        s[:, kept] = screen(floats, sets[:, [kept]]).s[:, 0]
        coupling, target = floats.coupling(sets), floats.target[sets].reshape(len(sets), -1)
        q, _ = coordinates(coupling, target, s)
        with np.errstate(all="ignore"):
            radius, active, proved = screen_module._enclose(floats, sets, coupling, target, q, s)
            outcome = screen_module._judge(floats, sets, q, s, radius, active, proved)
        norms = (q.reshape(len(sets), 3, -1) ** 2).sum(axis=2)
        wrong = proved & (np.where(active, 0, norms) > 1.01 * floats.ridge).any(axis=1)
        below = (np.where(active, np.inf, norms) < 0.99 * floats.ridge).any(axis=1)
        alone += int((wrong & below).sum())
        assert (outcome[wrong] == Screened.UNDECIDED).all()
    assert alone > 0
