"""Sets that are not described but lie outside their stratum; ends at which residuals vanish with a unit."""

from __future__ import annotations

import pytest
from flint import Ordering, fmpq_mpoly_ctx

import reluspec
from reluspec.engines.algebraic.ideals.groebner import flint_basis
from reluspec.engines.algebraic.job import stratum_job
from reluspec.engines.algebraic.outcome import StratumOutcome
from reluspec.engines.algebraic.stationary.polyhedra import Condition
from reluspec.engines.algebraic.stationary.sign_contradictions import contradicts

RING = fmpq_mpoly_ctx.get(["x0", "x1", "x2"], Ordering.degrevlex)
X, Y, Z = RING.gens()
ABSOLUTE = "network { input 1 hidden: layer 2 relu%s output: layer 1 linear without bias } loss sum absolute_error regulariser ridge(1/2)"


def conditions(*wanted: tuple[int, object, tuple[int, ...]]) -> list[tuple[Condition, object]]:
    return [(Condition(str(k), sign, polynomial, parity), polynomial) for k, (sign, polynomial, parity) in enumerate(wanted)]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ([(1, X, (0,))], False),  # x y = -1 says nothing of x
        ([(1, X, (0,)), (1, Y, (0,))], False),  # nor of x and y one by one
        ([(1, X * Y, (0,))], True),
        ([(-1, X * Y, (0,))], False),
        ([(1, Z, (0,))], True),  # z = -2
        ([(1, Z, (1,))], False),  # but for the sign of an output weight
        ([(1, Z, (1,)), (-1, Z - X * Y, (1,))], True),  # -2 and -1: not of two signs, whatever that of the weight
        ([(1, X + Z, (0,)), (1, -2 * X + 4, (0,))], True),  # x - 2 and 4 - 2 x
        ([(1, X + Z, (0,)), (-1, -2 * X + 4, (0,))], False),
        ([(1, X * Y + 1, (0,))], True),  # zero
    ],
)
def test_contradictions(wanted: list[tuple[int, object, tuple[int, ...]]], expected: bool) -> None:
    assert contradicts([X * Y + 1, Z + 2], conditions(*wanted), 1, flint_basis) is expected  # type: ignore[arg-type]


def test_multipliers_that_are_not_unique_leave_nothing_open() -> None:
    """Where both units have output weight zero the residuals' gradients are independent; dependent ones lie at other signs."""
    problem = reluspec.parse("data { x = [-2, -1, 2, 3] y = [2, 1, 0, 0] }" + ABSOLUTE % "")
    outcome = StratumOutcome.from_json(stratum_job(problem, "++++|--++;++00"))
    assert outcome.word == "no_critical_point"


def test_a_residual_vanishes_with_the_only_unit_behind_it() -> None:
    """The target of the second point is zero, and one unit sees it."""
    minima = reluspec.solve(reluspec.parse("data { x = [-2, -1, 1] y = [-2, 0, -1] }" + ABSOLUTE % " without bias"), "algebraic")
    assert minima.complete
    assert [(float(component.loss), component.dimension) for component in minima.components] == [(3.0, 2)]
