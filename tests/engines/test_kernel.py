"""The compiled kernel, set by set, against NumPy's enclosure, the exact decider and Newton's method in 50 digits."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise, product
from math import comb
from types import SimpleNamespace
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from small_problems import Small, small, small_problems
from test_screen import solution

from reluspec.engines.convex import compiled, screening
from reluspec.engines.convex import kernels as kernels_module
from reluspec.engines.convex.decide import Decider, Outcome
from reluspec.engines.convex.float_geometry import FloatGeometry
from reluspec.engines.convex.geometry import Geometry
from reluspec.engines.convex.kernel_tables import kernel_tables
from reluspec.engines.convex.kernels import compiled_weights
from reluspec.engines.convex.minimise import _value, minimise
from reluspec.engines.convex.screen import Screened, screen
from reluspec.engines.convex.setting import convex_setting
from reluspec.errors import KernelError
from reluspec.isolation import Isolated

MODULE, PATHS, REASON = compiled._compiled()
pytestmark = pytest.mark.skipif(MODULE is None, reason=f"no compiled kernel: {REASON}")

RUN = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
)
OPEN = 3
BY_NUMBER = (Outcome.INACTIVE, Outcome.OUTSIDE, Outcome.MIXED)
NUMPY = {Screened.INACTIVE: 0, Screened.OUTSIDE: 1, Screened.MIXED: 2, Screened.UNDECIDED: OPEN, Screened.SURVIVOR: OPEN}
FIVE_X, FIVE_Y = [-2, -1, 0, 1, 2], [1, -1, "1/2", 0, 2]
FAR_X = [1000, 1001, 1003, 1007]
"""Far from the origin beside their distances: with an output bias, what moves all points alike almost vanishes from the metric."""


def kernels(floats: FloatGeometry) -> dict[str, Any]:
    assert MODULE is not None
    tables = kernel_tables(floats)
    return {path: MODULE.Kernel(tables, path) for path in PATHS}


def normal(points: int, inputs: int, units: int, seed: int, **options: object) -> Small:
    """Standard normal data with three decimals."""
    random = np.random.default_rng(seed)
    x = [tuple(f"{value:.3f}" for value in row) for row in random.normal(size=(points, inputs))]
    return small(x, [f"{value:.3f}" for value in random.normal(size=points)], units, **options)  # type: ignore[arg-type]


def grid(points: int, units: int, seed: int) -> Small:
    """Integers: many ties, some points twice."""
    random = np.random.default_rng(seed)
    x = random.integers(-points // 2, points // 2 + 1, size=points).tolist()
    return small(x, random.integers(-2, 3, size=points).tolist(), units)


def agree(problem: Small, exact: int = 40, most: int = 6000) -> tuple[int, int]:
    """No two proofs contradict each other; returns how many sets there were, and how many the kernel left open."""
    geometry = Geometry(convex_setting(problem.problem))
    floats = FloatGeometry(geometry)
    if not floats.reliable or problem.units * floats.width > MODULE.MAX_COORDINATES:  # type: ignore[union-attr]
        return 0, 0
    random = np.random.default_rng(1)
    total = left = 0
    with Isolated() as helper:
        decider = Decider(geometry, floats, helper)
        for size in range(1, min(problem.units, len(geometry) - 1) + 1):
            count = min(comb(len(geometry) - 1, size), most)
            sets = screening.sets_of_faces(len(geometry) - 1, size, 0, count) + 1
            reference = np.array([NUMPY[Screened(value)] for value in screen(floats, sets).outcome])
            outcomes = [reference]
            for kernel in kernels(floats).values():
                outcome, _ = kernel.describe(sets[0].astype(np.int32), count)
                proved, numbers, screened = kernel.screen(sets[0].astype(np.int32), count)
                assert screened == 0
                assert proved.tolist() == [int((outcome == number).sum()) for number in range(OPEN)]
                assert sorted(numbers) == np.flatnonzero(outcome == OPEN).tolist()
                outcomes.append(outcome)
            for first, second in pairwise(outcomes):
                both = (first != OPEN) & (second != OPEN)
                assert (first[both] == second[both]).all(), sets[both & (first != second)][:3]
            for k in random.permutation(count)[:exact]:
                decided = decider.decide(tuple(int(face) for face in sets[k])).outcome
                for outcome in outcomes[1:]:
                    # What the decider leaves undecided, the kernel may prove.
                    assert outcome[k] == OPEN or decided in (BY_NUMBER[outcome[k]], Outcome.UNDECIDED), (sets[k], outcome[k], decided)
            total += count
            left += int((outcomes[1] == OPEN).sum())
    return total, left


@RUN
@given(st.booleans().flatmap(lambda integers: small_problems(integers=integers)))
@example(small(FIVE_X, FIVE_Y, 2, "1/10"))
@example(small([-1, 1], [1, 1], 2, "1/10", activation="abs"))
@example(small([0, 0, 1, 1], [1, 2, -1, 3], 3))
@example(small([(1, 2), (0, "1/3"), (2, -1)], [1, -1, 2], 2, ("1/10", "1/3", "1/7"), activation="leaky_relu(1/10)", output_bias="free"))
def test_proofs_never_contradict_each_other(problem: Small) -> None:
    agree(problem)


@pytest.mark.parametrize(
    ("problem", "share"),
    [
        (normal(12, 1, 1, 0), 0.3),
        (normal(12, 1, 2, 1), 0.05),
        (normal(8, 1, 3, 2, activation="leaky_relu(1/10)"), 0.05),
        (normal(5, 1, 4, 3), 0.05),
        (normal(4, 1, 5, 4), 0.08),
        (normal(6, 2, 2, 5, activation="abs"), 0.05),
        (normal(5, 2, 2, 6, output_bias="free"), 0.05),
        (normal(4, 3, 2, 7, output_bias="penalised"), 0.05),
        (normal(6, 1, 3, 8, hidden_bias=False), 1),
        (normal(10, 1, 2, 9, ridge="1/100"), 0.05),
        (grid(8, 2, 0), 0.2),
        (grid(6, 3, 1), 0.2),
    ],
)
def test_the_kernel_agrees_and_leaves_little_open(problem: Small, share: float) -> None:
    total, left = agree(problem)
    assert total > 0
    assert left <= share * total


@pytest.mark.parametrize(
    ("x", "y", "ridge"),
    [
        (["1000000", "-2000000", "500000"], FIVE_Y[:3], "1/10"),
        (["0.000001", "-0.000002", "0.0000005"], FIVE_Y[:3], "1/1000000"),
        ([0, "1e-9", 1, "1.000000001"], [1, "1.000000001", -1, 2], "1/10"),
        ([0, "1e-9", 1, "1.000000001"], [1, 2, -1, 2], "1e-6"),
        (FIVE_X, FIVE_Y, "1e6"),
        (FIVE_X, FIVE_Y, "1e-6"),
        (FIVE_X, FIVE_Y, "1e-12"),
        (FIVE_X, ["1e30", "-1e30", 1, 0, "2e30"], "1e30"),
        ([-2, 1, 2], ["1e-30", "-1e-30", "2e-30"], "1e-30"),
        ([-2, 1, 2], ["1e4", "-1e4", "2e4"], "1e-4"),
        ([-2, 1, 2], ["1e400", 1, "-1e400"], "1e400"),
        ([-2, 1, 2], ["1e150", 1, "-1e-150"], "1e-150"),
        (["-2e150", "1e-150", "1e150"], FIVE_Y[:3], "1e150"),
        (FAR_X, FIVE_Y[:4], "1e-6"),
        ([0, 1, 1, "1.000000000000001"], [1, 2, "2.000000000000001", -2], "1e-3"),
    ],
)
def test_badly_scaled_data(x: list[object], y: list[object], ridge: str) -> None:
    agree(small(x, y, 2, ridge))


@pytest.mark.parametrize(
    "problem",
    [
        small(FIVE_X, FIVE_Y, 2, "1/10"),
        small([(0, 0), (0, 1), (1, 0), (1, 1)], [0, 1, 1, 0], 2, "1/20"),
        small([0, "1e-3", 1, "1.001"], [1, 2, -1, 2], 2, "1e-3"),
        small([-2, 1, 2], ["1e2", "-1e2", "2e2"], 2, "1e-2"),
        small([(1, 2), (0, "1/3"), (2, -1)], [1, -1, 2], 2, ("1/10", "1/3", "1/7"), activation="leaky_relu(1/10)", output_bias="free"),
        normal(6, 1, 3, 3),
        small(FAR_X, FIVE_Y[:4], 2, ("1/10", "1e-9", "1/10"), activation="leaky_relu(1/10)", output_bias="free"),
        small([-1, 0, 1, 2], FIVE_Y[:4], 2, activation="abs", weight=(1, "1e-3", 1000, 1), output_bias="penalised"),
        small([(1, 0, 2, -1), (0, "1/3", 1, 1), (2, -1, 0, 1)], [1, -1, 2], 2, "1/100"),
    ],
)
def test_distances_hold_for_the_true_optimum(problem: Small) -> None:
    geometry = Geometry(convex_setting(problem.problem))
    floats = FloatGeometry(geometry)
    size = problem.units
    total = comb(len(geometry) - 1, size)
    sets = screening.sets_of_faces(len(geometry) - 1, size, 0, total) + 1
    checked = 0
    for kernel in kernels(floats).values():
        _, optimum = kernel.describe(sets[0].astype(np.int32), total)
        s, g, far, apart = optimum[:, :, 0], optimum[:, :, 1:-2], optimum[:, :, -2], optimum[:, :, -1]
        certain = np.flatnonzero((far >= 0).all(axis=1))
        for k in certain[:: max(1, len(certain) // 20)]:
            faces = tuple(int(face) for face in sets[k])
            with mpmath.workdps(50):
                to_q, to_s = mpmath.mpf(2) ** floats.q_exponent, mpmath.mpf(2) ** floats.s_exponent
                lengths = [[mpmath.sqrt(mpmath.mpf(int(n.p)) / int(n.q)) for n in geometry.span(face).norms] for face in faces]
                start = [mpmath.mpf(g[k, u, j]) * to_q * length for u in range(size) for j, length in enumerate(lengths[u])]
                root = solution(geometry, faces, [*start, *(mpmath.mpf(v) * to_s for v in s[k])])
                rest = iter(root)
                for u in range(size):
                    square = sum((next(rest) / length / to_q - mpmath.mpf(g[k, u, j])) ** 2 for j, length in enumerate(lengths[u]))
                    assert mpmath.sqrt(square) <= apart[k, u]
                for u, value in enumerate(rest):
                    assert abs(value / to_s - mpmath.mpf(s[k, u])) <= far[k, u]
            checked += 1
    assert checked > 10


@pytest.mark.parametrize("bias", ["free", "penalised", "absent"])
@pytest.mark.parametrize("x", [FIVE_X, FAR_X, ["1e6", "1000001", "1000003"]])
def test_couplings_are_as_near_as_the_certificate_says_in_both_orders(x: list[object], bias: str) -> None:
    """The kernel takes C_ij for C_ji, so each float has to keep the bounds of both."""
    problem = small(x, FIVE_Y[: len(x)], 1, ("1/10", "1e-9", "1/10"), activation="leaky_relu(1/10)", output_bias=bias)
    geometry = Geometry(convex_setting(problem.problem))
    floats = FloatGeometry(geometry)
    assert floats.gram is not None
    exact = lambda value: mpmath.mpf(int(value.p)) / int(value.q)  # noqa: E731
    with mpmath.workdps(50):
        for first, second in product(range(1, len(geometry)), repeat=2):
            couplings = geometry.map(first) * geometry.setting.metric * geometry.map(second).transpose()
            for i, j in product(range(geometry.ranks[first]), range(geometry.ranks[second])):
                lengths = exact(geometry.span(first).norms[i]) * exact(geometry.span(second).norms[j])
                true = exact(couplings[i, j]) / mpmath.sqrt(lengths) * mpmath.mpf(2) ** floats.s_exponent
                error = abs(true - mpmath.mpf(floats.gram[first, i, second, j]))
                for one, k, other, m in ((first, i, second, j), (second, j, first, i)):
                    assert error <= floats.coupling_error * floats.map_norm[one, k] * floats.response_norm[other, m]


@pytest.mark.parametrize("problem", [small(FAR_X, FIVE_Y[:4], 2, output_bias="free"), normal(6, 2, 2, 5), grid(6, 3, 1)])
def test_couplings_made_when_asked_for_prove_the_same(problem: Small) -> None:
    """Without the table of couplings the kernel makes them from maps and responses."""
    assert MODULE is not None
    floats = FloatGeometry(Geometry(convex_setting(problem.problem)))
    tables = kernel_tables(floats)
    first, count = np.arange(1, problem.units + 1, dtype=np.int32), comb(len(floats.ranks) - 1, problem.units)
    for path in PATHS:
        (outcome, optimum), (bare, other) = (MODULE.Kernel(t, path).describe(first, count) for t in (tables, {**tables, "gram": None}))
        both = (outcome != OPEN) & (bare != OPEN)
        assert (outcome[both] == bare[both]).all()
        assert both.sum() >= 0.5 * count
        certain = ((optimum[:, :, -2] >= 0) & (other[:, :, -2] >= 0)).all(axis=1)
        apart = np.sqrt(((optimum[:, :, 1:-2] - other[:, :, 1:-2]) ** 2).sum(axis=2))
        assert (apart <= optimum[:, :, -1] + other[:, :, -1])[certain].all()


def test_ranges_add_up_whoever_screens(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same outcomes in the end, from whatever pieces; the steps account for every set."""
    floats = FloatGeometry(Geometry(convex_setting(grid(8, 2, 3).problem)))
    total = comb(len(floats.ranks) - 1, 2)
    for name in (*PATHS, "numpy"):
        monkeypatch.setenv("RELUSPEC_KERNEL", name)
        whole = screening.screen_range(floats, 2, 0, total)
        parts = [screening.screen_range(floats, 2, k, min(k + 37, total)) for k in range(0, total, 37)]
        assert sum(part.visited for part in parts) == total == whole.visited
        assert {o: sum(part.counts[o] for part in parts) for o in whole.counts} == whole.counts
        assert np.concatenate([part.left_open for part in parts]).tolist() == whole.left_open.tolist()
        assert sum(whole.counts.values()) + len(whole.left_open) == total
        assert whole.steps["solved"].count + whole.steps["screened"].count == total
        assert whole.steps["left open"].count == len(whole.left_open)


@pytest.mark.parametrize("problem", [normal(6, 1, 3, 3), grid(6, 3, 1), normal(4, 1, 4, 5), normal(4, 2, 3, 6, ridge="1"), grid(8, 2, 2)])
def test_optima_of_subsets_exclude_only_what_is_inactive(problem: Small) -> None:
    floats = FloatGeometry(Geometry(convex_setting(problem.problem)))
    size, faces = problem.units, len(floats.ranks) - 1
    total = comb(faces, size)
    first = screening.sets_of_faces(faces, size, 0, 1)[0].astype(np.int32) + 1
    for kernel in kernels(floats).values():
        outcome, _ = kernel.describe(first, total)
        kernel.remember(size - 1, kernels_module._tails(faces, size - 1), comb(faces, size - 1))
        excluded = 0
        for k in range(0, total, max(1, total // 300)):
            one = (screening.sets_of_faces(faces, size, k, k + 1)[0] + 1).astype(np.int32)
            proved, _, screened = kernel.screen(one, 1)
            excluded += screened
            assert not screened or proved.tolist() == [1, 0, 0]
            assert not screened or outcome[k] in (0, OPEN), one
        assert excluded > 0


@pytest.mark.parametrize("problem", [normal(8, 1, 3, 3), grid(8, 2, 2), small(FAR_X, FIVE_Y[:4], 2, output_bias="free")])
def test_weights_of_single_sets(problem: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are near the optimum for almost all sets, and those of one set do not depend on its companions."""
    floats = FloatGeometry(Geometry(convex_setting(problem.problem)))
    size, faces = problem.units, len(floats.ranks) - 1
    sets = screening.numbered_sets(faces, size, np.random.default_rng(2).permutation(comb(faces, size))[:200]) + 1
    coupling, target = floats.coupling(sets), floats.target[sets].reshape(len(sets), -1)
    expected = minimise(coupling, target, size, floats.ridge)
    for path in PATHS:
        monkeypatch.setenv("RELUSPEC_KERNEL", path)
        found = compiled_weights(floats, sets)
        assert found is not None
        value = [_value(coupling, target, s, floats.ridge)[0] for s in (found, expected)]
        assert (value[0] <= value[1] + 1e-9 * (1 + np.abs(value[1]))).mean() >= 0.97
        for k in range(0, len(sets), 29):
            assert (compiled_weights(floats, sets[k : k + 1]) == found[k]).all()
    monkeypatch.setenv("RELUSPEC_KERNEL", "numpy")
    assert compiled_weights(floats, sets) is None


def faked(monkeypatch: pytest.MonkeyPatch, module: object) -> None:
    """As if importing the extension gave that (or raised it)."""

    def importing(_: str) -> object:
        if isinstance(module, Exception):
            raise module
        return module

    compiled._compiled.cache_clear()
    monkeypatch.setattr(compiled, "import_module", importing)


@pytest.fixture
def fresh() -> Any:
    yield
    compiled._compiled.cache_clear()


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (ModuleNotFoundError("No module named '_kernel'"), "is not installed"),
        (ImportError("undefined symbol: _Py_Dealloc\nin _kernel.so"), "cannot be loaded: undefined symbol: _Py_Dealloc in _kernel.so"),
        (SystemError(""), "cannot be loaded: SystemError"),
        (SimpleNamespace(), "cannot be loaded"),
        (SimpleNamespace(VERSION="0.0.1/0", paths=lambda: ["scalar"], Kernel=object), "is of version 0.0.1/0, not"),
        (SimpleNamespace(VERSION=MODULE.VERSION if MODULE else "", paths=list, Kernel=object), "does not run on this processor"),
    ],
)
def test_a_kernel_that_does_not_fit_is_named_and_numpy_works(
    module: object, words: str, monkeypatch: pytest.MonkeyPatch, fresh: None
) -> None:
    faked(monkeypatch, module)
    monkeypatch.delenv("RELUSPEC_KERNEL", raising=False)
    choice = compiled.kernel_choice()
    assert (choice.name, choice.module) == ("numpy", None)
    assert words in str(choice)
    assert "\n" not in str(choice)
    floats = FloatGeometry(Geometry(convex_setting(small(FIVE_X, FIVE_Y, 2).problem)))
    assert screening.screen_range(floats, 1, 0, 20).visited == 20
    monkeypatch.setenv("RELUSPEC_KERNEL", "scalar")
    with pytest.raises(KernelError, match="RELUSPEC_KERNEL=scalar cannot be had"):
        compiled.kernel_choice()


def test_a_processor_without_avx2_takes_the_scalar_path(monkeypatch: pytest.MonkeyPatch, fresh: None) -> None:
    assert MODULE is not None
    faked(monkeypatch, SimpleNamespace(VERSION=MODULE.VERSION, paths=lambda: ["scalar"], Kernel=MODULE.Kernel))
    monkeypatch.delenv("RELUSPEC_KERNEL", raising=False)
    assert str(compiled.kernel_choice()) == "scalar (compiled)"
    monkeypatch.setenv("RELUSPEC_KERNEL", "avx2")
    with pytest.raises(KernelError, match="does not run on this processor; it runs scalar and numpy"):
        compiled.kernel_choice()


def test_the_command_line_says_what_is_wrong_with_the_variable() -> None:
    environment = {**os.environ, "RELUSPEC_KERNEL": "turbo"}
    command = [sys.executable, "-m", "reluspec", "plugins"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr == "reluspec: error: RELUSPEC_KERNEL='turbo' is none of auto, avx2, scalar, numpy\n"


def test_wrong_tables_and_sets_are_refused() -> None:
    assert MODULE is not None
    floats = FloatGeometry(Geometry(convex_setting(small(FIVE_X, FIVE_Y, 2).problem)))
    tables = kernel_tables(floats)
    with pytest.raises(ValueError, match="target has the wrong size"):
        MODULE.Kernel({**tables, "target": np.zeros(3)}, "scalar")
    with pytest.raises(ValueError, match="no path `turbo`"):
        MODULE.Kernel(tables, "turbo")
    kernel = MODULE.Kernel(tables, "scalar")
    for wrong in ([0, 1], [2, 1], [1, 99], [], list(range(1, 12))):
        with pytest.raises(ValueError, match="set"):
            kernel.screen(np.array(wrong, dtype=np.int32), 1)
        with pytest.raises(ValueError, match="set"):
            kernel.weights(np.array([wrong], dtype=np.int32))
    with pytest.raises(ValueError, match="rows of a table"):
        kernel.weights(np.array([1, 2], dtype=np.int32))
