"""Strata in which two units rotate into each other: their critical points come in circles, and a slice meets every circle.

Let units of one layer with the same signs have parameters p and q, and let the loss on the stratum not change along `X = sum_k q_k d/dp_k -
p_k d/dq_k`: an identity of polynomials. Critical points stay so under rotation of (p, q). Every circle has points with `q_1 = 0` and
`p_1 > 0`, unless `p_1 = q_1 = 0` all along it. Where `q_1 = 0, p_1 != 0`, X crosses the slice, so that a critical point of the loss on the
slice is one of the loss. Where `p_1 = q_1 = 0` the next pair takes its turn: on the smaller space critical points stay critical.

Whether a circle meets the stratum is a question to invariants: let s be the signs of the two units at the inputs' points, h and h' their
switches. The vectors `s (h, h')` turn into the open quadrant together if and only if all their scalar products are positive.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, combinations_with_replacement

from reluspec.problem.expression import Variable
from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs
from reluspec.verifier.general.lagrange import System, branches
from reluspec.verifier.raw import Polynomial, Ring

Pair = tuple[int, int]
Units = tuple[int, int, int]
"""A layer and two of its units."""


def slices(problem: Problem, signs: Signs) -> list[System]:
    """Systems that hold a point of every circle of critical points that meets the stratum; none where no two units rotate."""
    for units in _candidates(problem, signs):
        found = _Rotation(problem, signs, units)
        if found.holds():
            return list(found.systems())
    return []


def _candidates(problem: Problem, signs: Signs) -> Iterator[Units]:
    for position, layer in enumerate(problem.network.layers[:-1]):
        names = signs.layers[position]
        for first, second in combinations(range(layer.units), 2):
            # Two dead units stand still together.
            if not names or (names[first] == names[second] and set(names[first]) != {"0"}):
                yield position, first, second


class _Rotation:
    def __init__(self, problem: Problem, signs: Signs, units: Units) -> None:
        zeros = sum(sign == 0 for _, sign in Ring(problem).surrogate(signs).switches)
        self.ring = Ring(problem, zeros)
        self.surrogate = self.ring.surrogate(signs)
        self.pairs = _pairs(problem, units)
        self.twins = _twins(problem, signs, units)

    def holds(self) -> bool:
        """Whether loss and switches are as the rotation wants them, identically."""
        if not self.pairs or self._turned(self.surrogate.loss) != 0:
            return False
        switches = [switch for switch, _ in self.surrogate.switches]
        paired = {k for pair in self.twins for k in pair}
        if any(self._turned(switch) != 0 for k, switch in enumerate(switches) if k not in paired):
            return False
        return all(self._turned(switches[i]) == switches[j] and self._turned(switches[j]) == -switches[i] for i, j in self.twins)

    def _turned(self, polynomial: Polynomial) -> Polynomial:
        """X applied to it."""
        gens = self.ring.gens
        return sum((gens[q] * polynomial.derivative(p) - gens[p] * polynomial.derivative(q) for p, q in self.pairs), polynomial * 0)

    def systems(self) -> Iterator[System]:
        gens = self.ring.gens
        zeros = [switch for switch, sign in self.surrogate.switches if sign == 0]
        paired = {k for pair in self.twins for k in pair}
        strict = [(switch, sign) for k, (switch, sign) in enumerate(self.surrogate.switches) if sign and k not in paired]
        strict += [(one, 1) for one in self._scalar_products()]
        gone: list[Polynomial] = []
        for p, q in self.pairs:
            yield from branches(self.ring, [*zeros, *gone, gens[q]], self.surrogate.loss, [*strict, (gens[p], 1)])
            gone += [gens[p], gens[q]]
        yield from branches(self.ring, [*zeros, *gone], self.surrogate.loss, strict)

    def _scalar_products(self) -> Iterator[Polynomial]:
        """Of the vectors `s (h, h')`, each with itself, too: none may be zero."""
        switches = self.surrogate.switches
        signed = [(switches[i][0] * switches[i][1], switches[j][0] * switches[j][1]) for i, j in self.twins if switches[i][1]]
        for one, two in combinations_with_replacement(signed, 2):
            yield one[0] * two[0] + one[1] * two[1]


def _pairs(problem: Problem, units: Units) -> list[Pair]:
    """The corresponding parameters of two units, into them and out of them; none where some are fixed."""
    position, first, second = units
    layer, following = problem.network.layers[position], problem.network.layers[position + 1]
    names = [
        (Variable(f"{layer.name}.weight", (first, k)), Variable(f"{layer.name}.weight", (second, k)))
        for k in range(problem.network.fan_in(position))
    ]
    if layer.bias:
        names.append((Variable(f"{layer.name}.bias", (first,)), Variable(f"{layer.name}.bias", (second,))))
    names += [
        (Variable(f"{following.name}.weight", (k, first)), Variable(f"{following.name}.weight", (k, second)))
        for k in range(following.units)
    ]
    place = {variable: k for k, variable in enumerate(problem.parameters)}
    if any(variable not in place for pair in names for variable in pair):
        return []
    return [(place[one], place[two]) for one, two in names]


def _twins(problem: Problem, signs: Signs, units: Units) -> list[Pair]:
    """The positions of the two units' corresponding switches among all."""
    position, first, second = units
    start = sum(len(unit) for layer in signs.layers[:position] for unit in layer)
    width = len(signs.layers[position][0]) if signs.layers[position] else 0
    return [(start + first * width + k, start + second * width + k) for k in range(width)]
