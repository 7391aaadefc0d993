"""Curves of critical points that are neither affine nor circles: a piece is known by equations, strict signs, and a point on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from flint import arb, fmpq, fmpq_mpoly

from reluspec.engines.algebraic.exact.algebraic import Algebraic
from reluspec.engines.algebraic.exact.number_field import NumberField
from reluspec.engines.algebraic.ideals.groebner import SolvingLimit, flint_basis, ring
from reluspec.engines.algebraic.ideals.sweep import Sweep

MAX_SWEPT = 32
"""Curves whose sweep is remembered."""

Terms = tuple[tuple[tuple[int, ...], str], ...]
"""A polynomial: exponents and coefficients, rational strings."""


@dataclass(frozen=True, eq=False)
class CurveEnd:
    """A point of the closure, outside the stratum: the switches at the positions `tight` vanish there, beside those of the stratum."""

    field: NumberField
    theta: tuple[Algebraic, ...]
    tight: tuple[int, ...]


@dataclass(frozen=True)
class Curve:
    """The zeros of `equations` in the parameters at the positions `free` (the others follow), where `strict` switches (position, sign,
    polynomial) have a sign.

    `pieces` is the number of connected parts; which of them is meant, a point on it says. `unbounded`: how many of its branches go to
    infinity. A `sheet` has two dimensions or more and is smooth, `ends` are not listed; of several, the signs of the polynomials `apart`,
    which vanish nowhere on them, tell which is meant. It may be `cut` off, where one of these vanishes, from critical points of its stratum
    that are no minima.
    """

    free: tuple[int, ...]
    equations: tuple[Terms, ...]
    strict: tuple[tuple[int, int, Terms], ...]
    pieces: int
    unbounded: int = 0
    ends: tuple[CurveEnd, ...] = ()
    sheet: bool = False
    apart: tuple[Terms, ...] = ()
    cut: bool = False

    def to_json(self) -> dict[str, Any]:
        return {
            "free": list(self.free),
            "equations": [plain(entry) for entry in self.equations],
            "strict": [[position, sign, plain(entry)] for position, sign, entry in self.strict],
            "pieces": self.pieces,
            "unbounded": self.unbounded,
            "ends": [
                {"field": end.field.to_json(), "theta": [entry.to_json() for entry in end.theta], "tight": list(end.tight)}
                for end in self.ends
            ],
            "sheet": self.sheet,
            **({"apart": [plain(entry) for entry in self.apart]} if self.apart else {}),
            **({"cut": True} if self.cut else {}),
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Curve:
        return Curve(
            tuple(data["free"]),
            tuple(map(terms, data["equations"])),
            tuple((position, sign, terms(entry)) for position, sign, entry in data["strict"]),
            data["pieces"],
            data["unbounded"],
            tuple(map(_end, data["ends"])),
            data["sheet"],
            tuple(map(terms, data.get("apart", ()))),
            data.get("cut", False),
        )


def _end(data: Mapping[str, Any]) -> CurveEnd:
    field = NumberField.from_json(data["field"])
    return CurveEnd(field, tuple(field.element_from_json(entry) for entry in data["theta"]), tuple(data["tight"]))


def plain(polynomial: Terms) -> list[Any]:
    """A polynomial as JSON."""
    return [[list(exponents), value] for exponents, value in polynomial]


def terms(data: Sequence[Any]) -> Terms:
    """A polynomial from JSON."""
    return tuple((tuple(exponents), value) for exponents, value in data)


def terms_of(polynomial: fmpq_mpoly) -> Terms:
    """A polynomial as plain data."""
    return tuple((tuple(int(e) for e in exponents), str(value)) for exponents, value in polynomial.to_dict().items())


def polynomial_of(terms: Terms, size: int) -> fmpq_mpoly:
    """The polynomial in so many variables."""
    return ring(size).from_dict({exponents: fmpq(*map(int, value.split("/"))) for exponents, value in terms})


@lru_cache(maxsize=MAX_SWEPT)
def _swept(free: tuple[int, ...], equations: tuple[Terms, ...], strict: tuple[tuple[int, int, Terms], ...]) -> Sweep:
    size = len(free)
    return Sweep(
        [polynomial_of(terms, size) for terms in equations],
        [(sign, polynomial_of(terms, size)) for _, sign, terms in strict],
        flint_basis,
    )


def on_piece(curve: Curve, witness: Sequence[arb], theta: Sequence[arb]) -> bool:
    """Whether a point of the stratum may lie on the same piece of a curve as the witness; points that balls do not tell apart are one."""
    x = [theta[k] for k in curve.free]
    if not all(value_of(terms, x).overlaps(arb(0)) for terms in curve.equations):
        return False
    if curve.pieces == 1:
        return True
    if curve.sheet:
        return not is_apart(curve, witness, theta)
    sweep = _swept(curve.free, curve.equations, curve.strict)
    try:
        return sweep.piece_of(x) == sweep.piece_of([witness[k] for k in curve.free])
    except SolvingLimit:
        # Nothing tells them apart.
        return True


def is_apart(curve: Curve, witness: Sequence[arb], theta: Sequence[arb]) -> bool:
    """Whether two points are proved to be on different pieces of a sheet, or beside different ones: a polynomial has different signs."""
    for polynomial in curve.apart:
        here, there = (value_of(polynomial, [point[k] for k in curve.free]) for point in (witness, theta))
        if (here > 0 and there < 0) or (here < 0 and there > 0):
            return True
    return False


def value_of(terms: Terms, x: Sequence[arb]) -> arb:
    """The value of a polynomial at a point given by balls."""
    total = arb(0)
    for exponents, value in terms:
        term = arb(fmpq(*map(int, value.split("/"))))
        for entry, exponent in zip(x, exponents, strict=True):
            if exponent:
                term = term * entry**exponent
        total = total + term
    return total
