"""Does a stratum have a point? Exact wherever the switches are affine in the parameters, a necessary condition elsewhere (theory.md
section 2).

Affine switches that vanish are solved for a parameter and substituted everywhere. What is left is a set of strict inequalities; the
affine ones fall apart into blocks without common parameters (the units of the first hidden layer), and each block is a linear program
over the rationals. With one hidden layer and no kink in the objective all switches are affine, so the answer is complete;
`regions.arrangement` lists the same faces, all at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

from flint import fmpq_mpoly, fmpq_mpoly_ctx

from reluspec.problem.expression import sign
from reluspec.systems.surrogate import Surrogate, Switch, constant_value, empty, fraction

Row = list[Fraction]


def check_exists(surrogate: Surrogate) -> bool:
    """Refuse a stratum that provably has no point.

    Returns `True` when existence is proved (all switches affine after substitution), `False` when nonlinear switches leave it open.
    Raises `StratumError` when the stratum is empty.
    """
    remaining = [switch for switch in surrogate.switches if not switch.polynomial.is_constant()]
    remaining = _eliminate(surrogate, remaining)
    _refuse_contradictions(surrogate, remaining)
    affine = [switch for switch in remaining if switch.polynomial.total_degree() == 1]
    for block in _blocks(affine):
        rows, used = _rows(block)
        if not strictly_feasible(rows):
            names = ", ".join(str(surrogate.problem.parameters[index]) for index in used)
            places = sorted({switch.place.partition(" at point")[0] for switch in block})
            raise empty(surrogate.name, f"no values of {names} give the switches of {', '.join(places)} these signs")
    return len(affine) == len(remaining)


def solve_affine(polynomials: Iterable[fmpq_mpoly], context: fmpq_mpoly_ctx) -> list[fmpq_mpoly]:
    """The images of all generators when affine polynomials are set to zero and solved, each for its first free parameter.

    Contradictory ones are passed over: they become non-zero constants under the result.
    """
    gens = context.gens()
    images = list(gens)
    for polynomial in polynomials:
        pivot = polynomial.compose(*images)
        if pivot.is_constant():
            continue
        index = next(index for index, exponent in enumerate(pivot.degrees()) if exponent)
        step = list(gens)
        step[index] = gens[index] - pivot / pivot.derivative(index).leading_coefficient()
        images = [image.compose(*step) for image in images]
    return images


def _eliminate(surrogate: Surrogate, switches: list[Switch]) -> list[Switch]:
    """Substitute the solutions of vanishing affine switches until none is left; constants that arise must have the right sign."""
    while True:
        affine = [switch.polynomial for switch in switches if switch.sign == 0 and switch.polynomial.total_degree() == 1]
        if not affine:
            return switches
        images = solve_affine(affine, surrogate.context)
        following = []
        for switch in switches:
            image = switch.polynomial.compose(*images)
            value = constant_value(image)
            if value is None:
                following.append(Switch(switch.place, switch.sign, image))
            elif sign(value) != switch.sign:
                reason = f"where the zero switches vanish, that of {switch.place} is {value}"
                raise empty(surrogate.name, f"{reason}, so its sign is {'-0+'[sign(value) + 1]}, not {'-0+'[switch.sign + 1]}")
        switches = following


def _refuse_contradictions(surrogate: Surrogate, switches: Sequence[Switch]) -> None:
    """Multiples of one polynomial have one sign, up to that of the factor.

    This catches repeated points and repeated kinks, nonlinear ones as well.
    """
    seen: dict[str, tuple[int, Switch]] = {}
    for switch in switches:
        leading = switch.polynomial.leading_coefficient()
        oriented = switch.sign * sign(fraction(leading))
        known = seen.setdefault(str(switch.polynomial / leading), (oriented, switch))
        if known[0] != oriented:
            raise empty(
                surrogate.name,
                f"the switches of {known[1].place} and of {switch.place} are multiples of each other, but their signs disagree",
            )


def _blocks(switches: Sequence[Switch]) -> list[list[Switch]]:
    """Group switches that share parameters, directly or through others."""
    groups: list[tuple[set[int], list[Switch]]] = []
    for switch in switches:
        used = {index for index, exponent in enumerate(switch.polynomial.degrees()) if exponent}
        members = [switch]
        apart = []
        for indices, others in groups:
            if indices & used:
                used |= indices
                members = others + members
            else:
                apart.append((indices, others))
        groups = [*apart, (used, members)]
    return [members for _, members in groups]


def _rows(block: Sequence[Switch]) -> tuple[list[Row], list[int]]:
    """The block as homogeneous strict inequalities `row . (parameters, t) > 0` with t > 0, and the indices of its parameters.

    Homogenising loses nothing: a point with t > 0 is scaled to t = 1.
    """
    used = sorted({index for switch in block for index, exponent in enumerate(switch.polynomial.degrees()) if exponent})
    rows = []
    for switch in block:
        row = [Fraction(0)] * (len(used) + 1)
        for exponents, coefficient in switch.polynomial.to_dict().items():
            position = next((used.index(index) for index, exponent in enumerate(exponents) if exponent), len(used))
            row[position] = switch.sign * fraction(coefficient)
        rows.append(row)
    if any(row[-1] for row in rows):
        return [*rows, [Fraction(0)] * len(used) + [Fraction(1)]], used
    return [row[:-1] for row in rows], used


def strictly_feasible(rows: Sequence[Row]) -> bool:
    """Whether some u has `row . u > 0` for every row (m rows of length q); exact.

    By Gordan's theorem it has not iff some y >= 0 with sum 1 has `sum_i y_i row_i = 0`: phase 1 of the simplex method with q + 1
    equations, Bland's rule against cycling.
    """
    if not rows:
        return True
    height, columns = len(rows[0]) + 1, len(rows)
    # Equations k < q: sum_i y_i row_i[k] = 0, the last one: sum_i y_i = 1; one artificial variable each, implicit in `basis`.
    table = [[row[k] for row in rows] + [Fraction(0)] for k in range(height - 1)] + [[Fraction(1)] * (columns + 1)]
    cost = [sum((line[j] for line in table), Fraction(0)) for j in range(columns + 1)]
    basis = [columns + 1 + k for k in range(height)]
    while cost[columns] > 0:
        entering = next((j for j in range(columns) if cost[j] > 0), None)
        if entering is None:
            return True
        candidates = [k for k in range(height) if table[k][entering] > 0]
        leaving = min(candidates, key=lambda k: (table[k][columns] / table[k][entering], basis[k]))
        _pivot(table, cost, leaving, entering)
        basis[leaving] = entering
    return False


def _pivot(table: list[Row], cost: Row, leaving: int, entering: int) -> None:
    factor = table[leaving][entering]
    table[leaving] = [entry / factor for entry in table[leaving]]
    for line in [*(line for k, line in enumerate(table) if k != leaving), cost]:
        if multiple := line[entering]:
            line[:] = [entry - multiple * pivot for entry, pivot in zip(line, table[leaving], strict=True)]
