"""How many strata a product of equal factors has, by codimension, without building the product (theory.md section 2)."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb


def labelled_counts(faces: Sequence[int], units: int) -> tuple[int, ...]:
    """Strata of the product of `units` factors by codimension, from a factor with `faces[c]` faces of codimension c.

    The coefficients of `(sum_c faces[c] t^c) ** units`.
    """
    total = [1]
    for _ in range(units):
        total = _convolve(total, faces)
    return tuple(total)


def exchanged_counts(faces: Sequence[int], units: int) -> tuple[int, ...]:
    """The same up to exchange of the units: multisets of `units` faces by their total codimension.

    The coefficients of `u^units` in the product over c of `1 / (1 - t^c u) ** faces[c]`.
    """
    largest = units * (len(faces) - 1)
    # chosen[k][c]: multisets of k faces among the codimensions seen so far, of total codimension c.
    chosen = [[0] * (largest + 1) for _ in range(units + 1)]
    chosen[0][0] = 1
    for codimension, count in enumerate(faces):
        following = [[0] * (largest + 1) for _ in range(units + 1)]
        for taken in range(units + 1):
            ways = comb(count + taken - 1, taken) if taken else 1
            # The last class has to complete the multisets, so only one `before` is left for it.
            least = units - taken if codimension == len(faces) - 1 else 0
            for before in range(least, units + 1 - taken):
                for total, known in enumerate(chosen[before]):
                    if known and ways:
                        following[before + taken][total + codimension * taken] += known * ways
        chosen = following
    return tuple(chosen[units])


def _convolve(left: Sequence[int], right: Sequence[int]) -> list[int]:
    product = [0] * (len(left) + len(right) - 1)
    for i, a in enumerate(left):
        for j, b in enumerate(right):
            product[i + j] += a * b
    return product
