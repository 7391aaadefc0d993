"""Input files of msolve (https://msolve.lip6.fr)."""

from __future__ import annotations

from reluspec.systems.system import PolynomialSystem
from reluspec.systems.writers.names import MSOLVE_NAME_LIMIT, underscored
from reluspec.systems.writers.render import nonzero_equations, polynomial_text


def write_msolve(system: PolynomialSystem) -> str:
    """Variables, characteristic 0, one polynomial per line with integer coefficients and no spaces.

    The format has no comments, so there is no header: the names tell (`hidden_weight_0_1` is `hidden.weight[0,1]`).
    """
    names = underscored(system.variables, MSOLVE_NAME_LIMIT)
    polynomials = [polynomial_text(polynomial, names, tight=True) for polynomial in nonzero_equations(system)]
    return ",".join(names) + "\n0\n" + ",\n".join(polynomials) + "\n"
