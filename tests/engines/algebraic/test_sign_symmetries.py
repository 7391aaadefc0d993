"""Sign symmetries against brute force, and the critical points in their charts against those without them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest
from flint import arb, ctx, fmpq_mpoly

from reluspec.engines.algebraic.ideals.attempts import first_found
from reluspec.engines.algebraic.ideals.groebner import FlintBasis, Groebner, SolvingLimit, flint_basis
from reluspec.engines.algebraic.judging.minimality import decide
from reluspec.engines.algebraic.stationary.critical import Critical, critical_points
from reluspec.engines.algebraic.stationary.enclosures import same, theta_balls
from reluspec.engines.algebraic.stationary.restricted import Restricted, restrictions
from reluspec.engines.algebraic.stationary.sign_symmetries import symmetric
from reluspec.language import parse_spec
from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs, format_signs
from reluspec.systems.strata import strata

TWO_OUTPUTS = """
data { x = [-1, 2]  y = [(1, -1), (3, 1/2)] }
network { input 1  hidden: layer 1 relu  output: layer 2 linear without bias }
loss sum squared_error
regulariser ridge(1/5)
"""
OUTPUT_BIASES = """
data { x = [0, 1, 2]  y = [(1, -1), (0, 2), (-1, 1)] }
network { input 1  hidden: layer 1 relu  output: layer 2 linear }
loss sum squared_error
regulariser ridge(1/5)
"""
EVEN_TARGETS = """
data { x = [-1, 1]  y = [(0, 1), (0, 2)] }
network { input 1  hidden: layer 1 abs without bias  output: layer 2 linear without bias }
loss sum squared_error
regulariser ridge(1/5)
"""
TWO_LAYERS = """
data { x = [1, 2]  y = [2, -1] }
network { input 1  first: layer 1 relu without bias  second: layer 1 relu  output: layer 1 linear without bias }
loss sum squared_error
regulariser ridge(1/10)
"""
SQUARES = """
data { x = [-1, 1, 2]  y = [1, -1, 3] }
network { input 1  hidden: layer 1 { max(0, z)^2 }  output: layer 1 linear without bias }
loss sum squared_error
regulariser ridge(1/10)
"""
TWO_UNITS = """
data { x = [-1, 2]  y = [(1, -1), (3, 1/2)] }
network { input 1  hidden: layer 2 relu without bias  output: layer 2 linear without bias }
loss sum squared_error
regulariser ridge(1/5)
"""
TEXTS = {
    "two outputs": TWO_OUTPUTS,
    "output biases": OUTPUT_BIASES,
    "even targets": EVEN_TARGETS,
    "two layers": TWO_LAYERS,
    "squares": SQUARES,
    "two units": TWO_UNITS,
}


def all_signs(problem: Problem) -> list[Signs]:
    return [found.signs for found in strata(problem)]


def keeps(flips: tuple[int, ...], stratum: Restricted) -> bool:
    """Whether these changes of signs of the free parameters keep the loss, and every other polynomial up to its sign."""
    context = stratum.surrogate.context
    images = list(context.gens())
    for k, flip in zip(stratum.free, flips, strict=True):
        images[k] = images[k] * flip

    def moved(polynomial: fmpq_mpoly) -> fmpq_mpoly:
        return polynomial.compose(*images)

    others = [*stratum.polynomials[1:], *stratum.images]
    return moved(stratum.loss) == stratum.loss and all(moved(q) in (q, -q) for q in others)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_all_symmetries_are_found(text: str) -> None:
    """As many generators as brute force says, each a symmetry, with a pivot of its own."""
    problem = parse_spec(text)
    for signs in all_signs(problem):
        for stratum in restrictions(problem, signs):
            group = [flips for flips in product((1, -1), repeat=len(stratum.free)) if keeps(flips, stratum)]
            for piece in symmetric(stratum):
                assert 2 ** len(piece.symmetries) == len(group)
                pivots = [unit.output for unit in piece.charted]
                for unit in piece.charted:
                    assert [pivot for pivot in pivots if pivot in unit.parameters] == [unit.output]
                    assert tuple(-1 if k in unit.parameters else 1 for k in stratum.free) in group


def verdicts(problem: Problem, signs: Signs, critical: Critical) -> list[tuple[list[arb], str]]:
    return [(theta_balls(found, found.witness, 128), decide(problem, signs, found).verdict.name) for found in critical.sets]


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_the_same_points_with_and_without_symmetries(text: str) -> None:
    """The same critical points with the same verdicts, wherever symmetries are used at all."""
    problem = parse_spec(text)
    used = points = 0
    for signs in all_signs(problem):
        fast = critical_points(problem, signs)
        if not fast.symmetries:
            continue
        used += 1
        plain = critical_points(problem, signs, symmetries=False)
        assert not plain.unresolved, format_signs(problem, signs)
        assert len(fast.sets) == len(plain.sets), format_signs(problem, signs)
        left = verdicts(problem, signs, plain)
        for theta, verdict in verdicts(problem, signs, fast):
            match = next(one for one in left if same(one[0], theta))
            assert verdict in (match[1], "UNDECIDED")
            left.remove(match)
            points += 1
    assert used
    assert points


def test_weights_between_two_charted_units() -> None:
    """A weight that changes its sign with either of two units is scaled by both: the gradient vanishes at the point."""
    problem = parse_spec(TWO_LAYERS)
    shared = 0
    for signs in all_signs(problem):
        critical = critical_points(problem, signs)
        for found in critical.sets:
            members = [k for unit in found.living for k in unit.incoming]
            shared += critical.symmetries and len(set(members)) < len(members)
            (stratum,) = restrictions(problem, signs)
            if stratum.constraints:
                continue
            theta = theta_balls(found, found.witness, 256)
            for k in stratum.free:
                derivative = stratum.loss.derivative(k)
                with ctx.workprec(256):
                    value = sum((arb(c) * power(theta, exponents) for exponents, c in derivative.to_dict().items()), arb(0))
                    assert abs(value) < arb(1) / 10**30
    assert shared


def power(theta: list[arb], exponents: tuple[int, ...]) -> arb:
    total = arb(1)
    for value, exponent in zip(theta, exponents, strict=True):
        total = total * value ** int(exponent)
    return total


# Attempts


def way(calls: list[tuple[str, int]], name: str, needs: int, outcome: str = "done") -> Callable[[Groebner], str]:
    """What succeeds with bases of `needs` bits only."""

    def run(groebner: Groebner) -> str:
        assert isinstance(groebner, FlintBasis)
        calls.append((name, groebner.limits[2]))
        if groebner.limits[2] < needs:
            groebner.reached = True
            raise SolvingLimit
        return f"{outcome} {name}"

    return run


def complete(outcome: str) -> bool:
    return outcome.startswith("done")


def test_what_needs_little_effort_comes_first() -> None:
    calls: list[tuple[str, int]] = []
    ways = [way(calls, "slow", 50_000), way(calls, "quick", 5_000), way(calls, "last", 50_000)]
    assert first_found(ways, flint_basis, complete) == "done quick"
    assert [name for name, _ in calls] == ["slow", "quick", "last", "slow", "quick"]


def test_the_last_way_has_the_last_word() -> None:
    calls: list[tuple[str, int]] = []
    ways = [way(calls, "slow", 10**9), way(calls, "last", 1, "open")]
    assert first_found(ways, flint_basis, complete) == "open last"
    assert [name for name, _ in calls] == ["slow", "last"]  # no limit was reached: larger ones change nothing
    with pytest.raises(SolvingLimit):
        first_found([way(calls, "slow", 10**9), way(calls, "last", 10**9)], flint_basis, complete)


def test_other_backends_have_no_small_attempts() -> None:
    def refuse(_: Groebner) -> str:
        raise SolvingLimit

    def backend(*_: object) -> list[fmpq_mpoly]:
        return []

    assert first_found([refuse, lambda given: "done" if given is backend else "other"], backend, complete) == "done"
