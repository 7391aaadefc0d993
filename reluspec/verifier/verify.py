"""The order of a verification: document, problem, then the argument that fits the problem."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reluspec.io.artefacts import read_json
from reluspec.problem.coercive import has_bounded_sublevel_sets
from reluspec.problem.problem import Problem
from reluspec.verifier.balls import bits_needed
from reluspec.verifier.claims import Report, Verification
from reluspec.verifier.convex.convex_claims import verify_convex
from reluspec.verifier.convex.duality import RangeError
from reluspec.verifier.convex.faces import TooManyFacesError
from reluspec.verifier.convex.setting import OutsideError, read_setting
from reluspec.verifier.document import check_summary, read_problem
from reluspec.verifier.general.general_claims import raw_witnesses, verify_general

DEFAULT_SECONDS = 600.0


def verify(path: str | Path, *, sample: int | None = None, timeout: float = DEFAULT_SECONDS) -> Verification:
    """Re-prove the claims of a minima map from the spec text in it.

    `sample` re-proves only that many exclusions of each number of living units, chosen at random (the same in every run); `timeout`
    (seconds) ends the exclusions early. What is left out is reported as not re-proved. Raises `ArtefactError` for a file that is no map.
    """
    return verify_document(read_json(Path(path), "minima"), str(path), sample=sample, timeout=timeout)


def verify_document(document: Mapping[str, Any], path: str, *, sample: int | None = None, timeout: float = DEFAULT_SECONDS) -> Verification:
    """The same for a map that follows its schema and is in memory; `path` names it in the report."""
    report = Report()
    check_summary(document, report)
    problem = read_problem(document, path, report)
    if problem is not None:
        deadline = time.monotonic() + timeout
        bits = bits_needed(document["components"])
        try:
            verify_convex(read_setting(problem), document, report, bits, sample, deadline)
            raw_witnesses(problem, document, report, bits, deadline)
        except (OutsideError, TooManyFacesError, RangeError):
            verify_general(problem, document, report, bits, sample, deadline)
        _check_least(problem, document, report)
    return Verification(path, document["title"], tuple(report.claims), tuple(report.notes))


def _check_least(problem: Problem, document: Mapping[str, Any], report: Report) -> None:
    """The claim that the least loss in the map is the least of all, if it is made: of a complete map, if the loss attains its infimum."""
    summary = document["summary"]
    claim = ("summary", "global_is_proved")
    if not summary.get("global_is_proved"):
        return
    if not (summary["complete"] and document["components"]):
        report.refute(*claim, "minima may be missing")
    elif has_bounded_sublevel_sets(problem):
        report.prove(*claim, "sublevel sets are bounded, so that the loss attains its infimum, at a minimum")
    else:
        report.leave(*claim, "the loss is not proved to attain its infimum")
