"""The algebraic surrogate of a stratum: the polynomial that the loss equals there, and its switches (theory.md sections 1 and 2).

The network is evaluated forward in the ring Q[free parameters], every kink on the side its sign names. Where a switch is zero both
sides agree on the stratum and the upper one is taken; so the surrogate of a wall or corner is that of the cell with `+` for every `0`,
whether or not that cell exists.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import comb

from flint import Ordering, fmpq, fmpq_mpoly, fmpq_mpoly_ctx

from reluspec.errors import LimitError, ProblemError, StratumError
from reluspec.problem.expression import Constant, Expression, Variable, degree, evaluate, sign, substitute
from reluspec.problem.problem import Layer, Problem, Reduction
from reluspec.regions.signs import Signs, format_signs, sign_values

MAX_TERMS = 200_000
"""Largest number of terms a polynomial may have by the bound that is checked before multiplying out."""


@dataclass(frozen=True)
class Switch:
    """A switch `polynomial`, the sign it has on the stratum, and where it belongs in words (`unit 1 of layer hidden at point 3`)."""

    place: str
    sign: int
    polynomial: fmpq_mpoly


@dataclass(frozen=True)
class Surrogate:
    """The loss on one stratum. `switches` are in the order of the name's signs, those that are constant included.

    The generators of `context` are the free parameters in the order of `problem.parameters`. `outputs` are those of the network: data
    points x outputs.
    """

    problem: Problem
    signs: Signs
    context: fmpq_mpoly_ctx
    loss: fmpq_mpoly
    switches: tuple[Switch, ...]
    outputs: tuple[tuple[fmpq_mpoly, ...], ...]

    @property
    def name(self) -> str:
        return format_signs(self.problem, self.signs)


def rational(value: Fraction) -> fmpq:
    """A fraction as FLINT writes it."""
    return fmpq(value.numerator, value.denominator)


def fraction(value: fmpq) -> Fraction:
    """A FLINT rational as Python writes it."""
    return Fraction(int(value.p), int(value.q))


def constant_value(polynomial: fmpq_mpoly) -> Fraction | None:
    """The value of a constant polynomial, `None` for any other."""
    if polynomial.is_zero():
        return Fraction(0)
    return fraction(polynomial.leading_coefficient()) if polynomial.is_constant() else None


def monic_key(polynomial: fmpq_mpoly) -> str:
    """A key that the multiples of one polynomial share, and no others (FLINT's polynomials cannot be hashed)."""
    return str(polynomial / polynomial.leading_coefficient()) if not polynomial.is_zero() else "0"


def empty(name: str, reason: str) -> StratumError:
    """The error for a stratum without points."""
    return StratumError(f"stratum {name!r} does not exist: {reason}. `reluspec graph SPEC` lists the strata that exist")


def surrogate(problem: Problem, signs: Signs) -> Surrogate:
    """The surrogate and the switches of the stratum `signs`.

    Raises `StratumError` when the signs do not fit the problem or a switch is a constant of another sign, `LimitError` when a
    polynomial may have more than `MAX_TERMS` terms, `ProblemError` when the problem has no free parameter.
    """
    name = format_signs(problem, signs)
    if not problem.parameters:
        raise ProblemError("every parameter of the network is fixed: there is nothing to minimise")
    forward = _Forward(problem, name)
    outputs = forward.outputs(signs)
    loss = forward.objective(outputs, signs.objective)
    if problem.loss.reduction is Reduction.MEAN:
        loss = loss / len(problem.data)
    loss = loss + forward.penalty(signs.penalty)
    return Surrogate(problem, signs, forward.context, loss, tuple(forward.switches), tuple(map(tuple, outputs)))


class _Forward:
    """One pass through network, objective and penalties; collects the switches on the way."""

    def __init__(self, problem: Problem, name: str) -> None:
        self.problem, self.name = problem, name
        self.context = fmpq_mpoly_ctx.get([parameter.symbol for parameter in problem.parameters], Ordering.degrevlex)
        self.values: dict[Variable, fmpq_mpoly] = dict(zip(problem.parameters, self.context.gens(), strict=True))
        self.values |= {variable: self.number(value) for variable, value in problem.constants().items()}
        self.switches: list[Switch] = []

    def number(self, value: Fraction) -> fmpq_mpoly:
        return self.context.constant(rational(value))

    def outputs(self, signs: Signs) -> list[list[fmpq_mpoly]]:
        """Per data point the outputs of the last layer. Layers, units, points in this order: the order of the name."""
        signals = [[self.number(entry) for entry in point] for point in self.problem.data.x]
        for layer, units in zip(self.problem.network.layers, signs.layers, strict=True):
            columns = [self._unit(layer, unit, signals, units[unit] if units else "") for unit in range(layer.units)]
            signals = [list(row) for row in zip(*columns, strict=True)]
        return signals

    def _unit(self, layer: Layer, unit: int, signals: Sequence[Sequence[fmpq_mpoly]], signs: str) -> list[fmpq_mpoly]:
        side, following = iter(sign_values(signs)), []
        for point, signal in enumerate(signals):
            self._afford(sum(len(entry) for entry in signal) + 1, 1)
            total = self.values[Variable(f"{layer.name}.bias", (unit,))] if layer.bias else self.number(Fraction(0))
            for k, entry in enumerate(signal):
                total = total + self.values[Variable(f"{layer.name}.weight", (unit, k))] * entry
            self._afford(len(total), degree(layer.activation.expression))
            choose = self._chooser(side, f"unit {unit} of layer {layer.name} at point {point}")
            following.append(evaluate(layer.activation.expression, {Variable("z"): total}, choose, self.number))
        return following

    def objective(self, outputs: Sequence[Sequence[fmpq_mpoly]], signs: str) -> fmpq_mpoly:
        side, loss = iter(sign_values(signs)), self.number(Fraction(0))
        data = self.problem.data
        for point, (output, target, weight) in enumerate(zip(outputs, data.y, data.weight, strict=True)):
            known: dict[Variable, Expression] = {Variable("y", (k,)): Constant(value) for k, value in enumerate(target)}
            expression = substitute(self.problem.loss.expression, known)
            self._afford(sum(len(entry) for entry in output) + 1, degree(expression))
            local = {Variable("f", (k,)): entry for k, entry in enumerate(output)}
            choose = self._chooser(side, f"the objective at point {point}")
            loss = loss + rational(weight) * evaluate(expression, local, choose, self.number)
        return loss

    def penalty(self, signs: str) -> fmpq_mpoly:
        side, total = iter(sign_values(signs)), self.number(Fraction(0))
        for penalty in self.problem.regulariser:
            choose = self._chooser(side, f"the penalty {penalty.text}")
            total = total + evaluate(penalty.expression, self.values, choose, self.number)
        return total

    def _chooser(self, side: Iterator[int], place: str) -> Callable[[fmpq_mpoly], int]:
        """What `evaluate` asks at every kink: record the switch, answer with the sign that the name gives it."""

        def choose(switch: fmpq_mpoly) -> int:
            wanted, value = next(side), constant_value(switch)
            if value is not None and sign(value) != wanted:
                actual = f"is the constant {value}, so its sign is {'-0+'[sign(value) + 1]}"
                raise empty(self.name, f"the switch of {place} {actual}, not {'-0+'[wanted + 1]}")
            self.switches.append(Switch(place, wanted, switch))
            return wanted

        return choose

    def _afford(self, terms: int, power: int) -> None:
        """Bound the terms of `power`-fold products of something with so many terms, and refuse what would take memory for ever."""
        bound = comb(max(terms, 1) + power - 1, power)
        if bound > MAX_TERMS:
            raise LimitError(
                f"stratum {self.name!r}: a polynomial of up to {bound:,} terms in {len(self.problem.parameters)} parameters would arise; "
                f"the limit is {MAX_TERMS:,}. Use fewer units, layers or a lower degree"
            )
