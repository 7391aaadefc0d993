"""Text shared by the writers: polynomials, and a comment header that nothing in a title can break out of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import gcd, lcm

from flint import fmpq_mpoly

from reluspec.systems.surrogate import fraction
from reluspec.systems.system import PolynomialSystem

WIDTH = 110
"""Lines are broken at terms beyond this many characters: terminals cut pasted lines of some thousand characters."""


def polynomial_text(polynomial: fmpq_mpoly, names: Sequence[str], *, power: str = "^", integer: bool = True, tight: bool = False) -> str:
    """A polynomial as a sum of terms, highest first.

    `integer` multiplies by the positive rational that makes the coefficients coprime integers (zeros and signs of the polynomial stay).
    `tight` leaves out spaces and line breaks; otherwise lines end in an operator, so that no tool takes a line for complete.
    """
    terms = [(exponents, fraction(coefficient)) for exponents, coefficient in polynomial.to_dict().items()]
    scale = _clearing([coefficient for _, coefficient in terms]) if integer else Fraction(1)
    pieces = [_term(coefficient * scale, exponents, names, power) for exponents, coefficient in terms]
    if not pieces:
        return "0"
    (first_sign, first), *others = pieces
    opening = first if first_sign == "+" else f"-{first}"
    if tight:
        return opening + "".join(sign + body for sign, body in others)
    return "\n".join(_lines(opening, others))


def nonzero_equations(system: PolynomialSystem) -> list[fmpq_mpoly]:
    """The equations that say something; a single zero when none does, so that an ideal has a generator."""
    polynomials = [equation.polynomial for equation in system.equations if not equation.polynomial.is_zero()]
    return polynomials or [equation.polynomial for equation in system.equations[:1]]


def header(system: PolynomialSystem, names: Sequence[str], marker: str) -> list[str]:
    """Comment lines: title, stratum, what the system states, the unknowns and the conditions.

    The first two lines and the last are fixed text: Python looks for an encoding in the first two, and a backslash at the end of a line
    must not meet code.
    """
    lines = [
        "written by reluspec",
        "",
        f"Problem: {safe(system.title)}",
        f"Stratum: {safe(system.stratum)}",
        f"System: {system.kind.value}. {system.explanation}",
    ]
    if not system.existence_proved:
        lines.append("Whether the stratum has a point is not known: its switches are not linear.")
    lines.append("Unknowns:")
    lines += [f"  {name} = {safe(str(parameter))}" for name, parameter in zip(names, system.parameters, strict=False)]
    for name, multiplier in zip(names[len(system.parameters) :], system.multipliers, strict=True):
        lines.append(f"  {name} = {multiplier.variable}, multiplier of {safe(multiplier.place)}")
    if system.conditions:
        lines.append("A real solution lies in the stratum if and only if:")
        for condition in system.conditions:
            relation = ">" if condition.sign > 0 else "<"
            text = polynomial_text(condition.polynomial, names, integer=False, tight=True)
            lines.append(f"  {text} {relation} 0  ({safe(condition.place)})")
    return [f"{marker} {line}".rstrip() for line in [*lines, "end of header"]]


def safe(text: str) -> str:
    """Text on one line without control or invisible characters, which could end a comment or hide code in it.

    Quotes, `*/` and their like mean nothing in the line comments that the writers use.
    """
    return "".join(character if character.isprintable() else " " for character in text)


def listed(items: Sequence[str]) -> str:
    """Items of a list in code, one entry per line (or more), indented."""
    return ",\n".join(f"  {item}" for item in items)


def _clearing(coefficients: Sequence[Fraction]) -> Fraction:
    denominators = lcm(*(coefficient.denominator for coefficient in coefficients))
    content = gcd(*(int(coefficient * denominators) for coefficient in coefficients))
    return Fraction(denominators, content or 1)


def _term(coefficient: Fraction, exponents: Sequence[int], names: Sequence[str], power: str) -> tuple[str, str]:
    factors = [name if exponent == 1 else f"{name}{power}{exponent}" for name, exponent in zip(names, exponents, strict=True) if exponent]
    size = abs(coefficient)
    if size != 1 or not factors:
        factors.insert(0, str(size))
    return ("-" if coefficient < 0 else "+"), "*".join(factors)


def _lines(opening: str, others: Sequence[tuple[str, str]]) -> Iterator[str]:
    line = opening
    for sign, body in others:
        if len(line) + len(body) + 3 > WIDTH:
            yield f"{line} {sign}"
            line = f"    {body}"
        else:
            line = f"{line} {sign} {body}"
    yield line
