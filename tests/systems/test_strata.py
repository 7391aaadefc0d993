"""The enumeration is complete, without repetition, and nothing that exact reasoning excludes is in it."""

from __future__ import annotations

from itertools import islice, product

import pytest
from any_problem import parameters, problems, spec
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from system_problems import poster

from reluspec.errors import LimitError, StratumError
from reluspec.problem.problem import Problem
from reluspec.regions.region_graph import region_graph
from reluspec.regions.signs import format_signs, parse_signs, signs_at
from reluspec.systems.existence import check_exists
from reluspec.systems.points import theta_of
from reluspec.systems.strata import Existence, StratumSigns, count_strata, exchange_signs, exchanges, find_point, strata
from reluspec.systems.surrogate import surrogate

MANY = 200
slow_draws = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


def labelled(problem: Problem) -> dict[str, StratumSigns]:
    """All strata by name; large examples are passed over."""
    found = list(islice(strata(problem, up_to_exchange=False), MANY + 1))
    assume(len(found) <= MANY)
    names = {format_signs(problem, stratum.signs): stratum for stratum in found}
    assert len(names) == len(found), "each exactly once"
    return names


@slow_draws
@given(problems(), st.data())
def test_no_stratum_that_a_point_hits_is_missing(problem: Problem, data: st.DataObject) -> None:
    names = labelled(problem)
    for _ in range(15):
        point = data.draw(parameters(problem))
        assert format_signs(problem, signs_at(problem, theta_of(problem, point))) in names


@slow_draws
@given(problems())
def test_representatives_and_orbits_make_up_the_labelled_list(problem: Problem) -> None:
    names, group = labelled(problem), exchanges(problem)
    united: set[str] = set()
    for stratum in strata(problem):
        orbit = {format_signs(problem, exchange_signs(problem, stratum.signs, exchange)) for exchange in group}
        assert len(orbit) == stratum.orbit_size
        assert not orbit & united
        united |= orbit
    assert united == set(names)


@slow_draws
@given(problems(), st.randoms(use_true_random=False))
def test_points_that_are_found_lie_in_their_strata(problem: Problem, random: object) -> None:
    found = list(labelled(problem).values())
    for stratum in found[:: max(1, len(found) // 5)]:
        point = find_point(problem, stratum.signs, tries=8)
        if point is None:
            assert stratum.existence is Existence.UNKNOWN
        else:
            assert signs_at(problem, theta_of(problem, point)) == stratum.signs


TINY = {
    "a unit": spec([0, 1], "first: layer 1 relu"),
    "thresholds": spec([1], "first: layer 2 hard_tanh without bias"),
    "two layers": spec([1, 2], "first: layer 1 relu\n layer 1 relu"),
    "two layers without biases": spec([-1, 1], "first: layer 1 relu without bias\n layer 2 relu without bias"),
    "absolute error": spec([1, 2], "first: layer 1 relu", loss="sum absolute_error"),
    "lasso": spec([1], "first: layer 1 relu", "layer 1 linear without bias", regulariser="lasso(1)"),
    "given weights": spec([1, 2], "first: layer 1 relu\n layer 2 relu fixed weight [[1], [-1]]"),
    "a coupling penalty": spec([1], "first: layer 2 relu", regulariser="{ abs(first.weight[0,0] - first.weight[1,0]) }"),
    "no hidden layer": spec([0, 1], "", loss="sum absolute_error"),
}


@pytest.mark.parametrize("name", TINY)
def test_against_all_sign_vectors(name: str) -> None:
    """Nothing beyond what `check_exists` lets pass; the same where it decides; and every stratum of these has a point."""
    problem, possible, proved = TINY[name], set(), set()
    for text in _all_names(problem):
        try:
            decided = check_exists(surrogate(problem, parse_signs(problem, text)))
        except StratumError:
            continue
        possible.add(text)
        if decided:
            proved.add(text)
    found = {format_signs(problem, stratum.signs) for stratum in strata(problem, up_to_exchange=False)}
    assert proved <= found <= possible
    assert all(find_point(problem, parse_signs(problem, text)) is not None for text in found)
    missing = sorted(possible - found)
    assert all(find_point(problem, parse_signs(problem, text)) is None for text in missing)


def _all_names(problem: Problem) -> list[str]:
    first = next(iter(strata(problem)))
    name = format_signs(problem, first.signs)
    shape = [character if character in "|/;" else "+0-" for character in name]
    return ["".join(choice) for choice in product(*shape)]


@pytest.mark.parametrize("units", [1, 2, 3])
@pytest.mark.parametrize("x", [(-3, -1, 0, 1, 2), (0, 1, 1), (0, 0), (2,)])
def test_one_hidden_layer_is_the_product_of_arrangements(units: int, x: tuple[int, ...]) -> None:
    problem = poster(units, x, [1] * len(x))
    regions = region_graph(problem)
    found = list(strata(problem))
    assert [format_signs(problem, stratum.signs) for stratum in found] == [str(stratum) for stratum in regions.strata(up_to_exchange=True)]
    assert all(stratum.existence is Existence.PROVED for stratum in found)
    assert sum(stratum.orbit_size for stratum in found) == sum(regions.strata_by_codimension())


def test_the_poster_has_231_strata() -> None:
    assert count_strata(poster(), 1_000) == 231
    assert count_strata(poster(), 1_000, up_to_exchange=False) == 441
    assert count_strata(poster(), 230) is None


def test_counts_that_are_known() -> None:
    """Counts as first found: each stratum has an exact point, so that there are no fewer."""
    for layers, loss, expected in (
        ("first: layer 1 relu\n layer 1 relu", "sum squared_error", 113),
        ("first: layer 1 relu", "sum absolute_error", 165),
    ):
        problem = spec([-1, 0, 1], layers, loss=loss)
        found = list(strata(problem, points=True))
        assert all(stratum.existence is Existence.PROVED for stratum in found)
        assert len(found) == expected


def test_three_hidden_layers_leave_few_open_questions() -> None:
    """Where the second layer's unit falls from left to right, the third cannot rise and fall: products of three weights show it."""
    problem = spec([-1, 0, 1], "first: layer 1 relu\n layer 1 relu\n layer 1 relu")
    names = {format_signs(problem, stratum.signs) for stratum in strata(problem)}
    assert "++0/0++/+0+" not in names
    assert "++0/+0-/++0" not in names


def test_cells_alone() -> None:
    problem = spec([-1, 0, 1], "first: layer 1 relu\n layer 1 relu")
    cells = {format_signs(problem, stratum.signs) for stratum in strata(problem) if stratum.signs.is_cell}
    assert {format_signs(problem, stratum.signs) for stratum in strata(problem, max_rank=0)} == cells


def test_what_is_too_large_says_so() -> None:
    with pytest.raises(LimitError, match="8! permutations"):
        next(strata(poster(8)))
    with pytest.raises(LimitError, match="given up after 10 steps"):
        list(strata(spec([0, 1], "first: layer 1 relu", loss="sum huber(1)"), effort=10))


def test_seeds_repeat() -> None:
    problem = spec([-1, 0, 1], "first: layer 2 relu\n layer 1 relu")
    signs = parse_signs(problem, "+++|--+/-0+")
    point = find_point(problem, signs, seed=3)
    assert point is not None
    assert point == find_point(problem, signs, seed=3)
