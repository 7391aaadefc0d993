"""A look in floats at what was proved to be a minimum: a step down that is beyond rounding contradicts the proof.

It proves nothing and adds nothing; where it finds a step the program has an error, and the stratum is undecided instead of wrong.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from flint import ctx

from reluspec.checking.descents import steps_down
from reluspec.checking.jets import Landscape
from reluspec.engines.algebraic.judging.verdict import Decision, Verdict
from reluspec.engines.algebraic.outcome import Judged, StratumOutcome
from reluspec.engines.algebraic.stationary.enclosures import theta_balls
from reluspec.errors import ReluspecError
from reluspec.problem.problem import Problem

LONGEST = 1e-4
"""Length of the steps, relative to that of the point: minima whose neighbourhood is smaller would be taken for errors."""
RANDOM = 200
"""Random directions beside those of the parameters, both ways."""
BITS = 64
REASON = "a step in floats goes down from what was proved to be a minimum: please report this problem as an error of reluspec"


def checked(problem: Problem, outcome: StratumOutcome) -> StratumOutcome:
    """The outcome with such minima undecided."""
    if not outcome.minimal:
        return outcome
    try:
        land = Landscape(problem)
    except ReluspecError:
        return outcome
    return replace(outcome, sets=tuple(_checked(problem, land, judged) for judged in outcome.sets))


def _checked(problem: Problem, land: Landscape, judged: Judged) -> Judged:
    if judged.decision.verdict is not Verdict.MINIMUM:
        return judged
    with ctx.workprec(BITS):
        point = np.array([float(entry.mid()) for entry in theta_balls(judged.found, judged.found.witness, BITS)])
    random = np.random.default_rng(0).normal(size=(RANDOM, land.size))
    directions = np.vstack([np.eye(land.size), -np.eye(land.size), random])
    if np.isfinite(point).all() and steps_down(land, point, directions, LONGEST * (1 + float(np.linalg.norm(point)))):
        return replace(judged, decision=Decision(Verdict.UNDECIDED, "", REASON))
    return judged
