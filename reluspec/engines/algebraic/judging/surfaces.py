"""Verdicts on smooth sets of critical points of dimension two and more, one for every connected component (Morse and Bott).

On a component the loss is constant. Where a derivative into an adjacent cell vanishes nowhere, it has one sign; where the coefficient
`e_c` of the characteristic polynomial of the Hessian, c the codimension, vanishes nowhere, the Hessian has rank c and its inertia is that
at one point. So a point of every component tells (`along_curves`, for curves).
"""

from __future__ import annotations

from collections.abc import Sequence

from reluspec.engines.algebraic.exact.forms import reduction
from reluspec.engines.algebraic.ideals.groebner import Groebner
from reluspec.engines.algebraic.ideals.sampling import Strict
from reluspec.engines.algebraic.ideals.surfaces import Surface, SurfaceLimit
from reluspec.engines.algebraic.ideals.sweep import CurvePoint
from reluspec.engines.algebraic.judging.along_curves import Conditions
from reluspec.engines.algebraic.judging.verdict import Decision, Verdict
from reluspec.engines.algebraic.stationary.polyhedra import field_scalars

ALONG = "first and second order along a sheet"


def verdicts(found: Surface, conditions: Conditions, strict: Strict, groebner: Groebner) -> list[Decision]:
    """The verdict on the component of each point. Raises `SurfaceLimit` where there is none."""
    steady = [found.vanishes_nowhere(slope, strict, groebner) for slope in conditions.slopes]
    regular = found.vanishes_nowhere(conditions.rank, strict, groebner)
    return [_verdict(found, point, conditions, steady, regular) for point in found.points]


def _verdict(found: Surface, point: CurvePoint, conditions: Conditions, steady: Sequence[bool], regular: bool) -> Decision:
    signs = [point.value(slope).sign() for slope in conditions.slopes]
    if any(sign < 0 and known for sign, known in zip(signs, steady, strict=True)):
        return Decision(Verdict.NOT_MINIMUM, ALONG, "the function falls all along a sheet")
    if not regular:
        raise SurfaceLimit(_told(found, "the rank of the second derivatives may change"))
    matrix = [[point.value(entry) for entry in row] for row in conditions.hessian]
    if reduction(matrix, field_scalars(point.field)).negative is not None:
        return Decision(Verdict.NOT_MINIMUM, ALONG, "the function falls all along a sheet")
    if not all(steady) or min(signs, default=1) <= 0:
        raise SurfaceLimit(_told(found, "a slope into an adjacent cell may change its sign"))
    return Decision(Verdict.MINIMUM, ALONG)


def checked(found: Surface, decisions: Sequence[Decision]) -> None:
    """Raises `SurfaceLimit` where points of minima may be on one component or on several."""
    if found.pieces is None and any(decision.verdict is Verdict.MINIMUM for decision in decisions):
        raise SurfaceLimit(_told(found, "how many pieces they have is not known"))


def _told(found: Surface, why: str) -> str:
    sampled = found.samples
    several = f"{sampled.most} piece" if sampled.least == sampled.most else f"{sampled.least} to {sampled.most} piece"
    points = f"{sampled.found} sample point{'s' * (sampled.found != 1)}"
    return f"of dimension {found.reduced.dimension} that are not affine ({several}{'s' * (sampled.most != 1)}, {points}): {why}"
