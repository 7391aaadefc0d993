"""Curved families beyond circles: three units that rotate, layers that rotate at once, sets cut down by second order."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from flint import Ordering, fmpq_mpoly, fmpq_mpoly_ctx
from scipy.stats import special_ortho_group

import reluspec
from reluspec.checking.families import Projection
from reluspec.engines.algebraic.ideals.solving import solve_system
from reluspec.engines.algebraic.job import stratum_job
from reluspec.engines.algebraic.judging.verdict import Verdict
from reluspec.engines.algebraic.outcome import StratumOutcome
from reluspec.engines.algebraic.stationary.frames import framed
from reluspec.engines.algebraic.stationary.groups import frames
from reluspec.language import parse_spec
from reluspec.minima.minima_map import MinimaMap
from reluspec.minima.records import ChartFamily, Component

sys.path.insert(0, str(Path(__file__).parents[2]))

from campaign import missing_points, numeric_minima, stratum_of, wrong_components
from descent import RADII, drop
from jets import Array, Landscape


def spec(x: str, y: str, network: str, penalty: str = "regulariser ridge(1/10)") -> str:
    return f"data {{ x = {x}  y = {y} }}\nnetwork {{ input 1  {network} }}\nloss sum squared_error\n{penalty}\n"


ONE, TWO = (f"  output: layer {count} linear without bias" for count in (1, 2))
TEXTS = {
    "three units, a point": spec("[1]", "[(1, 2)]", "hidden: layer 3 relu without bias" + TWO),
    "three units, two points": spec("[-1, 2]", "[(1, 2), (2, -1)]", "hidden: layer 3 relu without bias" + TWO),
    "three linear units, rank one": spec("[1]", "[(3, 1)]", "hidden: layer 3 linear without bias" + TWO),
    "three linear units, rank two": spec("[1, -1]", "[(3, 1), (0, 2)]", "hidden: layer 3 linear" + TWO),
    "two linear layers": spec("[1]", "[2]", "a: layer 2 linear without bias  b: layer 2 linear without bias" + ONE),
    "two linear layers, two outputs": spec("[1]", "[(2, 1)]", "a: layer 2 linear without bias  b: layer 2 linear without bias" + TWO),
    "saddles with a penalty on the output only": spec(
        "[1, 2]", "[2, -1]", "hidden: layer 2 relu" + ONE, "regulariser ridge(1/10) on output"
    ),
}
EXPECTED = {
    "three linear units, rank one": [(2, 1, True)],
    "three linear units, rank two": [(3, 1, True)],
    "two linear layers": [(2, 1, True), (0, 1, True)],
    "two linear layers, two outputs": [(2, 1, True), (0, 1, True)],
}
"""Dimension, orbit, closed: spheres, frames of rank two in three dimensions, tori; known by thought, losses by descents."""


@cache
def solved(name: str) -> tuple[Landscape, MinimaMap]:
    problem = parse_spec(TEXTS[name], name=f"{name}.rspec")
    return Landscape(problem), reluspec.solve(problem, "algebraic", workers=2)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow) if name.startswith(("saddles with a penalty", "three units, two points")) else name
        for name in TEXTS
    ],
)
def test_the_map_withstands(name: str) -> None:
    """Complete; witnesses, samples and ends are minima with the stratum's signs; descents find nothing else."""
    land, minima = solved(name)
    assert minima.complete, minima.incomplete_because
    assert any(component.dimension > 1 for component in minima)
    assert list(wrong_components(land, minima)) == []
    assert list(missing_points(land, minima, numeric_minima(land, 60, 0))) == []


@pytest.mark.parametrize("name", EXPECTED)
def test_dimensions_and_orbits(name: str) -> None:
    _, minima = solved(name)
    assert [(c.dimension, c.orbit_size, c.closed) for c in minima] == EXPECTED[name]


def families(name: str) -> list[tuple[Component, ChartFamily]]:
    return [
        (component, piece.family)
        for component in solved(name)[1]
        for piece in component.pieces
        if isinstance(piece.family, ChartFamily) and piece.family.pairs and len(piece.family.pairs[0]) == 3
    ]


@pytest.mark.parametrize("name", [name for name in TEXTS if name.startswith("three")])
def test_samples_are_spread_over_the_sphere(name: str) -> None:
    """They are minima, and reach the neighbourhood of every frame that keeps the signs."""
    land, _ = solved(name)
    assert families(name)
    random = np.random.default_rng(1)
    for component, family in families(name):
        k = next(k for k, piece in enumerate(component.pieces) if piece.family is family)
        points = np.array([land.row(theta) for theta in component.sample(200, land.problem, piece=k)])
        assert np.abs(land.values(points) - float(component.loss)).max() < 1e-9
        assert max(-drop(land, point, random, 500, RADII) for point in points[:4]) < 1
        table = np.array(family.pairs)
        heads = points[:, table]
        # Every unit is the longest of the three at some sample, and the shortest at another.
        lengths = np.linalg.norm(heads, axis=1)
        assert set(lengths.argmax(axis=1)) == {0, 1, 2} == set(lengths.argmin(axis=1))
        assert np.ptp(np.linalg.norm(heads, axis=(1, 2))) < 1e-9


@pytest.mark.parametrize("name", [name for name in TEXTS if name.startswith("three")])
def test_the_nearest_point_of_a_sphere(name: str) -> None:
    """What `check` asks: a point of the family is its own, one beside it is nearer than any sample."""
    land, _ = solved(name)
    random = np.random.default_rng(4)
    for component, family in families(name):
        k = next(k for k, piece in enumerate(component.pieces) if piece.family is family)
        points = np.array([land.row(theta) for theta in component.sample(100, land.problem, piece=k)])
        nearest = Projection(land.problem, family).nearest
        for point in points[:5]:
            assert np.linalg.norm(nearest(point) - point) < 1e-9
            beside = point + 0.2 * random.normal(size=len(point))
            found = nearest(beside)
            assert np.linalg.norm(found - beside) <= np.linalg.norm(points - beside, axis=1).min() + 1e-9
            assert land.values(found[None])[0] == pytest.approx(float(component.loss), rel=1e-9)


@pytest.mark.parametrize("name", ["two linear layers", "two linear layers, two outputs"])
def test_layers_turn_at_once(name: str) -> None:
    """Turned in both layers, by any angles, the witness stays a minimum of the same loss."""
    land, minima = solved(name)
    random = np.random.default_rng(2)
    theta = minima[0].theta()
    for _ in range(10):
        one, other = (special_ortho_group.rvs(2, random_state=random) for _ in range(2))
        moved = {
            "a.weight": one @ theta["a.weight"],
            "b.weight": other @ theta["b.weight"] @ one.T,
            "output.weight": theta["output.weight"] @ other.T,
        }
        point = land.row(moved)
        assert land.values(point[None])[0] == pytest.approx(float(minima[0].loss), rel=1e-12)
        assert drop(land, point, random, 500, RADII) > -1


KINK = spec("[0, 1]", "[(1, 2), (2, 0)]", "hidden: layer 3 relu" + TWO, "regulariser ridge(1)")


def test_three_units_at_a_kink_fall_everywhere() -> None:
    """The slopes into the cells where only some units turn on change along the sphere, not their sign: plain numbers agree."""
    problem = parse_spec(KINK, name="kink.rspec")
    land, random = Landscape(problem), np.random.default_rng(0)
    (judged,) = StratumOutcome.from_json(stratum_job(problem, "+0|+0|+0")).sets
    assert (judged.found.dimension, judged.decision.verdict) == (2, Verdict.NOT_MINIMUM)
    (orbit,) = judged.found.orbits
    base = [float(value) for value in judged.found.base]
    for _ in range(10):
        point = np.array(framed(base, orbit, [[entry] for entry in positive_unit_vector(random)]))
        assert stratum_of(land, point).layers[0] == ("+0",) * 3
        assert drop(land, point, random, 500, RADII) < -3


def positive_unit_vector(random: np.random.Generator) -> Array:
    vector = np.abs(random.normal(size=3)) + 0.05
    return vector / np.linalg.norm(vector)


@pytest.mark.slow
def test_minima_whose_ends_are_not_followed_say_what_is_proved() -> None:
    problem = parse_spec(KINK, name="kink.rspec")
    assert "minima of dimension 3 (frames of rank 2), one connected part" in stratum_job(problem, "++|++|++")["reason"]


# ---- normal forms --------------------------------------------------------------------------------------------------------------


def normal_form(table: Array) -> Array:
    """By reflections, row after row; the last row has either sign."""
    form, row = table.copy(), 0
    for column in range(form.shape[1]):
        rest = form[row:, column]
        if row < len(form) - 1 and np.linalg.norm(rest) > 1e-9:
            mirror = rest - np.linalg.norm(rest) * np.eye(len(rest))[0]
            if np.linalg.norm(mirror) > 1e-9:
                mirror /= np.linalg.norm(mirror)
                form[row:] -= 2 * np.outer(mirror, mirror @ form[row:])
            row += 1
    return form


def test_every_table_has_a_normal_form() -> None:
    """Also with columns and rows that are zero, and of low rank."""
    columns = tuple(tuple(3 * j + unit for unit in range(3)) for j in range(4))
    forms = list(frames([columns], range(12)))
    random = np.random.default_rng(0)
    for _ in range(300):
        rank = random.integers(0, 4)
        table = random.integers(-2, 3, (3, rank)) @ random.integers(-1, 2, (rank, 4)).astype(float)
        flat = normal_form(table).T.ravel()
        fitting = [f for f in forms if np.abs(flat[list(f.zeros)]).sum() < 1e-9 and all(flat[k] > 1e-9 for k in f.pivots)]
        assert len(fitting) == 1, table


def test_two_layers_have_a_normal_form() -> None:
    """A (2 x 1), B (2 x 2), C (1 x 2), with zeros: some turns of both layers make the zeros of one of the forms."""
    a, b, c = (0, 1), ((2, 3), (4, 5)), (6, 7)
    forms = list(frames([(a, b[0], b[1]), (c, (2, 4), (3, 5))], range(8)))
    random = np.random.default_rng(0)
    angles = np.linspace(0, 2 * np.pi, 361)
    turns = np.array([[np.cos(angles), np.sin(angles)], [-np.sin(angles), np.cos(angles)]]).transpose(2, 0, 1)
    for _ in range(40):
        one, two, three = (random.integers(-1, 2, size) * random.integers(0, 2) for size in (2, (2, 2), 2))
        first = one @ turns.transpose(0, 2, 1)
        last = three @ turns.transpose(0, 2, 1)
        middle = np.einsum("sij,jk,tlk->stil", turns, two, turns)
        shape = middle.shape[:2]
        theta = np.concatenate(
            [
                np.broadcast_to(first[None], (*shape, 2)),
                middle.reshape(*shape, 4),
                np.broadcast_to(last[:, None], (*shape, 2)),
            ],
            axis=2,
        )
        assert any(
            ((np.abs(theta[:, :, list(f.zeros)]).max(axis=2, initial=0) < 0.03) & (theta[:, :, list(f.pivots)] > 0.5).all(axis=2)).any()
            for f in forms
        )


# ---- second order --------------------------------------------------------------------------------------------------------------


Loss = Callable[..., fmpq_mpoly]


def still_open(loss: Loss, *, hessian: bool) -> tuple[str, bool]:
    """Of the critical points of a polynomial: the reason why some are not found, and whether some were left out."""
    size = range(loss.__code__.co_argcount)
    context = fmpq_mpoly_ctx.get([f"x{k}" for k in size], Ordering.degrevlex)
    gradient = [loss(*context.gens()).derivative(k) for k in size]
    matrix = [[gradient[i].derivative(j) for j in size] for i in size] if hessian else []
    found = solve_system(context, gradient, hessian=matrix)
    return found.unresolved, found.left_out


@pytest.mark.parametrize(
    "loss",
    [
        lambda x, y: x**2 + y**2 - (x**2 + y**2 - 1) ** 2,  # a circle of maxima
        lambda x, y, z: (x**2 + y**2 - 1) ** 2 - z**2 * (1 + x**2 + y**2),  # a circle of saddles
        lambda x, y, z: (x * y - 1) ** 2 - z**2,  # a hyperbola of saddles: only a minor is constant
    ],
)
def test_saddles_are_left_out(loss: Loss) -> None:
    reason, _ = still_open(loss, hessian=False)
    assert reason
    assert still_open(loss, hessian=True) == ("", True)


@pytest.mark.parametrize("loss", [lambda x, y: (x**2 + y**2 - 1) ** 2, lambda x, y: (x**2 + y**2 - 1) ** 4, lambda x, y: (x * y - 1) ** 2])
def test_minima_are_never_left_out(loss: Loss) -> None:
    """Sets of minima, with a regular and with a vanishing Hessian, stay open."""
    reason, _ = still_open(loss, hessian=True)
    assert reason


def test_a_family_that_goes_to_infinity_has_a_centre() -> None:
    """Without a penalty the ends of a polyhedron in a chart may be no points of the parameter space: once an error."""
    problem = parse_spec(spec("[1, -1]", "[2, 1]", "hidden: layer 1 relu" + ONE, ""), name="free.rspec")
    minima = reluspec.solve(problem, "algebraic", workers=1)
    assert (round(float(minima[0].loss), 9), minima[0].dimension) == (0.0, 1)


def test_a_cell_without_slope_is_one_set() -> None:
    """Where all units are off and nothing is penalised, the loss is constant; the signs of the output weight are kept apart, and glued."""
    problem = parse_spec(spec("[1, -1]", "[2, 1]", "hidden: layer 1 relu" + ONE, ""), name="free.rspec")
    outcome = stratum_job(problem, "--")
    assert sorted((len(one["directions"]), one["verdict"]) for one in outcome["sets"]) == [(2, "MINIMUM"), (3, "MINIMUM"), (3, "MINIMUM")]
    homes = [component for component in reluspec.solve(problem, workers=1) if "--" in {piece.stratum for piece in component.pieces}]
    assert [component.dimension for component in homes] == [3]
