"""Certified decimals from FLINT's balls."""

from __future__ import annotations

from decimal import ROUND_CEILING, Context, Decimal
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
    mantissa, radius, exponent = (int(part) for part in number.mid_rad_10exp(digits + 5))
    value = Decimal(mantissa).scaleb(exponent, _wide(mantissa))
    error = Decimal(radius).scaleb(exponent, _wide(radius))
    # Round to the digits asked for, or to what the ball is good for, and add what rounding moved.
    lowest = (value.adjusted() if mantissa else error.adjusted() + 1) - digits + 1
    lowest = max(lowest, error.adjusted() - 1) if error else lowest
    wide = _wide(mantissa, 10 + abs(value.adjusted() - lowest))
    rounded = value.quantize(Decimal(1).scaleb(lowest), context=wide) if exponent < lowest else value
    error = wide.add(error, abs(wide.subtract(value, rounded)))
    error = Context(prec=2, rounding=ROUND_CEILING).plus(error)
    return Ball(_plain(rounded), _plain(error))


def _wide(integer: int, extra: int = 10) -> Context:
    return Context(prec=len(str(abs(integer))) + extra)


def _plain(number: Decimal) -> str:
    if not number:
        return "0"
    return f"{number:f}" if -8 < number.adjusted() < 25 else f"{number:e}"


def nested(entries: list[list[arb]] | list[arb], digits: int = DIGITS) -> Tensor:
    """A vector or matrix of balls as nested tuples."""
    return tuple(nested(entry, digits) if isinstance(entry, list) else ball(entry, digits) for entry in entries)
