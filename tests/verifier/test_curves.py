"""Curves of minima outside the convex setting: what the verifier finds against plain numbers, and every kind of false claim about them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
from map_mutations import repair
from true_maps import SPECS, true_map

import reluspec
from reluspec.io.map_format import map_document
from reluspec.problem.problem import Problem
from reluspec.regions.signs import format_signs, signs_at
from reluspec.verifier.claims import Outcome
from reluspec.verifier.general.curves import FALLING, MINIMA, TURNING
from reluspec.verifier.general.explore import Curve, Stratum, explore
from reluspec.verifier.general.rotations import Rotation
from reluspec.verifier.general.translations import Translation
from reluspec.verifier.verify import verify_document

Document = dict[str, Any]


def spec(data: str, network: str, penalty: str) -> str:
    return f"data {{ {data} }}\nnetwork {{ input 1 {network} }}\nloss sum squared_error\nregulariser {penalty}\n"


TEXTS = {
    **{name: (SPECS / f"{name}.rspec").read_text() for name in ("rotating_outputs", "rotating_first_layer", "linear_layers")},
    "rank two": spec("x = [1, 2] y = [(1, 2), (2, 0)]", "hidden: layer 2 relu output: layer 2 linear without bias", "ridge(1/4)"),
    "kinks that turn": spec("x = [2, 3] y = [(2, 0), (-1, 0)]", "hidden: layer 2 relu output: layer 2 linear without bias", "ridge(1/4)"),
    "one direction": spec(
        "x = [1, 2] y = [2, 1]", "hidden: layer 2 relu without bias output: layer 1 linear without bias", "ridge(1/4)"
    ).replace("squared_error", "power(4)"),
    "deep kinks": spec(
        "x = [2, 3] y = [0, 3]", "first: layer 2 relu without bias second: layer 1 relu output: layer 1 linear without bias", "ridge(1/10)"
    ),
    "free biases": (SPECS / "free_hidden_biases.rspec").read_text(),
    "biases that make up for each other": spec(
        "x = [2, 1] y = [1, 3]", "hidden: layer 1 relu output: layer 1 linear", "ridge(1/20) on weights"
    ),
    "a whole line": spec("x = [2, 1] y = [1, 3]", "hidden: layer 1 linear output: layer 1 linear", "ridge(1/20) on weights"),
}


@cache
def survey(name: str) -> tuple[Problem, list[Stratum]]:
    problem = reluspec.parse(TEXTS[name])
    return problem, explore(problem, [], 256, None, time.monotonic() + 300).visited


def curves(name: str) -> Iterator[tuple[Stratum, Curve]]:
    for stratum in survey(name)[1]:
        for curve in stratum.curves:
            yield stratum, curve


def points_on(stratum: Stratum, curve: Curve, count: int) -> list[list[float]]:
    """Points of a curve, in the stratum and outside, from its point on a slice."""
    here = [float(entry.mid()) for entry in curve.critical.root.theta]
    found = []
    for step in np.linspace(0, 2 * math.pi, count, endpoint=False) + 0.01:
        theta = list(here)
        if isinstance(stratum.motion, Rotation):
            for p, q in stratum.motion.pairs:
                theta[p] = math.cos(step) * here[p] + math.sin(step) * here[q]
                theta[q] = math.cos(step) * here[q] - math.sin(step) * here[p]
        else:
            assert isinstance(stratum.motion, Translation)
            speed = [float(entry.mid()) for entry in stratum.motion.field(curve.critical.root.theta)]
            theta = [entry + 3 * (step - math.pi) * own for entry, own in zip(here, speed, strict=True)]
        found.append(theta)
    return found


def inside(problem: Problem, stratum: Stratum, theta: list[float]) -> bool:
    """Whether a point has the stratum's strict signs; those that are zero hold up to rounding only."""
    seen = signs_at(problem, problem.tensors(theta, float)).all
    return all(own in ("0", sign) for own, sign in zip(stratum.orbit.signs.all, seen, strict=True))


def loss(problem: Problem, theta: list[float]) -> float:
    return float(problem.loss_at(problem.tensors(theta, float)))


def falls(problem: Problem, theta: list[float], step: float) -> bool:
    """Whether a random step makes the loss smaller, by more than second order may do at a minimum."""
    numbers = np.random.default_rng(5)
    here = loss(problem, theta)
    return any(loss(problem, list(np.array(theta) + step * numbers.normal(size=len(theta)))) < here - 1e-10 for _ in range(1000))


@pytest.mark.parametrize("name", TEXTS)
def test_ends_are_where_the_signs_change(name: str) -> None:
    """By many points of each curve: which of them have the stratum's signs, and what lies between these and the others."""
    problem, strata = survey(name)
    assert any(stratum.curves for stratum in strata)
    for stratum, curve in curves(name):
        assert curve.interval is not None
        seen = [inside(problem, stratum, theta) for theta in points_on(stratum, curve, 400)]
        assert any(seen)
        changes = sum(one != other for one, other in zip(seen, seen[1:] + seen[:1], strict=True))
        assert changes == (0 if not curve.interval.ends else 2)
        for end in curve.interval.ends:
            place = [float(entry.mid()) for entry in end.theta]
            near = min(math.dist(place, theta) for theta in points_on(stratum, curve, 400))
            assert near < 0.1 * (1 + math.hypot(*place))
            exact = {k for k, sign in enumerate(end.signs.all) if sign == "0"}
            assert {k for k, sign in enumerate(stratum.orbit.signs.all) if sign == "0"} < exact
            rounded = [round(entry, 40) if abs(entry) > 1e-12 else 0.0 for entry in place]
            switched = signs_at(problem, problem.tensors(rounded, float)).all
            assert all(own in ("0", sign) for own, sign in zip(end.signs.all, switched, strict=True))


@pytest.mark.parametrize("name", TEXTS)
def test_verdicts_hold_all_along(name: str) -> None:
    """At minima no small random step lowers the loss; at points of other curves one does."""
    problem, _ = survey(name)
    for stratum, curve in curves(name):
        assert curve.outcome is not Outcome.OPEN
        points = [theta for theta in points_on(stratum, curve, 60) if inside(problem, stratum, theta)]
        minimal = curve.outcome is Outcome.PROVED
        # At the very ends of an arc a step may leave what is near.
        for theta in points[len(points) // 5 : -(len(points) // 5) : max(1, len(points) // 4)]:
            down = any(falls(problem, theta, step) for step in ((1e-3,) if minimal else (1e-2, 1e-3)))
            assert down is not minimal, (format_signs(problem, stratum.orbit.signs), curve.reason)


def test_every_argument_is_used() -> None:
    reasons = {curve.reason for name in TEXTS for _, curve in curves(name)}
    assert {MINIMA[1], TURNING[1], FALLING[1]} <= reasons


@pytest.mark.parametrize("name", ["rank two", "one direction", "deep kinks", "biases that make up for each other", "a whole line"])
def test_maps_with_such_curves_are_verified_whole(name: str) -> None:
    document = map_of(name)
    assert any(entry["dimension"] for entry in document["components"])
    found = verify_document(document, name)
    assert found.complete, found


def map_of(name: str) -> Document:
    return map_document(reluspec.solve(reluspec.parse(TEXTS[name]), "algebraic"))


def first(document: Document, dimension: int) -> Document:
    entry: Document = next(entry for entry in document["components"] if entry["dimension"] == dimension)
    return entry


def chart(document: Document, k: int) -> Document:
    found: Document = document["components"][k]["pieces"][0]["parametrisation"]
    return found


def nested(form: Document) -> None:
    form["vertices"] = [form["vertices"]]


def a_number(form: Document) -> None:
    form["vertices"] = form["vertices"][0][0]


def witness_elsewhere(document: Document) -> None:
    """Of the circle, but of its part in another stratum."""
    entry = first(document, 1)
    for tensor in entry["pieces"][0]["witness"].values():
        for row in tensor:
            for ball in row if isinstance(row, list) else [row]:
                ball["value"] = ball["value"].removeprefix("-") if ball["value"].startswith("-") else f"-{ball['value']}"


def thinner(document: Document) -> None:
    entry = first(document, 1)
    entry["dimension"] = entry["pieces"][0]["dimension"] = 0
    del entry["pieces"][0]["parametrisation"]


FALSE: dict[str, tuple[str, Callable[[Document], object], str]] = {
    "loss": ("rotating_outputs", lambda d: first(d, 1)["loss"].update(value="5.1980000001"), "witnesses"),
    "dimension": (
        "rotating_outputs",
        lambda d: (first(d, 1).update(dimension=2), first(d, 1)["pieces"][0].update(dimension=2)),
        "dimensions",
    ),
    "a curve as a point": ("rotating_outputs", thinner, "dimensions"),
    "orbit": ("linear_layers", lambda d: first(d, 1).update(orbit_size=1), "orbits"),
    "closed": ("rotating_outputs", lambda d: (first(d, 1).update(closed=True), first(d, 1).pop("missing")), "ends"),
    "open": ("rotating_first_layer", lambda d: first(d, 1).update(closed=False, missing=["00|+-/++"]), "ends"),
    "missing": ("free_hidden_biases", lambda d: first(d, 1).update(missing=["-0+"]), "ends"),
    "location": ("free_hidden_biases", lambda d: first(d, 1).update(location="boundary"), "locations"),
    "stratum": ("rotating_outputs", lambda d: first(d, 1)["pieces"][0].update(stratum="-+|++"), "witnesses"),
    "witness": ("rotating_outputs", witness_elsewhere, "witnesses"),
    "piece dropped": ("rotating_first_layer", lambda d: first(d, 1)["pieces"].pop(1), "components"),
    "curve dropped": ("free_hidden_biases", lambda d: d["components"].remove(first(d, 1)), "components"),
    "pieces of two components": (
        "rotating_first_layer",
        lambda d: d["components"][0]["pieces"].append(d["components"].pop(1)["pieces"][0]),
        "witnesses",
    ),
    "another arc": (
        "rotating_outputs",
        lambda d: first(d, 1)["pieces"][0]["parametrisation"].update(
            vertices=d["components"][2]["pieces"][0]["parametrisation"]["vertices"]
        ),
        "parametrisations",
    ),
    "a segment for a ray": (
        "free_hidden_biases",
        lambda d: first(d, 1)["pieces"][0]["parametrisation"].update(rays=[]),
        "parametrisations",
    ),
    "a line without a point": ("a whole line", lambda d: chart(d, 0).update(vertices=[]), "parametrisations"),
    "a polytope's vertex": ("one direction", lambda d: chart(d, 0)["vertices"][0][1].update(value="0.9157378958"), "parametrisations"),
    "a polytope's direction": ("one direction", lambda d: chart(d, 0)["directions"][1][0].update(value="1.0000000001"), "parametrisations"),
    "a polytope's sign": ("one direction", lambda d: chart(d, 0).update(signs=[1, -1]), "parametrisations"),
    "a chart of another shape": (
        "free_hidden_biases",
        lambda d: chart(d, 3).update(vertices=[chart(d, 3)["vertices"]]),
        "parametrisations",
    ),
    "a chart that is a number": (
        "rotating_outputs",
        lambda d: chart(d, 1).update(vertices=chart(d, 1)["vertices"][0][0]),
        "parametrisations",
    ),
    "a unit of no parameter": (
        "rotating_outputs",
        lambda d: chart(d, 1).update(units=[{"output": 99, "sign": 1, "directions": [], "products": []}]),
        "parametrisations",
    ),
    "a global curve": ("rotating_outputs", lambda d: first(d, 1).update({"global": True}), "global minimum"),
}


@pytest.mark.parametrize("name", FALSE)
def test_false_claims_are_refuted(name: str) -> None:
    """Each by the argument that is there for it, in a map that is consistent with itself."""
    source, change, kind = FALSE[name]
    document = map_of(source) if " " in source else true_map(source)
    change(document)
    repair(document)
    found = verify_document(document, name)
    assert kind in {claim.kind for claim in found.refuted}, found


def test_two_components_are_not_told_from_one_where_their_surroundings_are_unknown() -> None:
    """A curve that ends on a sheet, which the verifier does not find: its component is larger than what is stitched."""
    text = spec("x = [2, -2] y = [-3, 0]", "hidden: layer 2 relu output: layer 1 linear without bias", "ridge(1/4) on weights")
    document = map_document(reluspec.solve(reluspec.parse(text), "algebraic"))
    assert any(entry["dimension"] == 2 and len({piece["dimension"] for piece in entry["pieces"]}) > 1 for entry in document["components"])
    found = verify_document(document, "a sheet with a seam")
    assert found.ok, found
    assert any(claim.kind == "components" and claim.subject == "component 0" for claim in found.not_reproved)
