"""How many strata a problem has, where its switches are linear unit by unit (theory.md section 2)."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from math import comb, factorial

from flint import fmpq_poly

from reluspec.problem.expression import Expression, Variable, evaluate, kinks, sign
from reluspec.problem.problem import Layer, Problem
from reluspec.verifier.convex.faces import faces
from reluspec.verifier.convex.setting import rational
from reluspec.verifier.document import exchange_count

Z = Variable("z")


def stratum_count(problem: Problem) -> int | None:
    """The strata up to exchange of units; `None` where the switches are no product of linear ones of the single units."""
    layers = problem.network.layers
    if len(layers) != 2 or layers[1].activation.kinks or any(True for _ in kinks(problem.loss.expression)):
        return None
    signed = _signed_parameters(problem)
    if signed is None:
        return None
    hidden = layers[0]
    own = {str(parameter) for parameter in problem.parameters if parameter.name.startswith(f"{hidden.name}.")}
    if own & signed:
        return None
    counts = [_unit_count(problem, hidden, unit) for unit in range(hidden.units)]
    known = [count for count in counts if count is not None]
    if len(known) < len(counts):
        return None
    outside = len(signed)
    group = exchange_count(problem)
    if group == 1:
        total: int = 3**outside
        for count in known:
            total *= count
        return total
    # Every unit has as many signed output weights as the others, or the penalty would not allow the exchanges.
    if group != factorial(hidden.units) or len(set(known)) > 1 or outside % hidden.units:
        return None
    each = known[0] * 3 ** (outside // hidden.units)
    return comb(each + hidden.units - 1, hidden.units)


def _signed_parameters(problem: Problem) -> set[str] | None:
    """The parameters whose sign is a switch of the regulariser; `None` if a switch is something else or a sign occurs twice."""
    found = []
    for penalty in problem.regulariser:
        for kink in kinks(penalty.expression):
            argument = kink.argument
            if not isinstance(argument, Variable):
                return None
            found.append(str(argument))
    return set(found) if len(set(found)) == len(found) else None


def _unit_count(problem: Problem, layer: Layer, unit: int) -> int | None:
    """The faces of one unit: of the affine arrangement `w . x_i + c = b` over all points and breakpoints b."""
    breaks = breakpoints(layer.activation.expression, len(layer.activation.kinks))
    if breaks is None:
        return None
    weights = None if layer.fixed_weight is None else layer.fixed_weight[unit]
    if weights is not None:
        return None
    bias = None if layer.fixed_bias is None else layer.fixed_bias[unit]
    rows = []
    for point in problem.data.x:
        for b in breaks:
            free = [Fraction(1)] if layer.bias and bias is None else []
            rows.append([*point, *free, (bias or Fraction(0)) - b])
    if not rows:
        return 1
    # Homogenised by one more coordinate, which is positive.
    rows.append([Fraction(0)] * (len(rows[0]) - 1) + [Fraction(1)])
    return sum(face.signs[-1] > 0 for face in faces(rows)[0])


def breakpoints(expression: Expression, count: int) -> list[Fraction] | None:
    """Where the signs of an activation's switches change; `None` if some switch is not linear in z between kinks."""
    candidates: set[Fraction] = set()
    for path in product((1, -1), repeat=count):
        sides = iter(path)

        def choose(switch: fmpq_poly, sides: object = sides) -> int:
            if switch.degree() > 1:
                raise ValueError
            if switch.degree() == 1:
                root = -switch[0] / switch[1]
                candidates.add(Fraction(int(root.p), int(root.q)))
            return int(next(sides))  # type: ignore[call-overload]

        try:
            evaluate(expression, {Z: fmpq_poly([0, 1])}, choose, lambda c: fmpq_poly([rational(c)]))
        except ValueError:
            return None
    ordered = sorted(candidates)
    found = []
    for k, b in enumerate(ordered):
        before = (ordered[k - 1] + b) / 2 if k else b - 1
        after = (ordered[k + 1] + b) / 2 if k + 1 < len(ordered) else b + 1
        patterns = [pattern(expression, z) for z in (before, b, after)]
        if len(set(patterns)) == 3:
            found.append(b)
        elif len(set(patterns)) > 1:
            return None
    return found


def pattern(expression: Expression, z: Fraction) -> str:
    signs: list[str] = []

    def choose(switch: Fraction) -> int:
        side = sign(switch)
        signs.append("-0+"[side + 1])
        return side

    evaluate(expression, {Z: z}, choose, Fraction)
    return "".join(signs)
