"""Scripts for Singular."""

from __future__ import annotations

from reluspec.systems.system import PolynomialSystem
from reluspec.systems.writers.names import underscored
from reluspec.systems.writers.render import header, listed, nonzero_equations, polynomial_text


def write_singular(system: PolynomialSystem) -> str:
    """Ring, ideal `I`, its standard basis `J`; prints dimension and vector space dimension (-1: infinite, or no solution when the
    dimension is -1).

    The left-hand sides of the strict conditions, if any, are the generators of `strict`: saturate by them before judging a positive
    dimension.
    """
    names = underscored(system.variables)
    lines = header(system, names, "//")
    lines.append(f"ring R = 0,({','.join(names)}),dp;")
    lines.append(f"ideal I =\n{listed([polynomial_text(polynomial, names) for polynomial in nonzero_equations(system)])};")
    if system.conditions:
        lines.append(f"ideal strict =\n{listed([polynomial_text(condition.polynomial, names) for condition in system.conditions])};")
    lines += ["ideal J = std(I);", "print(dim(J));", "print(vdim(J));"]
    return "\n".join(lines) + "\n"
