"""The polynomial system of a stratum: gradient, Lagrange or Fritz John (theory.md section 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from flint import Ordering, fmpq_mpoly, fmpq_mpoly_ctx

from reluspec.problem.expression import Variable
from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs
from reluspec.systems.constraints import Constraints, constraints
from reluspec.systems.existence import check_exists
from reluspec.systems.surrogate import Surrogate, fraction, surrogate

LOSS_MULTIPLIER = Variable("mu_loss")
"""The multiplier of the loss in the Fritz John form."""


class SystemKind(Enum):
    """Which necessary conditions a system states; the value is the word used in exports."""

    GRADIENT = "gradient"
    LAGRANGE = "lagrange"
    FRITZ_JOHN = "fritz_john"


class Role(Enum):
    """What an equation says."""

    STATIONARITY = "stationarity"
    SWITCH = "switch"
    NORMALISATION = "normalisation"


@dataclass(frozen=True)
class Equation:
    """`polynomial = 0`; `about` names the parameter of a derivative or the place of a switch."""

    role: Role
    about: str
    polynomial: fmpq_mpoly


@dataclass(frozen=True)
class Condition:
    """`sign * polynomial > 0`: what a solution must satisfy to lie in the stratum. `place` says whose switch it is."""

    place: str
    sign: int
    polynomial: fmpq_mpoly


@dataclass(frozen=True)
class Multiplier:
    """The unknown `variable` multiplies the gradient of what `place` names."""

    variable: Variable
    place: str


@dataclass(frozen=True)
class PolynomialSystem:
    """The critical points of the loss on one stratum: the real solutions of `equations` that satisfy `conditions`.

    All polynomials live in Q[variables], the generators in the order of `variables`: the free parameters in the order of theta, then
    the multipliers. `existence_proved` is `False` where nonlinear switches leave open whether the stratum has a point at all.
    """

    kind: SystemKind
    title: str
    stratum: str
    parameters: tuple[Variable, ...]
    multipliers: tuple[Multiplier, ...]
    equations: tuple[Equation, ...]
    conditions: tuple[Condition, ...]
    existence_proved: bool

    @property
    def variables(self) -> tuple[Variable, ...]:
        """All unknowns: parameters, then multipliers."""
        return self.parameters + tuple(multiplier.variable for multiplier in self.multipliers)

    @property
    def explanation(self) -> str:
        """What the system states, in one sentence."""
        return _EXPLANATIONS[self.kind]

    def to_sympy(self) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """The variables as sympy symbols, named as in the sympy script, and the left-hand sides of the equations, expanded."""
        from sympy import Integer, Mul, Pow, Rational, Symbol

        from reluspec.systems.writers.names import underscored

        symbols = tuple(Symbol(name) for name in underscored(self.variables))
        expressions = []
        for equation in self.equations:
            total = Integer(0)
            for exponents, coefficient in equation.polynomial.to_dict().items():
                exact = fraction(coefficient)
                powers = [Pow(symbol, exponent) for symbol, exponent in zip(symbols, exponents, strict=True) if exponent]
                total += Mul(Rational(exact.numerator, exact.denominator), *powers)
            expressions.append(total)
        return symbols, tuple(expressions)


_EXPLANATIONS = {
    SystemKind.GRADIENT: "The stratum is a cell: the gradient of the loss vanishes.",
    SystemKind.LAGRANGE: (
        "Lagrange: the gradient of the loss plus the multiples mu[j] of the gradients of the zero switches vanishes, "
        "and so do these switches."
    ),
    SystemKind.FRITZ_JOHN: (
        "Fritz John: the gradients of the zero switches may be dependent, so the loss has a multiplier mu_loss as well, and the squares "
        "of all multipliers sum to 1. Every real critical point appears at least twice, with mu and -mu; where mu_loss = 0 the gradients "
        "of the zero switches are dependent."
    ),
}


def stratum_system(problem: Problem, signs: Signs) -> PolynomialSystem:
    """The system whose real solutions, filtered by its sign conditions, contain every local minimum in the stratum.

    Raises `StratumError` when the signs do not fit the problem or the stratum provably has no point, `LimitError` when the polynomials
    would be too large, `ProblemError` when no parameter is free.
    """
    local = surrogate(problem, signs)
    proved = check_exists(local)
    sorted_zeros = constraints(local)
    kind = _kind(sorted_zeros)
    multipliers = _multipliers(kind, sorted_zeros)
    context = _extended(local, multipliers)
    return PolynomialSystem(
        kind=kind,
        title=problem.title,
        stratum=local.name,
        parameters=problem.parameters,
        multipliers=multipliers,
        equations=_equations(local, kind, sorted_zeros, context),
        conditions=tuple(
            Condition(switch.place, switch.sign, switch.polynomial.project_to_context(context))
            for switch in local.switches
            if switch.sign and not switch.polynomial.is_constant()
        ),
        existence_proved=proved,
    )


def _kind(zeros: Constraints) -> SystemKind:
    if not zeros.equations:
        return SystemKind.GRADIENT
    return SystemKind.LAGRANGE if zeros.independent else SystemKind.FRITZ_JOHN


def _multipliers(kind: SystemKind, zeros: Constraints) -> tuple[Multiplier, ...]:
    switches = tuple(Multiplier(Variable("mu", (j,)), f"the switch of {switch.place}") for j, switch in enumerate(zeros.multiplied))
    return (Multiplier(LOSS_MULTIPLIER, "the loss"), *switches) if kind is SystemKind.FRITZ_JOHN else switches


def _extended(local: Surrogate, multipliers: Sequence[Multiplier]) -> fmpq_mpoly_ctx:
    names = [variable.symbol for variable in local.problem.parameters] + [str(multiplier.variable) for multiplier in multipliers]
    return fmpq_mpoly_ctx.get(names, Ordering.degrevlex)


def _equations(local: Surrogate, kind: SystemKind, zeros: Constraints, context: fmpq_mpoly_ctx) -> tuple[Equation, ...]:
    """Stationarity parameter by parameter, the vanishing switches in the order of the name, the normalisation last."""
    count = len(local.problem.parameters)
    unknowns = context.gens()[count:]
    scale = unknowns[0] if kind is SystemKind.FRITZ_JOHN else context.constant(1)
    of_switches = unknowns[1:] if kind is SystemKind.FRITZ_JOHN else unknowns
    loss = local.loss.project_to_context(context)
    multiplied = [switch.polynomial.project_to_context(context) for switch in zeros.multiplied]
    equations = []
    for k, parameter in enumerate(local.problem.parameters):
        total = scale * loss.derivative(k)
        for unknown, switch in zip(of_switches, multiplied, strict=True):
            total = total + unknown * switch.derivative(k)
        equations.append(Equation(Role.STATIONARITY, str(parameter), total))
    equations += [Equation(Role.SWITCH, switch.place, switch.polynomial.project_to_context(context)) for switch in zeros.equations]
    if kind is SystemKind.FRITZ_JOHN:
        norm = context.constant(-1)
        for unknown in unknowns:
            norm = norm + unknown**2
        equations.append(Equation(Role.NORMALISATION, "the multipliers", norm))
    return tuple(equations)
