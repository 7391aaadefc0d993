"""The sets that the float screen left open, decided one by one, and kept in the journal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

from reluspec.engines.convex.decide import Decider, Decision, Outcome
from reluspec.engines.convex.verdict import UnitVerdict
from reluspec.engines.journal import Journal
from reluspec.engines.protocol import EngineOptions

Faces = tuple[int, ...]


TOGETHER = 512
"""Sets that are prepared at once: enough for batches, few enough for the progress to be seen and kept."""


@dataclass(frozen=True)
class Decided:
    """Decisions in the order of the sets, the dead network's first, and the points that earlier runs took to algebra."""

    decisions: list[Decision]
    by_algebra: set[Faces]


class Deciding:
    """Sets are offered in order as the screen leaves them open, and decided in that order: some while it is still at work, the others at
    the end. Raises `ArtefactError` for a journal whose decisions make no sense.
    """

    def __init__(self, decider: Decider, journal: Journal, options: EngineOptions) -> None:
        self.decider = decider
        self._journal, self._options = journal, options
        self._offered: list[Faces] = []
        self._made = Decided([decider.decide(())], set())

    def offer(self, sets: Sequence[Faces]) -> None:
        """Take over more sets."""
        self._offered.extend(sets)

    def work(self, seconds: float) -> None:
        """Decide for about that long.

        A set waits until all that are prepared with it are there: the same batches give the same roundings.
        """
        until = monotonic() + seconds
        while monotonic() < until and (self._position % TOGETHER or len(self._offered) - self._position >= TOGETHER):
            self._decide_next()

    def finish(self) -> Decided:
        """Decide what is left."""
        while self._position < len(self._offered):
            self._decide_next()
            self._options.progress("deciding", self._position, len(self._offered))
        return self._made

    @property
    def _position(self) -> int:
        return len(self._made.decisions) - 1  # the dead network is the first one

    def _decide_next(self) -> None:
        faces, decider, journal = self._offered[self._position], self.decider, self._journal
        if self._position % TOGETHER == 0:
            decider.prepare(self._offered[self._position : self._position + TOGETHER])
        data = _known(faces, journal, self._options)
        if data is not None:
            decision, algebra = _read(faces, data, journal)
            decider.remember(decision)
            self._made.by_algebra.update(algebra)
        else:
            decision = _decided(decider, faces)
            journal.add(_name(faces), _plain(decision, decider.by_algebra(faces)))
        self._made.decisions.append(decision)


def _known(faces: Faces, journal: Journal, options: EngineOptions) -> Mapping[str, Any] | None:
    """What the journal says of a set, unless that is to be tried again."""
    data = journal.known.get(_name(faces))
    again = options.retry and isinstance(data, Mapping) and data.get("outcome") == Outcome.UNDECIDED.name
    return None if again else data


def _decided(decider: Decider, faces: Faces) -> Decision:
    """A decision; where a limit of the helper process stands behind an open one, its reason begins with that."""
    decider.helper.trouble = ""
    decision = decider.decide(faces)
    if decision.outcome is not Outcome.UNDECIDED or not decider.helper.trouble:
        return decision
    decision = replace(decision, reason=f"{decider.helper.trouble}: {decision.reason}")
    decider.remember(decision)
    return decision


def _name(faces: Faces) -> str:
    return ",".join(map(str, faces))


def _plain(decision: Decision, algebra: set[Faces]) -> dict[str, Any]:
    """A decision as JSON-ready data."""
    return {
        "outcome": decision.outcome.name,
        "base": list(decision.base),
        "units": [[unit.face, unit.sigma, [list(slope) for slope in unit.slopes], unit.index, unit.clarke] for unit in decision.units],
        "reason": decision.reason,
        "algebra": sorted(list(faces) for faces in algebra),
    }


def _read(faces: Faces, data: Mapping[str, Any], journal: Journal) -> tuple[Decision, set[Faces]]:
    try:
        units = tuple(
            UnitVerdict(int(face), int(sigma), tuple((int(cover), int(sign)) for cover, sign in slopes), int(index), bool(clarke))
            for face, sigma, slopes, index, clarke in data["units"]
        )
        decision = Decision(faces, Outcome[data["outcome"]], tuple(map(int, data["base"])), units, str(data["reason"]))
        return decision, {tuple(map(int, point)) for point in data["algebra"]}
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise journal.damaged(f"an outcome in it makes no sense ({type(error).__name__}: {error})") from None
