"""All real solutions of a stratum's system that have the stratum's signs: certified roots against a bound for their number.

The bound is the quotient algebra's (`quotient`), the roots are certified one by one (`roots`). If there are as many distinct ones as there
can be, there are no others. Solutions at which a strict switch is zero, or a parameter that cannot be zero in the stratum, do not count:
the rank of a multiplication leaves them out where they are finitely many, an equation `z h = 1` more where they are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from flint import Ordering, fmpq_mpoly_ctx
from numpy.typing import NDArray

from reluspec.verifier.general.cone import Cone
from reluspec.verifier.general.lagrange import System
from reluspec.verifier.general.quotient import InfiniteError, Quotient, SizeError, members
from reluspec.verifier.general.roots import Certified, Evaluator, Square, candidates, distinct
from reluspec.verifier.raw import Polynomial

SEEDS = (1, 2, 3)
MAX_SPLITS = 4
"""Parameters that are split into zero and not zero where a system has infinitely many solutions."""

Strict = Sequence[tuple[Polynomial, int]]


class OpenError(Exception):
    """The solutions are not all found; the message says why."""


@dataclass(frozen=True)
class Solution:
    """Midpoints of a system's unknowns, and a radius within which there is a true solution in every coordinate; within `alone` no other."""

    point: tuple[float, ...]
    radius: float
    alone: float = 0.0


def solutions(system: System) -> list[Solution]:
    """The real solutions with the stratum's signs, every one of them. Raises `OpenError`, `SizeError`."""
    if not system.unknown:
        return [Solution((), 0.0)]
    return _search(system).run()


def solution_near(system: System, start: Sequence[float]) -> Solution | None:
    """A certified solution with the stratum's signs near this one; `None` if none is found. No other solution is near it."""
    if len(system.equations) != len(system.unknown):
        return None
    try:
        return _search(system).near(start)
    except SizeError:
        return None


def _search(system: System) -> _Search:
    size = len(system.unknown)
    context = fmpq_mpoly_ctx.get([f"x{k}" for k in range(size)], Ordering.degrevlex)
    equations = [_moved(one, system.unknown, context) for one in system.equations]
    strict = [(_moved(one, system.unknown, context), sign) for one, sign in system.strict]
    return _Search(size, equations, [(one, sign) for one, sign in strict if one.total_degree() > 0])


class _Search:
    """`equations` in `size` unknowns, and the strict switches with their signs."""

    def __init__(self, size: int, equations: Sequence[Polynomial], strict: Strict) -> None:
        self.size, self.equations, self.strict = size, equations, strict

    def run(self) -> list[Solution]:
        context = self.equations[0].context() if self.equations else None
        if context is None:
            raise OpenError("every point of it is critical")
        nonzero: list[Polynomial] = []
        try:
            quotient = Quotient(members(context, self.equations), self.size)
        except InfiniteError:
            quotient, nonzero = self._saturated()
        if not quotient.size:
            return []
        if len(self.equations) != self.size:
            if quotient.bound([one for one, _ in self.strict]):
                raise OpenError("more equations than unknowns, and complex solutions all the same")
            return []
        return self._certified(quotient, nonzero)

    def near(self, start: Sequence[float]) -> Solution | None:
        """A real solution with the signs, from a guess."""
        if not self.size:
            return Solution((), 0.0)
        square = Square(self.equations, self.size)
        found = square.certify(square.polished(np.array([start], dtype=complex)))
        signs = Evaluator([one for one, _ in self.strict], self.size)
        side = np.array([sign for _, sign in self.strict])
        inside = np.all(_clear(signs, found), axis=1) & np.all(np.sign(signs.at(found.points).real) == side, axis=1)
        return next(iter(_chosen(found, inside & np.all(found.points.imag == 0, axis=1))), None)

    def _saturated(self) -> tuple[Quotient, list[Polynomial]]:
        """The quotient after enough parameters that cannot be zero in the stratum are made invertible."""
        context = self.equations[0].context()
        chosen: list[Polynomial] = []
        for gen in self._invertible():
            chosen.append(gen)
            names = [*context.names(), *(f"z{k}" for k in range(len(chosen)))]
            wider = fmpq_mpoly_ctx.get(names, Ordering.degrevlex)
            equations = [_wider(one, wider) for one in self.equations]
            equations += [wider.gens()[self.size + k] * _wider(one, wider) - 1 for k, one in enumerate(chosen)]
            try:
                return Quotient(members(wider, equations), len(names)), chosen
            except InfiniteError:
                if len(chosen) == MAX_SPLITS:
                    break
        raise OpenError("its system has infinitely many complex solutions")

    def _invertible(self) -> list[Polynomial]:
        """Parameters that are not zero at any solution in the stratum, and strict switches."""
        context = self.equations[0].context()
        found = [gen for gen in context.gens() if not self._may_vanish(gen)]
        return found + [one for one, _ in self.strict if one.total_degree() > 1]

    def _may_vanish(self, gen: Polynomial) -> bool:
        """Whether the equations with this parameter zero leave room for the signs of the linear switches."""
        context = gen.context()
        zero = [gen]
        images = list(context.gens())
        rest = list(self.equations)
        while zero:
            linear = zero.pop()
            k = next(k for k in range(self.size) if linear.derivative(k) != 0)
            move = list(context.gens())
            move[k] = move[k] - linear * (1 / linear.derivative(k).to_dict()[(0,) * len(move)])
            images = [image.compose(*move) for image in images]
            rest = [one.compose(*move) for one in rest]
            if any(one != 0 and one.total_degree() <= 0 for one in rest):
                return False
            zero = [one for one in rest if one != 0 and one.total_degree() == 1][:1]
        return not _contradictory([(one.compose(*images), sign) for one, sign in self.strict])

    def _certified(self, quotient: Quotient, nonzero: Sequence[Polynomial]) -> list[Solution]:
        square = Square(self.equations, self.size)
        forms = [*(one for one, _ in self.strict), *nonzero]
        signs, most = Evaluator(forms, self.size), 0
        for seed in SEEDS:
            points = square.polished(candidates(quotient, seed)[:, : self.size])
            near = np.abs(points.imag).max(axis=1, initial=0) < 1e-7 * (1 + np.abs(points).max(axis=1, initial=0))
            points[near] = points[near].real
            found = distinct(square.certify(points))
            clear = _clear(signs, found)
            # A real midpoint's polydisc is symmetric under conjugation: so is the only root in it.
            real = np.all(found.points.imag == 0, axis=1)
            known = np.all(clear, axis=1) & (real | np.any(np.abs(found.points.imag) > found.radius[:, None], axis=1))
            count = int(known.sum())
            doubtful = [one for k, one in enumerate(forms) if not np.all(clear[:, k])]
            if count == quotient.size or any(count == self._bound(quotient, some) for some in (doubtful, forms)):
                side = np.array([sign for _, sign in self.strict])
                values = signs.at(found.points).real[:, : len(side)]
                return _chosen(found, known & real & np.all(np.sign(values) == side, axis=1))
            most = max(most, count)
        raise OpenError(f"only {most} of at most {self._bound(quotient, forms)} complex solutions are certified")

    def _bound(self, quotient: Quotient, forms: Sequence[Polynomial]) -> int:
        ring = fmpq_mpoly_ctx.get([f"x{k}" for k in range(quotient.variables)], Ordering.degrevlex)
        return quotient.bound([_wider(one, ring) for one in forms])


def _clear(signs: Evaluator, found: Certified) -> NDArray[np.bool_]:
    """Of which forms (points x forms) the sign at a certified root is that at its midpoint."""
    values = signs.at(found.points)
    return np.asarray(np.abs(values) * (1 - 1e-15) > signs.errors(found.points, found.radius))


def _chosen(found: Certified, which: NDArray[np.bool_]) -> list[Solution]:
    chosen = zip(found.points[which].real, found.radius[which], found.alone[which], strict=True)
    return [Solution(tuple(map(float, point)), float(radius), float(alone)) for point, radius, alone in chosen]


def _contradictory(strict: Strict) -> bool:
    """Whether no point has these signs of the linear ones among the switches."""
    cone = Cone().with_coordinate((), 1)
    for switch, sign in strict:
        if switch == 0:
            return True
        if switch.total_degree() > 1:
            continue
        form: dict[Any, Fraction] = {}
        for exponents, value in switch.to_dict().items():
            name = next((k for k, power in enumerate(exponents) if power), ())
            form[name] = Fraction(int(value.p), int(value.q))
            cone = cone.with_coordinate(name, None)
        part = dict(cone.parts(form)).get(sign)
        if part is None:
            return True
        cone = part
    return False


def _moved(polynomial: Polynomial, unknown: Sequence[int], context: Any) -> Polynomial:
    """The polynomial in a ring of the unknowns alone."""
    return context.from_dict({tuple(int(exponents[k]) for k in unknown): value for exponents, value in polynomial.to_dict().items()})


def _wider(polynomial: Polynomial, context: Any) -> Polynomial:
    """The polynomial in a ring with more variables."""
    more = (0,) * (context.nvars() - polynomial.context().nvars())
    return context.from_dict({(*map(int, exponents), *more): value for exponents, value in polynomial.to_dict().items()})
