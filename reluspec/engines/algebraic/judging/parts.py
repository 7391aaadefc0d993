"""A region around a critical set, cut into parts on which every factor of its switches has one sign.

A deeper switch is often a product of functions that vanish together: u w, where w wakes a unit of the first layer and u is the weight by
which the second layer sees it, both zero at a dead unit. The gradient of u w is zero there, and no multipliers tell what the sign of the
product excludes. The signs of u and w do: `u w > 0` are the parts `u, w > 0` and `u, w < 0`, whose switches have independent gradients.

The parts of an open region `{s_j h_j > 0 for all j}` are open, disjoint and, since a polynomial vanishes on no open set unless it is zero,
dense in it. So the point is a local minimum of the region's polynomial on the region iff it is one on each of the parts. Even powers
exclude nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

from flint import fmpq_mpoly

from reluspec.systems.surrogate import monic_key

Part = tuple[tuple[fmpq_mpoly, int], ...]
"""Polynomials and the signs that they have on the part; no two are multiples of each other."""


@dataclass(frozen=True)
class Split:
    """A polynomial up to a positive factor: `sign` times the product of `factors`, by the keys of their monic multiples."""

    sign: int
    factors: Mapping[str, fmpq_mpoly]


def split(polynomial: fmpq_mpoly) -> Split:
    """A polynomial that is not zero by its irreducible factors of odd power, made monic."""
    content, powers = polynomial.factor()
    sign, factors = 1 if content > 0 else -1, {}
    for factor, power in powers:
        if power % 2:
            lead = factor.leading_coefficient()
            sign = sign if lead > 0 else -sign
            factors[monic_key(factor)] = factor / lead
    return Split(sign, factors)


def whole(polynomial: fmpq_mpoly) -> Split:
    """A polynomial that is not to be split."""
    lead = polynomial.leading_coefficient()
    return Split(1 if lead > 0 else -1, {monic_key(polynomial): polynomial / lead})


def parts(conditions: Sequence[tuple[Split, int]]) -> Iterator[Part]:
    """The parts of the region on which each of the polynomials has that sign: all ways to choose the signs of the factors."""
    factors = {key: factor for found, _ in conditions for key, factor in found.factors.items()}
    for signs in _choices([(tuple(found.factors), found.sign * side) for found, side in conditions], {}):
        yield tuple((factors[key], sign) for key, sign in signs.items())


def _choices(conditions: Sequence[tuple[Sequence[str], int]], known: Mapping[str, int]) -> Iterator[Mapping[str, int]]:
    """All signs of the factors that extend the known ones and give each product its sign."""
    if not conditions:
        yield known
        return
    (keys, side), *rest = conditions
    left = [key for key in keys if key not in known]
    for signs in product((1, -1), repeat=len(left)):
        extended = {**known, **dict(zip(left, signs, strict=True))}
        if prod(extended[key] for key in keys) == side:
            yield from _choices(rest, extended)
