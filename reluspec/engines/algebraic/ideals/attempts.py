"""Several formulations of one task and limits of effort: all of them with little effort first, then with more.

How long a Groebner basis takes differs by factors of a hundred between charts of one and the same system, and no chart is the best one
everywhere. What one of them cannot do within small limits, another often can.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from reluspec.engines.algebraic.ideals.groebner import EFFORTS, FlintBasis, Groebner, SolvingLimit, flint_basis

Outcome = TypeVar("Outcome")


def first_found(ways: Sequence[Callable[[Groebner], Outcome]], groebner: Groebner, is_complete: Callable[[Outcome], bool]) -> Outcome:
    """The first complete outcome; that of the last way where there is none. Raises `SolvingLimit` if that one does.

    A way that fails for another reason than the limits of Groebner bases is not tried again with larger ones.
    """
    left = list(ways)
    for limits in EFFORTS if groebner is flint_basis else ():
        again = []
        for way in left:
            limited = FlintBasis(limits)
            try:
                outcome = way(limited)
            except SolvingLimit:
                again += [way] if limited.reached or way is ways[-1] else []
                continue
            if is_complete(outcome) or (way is ways[-1] and not limited.reached):
                return outcome
            again.append(way)
        left = again
    for way in left[:-1]:
        try:
            outcome = way(groebner)
        except SolvingLimit:
            continue
        if is_complete(outcome):
            return outcome
    return left[-1](groebner)
