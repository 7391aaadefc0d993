"""What a witness in a map says, as balls, and what no point of these balls can do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flint import arb

from reluspec.errors import ReluspecError
from reluspec.problem.problem import Problem
from reluspec.verifier.balls import Fit, claimed, fit
from reluspec.verifier.convex.setting import rational
from reluspec.verifier.raw import Surrogate, at, kernel, linear_row


def impossible(surrogate: Surrogate, theta: Sequence[arb], loss: Mapping[str, str], size: int) -> str:
    """Why no point in these balls is a critical one of the stratum with that loss; empty if it is not proved."""
    for switch, sign in surrogate.switches:
        value = at(switch, theta)
        if (sign == 0 and not value.contains(0)) or (sign > 0 and value <= 0) or (sign < 0 and value >= 0):
            return "the signs of the stratum are not those of its balls"
    if fit(loss, at(surrogate.loss, theta)) is Fit.APART:
        return "the loss in its balls is another one"
    tight = [switch for switch, sign in surrogate.switches if sign == 0 and switch != 0]
    if any(switch.total_degree() > 1 for switch in tight):
        return ""
    rows = [linear_row(switch, size) for switch in tight]
    for vector in kernel(rows, size):
        slope = sum((surrogate.loss.derivative(k) * entry for k, entry in enumerate(vector) if entry), surrogate.loss * 0)
        if not at(slope, theta).contains(0):
            return "no critical point lies in its balls: the gradient along the stratum is not zero"
    return ""


def claimed_theta(problem: Problem, witness: Mapping[str, Any]) -> list[arb] | None:
    """The free parameters of a witness as balls; `None` for another shape. Fixed parameters must hold their values."""
    try:
        flat = problem.flatten(witness)
        shape = problem.tensors([None] * len(problem.parameters), lambda value: value)
        if set(witness) != set(shape) or not _holds_constants(problem, witness):
            return None
        return [ball(flat[variable]) for variable in problem.parameters]
    except (ReluspecError, TypeError, KeyError, AttributeError):
        return None


def _holds_constants(problem: Problem, witness: Mapping[str, Any]) -> bool:
    for variable, value in problem.constants().items():
        entry = witness[variable.name]
        for k in variable.index:
            entry = entry[k]
        low, high = claimed(entry)
        if not low <= rational(value) <= high:
            return False
    return True


def ball(entry: Mapping[str, str]) -> arb:
    low, high = claimed(entry)
    return arb((low + high) / 2) + arb(0, arb((high - low) / 2).upper())
