"""The sign of a polynomial along a product of simplices of spheres (`orbits`): all its points are images of one under positive frames."""

from __future__ import annotations

from collections.abc import Mapping

from flint import fmpq

from reluspec.engines.algebraic.exact.algebraic import Algebraic
from reluspec.engines.algebraic.exact.scalars import Undetermined
from reluspec.engines.algebraic.ideals.affine import Terms, composed
from reluspec.engines.algebraic.stationary.polyhedra import CriticalSet


def sign_on_simplices(terms: Mapping[tuple[int, ...], fmpq], found: CriticalSet) -> int:
    """The sign of a polynomial at all points of a critical set all of whose orbits are positive.

    With unknowns c_l > 0 for the entries of every frame the coordinates are monomials; modulo `sum c_l^2 = 1`, coefficients of one sign are
    enough. Raises `Undetermined` where they have not one.
    """
    if not all(orbit.positive for orbit in found.orbits):
        raise Undetermined("kinks of units whose whole orbit is critical")
    sizes = [orbit.units for orbit in found.orbits]
    names = [(o, unit) for o, size in enumerate(sizes) for unit in range(size)]
    none = (0,) * len(names)
    forms: list[Terms] = [{none: value} if value else {} for value in found.base]
    for o, orbit in enumerate(found.orbits):
        for column in orbit.columns:
            first = forms[column[0]]
            for unit, position in enumerate(column):
                own = names.index((o, unit))
                forms[position] = {_raised(monomial, own, 1): value for monomial, value in first.items()}
    one: Terms = {none: found.field.element(1)}
    value = composed([(monomial, found.field.element(entry)) for monomial, entry in terms.items()], forms, one)
    for o, size in enumerate(sizes):
        first_name = names.index((o, 0))
        value = _on_sphere(value, first_name, range(first_name + 1, first_name + size))
    signs = {entry.sign() for entry in value.values()} - {0}
    if len(signs) > 1:
        raise Undetermined("a slope changes its sign along an orbit of critical points")
    return signs.pop() if signs else 0


def _raised(monomial: tuple[int, ...], position: int, by: int) -> tuple[int, ...]:
    return (*monomial[:position], monomial[position] + by, *monomial[position + 1 :])


def _on_sphere(value: Terms, first: int, others: range) -> Terms:
    """The polynomial with `1 - sum c_l^2` in place of the square of the first entry."""
    while any(monomial[first] > 1 for monomial in value):
        following: dict[tuple[int, ...], Algebraic] = {}
        for monomial, entry in value.items():
            parts = [(monomial, entry)]
            if monomial[first] > 1:
                lower = _raised(monomial, first, -2)
                parts = [(lower, entry), *((_raised(lower, other, 2), -entry) for other in others)]
            for key, part in parts:
                following[key] = following[key] + part if key in following else part
        value = {monomial: entry for monomial, entry in following.items() if entry}
    return value
