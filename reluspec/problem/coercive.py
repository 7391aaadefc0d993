"""Are the sublevel sets of the loss bounded? Then it attains its infimum; the theorem of docs/audit.md assumes it, too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from flint import fmpq, fmpq_poly

from reluspec.problem.expression import Expression, Sum, Variable, evaluate, variables
from reluspec.problem.problem import Problem


def not_coercive(problem: Problem) -> str:
    """Why it is not proved that the loss tends to infinity; empty if it is.

    It does if the objective is a sum of functions of one output each that are bounded below, and the regulariser a sum of functions of one
    parameter each that are bounded below, and for every parameter tends to infinity with it.
    """
    reason, free = _kept_by_nothing(problem)
    return reason or (f"no penalty keeps {free[0]} bounded" if free else "")


def has_bounded_sublevel_sets(problem: Problem) -> bool:
    """Whether that is proved: the loss tends to infinity, or would if the output layer's biases did not lack a penalty.

    These are bounded where all else is, if on either side of their outputs the objective of some data point grows.
    """
    reason, free = _kept_by_nothing(problem)
    if reason:
        return False
    output = problem.network.layers[-1]
    biases = {Variable(f"{output.name}.bias", (k,)): Variable("f", (k,)) for k in range(output.units)}
    if not set(free) <= set(biases) or (free and output.activation.expression != Variable("z")):
        return False
    penalised = {variable for penalty in problem.regulariser for variable in variables(penalty.expression)}
    pulls = [_growth(_terms([problem.loss.expression]), _targets(y)) or {} for y in problem.data.y]
    return all(bias not in penalised and any(pull.get((biases[bias], side), 0) > 0 for pull in pulls) for bias in free for side in (1, -1))


def _kept_by_nothing(problem: Problem) -> tuple[str, list[Variable]]:
    """Why the loss is not proved to be bounded below, or the regulariser not of the kind that is looked at; the parameters that it does
    not keep bounded.
    """
    for y in problem.data.y:
        grown = _growth(_terms([problem.loss.expression]), _targets(y))
        if grown is None or any(sign < 0 for sign in grown.values()):
            return "the objective is not proved to be bounded below", []
    grown = _growth(_terms([penalty.expression for penalty in problem.regulariser]), {})
    if grown is None:
        return "the regulariser is no sum of functions of one parameter each", []
    return "", [variable for variable in problem.parameters if min(grown.get((variable, side), 0) for side in (1, -1)) <= 0]


def _targets(y: Sequence[Fraction]) -> dict[Variable, Any]:
    return {Variable("y", (k,)): fmpq_poly([_number(entry)]) for k, entry in enumerate(y)}


def _number(value: Fraction | int) -> fmpq:
    return fmpq(value.numerator, value.denominator)


def _terms(expressions: Sequence[Expression]) -> list[Expression]:
    found: list[Expression] = []
    for one in expressions:
        found.extend(_terms(one.terms) if isinstance(one, Sum) else [one])
    return found


def _growth(terms: Sequence[Expression], fixed: Mapping[Variable, Any]) -> dict[tuple[Variable, int], int] | None:
    """The sign of all terms in a variable together, far out on either side, 0 where they stay bounded; `None` for mixed terms."""
    tails: dict[tuple[Variable, int], fmpq_poly] = {}
    for term in terms:
        used = set(variables(term)) - set(fixed)
        if len(used) > 1:
            return None
        for variable in used:
            for side in (1, -1):
                tails[variable, side] = tails.get((variable, side), fmpq_poly([0])) + _tail(term, variable, side, fixed)
    return {key: (0 if tail.degree() < 1 else 1 if tail[tail.degree()] > 0 else -1) for key, tail in tails.items()}


def _tail(term: Expression, variable: Variable, side: int, fixed: Mapping[Variable, Any]) -> fmpq_poly:
    """The polynomial in t that a term is for `variable = side t` and large t."""

    def far(switch: fmpq_poly) -> int:
        top = switch[switch.degree()] if switch.degree() >= 0 else 0
        return int(top > 0) - int(top < 0)

    value: fmpq_poly = evaluate(term, {**fixed, variable: fmpq_poly([0, side])}, far, lambda c: fmpq_poly([_number(c)]))
    return value
