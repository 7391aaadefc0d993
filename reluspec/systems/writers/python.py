"""Scripts for sympy."""

from __future__ import annotations

from reluspec.systems.system import PolynomialSystem
from reluspec.systems.writers.names import underscored
from reluspec.systems.writers.render import header, listed, nonzero_equations, polynomial_text


def write_sympy(system: PolynomialSystem) -> str:
    """A module with `variables`, `equations`, `positive` and `negative` (strict conditions); run as a script it prints a Gröbner basis."""
    names = underscored(system.variables)
    lines = header(system, names, "#")
    lines += ["from sympy import groebner, symbols", ""]
    lines.append(f'variables = symbols(\n    "{" ".join(names)}",\n    seq=True,\n)')
    lines.append(f"({', '.join(names)},) = variables")
    lines.append(
        f"equations = [\n{listed([polynomial_text(polynomial, names, power='**') for polynomial in nonzero_equations(system)])}\n]"
    )
    for word, sign in (("positive", 1), ("negative", -1)):
        polynomials = [
            polynomial_text(condition.polynomial, names, power="**") for condition in system.conditions if condition.sign == sign
        ]
        lines.append(f"{word} = [\n{listed(polynomials)}\n]")
    lines += ["", 'if __name__ == "__main__":', '    print(groebner(equations, *variables, order="grevlex"))']
    return "\n".join(lines) + "\n"
