"""Rescalings of units that no penalty sees: orbits of critical points, one slice across all of them.

Let the activation of a hidden unit be positively homogeneous of degree p: phi(t z) = t^p phi(z) for t > 0 (relu, leaky_relu, abs, linear:
p = 1; squares of these: p = 2). Then the network does not change when the unit's incoming weights and bias are multiplied by t and its
outgoing weights by t^-p, and all switches are multiplied by positive numbers. Products of such rescalings, over all units of all hidden
layers, under which no parameter with a penalty moves, keep the loss everywhere, and every stratum. Each is `theta_k -> t^(c_k) theta_k`,
with integers c.

**Slices.** Let P be a polynomial that the rescaling c multiplies by t^d, d != 0 - all its monomials have the same `c . e`, namely d -, and
that is not zero at a point. Then its orbit under c has exactly one point with P = 1, or with P = -1. With factors of strict switches in
place of P nothing else is there; where there are none left, a parameter takes the place: it is 1, -1 or 0. One after another, each among
the rescalings that keep the pins before it, so every orbit has one point, in one slice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from itertools import product
from math import gcd, lcm
from typing import TypeAlias

from flint import Ordering, fmpq_mpoly, fmpq_mpoly_ctx

from reluspec.engines.algebraic.exact.linear import kernel
from reluspec.engines.algebraic.exact.scalars import FRACTIONS
from reluspec.engines.algebraic.stationary.restricted import Restricted
from reluspec.engines.algebraic.stationary.smoothness import MAX_KINKS
from reluspec.problem.expression import Expression, Variable, evaluate, kinks, variables
from reluspec.problem.problem import Problem
from reluspec.systems.surrogate import monic_key, rational

Exponents: TypeAlias = tuple[int, ...]


@dataclass(frozen=True)
class Pin:
    """A polynomial that is `value`, 1 or -1, in a slice: `whole` beside the stratum, too, `inside` in its free parameters.

    `strict`: it has no zero in the stratum.
    """

    inside: fmpq_mpoly
    whole: fmpq_mpoly
    value: int = 1
    strict: bool = True


NeverZero: TypeAlias = tuple[Pin, tuple[int, ...]]
"""What is not zero in a stratum, and the signs that it may have."""


@dataclass(frozen=True)
class Slice:
    """The parameters `zeros` vanish, there are `pins`, and one rescaling for each of them."""

    zeros: tuple[int, ...]
    pins: tuple[Pin, ...]
    rescalings: tuple[Exponents, ...]


@lru_cache(maxsize=64)
def homogeneity(expression: Expression) -> int | None:
    """The p with `phi(t z) = t^p phi(z)` for all t > 0, if there is one and phi is not zero."""
    count = sum(1 for _ in kinks(expression))
    if count > MAX_KINKS:
        return None
    context = fmpq_mpoly_ctx.get(["z"], Ordering.lex)
    powers: set[int] = set()
    for sides in product((1, -1), repeat=count):
        seen: list[fmpq_mpoly] = []

        def choose(switch: fmpq_mpoly, sides: tuple[int, ...] = sides, seen: list[fmpq_mpoly] = seen) -> int:
            seen.append(switch)
            return sides[len(seen) - 1]

        piece = evaluate(expression, {Variable("z"): context.gen(0)}, choose, lambda value: context.constant(rational(value)))
        if any(len(switch.monoms()) != 1 or switch.is_constant() for switch in seen):
            return None
        powers |= {int(power) for (power,) in piece.monoms()}
    return powers.pop() if len(powers) == 1 and 0 not in powers else None


@lru_cache(maxsize=16)
def unit_rescalings(problem: Problem) -> tuple[Exponents, ...]:
    """A basis of the rescalings of units that keep the loss, as exponents of all parameters."""
    units = list(_of_units(problem))
    seen = {variable for term in problem.regulariser for variable in variables(term.expression)}
    bound = [k for k, parameter in enumerate(problem.parameters) if parameter in seen]
    rows = [[Fraction(unit[k]) for unit in units] for k in bound]
    found = []
    for shares in kernel(rows, len(units), FRACTIONS) if units else ():
        found.append(integral([sum(share * unit[k] for share, unit in zip(shares, units, strict=True)) for k in range(len(units[0]))]))
    return tuple(found)


def integral(exponents: Sequence[Fraction]) -> Exponents:
    """The positive multiple with coprime integers."""
    multiple = lcm(*(Fraction(entry).denominator for entry in exponents))
    whole = [int(entry * multiple) for entry in exponents]
    divisor = gcd(*whole) or 1
    return tuple(entry // divisor for entry in whole)


def _of_units(problem: Problem) -> Iterator[Exponents]:
    """The rescaling of each hidden unit that has one."""
    position = {variable: k for k, variable in enumerate(problem.parameters)}
    for number, layer in enumerate(problem.network.layers[:-1]):
        after = problem.network.layers[number + 1]
        power = homogeneity(layer.activation.expression)
        fixed = layer.fixed_weight is not None or after.fixed_weight is not None or any(layer.fixed_bias or ())
        if power is None or fixed:
            continue
        for unit in range(layer.units):
            exponents = [0] * len(position)
            for k in range(problem.network.fan_in(number)):
                exponents[position[Variable(f"{layer.name}.weight", (unit, k))]] = 1
            if layer.bias and layer.fixed_bias is None:
                exponents[position[Variable(f"{layer.name}.bias", (unit,))]] = 1
            for k in range(after.units):
                exponents[position[Variable(f"{after.name}.weight", (k, unit))]] = -power
            yield tuple(exponents)


def degree_under(exponents: Exponents, polynomial: fmpq_mpoly) -> int | None:
    """The d with `P(t . theta) = t^d P(theta)`, if there is one; 0 for the zero polynomial."""
    found = {sum(c * int(e) for c, e in zip(exponents, monomial, strict=True)) for monomial in polynomial.monoms()}
    if not found:
        return 0
    return found.pop() if len(found) == 1 else None


def slices(stratum: Restricted, turn: int = 0, *, idle: bool = False) -> list[Slice]:
    """Slices that meet every orbit in a piece of a stratum once; none where no rescaling moves what the loss depends on.

    A unit without effect moves in an open polyhedron, which needs no slice; with `idle` it gets one. Which polynomials are pinned is free:
    other turns, other pins, strict switches first, then single parameters.
    """
    effective = [k for k, degree in enumerate(stratum.loss.degrees()) if degree > 0]
    moved = stratum.free if idle else effective
    useful = [c for c in unit_rescalings(stratum.surrogate.problem) if any(c[k] for k in moved) and _keeps(stratum, c)]
    if not useful:
        return []
    never_zero, none = _never_zero(stratum), Slice((), (), ())
    affine = [one for one in never_zero if one[0].inside.total_degree() == 1]
    if turn < max(1, len(affine)):
        turned = [*affine[turn:], *affine[:turn], *(one for one in never_zero if one not in affine)]
        return list(_slices(stratum, turned, none, useful))
    k = stratum.free[turn - max(1, len(affine))]
    return list(_by_parameter(stratum, never_zero, none, useful, k)) if any(c[k] for c in useful) else []


def turns(stratum: Restricted) -> int:
    """How many different choices of pins there are to try."""
    affine = sum(pin.inside.total_degree() == 1 for pin, _ in _never_zero(stratum))
    return max(1, affine) + (len(stratum.free) if affine else 0)


def _keeps(stratum: Restricted, exponents: Exponents) -> bool:
    """Whether a rescaling keeps a piece of a stratum and its loss: an identity between polynomials, checked."""
    if degree_under(exponents, stratum.loss):
        return False
    if any(degree_under(exponents, image) != exponents[k] for k, image in enumerate(stratum.images) if not image.is_zero()):
        return False
    zeros = (*stratum.constraints, *stratum.equations)
    return all(degree_under(exponents, polynomial) is not None for polynomial in (*zeros, *(strict for *_, strict in stratum.strict)))


def _never_zero(stratum: Restricted) -> list[NeverZero]:
    """The factors of strict switches, simple ones first, and the signs that each of them may have."""
    found: dict[str, NeverZero] = {}
    for position, sign, polynomial in stratum.strict:
        lead, factors = polynomial.leading_coefficient(), polynomial.factor()[1]
        if len(factors) == 1 and int(factors[0][1]) == 1:
            whole = stratum.surrogate.switches[position].polynomial
            found[monic_key(polynomial)] = Pin(polynomial / lead, whole / lead), (sign if lead > 0 else -sign,)
            continue
        for factor, _ in factors:
            monic = factor / factor.leading_coefficient()
            found.setdefault(monic_key(factor), (Pin(monic, monic), (1, -1)))
    return sorted(found.values(), key=lambda one: (one[0].inside.total_degree(), len(one[0].inside.monoms()), len(one[1])))


def _slices(stratum: Restricted, never_zero: Sequence[NeverZero], known: Slice, left: Sequence[Exponents]) -> Iterator[Slice]:
    """All ways to go on, with the rescalings that keep the pins so far."""
    for pin, signs in never_zero:
        degrees = [degree_under(c, pin.whole) or 0 for c in left]
        if any(degrees):
            yield from _pinned(stratum, never_zero, known, left, pin, degrees, signs)
            return
    for k in stratum.free:
        if k not in known.zeros and any(c[k] for c in left):
            yield from _by_parameter(stratum, never_zero, known, left, k)
            return
    yield known


def _by_parameter(stratum: Restricted, never_zero: Sequence[NeverZero], known: Slice, left: Sequence[Exponents], k: int) -> Iterator[Slice]:
    """The slices on which a parameter is 1, -1 or 0."""
    gen = stratum.loss.context().gen(k)
    yield from _pinned(stratum, never_zero, known, left, Pin(gen, gen, strict=False), [c[k] for c in left], (1, -1))
    yield from _slices(stratum, never_zero, Slice((*known.zeros, k), known.pins, known.rescalings), left)


def _pinned(
    stratum: Restricted,
    never_zero: Sequence[NeverZero],
    known: Slice,
    left: Sequence[Exponents],
    pin: Pin,
    degrees: Sequence[int],
    signs: Sequence[int],
) -> Iterator[Slice]:
    """The slices on which what has these degrees under the rescalings is 1 or -1."""
    chosen = next(j for j, degree in enumerate(degrees) if degree)
    rest = [
        tuple(degrees[chosen] * a - degree * b for a, b in zip(c, left[chosen], strict=True))
        for j, (c, degree) in enumerate(zip(left, degrees, strict=True))
        if j != chosen
    ]
    for sign in signs:
        pins, rescalings = (*known.pins, replace(pin, value=sign)), (*known.rescalings, left[chosen])
        yield from _slices(stratum, never_zero, Slice(known.zeros, pins, rescalings), rest)
