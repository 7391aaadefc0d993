"""The work on one stratum, done in a process of its own (`reluspec.isolation`)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from flint import fmpq_mpoly, fmpq_mpoly_ctx

from reluspec.engines.algebraic.exact.cones import TooManyCells
from reluspec.engines.algebraic.exact.scalars import Undetermined
from reluspec.engines.algebraic.float_check import checked
from reluspec.engines.algebraic.forecast import bezout
from reluspec.engines.algebraic.ideals.groebner import Groebner, SolvingLimit, flint_basis
from reluspec.engines.algebraic.ideals.msolve import Msolve
from reluspec.engines.algebraic.ideals.surfaces import SurfaceLimit
from reluspec.engines.algebraic.judging.convexity import homogeneous
from reluspec.engines.algebraic.judging.curve_sets import swept_outcome
from reluspec.engines.algebraic.judging.family_parts import judged as judged_parts
from reluspec.engines.algebraic.judging.least_point import has_no_critical_point
from reluspec.engines.algebraic.judging.least_set import least_set
from reluspec.engines.algebraic.judging.minimality import unit_by_unit
from reluspec.engines.algebraic.judging.unit_point import NotApplicable
from reluspec.engines.algebraic.judging.verdict import Verdict
from reluspec.engines.algebraic.outcome import Judged, StratumOutcome
from reluspec.engines.algebraic.stationary.chart_branch import Critical
from reluspec.engines.algebraic.stationary.critical import critical_points, rescaled_points, stratum_systems
from reluspec.errors import LimitError
from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs, parse_signs
from reluspec.systems.surrogate import surrogate

ENCLOSED = 1_000
"""Bezout bound of a system beyond which coordinates are enclosed, where that decides, in place of being computed in a number field."""
SECOND_ORDER_SECONDS = 20.0
"""For the second attempt at a stratum that is not decided: with the second order as equations."""
RESCALED_SECONDS = 20.0
"""For an attempt orbit by orbit of rescalings of units, with or without the second order."""
SWEEP_SECONDS = 20.0
"""For the last attempt: curves of critical points, swept."""


def stratum_job(problem: Problem, stratum: str, backend: str = "flint") -> dict[str, Any]:
    """Find and judge the critical points of a stratum; the outcome as plain data.

    `backend` names what computes Groebner bases: `flint` or `msolve`.
    """
    begun = time.perf_counter()
    outcome = _outcome(problem, stratum, _basis(backend), second_order=False)
    if _may_gain(outcome):
        outcome = _rescaled(problem, stratum, backend) or outcome
    if _may_gain(outcome):
        again = _outcome(problem, stratum, _Patient(_basis(backend), SECOND_ORDER_SECONDS), second_order=True)
        # A second attempt that came to its end says more, also where it leaves the stratum open.
        outcome = again if again.systems else outcome
    if _may_gain(outcome):
        outcome = _swept(problem, outcome, _Patient(_basis(backend), SWEEP_SECONDS))
    return replace(checked(problem, outcome), seconds=time.perf_counter() - begun).to_json()


def _rescaled(problem: Problem, stratum: str, backend: str) -> StratumOutcome | None:
    """The outcome orbit by orbit of rescalings of units; `None` where that does not decide the stratum."""
    signs = parse_signs(problem, stratum)
    patient = _Patient(_basis(backend), RESCALED_SECONDS)
    for second_order, idle in ((False, False), (True, False), (False, True)):
        with suppress(SolvingLimit, LimitError):
            for critical in rescaled_points(problem, signs, patient, second_order=second_order, idle=idle):
                if critical.unresolved:
                    continue
                judged = tuple(one for found in critical.sets for one in judged_parts(problem, signs, found))
                outcome = StratumOutcome(stratum, judged, "", critical.systems, 0.0, critical.left_out)
                if not outcome.undecided:
                    return outcome
    return None


def _swept(problem: Problem, before: StratumOutcome, groebner: Groebner) -> StratumOutcome:
    """The outcome where curves are swept and surfaces sampled; the one before where that does not decide the stratum.

    What is known of a set that stays undecided is said.
    """
    try:
        outcome = swept_outcome(problem, parse_signs(problem, before.stratum), groebner)
    except SurfaceLimit as limit:
        return replace(before, reason=str(limit)) if before.reason else before
    except (SolvingLimit, LimitError):
        return before
    return before if outcome.undecided else outcome


def _may_gain(outcome: StratumOutcome) -> bool:
    """Whether a family is undecided, or some critical points were not found; ties at isolated points stay ties."""
    undecided = [judged for judged in outcome.sets if judged.decision.verdict is Verdict.UNDECIDED]
    return bool(outcome.reason) or any(judged.found.directions for judged in undecided)


def _outcome(problem: Problem, stratum: str, groebner: Groebner, *, second_order: bool) -> StratumOutcome:
    signs = parse_signs(problem, stratum)
    if has_no_critical_point(problem, signs):
        return StratumOutcome(stratum, (), "", 0, 0.0)
    if (enclosed := _enclosed(problem, signs, stratum)) is not None:
        return enclosed
    try:
        critical, judged = _judged(problem, signs, groebner, second_order)
    except (SolvingLimit, LimitError) as limit:
        return StratumOutcome(stratum, (), str(limit) or "limit of the Groebner basis", 0, 0.0)
    return StratumOutcome(stratum, judged, critical.unresolved, critical.systems, 0.0, critical.left_out)


def _enclosed(problem: Problem, signs: Signs, stratum: str) -> StratumOutcome | None:
    """The outcome without a Groebner basis, where one would be large; `None` where balls do not decide it."""
    with suppress(Undetermined, NotApplicable, TooManyCells):
        found, data = least_set(problem, signs), homogeneous(problem)
        if found is not None and data is not None and _is_large(problem, signs):
            return StratumOutcome(stratum, (Judged(found, unit_by_unit(problem, data, signs, found)),), "", 1, 0.0)
    return None


def _is_large(problem: Problem, signs: Signs) -> bool:
    """Whether the system of a stratum looks costly to solve by a Groebner basis, or its number fields to compute in."""
    # Squares of outputs, which are bilinear, have degree four: their systems are small.
    return (
        surrogate(problem, signs).loss.total_degree() > 4
        or max(bezout(equations) for _, equations in stratum_systems(problem, signs)) > ENCLOSED
    )


def _judged(problem: Problem, signs: Signs, groebner: Groebner, second_order: bool) -> tuple[Critical, tuple[Judged, ...]]:
    """The critical sets with their verdicts.

    Charts of sign symmetries are given up where a verdict cannot be had in them: an adjacent cell need not have the symmetries.
    """
    for symmetries in (True, False):
        critical = critical_points(problem, signs, groebner, symmetries=symmetries, second_order=second_order)
        judged = tuple(one for found in critical.sets for one in judged_parts(problem, signs, found))
        if not critical.symmetries or all(one.decision.verdict is not Verdict.UNDECIDED for one in judged):
            break
    return critical, judged


class _Patient:
    """Groebner bases for so many seconds; then it gives up at the next one. The limit of a stratum is in seconds, too."""

    def __init__(self, groebner: Groebner, seconds: float) -> None:
        self.groebner, self.end = groebner, time.perf_counter() + seconds

    def __call__(self, context: fmpq_mpoly_ctx, polynomials: Sequence[fmpq_mpoly]) -> list[fmpq_mpoly]:
        if time.perf_counter() > self.end:
            raise SolvingLimit("the second order of a family takes too long")
        return self.groebner(context, polynomials)


def _basis(backend: str) -> Groebner:
    return Msolve() if backend == "msolve" else flint_basis
