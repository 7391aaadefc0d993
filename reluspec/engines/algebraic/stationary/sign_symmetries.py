"""Changes of signs of parameters that leave a stratum and its loss as they are, and the charts that divide them out.

A change of signs is a vector v over GF(2), one entry per free parameter. It maps a monomial with exponents e to `(-1)^(e.v)` times itself.
So the loss is kept iff `e.v = 0` for all its monomials, and any other polynomial is kept up to its sign iff all its monomials have the
same `e.v`: linear equations over GF(2). Their solutions are a group, k generators of which make every solution of the critical equations
one of up to 2^k. In reduced echelon form each generator has a parameter of its own, the *pivot*; where it is not zero, its square and the
quotients of the other odd parameters by it are coordinates in which the group acts trivially (`charts`).

Hidden units with positively homogeneous activations have one such change each, whatever the depth and the number of outputs; with even
activations, several. No property of networks is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TypeAlias

from flint import fmpq_mpoly

from reluspec.engines.algebraic.stationary.charts import Unit
from reluspec.engines.algebraic.stationary.restricted import Restricted

_Parity: TypeAlias = Callable[[Sequence[int]], int]
"""The exponents of a monomial modulo 2, those of free parameters, as bits."""


@dataclass(frozen=True)
class Symmetric(Restricted):
    """A piece of a stratum whose charts are those of its sign symmetries."""

    symmetries: tuple[Unit, ...] = ()

    @cached_property
    def units(self) -> tuple[Unit, ...]:
        return self.symmetries

    @property
    def charted(self) -> tuple[Unit, ...]:
        """The same units with their free parameters only, without those that would have the pivot alone: its zeros are a factor anyway."""
        own = [Unit(unit.output, tuple(k for k in unit.incoming if k in self.free)) for unit in self.symmetries]
        return tuple(unit for unit in own if unit.incoming)


def symmetric(stratum: Restricted) -> list[Symmetric]:
    """The piece with a chart for every generator of its sign symmetries, for different choices of pivots."""
    position = {k: j for j, k in enumerate(stratum.free)}

    def parity(exponents: Sequence[int]) -> int:
        return sum((int(exponents[k]) & 1) << j for k, j in position.items())

    rows = [parity(exponents) for exponents in stratum.loss.to_dict()]
    for polynomial in (*stratum.polynomials[1:], *stratum.images):
        first, *others = [parity(exponents) for exponents in polynomial.to_dict()] or [0]
        rows += [first ^ other for other in others]
    space = _null_space(rows, len(position))
    given = {field.name: getattr(stratum, field.name) for field in fields(Restricted)}
    found: dict[tuple[Unit, ...], Symmetric] = {}
    for order in _pivots_first(stratum):
        units = []
        for pivot, vector in _echelon(space, [position[k] for k in order]):
            odd = [k for k, image in enumerate(stratum.images) if _is_odd(image, vector, parity)]
            units.append(Unit(stratum.free[pivot], tuple(k for k in odd if k != stratum.free[pivot])))
        found.setdefault(tuple(units), Symmetric(**given, symmetries=tuple(units)))
    return list(found.values())


def _is_odd(image: fmpq_mpoly, vector: int, parity: _Parity) -> bool:
    """Whether a parameter changes its sign."""
    return not image.is_zero() and (parity(image.monoms()[0]) & vector).bit_count() % 2 == 1


def _pivots_first(stratum: Restricted) -> list[list[int]]:
    """The free parameters in the orders in which they are preferred as pivots.

    First those that are strict switches themselves: then there is no case in which the pivot is zero. Then biases, or weights: which of
    them lead to the shorter Groebner bases differs from stratum to stratum, by factors of a hundred.
    """
    context = stratum.surrogate.context
    strict = {k for k in stratum.free for _, _, q in stratum.strict if (q / q.leading_coefficient()) == context.gen(k)}
    biases = {k for k, variable in enumerate(stratum.surrogate.problem.parameters) if variable.name.endswith(".bias")}
    return [sorted(stratum.free, key=lambda k: (k not in strict, (k in biases) != wanted, k)) for wanted in (True, False)]


def _null_space(rows: Iterable[int], width: int) -> list[int]:
    """All v with an even number of ones in common with every row, as a basis; bit j is the j-th entry."""
    reduced = _echelon(rows, range(width))
    pivots = {pivot for pivot, _ in reduced}
    return [sum((1 << pivot for pivot, row in reduced if row >> free & 1), 1 << free) for free in range(width) if free not in pivots]


def _echelon(rows: Iterable[int], order: Iterable[int]) -> list[tuple[int, int]]:
    """The reduced echelon form over GF(2), pivots looked for in the given order of columns: pairs of pivot and row."""
    left = [row for row in rows if row]
    found: list[tuple[int, int]] = []
    for column in order:
        row = next((row for row in left if row >> column & 1), None)
        if row is None:
            continue
        left = [other ^ row if other >> column & 1 else other for other in left]
        left = [other for other in left if other]
        found = [(pivot, other ^ row if other >> column & 1 else other) for pivot, other in found]
        found.append((column, row))
    return found
