"""Equal units and dead units of the last hidden layer, at any depth: the verdict on a network is that on a smaller one.

One output, positively homogeneous units phi, penalties `lambda v^2 + w^T Lambda w`, the same positive ones for every unit of the layer
(v the output weight, w the weights and the bias that go in), anything below and any loss above.

*Equal units.* Let some units have the same sign of v and parallel w, and let phi(w . a_i) be linear in w near them for all features a_i
near those at the point: their switches are strict, or w is a number, phi(w a) = |w| phi(a sign w). Then near the point the outputs depend
on the sum p of their |v_l| w_l only, and the least penalty for it is `2 sqrt(lambda) |Lambda^(1/2) p|`, that of a single unit: triangle
inequality. So the loss is at least that of the network in which one balanced unit has their sum; and that network is part of the large
one. One is at a local minimum if and only if the other is. (For families the verdict is one and the same.)

*Dead units.* Let the loss be smooth around the outputs, with derivatives g_i. A dead unit that wakes to a small p = |v| w changes it by
`+- sum_i g_i phi(p . a_i)` plus at least `2 sqrt(lambda) |Lambda^(1/2) p|`, up to o(|p|). With b the sum of the g_i a_i times the slopes of
phi on a cell of the features' arrangement, the loss falls for some p there if `Q = 4 lambda Lambda - b b^T` is negative somewhere on the
cell, and it grows for all of them if Q is positive on the closed cell without 0. On the open cell of a living unit that is critical, Q is
positive but for the direction of that unit: near it the dead unit is an equal one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from reluspec.engines.algebraic.exact.cones import cell_cones
from reluspec.engines.algebraic.exact.forms import Copositivity, form_on_cone
from reluspec.engines.algebraic.exact.linear import dot
from reluspec.engines.algebraic.judging.convexity import activation_slopes, quadratic_penalties
from reluspec.engines.algebraic.judging.dual import loss_gradient
from reluspec.engines.algebraic.stationary.charts import Chart, Unit, unit_groups
from reluspec.engines.algebraic.stationary.polyhedra import CriticalSet, Vector, field_scalars, value_at
from reluspec.problem.expression import Constant, Expression, Variable, substitute
from reluspec.problem.problem import Network, Penalty, Problem
from reluspec.regions.signs import Signs
from reluspec.systems.surrogate import surrogate

MAX_CELLS = 2_000
"""Cells of a unit that are looked at."""


class NotMergeable(Exception):  # noqa: N818 - an outcome: the argument says nothing here
    """The problem, the point or the family is not of this kind."""


class DeadUnitFalls(Exception):  # noqa: N818 - an outcome
    """A dead unit that wakes in some direction lowers the loss."""


@dataclass(frozen=True)
class Smaller:
    """A network without some units of the last hidden layer, and the critical point of it that has the same verdict."""

    problem: Problem
    signs: Signs
    found: CriticalSet


def smaller(problem: Problem, signs: Signs, found: CriticalSet) -> Smaller:
    """The problem with equal units merged and dead ones left out; the points of a family all have one image.

    Raises `NotMergeable`, `DeadUnitFalls`; `ParityError` where the chart does not tell a value; `TooManyCells`.
    """
    return _Merging(problem, signs, found).smaller()


class _Merging:
    def __init__(self, problem: Problem, signs: Signs, found: CriticalSet) -> None:
        if found.is_curved or found.singular:
            raise NotMergeable
        self.problem, self.signs, self.found = problem, signs, found
        self.units = unit_groups(problem)
        self.row = _common_penalties(problem, self.units)
        hidden = problem.network.layers[-2]
        slopes = activation_slopes(hidden.activation.expression)
        if slopes is None or len(hidden.activation.kinks) != 1:
            raise NotMergeable
        self.slopes = slopes
        self.scalars = field_scalars(found.field)
        charted = {unit.output: unit for unit in found.living}
        if not set(charted) <= {unit.output for unit in self.units}:
            raise NotMergeable
        self.living = {u: charted[unit.output] for u, unit in enumerate(self.units) if unit.output in charted}
        self.dead = [u for u, unit in enumerate(self.units) if u not in self.living]
        moving = (found.witness, *found.directions)
        if any(point[k] != 0 for u in self.dead for k in self.units[u].parameters for point in moving):
            raise NotMergeable

    def smaller(self) -> Smaller:
        groups = self._groups()
        kept = [group[0] for group in groups] or self.dead[:1]
        if len(kept) == len(self.units):
            raise NotMergeable
        if self.dead:
            self._check_dead([group[0] for group in groups])
        for group in groups:
            if len(group) > 1 or self.dead:
                self._check_linear(group)
        return self._without(kept, groups)

    # Equal units

    def _groups(self) -> list[list[int]]:
        """The living units, those together whose output weights have the same sign and whose directions are parallel on the whole set."""
        groups: list[list[int]] = []
        for u in self.living:
            home = next((group for group in groups if self._equal(group[0], u)), None)
            if home is None:
                groups.append([u])
            else:
                home.append(u)
        return groups

    def _equal(self, one: int, other: int) -> bool:
        first, second = self.living[one], self.living[other]
        if self._sigma(one) != self._sigma(other) or _local(first) != _local(second):
            return False
        a, b = self._direction(one), self._direction(other)
        k = next(j for j, entry in enumerate(a) if entry != 0)
        return a[k].sign() == b[k].sign() and all(a[k] * q == b[k] * p for p, q in zip(a, b, strict=True))

    def _sigma(self, u: int) -> int:
        return self.found.sigma[self.found.living.index(self.living[u])]

    def _direction(self, u: int) -> Vector:
        """A positive multiple of the unit's parameters times the sign of its output weight."""
        unit, witness = self.living[u], self.found.witness
        s = witness[unit.output]
        return tuple(witness[k] if k in unit.products else witness[k] * s for k in unit.incoming)

    def _check_linear(self, group: Sequence[int]) -> None:
        """Whether outputs are linear in the units' products nearby, and the units stay parallel along a family."""
        hidden = len(self.problem.network.layers) - 2
        number = self.problem.network.fan_in(hidden) == 1 and not self.problem.network.layers[hidden].bias
        if not number and any("0" in self.signs.layers[hidden][u] for u in group):
            raise NotMergeable
        witness = self.found.witness
        for unit in (self.living[u] for u in group):
            for move in self.found.directions:
                turns = (
                    move[k] * witness[unit.output] - move[unit.output] * witness[k] if k in unit.products else move[k]
                    for k in unit.incoming
                )
                if any(entry != 0 for entry in turns):
                    raise NotMergeable

    # Dead units

    def _check_dead(self, living: Sequence[int]) -> None:
        if "0" in self.signs.objective:
            raise NotMergeable
        scalars = self.scalars
        gradient = [entry[0] for entry in loss_gradient(self.problem, self.signs, self.found)]
        features = self._features()
        seen = [i for i, row in enumerate(features) if any(entry != 0 for entry in row)]
        rows = [features[i] for i in seen]
        width = len(self.row) - 1
        own = [[self._sigma(u) * dot(row, self._direction(u), scalars).sign() for row in rows] for u in living]
        for cell, cone in cell_cones(rows, width, scalars, MAX_CELLS):
            if list(cell) in own:
                continue
            weights = [gradient[i] * self.slopes[side > 0] for i, side in zip(seen, cell, strict=True)]
            b = [sum((weight * row[k] for weight, row in zip(weights, rows, strict=True)), scalars.zero) for k in range(width)]
            matrix = [
                [(scalars.number(4 * self.row[0] * self.row[1 + i]) if i == j else scalars.zero) - b[i] * b[j] for j in range(width)]
                for i in range(width)
            ]
            kind = form_on_cone(matrix, cone.lineality, cone.rays, scalars).kind
            if kind is Copositivity.NEGATIVE:
                raise DeadUnitFalls
            if kind is not Copositivity.STRICT:
                raise NotMergeable

    def _features(self) -> list[Vector]:
        """What the last hidden layer sees at each data point, and 1 for its bias: the switches of a unit are linear in its parameters."""
        local, chart, zero = surrogate(self.problem, self.signs), Chart(self.found.living), self.found.field.element(0)
        first = sum(len(unit) for layer in self.signs.layers[:-2] for unit in layer)
        # A dead unit's own parameters are not charted.
        dead, count = self.dead[0], len(self.problem.data)
        switches = [local.switches[first + dead * count + i].polynomial for i in range(count)]
        incoming = self.units[dead].incoming
        return [tuple(value_at(chart.even(q.derivative(k)), self.found.witness, zero) for k in incoming) for q in switches]

    # The smaller network

    def _without(self, kept: Sequence[int], groups: Sequence[Sequence[int]]) -> Smaller:
        problem, hidden, output = self.problem, *self.problem.network.layers[-2:]
        layers = (*problem.network.layers[:-2], replace(hidden, units=len(kept)), output)
        renamed = dict(_renamed(problem, self.units, kept))
        values: dict[Variable, Expression] = {variable: Constant(Fraction(0)) for variable in problem.parameters}
        values |= renamed
        terms = tuple(Penalty(term.text, substitute(term.expression, values)) for term in problem.regulariser)
        less = replace(problem, network=Network(problem.network.inputs, layers), regulariser=terms)
        place = {variable: k for k, variable in enumerate(problem.parameters)}
        new = {variable: k for k, variable in enumerate(less.parameters)}
        at = {place[old]: new[name] for old, name in renamed.items()}
        sums = {k: [self.living[u].parameters[j] for u in group] for group in groups for j, k in self._summed(group[0])}
        witness, *directions = (
            tuple(sum((point[k] for k in sums.get(old, [old])), self.scalars.zero) for old in sorted(at, key=at.__getitem__))
            for point in (self.found.witness, *self.found.directions)
        )
        if any(entry != 0 for move in directions for entry in move):
            raise NotMergeable
        alive = [self.living[u] for u in kept if u in self.living]
        charted = tuple(
            Unit(at[unit.output], tuple(at[k] for k in unit.incoming), frozenset(at[k] for k in unit.products)) for unit in alive
        )
        names = tuple(self.signs.layers[-2][u] for u in kept)
        signs = replace(self.signs, layers=(*self.signs.layers[:-2], names, self.signs.layers[-1]))
        sigma = tuple(self._sigma(u) for u in kept if u in self.living)
        return Smaller(less, signs, CriticalSet(self.found.field, charted, sigma, witness, (), (witness,), (), (frozenset(),), False))

    def _summed(self, u: int) -> list[tuple[int, int]]:
        """The coordinates of a unit that are added up when equal units merge: where they stand among its parameters, and in theta."""
        unit = self.living[u]
        return [(j, k) for j, k in enumerate(unit.parameters) if k == unit.output or k in unit.products]


def _common_penalties(problem: Problem, units: Sequence[Unit]) -> tuple[Fraction, ...]:
    """The row of penalties of every unit, output weight first. Raises `NotMergeable` unless it is one and positive."""
    penalties = quadratic_penalties(problem) if len(units) > 1 else None
    if penalties is None or problem.network.layers[-1].activation.expression != Variable("z"):
        raise NotMergeable
    row, *others = {tuple(penalties[k] for k in unit.parameters) for unit in units}
    if others or min(row) <= 0:
        raise NotMergeable
    return row


def _local(unit: Unit) -> list[bool]:
    """Which of a unit's parameters its chart gives as products."""
    return [k in unit.products for k in unit.incoming]


def _renamed(problem: Problem, units: Sequence[Unit], kept: Sequence[int]) -> list[tuple[Variable, Variable]]:
    """The parameters that stay and their names in the smaller network."""
    own = {k: u for u, unit in enumerate(units) for k in unit.parameters}
    hidden = problem.network.layers[-2].name
    found = []
    for k, variable in enumerate(problem.parameters):
        if k not in own:
            found.append((variable, variable))
        elif own[k] in kept:
            u, index = kept.index(own[k]), variable.index
            moved = (u, *index[1:]) if variable.name.startswith(f"{hidden}.") else (*index[:-1], u)
            found.append((variable, Variable(variable.name, moved)))
    return found
