"""Strata whose loss stays when parameters move on straight lines: critical points come in lines, of which switches leave segments.

One parameter alone has no effect: the bias, without penalty, of a unit that is off at all points, say. Or a bias `t` without penalty of
a unit with one slope s at all points is made up for by the biases behind it, `c_k` without penalty, too: `X = d/dt - sum_k s a_k d/dc_k`,
`a_k` the unit's outgoing weights. Both are identities of polynomials: X of the loss is zero. On the slice `t = 0`, which every line
meets once, critical points are those of the stratum. A strict switch that moves is `alpha + t beta` and cuts a half-line; all together they
leave an interval, which may be empty.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import pairwise

from flint import arb, fmpq, fmpq_poly

from reluspec.problem.expression import Variable, evaluate
from reluspec.problem.problem import Layer, Problem
from reluspec.regions.signs import Signs
from reluspec.verifier.convex.setting import rational
from reluspec.verifier.general.lagrange import System, branches
from reluspec.verifier.general.motion import End, Interval, UnclearError, exact_sign, fitting_step
from reluspec.verifier.general.refine import Critical
from reluspec.verifier.raw import Polynomial, Ring, Root, Surrogate, at

Form = tuple[Polynomial, Polynomial]
"""alpha and beta."""


class Translation:
    """The `Motion` of a stratum's critical points on segments, rays or lines, along `parameter` and, by multiples of it, the others."""

    nonempty = False

    def __init__(self, problem: Problem, signs: Signs, parameter: int, others: Mapping[int, tuple[int | None, fmpq]]) -> None:
        """`others`: parameter -> the parameter of whose value it moves a multiple, and the factor; without one, the factor alone."""
        self.signs, self.parameter = signs, parameter
        surrogate = Ring(problem).surrogate(signs)
        self.ring = Ring(problem, sum(sign == 0 for _, sign in surrogate.switches))
        self.surrogate = self.ring.surrogate(signs)
        one = self.ring.constant(1)
        self.speeds = {k: (one if by is None else self.ring.gens[by]) * factor for k, (by, factor) in others.items()}
        self.speeds[parameter] = one

    @cached_property
    def own(self) -> set[int]:
        return {k for k, (switch, sign) in enumerate(self.surrogate.switches) if sign and self.moved(switch) != 0}

    def moved(self, polynomial: Polynomial) -> Polynomial:
        """X applied to it."""
        return sum((polynomial.derivative(k) * speed for k, speed in self.speeds.items()), polynomial * 0)

    def holds(self) -> bool:
        """Whether loss and switches are as the motion wants them, identically."""
        straight = all(self.moved(self.moved(self.surrogate.switches[k][0])) == 0 for k in self.own)
        steady = all(self.moved(speed) == 0 for speed in self.speeds.values())
        return steady and straight and self.keeps(self.surrogate)

    def keeps(self, cell: Surrogate) -> bool:
        others = [switch for k, (switch, _) in enumerate(cell.switches) if k not in self.own]
        return all(self.moved(one) == 0 for one in (cell.loss, *others))

    def systems(self) -> list[System]:
        zeros = [switch for switch, sign in self.surrogate.switches if sign == 0]
        strict = [(switch, sign) for k, (switch, sign) in enumerate(self.surrogate.switches) if sign and k not in self.own]
        return list(branches(self.ring, [*zeros, self.ring.gens[self.parameter]], self.surrogate.loss, strict))

    def sharp(self, found: Critical) -> Root:
        return found.root

    def moves(self, root: Root) -> bool:
        return True

    def crosses(self, root: Root) -> bool:
        return True

    def field(self, theta: Sequence[arb]) -> list[arb]:
        return [at(self.speeds[k], theta) if k in self.speeds else arb(0) for k in range(len(theta))]

    def slice_term(self, root: Root) -> Polynomial:
        return root.ring.gens[self.parameter] ** 2

    def shifted(self, theta: Sequence[arb], step: arb) -> list[arb]:
        """A point moved by a step of the parameter."""
        return [entry + step * speed for entry, speed in zip(theta, self.field(theta), strict=True)]

    def normal(self, theta: Sequence[arb], like: Sequence[arb]) -> list[arb] | None:
        found = self.shifted(theta, -theta[self.parameter])
        found[self.parameter] = arb(0)
        return found

    def near(self, like: Sequence[arb], theta: Sequence[arb]) -> list[arb] | None:
        here = self.shifted(like, theta[self.parameter].mid())
        return self.shifted(here, fitting_step(here, self.field(here), theta))

    def contains(self, theta: Sequence[arb]) -> bool | None:
        values = [at(self.surrogate.switches[k][0], theta) * self.surrogate.switches[k][1] for k in self.own]
        if any(value < 0 for value in values):
            return False
        return True if all(value > 0 for value in values) else None

    def interval(self, root: Root) -> Interval | None:
        low = high = None
        for form in self._forms():
            side = exact_sign(root, form[1])
            if side == 0:
                if exact_sign(root, form[0]) <= 0:
                    return None
            elif side > 0:
                low = form if low is None or _after(root, form, low) else low
            else:
                high = form if high is None or _after(root, high, form) else high
        if low is not None and high is not None and not _after(root, high, low):
            return None
        ends = tuple(self._end(root, one) for one in (low, high) if one is not None)
        return Interval(ends, 0 if len(ends) != 1 else 1 if high is None else -1)

    def _forms(self) -> list[Form]:
        """The strict switches that move, times their signs: on the slice, and how fast."""
        switches = [self.surrogate.switches[k] for k in sorted(self.own)]
        return [(switch * sign, self.moved(switch) * sign) for switch, sign in switches]

    def _end(self, root: Root, form: Form) -> End:
        step = -at(form[0], root.theta) / at(form[1], root.theta)
        theta = self.shifted(root.theta, arb(0) if exact_sign(root, form[0]) == 0 else step)
        flat = list(self.signs.all)
        for k, other in zip(sorted(self.own), self._forms(), strict=True):
            if exact_sign(root, form[0] * other[1] - form[1] * other[0]) == 0:
                flat[k] = "0"
        return End(self.signs.reshaped("".join(flat)), tuple(theta))


def _after(root: Root, one: Form, two: Form) -> bool:
    """Whether the zero of one form is larger than that of the other: `-a/b > -c/d`."""
    sign = exact_sign(root, two[0] * one[1] - one[0] * two[1])
    sides = exact_sign(root, one[1]) * exact_sign(root, two[1])
    if sides == 0:
        raise UnclearError("a number that may be zero decides where a curve ends")
    return sign * sides > 0


def translations(problem: Problem, signs: Signs) -> Iterator[Translation]:
    """All of a stratum, as far as they are of the two kinds."""
    for k in range(len(problem.parameters)):
        found = Translation(problem, signs, k, {})
        if found.holds():
            yield found
    for parameter, others in _biases(problem, signs):
        found = Translation(problem, signs, parameter, others)
        if found.holds():
            yield found


def _biases(problem: Problem, signs: Signs) -> Iterator[tuple[int, dict[int, tuple[int | None, fmpq]]]]:
    """Biases of units with one slope, not zero, and how the biases behind them make up for it."""
    place = {variable: k for k, variable in enumerate(problem.parameters)}
    constants = problem.constants()
    layers = problem.network.layers
    for position, (layer, following) in enumerate(pairwise(layers)):
        for unit in range(layer.units):
            slope = _slope(problem, layer, signs.layers[position][unit] if signs.layers[position] else "")
            own = place.get(Variable(f"{layer.name}.bias", (unit,)))
            if not slope or own is None:
                continue
            others: dict[int, tuple[int | None, fmpq]] = {}
            for k in range(following.units):
                bias, weight = Variable(f"{following.name}.bias", (k,)), Variable(f"{following.name}.weight", (k, unit))
                if bias in place and weight in place:
                    others[place[bias]] = (place[weight], -slope)
                elif bias in place:
                    others[place[bias]] = (None, -slope * rational(constants[weight]))
            yield own, others


def _slope(problem: Problem, layer: Layer, signs: str) -> fmpq | None:
    """The slope that a unit's activation has at all points; `None` if there is no such number."""
    sides = iter(signs)
    found = set()
    for _ in problem.data.x:
        piece: fmpq_poly = evaluate(
            layer.activation.expression,
            {Variable("z"): fmpq_poly([0, 1])},
            lambda _: "-0+".index(next(sides)) - 1,
            lambda c: fmpq_poly([rational(c)]),
        )
        if piece.degree() > 1:
            return None
        found.add((int(piece[1].p), int(piece[1].q)))
    return fmpq(*found.pop()) if len(found) == 1 else None
