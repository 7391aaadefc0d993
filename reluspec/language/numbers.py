"""Exact rationals: literals and arithmetic, bounded before the work is done."""

from __future__ import annotations

import re
from fractions import Fraction

from reluspec.language import limits
from reluspec.language.diagnostics import quoted

_DECIMAL = r"(?P<{0}whole>[0-9]*)(?:\.(?P<{0}part>[0-9]*))?(?:[eE](?P<{0}exponent>[+-]?[0-9]+))?"
_LITERAL = re.compile(_DECIMAL.format(""))
_CELL_NUMBER = r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_CELL = re.compile(rf"([+-]?)\s*({_CELL_NUMBER})(?:\s*/\s*({_CELL_NUMBER}))?")
_SHOWN = 30


class NumberError(ValueError):
    """A number cannot be used; the message says why, ready to be shown."""


def literal(text: str) -> Fraction:
    """The exact value of a literal such as `12`, `.5`, `1e-3`. Raises `NumberError` past the limits."""
    if text.isdigit() and len(text) <= limits.LITERAL_DIGITS:
        return Fraction(int(text))
    match = _LITERAL.fullmatch(text)
    if match is None:
        raise NumberError(f"{quoted(text)} is not a number")
    whole, part, exponent = match["whole"], match["part"] or "", (match["exponent"] or "0")
    digits = len(whole) + len(part)
    if digits > limits.LITERAL_DIGITS:
        raise NumberError(f"a number of {digits} digits; the limit is {limits.LITERAL_DIGITS}")
    magnitude = exponent.lstrip("+-").lstrip("0") or "0"
    # The length is compared first: reading an exponent of a million digits would itself take long.
    if len(magnitude) > len(str(limits.DECIMAL_EXPONENT)) or int(magnitude) > limits.DECIMAL_EXPONENT:
        shown = exponent if len(exponent) <= _SHOWN else exponent[:_SHOWN] + "…"
        raise NumberError(f"the decimal exponent {shown} is too large; the limit is {limits.DECIMAL_EXPONENT}")
    scale = int(exponent) - len(part)
    return bounded(Fraction(int(whole + part) * 10 ** max(scale, 0), 10 ** max(-scale, 0)))


def cell(text: str) -> Fraction:
    """The exact value of a CSV cell: an optional sign, a decimal, optionally over another. Raises `NumberError`."""
    match = _CELL.fullmatch(text.strip())
    if match is None:
        raise NumberError(f"{quoted(text)} is not a number")
    sign, above, below = match.groups()
    value = literal(above)
    if below is not None:
        divisor = literal(below)
        if not divisor:
            raise NumberError(f"division by zero in `{text.strip()}`")
        value = value / divisor
    return bounded(-value if sign == "-" else value)


def bounded(value: Fraction) -> Fraction:
    """`value`, if it is within the limits. Raises `NumberError`."""
    bits = bit_size(value)
    if bits > limits.CONSTANT_BITS:
        raise NumberError(_too_large(bits))
    return value


def bit_size(value: Fraction) -> int:
    """Binary digits of the longer of numerator and denominator."""
    return max(value.numerator.bit_length(), value.denominator.bit_length())


def power(base: Fraction, exponent: Fraction) -> Fraction:
    """`base ** exponent` for an integer exponent, refused from the sizes alone when the result would be too large.

    Raises `NumberError` for another exponent, for a negative power of zero, and past the limit.
    """
    if exponent.denominator != 1:
        raise NumberError(f"the exponent {shown(exponent)} is not an integer: such a power is irrational in general")
    times = int(exponent)
    if base == 0 and times < 0:
        raise NumberError(f"division by zero: 0 ^ {shown(exponent)}")
    if base in (0, 1, -1):
        return base ** (times if times in (0, 1) else 2 + times % 2) if base else Fraction(int(times == 0))
    # |numerator| or denominator is at least 2^(bits - 1), so the power has more than (bits - 1) * |times| bits.
    bits = (bit_size(base) - 1) * abs(times)
    if bits > limits.CONSTANT_BITS:
        raise NumberError(_too_large(bits))
    return bounded(base**times)


def shown(value: Fraction) -> str:
    """A number as messages show it; one that is too long to read is described by its size."""
    if bit_size(value) > 100:
        return f"(a number of {bit_size(value)} bits)"
    return str(value)


def _too_large(bits: int) -> str:
    size = bits if bits.bit_length() < 64 else "more than 2^63"
    return f"a number of {size} bits; the limit is {limits.CONSTANT_BITS}"
