"""Verdicts on smooth sets of critical points of dimension two and more, one for every connected component (Morse and Bott).

On a component the loss is constant. Where a derivative into an adjacent cell vanishes nowhere, it has one sign; where the coefficient
`e_c` of the characteristic polynomial of the Hessian, c the codimension, vanishes nowhere, the Hessian has rank c and its inertia is that
at one point. So a point of every component tells (`along_curves`, for curves).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, product

from flint import fmpq_mpoly

from reluspec.engines.algebraic.exact.forms import reduction
from reluspec.engines.algebraic.ideals.groebner import Groebner
from reluspec.engines.algebraic.ideals.sampling import Strict
from reluspec.engines.algebraic.ideals.surfaces import Surface, SurfaceLimit, is_empty, surface
from reluspec.engines.algebraic.ideals.sweep import CurvePoint
from reluspec.engines.algebraic.judging.along_curves import Conditions
from reluspec.engines.algebraic.judging.verdict import Decision, Verdict
from reluspec.engines.algebraic.stationary.polyhedra import field_scalars
from reluspec.systems.surrogate import monic_key

ALONG = "first and second order along a sheet"
FALLS = Decision(Verdict.NOT_MINIMUM, ALONG, "the function falls all along a sheet")
MAX_CUTS = 3


@dataclass(frozen=True)
class Judgement:
    """A set or a part of it, and the verdict on the component of each of its points.

    The signs of `cuts` tell its parts apart; beside them, where one vanishes, are no minima.
    """

    found: Surface
    decisions: tuple[Decision, ...]
    cuts: tuple[fmpq_mpoly, ...] = ()


def judgements(found: Surface, conditions: Conditions, strict: Strict, groebner: Groebner) -> list[Judgement]:
    """The verdicts on a set, or on its parts where conditions change their signs. Raises `SurfaceLimit` where there are none."""
    if conditions.constraints or not all(found.vanishes_nowhere(minor, strict, groebner) for minor in conditions.independent):
        raise SurfaceLimit(_told(found, "switches vanish whose gradients may be dependent"))
    steady = [found.vanishes_nowhere(slope, strict, groebner) for slope in conditions.slopes]
    regular = found.vanishes_nowhere(conditions.rank, strict, groebner)
    decisions = tuple(_verdict(point, conditions, steady, regular) for point in found.points)
    if all(decision is not None for decision in decisions):
        whole = tuple(decision for decision in decisions if decision is not None)
        _check(found, whole)
        return [Judgement(found, whole)]
    marks = [slope for slope, known in zip(conditions.slopes, steady, strict=True) if not known]
    try:
        return _in_parts(found, conditions, [*marks, *([] if regular else [conditions.rank])], strict, groebner)
    except SurfaceLimit as reason:
        raise SurfaceLimit(_told(found, str(reason))) from reason


def _in_parts(found: Surface, conditions: Conditions, marks: Sequence[fmpq_mpoly], strict: Strict, groebner: Groebner) -> list[Judgement]:
    """Cut where conditions change their signs.

    On one side a slope is negative, or the product of the c eigenvalues of the Hessian across the set. Its points are no minima, so that
    those on the cut are none, either: the loss is the same there. A connected set that is cut has no part that the cut does not border on.
    """
    if found.pieces != 1:
        raise SurfaceLimit("several pieces along which the verdict may change")
    cuts: dict[str, fmpq_mpoly] = {}
    for mark in marks:
        cuts |= {monic_key(factor): factor for factor in found.crossed(mark, strict, groebner)}
    left = found.reduced.used.left
    if not all(is_empty([*left, one, other], strict, groebner) for one, other in combinations(cuts.values(), 2)):
        raise SurfaceLimit("conditions that vanish together")
    if len(cuts) > MAX_CUTS:
        raise SurfaceLimit(f"a verdict that changes along more than {MAX_CUTS} cuts")
    parts = []
    for signs in product((1, -1), repeat=len(cuts)):
        part = surface(found.reduced.equations, [*strict, *zip(signs, cuts.values(), strict=True)], groebner)
        if part is not None:
            every = [True] * len(conditions.slopes)
            decisions = tuple(one for point in part.points if (one := _verdict(point, conditions, every, True)) is not None)
            if len(decisions) < len(part.points):
                raise SurfaceLimit("a slope into an adjacent cell that is zero")
            _check(part, decisions)
            parts.append(Judgement(part, decisions, tuple(cuts.values())))
    if not any(one.verdict is Verdict.MINIMUM for part in parts for one in part.decisions):
        return [Judgement(found, (FALLS,))]
    return parts if len(parts) > 1 else [Judgement(found, parts[0].decisions[:1])]


def _verdict(point: CurvePoint, conditions: Conditions, steady: Sequence[bool], regular: bool) -> Decision | None:
    """On the component of a point, where the slopes that are `steady`, and the rank, do not change; `None` where that does not tell."""
    signs = [point.value(slope).sign() for slope in conditions.slopes]
    if any(sign < 0 and known for sign, known in zip(signs, steady, strict=True)):
        return FALLS
    if not regular:
        return None
    matrix = [[point.value(entry) for entry in row] for row in conditions.hessian]
    if reduction(matrix, field_scalars(point.field)).negative is not None:
        return FALLS
    return Decision(Verdict.MINIMUM, ALONG) if all(steady) and min(signs, default=1) > 0 else None


def minima(found: Surface, decision: Decision) -> Judgement:
    """All of a set with one verdict. Raises `SurfaceLimit` where its pieces are not known."""
    decisions = (decision,) * len(found.points)
    _check(found, decisions)
    return Judgement(found, decisions)


def _check(found: Surface, decisions: Sequence[Decision]) -> None:
    """Raises `SurfaceLimit` where points of minima may be on one component or on several."""
    if found.pieces is None and any(decision.verdict is Verdict.MINIMUM for decision in decisions):
        raise SurfaceLimit(_told(found, "how many pieces they have is not known"))


def _told(found: Surface, why: str) -> str:
    sampled = found.samples
    several = f"{sampled.most} piece" if sampled.least == sampled.most else f"{sampled.least} to {sampled.most} piece"
    points = f"{sampled.found} sample point{'s' * (sampled.found != 1)}"
    return f"of dimension {found.reduced.dimension} that are not affine ({several}{'s' * (sampled.most != 1)}, {points}): {why}"
