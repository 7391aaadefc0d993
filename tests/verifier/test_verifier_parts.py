"""The verifier's own mathematics, each part against something simpler."""

from __future__ import annotations

import random
import subprocess
import sys
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from flint import Ordering, arb, fmpq, fmpq_mpoly_ctx
from true_maps import SPECS, names, true_map

import reluspec
from reluspec.regions.arrangement import arrangement
from reluspec.regions.signs import parse_signs
from reluspec.verifier.balls import Fit, fit, middle
from reluspec.verifier.claims import Outcome
from reluspec.verifier.convex.duality import Duality
from reluspec.verifier.convex.faces import faces
from reluspec.verifier.convex.geometry import Geometry
from reluspec.verifier.convex.points import Point
from reluspec.verifier.convex.setting import read_setting
from reluspec.verifier.counting import breakpoints, stratum_count
from reluspec.verifier.identity import vanishes
from reluspec.verifier.local_minimum import local_minimum
from reluspec.verifier.raw import Ring, at, critical_point, definite

FORBIDDEN = ("reluspec.engines", "reluspec.minima", "reluspec.systems", "reluspec.pipeline", "reluspec.regions.arrangement")


def test_nothing_of_the_solver_is_imported() -> None:
    code = f"""import sys, reluspec
reluspec.verify({str(SPECS.parent / "tests" / "no.minima.json")!r}) if False else reluspec.verify
print([name for name in sys.modules if name.startswith({FORBIDDEN!r})])"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


@pytest.mark.parametrize("seed", range(60))
def test_faces_are_those_of_the_solver(seed: int) -> None:
    """Two ways to enumerate an arrangement: repeated, parallel, zero and too few rows included."""
    choose = random.Random(seed)
    count, size = choose.randint(1, 7), choose.randint(1, 4)
    rows = [tuple(Fraction(choose.randint(-2, 2), choose.randint(1, 3)) for _ in range(size)) for _ in range(count)]
    found, _ = faces(rows)
    assert sorted(face.signs for face in found) == sorted(tuple(map(int, signs)) for signs in arrangement(rows).signs)
    for face in found:
        point = [sum(entries) for entries in zip(*face.rays, strict=True)] if face.rays else [0] * size
        values = [sum(a * b for a, b in zip(row, point, strict=True)) for row in rows]
        assert tuple((value > 0) - (value < 0) for value in values) == face.signs


@pytest.mark.parametrize("name", names())
def test_strata_are_counted_or_left_open(name: str) -> None:
    problem = reluspec.load(SPECS / f"{name}.rspec")
    count = stratum_count(problem)
    known = {"clipped_activation": 49, "fixed_output_signs": 289, "lasso_output": 780, "poster": 231, "xor_one_unit": 51}
    assert count == known.get(name, count)
    assert (count is None) == (
        name in {"absolute_error", "huber", "squared_hinge", "two_hidden_layers", "hidden_layer_off", "rotating_first_layer"}
    )


def test_breakpoints_of_nested_kinks() -> None:
    problem = reluspec.load(SPECS / "clipped_activation.rspec")
    activation = problem.network.layers[0].activation
    assert breakpoints(activation.expression, len(activation.kinks)) == [0, 1]


def test_identities_prove_zero_and_nothing_else() -> None:
    ring = fmpq_mpoly_ctx.get(["x", "y"], Ordering.degrevlex)
    x, y = ring.gens()
    root = arb(2).sqrt()

    def value(polynomial: object) -> arb:
        total = arb(0)
        for (i, j), coefficient in polynomial.to_dict().items():  # type: ignore[attr-defined]
            total += arb(coefficient) * root ** int(i) * root ** int(j)
        return total

    equations = [x * x - 2, x - y]
    assert vanishes(y * y - 2, equations, value, (0, 1))
    assert vanishes(x * y - 2, equations, value, (0, 1))
    assert not vanishes(x + y - 2, equations, value, (0, 1))
    assert not vanishes(x * x - 2 + ring.constant(fmpq(1, 10**40)), equations, value, (0, 1))


def test_the_ball_of_weak_duality_holds_the_optimum() -> None:
    """Floats' balls around z* against the refined points, set by set; and what they exclude is excluded by the points, too."""
    setting = read_setting(reluspec.load(SPECS / "five_points.rspec"))
    geometry = Geometry(setting)
    duality = Duality(geometry)
    sets = np.array(list(combinations(range(1, len(geometry)), 2)))
    maps = duality.maps[sets]
    weights, h, bias = duality._solve(maps)
    z, radius, feasible = duality._ball(sets, maps, h, bias)
    assert feasible.all()
    assert radius.max() < 1e-5
    screened = duality.screen(sets)
    checked = 0
    for k in np.flatnonzero((weights > 1e-3).all(axis=1)):
        point = Point(geometry, tuple(map(int, sets[k])), list(weights[k]), 256)
        if not point.feasible or point.s is None:
            continue
        exact = np.array([float(entry) for entry in point.z])
        assert np.sqrt(((exact - z[k]) ** 2 / duality.omega).sum()) <= radius[k]
        assert float(point.radius.upper()) < 1e-25
        if all(weight > 0 for weight in point.s):
            # Critical on its spans: only a direction outside its face or a kink may exclude it.
            assert screened.argument[k] != 0
        checked += 1
    assert checked > 50


def test_a_worse_guess_only_widens_the_ball() -> None:
    setting = read_setting(reluspec.load(SPECS / "poster.rspec"))
    duality = Duality(Geometry(setting))
    sets = np.array([[5, 17], [3, 9]])
    maps = duality.maps[sets]
    _, h, bias = duality._solve(maps)
    _, good, _ = duality._ball(sets, maps, h, bias)
    z, wide, feasible = duality._ball(sets, maps, h * 1.1 + 0.01, bias)
    best, _, _ = duality._ball(sets, maps, h, bias)
    assert feasible.all()
    assert (wide > 1000 * good).all()
    assert (np.sqrt(((z - best) ** 2 / duality.omega).sum(axis=1)) <= wide).all()


def test_losses_and_switches_are_the_problems() -> None:
    """The raw polynomials against the problem's own evaluation, at a point of every listed stratum."""
    for name in ("two_outputs", "clipped_activation", "quartic", "absolute_error"):
        document = true_map(name)
        problem = reluspec.parse(document["spec"])
        for entry in document["components"]:
            piece = entry["pieces"][0]
            flat = problem.flatten(piece["witness"])
            theta = [middle(flat[variable]) for variable in problem.parameters]
            surrogate = Ring(problem).surrogate(parse_signs(problem, piece["stratum"]))
            exact = problem.tensors([Fraction(int(x.p), int(x.q)) for x in theta], lambda value: value)
            assert float(at(surrogate.loss, [arb(x) for x in theta])) == pytest.approx(float(problem.loss_at(exact)), abs=1e-12)


def test_saddles_are_refuted() -> None:
    """The critical strata that are no minima, by the one-sided tests in the raw parameters."""
    document = true_map("poster")
    problem = reluspec.parse(document["spec"])
    minima = reluspec.solve(problem)
    setting = read_setting(problem)
    geometry = Geometry(setting)
    refuted = 0
    for stratum in (one for one in minima.critical if not one.minimal and set("+-") & set(one.stratum)):
        faces_ = [geometry.number[part] for part in stratum.stratum.split("|")]
        living = tuple(sorted({face for face in faces_ if face}))
        duality = Duality(geometry)
        weights, _, _ = duality._solve(duality.maps[np.array([living])])
        point = Point(geometry, living, list(weights[0]), 192)
        assert point.s is not None
        vectors, outputs = [], []
        for face in faces_:
            a = float(point.s[living.index(face)]) ** 0.5 * (point.side(face) or 0) if face else 0.0
            vectors.append([a * float(entry) for entry in point.direction(face)] if face else [0.0, 0.0])
            outputs.append(a)
        flat = [v[0] for v in vectors] + [v[1] for v in vectors] + outputs
        signs = parse_signs(problem, stratum.stratum)
        root = critical_point(problem, signs, [fmpq(round(value * 2**40), 2**40) for value in flat], 192)
        assert all(at(switch, root.theta) * sign > 0 for switch, sign in root.surrogate.switches if sign)
        outcome, _ = local_minimum(problem, signs, root)
        assert outcome is not Outcome.PROVED
        refuted += outcome is Outcome.REFUTED
    assert refuted >= 1


def test_small_tools() -> None:
    assert fit({"value": "1.5", "radius": "0.1"}, arb("1.45", "0.01")) is Fit.INSIDE
    assert fit({"value": "1.5", "radius": "0.1"}, arb("1.7", "0.01")) is Fit.APART
    assert fit({"value": "1.5", "radius": "0.1"}, arb("1.6", "0.01")) is Fit.UNCLEAR
    assert definite([[arb(2), arb(1)], [arb(1), arb(1)]])
    assert not definite([[arb(1), arb(1)], [arb(1), arb(1)]])
