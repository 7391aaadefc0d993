"""Certified decimals from FLINT's balls."""

from __future__ import annotations

from math import ceil, log10

from flint import arb

from reluspec.minima.records import DIGITS, Ball, Tensor

LEAST_BITS = 128
"""Of the balls that decimals are made from."""


def decimal_digits(precision: int) -> int:
    """Significant decimals for that many bits, at least the usual ones."""
    return max(DIGITS, ceil(precision * log10(2)) + 1)


def binary_precision(digits: int) -> int:
    """Bits of the balls that decimals are made from."""
    return max(LEAST_BITS, ceil(digits / log10(2)) + 30)


def ball(number: arb, digits: int = DIGITS) -> Ball:
    """`number` as a decimal ball with about that many significant digits; the decimal ball contains the binary one."""
    mantissa, radius, exponent = map(int, number.mid_rad_10exp(digits + 5))
    size = abs(mantissa)
    # Round to the digits asked for, or to what the ball is good for, and add what rounding moved.
    highest = _adjusted(size, exponent) if size else _adjusted(radius, exponent) + 1
    lowest = highest - digits + 1
    if radius:
        lowest = max(lowest, _adjusted(radius, exponent) - 1)
    if exponent < lowest:
        unit = 10 ** (lowest - exponent)
        rounded, rest = divmod(size, unit)
        if 2 * rest > unit or (2 * rest == unit and rounded % 2):
            rounded += 1
        error = radius + abs(size - rounded * unit)
    else:
        rounded, lowest, error = size, exponent, radius
    excess = len(str(error)) - 2
    if excess > 0:
        error, exponent = -(-error // 10**excess), exponent + excess
        if error == 100:
            error, exponent = 10, exponent + 1
    return Ball(_plain(-rounded if mantissa < 0 else rounded, lowest), _plain(error, exponent))


def _adjusted(integer: int, exponent: int) -> int:
    """The exponent of the leading digit of `integer * 10^exponent`."""
    return len(str(integer)) - 1 + exponent


def _plain(integer: int, exponent: int) -> str:
    """`integer * 10^exponent` as Python's decimals are written: plainly, or with an exponent where that would take many zeros."""
    if not integer:
        return "0"
    digits, sign = (str(-integer), "-") if integer < 0 else (str(integer), "")
    point = len(digits) + exponent
    if not -7 < point < 26:
        return f"{sign}{digits[0]}{'.' if digits[1:] else ''}{digits[1:]}e{point - 1:+d}"
    if exponent >= 0:
        return sign + digits + "0" * exponent
    if point > 0:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    return f"{sign}0.{'0' * -point}{digits}"


def nested(entries: list[list[arb]] | list[arb], digits: int = DIGITS) -> Tensor:
    """A vector or matrix of balls as nested tuples."""
    return tuple(nested(entry, digits) if isinstance(entry, list) else ball(entry, digits) for entry in entries)
