"""Maps whose minima are orbits of rescalings of units: by hand, and against descents, perturbation along whole orbits and the verifier."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from flint import arb

import reluspec
from reluspec.engines.algebraic.job import stratum_job
from reluspec.engines.algebraic.judging.minimality import decide
from reluspec.engines.algebraic.judging.verdict import Verdict
from reluspec.engines.algebraic.meeting import meeting_at
from reluspec.engines.algebraic.outcome import StratumOutcome, set_json
from reluspec.engines.algebraic.stationary.critical import rescaled_points
from reluspec.engines.algebraic.stationary.enclosures import contains
from reluspec.engines.algebraic.stationary.rescaled_sets import vanishing_at_ends
from reluspec.engines.algebraic.stationary.rescalings import degree_under, homogeneity, unit_rescalings
from reluspec.io.map_format import map_document
from reluspec.language import parse_spec
from reluspec.minima.minima_map import MinimaMap
from reluspec.regions.signs import parse_signs
from reluspec.systems.surrogate import surrogate
from reluspec.verifier.verify import verify_document

sys.path.insert(0, str(Path(__file__).parents[2]))

from campaign import missing_points, numeric_minima, wrong_components
from jets import Landscape


def spec(data: str, layers: str, loss: str = "squared_error") -> str:
    return f"data {{ {data} }}\nnetwork {{ input 1  {layers} }}\nloss sum {loss}\n"


def factors(data: str, bias: str = "without bias") -> str:
    """One linear unit with two outputs: the best approximation of rank one."""
    return spec(data, f"a: layer 1 linear without bias  output: layer 2 linear {bias}")


def two_layers(data: str, first: str = "relu", second: str = "relu", rest: str = "squared_error", bias: str = "without bias") -> str:
    return spec(data, f"a: layer 1 {first} without bias  b: layer 1 {second} without bias  output: layer 1 linear {bias}", rest)


CASES = {
    "rank one": factors("x = [-2, 0, 3]  y = [(-1, 1), (2, 2), (0, 3)]"),
    "rank one, no fit": factors("x = [1, 2, 3]  y = [(1, -1), (-2, 0), (3, -1)]"),
    "two layers": two_layers("x = [-2, -1]  y = [2, 0]"),
    "two layers, both sides": two_layers("x = [-2, 3]  y = [-1, 2]"),
    "two layers, an input 0": two_layers("x = [0, 2]  y = [1, 2]"),
    "two layers, a penalty beside": two_layers(
        "x = [-2, 3]  y = [-1, -1]", rest="squared_error regulariser ridge(1/4) on output.bias", bias=""
    ),
    "two layers, leaky": two_layers("x = [-1, 2]  y = [1, 1]", "leaky_relu(1/10)", "abs"),
    "two layers, linear": two_layers("x = [-1, 0, 2]  y = [1, 3, -1]", "linear", "linear"),
    "the last penalised": two_layers("x = [-2, 1]  y = [1, 2]", rest="squared_error regulariser ridge(1/4) on output.weight"),
    "a square": spec("x = [-2, 2]  y = [-1, -2]", "hidden: layer 1 { z^2 }  output: layer 1 linear without bias"),
}


@cache
def solved(name: str) -> tuple[Landscape, MinimaMap]:
    problem = parse_spec(CASES[name], name="rescaled.rspec")
    return Landscape(problem), reluspec.solve(problem, "algebraic", workers=1)


# ---- by hand -------------------------------------------------------------------------------------------------------------------


def test_the_best_approximation_of_rank_one() -> None:
    """f = a w x: the minima are `a w = sum x y / sum x^2`, one hyperbola in two branches, w > 0 and w < 0; w = 0 is a saddle."""
    _, minima = solved("rank one")
    assert minima.complete
    assert [(component.dimension, component.closed) for component in minima] == [(1, True), (1, True)]
    wanted = np.array([2, 7]) / 13
    for component in minima:
        theta = component.theta()
        assert np.allclose(np.ravel(theta["output.weight"]) * np.ravel(theta["a.weight"])[0], wanted)
        assert float(component.loss) == pytest.approx(19 - (4 + 49) / 13)


def test_two_dead_layers_are_minima_where_the_outputs_can_only_get_worse() -> None:
    """f = v relu(u relu(w x)) for x < 0 and y >= 0: with v > 0 waking helps, with v < 0 it hurts; w = u = 0 ties to third order."""
    problem = solved("two layers")[0].problem
    outcome = StratumOutcome.from_json(stratum_job(problem, "00/00"))
    assert not outcome.undecided
    off, harmful, helpful = [(-1, -1), (-1, 0), (-1, 1)], [(1, -1), (0, -1)], [(1, 1), (1, 0), (0, 1), (0, 0)]
    for u, v in (*off, *harmful, *helpful):
        theta = [arb(0), arb(u), arb(v)]
        inside = [judged.found for judged in outcome.minimal if contains(judged.found, theta, 200)]
        listed = any(not found.cuts or meeting_at(theta, {0: found}, 200).whole for found in inside)
        assert listed == ((u, v) not in helpful), (u, v)


@pytest.mark.parametrize(
    ("activation", "power"),
    [
        ("relu", 1),
        ("linear", 1),
        ("abs", 1),
        ("leaky_relu(1/10)", 1),
        ("{ max(0, z)^2 }", 2),
        ("{ z^2 }", 2),
        ("{ z^3 - z }", None),
        ("relu6", None),
    ],
)
def test_degrees_of_activations(activation: str, power: int | None) -> None:
    problem = parse_spec(spec("x = [1]  y = [1]", f"a: layer 1 {activation}  output: layer 1 linear"), name="degree.rspec")
    assert homogeneity(problem.network.layers[0].activation.expression) == power


@pytest.mark.parametrize(
    ("penalty", "count"),
    [("", 2), ("regulariser ridge(1)", 0), ("regulariser ridge(1) on output.weight", 1), ("regulariser ridge(1) on b.weight", 1)],
)
def test_penalties_leave_what_they_do_not_see(penalty: str, count: int) -> None:
    """Of w and v alone the product may stay: a penalty in the middle leaves `(t w, u, v / t)`."""
    problem = parse_spec(two_layers("x = [1]  y = [1]", rest=f"squared_error {penalty}"), name="penalty.rspec")
    found = unit_rescalings(problem)
    assert len(found) == count
    for signs in ("+/+", "+/-", "-/0"):
        local = surrogate(problem, parse_signs(problem, signs))
        for exponents in found:
            assert degree_under(exponents, local.loss) == 0
            assert all(degree_under(exponents, switch.polynomial) is not None for switch in local.switches)


def test_an_orbit_ends_where_its_coordinates_can_vanish() -> None:
    """(w, u, v) = (w, u, 0) ends where u, or w, vanishes while the other grows: at no finite point; (0, u, v) neither; (w, 0, 0) at 0."""
    problem = solved("two layers, linear")[0].problem
    ends = {}
    for critical in rescaled_points(problem, parse_signs(problem, "")):
        for found in critical.sets:
            support = tuple(bool(entry != 0) for entry in found.witness)
            limits = vanishing_at_ends(found)
            assert limits is not None
            ends[support] = sorted(limits)
    assert ends[True, True, True] == []
    assert ends[False, True, False] == [(1,)]
    assert ends[False, False, False] == []


def wrong(land: Landscape, minima: MinimaMap) -> list[str]:
    """Complaints about listed components; samples of parts of families may lie as near as they like to where they are cut."""
    cut = {(c.id, piece.stratum) for c in minima for piece in c.pieces if "cuts" in piece.certificate}
    return [text for text in wrong_components(land, minima) if not any(f"component {k} {name}:" in text for k, name in cut)]


# ---- against numbers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
def test_the_map_is_complete_and_withstands(name: str) -> None:
    land, minima = solved(name)
    assert minima.complete
    assert wrong(land, minima) == []
    assert list(missing_points(land, minima, numeric_minima(land, 60, 0))) == []


@pytest.mark.parametrize("name", CASES)
def test_no_point_of_an_orbit_can_be_lowered(name: str) -> None:
    """The witness, moved by the certificate's rescalings, far out: same loss, same signs, and no lower loss nearby."""
    land, minima = solved(name)
    random = np.random.default_rng(3)
    for component in minima:
        for k, piece in enumerate(component.pieces):
            witness = np.array(land.row(component.theta(k)))
            for _ in range(6):
                point = witness.copy()
                for one in piece.certificate.get("rescaled", {"rescalings": ()})["rescalings"]:
                    point = point * np.exp(random.normal()) ** np.array(one["exponents"])
                assert land.values(point[None])[0] == pytest.approx(float(component.loss), abs=1e-9)
                around = point + random.normal(size=(3000, point.size)) * np.exp(random.uniform(-14, -5, size=(3000, 1)))
                assert land.values(around).min() > float(component.loss) - 1e-11


@pytest.mark.parametrize("name", CASES)
def test_the_verifier_does_not_refute(name: str) -> None:
    _, minima = solved(name)
    assert not verify_document(map_document(minima), name).refuted


def test_a_false_verdict_would_be_seen() -> None:
    """The saddle between the two branches, listed as a minimum: numbers refute it."""
    land, minima = solved("rank one")
    saddle = np.zeros(3)
    random = np.random.default_rng(0)
    around = saddle + random.normal(size=(2000, 3)) * 1e-3
    assert land.values(around).min() < land.values(saddle[None])[0] - 1e-9
    problem = land.problem
    verdicts = {
        tuple(float(entry) != 0 for entry in found.witness): decide(problem, parse_signs(problem, ""), found).verdict
        for critical in rescaled_points(problem, parse_signs(problem, ""))
        for found in critical.sets
    }
    assert verdicts[False, False, False] is Verdict.NOT_MINIMUM
    assert verdicts[True, True, True] is Verdict.MINIMUM
    assert minima.complete


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 4))])
def test_random_networks_without_a_penalty(seed: int) -> None:
    """Two relu layers: complete, and nothing that numbers could add or refute."""
    random = Random(seed)
    x, y = random.sample([-2, -1, 0, 1, 3], 2), [random.choice([-2, -1, 0, 1, 3]) for _ in range(2)]
    problem = parse_spec(two_layers(f"x = {x}  y = {y}"), name="random.rspec")
    land, minima = Landscape(problem), reluspec.solve(problem, "algebraic", workers=1)
    assert minima.complete
    assert wrong(land, minima) == []
    assert list(missing_points(land, minima, numeric_minima(land, 40, 0))) == []


def test_sets_survive_as_plain_data() -> None:
    """What crosses the border of processes: exponents, pins, directions in the slice."""
    problem = solved("rank one")[0].problem
    data: Any = stratum_job(problem, "")
    outcome = StratumOutcome.from_json(data)
    moved = [judged.found for judged in outcome.sets if judged.found.rescaled]
    assert moved
    assert [set_json(found) for found in moved] == [
        {key: entry[key] for key in set_json(found)}
        for found, entry in zip(moved, (e for e in data["sets"] if "rescaled" in e), strict=True)
    ]
