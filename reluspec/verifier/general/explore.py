"""A problem's critical points, all of them where possible: the survey of its strata, refined and judged."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from flint import arb

from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs
from reluspec.verifier.claims import Outcome
from reluspec.verifier.convex.faces import TooManyFacesError
from reluspec.verifier.general.judge import circle_judged, judged
from reluspec.verifier.general.lagrange import systems
from reluspec.verifier.general.refine import Critical, refined
from reluspec.verifier.general.rotations import slices
from reluspec.verifier.general.strata import StrataError, all_strata
from reluspec.verifier.general.survey import Findings, Orbit, kept, orbits, survey
from reluspec.verifier.raw import SingularError

LISTING = 0.3
"""The share of the time that listing the strata may take."""


@dataclass(frozen=True)
class Judged:
    """A critical point and whether it is a local minimum."""

    critical: Critical
    outcome: Outcome
    reason: str


@dataclass(frozen=True)
class Stratum:
    """What is known of one orbit of strata. Unless there is a `reason` these are all its critical points.

    Each of the `circles` stands for a circle of critical points, or for the arc of it with the stratum's signs; a point of it is given.
    """

    orbit: Orbit
    points: tuple[Judged, ...]
    reason: str
    circles: tuple[Judged, ...] = ()

    @property
    def open(self) -> str:
        """Why it is not known whether it has minima, and which; empty if it is."""
        return self.reason or next((one.reason for one in (*self.points, *self.circles) if one.outcome is Outcome.OPEN), "")


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
        return Stratum(findings.orbit, (), findings.reason)
    points: list[Judged] = []
    reason = findings.reason
    own = slices(problem, findings.orbit.signs) if findings.circles else list(systems(problem, findings.orbit.signs))
    for position, solution in findings.solutions:
        try:
            critical = refined(own[position], findings.orbit.signs, solution, bits)
        except SingularError as error:
            reason = reason or str(error)
        else:
            verdict = circle_judged(critical, bits) if findings.circles else judged(problem, critical, strata, bits)
            points.append(Judged(critical, *verdict))
    if findings.circles:
        return Stratum(findings.orbit, (), reason, tuple(points))
    return Stratum(findings.orbit, tuple(points), reason)


def same_point(critical: Critical, theta: Sequence[arb]) -> bool:
    """Whether an enclosure of a critical point of the same stratum is of this one: it lies where there is no other."""
    return all(box.contains(entry) for box, entry in zip(critical.root.box, theta, strict=True))
