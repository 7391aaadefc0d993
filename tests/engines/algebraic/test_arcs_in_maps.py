"""Maps with arcs and circles of minima: samples, ends, exchanges, files, all against plain numbers."""

from __future__ import annotations

import json
import sys
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator

import reluspec
from reluspec.engines.algebraic.job import stratum_job
from reluspec.engines.algebraic.outcome import StratumOutcome, set_json
from reluspec.io.artefacts import schema
from reluspec.io.map_format import map_document
from reluspec.language import parse_spec
from reluspec.minima.minima_map import MinimaMap
from reluspec.minima.records import ChartFamily, Component
from reluspec.regions.signs import parse_signs

sys.path.insert(0, str(Path(__file__).parents[2]))

from arcs import Arc, arc_through, is_closed, orbit, pairs_of, turned
from campaign import missing_points, numeric_minima, stratum_of, wrong_components
from jets import Array, Landscape

SPECS = Path(__file__).parents[3] / "specs"


def spec(data: str, network: str, penalty: str, loss: str = "sum squared_error") -> str:
    return f"data {{ {data} }}\nnetwork {{ input 1  {network} }}\nloss {loss}\nregulariser ridge({penalty})\n"


LINEAR = "hidden: layer 2 linear  output: layer 2 linear without bias"
RELU = "hidden: layer 2 relu{}  output: layer 2 linear without bias"
TEXTS = {
    "rotating_outputs": (SPECS / "rotating_outputs.rspec").read_text(),
    "rotating_first_layer": (SPECS / "rotating_first_layer.rspec").read_text(),
    "linear_layers": (SPECS / "linear_layers.rspec").read_text(),
    "linear, rank one": spec("x = [1, -1]  y = [(3, 1), (0, 1)]", LINEAR, "2"),
    "one point": spec("x = [1]  y = [(1, 2)]", RELU.format(" without bias"), "1/2"),
    "weights and means": spec(
        "x = [-1, 1]  y = [(1, 1), (2, 1)]  weight = [2, 1]", RELU.format(" without bias"), "1/10", "mean squared_error"
    ),
    "output bias": spec("x = [0, 1]  y = [(1, 2), (2, 0)]", RELU.format("").replace(" without bias", ""), "1/10"),
}
LAYERS = {name: "first" if "first:" in text else "hidden" for name, text in TEXTS.items()}


@cache
def solved(name: str) -> tuple[Landscape, MinimaMap]:
    problem = parse_spec(TEXTS[name], name=f"{name}.rspec")
    return Landscape(problem), reluspec.solve(problem, "algebraic", workers=2)


def curves(name: str) -> list[Component]:
    return [component for component in solved(name)[1] if component.dimension == 1]


def arc_of(name: str, component: Component) -> Arc:
    """The numeric arc through the witness of the component's first piece of dimension one."""
    land, _ = solved(name)
    (piece, *_) = [k for k, piece in enumerate(component.pieces) if piece.dimension == 1]
    return arc_through(land, land.row(component.theta(piece)), pairs_of(land, LAYERS[name]))


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow) if name == "output bias" else name for name in TEXTS])
def test_the_map_withstands(name: str) -> None:
    """Complete; witnesses, samples and ends are minima with the stratum's signs; descents find nothing else."""
    land, minima = solved(name)
    assert minima.complete, minima.incomplete_because
    assert curves(name)
    assert list(wrong_components(land, minima)) == []
    assert list(missing_points(land, minima, numeric_minima(land, 60, 0))) == []


@pytest.mark.parametrize("name", TEXTS)
def test_samples_fill_the_arc(name: str) -> None:
    """Each lies on the arc through the witness, with its loss and signs; together they come near every part of it."""
    land, minima = solved(name)
    for component in curves(name):
        arc = arc_of(name, component)
        k = next(k for k, piece in enumerate(component.pieces) if piece.dimension == 1)
        wanted = parse_signs(land.problem, component.pieces[k].stratum)
        points = [land.row(theta) for theta in minima.sample(component.id, count=60)]
        for point in points:
            assert land.values(point[None])[0] == pytest.approx(float(component.loss), rel=1e-9)
            assert stratum_of(land, point).layers == wanted.layers
            assert arc.distance(point) < 1e-6
        low, high = arc.angles or (0.0, 2 * np.pi)
        for share in (0.1, 0.3, 0.5, 0.7, 0.9):
            place = turned(arc.point, arc.pairs, low + share * (high - low))
            assert min(float(np.linalg.norm(point - place)) for point in points) < 0.5 * float(np.linalg.norm(place[np.ravel(arc.pairs)]))


@pytest.mark.parametrize("name", TEXTS)
def test_ends_and_orbits_by_numbers(name: str) -> None:
    """The listed ends are those of the arc in numbers; closed where these are minima; the orbit is what exchanges make of it."""
    land, _ = solved(name)
    random = np.random.default_rng(3)
    for component in curves(name):
        arc = arc_of(name, component)
        families = [piece.family for piece in component.pieces if piece.family is not None]
        assert all(isinstance(family, ChartFamily) and family.pairs for family in families)
        assert all(sorted(map(sorted, family.pairs)) == sorted(map(sorted, arc.pairs)) for family in families)
        if len(families) == 1:
            assert (len(families[0].vertices) == 1) == (arc.angles is None)
            assert component.orbit_size == orbit(land, arc)
            assert component.closed == is_closed(land, arc, random)
            if arc.angles:
                check_ends(land, component, families[0], arc)


def check_ends(land: Landscape, component: Component, family: ChartFamily, arc: Arc) -> None:
    listed = [_in_theta(family, [float(entry) for entry in vertex]) for vertex in family.vertices]
    for end in arc.ends:
        assert min(float(np.linalg.norm(end - vertex)) for vertex in listed) < 1e-6
    names = {str(stratum_of(land, end).layers) for end in listed}
    known = {str(parse_signs(land.problem, name).layers) for name in component.missing}
    known |= {str(parse_signs(land.problem, piece.stratum).layers) for piece in component.pieces}
    # One of each two ends that exchanges take into each other is named.
    assert names & known


def _in_theta(family: ChartFamily, vertex: list[float]) -> Array:
    theta = np.array(vertex)
    for unit in family.units:
        theta[unit.output] = unit.sign * np.sqrt(theta[unit.output])
        theta[list(unit.directions)] *= theta[unit.output]
        theta[list(unit.products)] /= theta[unit.output]
    return theta


@pytest.mark.parametrize("name", TEXTS)
def test_exchanged_units_are_listed_once(name: str) -> None:
    """No two components are images of each other: the arcs' images under exchange lie on arcs of the same component only."""
    land, _ = solved(name)
    found = curves(name)
    for component in found:
        arc = arc_of(name, component)
        for other in found:
            point = arc_of(name, other).point
            near = [arc.distance(point[exchange]) for exchange in land.exchanges]
            assert (min(near) < 1e-6) == (other is component)


@pytest.mark.parametrize("name", ["rotating_outputs", "rotating_first_layer", "linear, rank one"])
def test_files_and_journals_keep_arcs(name: str) -> None:
    """The map's JSON fits its schema and says where the pairs are; a stratum's outcome comes back from JSON as it was."""
    land, minima = solved(name)
    document: dict[str, Any] = json.loads(json.dumps(map_document(minima)))
    Draft202012Validator(schema("minima")).validate(document)
    for entry, component in zip(document["components"], minima, strict=True):
        for written, piece in zip(entry["pieces"], component.pieces, strict=True):
            if piece.dimension:
                assert piece.family is not None
                assert written["parametrisation"]["pairs"] == [list(pair) for pair in piece.family.pairs]
                again = stratum_job(land.problem, piece.stratum)
                outcome = StratumOutcome.from_json(json.loads(json.dumps(again)))
                assert outcome.to_json() == again
                assert [set_json(judged.found) for judged in outcome.sets] == [
                    {key: value for key, value in one.items() if key not in ("verdict", "argument", "reason")} for one in again["sets"]
                ]
                assert any(judged.found.pairs == piece.family.pairs for judged in outcome.sets)


def linear_layers(y: tuple[tuple[int, int], ...], penalty: str) -> tuple[MinimaMap, float, int]:
    """The map, and by singular values the least loss and the rank at it.

    X^T X = 2, so that with B = X^T Y / sqrt 2 the loss is |B - N|^2 + sqrt 2 lambda |N|_*, N the product of the layers times sqrt 2. Its
    minimum shrinks the singular values of B by lambda / sqrt 2.
    """
    values = np.linalg.svd(np.array([[1, 1], [-1, 1]]).T @ np.array(y) / np.sqrt(2))[1]
    shrink = float(Fraction(penalty)) / np.sqrt(2)
    least = sum(min(value, shrink) ** 2 + 2 * shrink * max(value - shrink, 0) for value in values)
    problem = parse_spec(spec(f"x = [1, -1]  y = [{y[0]}, {y[1]}]", LINEAR, penalty), name="linear.rspec")
    return reluspec.solve(problem, "algebraic", workers=1), least, int((values > shrink).sum())


@pytest.mark.parametrize("penalty", ["1/4", "1", "2", "5"])
@pytest.mark.parametrize("y", [((3, 1), (0, 2)), ((3, 1), (0, 1)), ((1, 1), (1, 1))])
def test_linear_layers_by_singular_values(penalty: str, y: tuple[tuple[int, int], ...]) -> None:
    """Rank 0: a point; rank 1: one circle, which an exchange turns into itself; rank 2: two circles, one for each orientation."""
    minima, least, rank = linear_layers(y, penalty)
    assert minima.complete, minima.incomplete_because
    (component,) = minima
    assert float(component.loss) == pytest.approx(least, rel=1e-12)
    assert (component.dimension, component.orbit_size, component.closed) == (min(rank, 1), max(rank, 1), True)
    assert np.linalg.matrix_rank(component.theta()["output.weight"], tol=1e-9) == rank


@pytest.mark.parametrize("penalty", ["1/4", *(pytest.param(penalty, marks=pytest.mark.slow) for penalty in ("2", "5"))])
def test_circles_in_families_are_not_guessed_at(penalty: str) -> None:
    """With equal singular values the saddles of rank one fill a torus: undecided, or right."""
    minima, least, rank = linear_layers(((2, 0), (0, 2)), penalty)
    assert not minima.complete or [(float(c.loss), c.orbit_size) for c in minima] == [(pytest.approx(least), max(rank, 1))]


def test_an_end_from_which_the_loss_falls_along_a_kink_only() -> None:
    """`deep_pair_below` 55: at the arc's ends a dead leaky unit wakes on its steep side and takes over from the living one.

    The way down keeps the second layer's kink at zero, where random steps never stay: w_1 v_1 / 5 + w_2 v_2 is constant along it.
    """
    text = "x = [-1, 0]  y = [2, -3]"
    layers = "first: layer 2 leaky_relu(1/5) without bias  second: layer 1 relu  output: layer 1 linear without bias"
    problem = parse_spec(
        f"data {{ {text} }}\nnetwork {{ input 1  {layers} }}\nloss sum squared_error\nregulariser ridge(1/10)\n", name="kink.rspec"
    )
    land = Landscape(problem)
    end = np.array([2.32250089979713, 0, 2.32250089979713, 0, 1.0788020859116956, -2.560824939375182])
    step = 1e-2
    living = np.sqrt(end[0] ** 2 - 5 * step**2)
    beside = np.array([living, -step, living, -step, *end[4:]])
    assert land.values(beside[None])[0] < land.values(end[None])[0] - 1e-5
    outcome = StratumOutcome.from_json(stratum_job(problem, "-0|00/0+"))
    assert outcome.word == "critical"  # It is found, and proved to be no minimum.
