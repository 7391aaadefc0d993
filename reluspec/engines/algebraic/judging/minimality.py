"""Is a critical set of a stratum made of local minima? (theory.md sections 3 and 4)

Problems that are convex on every region (`convex_regions`) and those of the class in `convexity` (`units`) are decided by first-order
conditions, ties included, all others by first and second order, cell by cell (`sides`, `regions`), and, where that leaves ties or a unit is
dead, by a certificate of a global minimum (`dual`).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from reluspec.engines.algebraic.exact.cones import TooManyCells
from reluspec.engines.algebraic.judging.convex_regions import decision_on_convex_regions
from reluspec.engines.algebraic.judging.convexity import Homogeneous, homogeneous
from reluspec.engines.algebraic.judging.curved import CurvedTest
from reluspec.engines.algebraic.judging.dual import dual_decision, has_dead_unit
from reluspec.engines.algebraic.judging.effects import EffectTest
from reluspec.engines.algebraic.judging.kink_sides import KinkTest, NotConvexError
from reluspec.engines.algebraic.judging.lines import way_down
from reluspec.engines.algebraic.judging.lower_bound import attains_the_bound
from reluspec.engines.algebraic.judging.merging import DeadUnitFalls, NotMergeable, smaller
from reluspec.engines.algebraic.judging.one_orbit import as_one_orbit
from reluspec.engines.algebraic.judging.outputs import OutputTest, applies
from reluspec.engines.algebraic.judging.sides import LocalTest, NestedSwitchesError
from reluspec.engines.algebraic.judging.terms import decided_by_terms
from reluspec.engines.algebraic.judging.unit_point import NotApplicable
from reluspec.engines.algebraic.judging.units import UnitTest
from reluspec.engines.algebraic.judging.verdict import Decision, Verdict
from reluspec.engines.algebraic.stationary.charts import ParityError
from reluspec.engines.algebraic.stationary.polyhedra import CriticalSet, in_parameters, in_slice
from reluspec.errors import StratumError
from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs

GLOBAL = "the loss has its least possible value"
MAX_KINKS = 3
"""Of objective and penalties at one point, whose sides are looked at one by one where multipliers leave a tie."""


def decide(problem: Problem, signs: Signs, found: CriticalSet) -> Decision:
    """Whether the points of a critical set of the stratum `signs` are local minima of the loss."""
    decision = _in_plain_charts(problem, signs, found) if any(unit.plain for unit in found.living) else _by_orders(problem, signs, found)
    if decision.verdict is Verdict.UNDECIDED and attains_the_bound(problem, signs, found):
        return Decision(Verdict.MINIMUM, GLOBAL)
    if decision.verdict is Verdict.UNDECIDED:
        with suppress(ParityError, TooManyCells, StratumError):
            decision = decided_by_terms(problem, signs, found) or decision
    if decision.verdict is Verdict.UNDECIDED and (orbit := as_one_orbit(problem, found)) is not None:
        again = _by_orders(problem, signs, orbit)
        return decision if again.verdict is Verdict.UNDECIDED else again
    return decision


def _in_plain_charts(problem: Problem, signs: Signs, found: CriticalSet) -> Decision:
    """By first order; of an isolated point by all other tests, too, in the network's parameters."""
    with suppress(TooManyCells):
        if (convex := decision_on_convex_regions(problem, signs, found)) is not None:
            return convex
    if not found.directions:
        return decide(problem, signs, in_parameters(found))
    return Decision(Verdict.UNDECIDED, "", "a family of units with fixed weights on a kink of the loss")


def _by_orders(problem: Problem, signs: Signs, moved: CriticalSet) -> Decision:
    """First order unit by unit, dual certificates, first and second order cell by cell, curves.

    Rescalings keep the loss everywhere, so what holds in a slice holds along the orbits through it.
    """
    found = in_slice(moved)
    with suppress(TooManyCells):
        if (convex := decision_on_convex_regions(problem, signs, found)) is not None:
            return convex
    if not found.is_curved and (data := homogeneous(problem)) is not None:
        try:
            return unit_by_unit(problem, data, signs, found)
        except NotApplicable:
            pass
        except TooManyCells as reason:
            return Decision(Verdict.UNDECIDED, "", str(reason))
    if has_dead_unit(problem, found) and (certified := dual_decision(problem, signs, found)) is not None:
        return certified
    decision = _cell_by_cell(problem, signs, moved)
    if decision.verdict is Verdict.UNDECIDED and (certified := dual_decision(problem, signs, found)) is not None:
        return certified
    if decision.verdict is not Verdict.UNDECIDED:
        return decision
    return _in_smaller_network(problem, signs, found) or _last_resort(problem, signs, moved) or decision


def unit_by_unit(problem: Problem, data: Homogeneous, signs: Signs, found: CriticalSet) -> Decision:
    """The verdict by first order, for the class of `convexity`. Raises `NotApplicable` and `TooManyCells`."""
    complaint = UnitTest(problem, data, signs, found).complaint()
    return Decision(Verdict.NOT_MINIMUM if complaint else Verdict.MINIMUM, "first order, unit by unit", complaint)


def _in_smaller_network(problem: Problem, signs: Signs, found: CriticalSet) -> Decision | None:
    """The verdict on the network in which equal units of the last hidden layer are one and dead ones are left out."""
    try:
        less = smaller(problem, signs, found)
    except (NotMergeable, ParityError, TooManyCells):
        return None
    except DeadUnitFalls:
        return Decision(Verdict.NOT_MINIMUM, "first order, a dead unit", "a dead unit can be woken")
    decision = decide(less.problem, less.signs, less.found)
    return None if decision.verdict is Verdict.UNDECIDED else replace(decision, argument=f"{decision.argument}, equal units merged")


def _with_kinks(problem: Problem, signs: Signs, found: CriticalSet) -> Decision | None:
    """The verdict that needs no sides of convex kinks; `None` where there are none, or where another test may tell more."""
    if found.is_curved or not (test := KinkTest(problem, signs, found)).kinks:
        return None
    with suppress(NotConvexError, ParityError, TooManyCells):
        decision = test.decision()
        more = test.rotations or len(test.kinks) <= MAX_KINKS
        return None if decision.verdict is Verdict.UNDECIDED and more else decision
    return None


def _cell_by_cell(problem: Problem, signs: Signs, found: CriticalSet) -> Decision:
    if (decided := _with_kinks(problem, signs, found)) is not None:
        return decided
    local = CurvedTest(problem, signs, found) if found.is_curved else LocalTest(problem, signs, found)
    try:
        if isinstance(local, CurvedTest):
            return local.decision_along()
        try:
            decision = local.decision()
        except NestedSwitchesError:
            return local.decision_by_regions()
        # All sides together say less: regions may be flat along orbits of rotations, and their switches have factors that vanish together.
        return local.decision_by_regions() if decision.verdict is Verdict.UNDECIDED else decision
    except TooManyCells as reason:
        return Decision(Verdict.UNDECIDED, "", str(reason))
    except ParityError:
        return Decision(Verdict.UNDECIDED, "", "an adjacent cell does not share the sign symmetry of the stratum")


def _last_resort(problem: Problem, signs: Signs, found: CriticalSet) -> Decision | None:
    """What can still be said of an isolated point: the loss is flat beside a minimum, or falls along a curve."""
    if found.flat or found.curve:
        return None
    with suppress(ParityError, TooManyCells, StratumError):
        if EffectTest(problem, signs, found).is_minimum():
            return Decision(Verdict.MINIMUM, "first and second order, across directions without effect")
    if applies(problem, signs, found) and OutputTest(problem, signs, found).is_minimum():
        return Decision(Verdict.MINIMUM, "first order in the outputs, by factors")
    if way_down(problem, in_slice(found)) is not None:
        return Decision(Verdict.NOT_MINIMUM, "a curve along which the loss falls", "the function falls along a curve")
    return None
