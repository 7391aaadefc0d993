"""Krawczyk's operator: interval Newton for square systems (Neumaier, *Interval Methods*, 5.2)."""

from __future__ import annotations

from collections.abc import Sequence

from flint import arb, arb_mat


def narrowed(box: Sequence[arb], middle: Sequence[arb], inverse: arb_mat, values: arb_mat, jacobian: arb_mat) -> list[arb] | None:
    """The image of a box, where it is inside: the box then has exactly one solution, in the image, and the Jacobian is regular there.

    `inverse` is an approximate inverse of the Jacobian, `values` (n x 1) are the equations in the middle, `jacobian` is on the whole box.
    """
    size = len(box)
    correction = (inverse * values).entries()
    unit = arb_mat(size, size, [arb(int(i == j)) for i in range(size) for j in range(size)])
    spread = (unit - inverse * jacobian) * arb_mat(size, 1, [a - b for a, b in zip(box, middle, strict=True)])
    image = [a - b + c for a, b, c in zip(middle, correction, spread.entries(), strict=True)]
    return image if all(outer.contains_interior(inner) for outer, inner in zip(box, image, strict=True)) else None
