"""Components in the order of the map: by loss, the least one told by finer balls than are reported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from flint import arb

from reluspec.minima.records import Component


def ranked(found: Sequence[tuple[arb, Component]]) -> list[Component]:
    """Numbered by ascending loss; those whose ball overlaps the least one are global, and come first.

    The reported digits may be too few to tell two losses apart: each component comes with a finer ball of its loss.
    """
    lowest = found[0][0] if found else arb(0)
    for loss, _ in found:
        lowest = loss if loss < lowest else lowest
    ordered = sorted(found, key=lambda one: (not one[0].overlaps(lowest), Fraction(one[1].loss.value), one[1].pieces[0].stratum))
    return [replace(component, id=position, is_global=bool(loss.overlaps(lowest))) for position, (loss, component) in enumerate(ordered)]
