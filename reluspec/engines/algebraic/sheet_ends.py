"""Where a sheet of minima ends: the critical sets of the strata that border on its own which its closure meets.

The loss is constant on a sheet, and so on its closure, whose points outside the stratum are critical in their own strata: the loss there is
the same polynomial. A sheet of global minima has only global minima in its closure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

from flint import arb, ctx, fmpq, fmpq_mpoly

from reluspec.engines.algebraic.ideals.affine import SolutionSet, restricted
from reluspec.engines.algebraic.ideals.groebner import EFFORTS, FlintBasis, ring
from reluspec.engines.algebraic.ideals.surfaces import is_empty
from reluspec.engines.algebraic.judging.lower_bound import attains_the_bound
from reluspec.engines.algebraic.judging.sheets import touches
from reluspec.engines.algebraic.judging.verdict import Verdict
from reluspec.engines.algebraic.meeting import MeetingError, meeting_at
from reluspec.engines.algebraic.outcome import Judged, StratumOutcome
from reluspec.engines.algebraic.stationary.charts import Chart, ParityError
from reluspec.engines.algebraic.stationary.curves import Curve, Terms, is_apart, polynomial_of, terms_of, value_of
from reluspec.engines.algebraic.stationary.enclosures import theta_balls
from reluspec.engines.algebraic.stationary.polyhedra import CriticalSet, Vector, value_at
from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs, parse_signs
from reluspec.systems.exchanges import Exchange
from reluspec.systems.surrogate import surrogate

STEPS = (0, 1, -1, 3, -3, 10, -10, 100, -100)
"""How far from the witness of a family points are looked for, along each of its directions."""


class SheetEndError(Exception):
    """Where a sheet ends cannot be told; the message says why."""


@dataclass(frozen=True)
class Label:
    """A stratum under an exchange: the `name` of its representative, its own `signs`, and where its parameters come from."""

    name: str
    exchange: Exchange
    signs: Signs
    sources: tuple[int, ...]


@dataclass(frozen=True)
class Met:
    """A critical set that the closure of a sheet meets: a stratum and the position there."""

    label: Label
    position: int


class SheetEnds:
    """The ends of one sheet, in the stratum `name`."""

    def __init__(self, problem: Problem, outcomes: Mapping[str, StratumOutcome], name: str, found: CriticalSet, bits: int) -> None:
        if found.curve is None:
            raise SheetEndError("a sheet without equations")
        self.problem, self.outcomes, self.found, self.bits = problem, outcomes, found, bits
        self.sheet: Curve = found.curve
        self.own = parse_signs(problem, name)
        self.witness = theta_balls(found, found.witness, bits)

    @cached_property
    def is_best(self) -> bool:
        """Whether these are global minima."""
        return attains_the_bound(self.problem, self.own, self.found)

    def on(self, labels: Sequence[Label]) -> Iterator[Met]:
        """The critical sets that the closure meets, sets that are no minima among them. Raises `SheetEndError`."""
        for label in labels:
            zeroed = {k for k, (a, b) in enumerate(zip(self.own.all, label.signs.all, strict=True)) if a != b}
            if not zeroed or any(label.signs.all[k] != "0" for k in zeroed):
                continue
            try:
                yield from list(self._in(label, zeroed))
            except SheetEndError:
                if self._reaches(zeroed):
                    raise

    def _reaches(self, zeroed: set[int]) -> bool:
        """Whether the closure may have points where just these switches vanish."""
        size = len(self.sheet.free)
        equations = [polynomial_of(terms, size) for terms in self.sheet.equations]
        equations += [polynomial_of(terms, size) for position, _, terms in self.sheet.strict if position in zeroed]
        strict = [(sign, polynomial_of(terms, size)) for position, sign, terms in self.sheet.strict if position not in zeroed]
        return not is_empty(equations, strict, FlintBasis(EFFORTS[1]))

    def _in(self, label: Label, zeroed: set[int]) -> Iterator[Met]:
        outcome = self.outcomes[label.name]
        if outcome.undecided:
            raise SheetEndError(f"a family may end in {label.name}, which is undecided: {outcome.undecided}")
        is_open = False
        for position, judged in enumerate(outcome.sets):
            is_minimal = judged.decision.verdict is Verdict.MINIMUM
            if (self.is_best and not is_minimal) or not self._may_meet(label, judged.found):
                continue
            if self._meets(label, outcome, judged, zeroed):
                is_open = is_open or not is_minimal
                yield Met(label, position)
        if outcome.left_out and not self.is_best and not is_open:
            raise SheetEndError(f"a sheet of minima may end in {label.name}, where points that are not minima are not listed")

    def _may_meet(self, label: Label, other: CriticalSet) -> bool:
        """Whether the loss may be the sheet's."""
        signs = parse_signs(self.problem, label.name)
        if self.is_best:
            return attains_the_bound(self.problem, signs, other)
        with ctx.workprec(self.bits + 32):
            here = value_of(terms_of(surrogate(self.problem, self.own).loss), self.witness)
            there = value_of(terms_of(surrogate(self.problem, signs).loss), theta_balls(other, other.witness, self.bits))
            return bool(here.overlaps(there))

    def _meets(self, label: Label, outcome: StratumOutcome, judged: Judged, zeroed: set[int]) -> bool:
        """Whether the closure has a point of a critical set; of a family that holds minima in part, one that is none.

        Raises `SheetEndError` where that is not known.
        """
        other, is_minimal = judged.found, judged.decision.verdict is Verdict.MINIMUM
        parts = {k: one.found for k, one in enumerate(outcome.sets) if one.found.cuts and not is_minimal}
        if any(self._sign_along(terms, other, label) for terms in self.sheet.equations) or self._is_beyond(other, label):
            return False
        apart = not other.directions
        # Any point of a family that is no minima will do, and not all of it need border on a part that is cut off.
        for point in [other.witness] if is_minimal else (list(self._candidates(label, other)) or [other.witness]):
            back = theta_balls(other, point, self.bits)
            theta = [back[source] for source in label.sources]
            with ctx.workprec(self.bits + 32):
                apart = apart and self._is_apart(theta)
                if apart or (parts and _is_minimum(back, parts, self.bits)):
                    continue
                if self._is_in_closure(other, point, label, theta, zeroed):
                    return True
        if not apart:
            raise SheetEndError(f"whether a sheet of minima meets the critical points of {label.name} is not known")
        return False

    def _candidates(self, label: Label, other: CriticalSet) -> Iterator[Vector]:
        """Points of a family that is affine in its chart."""
        switches = [switch for switch in surrogate(self.problem, parse_signs(self.problem, label.name)).switches if switch.sign]
        for direction in other.flat if not (other.is_curved or other.curve) else ():
            for step in STEPS:
                point = tuple(x + d * step for x, d in zip(other.witness, direction, strict=True))
                if not all(unit.plain or point[unit.output].sign() > 0 for unit in other.living):
                    continue
                with ctx.workprec(self.bits + 32):
                    theta = theta_balls(other, point, self.bits)
                    if all(value_of(terms_of(switch.polynomial), theta) * switch.sign > 0 for switch in switches):
                        yield point

    def _is_apart(self, theta: Sequence[arb]) -> bool:
        """Whether a point is proved to be no zero of the equations, or beside another piece."""
        x = [theta[k] for k in self.sheet.free]
        if any(not value_of(terms, x).contains(0) for terms in self.sheet.equations):
            return True
        return is_apart(self.sheet, self.witness, theta)

    def _is_in_closure(self, other: CriticalSet, point: Vector, label: Label, theta: Sequence[arb], zeroed: set[int]) -> bool:
        """Whether a point is proved to be a zero, exactly, and in the closure of this piece."""
        if not all(self._is_zero(terms, other, point, label) for terms in self.sheet.equations):
            return False
        if self.sheet.pieces > 1:
            here = [value_of(terms, [theta[k] for k in self.sheet.free]) for terms in self.sheet.apart]
            if not here or any(value.contains(0) for value in here) or is_apart(self.sheet, self.witness, theta):
                return False
        return touches(self.sheet, theta, zeroed, self.bits)

    def _is_zero(self, terms: Terms, other: CriticalSet, point: Vector, label: Label) -> bool:
        """Whether an equation is proved to hold at a point, given in its chart."""
        image = self._image(terms, other, label)
        return image is not None and bool(value_at(image[0].to_dict(), point, other.field.element(0)) == 0)

    def _is_beyond(self, other: CriticalSet, label: Label) -> bool:
        """Whether a family is proved to be beside another piece, or beyond a cut."""
        x = [self.witness[k] for k in self.sheet.free]
        with ctx.workprec(self.bits + 32):
            here = [value_of(terms, x) for terms in self.sheet.apart]
        there = [self._sign_along(terms, other, label) for terms in self.sheet.apart]
        return any((one > 0 and side < 0) or (one < 0 and side > 0) for one, side in zip(here, there, strict=True))

    def _sign_along(self, terms: Terms, other: CriticalSet, label: Label) -> int:
        """The sign of a polynomial that is a constant on an affine family, in its chart but for powers of a; 0 where it is none."""
        found = self._image(terms, other, label)
        if found is None or other.is_curved or other.curve or other.rescaled or any(unit.plain for unit in other.living):
            return 0
        image, parity = found
        along = restricted(image, SolutionSet(other.field, other.witness, other.flat))
        if len(along) != 1 or any(any(exponents) for exponents in along):
            return 0
        (value,) = along.values()
        return int(value.sign()) * prod(sign for sign, odd in zip(other.sigma, parity, strict=True) if odd)

    def _image(self, terms: Terms, other: CriticalSet, label: Label) -> tuple[fmpq_mpoly, tuple[int, ...]] | None:
        """A polynomial with an equation's zeros in the chart of a critical set, and its parities there; `None` where it has none."""
        context, places = ring(len(label.sources)), [label.sources[k] for k in self.sheet.free]
        moved: dict[tuple[int, ...], fmpq] = {}
        for exponents, coefficient in polynomial_of(terms, len(places)).to_dict().items():
            whole = [0] * context.nvars()
            for k, exponent in zip(places, exponents, strict=True):
                whole[k] = int(exponent)
            moved[tuple(whole)] = coefficient
        chart = Chart(other.living)
        try:
            image, parity = chart.transform(context.from_dict(moved))
        except ParityError:
            return None
        return chart.cleared(image, context), parity


def _is_minimum(theta: Sequence[arb], parts: Mapping[int, CriticalSet], bits: int) -> bool:
    """Whether a point of a family that is cut is in one of its parts, or too near to tell."""
    try:
        return meeting_at(theta, parts, bits).whole
    except MeetingError:
        return True
