"""Is a critical set of a stratum made of local minima? (theory.md sections 3 and 4)

Problems of the class in `convexity` are decided by first-order conditions, ties included (`units`), all others by first and second order,
cell by cell (`surroundings`), and, where that leaves ties or a unit is dead, by a certificate of a global minimum (`dual`).
"""

from __future__ import annotations

from reluspec.engines.algebraic.charts import ParityError
from reluspec.engines.algebraic.cones import TooManyCells
from reluspec.engines.algebraic.convexity import homogeneous
from reluspec.engines.algebraic.curved import CurvedTest
from reluspec.engines.algebraic.dual import dual_decision, has_dead_unit
from reluspec.engines.algebraic.polyhedra import CriticalSet
from reluspec.engines.algebraic.surroundings import LocalTest, NestedSwitchesError
from reluspec.engines.algebraic.units import NotApplicable, UnitTest
from reluspec.engines.algebraic.verdict import Decision, Verdict
from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs


def decide(problem: Problem, signs: Signs, found: CriticalSet) -> Decision:
    """Whether the points of a critical set of the stratum `signs` are local minima of the loss."""
    if not found.is_curved and (data := homogeneous(problem)) is not None:
        try:
            complaint = UnitTest(problem, data, signs, found).complaint()
        except NotApplicable:
            pass
        except TooManyCells as reason:
            return Decision(Verdict.UNDECIDED, "", str(reason))
        else:
            return Decision(Verdict.NOT_MINIMUM if complaint else Verdict.MINIMUM, "first order, unit by unit", complaint)
    if has_dead_unit(problem, found) and (certified := dual_decision(problem, signs, found)) is not None:
        return certified
    decision = _cell_by_cell(problem, signs, found)
    if decision.verdict is Verdict.UNDECIDED and (certified := dual_decision(problem, signs, found)) is not None:
        return certified
    return decision


def _cell_by_cell(problem: Problem, signs: Signs, found: CriticalSet) -> Decision:
    local = CurvedTest(problem, signs, found) if found.is_curved else LocalTest(problem, signs, found)
    try:
        if isinstance(local, CurvedTest):
            return local.decision_along()
        try:
            decision = local.decision()
        except NestedSwitchesError:
            return local.decision_by_regions()
        # A tie at the end of an arc of minima: the regions around are flat along orbits of rotations.
        return local.decision_by_regions() if decision.verdict is Verdict.UNDECIDED and local.rotations else decision
    except TooManyCells as reason:
        return Decision(Verdict.UNDECIDED, "", str(reason))
    except ParityError:
        return Decision(Verdict.UNDECIDED, "", "an adjacent cell does not share the sign symmetry of the stratum")
