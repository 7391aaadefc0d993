"""Scripts for HomotopyContinuation.jl."""

from __future__ import annotations

from reluspec.systems.system import PolynomialSystem
from reluspec.systems.writers.names import underscored
from reluspec.systems.writers.render import header, listed, nonzero_equations, polynomial_text


def write_julia(system: PolynomialSystem) -> str:
    """Variables, system `F`, `result = solve(F)`, and the real solutions that satisfy the strict conditions."""
    names = underscored(system.variables)
    polynomials = listed([polynomial_text(polynomial, names) for polynomial in nonzero_equations(system)])
    conditions = listed([_positive(condition.sign, polynomial_text(condition.polynomial, names)) for condition in system.conditions])
    lines = header(system, names, "#")
    lines += ["using HomotopyContinuation", f"@var {' '.join(names)}", f"unknowns = [{', '.join(names)}]"]
    lines.append(f"F = System([\n{polynomials}\n]; variables = unknowns)")
    lines.append(f"positive = [\n{conditions}\n]")
    lines.append("result = solve(F)")
    lines.append("inside = filter(x -> all(evaluate(h, unknowns => x) > 0 for h in positive), real_solutions(result))")
    return "\n".join(lines) + "\n"


def _positive(sign: int, text: str) -> str:
    return text if sign > 0 else f"-({text})"
