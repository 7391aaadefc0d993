"""An exact point of a stratum, as a proof that there is one.

Parameters are given values one after another until what is left is affine, and hence a linear program; the relaxation says at each step
whether the value chosen can still do. Weights of deeper layers come first: units are homogeneous, mostly, so that their signs are what
matters. After that, the first layers are tried first. What is found is checked by evaluating the network.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from random import Random
from typing import Any

from flint import fmpq_mpoly

from reluspec.errors import LimitError
from reluspec.problem.expression import Variable
from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs, format_signs, signs_at
from reluspec.systems.evaluation import value_at
from reluspec.systems.forward import Forward
from reluspec.systems.relaxation import Relaxation, strict_point
from reluspec.systems.surrogate import rational

Point = dict[Variable, Fraction]


def find_point(problem: Problem, signs: Signs, tries: int = 24, seed: int = 0) -> Point | None:
    """A rational point of the stratum, verified, or `None` when none was found: for affine switches there is none then.

    `tries` bounds the dead ends that are run into; the same `seed` finds the same point. Raises `StratumError` for signs that do not fit
    the problem.
    """
    format_signs(problem, signs)
    forward = Forward(problem)
    start: Relaxation | None = Relaxation(forward.context)
    try:
        switches = forward.switches(signs)
    except LimitError:
        return None
    # Equations first: they make the rest smaller. Affine ones of the first layer come first among them.
    for polynomial, side in sorted(switches, key=lambda switch: switch[1] != 0):
        start = start.assume(polynomial, side) if start is not None else None
    if start is None:
        return None
    random = Random(seed)
    budget = _Budget(tries)
    while True:
        search = _Search(problem, signs, random, budget, plain=budget.round == 0, forwards=budget.round % 2 == 1)
        found = search.complete(start)
        if found is not None or start.affine or budget.left <= 0:
            return found
        budget.round += 1
        budget.left -= 1


def theta_of(problem: Problem, point: Point) -> dict[str, Any]:
    """Free parameters as the tensors that `signs_at` and `loss_at` take."""
    theta: dict[str, Any] = {}
    for position, layer in enumerate(problem.network.layers):
        if layer.fixed_weight is None:
            fan_in = range(problem.network.fan_in(position))
            theta[f"{layer.name}.weight"] = [[point[Variable(f"{layer.name}.weight", (u, k))] for k in fan_in] for u in range(layer.units)]
        if layer.bias and layer.fixed_bias is None:
            theta[f"{layer.name}.bias"] = [point[Variable(f"{layer.name}.bias", (u,))] for u in range(layer.units)]
    return theta


@dataclass
class _Budget:
    left: int
    round: int = 0


@dataclass(frozen=True)
class _Search:
    """One round. `plain` values are 1, -1 and 0; `forwards` fixes the first layers first, otherwise deep weights."""

    problem: Problem
    signs: Signs
    random: Random
    budget: _Budget
    plain: bool
    forwards: bool
    order: list[int] = field(init=False)

    def __post_init__(self) -> None:
        layers = {layer.name: position for position, layer in enumerate(self.problem.network.layers)}

        def rank(k: int) -> tuple[int, int]:
            name, _, kind = self.problem.parameters[k].name.rpartition(".")
            return (layers[name], 0) if self.forwards else (int(kind == "bias"), -layers[name])

        object.__setattr__(self, "order", sorted(range(len(self.problem.parameters)), key=rank))

    def complete(self, relaxation: Relaxation) -> Point | None:
        if relaxation.affine:
            return self._verified(relaxation)
        position = self._next(relaxation)
        generator = relaxation.context.gens()[position]
        for value in self._values(relaxation, position):
            fixed = relaxation.assume(generator - rational(value), 0)
            found = self.complete(fixed) if fixed is not None else None
            if found is not None:
                return found
            self.budget.left -= 1
            if self.budget.left <= 0:
                return None
        return None

    def _next(self, relaxation: Relaxation) -> int:
        """The first parameter in order that keeps some switch from being affine."""
        nonlinear = [polynomial for polynomial in (*relaxation.zeros, *relaxation.strict) if polynomial.total_degree() > 1]
        used = {
            k
            for polynomial in nonlinear
            for monomial in polynomial.to_dict()
            if sum(monomial) > 1
            for k, exponent in enumerate(monomial)
            if exponent
        }
        return next(k for k in self.order if k in used)

    def _values(self, relaxation: Relaxation, position: int) -> Iterator[Fraction]:
        """Values to try: where affine switches restrict the parameter, those of points that satisfy them."""
        affine = [polynomial for polynomial in relaxation.strict if polynomial.total_degree() == 1]
        if any(polynomial.degrees()[position] for polynomial in affine):
            for _ in range(2):
                point = strict_point(affine, self._bounds(len(affine)))
                if point is not None and position in point:
                    yield point[position]
            return
        side = 1 if self.plain else self.random.choice((1, -1))
        size = Fraction(1) if self.plain else Fraction(self.random.randint(1, 8), self.random.randint(1, 4))
        yield from (side * size, -side * size, Fraction(0))

    def _bounds(self, count: int) -> list[int]:
        return [1 if self.plain else self.random.randint(1, 9) for _ in range(count)]

    def _verified(self, relaxation: Relaxation) -> Point | None:
        free = strict_point(relaxation.strict, self._bounds(len(relaxation.strict)))
        if free is None:
            return None
        images: tuple[fmpq_mpoly, ...] = relaxation.images or relaxation.context.gens()
        values = [free.get(k, Fraction(1)) for k in range(len(self.problem.parameters))]
        point = {variable: Fraction(value_at(image, values)) for variable, image in zip(self.problem.parameters, images, strict=True)}
        return point if signs_at(self.problem, theta_of(self.problem, point)) == self.signs else None
