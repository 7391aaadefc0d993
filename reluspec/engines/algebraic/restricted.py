"""A stratum with its affine zero switches solved: what is left to be made critical."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from flint import fmpq_mpoly

from reluspec.engines.algebraic.charts import Unit, unit_groups
from reluspec.engines.algebraic.smoothness import smooth_switches
from reluspec.problem.expression import sign
from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs
from reluspec.systems.existence import solve_affine
from reluspec.systems.surrogate import Surrogate, constant_value, empty, surrogate


@dataclass(frozen=True)
class Restricted:
    """A stratum after its affine zero switches have been solved.

    `images` give every parameter in terms of the free ones; `loss`, `constraints` (zero switches that are not affine and need a
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
        """The units whose parameters were eliminated, if at all, in favour of their own, homogeneously."""
        return tuple(unit for unit in unit_groups(self.surrogate.problem) if self._apart(unit))

    def _apart(self, unit: Unit) -> bool:
        for k, image in enumerate(self.images):
            own = k in unit.incoming
            for exponents in image.to_dict():
                inside = any(exponents[j] for j in unit.incoming)
                if k == unit.output or exponents[unit.output]:
                    if image != self.surrogate.context.gen(unit.output) or k != unit.output:
                        return False
                elif own != inside:
                    return False
        return True


def restricted(problem: Problem, signs: Signs) -> Restricted:
    """Solve the affine zero switches that need a multiplier. Raises `StratumError` where the stratum is found to be empty."""
    local = surrogate(problem, signs)
    zeros = [
        (smooth, switch.polynomial) for smooth, switch in zip(smooth_switches(problem), local.switches, strict=True) if switch.sign == 0
    ]
    images = tuple(local.context.gens())
    sharp = _distinct(local, [polynomial for smooth, polynomial in zeros if not smooth])
    while affine := [polynomial for polynomial in sharp if polynomial.total_degree() == 1]:
        step = solve_affine(affine, local.context)
        images = tuple(image.compose(*step) for image in images)
        sharp = _distinct(local, [polynomial.compose(*step) for polynomial in sharp])
    strict = []
    for position, switch in enumerate(local.switches):
        if switch.sign:
            polynomial = switch.polynomial.compose(*images)
            value = constant_value(polynomial)
            if value is None:
                strict.append((position, switch.sign, polynomial))
            elif sign(value) != switch.sign:
                raise empty(local.name, f"the switch of {switch.place} is {value} where the zero switches vanish")
    equations = _distinct(local, [polynomial.compose(*images) for smooth, polynomial in zeros if smooth])
    return Restricted(local, images, local.loss.compose(*images), tuple(sharp), tuple(equations), tuple(strict))


def _distinct(local: Surrogate, polynomials: Sequence[fmpq_mpoly]) -> list[fmpq_mpoly]:
    """Without zeros and multiples. Raises `StratumError` for a constant that should vanish."""
    found: dict[str, fmpq_mpoly] = {}
    for polynomial in polynomials:
        if polynomial.is_zero():
            continue
        if polynomial.is_constant():
            raise empty(local.name, "its zero switches contradict each other")
        found.setdefault(str(polynomial / polynomial.leading_coefficient()), polynomial)
    return list(found.values())
