"""Coordinates in which the critical equations of a stratum are small: a living unit by the square of its output weight and its direction.

Where flipping the sign of a unit's parameters (a, w) leaves the surrogate as it is, and a is not zero, the loss is a polynomial in
s = a^2 and u = w / a: half the degree, a quarter of the solutions for every two units, and the families of minima that units on one face
share (theory.md section 4.2) become polytopes in s. (a, w) -> (s, u) is a diffeomorphism on either side of a = 0, so critical points,
minima, ranks and signs of Hessians are the same in both; the points with a = 0 form a branch of their own, in the coordinates (0, w).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from flint import fmpq_mpoly

from reluspec.problem.expression import Variable
from reluspec.problem.problem import Problem


@dataclass(frozen=True)
class Unit:
    """A unit of the last hidden layer: the positions in theta of its output weight and of its own free parameters."""

    output: int
    incoming: tuple[int, ...]

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


@dataclass(frozen=True)
class Chart:
    """The coordinates (s, u) for the `living` units; every other coordinate is the parameter itself.

    The coordinate at the position of a living unit's output weight is s, those at its own parameters are u.
    """

    living: tuple[Unit, ...]

    def transform(self, polynomial: fmpq_mpoly) -> tuple[fmpq_mpoly, tuple[int, ...]]:
        """A polynomial in the chart, and its parity (0 or 1) for every living unit.

        Where a parity is odd, the polynomial has been divided by |a| and its sign has to be multiplied by the sign of a. Raises
        `ParityError`.
        """
        terms = polynomial.to_dict()
        parity = None
        images = {}
        for exponents, coefficient in terms.items():
            degrees = [sum(exponents[k] for k in unit.parameters) for unit in self.living]
            odd = tuple(degree % 2 for degree in degrees)
            if parity is not None and odd != parity:
                raise ParityError
            parity = odd
            image = list(exponents)
            for unit, degree in zip(self.living, degrees, strict=True):
                image[unit.output] = degree // 2
            images[tuple(image)] = coefficient
        if len(images) != len(terms):
            raise AssertionError("a chart is one to one on monomials of one parity")
        return polynomial.context().from_dict(images), parity or (0,) * len(self.living)

    def even(self, polynomial: fmpq_mpoly) -> fmpq_mpoly:
        """A polynomial that does not change its sign with any unit's. Raises `ParityError`."""
        image, parity = self.transform(polynomial)
        if any(parity):
            raise ParityError
        return image

    def gradient(self, loss: fmpq_mpoly, positions: Sequence[int]) -> list[fmpq_mpoly]:
        """The derivatives of a loss in the chart; those by u are divided by s, a factor that all of their terms have."""
        owner = {k: unit for unit in self.living for k in unit.incoming}
        found = []
        for k in positions:
            derivative = loss.derivative(k)
            if k in owner and not derivative.is_zero():
                derivative = _divided(derivative, owner[k].output)
            found.append(derivative)
        return found


def _divided(polynomial: fmpq_mpoly, position: int) -> fmpq_mpoly:
    terms = polynomial.to_dict()
    if any(not exponents[position] for exponents in terms):
        raise AssertionError("every term with a direction has the factor s")
    lowered = {(*e[:position], e[position] - 1, *e[position + 1 :]): value for e, value in terms.items()}
    return polynomial.context().from_dict(lowered)


def charted_units(units: Sequence[Unit], polynomials: Sequence[fmpq_mpoly], positions: Sequence[int]) -> tuple[Unit, ...]:
    """The units whose sign symmetry all the polynomials have, with their parameters among `positions` (those that are free here).

    A unit without a free parameter of its own is dead and needs no chart.
    """
    charted = []
    for unit in units:
        own = tuple(k for k in unit.incoming if k in positions)
        if not own or unit.output not in positions:
            continue
        try:
            for polynomial in polynomials:
                Chart((Unit(unit.output, own),)).transform(polynomial)
        except ParityError:
            continue
        charted.append(Unit(unit.output, own))
    return tuple(charted)


def branches(units: Sequence[Unit]) -> Iterator[tuple[tuple[Unit, ...], tuple[Unit, ...]]]:
    """All ways to split the units in living ones and ones with a = 0."""
    for alive in product((True, False), repeat=len(units)):
        pairs = list(zip(units, alive, strict=True))
        yield tuple(unit for unit, living in pairs if living), tuple(unit for unit, living in pairs if not living)
