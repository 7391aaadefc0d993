"""Strata in which two units rotate into each other: their critical points come in circles, and a slice meets every circle.

Let units of one layer with the same signs have parameters p and q, and let the loss on the stratum not change along `X = sum_k q_k d/dp_k -
p_k d/dq_k`: an identity of polynomials. Critical points stay so under rotation of (p, q). Every circle has points with `q_1 = 0` and
`p_1 > 0`, unless `p_1 = q_1 = 0` all along it. Where `q_1 = 0, p_1 != 0`, X crosses the slice, so that a critical point of the loss on the
slice is one of the loss. Where `p_1 = q_1 = 0` the next pair takes its turn: on the smaller space critical points stay critical.

Whether a circle meets the stratum is a question to invariants: let s be the signs of the two units at the inputs' points, h and h' their
switches. The vectors `s (h, h')` turn into the open quadrant together if and only if all their scalar products are positive. The angles at
which they do are the common part of open intervals of length pi/2, hence one interval: the circle has one arc in the stratum.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations, combinations_with_replacement

from flint import arb

from reluspec.problem.expression import Variable
from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs
from reluspec.verifier.general.lagrange import System, branches
from reluspec.verifier.general.motion import End, Interval, UnclearError, exact_sign, fitting_step
from reluspec.verifier.general.refine import Critical
from reluspec.verifier.raw import Polynomial, Ring, Root, Surrogate, at

Pair = tuple[int, int]
Units = tuple[int, int, int]
"""A layer and two of its units."""
Turn = tuple[int, int, int]
"""A pair, and the sense in which it turns."""
Plane = tuple[Polynomial, Polynomial]
"""A vector that the rotation turns as it turns (p, q)."""


def candidates(problem: Problem, signs: Signs) -> Iterator[Units]:
    """Two units of a layer with the same signs."""
    for position, layer in enumerate(problem.network.layers[:-1]):
        names = signs.layers[position]
        for first, second in combinations(range(layer.units), 2):
            # Two dead units stand still together.
            if not names or (names[first] == names[second] and set(names[first]) != {"0"}):
                yield position, first, second


def turns(problem: Problem) -> Iterator[list[Turn]]:
    """Rotations of any two units of a layer that a loss may allow: as they are, or with the parameters into one of them negative.

    The latter for two units that see the same with opposite signs.
    """
    layers = problem.network.layers
    for position, layer in enumerate(layers[:-1]):
        width = problem.network.fan_in(position) + int(layer.bias)
        for first, second in combinations(range(layer.units), 2):
            pairs = _pairs(problem, (position, first, second))
            for sense in (1, -1) if pairs else ():
                yield [(p, q, sense if k < width else 1) for k, (p, q) in enumerate(pairs)]


class Rotation:
    """Of two units of a stratum: the `Motion` along circles, or along the arcs that the stratum leaves of them."""

    nonempty = True

    def __init__(self, problem: Problem, signs: Signs, units: Units) -> None:
        self.problem, self.signs, self.units = problem, signs, units
        surrogate = Ring(problem).surrogate(signs)
        self.ring = Ring(problem, sum(sign == 0 for _, sign in surrogate.switches))
        self.surrogate = self.ring.surrogate(signs)
        self.pairs = _pairs(problem, units)
        self.twins = _twins(problem, signs, units)

    def holds(self) -> bool:
        """Whether loss and switches are as the rotation wants them, identically."""
        return self.keeps(self.surrogate)

    def keeps(self, cell: Surrogate) -> bool:
        if not self.pairs or self.turned(cell.loss) != 0:
            return False
        switches = [switch for switch, _ in cell.switches]
        if any(self.turned(switch) != 0 for k, switch in enumerate(switches) if k not in self.own):
            return False
        return all(self.turned(switches[i]) == switches[j] and self.turned(switches[j]) == -switches[i] for i, j in self.twins)

    @property
    def own(self) -> set[int]:
        return {k for pair in self.twins for k in pair}

    def turned(self, polynomial: Polynomial) -> Polynomial:
        """X applied to it."""
        gens = self.ring.gens
        return sum((gens[q] * polynomial.derivative(p) - gens[p] * polynomial.derivative(q) for p, q in self.pairs), polynomial * 0)

    def field(self, theta: Sequence[arb]) -> list[arb]:
        """X at a point."""
        found = [arb(0)] * len(theta)
        for p, q in self.pairs:
            found[p], found[q] = theta[q], -theta[p]
        return found

    def systems(self) -> list[System]:
        return list(self._systems())

    def _systems(self) -> Iterator[System]:
        gens = self.ring.gens
        zeros = [switch for switch, sign in self.surrogate.switches if sign == 0]
        strict = [(switch, sign) for k, (switch, sign) in enumerate(self.surrogate.switches) if sign and k not in self.own]
        strict += [(one[0] * two[0] + one[1] * two[1], 1) for one, two in combinations_with_replacement(self.vectors(), 2)]
        gone: list[Polynomial] = []
        for p, q in self.pairs:
            yield from branches(self.ring, [*zeros, *gone, gens[q]], self.surrogate.loss, [*strict, (gens[p], 1)])
            gone += [gens[p], gens[q]]
        yield from branches(self.ring, [*zeros, *gone], self.surrogate.loss, strict)

    def vectors(self) -> list[Plane]:
        """The vectors `s (h, h')` of the strict switches."""
        switches = self.surrogate.switches
        return [(switches[i][0] * switches[i][1], switches[j][0] * switches[j][1]) for i, j in self.twins if switches[i][1]]

    # Points of a circle

    def lead(self, root: Root) -> Pair | None:
        """The pair in which the slice of a root is taken; none for a point that stands still."""
        return next((pair for pair in self.pairs if root.affine.images[pair[0]] != 0), None)

    def sharp(self, found: Critical) -> Root:
        """With `q = 0` where that follows from a reflection.

        If `(p, q) -> (p, -q)` keeps the slice's system, and takes the root into the box in which it is the only one, it keeps the root.
        """
        root = found.root
        images = list(root.ring.gens)
        turned = {q for _, q in self.pairs}
        for q in turned:
            images[q] = -images[q]
        zeros = [switch for switch, sign in root.surrogate.switches if sign == 0]
        kept = all(zero.compose(*images) in (*zeros, *(-one for one in zeros)) for zero in zeros)
        if found.multipliers or not kept or root.surrogate.loss.compose(*images) != root.surrogate.loss:
            return root
        mirror = [-entry if k in turned else entry for k, entry in enumerate(root.theta)]
        if not all(box.contains(entry) for box, entry in zip(root.box, mirror, strict=True)):
            return root
        root.affine.eliminate([root.ring.gens[q] for q in turned])
        theta = [arb(0) if k in turned else entry for k, entry in enumerate(root.theta)]
        return replace(root, theta=theta, equations=[one for one in map(root.affine.of, root.equations) if one != 0])

    def moves(self, root: Root) -> bool:
        return self.lead(root) is not None

    def crosses(self, root: Root) -> bool:
        return bool(self.pairs) and self.lead(root) == self.pairs[0]

    def slice_term(self, root: Root) -> Polynomial:
        pair = self.lead(root)
        return root.ring.constant(0) if pair is None else root.ring.gens[pair[1]] ** 2

    def normal(self, theta: Sequence[arb], like: Sequence[arb]) -> list[arb] | None:
        pair = self._lead(like)
        if pair is None:
            return None
        turn = _angle(theta[pair[0]], theta[pair[1]])
        if turn is None:
            return None
        found = self.rotated(theta, *turn)
        found[pair[1]] = arb(0)
        return found

    def _lead(self, theta: Sequence[arb]) -> Pair | None:
        """The first pair that is not zero for certain."""
        return next((pair for pair in self.pairs if not (theta[pair[0]].contains(0) and theta[pair[1]].contains(0))), None)

    def rotated(self, theta: Sequence[arb], cosine: arb, sine: arb) -> list[arb]:
        """`(p, q) -> (c p + s q, c q - s p)`."""
        found = list(theta)
        for p, q in self.pairs:
            found[p], found[q] = cosine * theta[p] + sine * theta[q], cosine * theta[q] - sine * theta[p]
        return found

    def near(self, like: Sequence[arb], theta: Sequence[arb]) -> list[arb] | None:
        pair = self._lead(like)
        turn = None if pair is None else _angle(theta[pair[0]].mid(), theta[pair[1]].mid())
        if turn is None:
            return None
        here = self.rotated(like, turn[0], -turn[1])
        step = fitting_step(here, self.field(here), theta)
        return self.rotated(here, step.cos(), step.sin()) if step != 0 else here

    def contains(self, theta: Sequence[arb]) -> bool | None:
        values = [(at(one, theta), at(two, theta)) for one, two in self.vectors()]
        if any(one < 0 or two < 0 for one, two in values):
            return False
        return True if all(one > 0 and two > 0 for one, two in values) else None

    # Ends

    def interval(self, root: Root) -> Interval:
        vectors = self.vectors()
        if not vectors:
            return Interval(())
        lowest = self._extreme(root, vectors, 1)
        highest = self._extreme(root, vectors, -1)
        return Interval((self._end(root, lowest, 0), self._end(root, highest, 1)))

    def _extreme(self, root: Root, vectors: Sequence[Plane], side: int) -> Plane:
        for one in vectors:
            if all(exact_sign(root, _cross(one, other)) * side >= 0 for other in vectors if other is not one):
                return one
        raise UnclearError("the ends of an arc are not known")

    def _end(self, root: Root, vector: Plane, unit: int) -> End:
        """Where a vector has turned to an axis: the other unit's switches of the vectors along it are zero."""
        turn = _angle(at(vector[0], root.theta), at(vector[1], root.theta))
        if turn is None:
            raise UnclearError("the ends of an arc are not known")
        cosine, sine = turn if unit == 0 else (turn[1], -turn[0])
        flat = list(self.signs.all)
        for pair in self.twins:
            (one, sign), (two, _) = (self.surrogate.switches[k] for k in pair)
            if sign and exact_sign(root, _cross(vector, (one * sign, two * sign))) == 0:
                flat[pair[1 - unit]] = "0"
        theta = self.rotated(root.theta, cosine, sine)
        for pair in self.pairs:
            # Parameters along the vector are zero at the end as its switch is.
            if theta[pair[1 - unit]].contains(0) and root.is_zero(_cross(vector, (self.ring.gens[pair[0]], self.ring.gens[pair[1]]))):
                theta[pair[1 - unit]] = arb(0)
        return End(self.signs.reshaped("".join(flat)), tuple(theta))


def _angle(x: arb, y: arb) -> tuple[arb, arb] | None:
    """Cosine and sine of the angle of a vector, exact on the axes."""
    if x.contains(0) and y.contains(0):
        return None
    if x == 0 or y == 0:
        return tuple(arb(0) if entry == 0 else arb(1 if entry > 0 else -1) for entry in (x, y))  # type: ignore[return-value]
    length = (x * x + y * y).sqrt()
    return x / length, y / length


def _cross(one: Plane, two: Plane) -> Polynomial:
    return one[0] * two[1] - one[1] * two[0]


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
