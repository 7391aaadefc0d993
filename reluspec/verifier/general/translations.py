"""Strata whose loss does not depend on one parameter: their critical points come in lines, of which the strict switches leave segments.

The bias, without penalty, of a unit that is off at all points, say. The parameter t is dropped; what is left has isolated critical points.
A strict switch that depends on t is `alpha + t beta` there and cuts a half-line; all together they leave an interval, which may be empty.
"""

from __future__ import annotations

from collections.abc import Sequence

from flint import arb

from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs
from reluspec.verifier.general.lagrange import System, branches
from reluspec.verifier.general.motion import End, Interval, UnclearError, exact_sign
from reluspec.verifier.general.refine import Critical
from reluspec.verifier.raw import Polynomial, Ring, Root, Surrogate, at


class Translation:
    """Along one parameter: the `Motion` of a stratum's critical points on segments, rays or lines."""

    nonempty = False

    def __init__(self, problem: Problem, signs: Signs, parameter: int) -> None:
        self.signs, self.parameter = signs, parameter
        surrogate = Ring(problem).surrogate(signs)
        self.ring = Ring(problem, sum(sign == 0 for _, sign in surrogate.switches))
        self.surrogate = self.ring.surrogate(signs)
        self.own = {k for k, (switch, sign) in enumerate(self.surrogate.switches) if sign and self._slope(switch) != 0}

    @classmethod
    def of(cls, problem: Problem, signs: Signs) -> Translation | None:
        """That of a stratum whose loss and kinks do not depend on exactly one parameter."""
        surrogate = Ring(problem).surrogate(signs)
        used = [surrogate.loss, *(switch for switch, sign in surrogate.switches if sign == 0)]
        free = [k for k in range(len(problem.parameters)) if all(one.derivative(k) == 0 for one in used)]
        if len(free) != 1:
            return None
        found = cls(problem, signs, free[0])
        curved = any(found._slope(found._slope(found.surrogate.switches[k][0])) != 0 for k in found.own)
        return None if curved else found

    def _slope(self, polynomial: Polynomial) -> Polynomial:
        return polynomial.derivative(self.parameter)

    def keeps(self, cell: Surrogate) -> bool:
        others = [switch for k, (switch, _) in enumerate(cell.switches) if k not in self.own]
        return all(self._slope(one) == 0 for one in (cell.loss, *others))

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
        return [arb(int(k == self.parameter)) for k in range(len(theta))]

    def slice_term(self, root: Root) -> Polynomial:
        return root.ring.gens[self.parameter] ** 2

    def normal(self, theta: Sequence[arb], like: Sequence[arb]) -> list[arb] | None:
        return [arb(0) if k == self.parameter else entry for k, entry in enumerate(theta)]

    def near(self, like: Sequence[arb], theta: Sequence[arb]) -> list[arb] | None:
        return [theta[k].mid() if k == self.parameter else entry for k, entry in enumerate(like)]

    def contains(self, theta: Sequence[arb]) -> bool | None:
        values = [at(self.surrogate.switches[k][0], theta) * self.surrogate.switches[k][1] for k in self.own]
        if any(value < 0 for value in values):
            return False
        return True if all(value > 0 for value in values) else None

    def interval(self, root: Root) -> Interval | None:
        """`None` if no point of the line has the stratum's signs. Raises `UnclearError`."""
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

    def _forms(self) -> list[tuple[Polynomial, Polynomial]]:
        """The strict switches, times their signs, as `alpha + t beta`."""
        found = []
        for k in sorted(self.own):
            switch, sign = self.surrogate.switches[k]
            slope = self._slope(switch)
            found.append(((switch - slope * self.ring.gens[self.parameter]) * sign, slope * sign))
        return found

    def _end(self, root: Root, form: tuple[Polynomial, Polynomial]) -> End:
        theta = list(root.theta)
        theta[self.parameter] = -at(form[0], root.theta) / at(form[1], root.theta)
        if exact_sign(root, form[0]) == 0:
            theta[self.parameter] = arb(0)
        flat = list(self.signs.all)
        for k, other in zip(sorted(self.own), self._forms(), strict=True):
            if exact_sign(root, form[0] * other[1] - form[1] * other[0]) == 0:
                flat[k] = "0"
        return End(self.signs.reshaped("".join(flat)), tuple(theta))


def _after(root: Root, one: tuple[Polynomial, Polynomial], two: tuple[Polynomial, Polynomial]) -> bool:
    """Whether the zero of one form is larger than that of the other: `-a/b > -c/d`."""
    sign = exact_sign(root, two[0] * one[1] - one[0] * two[1])
    sides = exact_sign(root, one[1]) * exact_sign(root, two[1])
    if sides == 0:
        raise UnclearError("a number that may be zero decides where a curve ends")
    return sign * sides > 0
