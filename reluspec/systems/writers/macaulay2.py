"""Scripts for Macaulay2."""

from __future__ import annotations

from reluspec.systems.system import PolynomialSystem
from reluspec.systems.writers.names import capitalised
from reluspec.systems.writers.render import header, listed, nonzero_equations, polynomial_text


def write_macaulay2(system: PolynomialSystem) -> str:
    """Ring, ideal `I`; prints dimension (-1: no solution) and degree. `strict` lists the left-hand sides of the strict conditions."""
    names = capitalised(system.variables)
    lines = header(system, names, "--")
    lines.append(f"R = QQ[{', '.join(names)}];")
    # substitute: a constant generator alone would otherwise be an integer, and the ideal one of ZZ.
    equations = listed([polynomial_text(polynomial, names) for polynomial in nonzero_equations(system)])
    lines.append(f"I = ideal apply({{\n{equations}\n}}, f -> substitute(f, R));")
    lines.append(f"strict = {{\n{listed([polynomial_text(condition.polynomial, names) for condition in system.conditions])}\n}};")
    lines += ["print dim I;", "print degree I;"]
    return "\n".join(lines) + "\n"
