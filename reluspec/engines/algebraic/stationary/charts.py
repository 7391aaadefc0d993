"""Coordinates in which the critical equations of a stratum are small: a living unit by the square of its output weight.

Where flipping the sign of a unit's parameters (a, w) leaves the surrogate as it is, and a is not zero, the loss is a polynomial in s = a^2
and, for every parameter of the unit, its *direction* u = w / a or its *product* v = a w (up to powers of s): about half the degree, a
quarter of the solutions for every two units. In directions, the families of minima that units on one face share are polytopes in s
(theory.md section 4.2); products have the smallest degrees, and are right for parameters without a penalty, in which nothing else is
linear. (a, w) -> (s, u or v) is a diffeomorphism on either side of a = 0, so critical points, minima, ranks and signs of Hessians are the
same in both; the points with a = 0 form a branch of their own, in the coordinates (0, w).

**Plain charts.** A unit with fixed weights or a fixed bias has no sign symmetry. Where what is free of it has no penalty, the network
depends on a and the products v = a w alone, as a polynomial, and for a != 0 these are coordinates, too: a keeps its place, and points with
a > 0, a < 0 and a = 0 are told apart. In them the output is linear on a region, as are switches times |a|: with a convex loss critical
sets are polyhedra, where in (a, w) they are pieces of hyperbolas and worse.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TypeAlias

from flint import fmpq, fmpq_mpoly, fmpq_mpoly_ctx

from reluspec.problem.expression import Variable, variables
from reluspec.problem.problem import Problem

Terms: TypeAlias = dict[tuple[int, ...], fmpq]
"""A polynomial in the chart's coordinates, exponents -> coefficient; those of an s may be negative."""


@dataclass(frozen=True)
class Unit:
    """A unit of the last hidden layer: the positions in theta of its output weight and of its own free parameters.

    `products` are those of its own that a chart gives as products; the others it gives as directions.
    Other sign symmetries are written the same way (`sign_symmetries`): `output` is then the pivot, `incoming` what changes sign with it,
    and a weight between two units may be among the incoming parameters of both.
    `plain`: the coordinate at the output weight's position is a itself, not its square, and all of `incoming` are products.
    """

    output: int
    incoming: tuple[int, ...]
    products: frozenset[int] = frozenset()
    plain: bool = False

    @property
    def parameters(self) -> tuple[int, ...]:
        return (self.output, *self.incoming)


class ParityError(Exception):
    """A polynomial has monomials of odd and of even degree in one unit's parameters: no chart for that unit."""


def unit_groups(problem: Problem) -> tuple[Unit, ...]:
    """The units of the last hidden layer that may have a chart: one output, its weight free, no fixed parameter of their own."""
    if len(problem.network.layers) < 2:
        return ()
    *_, hidden, output = problem.network.layers
    if output.units != 1 or output.fixed_weight is not None or hidden.fixed_weight is not None or hidden.fixed_bias is not None:
        return ()
    position = {variable: k for k, variable in enumerate(problem.parameters)}
    inputs = range(problem.network.fan_in(len(problem.network.layers) - 2))
    groups = []
    for unit in range(hidden.units):
        own = [position[Variable(f"{hidden.name}.weight", (unit, k))] for k in inputs]
        if hidden.bias:
            own.append(position[Variable(f"{hidden.name}.bias", (unit,))])
        groups.append(Unit(position[Variable(f"{output.name}.weight", (0, unit))], tuple(own)))
    return tuple(groups)


def plain_units(problem: Problem) -> tuple[Unit, ...]:
    """The units that may have a plain chart: one hidden layer of which the weights or the bias are fixed, no penalty on what is free of it.

    One output, whose weights are free.
    """
    if len(problem.network.layers) != 2:
        return ()
    hidden, output = problem.network.layers
    fixed = (hidden.fixed_weight is not None, not hidden.bias or hidden.fixed_bias is not None)
    penalised = {variable.name for term in problem.regulariser for variable in variables(term.expression)}
    if output.units != 1 or output.fixed_weight is not None or all(fixed) or (hidden.fixed_weight is None and hidden.fixed_bias is None):
        return ()
    if penalised & {f"{hidden.name}.weight", f"{hidden.name}.bias"}:
        return ()
    groups = []
    for unit in range(hidden.units):
        own = (k for k, one in enumerate(problem.parameters) if one.name.startswith(f"{hidden.name}.") and one.index[0] == unit)
        groups.append(Unit(problem.parameters.index(Variable(f"{output.name}.weight", (0, unit))), tuple(own), plain=True))
    return tuple(groups)


@dataclass(frozen=True)
class Chart:
    """The coordinates (s, u or v) for the `living` units, (a, v) for plain ones; every other coordinate is the parameter itself.

    The coordinate at the position of a living unit's output weight is s, those at its own parameters are u or v.
    """

    living: tuple[Unit, ...]

    def transform(self, polynomial: fmpq_mpoly) -> tuple[Terms, tuple[int, ...]]:
        """A polynomial in the chart, and its parity (0 or 1) for every living unit.

        Where a parity is odd, the polynomial has been divided by |a| and its sign has to be multiplied by the sign of a. In plain charts
        it has been multiplied by the least power of a that leaves a polynomial, of that parity. Raises `ParityError`.
        """
        images, parity = self.expanded(polynomial)
        whole = list(parity)
        for place, unit in enumerate(self.living):
            least = min((exponents[unit.output] for exponents in images), default=0)
            if unit.plain and least < 0:
                images, whole[place] = times_scale(images, unit, -least), -least % 2
        return images, tuple(whole)

    def expanded(self, polynomial: fmpq_mpoly) -> tuple[Terms, tuple[int, ...]]:
        """The same, in plain charts with what powers of a there are, negative ones, too."""
        parity = None
        images: Terms = {}
        for exponents, coefficient in polynomial.to_dict().items():
            # a^alpha w^beta w'^gamma = a^(alpha + beta - gamma) u^beta v^gamma
            powers = [
                exponents[unit.output] + sum(-exponents[k] if k in unit.products else exponents[k] for k in unit.incoming)
                for unit in self.living
            ]
            odd = tuple(0 if unit.plain else power % 2 for unit, power in zip(self.living, powers, strict=True))
            if parity is not None and odd != parity:
                raise ParityError
            parity = odd
            image = list(exponents)
            for unit, power in zip(self.living, powers, strict=True):
                image[unit.output] = power if unit.plain else power // 2
            images[tuple(image)] = coefficient
        return images, parity or (0,) * len(self.living)

    def even(self, polynomial: fmpq_mpoly) -> Terms:
        """A polynomial that does not change its sign with any unit's and is one in plain charts, too. Raises `ParityError`."""
        image, parity = self.expanded(polynomial)
        if any(parity) or any(unit.plain and exponents[unit.output] < 0 for unit in self.living for exponents in image):
            raise ParityError
        return image

    def cleared(self, terms: Terms, context: fmpq_mpoly_ctx) -> fmpq_mpoly:
        """Times powers of the s, or of the squares of plain units' a, all positive, such that it is a polynomial that none divides."""
        for unit in self.living:
            terms = times_scale(terms, unit, -least_power(terms, unit))
        return context.from_dict(terms)


def _shifted(exponents: tuple[int, ...], position: int, by: int) -> tuple[int, ...]:
    return (*exponents[:position], exponents[position] + by, *exponents[position + 1 :])


def least_power(terms: Iterable[tuple[int, ...]], unit: Unit) -> int:
    """The least power of a unit's s in some monomials; in a plain chart of a, if that is odd the one below, which is positive, too."""
    least = min((exponents[unit.output] for exponents in terms), default=0)
    return least - least % 2 if unit.plain else least


def derivative(terms: Mapping[tuple[int, ...], fmpq], position: int) -> Terms:
    """The derivative by one coordinate."""
    return {_shifted(e, position, -1): value * e[position] for e, value in terms.items() if e[position]}


def times_scale(terms: Terms, unit: Unit, power: int = 1) -> Terms:
    """The polynomial times a power of the s of a unit, in a plain chart of its a."""
    if not power:
        return terms
    return {_shifted(exponents, unit.output, power): value for exponents, value in terms.items()}


def charted_units(units: Sequence[Unit], polynomials: Sequence[fmpq_mpoly], positions: Sequence[int]) -> tuple[Unit, ...]:
    """The units whose sign symmetry all the polynomials have, with their parameters among `positions` (those that are free here).

    A unit without a free parameter of its own is dead and needs no chart. The first polynomial is the loss: a parameter that never stands
    there without as many output weights is taken as a product. Of a unit whose output weight no polynomial depends on only the signs
    of this weight are kept apart, since beside the stratum they matter; its other parameters are as they are.
    """
    charted = []
    for unit in units:
        own = tuple(k for k in unit.incoming if k in positions)
        if unit.output in positions and all(polynomial.degrees()[unit.output] <= 0 for polynomial in polynomials):
            charted.append(Unit(unit.output, ()))
            continue
        if not own or unit.output not in positions:
            continue
        chart = Chart((Unit(unit.output, own),))
        try:
            chart.even(polynomials[0])
            for polynomial in polynomials[1:]:
                chart.transform(polynomial)
        except ParityError:
            continue
        charted.append(Unit(unit.output, own, frozenset(k for k in own if _only_in_products(polynomials[0], unit.output, own, k))))
    return tuple(charted)


def plainly_charted(
    units: Sequence[Unit],
    polynomials: Sequence[fmpq_mpoly],
    strict: Sequence[fmpq_mpoly],
    positions: Sequence[int],
    beside: Collection[int],
) -> tuple[Unit, ...] | None:
    """The plain units with their parameters among `positions`, but those whose output weights nothing depends on there and nearby.

    `strict` are switches; the output weights `beside` matter beside the stratum. `None` where one of the polynomials is none in the charts.
    """
    charted = []
    for unit in units:
        own = tuple(k for k in unit.incoming if k in positions)
        if unit.output in beside or any(polynomial.degrees()[unit.output] > 0 for polynomial in (*polynomials, *strict)):
            charted.append(Unit(unit.output, own, frozenset(own), plain=True))
    chart = Chart(tuple(charted))
    try:
        for polynomial in polynomials:
            chart.even(polynomial)
    except ParityError:
        return None
    return chart.living


def _only_in_products(loss: fmpq_mpoly, output: int, own: Sequence[int], position: int) -> bool:
    return all(sum(exponents[k] for k in own) <= exponents[output] for exponents in loss.to_dict() if exponents[position])


def all_products(units: Sequence[Unit]) -> tuple[Unit, ...]:
    """The same units in charts of products only."""
    return tuple(Unit(unit.output, unit.incoming, frozenset(unit.incoming)) for unit in units)


def branches(units: Sequence[Unit]) -> Iterator[tuple[tuple[Unit, ...], tuple[Unit, ...]]]:
    """All ways to split the units in living ones and ones with a = 0."""
    for alive in product((True, False), repeat=len(units)):
        pairs = list(zip(units, alive, strict=True))
        yield tuple(unit for unit, living in pairs if living), tuple(unit for unit, living in pairs if not living)
