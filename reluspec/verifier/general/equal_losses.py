"""Two critical points with exactly the same loss: one is the other after changes of sign and an exchange of units."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product

from flint import arb

from reluspec.problem.expression import Variable
from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs
from reluspec.verifier.document import exchanges
from reluspec.verifier.raw import Polynomial, Ring, Root

MAX_FREE = 6
"""Parameters that are zero at both points, whose change of sign is tried."""

Point = tuple[Root, Signs]


def same_loss(problem: Problem, first: Point, second: Point) -> bool:
    """Whether a map `theta_k -> +-theta_m(k)` takes the first point to the second.

    It has to take loss and constraints of the first stratum to those of the second, as polynomials, and the first point into the box in
    which the second is the only critical point. For points of curves these are slices: what is zero there has to be so, exactly.
    """
    ring = Ring(problem)
    here, there = (ring.surrogate(signs) for _, signs in (first, second))
    zeros = [[switch for switch, sign in one.switches if sign == 0 and switch != 0] for one in (here, there)]
    for image in exchanges(problem):
        sources = _sources(problem, image)
        for signs in _signs([first[0].theta[k] for k in sources], second[0].theta):
            move = [ring.gens[0]] * ring.size
            for target, (source, sign) in enumerate(zip(sources, signs, strict=True)):
                move[source] = ring.gens[target] * sign
            if here.loss.compose(*move) != there.loss:
                continue
            moved = [first[0].theta[source] * sign for source, sign in zip(sources, signs, strict=True)]
            inside = all(box.contains(entry) for box, entry in zip(second[0].box, moved, strict=True))
            if inside and _same_zeros([switch.compose(*move) for switch in zeros[0]], zeros[1]):
                return True
    return False


def _sources(problem: Problem, image: Mapping[Variable, Variable]) -> list[int]:
    """For every parameter the one whose value it gets."""
    place = {variable: k for k, variable in enumerate(problem.parameters)}
    found = [0] * len(place)
    for variable, k in place.items():
        found[place[image[variable]]] = k
    return found


def _signs(first: Sequence[arb], second: Sequence[arb]) -> Iterator[list[int]]:
    """The changes of sign that may take one point to the other."""
    signs: list[int] = []
    free: list[int] = []
    for k, (a, b) in enumerate(zip(first, second, strict=True)):
        if a.contains(0) and b.contains(0):
            free.append(k)
            signs.append(1)
        elif a.overlaps(b):
            signs.append(1)
        elif a.overlaps(-b):
            signs.append(-1)
        else:
            return
    for choice in product((1, -1), repeat=len(free)) if len(free) <= MAX_FREE else [(1,) * len(free)]:
        for k, sign in zip(free, choice, strict=True):
            signs[k] = sign
        yield list(signs)


def _same_zeros(first: Sequence[Polynomial], second: Sequence[Polynomial]) -> bool:
    return all(any(one in (other, -other) for other in second) for one in first) and all(
        any(other in (one, -one) for one in first) for other in second
    )
