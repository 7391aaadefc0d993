"""What `check` answers: plain records, printable and JSON-ready."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from reluspec.text import filled


class Verdict(Enum):
    """The answer of a test in floating point. None of these is a proof."""

    MINIMUM = "minimum"
    NOT_MINIMUM = "not a minimum"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Descent:
    """A way down from theta: the loss falls all along `theta + t direction`, 0 < t <= `step`, by `decrease` in all.

    `direction` has Euclidean length 1 over all free parameters and zeros for fixed ones, in PyTorch's form. `decrease` is the difference of
    the two losses in exact arithmetic, rounded; `slope` is that of the loss at theta, in this direction. `kind` is `slope` or `curvature`:
    what shows that no minimum is within reach.
    """

    direction: Mapping[str, Any]
    step: float
    decrease: float
    slope: float
    kind: str


@dataclass(frozen=True)
class Nearest:
    """The component of a map that is nearest to theta, up to exchange of units and anywhere along a family.

    `distance` is Euclidean, over the free parameters; for families it is an upper bound (a numerical minimisation), and so where the
    units have too many exchanges for all to be tried (`exchanges_tried`). `belongs`: it is within
    the reach. `point` is the nearest point found, in theta's order of units.
    """

    component: int
    piece: int
    stratum: str
    distance: float
    belongs: bool
    is_global: bool
    loss: float
    exchanges_tried: bool
    point: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, repr=False)
class Check:
    """The verdict on a theta, and what it rests on.

    `reach` is `tolerance * (1 + |theta|)`, a Euclidean distance. `candidate` is the point within reach that passed the tests (`moved` away
    from theta), and `stratum` its stratum or, without one, that of theta with all switches within reach set to zero. `map_complete` is
    `None` without a map; `global_is_proved`: the least loss in the map is the least of all.
    """

    title: str
    verdict: Verdict
    reason: str
    loss: float
    tolerance: float
    reach: float
    stratum: str
    candidate: Mapping[str, Any] | None = None
    moved: float | None = None
    descent: Descent | None = None
    nearest: Nearest | None = None
    map_complete: bool | None = None
    global_is_proved: bool = False

    @property
    def is_minimum(self) -> bool:
        return self.verdict is Verdict.MINIMUM

    @property
    def is_global_minimum(self) -> bool | None:
        """Whether it belongs to the global minimum of a complete map; `None` where no complete map was given, or it is not known."""
        if not self.map_complete or self.nearest is None or (self.nearest.is_global and not self.global_is_proved):
            return None
        return self.is_minimum and self.nearest.belongs and self.nearest.is_global

    def __repr__(self) -> str:
        return "\n".join(_lines(self))


def _lines(check: Check) -> list[str]:
    words = {Verdict.MINIMUM: "yes, a local minimum", Verdict.NOT_MINIMUM: "no, not a local minimum", Verdict.UNDECIDED: "undecided"}
    lines = [
        *filled("", _printable(check.title)),
        *filled("", f"{words[check.verdict]} within {check.reach:.3g} (tolerance {check.tolerance:g}): {check.reason}"),
        f"loss     {check.loss:.12g}",
        *filled("stratum  ", check.stratum),
    ]
    if check.descent is not None:
        down = check.descent
        means = {"slope": f"the slope there is {down.slope:.3g}", "curvature": "flat to first order, falling by curvature"}[down.kind]
        lines += filled("descent  ", f"a step of {down.step:.3g} lowers the loss by {down.decrease:.3g}; {means}")
    if check.nearest is not None:
        lines += filled("nearest  ", _nearest(check, check.nearest))
    lines.append("a test in floating point, not a proof")
    return lines


def _nearest(check: Check, near: Nearest) -> str:
    least = "the least loss of all minima" if check.map_complete else "the least loss of an incomplete map"
    which = "" if not near.is_global else ", the global minimum" if check.global_is_proved else f", {least}"
    relation = "belongs to" if near.belongs else "is nearest to"
    return f"theta {relation} component {near.component}{which}: loss {near.loss:.12g}, {near.stratum}, distance {near.distance:.3g}"


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)
