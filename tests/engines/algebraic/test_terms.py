"""Sets where each term of the loss is least by itself, or one slope falls all along: against numbers close by."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import suppress

import numpy as np
import pytest
from descent import RADII, drop
from jets import Landscape

import reluspec
from reluspec.engines.algebraic.exact.cones import TooManyCells
from reluspec.engines.algebraic.ideals.solving import SolvingLimit
from reluspec.engines.algebraic.judging.minimality import decide
from reluspec.engines.algebraic.judging.terms import decided_by_terms
from reluspec.engines.algebraic.judging.verdict import Verdict
from reluspec.engines.algebraic.stationary.charts import ParityError
from reluspec.engines.algebraic.stationary.critical import critical_points
from reluspec.engines.algebraic.stationary.enclosures import theta_balls
from reluspec.errors import StratumError
from reluspec.problem.problem import Problem
from reluspec.regions.signs import parse_signs
from reluspec.systems.strata import strata

CIRCLE = """data { x = [0, 1, 3] y = [0, 3, -1] } network { input 1 hidden: layer 1 relu output: layer 1 linear without bias }
loss sum squared_error regulariser { (hidden.weight[0,0]^2 + hidden.bias[0]^2 - 1)^2 }"""


def problem(seed: int) -> Problem:
    rng = random.Random(seed)
    x = sorted(rng.sample(range(-2, 4), 2))
    y = [rng.choice([-2, -1, 0, 1, 3]) for _ in x]
    w, c, a = "hidden.weight[0,0]", "hidden.bias[0]", "output.weight[0,0]"
    penalty = rng.choice([f"({w}^2 + {c}^2 - 1)^2", f"({w}^2 - 1)^2 + {c}^2", f"({w} * {c} - 1)^2", f"({w}^2 - {c})^2 + {a}^2 * {w}^2"])
    return reluspec.parse(
        f"data {{ x = {x} y = {y} }} network {{ input 1 hidden: layer 1 {rng.choice(['relu', 'relu', 'abs'])} "
        f"output: layer 1 linear without bias }} loss sum squared_error regulariser {{ {penalty} }}"
    )


@pytest.mark.parametrize(
    ("stratum", "verdicts"),
    [
        # The unit is off but for a point that it fits with 0, or on the kink there; its weights on the circle.
        ("0--", {Verdict.MINIMUM: 3}),
        ("-0+", {Verdict.MINIMUM: 1}),
        # On the kink of a target -1: waking with a > 0 costs, with a < 0 it pays.
        ("--0", {Verdict.MINIMUM: 1, Verdict.NOT_MINIMUM: 2}),
    ],
)
def test_weights_on_a_circle(stratum: str, verdicts: dict[Verdict, int]) -> None:
    found = reluspec.parse(CIRCLE)
    signs = parse_signs(found, stratum)
    sets = critical_points(found, signs).sets
    assert Counter(decide(found, signs, one).verdict for one in sets) == verdicts


@pytest.mark.parametrize("seed", [pytest.param(seed, marks=[pytest.mark.slow] if seed > 2 else []) for seed in range(24)])
def test_against_numbers(seed: int) -> None:
    found, rng, told = problem(seed), np.random.default_rng(seed), 0
    land = Landscape(found)
    for stratum in strata(found):
        try:
            sets = critical_points(found, stratum.signs).sets
        except SolvingLimit:
            continue
        for one in sets:
            decision = None
            with suppress(ParityError, StratumError, TooManyCells):
                decision = decided_by_terms(found, stratum.signs, one)
            if decision is None:
                continue
            told += 1
            point = np.array([float(entry.mid()) for entry in theta_balls(one, one.witness, 128)])
            falls = drop(land, point, rng, 3000, RADII)
            assert (falls < -3) == (decision.verdict is Verdict.NOT_MINIMUM), (stratum.signs, point, falls)
    assert told or seed > 2
