"""Kinks of activations away from zero: what they leave of circles and spheres of critical points, against plain numbers."""

from __future__ import annotations

import sys
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from flint import fmpq_poly, fmpz_poly
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import reluspec
from reluspec.checking.families import Projection
from reluspec.engines.algebraic.exact.algebraic import Algebraic
from reluspec.engines.algebraic.exact.extensions import ExtensionError, with_roots
from reluspec.engines.algebraic.exact.number_field import RATIONALS, NumberField
from reluspec.engines.algebraic.job import stratum_job
from reluspec.engines.algebraic.judging.verdict import Verdict
from reluspec.engines.algebraic.outcome import StratumOutcome
from reluspec.engines.algebraic.stationary.hinges import EmptyError, HingedArc, Turning, hinged_arcs, needed
from reluspec.engines.algebraic.stationary.switches import Switch, meets_sphere, on_simplex, tight_at_corners
from reluspec.language import parse_spec
from reluspec.minima.families import random_points
from reluspec.minima.minima_map import MinimaMap
from reluspec.minima.records import Ball, ChartFamily

sys.path.insert(0, str(Path(__file__).parents[2]))

from arcs import arc_through, is_closed, orbit, pairs_of
from campaign import missing_points, numeric_minima, wrong_components
from jets import Landscape

ROOT_TWO = NumberField(fmpz_poly([-2, 0, 1]), 1)
CUBIC = NumberField(fmpz_poly([1, -3, 0, 1]), 1)
small = st.fractions(min_value=-4, max_value=4, max_denominator=4)


# ---- square roots --------------------------------------------------------------------------------------------------------------


@st.composite
def positive_element(draw: st.DrawFn, field: NumberField) -> Algebraic:
    """A positive element, a square now and then."""
    value = field.element(fmpq_poly(draw(st.lists(st.integers(-9, 9), min_size=1, max_size=field.degree)))) / draw(st.integers(1, 5))
    value = value * value if draw(st.booleans()) else value
    assume(value.sign() > 0)
    return value


@settings(deadline=None, max_examples=30)
@given(data=st.data(), field=st.sampled_from([RATIONALS, ROOT_TWO, CUBIC]))
def test_square_roots_are_adjoined(data: st.DataObject, field: NumberField) -> None:
    """Roots are positive and have the squares asked for; old elements keep their values and relations."""
    squares = [data.draw(positive_element(field)) for _ in range(2)]
    extension, roots = with_roots(field, squares)
    assert extension.field.degree in (field.degree, 2 * field.degree, 4 * field.degree)
    for square, root in zip(squares, roots, strict=True):
        lifted = extension.lifted(square)
        assert root.field == extension.field
        assert root.sign() > 0
        assert root * root == lifted
        assert float(lifted) == pytest.approx(float(square))
    one, other = squares
    assert extension.lifted(one * other) == extension.lifted(one) * extension.lifted(other)
    assert extension.lifted(one / other) == extension.lifted(one) / extension.lifted(other)


def test_roots_that_are_there_make_no_larger_field() -> None:
    extension, (root,) = with_roots(ROOT_TWO, [ROOT_TWO.element(8)])
    assert extension.field.degree == 2
    assert root == extension.lifted(ROOT_TWO.generator) * 2
    extension, (root,) = with_roots(RATIONALS, [RATIONALS.element(9)])
    assert (extension.field, root.fraction()) == (RATIONALS, 3)


def test_too_large_fields_are_refused() -> None:
    primes = [2, 3, 5, 7, 11, 13]
    with pytest.raises(ExtensionError, match="degree 64"):
        with_roots(RATIONALS, [RATIONALS.element(prime) for prime in primes])


# ---- circles -------------------------------------------------------------------------------------------------------------------

rows = st.lists(st.tuples(small, small, small), min_size=1, max_size=4)
GRID = 1800


def turning(name: str, *row: Fraction | int) -> Turning:
    return Turning(name, *map(RATIONALS.element, row))


def numeric_arcs(found: list[tuple[float, ...]]) -> tuple[np.ndarray, np.ndarray]:
    """Angles halfway between steps of a grid, and where all rows are positive there."""
    angles = (np.arange(GRID) + 0.5) * 2 * np.pi / GRID
    values = [alpha * np.cos(angles) + beta * np.sin(angles) + kappa for alpha, beta, kappa in found]
    return angles, np.min(values, axis=0)


@settings(deadline=None, max_examples=80)
@given(rows)
def test_arcs_of_a_circle(found: list[tuple[Fraction, ...]]) -> None:
    """The arcs are where all rows are positive, and the names of their ends are those of the rows that vanish there."""
    every = [turning(str(k), *row) for k, row in enumerate(found)]
    angles, least = numeric_arcs([tuple(map(float, row)) for row in found])
    try:
        kept = needed(every)
    except EmptyError:
        assert (least <= 1e-9).all()
        return
    if not kept:
        assert (least > -1e-9).all()
        return
    inside = np.zeros(GRID, dtype=bool)
    for arc in hinged_arcs(kept):
        first, last = (np.arctan2(float(end[1]), float(end[0])) for end in (arc.first, arc.last))
        turn = (last - first) % (2 * np.pi) if abs(last - first) > 1e-12 else 2 * np.pi
        assert arc.angles == pytest.approx((first, first + turn))
        assert arc.is_short == (turn < np.pi - 1e-12)
        inside |= ((angles - first) % (2 * np.pi)) < turn
        check_tight(every, arc)
    clear = np.abs(least) > 0.05
    assert (inside == (least > 0))[clear].all()


def check_tight(every: list[Turning], arc: HingedArc) -> None:
    for end, names in zip((arc.first, arc.last), arc.tight, strict=True):
        length = np.hypot(*map(float, end))
        cosine, sine = (float(entry) / length for entry in end)
        values = {row.name: float(row.alpha) * cosine + float(row.beta) * sine + float(row.kappa) for row in every}
        vanishing = {name.partition(".")[0] for name in names}
        assert vanishing
        assert all(abs(values[name]) < 1e-9 for name in vanishing)
        assert all(value > -1e-9 for value in values.values())


def test_one_switch_at_both_ends_has_two_names() -> None:
    """`2 cos t - 1 > 0`, |t| < pi / 3."""
    (arc,) = hinged_arcs([turning("5", 2, 0, -1)])
    assert arc.tight == (frozenset({"5.0"}), frozenset({"5.1"}))
    assert arc.extension.field.degree == 2
    assert [float(end[1] / end[0]) for end in (arc.first, arc.last)] == pytest.approx([-np.sqrt(3), np.sqrt(3)])


def test_ends_that_fall_together() -> None:
    """Two rows begin at the angle 0, and one of them falls at a right angle."""
    (arc,) = hinged_arcs([turning("0", 1, 1, -1), turning("1", 2, 3, -2)])
    assert arc.tight == (frozenset({"0.0", "1"}), frozenset({"0.1"}))
    assert [float(entry) for entry in (arc.first[1], arc.last[0])] == [0, 0]


def test_a_switch_that_touches() -> None:
    """It cuts a circle at one point; where another one vanishes there, it is only named."""
    (arc,) = hinged_arcs([turning("0", 3, 4, 5)])
    assert arc.tight == (frozenset({"0.0"}), frozenset({"0.1"}))
    assert not arc.is_short
    assert arc.angles[1] - arc.angles[0] == pytest.approx(2 * np.pi)
    arcs = hinged_arcs([turning("0", -1, 0, 1), turning("1", 0, -1, 1)])
    assert sorted(one.is_short for one in arcs) == [False, True]
    (arc,) = hinged_arcs([turning("0", -1, 0, 1), turning("1", 0, 1, 0)])
    assert arc.tight == (frozenset({"0", "1.0"}), frozenset({"1.1"}))


# ---- spheres -------------------------------------------------------------------------------------------------------------------


def switch(unit: int, vector: Fraction | int, offset: Fraction | int) -> Switch:
    return Switch(f"{unit}", unit, (RATIONALS.element(vector),), RATIONALS.element(offset))


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 2), small.filter(bool), small), min_size=1, max_size=5), st.integers(0, 2**32 - 1))
def test_whether_a_sphere_is_met(found: list[tuple[int, Fraction, Fraction]], seed: int) -> None:
    """Against many points of the sphere: what they find is met; where they come near to nothing, nothing is."""
    meets = meets_sphere([switch(*one) for one in found], 3, RATIONALS.element(0))
    points = np.random.default_rng(seed).normal(size=(20_000, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    best = np.min([points[:, unit] * float(vector) + float(offset) for unit, vector, offset in found], axis=0).max()
    assert meets if best > 1e-9 else True
    assert not meets if best < -0.2 else True


def test_kinks_on_a_simplex() -> None:
    """On c > 0 a kink that is met at |c| = 2 is no condition, one at c = 1/2 is; one at c = 1 is none, but its corner lies on it."""
    linear = [switch(unit, -1, 0) for unit in range(2)]
    for kink, kept in ((2, False), (Fraction(1, 2), True), (1, False)):
        bent = [Switch(f"bent {unit}", unit, (RATIONALS.element(1),), RATIONALS.element(kink)) for unit in range(2)]
        assert on_simplex([*linear, *bent]) == [*linear, *(bent if kept else [])]
        # The simplex is that of negative weights here.
        tight = tight_at_corners([*linear, *bent], 2, -1)
        assert tight == [{"1"} | ({"bent 0"} if kink == 1 else set()), {"0"} | ({"bent 1"} if kink == 1 else set())]
    with pytest.raises(EmptyError):
        on_simplex([*linear, switch(0, 1, -2)])
    with pytest.raises(EmptyError):
        on_simplex([*linear, switch(1, 3, 0)])


# ---- maps ----------------------------------------------------------------------------------------------------------------------


def spec(x: str, y: str, hidden: str, penalty: str = "1", outputs: str = "layer 1 linear without bias") -> str:
    return (
        f"data {{ x = {x} y = {y} }}\nnetwork {{ input 1 hidden: {hidden} output: {outputs} }}\n"
        f"loss sum squared_error\nregulariser ridge({penalty})\n"
    )


TEXTS = {
    "four arcs": spec("[2]", "[-3/2]", "layer 2 hard_tanh without bias", "1/5", "layer 1 linear"),
    "two sides": spec("[-2]", "[(3, -2)]", "layer 2 { max(-1, min(z, 2)) } without bias", "1/5", "layer 2 linear"),
    "long arcs": spec("[1, 3, -2]", "[-3/2, 2, 1/2]", "layer 2 { max(-1, min(z, 2)) } without bias"),
    "touching": spec("[0, -2, 2]", "[1, -1, 1/2]", "layer 2 { max(-2, min(z, 1)) } without bias", outputs="layer 1 linear"),
    "relu6": spec("[-2, -1, 1]", "[1, 1, -1]", "layer 2 relu6"),
    "three units": spec("[-1]", "[-3]", "layer 3 relu6", "1/2"),
    "hard_tanh": spec("[-2, -1, 3]", "[1, 1, -1]", "layer 2 hard_tanh"),
}
SLOW = ("two sides", "long arcs", "touching", "relu6", "three units", "hard_tanh")
EXPECTED = {
    "four arcs": [(1, 2, True), (1, 1, True), (1, 1, True)],
    "two sides": [(1, 1, True), (0, 2, True), (0, 1, True)],
    "long arcs": [(0, 2, True), (0, 2, True), (1, 1, True), (1, 1, True), (0, 2, True)],
    "touching": [(0, 2, True), (1, 1, False), (1, 1, False)],
    "relu6": [(0, 2, True), (1, 1, False), (1, 1, False)],
    "three units": [(2, 1, True)],
    "hard_tanh": [(0, 1, True), (0, 2, True), (0, 1, True)],
}
"""Dimension, orbit, closed."""


@cache
def solved(name: str) -> tuple[Landscape, MinimaMap]:
    problem = parse_spec(TEXTS[name], name=f"{name}.rspec")
    return Landscape(problem), reluspec.solve(problem, "algebraic", workers=2)


NAMES = [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in TEXTS]


@pytest.mark.parametrize("name", NAMES)
def test_the_map_withstands(name: str) -> None:
    """Complete; witnesses, samples and ends are minima with the stratum's signs; descents find nothing else."""
    land, minima = solved(name)
    assert minima.complete, minima.incomplete_because
    assert [(c.dimension, c.orbit_size, c.closed) for c in minima] == EXPECTED[name]
    assert list(wrong_components(land, minima)) == []
    assert list(missing_points(land, minima, numeric_minima(land, 60, 0))) == []


@pytest.mark.parametrize(
    "name", ["four arcs", "two sides", *(pytest.param(name, marks=pytest.mark.slow) for name in ("long arcs", "relu6"))]
)
def test_ends_and_orbits_by_numbers(name: str) -> None:
    """The listed ends are those of the arc in numbers; closed where these are minima; the orbit is what exchanges make of it."""
    land, minima = solved(name)
    random = np.random.default_rng(3)
    for component in (one for one in minima if one.dimension):
        (k, family), *_ = [(k, piece.family) for k, piece in enumerate(component.pieces) if piece.dimension]
        arc = arc_through(land, land.row(component.theta(k)), pairs_of(land, "hidden"))
        assert isinstance(family, ChartFamily)
        assert len(arc.ends) == 2 <= len(family.vertices)
        for end in arc.ends:
            listed = (np.array([float(entry) for entry in vertex]) for vertex in family.vertices)
            assert min(float(np.linalg.norm(end - vertex)) for vertex in listed) < 1e-6
        assert component.closed == is_closed(land, arc, random)
        assert component.orbit_size == orbit(land, arc)


@pytest.mark.parametrize(
    ("stratum", "verdicts"),
    [
        ("+-+-+-|+-+-+-", []),
        ("+-+-0-|+-+-0-", [(1, Verdict.NOT_MINIMUM)]),
        ("+-+---|+-+---", [(1, Verdict.MINIMUM)]),
        ("--0-+-|--0-+-", [(1, Verdict.MINIMUM)]),
        ("+-+-+-|--+-+-", []),
    ],
)
def test_strata_of_two_relu6_units(stratum: str, verdicts: list[tuple[int, Verdict]]) -> None:
    """Circles that are cut to nothing, arcs of saddles and of minima, one with a tie where units are off, and a limit that was reached."""
    outcome = StratumOutcome.from_json(stratum_job(parse_spec(TEXTS["relu6"], name="b.rspec"), stratum))
    assert outcome.undecided == ""
    assert [(judged.found.dimension, judged.decision.verdict) for judged in outcome.sets] == verdicts


def test_units_with_different_signs_that_rotate() -> None:
    """One is above, the other below the steep piece of a clipped activation: both see the slope 1/10; nothing is left of their circle."""
    problem = parse_spec(spec("[3, 1]", "[1, 2]", "layer 2 { max(z/10, min(z, 2)) }", "1/20"), name="b.rspec")
    outcome = stratum_job(problem, "++++++|--++++")
    assert (outcome["reason"], outcome["sets"]) == ("", [])


def test_points_of_an_arc_longer_than_half_a_circle() -> None:
    """Samples fill it, `check` finds each of them again, and the nearest point to one beyond an end is the end."""
    problem = parse_spec(TEXTS["long arcs"], name="b.rspec")
    angles = np.radians([-110, -30, 40, 120])

    def place(angle: float) -> np.ndarray:
        return np.array([np.cos(angle), np.sin(angle), 2 * np.cos(angle), 2 * np.sin(angle)])

    vertices = tuple(tuple(Ball(repr(float(entry)), "0") for entry in place(angle)) for angle in angles)
    family = ChartFamily(vertices=vertices, rays=(), units=(), pairs=((0, 1), (2, 3)))
    points = np.array(
        [np.concatenate([tensor.ravel() for tensor in point.values()]) for point in random_points(problem, family, 200, seed=1)]
    )
    found = np.arctan2(points[:, 1], points[:, 0])
    assert np.allclose([place(angle) for angle in found], points)
    assert angles[0] < found.min() < angles[0] + 0.1
    assert angles[-1] - 0.1 < found.max() < angles[-1]
    assert np.diff(np.sort(found)).max() < 0.2
    projection = Projection(problem, family)
    assert np.allclose([projection.nearest(point) for point in points[:20]], points[:20], atol=1e-6)
    assert np.allclose(projection.nearest(place(np.radians(130))), place(angles[-1]), atol=1e-6)
