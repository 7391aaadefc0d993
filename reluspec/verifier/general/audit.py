"""The audit (docs/audit.md) outside the convex setting: the indices of all critical points add up to one."""

from __future__ import annotations

from collections.abc import Container

from reluspec.problem.coercive import not_coercive
from reluspec.regions.signs import Signs, format_signs
from reluspec.verifier.general.context import Context
from reluspec.verifier.general.curve_indices import curve_share
from reluspec.verifier.general.explore import Stratum
from reluspec.verifier.general.indices import NoIndexError, index_of

KIND = "audit"
SUBJECT = "sum of the indices"


def check_audit(context: Context) -> None:
    """Sum the indices of the critical points that the survey found, where each is proved."""
    said = context.document["summary"]["index_sum"]
    total = _sum(context)
    if isinstance(total, str):
        context.report.notes.append(f"audit: no sum of indices, since {total}")
        if said is not None:
            context.report.leave(KIND, "index_sum", total)
        return
    proof = "the indices of the critical points found here add up to 1, as docs/audit.md proves they must"
    context.report.check(
        total == 1, KIND, SUBJECT, proof, f"the indices of the critical points add up to {total}, not 1: the verifier is wrong"
    )
    if said is not None:
        context.report.check(said == total, KIND, "index_sum", proof, f"{said} is not {total}")


def _sum(context: Context) -> int | str:
    """The sum, or why there is none."""
    explored = context.explored
    if explored is None or explored.strata is None or explored.unvisited:
        return "not all strata are visited"
    reason = not_coercive(context.problem)
    if reason:
        return reason
    total = 0
    for stratum in explored.visited:
        try:
            total += stratum.orbit.copies * _stratum(stratum, explored.strata, context.bits)
        except NoIndexError as error:
            return f"{format_signs(context.problem, stratum.orbit.signs)}: {error}"
    return total


def _stratum(stratum: Stratum, strata: Container[Signs], bits: int) -> int:
    if stratum.reason:
        raise NoIndexError(stratum.reason)
    thetas = [one.critical.root.theta for one in stratum.points]
    for k, first in enumerate(thetas):
        if any(all(a.overlaps(b) for a, b in zip(first, second, strict=True)) for second in thetas[k + 1 :]):
            raise NoIndexError("two branches of the stratum may meet in a critical point")
    shares = sum(curve_share(one, stratum.motion, strata, bits) for one in stratum.curves if stratum.motion)
    return shares + sum(index_of(one, strata, bits) for one in stratum.points)
