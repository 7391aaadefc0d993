"""The order of a verification: document, problem, then the argument that fits the problem."""

from __future__ import annotations

import time
from pathlib import Path

from reluspec.io.artefacts import read_json
from reluspec.verifier.balls import bits_needed
from reluspec.verifier.claims import Report, Verification
from reluspec.verifier.convex_claims import verify_convex
from reluspec.verifier.document import check_summary, read_problem
from reluspec.verifier.duality import RangeError
from reluspec.verifier.faces import TooManyFacesError
from reluspec.verifier.setting import OutsideError, read_setting

DEFAULT_SECONDS = 600.0


def verify(path: str | Path, *, sample: int | None = None, timeout: float = DEFAULT_SECONDS) -> Verification:
    """Re-prove the claims of a minima map from the spec text in it.

    `sample` re-proves only that many exclusions of each number of living units, chosen at random (the same in every run); `timeout`
    (seconds) ends the exclusions early. What is left out is reported as not re-proved. Raises `ArtefactError` for a file that is no map.
    """
    document = read_json(Path(path), "minima")
    report = Report()
    check_summary(document, report)
    problem = read_problem(document, str(path), report)
    if problem is not None:
        deadline = time.monotonic() + timeout
        try:
            setting = read_setting(problem)
            verify_convex(setting, document, report, bits_needed(document["components"]), sample, deadline)
        except OutsideError as reason:
            report.leave("components", "all", str(reason))
        except (TooManyFacesError, RangeError) as reason:
            report.leave("components", "all", str(reason) or "some numbers are too large or too small for double precision")
    return Verification(str(path), document["title"], tuple(report.claims))
