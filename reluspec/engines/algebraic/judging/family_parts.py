"""Affine families along which the verdict changes: cut into parts with one verdict each.

The loss is constant on a family, so its points that are no minima are a closed part of it. Where a hyperplane has minima on one side of a
facet and none on the other, the facet holds none. Facets with minima on both sides have to be judged (`FamilyTest`): if they hold minima
everywhere the two parts are one.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cmp_to_key
from itertools import pairwise

from reluspec.engines.algebraic.exact.algebraic import Algebraic
from reluspec.engines.algebraic.exact.cones import TooManyCells
from reluspec.engines.algebraic.judging.family_test import FamilyTest
from reluspec.engines.algebraic.judging.minimality import decide
from reluspec.engines.algebraic.judging.verdict import Decision, Verdict
from reluspec.engines.algebraic.outcome import Judged
from reluspec.engines.algebraic.stationary.charts import ParityError
from reluspec.engines.algebraic.stationary.cutting import CutNeeded, NotCutError, compared
from reluspec.engines.algebraic.stationary.pieces import Pieces, in_one_field, plain
from reluspec.engines.algebraic.stationary.polyhedra import CriticalSet, in_slice
from reluspec.errors import StratumError
from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs

MAX_PARTS = 128
"""Parts of one family that are looked at."""
ALONG = "first and second order along a family"
FALLS = "the function falls all along the family"
OUTSIDE = "the function falls, but for the parts of the family that are listed"


def judged(problem: Problem, signs: Signs, found: CriticalSet) -> list[Judged]:
    """A critical set with its verdict; cut into parts where that helps. A family that is cut comes first, as no minima, then its minima."""
    decision = decide(problem, signs, found)
    if found.rescaled:
        return [_of_orbits(problem, signs, found, decision)]
    whole = [Judged(found, decision)]
    if decision.verdict is not Verdict.UNDECIDED or not found.directions or found.is_curved or found.curve:
        return whole
    if any(unit.plain for unit in found.living):
        return whole
    try:
        minima = _Family(problem, signs, plain(found)).minima()
    except NotCutError as reason:
        return [Judged(found, replace(decision, reason=f"{decision.reason}: {reason}"))] if str(reason) else whole
    except (ParityError, StratumError, TooManyCells):
        return whole
    if minima is None:
        return [Judged(found, Decision(Verdict.MINIMUM, ALONG))]
    apart = Decision(Verdict.NOT_MINIMUM, ALONG, OUTSIDE if minima else FALLS)
    return [Judged(found, apart), *(Judged(part, Decision(Verdict.MINIMUM, f"{ALONG}, part by part")) for part in minima)]


def _of_orbits(problem: Problem, signs: Signs, found: CriticalSet, decision: Decision) -> Judged:
    """A set that rescalings move, with the verdict that its points in the slice have, if that is one."""
    if decision.verdict is Verdict.UNDECIDED and found.flat:
        parts = judged(problem, signs, in_slice(found))
        decision = parts[0].decision if len(parts) == 1 else decision
    return Judged(found.unfolded or found, decision)


class _Family:
    """One family in the making."""

    def __init__(self, problem: Problem, signs: Signs, found: CriticalSet) -> None:
        self.problem, self.signs, self.found = problem, signs, found
        self.count = 0

    def minima(self) -> list[CriticalSet] | None:
        """The parts that are minima; `None` where that is all. Raises `NotCutError` and what `FamilyTest` raises."""
        found = self._on(self.found)
        return None if _is(found, self.found) else [in_one_field(part) for part in found]

    def _verdict(self, part: CriticalSet) -> Verdict:
        """Raises `CutNeeded`, and `NotCutError` where the test does not decide."""
        self.count += 1
        if self.count > MAX_PARTS:
            raise NotCutError(f"more than {MAX_PARTS} parts")
        verdict = FamilyTest(self.problem, self.signs, self.found, part).verdict()
        if verdict is Verdict.UNDECIDED and not part.directions:
            verdict = decide(self.problem, self.signs, part).verdict
        if verdict is Verdict.UNDECIDED:
            raise NotCutError("")
        return verdict

    def _on(self, part: CriticalSet) -> list[CriticalSet]:
        """The maximal open parts of a part that are minima: the part itself, if it is all of it."""
        if part.dimension == 1:
            return self._on_line(part)
        try:
            return [part] if self._verdict(part) is Verdict.MINIMUM else []
        except CutNeeded as needed:
            above, below, between = Pieces(part).split(needed.cut, f"cut {self.count}")
        one, other = self._on(above), self._on(below)
        if not one or not other:
            return one + other
        if not (_is(one, above) and _is(other, below)):
            raise NotCutError("parts that are minima meet along a hyperplane")
        facet = self._on(between)
        if facet and not _is(facet, between):
            raise NotCutError("a facet between two parts that are minima is one in part")
        return [part] if facet else [above, below]

    def _on_line(self, part: CriticalSet) -> list[CriticalSet]:
        """The maximal intervals of minima of a part of dimension one."""
        line = Pieces(part)
        roots: list[Algebraic] = []
        while (verdicts := self._between_roots(line, roots)) is None:
            pass
        ends = [None, *roots, None]
        found: list[list[Algebraic | None]] = []
        for low, high, verdict in ((*ends, verdict) for ends, verdict in zip(pairwise(ends), verdicts, strict=True)):
            if verdict is not Verdict.MINIMUM:
                continue
            if found and low is not None and found[-1][1] is low and self._verdict(line.at(low)) is Verdict.MINIMUM:
                found[-1][1] = high
            else:
                found.append([low, high])
        return [part if low is None and high is None else line.stretch(low, high) for low, high in found]

    def _between_roots(self, line: Pieces, roots: list[Algebraic]) -> list[Verdict] | None:
        """The verdicts on the intervals between these roots; `None` where there are more roots, which are added."""
        ends = [None, *roots, None]
        verdicts = []
        for low, high in pairwise(ends):
            part = line.found if low is None and high is None else line.stretch(low, high)
            try:
                verdicts.append(self._verdict(part))
            except CutNeeded as needed:
                roots.append(needed.cut.on_line)
                roots.sort(key=cmp_to_key(compared))
                return None
        return verdicts


def _is(parts: list[CriticalSet], whole: CriticalSet) -> bool:
    return len(parts) == 1 and parts[0] is whole
