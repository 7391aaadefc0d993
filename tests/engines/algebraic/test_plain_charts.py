"""Hidden units with fixed weights or a fixed bias and no penalty on the rest: plain charts, flat and idle units, kinks of the loss."""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from campaign import missing_points, numeric_minima, wrong_components
from flint import fmpq
from jets import Landscape
from random_specs import random_spec

import reluspec
from reluspec.engines.algebraic.judging.plain_kinks import balanced_on_kinks
from reluspec.engines.algebraic.judging.verdict import Decision, Verdict
from reluspec.engines.algebraic.outcome import Judged, StratumOutcome
from reluspec.engines.algebraic.stationary.charts import Chart, Unit, plain_units
from reluspec.engines.algebraic.stationary.critical import critical_points
from reluspec.engines.algebraic.stationary.polyhedra import lies_in, value_at
from reluspec.io.map_format import map_document
from reluspec.language import parse_spec
from reluspec.minima.minima_map import MinimaMap
from reluspec.problem.problem import Problem
from reluspec.regions.signs import parse_signs
from reluspec.systems.surrogate import fraction, surrogate
from reluspec.verifier.verify import verify_document

KINDS = ("fixed_hidden_weights", "fixed_hidden_biases", "fixed_hidden_weights_absolute")
OPPOSITE = """data { x = [-1, 0, 1, 2] y = [3, 0, 3, 1] }
network { input 1 hidden: layer 2 relu fixed weight [[1],[-1]] output: layer 1 linear }
loss sum squared_error"""


def problem_of(data: str, hidden: str = "layer 1 relu fixed weight [[1]]", output: str = " without bias", loss: str = "") -> Problem:
    network = f"network {{ input 1 hidden: {hidden} output: layer 1 linear{output} }}"
    return parse_spec(f"data {{ {data} }} {network} loss sum {loss or 'squared_error'}", name="plain.rspec")


def solved(problem: Problem) -> MinimaMap:
    return reluspec.solve(problem, "algebraic", workers=1)


def pieces(minima: MinimaMap) -> list[tuple[float, int, bool, list[str]]]:
    return [(round(float(one.loss), 9), one.dimension, one.closed, sorted({piece.stratum for piece in one.pieces})) for one in minima]


# ---- charts --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_a_polynomial_in_a_plain_chart_has_the_same_values_up_to_powers_of_the_output_weight(seed: int) -> None:
    r = random.Random(seed)
    problem = parse_spec(OPPOSITE, name="p.rspec")
    units = tuple(Unit(one.output, one.incoming, frozenset(one.incoming), plain=True) for one in plain_units(problem))
    local, chart = surrogate(problem, parse_signs(problem, "++++|+---")), Chart(units)
    theta = [Fraction(r.choice([-3, -2, -1, 1, 2, 3]), r.randint(1, 3)) for _ in problem.parameters]
    place = list(theta)
    for unit in units:
        for k in unit.incoming:
            place[k] = theta[k] * theta[unit.output]
    numbers = [fmpq(one.numerator, one.denominator) for one in place]
    at = [fmpq(one.numerator, one.denominator) for one in theta]
    assert fraction(value_at(chart.even(local.loss), numbers, fmpq(0))) == fraction(local.loss(*at))
    for switch in local.switches:
        terms, parity = chart.transform(switch.polynomial)
        assert all(min(exponents) >= 0 for exponents in terms)
        value = fraction(value_at(terms, numbers, fmpq(0)))
        for unit, odd in zip(units, parity, strict=True):
            value = value / theta[unit.output] if odd else value
        assert value == fraction(switch.polynomial(*at))


def test_which_units_have_plain_charts() -> None:
    data = "x = [0, 1] y = [1, 1]"
    assert [unit.incoming for unit in plain_units(problem_of(data))] == [(0,)]
    assert [unit.incoming for unit in plain_units(problem_of(data, "layer 1 relu fixed bias [1]"))] == [(0,)]
    assert not plain_units(problem_of(data, "layer 1 relu"))
    assert not plain_units(problem_of(data, "layer 1 relu fixed weight [[1]] fixed bias [1]"))
    assert not plain_units(problem_of(data, "layer 1 relu without bias fixed weight [[1]]"))
    assert not plain_units(problem_of(data, output=" without bias fixed weight [[1]]"))
    assert not plain_units(problem_of(data, loss="squared_error regulariser ridge(1)"))
    assert plain_units(problem_of(data, loss="squared_error regulariser ridge(1) on output"))


def test_critical_sets_survive_the_way_to_json() -> None:
    problem = parse_spec(OPPOSITE, name="p.rspec")
    found = critical_points(problem, parse_signs(problem, "++++|++++")).sets
    assert any(unit.plain for one in found for unit in one.living)
    outcome = StratumOutcome("++++|++++", tuple(Judged(one, Decision(Verdict.MINIMUM, "")) for one in found), "", 1, 0.0)
    assert StratumOutcome.from_json(outcome.to_json()) == outcome


def test_a_point_of_a_family_is_found_in_it() -> None:
    problem = problem_of("x = [0, 1] y = [1, 3]", output="")
    (family,) = (one for one in critical_points(problem, parse_signs(problem, "++")).sets if one.sigma == (1,))
    assert family.dimension == 1
    point = replace(family, directions=(), vertices=(family.witness,), rays=(), tight=(frozenset(),))
    assert lies_in(family, point)
    assert not lies_in(point, family)
    # The slope a is 2 on all of it.
    moved = tuple(entry + (k == family.living[0].output) for k, entry in enumerate(family.witness))
    assert not lies_in(family, replace(point, witness=moved))


# ---- maps that are known by thought ----------------------------------------------------------------------------------------------


def test_the_network_is_zero_on_a_line_and_where_its_unit_is_off() -> None:
    # a = 0 with any c, and c <= -1 with any a: one closed component, a plane and a line that meet.
    minima = solved(problem_of("x = [0, 1] y = [0, 0]"))
    assert minima.complete
    assert pieces(minima) == [(0.0, 2, True, ["++", "-+", "--", "-0", "0+"])]


def test_two_units_that_see_the_same_go_flat_together() -> None:
    # Where both see both points, a_1 + a_2 = 1 and a_1 c_1 + a_2 c_2 = 1, so one of a_1, a_2 may be zero, and with it its unit is idle.
    minima = solved(problem_of("x = [0, 1] y = [1, 2]", "layer 2 relu fixed weight [[1], [1]]"))
    assert minima.complete
    assert [(float(one.loss), one.dimension, one.closed) for one in minima] == [(0, 2, True), (1, 3, False), (5, 4, False)]
    on_one_cell = [piece for piece in minima[0].pieces if piece.stratum == "++|++"]
    # Up to exchange: both positive, one negative, one zero.
    assert sorted(piece.dimension for piece in on_one_cell) == [1, 2, 2]
    assert minima[1].missing
    assert "--|--" not in minima[1].missing


def test_a_unit_that_goes_flat_joins_what_it_turns_into() -> None:
    # f = a phi(2 x + c) + b fits both points wherever the kink is: both on one side of it, or it between them, a long curve.
    minima = solved(problem_of("x = [0, -2] y = [-3, 5/2]", "layer 1 leaky_relu(1/5) fixed weight [[2]]", output=""))
    assert pieces(minima) == [(0.0, 1, True, ["++", "+-", "+0", "--", "0-"])]
    assert verify_document(map_document(minima), "p").ok


def test_opposite_units() -> None:
    minima = solved(parse_spec(OPPOSITE, name="p.rspec"))
    assert minima.complete
    assert len(minima) == 11
    losses = [float(one.loss) for one in minima]
    assert losses == sorted(losses)
    assert losses[0] == pytest.approx(25 / 6)


# ---- kinks of the loss -----------------------------------------------------------------------------------------------------------


def verdicts(problem: Problem, stratum: str) -> list[Verdict | None]:
    signs = parse_signs(problem, stratum)
    found = critical_points(problem, signs).sets
    decisions = [balanced_on_kinks(problem, signs, one) for one in found]
    return [decision and decision.verdict for decision in decisions]


def test_multipliers_that_vary_with_the_parameters_of_an_idle_unit() -> None:
    # y = (0, -3) at x = (2, 1), a = 0: the slope by a is m (2 + c) + (1 + c), zero for another m in [-1, 1] for every c > -1.
    problem = problem_of("x = [2, 1] y = [0, -3]", loss="absolute_error")
    assert verdicts(problem, "++;0-") == [Verdict.MINIMUM]
    # With y = (0, 3) at x = (1, 2) no m does.
    problem = problem_of("x = [1, 2] y = [0, 3]", loss="absolute_error")
    assert verdicts(problem, "++;0+") == [Verdict.NOT_MINIMUM]


def test_a_unit_between_two_points_that_it_fits() -> None:
    # Both points are fitted exactly: a line in (a, v), every point of which is a global minimum.
    problem = problem_of("x = [0, 1] y = [1, 3]", output="", loss="absolute_error")
    assert set(verdicts(problem, "++;00")) == {Verdict.MINIMUM}


# ---- random problems -------------------------------------------------------------------------------------------------------------


MAX_PIECES = 500


def attacked(problem: Problem, starts: int, held: int) -> list[str]:
    minima, land = solved(problem), Landscape(problem)
    if sum(len(component.pieces) for component in minima) > MAX_PIECES:
        pytest.skip("attacking every piece takes minutes")
    found = [] if minima.complete else [f"incomplete: {entry}" for entry in minima.undecided]
    found += wrong_components(land, minima)
    ends = numeric_minima(land, starts, held)
    # Without a penalty descents may go to infinity for a value that is not attained.
    found += missing_points(land, minima, ends[np.abs(ends).max(axis=1) < 100])
    report = verify_document(map_document(minima), "plain.rspec")
    return found + [f"refuted: {claim}" for claim in report.refuted]


def test_descents_and_the_verifier_find_nothing_else() -> None:
    assert not attacked(parse_spec(random_spec("fixed_hidden_weights_absolute", 3), name="p.rspec"), 20, 60)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(20))
def test_random_problems(kind: str, seed: int) -> None:
    assert not attacked(parse_spec(random_spec(kind, seed), name=f"{kind}{seed}.rspec"), 100, 500)
