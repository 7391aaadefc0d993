"""Minima that floats contradict are undecided."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import reluspec
from reluspec.engines.algebraic.float_check import REASON, checked
from reluspec.engines.algebraic.job import stratum_job
from reluspec.engines.algebraic.judging.verdict import Decision, Verdict
from reluspec.engines.algebraic.outcome import StratumOutcome
from reluspec.regions.signs import format_signs
from reluspec.systems.strata import strata

SPECS = Path(__file__).parents[3] / "specs"


@pytest.mark.parametrize("name", ["two_outputs", pytest.param("lasso_output", marks=pytest.mark.slow), "absolute_error", "huber"])
def test_points_that_are_no_minima_are_caught(name: str) -> None:
    """Every critical point that is proved to be none, called a minimum; all true minima stay."""
    problem = reluspec.load(SPECS / f"{name}.rspec")
    caught = total = 0
    for found in strata(problem):
        outcome = StratumOutcome.from_json(stratum_job(problem, format_signs(problem, found.signs)))
        assert checked(problem, outcome) == outcome
        for judged in outcome.sets:
            if judged.decision.verdict is Verdict.NOT_MINIMUM:
                wrong = replace(outcome, sets=(replace(judged, decision=Decision(Verdict.MINIMUM, "claimed")),))
                total += 1
                caught += checked(problem, wrong).undecided == REASON
    assert total > 0
    assert caught >= 0.6 * total, f"{caught} of {total}"
