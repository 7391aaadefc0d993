"""A system for people to read."""

from __future__ import annotations

from reluspec.systems.system import PolynomialSystem
from reluspec.systems.writers.render import polynomial_text, safe


def write_text(system: PolynomialSystem) -> str:
    """The equations and conditions with the parameters' own names and exact rational coefficients."""
    names = [safe(str(variable)) for variable in system.variables]
    lines = [
        safe(system.title),
        f"stratum {safe(system.stratum)}: {system.kind.value} system, {len(names)} unknowns, {len(system.equations)} equations",
        "",
    ]
    lines += [system.explanation, ""]
    if not system.existence_proved:
        lines += ["Whether the stratum has a point is not known: its switches are not linear.", ""]
    lines.append("unknowns")
    lines += [f"    {safe(str(parameter))}" for parameter in system.parameters]
    lines += [f"    {multiplier.variable}  (multiplier of {safe(multiplier.place)})" for multiplier in system.multipliers]
    lines += ["", "equations"]
    for equation in system.equations:
        lines.append(f"    # {equation.role.value}: {safe(equation.about)}")
        lines += [f"    {line}" for line in f"{polynomial_text(equation.polynomial, names, integer=False)} = 0".splitlines()]
    lines += ["", "sign conditions" if system.conditions else "no sign conditions"]
    for condition in system.conditions:
        lines.append(f"    # {safe(condition.place)}")
        relation = ">" if condition.sign > 0 else "<"
        lines += [f"    {line}" for line in f"{polynomial_text(condition.polynomial, names, integer=False)} {relation} 0".splitlines()]
    return "\n".join(lines) + "\n"
