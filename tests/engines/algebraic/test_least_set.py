"""Critical sets of the least point, enclosed, beside those that Groebner bases find; dead units face by face and cell by cell."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from flint import arb
from random_specs import random_spec

import reluspec
from reluspec.engines.algebraic import job
from reluspec.engines.algebraic.exact.enclosed import Isolated
from reluspec.engines.algebraic.exact.scalars import Undetermined
from reluspec.engines.algebraic.judging.idle_units import IdleUnits
from reluspec.engines.algebraic.judging.least_point import has_no_critical_point
from reluspec.engines.algebraic.judging.least_set import least_set
from reluspec.engines.algebraic.stationary.critical import critical_points
from reluspec.engines.algebraic.stationary.enclosures import same, theta_balls
from reluspec.engines.algebraic.stationary.polyhedra import CriticalSet
from reluspec.minima.minima_map import MinimaMap
from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs, format_signs
from reluspec.systems.strata import strata

KINDS = ("huber", "hinge", "quartic")


def enclosed(problem: Problem) -> Iterator[tuple[Signs, CriticalSet]]:
    for found in strata(problem):
        try:
            one = None if has_no_critical_point(problem, found.signs) else least_set(problem, found.signs)
        except Undetermined:
            continue
        if one is not None:
            yield found.signs, one


def points(found: CriticalSet) -> list[list[arb]]:
    return [theta_balls(found, vertex, 200) for vertex in found.vertices]


@pytest.mark.parametrize(
    ("kind", "seed"),
    [*((kind, 0) for kind in KINDS), *(pytest.param(kind, seed, marks=pytest.mark.slow) for kind in KINDS for seed in range(1, 12))],
)
def test_what_is_enclosed_is_what_groebner_bases_find(kind: str, seed: int) -> None:
    problem = reluspec.parse(random_spec(kind, seed))
    for signs, one in enclosed(problem):
        (other,) = critical_points(problem, signs).sets
        assert isinstance(one.field, Isolated)
        assert (one.dimension, one.sigma, one.tight) == (other.dimension, other.sigma, other.tight)
        assert all(any(same(a, b) for b in points(other)) for a in points(one)), format_signs(problem, signs)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 9))])
def test_the_map_is_the_same_without_number_fields(kind: str, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = reluspec.parse(random_spec(kind, seed))
    maps = []
    for large in (True, False):
        monkeypatch.setattr(job, "_is_large", lambda *_, large=large: large)
        every = [job.stratum_job(problem, format_signs(problem, found.signs)) for found in strata(problem)]
        maps.append([(one["stratum"], one["reason"], [(each["verdict"], each["sigma"]) for each in one["sets"]]) for one in every])
    assert maps[0] == maps[1]


def steep(seed: int) -> str:
    """Two or three units and a loss of degree four or six: systems that Groebner bases do not solve within minutes."""
    rng = random.Random(seed)
    units, count = rng.choice([(2, 2), (2, 3), (2, 3), (3, 2)])
    x, y = sorted(rng.sample(range(-2, 4), count)), [rng.randint(-2, 3) for _ in range(count)]
    loss = rng.choice(["power(4)", "power(4)", "power(6)", "{ (f - y)^4 + (f - y)^2 }", "{ max(0, f - y)^4 + (f - y)^2 }"])
    bias = rng.choice(["", " without bias"])
    return (
        f"data {{ x = {x} y = {y} }} network {{ input 1 hidden: layer {units} relu output: layer 1 linear{bias} }} "
        f"loss sum {loss} regulariser ridge({rng.choice(['1/10', '1/4', '1/2', '1'])})"
    )


def solved(seed: int) -> MinimaMap:
    return reluspec.solve(reluspec.parse(steep(seed)), "algebraic", workers=1, timeout=20)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 40))])
def test_steep_losses_are_solved(seed: int) -> None:
    """Complete maps; every stratum with an enclosed minimum has one loss, which descents confirm in the campaigns."""
    found = solved(seed)
    assert found.complete, found.undecided
    assert len(found) > 0


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 12))])
def test_dead_units_face_by_face(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound on each face beside copositivity on each cell, where numbers are exact."""
    compared = 0
    by_cells = IdleUnits._dead_by_cells

    def both(self: IdleUnits, position: int, unit: object, slopes: object) -> str:
        nonlocal compared
        compared += 1
        first, second = by_cells(self, position, unit, slopes), self._dead_by_faces(position, unit, slopes)  # type: ignore[arg-type]
        assert bool(first) == bool(second)
        return first

    monkeypatch.setattr(IdleUnits, "_dead_by_cells", both)
    problem = reluspec.parse(random_spec("huber" if seed % 2 else "hinge", seed))
    for found in strata(problem):
        job.stratum_job(problem, format_signs(problem, found.signs))
    assert compared
