"""A problem's critical points, all of them where possible: the survey of its strata, refined and judged."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from flint import arb, ctx

from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs
from reluspec.verifier.claims import Outcome
from reluspec.verifier.convex.faces import TooManyFacesError
from reluspec.verifier.general.curves import along_symmetries, curve_judged, is_critical
from reluspec.verifier.general.judge import judged
from reluspec.verifier.general.lagrange import systems
from reluspec.verifier.general.motion import Interval, Motion, UnclearError, motion_of
from reluspec.verifier.general.refine import Critical, refined
from reluspec.verifier.general.strata import StrataError, all_strata
from reluspec.verifier.general.survey import Findings, Orbit, kept, orbits, survey
from reluspec.verifier.local_minimum import local_minimum
from reluspec.verifier.raw import SingularError

LISTING = 0.3
"""The share of the time that listing the strata may take."""


FAMILY = "one of a family of minima: the symmetries of a cell's loss make up for its flat directions"


@dataclass(frozen=True)
class Judged:
    """A critical point and whether it is a local minimum, a `strict` one or one of a family."""

    critical: Critical
    outcome: Outcome
    reason: str
    strict: bool = True


@dataclass(frozen=True)
class Curve(Judged):
    """A curve of critical points, or what the stratum leaves of it, by a point on a slice. The verdict is on all its points.

    `interval` is `None` where its ends are not known.
    """

    interval: Interval | None = None


@dataclass(frozen=True)
class Stratum:
    """What is known of one orbit of strata. Unless there is a `reason` these are all its critical points.

    `curves` are those of the `motion`; `argument` is that of `Findings`.
    """

    orbit: Orbit
    points: tuple[Judged, ...]
    reason: str
    curves: tuple[Curve, ...] = ()
    motion: Motion | None = None
    argument: str = ""

    @property
    def open(self) -> str:
        """Why it is not known whether it has minima, and which; empty if it is."""
        return self.reason or next((one.reason for one in (*self.points, *self.curves) if one.outcome is Outcome.OPEN), "")


@dataclass
class Explored:
    """`strata` are all that are not proved empty, `None` where they are not listed, for the `reason`.

    `unvisited` counts orbits that were left out.
    """

    strata: frozenset[Signs] | None
    reason: str
    visited: list[Stratum] = field(default_factory=list)
    unvisited: int = 0

    @property
    def orbit_count(self) -> int:
        return len(self.visited) + self.unvisited

    def at(self, signs: Signs) -> Stratum | None:
        return next((one for one in self.visited if one.orbit.signs == signs), None)


_known: dict[Problem, dict[tuple[Signs, int], Stratum]] = {}


def explore(problem: Problem, listed: Sequence[Signs], bits: int, sample: int | None, deadline: float) -> Explored:
    """Visit the strata, those that a map lists first; with `sample` that many others, chosen at random (the same in every run)."""
    try:
        strata = all_strata(problem, time.monotonic() + LISTING * (deadline - time.monotonic()))
    except (StrataError, TooManyFacesError) as error:
        return Explored(None, str(error))
    wanted = orbits(problem, strata, listed)
    chosen = wanted
    if sample is not None:
        first = [one for one in wanted if one.signs in listed]
        rest = [one for one in wanted if one.signs not in listed]
        chosen = first + random.Random(0).sample(rest, min(sample, len(rest)))
    known = frozenset(strata)
    found = Explored(known, "", unvisited=len(wanted) - len(chosen))
    judged_before = kept(_known, problem)
    for one in survey(problem, chosen, deadline):
        key = one.orbit.signs, bits
        if one.solutions and key not in judged_before and time.monotonic() > deadline:
            found.visited.append(Stratum(one.orbit, (), "the time is up"))
            continue
        if key not in judged_before or one.reason:
            judged_before[key] = _stratum(problem, one, known, bits)
        found.visited.append(judged_before[key])
    return found


def _stratum(problem: Problem, findings: Findings, strata: frozenset[Signs], bits: int) -> Stratum:
    if not findings.solutions:
        return Stratum(findings.orbit, (), findings.reason, argument=findings.argument)
    signs = findings.orbit.signs
    motion = motion_of(problem, signs) if findings.curves else None
    own = motion.systems() if motion else list(systems(problem, signs))
    points: list[Judged] = []
    curves: list[Curve] = []
    reason = findings.reason
    for position, solution in findings.solutions:
        try:
            critical = refined(own[position], signs, solution, bits)
            if motion is None:
                points.append(_point(problem, critical, strata, bits))
            elif motion.moves(critical.root):
                curves.extend(_curve(problem, critical, motion, strata, bits))
            else:
                points.append(Judged(critical, *curve_judged(problem, critical, motion, strata, bits), False))
        except (SingularError, UnclearError) as error:
            reason = reason or str(error)
    return Stratum(findings.orbit, tuple(points), reason, tuple(curves), motion)


def _point(problem: Problem, critical: Critical, strata: frozenset[Signs], bits: int) -> Judged:
    verdict = judged(problem, critical, strata, bits)
    if verdict[0] is Outcome.OPEN:
        with ctx.workprec(bits):
            wider = local_minimum(
                problem, critical.signs, critical.root, strata, critical.codimension, along_symmetries(problem, critical.root)
            )
        if wider[0] is Outcome.PROVED:
            return Judged(critical, wider[0], FAMILY, False)

    return Judged(critical, *verdict)


def _curve(problem: Problem, critical: Critical, motion: Motion, strata: frozenset[Signs], bits: int) -> list[Curve]:
    """None if no point of it has the stratum's signs. Raises `UnclearError` where that is not known."""
    with ctx.workprec(bits):
        critical = replace(critical, root=motion.sharp(critical).sharp())
        if not motion.crosses(critical.root) and is_critical(critical.root) is False:
            return []
        try:
            interval = motion.interval(critical.root)
        except UnclearError:
            if not motion.nonempty:
                raise
            return [Curve(critical, *curve_judged(problem, critical, motion, strata, bits), False)]
        if interval is None:
            return []
    return [Curve(critical, *curve_judged(problem, critical, motion, strata, bits), False, interval)]


def same_point(critical: Critical, theta: Sequence[arb]) -> bool:
    """Whether an enclosure of a critical point of the same stratum is of this one: it lies where there is no other."""
    return all(box.contains(entry) for box, entry in zip(critical.root.box, theta, strict=True))
