"""The decimal balls of a map against the verifier's own."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from fractions import Fraction
from typing import Any

from flint import arb, fmpq


class Fit(Enum):
    """How an enclosure stands to a claimed ball: inside it (so the claim holds), apart from it (so it does not), or neither."""

    INSIDE = "inside"
    APART = "apart"
    UNCLEAR = "unclear"


def claimed(entry: Mapping[str, str]) -> tuple[fmpq, fmpq]:
    """Exact end points of a certified real."""
    value, radius = Fraction(entry["value"]), Fraction(entry["radius"])
    low, high = value - radius, value + radius
    return fmpq(low.numerator, low.denominator), fmpq(high.numerator, high.denominator)


def fit(entry: Any, own: arb) -> Fit:
    """Where the true number, enclosed by `own`, stands to a claimed ball. An entry of another shape is apart."""
    if not isinstance(entry, Mapping):
        return Fit.APART
    low, high = claimed(entry)
    if own >= low and own <= high:
        return Fit.INSIDE
    return Fit.APART if own < low or own > high else Fit.UNCLEAR


def fits(entries: Any, own: Any) -> Fit:
    """The same for nested lists: inside if all are, apart if one is, or where the shapes differ."""
    if isinstance(own, arb):
        return fit(entries, own)
    if not isinstance(entries, list) or len(entries) != len(own):
        return Fit.APART
    found = [fits(entry, value) for entry, value in zip(entries, own, strict=True)]
    if Fit.APART in found:
        return Fit.APART
    return Fit.UNCLEAR if Fit.UNCLEAR in found else Fit.INSIDE


def middle(entry: Mapping[str, str]) -> fmpq:
    """The midpoint of a claimed ball, exact."""
    value = Fraction(entry["value"])
    return fmpq(value.numerator, value.denominator)


def bits_needed(document: Any) -> int:
    """Bits that outdo every number of a document, so that enclosures fit within claimed radii."""
    longest = 30
    stack = [document]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            if set(item) == {"value", "radius"}:
                longest = max(longest, len(item["value"].partition("e")[0]))
            else:
                stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
    return 384 + 8 * max(0, longest - 34)
