"""A stratum with its zero switches solved, as far as polynomials go: what is left to be made critical."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from flint import fmpq_mpoly

from reluspec.engines.algebraic.ideals.groebner import Groebner, Quotient, SolvingLimit, flint_basis
from reluspec.engines.algebraic.judging.convexity import ConvexIn, convex_kind
from reluspec.engines.algebraic.stationary.charts import (
    Chart,
    ParityError,
    Unit,
    charted_units,
    plain_units,
    plainly_charted,
    unit_groups,
)
from reluspec.engines.algebraic.stationary.smoothness import smooth_switches
from reluspec.problem.expression import sign
from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs, penalty_kinks
from reluspec.systems.surrogate import Surrogate, constant_value, monic_key, surrogate


@dataclass(frozen=True)
class Restricted:
    """A piece of a stratum.

    `images` give every parameter in terms of the free ones; `loss`, `constraints` (zero switches that are not solved and need a
    multiplier), `equations` (zero switches across which the loss is smooth) and `strict` (position of the switch, its sign, its
    polynomial) are polynomials in these.
    """

    surrogate: Surrogate
    images: tuple[fmpq_mpoly, ...]
    loss: fmpq_mpoly
    constraints: tuple[fmpq_mpoly, ...]
    equations: tuple[fmpq_mpoly, ...]
    strict: tuple[tuple[int, int, fmpq_mpoly], ...]

    @cached_property
    def free(self) -> tuple[int, ...]:
        """Positions of the parameters that are left."""
        return tuple(k for k, image in enumerate(self.images) if image == self.surrogate.context.gen(k))

    @property
    def polynomials(self) -> tuple[fmpq_mpoly, ...]:
        return (self.loss, *self.constraints, *self.equations, *(polynomial for _, _, polynomial in self.strict))

    @cached_property
    def units(self) -> tuple[Unit, ...]:
        """The units that may have a chart: when their signs are flipped, so are their eliminated parameters, and no others.

        Beside the stratum, too: a penalty such as |w| with its kink here is c w and -c w on its sides, which are not even in the unit.
        """
        return tuple(unit for unit in unit_groups(self.surrogate.problem) if self._apart(unit) and not self._bent(unit))

    @cached_property
    def flippable(self) -> tuple[Unit, ...]:
        """Those of the units whose signs neither the polynomials nor the eliminated parameters tell."""
        eliminated = [image for k, image in enumerate(self.images) if k not in self.free]
        return charted_units(self.units, [*self.polynomials, *eliminated], self.free)

    @cached_property
    def plainly_charted(self) -> tuple[Unit, ...]:
        """The units that get plain charts: none where one of them cannot have one. Output weights that are eliminated are constant."""
        units = [unit for unit in _plain_units(self.surrogate.problem) if unit.output in self.free]
        on_walls = {unit.output for unit in units if any(k not in self.free for k in unit.incoming)}
        eliminated = [image for k, image in enumerate(self.images) if k not in self.free and not any(k in unit.incoming for unit in units)]
        polynomials = [self.loss, *self.constraints, *self.equations, *eliminated]
        return plainly_charted(units, polynomials, [polynomial for _, _, polynomial in self.strict], self.free, on_walls) or ()

    def _bent(self, unit: Unit) -> bool:
        """Whether flipping the unit's signs exchanges the sides of a penalty's kink on which the stratum lies."""
        switches = self.surrogate.switches
        for switch in switches[len(switches) - penalty_kinks(self.surrogate.problem) :]:
            try:
                if switch.sign == 0 and any(Chart((unit,)).transform(switch.polynomial)[1]):
                    return True
            except ParityError:
                return True
        return False

    def _apart(self, unit: Unit) -> bool:
        chart = Chart((unit,))
        for k, image in enumerate(self.images):
            try:
                terms, parity = chart.transform(image)
            except ParityError:
                return False
            if terms and parity != (int(k in unit.parameters),):
                return False
        return self.images[unit.output] == self.surrogate.context.gen(unit.output)


def restrictions(problem: Problem, signs: Signs, groebner: Groebner = flint_basis) -> Iterator[Restricted]:
    """The stratum as a union of pieces on which the zero switches are solved as far as polynomials go.

    A piece is where one factor of each zero switch that is a product vanishes (`v w = 0`: `v = 0` or `w = 0`; where a unit of a second
    layer is dead, the gradients of its switches are dependent on the whole stratum, on the pieces they are not). A local minimum is
    critical on every piece that it lies on. Nothing is yielded where the stratum is found to be empty. Raises `SolvingLimit`.
    """
    local = surrogate(problem, signs)
    smooth = smooth_switches(problem)
    zeros = [(flat, switch.polynomial) for flat, switch in zip(smooth, local.switches, strict=True) if switch.sign == 0]
    sharp = tuple(polynomial for flat, polynomial in zeros if not flat)
    kept = frozenset(unit.output for unit in _plain_units(problem))
    cases = _solved(_Case(local, tuple(local.context.gens()), sharp, kept=kept), groebner)
    for case in _largest(cases, groebner):
        strict = case.strict()
        if strict is not None:
            equations = _distinct([polynomial.compose(*case.images) for flat, polynomial in zeros if flat])
            if not any(polynomial.is_constant() for polynomial in equations):
                loss = local.loss.compose(*case.images)
                yield Restricted(local, case.images, loss, case.constraints, tuple(equations), tuple(strict))


def _plain_units(problem: Problem) -> tuple[Unit, ...]:
    """The units that may have plain charts, where the loss is convex in these."""
    return plain_units(problem) if convex_kind(problem) is ConvexIn.PRODUCTS else ()


@dataclass(frozen=True)
class _Case:
    """Parameters by the free ones, and the zero switches that are not solved yet; `reduced`: they are a Groebner basis.

    Parameters that are `kept` are not solved for: in plain charts output weights are coordinates. `several`: there may be more switches
    than it takes to describe the set, as a Groebner basis has.
    """

    local: Surrogate
    images: tuple[fmpq_mpoly, ...]
    constraints: tuple[fmpq_mpoly, ...]
    reduced: bool = False
    kept: frozenset[int] = frozenset()
    several: bool = False

    def strict(self) -> list[tuple[int, int, fmpq_mpoly]] | None:
        """The strict switches that are not constant; `None` where one has the wrong sign."""
        found = []
        for position, switch in enumerate(self.local.switches):
            if switch.sign:
                polynomial = switch.polynomial.compose(*self.images)
                value = constant_value(polynomial)
                if value is None:
                    found.append((position, switch.sign, polynomial))
                elif sign(value) != switch.sign:
                    return None
        return found

    def substituted(self, position: int, value: fmpq_mpoly) -> _Case:
        step = list(self.local.context.gens())
        step[position] = value
        constraints = tuple(polynomial.compose(*step) for polynomial in self.constraints)
        images = tuple(image.compose(*step) for image in self.images)
        return replace(self, images=images, constraints=constraints, reduced=False)


def _solved(case: _Case, groebner: Groebner) -> Iterator[_Case]:
    """Solve for parameters that occur linearly with a constant coefficient, split products, and leave the rest."""
    strict = case.strict()
    constraints = _distinct(case.constraints)
    if strict is None or any(polynomial.is_constant() for polynomial in constraints):
        return
    never_zero = {monic_key(polynomial) for _, _, polynomial in strict}
    # Affine ones first: they keep the images affine as long as can be.
    for polynomial in sorted(constraints, key=lambda q: q.total_degree()):
        if (found := _linear_in(polynomial, case.kept)) is not None:
            yield from _solved(replace(case, constraints=tuple(constraints)).substituted(*found), groebner)
            return
    for k, polynomial in enumerate(constraints):
        factors = [factor for factor, _ in polynomial.factor()[1] if monic_key(factor) not in never_zero]
        if len(factors) != 1 or factors[0].total_degree() < polynomial.total_degree():
            rest = tuple(other for j, other in enumerate(constraints) if j != k)
            for factor in factors:
                yield from _solved(replace(case, constraints=(*rest, factor), reduced=False), groebner)
            return
    if len(constraints) > 1 and not case.reduced:
        # Only if that leads on: a basis has more elements than it takes to describe the set, and their gradients are dependent.
        basis = groebner(case.local.context, constraints)
        if any(polynomial.is_constant() or _linear_in(polynomial, case.kept) or _is_product(polynomial) for polynomial in basis):
            yield from _solved(replace(case, constraints=tuple(basis), reduced=True, several=True), groebner)
            return
    yield replace(case, constraints=tuple(_needed(constraints, groebner) if case.several else constraints))


def _needed(constraints: Sequence[fmpq_mpoly], groebner: Groebner) -> list[fmpq_mpoly]:
    """Without those in the ideal of the others: their gradients are combinations of the others' where all vanish."""
    kept = list(constraints)
    for one in sorted(constraints, key=lambda q: (-q.total_degree(), -len(q))):
        rest = [other for other in kept if other is not one]
        if rest and Quotient(one.context(), groebner(one.context(), rest)).contains(one):
            kept = rest
    return kept


def _largest(cases: Iterable[_Case], groebner: Groebner) -> list[_Case]:
    """Without pieces that are part of others: a product that vanishes where the other zero switches do splits off such ones."""
    kept: list[_Case] = []
    for case in cases:
        if not any(_within(case, other, groebner) for other in kept):
            kept = [*(other for other in kept if not _within(other, case, groebner)), case]
    return kept


def _within(case: _Case, other: _Case, groebner: Groebner) -> bool:
    """Whether a piece is proved to be part of another one: its critical points need not be critical on that."""
    context = case.local.context
    given = [gen - image for gen, image in zip(context.gens(), other.images, strict=True)]
    wanted = [polynomial.compose(*case.images) for polynomial in (*given, *other.constraints)]
    if not case.constraints:
        return all(polynomial.is_zero() for polynomial in wanted)
    try:
        quotient = Quotient(context, groebner(context, case.constraints))
    except SolvingLimit:
        return False
    return all(quotient.contains(polynomial) for polynomial in wanted)


def _linear_in(polynomial: fmpq_mpoly, kept: frozenset[int]) -> tuple[int, fmpq_mpoly] | None:
    """A parameter with degree one and a constant coefficient, and the value at which the polynomial vanishes; if `kept`, a constant one."""
    for position, degree in enumerate(polynomial.degrees()):
        if degree == 1:
            coefficient = polynomial.derivative(position)
            if coefficient.is_constant():
                gen = polynomial.context().gen(position)
                value = gen - polynomial / coefficient.leading_coefficient()
                if position not in kept or value.is_constant():
                    return position, value
    return None


def _is_product(polynomial: fmpq_mpoly) -> bool:
    return sum(int(power) for _, power in polynomial.factor()[1]) > 1


def _distinct(polynomials: Sequence[fmpq_mpoly]) -> list[fmpq_mpoly]:
    """Without those that are linear combinations of others: where all vanish, their gradients would be dependent everywhere.

    The residuals of three points on a line, say, on a piece where the network is affine. A constant where a combination is one.
    """
    kept: list[fmpq_mpoly] = []
    heads: list[tuple[tuple[int, ...], fmpq_mpoly]] = []
    for polynomial in polynomials:
        rest = polynomial
        for monomial, reduced in heads:
            rest = rest - rest[monomial] * reduced
        if rest.is_zero():
            continue
        if rest.is_constant():
            return [rest]
        head = rest.monomial(0)
        heads.append((head, rest / rest.leading_coefficient()))
        kept.append(polynomial)
    return kept
