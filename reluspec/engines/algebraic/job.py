"""The work on one stratum, done in a process of its own (`reluspec.isolation`)."""

from __future__ import annotations

import time
from typing import Any

from reluspec.engines.algebraic.critical import Critical, critical_points
from reluspec.engines.algebraic.groebner import Groebner, SolvingLimit, flint_basis
from reluspec.engines.algebraic.minimality import decide
from reluspec.engines.algebraic.msolve import Msolve
from reluspec.engines.algebraic.outcome import Judged, StratumOutcome
from reluspec.engines.algebraic.verdict import Verdict
from reluspec.errors import LimitError
from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs, parse_signs


def stratum_job(problem: Problem, stratum: str, backend: str = "flint") -> dict[str, Any]:
    """Find and judge the critical points of a stratum; the outcome as plain data.

    `backend` names what computes Groebner bases: `flint` or `msolve`.
    """
    begun = time.perf_counter()
    signs = parse_signs(problem, stratum)
    try:
        critical, judged = _judged(problem, signs, _basis(backend))
    except (SolvingLimit, LimitError) as limit:
        return StratumOutcome(stratum, (), str(limit) or "limit of the Groebner basis", 0, time.perf_counter() - begun).to_json()
    return StratumOutcome(stratum, judged, critical.unresolved, critical.systems, time.perf_counter() - begun).to_json()


def _judged(problem: Problem, signs: Signs, groebner: Groebner) -> tuple[Critical, tuple[Judged, ...]]:
    """The critical sets with their verdicts.

    Charts of sign symmetries are given up where a verdict cannot be had in them: an adjacent cell need not have the symmetries.
    """
    for symmetries in (True, False):
        critical = critical_points(problem, signs, groebner, symmetries=symmetries)
        judged = tuple(Judged(found, decide(problem, signs, found)) for found in critical.sets)
        if not critical.symmetries or all(one.decision.verdict is not Verdict.UNDECIDED for one in judged):
            break
    return critical, judged


def _basis(backend: str) -> Groebner:
    return Msolve() if backend == "msolve" else flint_basis
