"""Every stratum of a problem and the critical points in it, found without the map: what a map of any engine is held against."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from reluspec.isolation import Isolated, IsolationError
from reluspec.problem.expression import Expression, Variable, kinks, substitute
from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs, format_signs, parse_signs
from reluspec.verifier.document import exchange_count, exchanges, same_terms
from reluspec.verifier.general.lagrange import System, systems
from reluspec.verifier.general.motion import motion_of
from reluspec.verifier.general.quotient import SizeError
from reluspec.verifier.general.solutions import OpenError, Solution, solutions
from reluspec.verifier.layer.elsewhere import no_critical_point
from reluspec.verifier.layer.lone import lone_solution
from reluspec.verifier.raw import SingularError

SECONDS = 20.0
"""For the systems of one stratum."""
MEGABYTES = 2_048
ELSEWHERE = "no critical point: all least points of a convex function lie elsewhere"
KEPT = 4
"""Problems whose findings are kept, for maps of one problem that are verified one after another."""

Answer = tuple[list[tuple[int, Solution]], str, bool, str]
"""Solutions, reason, curves, argument: see `Findings`."""
_known: dict[Problem, dict[str, Answer]] = {}

Key = TypeVar("Key")
Value = TypeVar("Value")


@dataclass(frozen=True)
class Orbit:
    """The images of a stratum under exchange of units: one of them, and how many they are."""

    signs: Signs
    copies: int


@dataclass(frozen=True)
class Findings:
    """The real solutions of a stratum's systems that have its signs, each with the position of its system.

    `reason` (not empty) says why there may be more. `curves`: they are those of the systems of its `motion_of`. `argument`: why there are
    none, if it is another one than counting.
    """

    orbit: Orbit
    solutions: tuple[tuple[int, Solution], ...]
    reason: str = ""
    curves: bool = False
    argument: str = ""


def kept(known: dict[Problem, dict[Key, Value]], problem: Problem) -> dict[Key, Value]:
    """What is known of a problem, to read and to add to; of the problems asked for longest ago it is forgotten."""
    found = known.pop(problem, {})
    known[problem] = found
    while len(known) > KEPT:
        known.pop(next(iter(known)))
    return found


def images(problem: Problem, signs: Signs, group: Sequence[Mapping[Variable, Variable]]) -> list[Signs]:
    """A stratum's images under exchanges of units."""
    return [image_signs(problem, signs, move) for move in group]


def image_signs(problem: Problem, signs: Signs, move: Mapping[Variable, Variable]) -> Signs:
    """A stratum's image under one exchange of units."""
    layers = []
    for layer, units in zip(problem.network.layers, signs.layers, strict=True):
        moved = list(units)
        for unit, own in enumerate(units):
            moved[move[Variable(f"{layer.name}.weight", (unit, 0))].index[0]] = own
        layers.append(tuple(moved))
    arguments = _penalty_switches(problem)
    by_argument = {str(substitute(one, dict(move))): sign for one, sign in zip(arguments, signs.penalty, strict=True)}
    return replace(signs, layers=tuple(layers), penalty="".join(by_argument[str(one)] for one in arguments))


def _penalty_switches(problem: Problem) -> list[Expression]:
    return [kink.argument for penalty in problem.regulariser for kink in kinks(penalty.expression)]


def exchange_group(problem: Problem) -> list[dict[Variable, Variable]]:
    """The exchanges of units under which strata are one orbit: those that rename the penalties' switches, too."""
    identity = [{variable: variable for variable in _all_variables(problem)}]
    if exchange_count(problem) is None:
        return identity
    group = exchanges(problem)
    if not all(same_terms(problem, move) for move in group):
        return identity
    names = sorted(map(str, _penalty_switches(problem)))
    closed = all(sorted(str(substitute(one, dict(move))) for one in _penalty_switches(problem)) == names for move in group)
    return group if closed else identity


def _all_variables(problem: Problem) -> Iterator[Variable]:
    for position, layer in enumerate(problem.network.layers):
        for unit in range(layer.units):
            yield Variable(f"{layer.name}.bias", (unit,))
            for k in range(problem.network.fan_in(position)):
                yield Variable(f"{layer.name}.weight", (unit, k))


def orbits(problem: Problem, strata: Sequence[Signs], listed: Sequence[Signs]) -> list[Orbit]:
    """One stratum of every orbit, a listed one where there is one. Raises `OverflowError` where the orbits are not whole."""
    group = exchange_group(problem)
    left, found = dict.fromkeys(strata), []
    for signs in [*(one for one in listed if one in left), *strata]:
        if signs in left:
            orbit = set(images(problem, signs, group))
            for one in orbit:
                left.pop(one, None)
            found.append(Orbit(signs, len(orbit)))
    return found


def survey(problem: Problem, wanted: Sequence[Orbit], deadline: float) -> list[Findings]:
    """The findings of these strata, in their order. A system past the limits of time and memory costs its own stratum only."""
    known = kept(_known, problem)
    found = []
    with Isolated(SECONDS, MEGABYTES, _prepared, problem) as helper:
        for orbit in wanted:
            name = format_signs(problem, orbit.signs)
            answer = known.get(name)
            if answer is None:
                answer = _asked(helper, name, deadline)
                if not answer[1]:
                    known[name] = answer
            found.append(Findings(orbit, tuple(answer[0]), *answer[1:]))
    return found


def _asked(helper: Isolated, name: str, deadline: float) -> Answer:
    left = deadline - time.monotonic()
    if left <= 0:
        return [], "the time is up", False, ""
    helper.seconds = min(SECONDS, left)
    try:
        answer: Answer = helper.call_prepared(solve_stratum, name)
    except IsolationError as error:
        return [], f"its system is past the verifier's limits ({error})", False, ""
    return answer


def _prepared(problem: Problem) -> Problem:
    return problem


def solve_stratum(problem: Problem, name: str) -> Answer:
    """The work on one stratum, in the helper process."""
    signs = parse_signs(problem, name)
    if no_critical_point(problem, signs):
        return [], "", False, ELSEWHERE
    motion = motion_of(problem, signs)
    try:
        lone = lone_solution(problem, replace(signs, objective=""))
        if lone is not None and lone.signs != signs:
            return [], "", False, ELSEWHERE
        own = motion.systems() if motion else systems(problem, signs)
        found = [(lone.position, lone.solution)] if lone else _solutions(own)
        return found, "", motion is not None, ""
    except (OpenError, SizeError, SingularError) as error:
        return [], str(error), motion is not None, ""


def _solutions(own: Iterable[System]) -> list[tuple[int, Solution]]:
    found: list[tuple[int, Solution]] = []
    for position, system in enumerate(own):
        found.extend((position, one) for one in solutions(system))
        if system.dependent and found and found[-1][0] == position:
            raise OpenError("at a point of it the gradients of its switches are dependent")
    return found
