"""`check` against maps that are proved, and against descents that know no stratum: what passes is a minimum, what fails has a way down."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from descent import drop
from jets import Landscape as IndependentLandscape

import reluspec
from reluspec.checking import Check, Verdict, check
from reluspec.checking.jets import Landscape
from reluspec.checking.points import read_point, tensors
from reluspec.checking.settle import settle
from reluspec.errors import ArtefactError, LimitError, ProblemError
from reluspec.minima.minima_map import MinimaMap
from reluspec.problem.problem import Problem
from reluspec.systems.exchanges import exchange_parameters, exchanges

ROOT = Path(__file__).resolve().parents[2]
QUICK = ["poster", "closed_arc", "mirror", "tie_at_zero", "xor_one_unit", "huber", "quartic", "squared_hinge", "fixed_output_signs"]


@cache
def solved(name: str) -> MinimaMap:
    return reluspec.solve(reluspec.load(ROOT / "specs" / f"{name}.rspec"))


def exact_loss(problem: Problem, point: Any) -> Fraction:
    return problem.loss_at(problem.tensors([Fraction(float(x)) for x in point], Fraction))


def goes_down(problem: Problem, theta: dict[str, Any], found: Check) -> None:
    """Follow the descent direction: in exact arithmetic the loss falls from step to step, and by what was said."""
    assert found.descent is not None
    start = read_point(problem, theta)
    direction = np.array([float(np.asarray(found.descent.direction[p.name])[p.index]) for p in problem.parameters])
    assert np.linalg.norm(direction) == pytest.approx(1)
    losses = [exact_loss(problem, start + share * found.descent.step * direction) for share in (0, 0.25, 0.5, 0.75, 1)]
    assert all(after < before for before, after in pairwise(losses))
    assert float(losses[0] - losses[-1]) == pytest.approx(found.descent.decrease, rel=1e-9)
    assert found.descent.decrease > 1e-13 * (1 + abs(found.loss)), "more than rounding"


@pytest.mark.parametrize("name", QUICK)
def test_every_listed_minimum_passes_with_and_without_the_map(name: str) -> None:
    minima = solved(name)
    problem = minima.problem
    orders = [exchange_parameters(problem, exchange) for exchange in exchanges(problem)]
    for component in minima:
        for piece in range(len(component.pieces)):
            for number, theta in enumerate(component.sample(2, problem, piece=piece)):
                exchanged = tensors(problem, read_point(problem, theta)[list(orders[number % len(orders)])])
                alone = check(problem, exchanged)
                assert alone.is_minimum, (component.pieces[piece].stratum, alone.reason)
                assert alone.is_global_minimum is None
                found = check(problem, exchanged, minima=minima)
                assert found.nearest is not None
                assert (found.verdict, found.nearest.component, found.nearest.belongs) == (Verdict.MINIMUM, component.id, True)
                known = minima.global_is_proved or not component.is_global
                assert found.is_global_minimum is (component.is_global if known else None)
                assert found.loss == pytest.approx(float(component.loss), rel=1e-12)


@pytest.mark.parametrize("name", ["poster", "huber", "xor_one_unit", "closed_arc"])
def test_the_tolerance_is_a_distance(name: str) -> None:
    """Moved by half the reach a minimum still passes; moved by much more than the reach it fails, and the way down is real."""
    minima, random = solved(name), np.random.default_rng(1)
    problem = minima.problem
    for component in minima:
        point = read_point(problem, component.theta())
        for tolerance in (1e-8, 1e-5, 1e-3):
            step = random.normal(size=len(point))
            step *= tolerance * (1 + np.linalg.norm(point)) / np.linalg.norm(step)
            assert check(problem, tensors(problem, point + step / 2), tolerance).is_minimum, (component.id, tolerance)
        far = tensors(problem, point + 1e-3 * step / np.linalg.norm(step))
        found = check(problem, far, 1e-7)
        if found.nearest is None and found.verdict is Verdict.NOT_MINIMUM:
            goes_down(problem, far, found)
        else:
            assert component.dimension, "only along a family can a point so far away be another minimum"


def critical_points(problem: Problem, count: int, seed: int) -> list[Any]:
    """Critical points of random strata: minima, ridges and saddles, units dead in some."""
    land, random = Landscape(problem), np.random.default_rng(seed)
    switches = land.switches(np.zeros((1, land.size))).shape[1]
    found: list[Any] = []
    for _ in range(count):
        start = random.normal(size=land.size) * random.choice([0.3, 1, 2])
        zero = random.permutation(switches) < random.integers(0, min(land.size, switches) + 1)
        if random.random() < 0.3:
            zero[: len(problem.data)] = True
        settled = settle(land, start, zero, np.sign(land.switches(start[None])[0]), 100)
        if settled is not None and all(np.linalg.norm(settled.point - other) > 1e-6 for other in found):
            found.append(settled.point)
    return found


@pytest.mark.parametrize(
    "name", ["poster", "xor_one_unit", "two_outputs", *(pytest.param(name, marks=pytest.mark.slow) for name in ("huber", "closed_arc"))]
)
def test_critical_points_are_judged_as_the_map_and_as_random_steps_do(name: str) -> None:
    minima = solved(name)
    problem, verdicts = minima.problem, []
    independent, random = IndependentLandscape(problem), np.random.default_rng(5)
    for point in critical_points(problem, 300, seed=2):
        theta = tensors(problem, point)
        found = check(problem, theta)
        near = check(problem, theta, minima=minima).nearest
        assert near is not None
        verdicts.append(found.verdict)
        if found.verdict is Verdict.NOT_MINIMUM:
            goes_down(problem, theta, found)
            # An end of an open family is no minimum, but within any distance of some.
            assert not near.belongs or not minima[near.component].closed
        else:
            assert found.is_minimum
            assert near.belongs
            assert drop(independent, point, random, count=200) > -1
    assert verdicts.count(Verdict.NOT_MINIMUM) >= 3


def test_random_points_have_a_way_down() -> None:
    random = np.random.default_rng(3)
    for name in ("poster", "two_hidden_layers", "absolute_error", "lasso_output"):
        problem = reluspec.load(ROOT / "specs" / f"{name}.rspec")
        for size in (0.1, 1, 10):
            theta = tensors(problem, size * random.normal(size=len(problem.parameters)))
            found = check(problem, theta)
            assert found.verdict is Verdict.NOT_MINIMUM
            goes_down(problem, theta, found)


SADDLE = """data { x = [0]  y = [1] } network { input 1
 hidden: layer 1 linear without bias  output: layer 1 linear without bias }
loss sum { (f - y)^2 } regulariser { (hidden.weight[0,0]^2 - 1)^2 - output.weight[0,0]^2 + output.weight[0,0]^4 }"""


def test_curvature_evidence() -> None:
    """A saddle of a smooth loss: the slope is zero, the way down is the bent direction."""
    problem = reluspec.parse(SADDLE)
    theta = {"hidden.weight": [[1.0]], "output.weight": [[0.0]]}
    found = check(problem, theta)
    assert found.descent is not None
    assert (found.verdict, found.descent.kind, found.descent.slope) == (Verdict.NOT_MINIMUM, "curvature", 0)
    goes_down(problem, theta, found)
    assert check(problem, {"hidden.weight": [[1]], "output.weight": [["-0.70710678118654752"]]}).is_minimum


def test_a_dead_unit_that_wants_to_live() -> None:
    """All parameters zero: every slope is zero, and the way down is a cone of mixed second order."""
    problem = solved("poster").problem
    theta = tensors(problem, np.zeros(6))
    found = check(problem, theta)
    assert found.verdict is Verdict.NOT_MINIMUM
    goes_down(problem, theta, found)


def test_the_nearest_point_of_a_ray() -> None:
    minima = solved("free_hidden_biases")
    (ray,) = [component for component in minima if component.dimension == 1]
    theta = {"hidden.weight": [[0.0]], "hidden.bias": [-3.0], "output.weight": [[0.0]]}
    found = check(minima.problem, theta, minima=minima)
    assert found.nearest is not None
    assert (found.verdict, found.nearest.component, found.nearest.belongs) == (Verdict.MINIMUM, ray.id, True)
    assert found.nearest.distance == pytest.approx(0, abs=1e-6)


def test_a_family_of_other_parameters() -> None:
    from reluspec.checking.families import Projection
    from reluspec.minima.records import Ball, ChartFamily

    problem = solved("free_hidden_biases").problem
    origin = (Ball("0", "0"),) * 3
    with pytest.raises(ArtefactError, match="not one of the problem's parameters"):
        Projection(problem, ChartFamily((origin,), (), (), ((0, 12),)))
    with pytest.raises(ArtefactError):
        Projection(problem, ChartFamily((origin,), (), (), ((0, 1), (0, 1, 2))))


def test_the_nearest_point_of_an_arc() -> None:
    """No one of many sampled points of the family is nearer than the projection."""
    minima = solved("poster")
    problem, (arc,) = minima.problem, [component for component in minima if component.dimension]
    random = np.random.default_rng(0)
    samples = np.array([read_point(problem, theta) for theta in arc.sample(4000, problem)])
    for theta in arc.sample(4, problem, seed=1):
        point = read_point(problem, theta) + 0.03 * random.normal(size=6)
        near = check(problem, tensors(problem, point), minima=MinimaMap(problem, minima.landscape)).nearest
        assert near is not None
        assert near.component == arc.id
        least = min(np.linalg.norm(samples[:, order] - point, axis=1).min() for order in [[0, 1, 2, 3, 4, 5], [1, 0, 3, 2, 5, 4]])
        assert near.distance <= least + 1e-12
        assert least < near.distance + 1e-3
        assert np.linalg.norm(read_point(problem, near.point) - point) == pytest.approx(near.distance)


def test_arcs_of_circles() -> None:
    """The projection on an arc agrees with the points that the component itself samples."""
    from reluspec.checking.families import Projection
    from reluspec.minima.records import Ball, ChartFamily

    one, zero = Ball("1", "0"), Ball("0", "0")
    problem = reluspec.parse(SADDLE)
    quarter = Projection(problem, ChartFamily(((one, zero), (zero, one)), (), (), ((0, 1),)))
    assert quarter.nearest(np.array([3.0, 4.0])) == pytest.approx([0.6, 0.8])
    assert quarter.nearest(np.array([2.0, -1.0])) == pytest.approx([1, 0], abs=1e-9)
    whole = Projection(problem, ChartFamily(((one, zero),), (), (), ((0, 1),)))
    assert whole.nearest(np.array([-3.0, -4.0])) == pytest.approx([-0.6, -0.8])


def test_a_map_that_lacks_the_minimum_makes_it_undecided() -> None:
    """The test and a complete map contradict each other: neither is believed."""
    from dataclasses import replace

    minima = solved("poster")
    fewer = replace(minima, landscape=replace(minima.landscape, components=minima.components[1:]))
    found = check(minima.problem, minima[0].theta(), minima=fewer)
    assert found.verdict is Verdict.UNDECIDED
    assert "the map is wrong" in found.reason


POSTER = {"hidden.weight": [[1], [1]], "hidden.bias": [0, 0], "output.weight": [[1, 1]]}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"hidden.bias": None}, "hidden.bias is None, not a list of 2"),
        ({"hidden.biass": [0, 0]}, "unknown name 'hidden.biass'. Did you mean hidden.bias?"),
        ({"hidden.bias": [0]}, "hidden.bias has 1 entries, not 2"),
        ({"hidden.weight": [[1, 2], [3, 4]]}, "hidden.weight[0] has 2 entries, not 1"),
        ({"hidden.weight": np.ones((1, 2))}, "hidden.weight has shape 1 x 2, not 2 x 1"),
        ({"hidden.bias": np.ones(2, dtype=complex)}, "dtype complex128"),
        ({"hidden.bias": [0, float("nan")]}, "hidden.bias[1] is nan, which is not finite"),
        ({"hidden.bias": [float("inf"), 0]}, "hidden.bias[0] is inf"),
        ({"hidden.bias": [0, 10**400]}, "hidden.bias[1] is a very large integer, which is not finite"),
        ({"hidden.bias": [0, "1e99999999999"]}, "not finite"),
        ({"hidden.bias": [0, "1/0"]}, "hidden.bias[1] is '1/0', not a number"),
        ({"hidden.bias": [0, "x" * 1000]}, "…, not a number"),
        ({"hidden.bias": [0, True]}, "hidden.bias[1] is True, not a number"),
        ({"hidden.bias": [0, [1]]}, "hidden.bias[1] is [1], not a number"),
        ({"hidden.bias": "00"}, "hidden.bias is '00', not a list"),
        ({"hidden.bias": [1e200, 0]}, "the loss at theta is beyond 1.8e308"),
    ],
)
def test_a_theta_that_does_not_fit(change: dict[str, Any], words: str) -> None:
    problem = reluspec.load(ROOT / "specs" / "poster.rspec")
    with pytest.raises(ProblemError) as caught:
        check(problem, {**POSTER, **change})
    assert words in str(caught.value)


def test_missing_names_and_tolerances() -> None:
    problem = reluspec.load(ROOT / "specs" / "poster.rspec")
    with pytest.raises(ProblemError, match=r"theta has no hidden\.bias\. The network of the spec has hidden\.weight \(2 x 1\)"):
        check(problem, {name: POSTER[name] for name in ("hidden.weight", "output.weight")})
    for tolerance in (0, -1, 2, float("nan"), "x"):
        with pytest.raises(ProblemError, match="the tolerance is"):
            check(problem, POSTER, tolerance)  # type: ignore[arg-type]
    with pytest.raises(ProblemError, match="the map is of another problem"):
        check(problem, POSTER, minima=solved("huber"))


def test_fixed_parameters_must_be_the_specs() -> None:
    minima = solved("fixed_output_signs")
    theta = minima[0].theta()
    (fixed,) = {variable.name for variable in minima.problem.constants()}
    assert check(minima.problem, {name: tensor for name, tensor in theta.items() if name != fixed}).is_minimum
    theta[fixed] = theta[fixed] + 0.5
    with pytest.raises(ProblemError, match="but the spec fixes it at"):
        check(minima.problem, theta)


def test_balls_rationals_and_arrays_are_read() -> None:
    minima = solved("poster")
    piece = minima[0].pieces[0]
    assert check(minima.problem, piece.witness).is_minimum
    as_json = {
        name: [[vars(entry) for entry in row] if isinstance(row, tuple) else vars(row) for row in t] for name, t in piece.witness.items()
    }
    assert check(minima.problem, as_json).is_minimum
    assert read_point(minima.problem, {**POSTER, "hidden.bias": ["1/4", np.float32(0.5)]})[2:4].tolist() == [0.25, 0.5]


def test_what_is_too_large_is_refused() -> None:
    data = "data { x = [1, 2] y = [1, 2] }"
    wide = reluspec.parse(f"{data} network {{ input 1 layer 400 relu layer 1 linear }} loss sum squared_error")
    with pytest.raises(LimitError, match="1,201 free parameters; `check` takes up to 500"):
        check(wide, {})


def test_the_answer_in_words() -> None:
    minima = solved("poster")
    text = repr(check(minima.problem, minima[0].theta(), minima=minima))
    assert text.splitlines()[1].startswith("yes, a local minimum within")
    assert "belongs to component 0, the global minimum" in text
    assert text.endswith("a test in floating point, not a proof")


def test_jets_agree_with_the_independent_ones() -> None:
    random = np.random.default_rng(4)
    for name in ("poster", "two_hidden_layers", "huber", "clipped_activation", "lasso_output", "custom_activation"):
        problem = reluspec.load(ROOT / "specs" / f"{name}.rspec")
        land, other = Landscape(problem), IndependentLandscape(problem)
        point = random.normal(size=land.size)
        found, (loss, _) = land.expand(point), other.jets(point[None], 2)
        slope, bend = loss.derivatives
        assert found.loss == pytest.approx(float(loss.value[0]))
        assert found.gradient == pytest.approx(slope[0])
        assert found.hessian == pytest.approx(bend[0])
        assert np.sort(found.switches) == pytest.approx(np.sort(other.switches(point[None])[0]))
        assert land.switches(point[None])[0] == pytest.approx(found.switches)
        assert land.losses(np.array([point, point / 2])) == pytest.approx(other.values(np.array([point, point / 2])))
        from reluspec.regions.signs import format_signs, signs_at

        assert land.stratum(np.sign(found.switches)) == format_signs(problem, signs_at(problem, tensors(problem, point)))
