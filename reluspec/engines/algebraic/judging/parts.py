"""A region around a critical set, cut into parts on which every factor of its switches has one sign.

A deeper switch is often a product of functions that vanish together: u w, where w wakes a unit of the first layer and u is the weight by
which the second layer sees it, both zero at a dead unit. The gradient of u w is zero there, and no multipliers tell what the sign of the
product excludes. The signs of u and w do: `u w > 0` are the parts `u, w > 0` and `u, w < 0`, whose switches have independent gradients.

The parts of an open region `{s_j h_j > 0 for all j}` are open, disjoint and, since a polynomial vanishes on no open set unless it is zero,
dense in it. So the point is a local minimum of the region's polynomial on the region iff it is one on each of the parts. Factors of even
power may have either sign; they count, too, so that where all factors of a part vanish, all its switches do.
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
    """A polynomial up to a positive factor: `sign` times powers of `factors`, each of which stands by its `monic_key`.

    `odd` are the factors whose power is odd.
    """

    sign: int
    factors: Mapping[str, fmpq_mpoly]
    odd: frozenset[str]


def split(polynomial: fmpq_mpoly) -> Split:
    """A polynomial that is not zero by its irreducible factors, made monic."""
    content, powers = polynomial.factor()
    sign, factors, odd = 1 if content > 0 else -1, {}, set()
    for factor, power in powers:
        lead, key = factor.leading_coefficient(), monic_key(factor)
        factors[key] = factor / lead
        if power % 2:
            sign = sign if lead > 0 else -sign
            odd.add(key)
    return Split(sign, factors, frozenset(odd))


def whole(polynomial: fmpq_mpoly) -> Split:
    """A polynomial that is not to be split."""
    lead, key = polynomial.leading_coefficient(), monic_key(polynomial)
    return Split(1 if lead > 0 else -1, {key: polynomial / lead}, frozenset({key}))


def parts(conditions: Sequence[tuple[Split, int]]) -> Iterator[Part]:
    """The parts of the region on which each of the polynomials has that sign: all ways to choose the signs of the factors."""
    factors = {key: factor for found, _ in conditions for key, factor in found.factors.items()}
    for signs in _choices(conditions, {}):
        yield tuple((factors[key], sign) for key, sign in signs.items())


def _choices(conditions: Sequence[tuple[Split, int]], known: Mapping[str, int]) -> Iterator[Mapping[str, int]]:
    """All signs of the factors that extend the known ones and give each product its sign."""
    if not conditions:
        yield known
        return
    (found, side), *rest = conditions
    left = [key for key in found.factors if key not in known]
    for signs in product((1, -1), repeat=len(left)):
        extended = {**known, **dict(zip(left, signs, strict=True))}
        if found.sign * prod(extended[key] for key in found.odd) == side:
            yield from _choices(rest, extended)
