"""The sets that the float screen left open, decided one by one, and kept in the journal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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


def decide_all(decider: Decider, left_open: Sequence[Faces], journal: Journal, options: EngineOptions) -> Decided:
    """Decide sets in balls and by algebra. Raises `ArtefactError` for a journal whose decisions make no sense."""
    by_algebra: set[Faces] = set()
    decisions = [decider.decide(())]
    for position, faces in enumerate(left_open):
        if position % TOGETHER == 0:
            decider.prepare(left_open[position : position + TOGETHER])
        data = _known(faces, journal, options)
        if data is not None:
            decision, algebra = _read(faces, data, journal)
            decider.remember(decision)
            by_algebra |= algebra
        else:
            decision = _decided(decider, faces)
            journal.add(_name(faces), _plain(decision, decider.by_algebra(faces)))
        decisions.append(decision)
        options.progress("deciding", position + 1, len(left_open))
    return Decided(decisions, by_algebra)


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
