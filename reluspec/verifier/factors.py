"""A cell whose switches are products of linear functions, as the polyhedral cones that it is made of.

Beside a dead unit a switch of the next layer is u w, zero with its gradient where both factors are. What its sign says is a choice of the
factors' signs: `u w > 0` on the two quadrants `u, w > 0` and `u, w < 0`. A product of linear functions vanishes on their hyperplanes, so
the open cell is, but for these hyperplanes, a union of cells of the arrangement of all factors that vanish at the point.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import prod

from flint import fmpq

from reluspec.verifier.raw import Polynomial, Root, at, linear_row

Vector = list[fmpq]


@dataclass(frozen=True)
class Walls:
    """The linear factors that vanish at a point, each once, and which products of their signs are those of the cell.

    `wanted`: for each switch its factors of odd power among `rows`, and the product of their signs on the cell.
    """

    rows: list[Vector] = field(default_factory=list)
    wanted: list[tuple[list[int], int]] = field(default_factory=list)

    def allow(self, signs: Sequence[int]) -> bool:
        """Whether all switches are positive where the factors have these signs."""
        return all(prod(signs[k] for k in odd) == sign for odd, sign in self.wanted)


def walls(root: Root, switches: Sequence[Polynomial]) -> Walls | None:
    """Of a cell on which these switches, which vanish at the point, are positive; `None` where they do not fall into known factors."""
    found, known = Walls(), dict[str, int]()
    for switch in switches:
        odd, sign = list[int](), 1
        for factor, power, side in _factors(root, switch):
            sign = sign * side if side and power % 2 else sign
            if side:
                continue
            if factor.total_degree() > 1 or not root.is_zero(factor):
                return None
            if str(factor) not in known:
                known[str(factor)] = len(found.rows)
                found.rows.append(linear_row(factor, root.ring.size))
            if power % 2:
                odd.append(known[str(factor)])
        found.wanted.append((odd, sign))
    return found


def _factors(root: Root, switch: Polynomial) -> Iterator[tuple[Polynomial, int, int]]:
    """The factors, with leading coefficient 1, their powers, and their signs at the point: 0 where one may be zero. Last comes a sign."""
    content, powers = switch.factor()
    for factor, power in powers:
        lead = factor.leading_coefficient()
        content = content * lead**power
        value = at(factor / lead, root.theta)
        yield factor / lead, power, (value > 0) - (value < 0)
    yield root.ring.constant(1), 1, 1 if content > 0 else -1
