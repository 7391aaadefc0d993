"""The ways in which one unit, one objective or all penalties can have signs: lists that are made once and multiplied.

Units of one layer are independent of each other given the layers before, so that a layer's signs are a product of such lists.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from reluspec.problem.expression import sign
from reluspec.problem.problem import Layer
from reluspec.regions.arrangement import arrangement
from reluspec.regions.unit_rows import has_free_bias, slope_at_zero
from reluspec.systems.forward import Forward, Polynomial, Signal, Step
from reluspec.systems.relaxation import Relaxation

MAX_CASES = 81
"""Largest number of cases by signs of weights that are told apart at once; beyond it fewer strata are shown to be empty."""

_CHARACTERS = {1: "+", 0: "0", -1: "-"}
_ORDER = (1, 0, -1)


@dataclass(frozen=True, eq=False)
class Way:
    """One way for a unit: its signs, its outputs point by point, and what these signs demand.

    `conditions` are polynomials with their signs that say all there is; `forms` some that are positive, for products with weights that
    follow. `rank` counts equations, `affine` says that all conditions are, which proves that they can be met.
    """

    signs: str
    outputs: tuple[Polynomial, ...]
    conditions: tuple[tuple[Polynomial, int], ...]
    forms: tuple[Polynomial, ...]
    rank: int
    affine: bool


class Case:
    """A relaxation on its way down the search, worked out when it is asked for and then kept."""

    __slots__ = ("_above", "_branches", "_relaxation", "_side", "_switch")

    def __init__(self, relaxation: Relaxation | None = None, above: Case | None = None, switch: Polynomial | None = None, side: int = 0):
        self._relaxation, self._above, self._switch, self._side = relaxation, above, switch, side
        self._branches: tuple[Polynomial, dict[int, Relaxation]] | None = None

    def relaxation(self) -> Relaxation | None:
        """`None`: the case contradicts itself."""
        if self._above is not None and self._switch is not None:
            self._relaxation = self._above._branch(self._switch).get(self._side)
            self._above = None
        return self._relaxation

    def _branch(self, switch: Polynomial) -> dict[int, Relaxation]:
        relaxation = self.relaxation()
        if relaxation is None:
            return {}
        if self._branches is None or self._branches[0] is not switch:
            self._branches = switch, relaxation.branch(switch)
        return self._branches[1]


@dataclass(frozen=True)
class Choice:
    """Signs of several steps, one string per step, the switches met, and the cases that may remain: the first one does."""

    signs: tuple[str, ...]
    cases: tuple[Case, ...]
    conditions: tuple[tuple[Polynomial, int], ...]

    def remaining(self) -> list[Relaxation]:
        """All cases that remain."""
        return [relaxation for case in self.cases if (relaxation := case.relaxation()) is not None]


def choices(forward: Forward, cases: Sequence[Relaxation], steps: Sequence[Step], max_rank: int | None) -> Iterator[Choice]:
    """All signs of the steps that some case allows, depth first. Cases of more than `max_rank` equations are given up."""
    yield from _continued(forward, Choice(("",), tuple(Case(case) for case in cases), ()), steps, max_rank)


def _continued(forward: Forward, done: Choice, steps: Sequence[Step], max_rank: int | None) -> Iterator[Choice]:
    signs = done.signs
    position = len(signs) - 1
    if position == len(steps):
        yield Choice(signs[:-1], done.cases, done.conditions)
        return
    step, begun = steps[position], signs[-1]
    if len(begun) == step.kinks:
        yield from _continued(forward, Choice((*signs, ""), done.cases, done.conditions), steps, max_rank)
        return
    switch = forward.next_switch(step, begun)
    for side in _ORDER:
        remaining = _remaining([Case(None, case, switch, side) for case in done.cases], max_rank)
        if remaining:
            following = (*signs[:-1], begun + _CHARACTERS[side])
            yield from _continued(forward, Choice(following, remaining, (*done.conditions, (switch, side))), steps, max_rank)


def _remaining(cases: Sequence[Case], max_rank: int | None) -> tuple[Case, ...]:
    """The cases from the first one that holds on, those after it untried; with a bound on the rank all of them are tried."""
    if max_rank is not None:
        return tuple(case for case in cases if (relaxation := case.relaxation()) is not None and relaxation.rank <= max_rank)
    first = next((k for k, case in enumerate(cases) if case.relaxation() is not None), len(cases))
    return tuple(cases[first:])


Weight = tuple[Polynomial, Sequence[Polynomial]]
"""A weight, and positive forms of the unit that it is the weight of."""


def split_cases(base: Relaxation, weights: Sequence[Weight]) -> list[Relaxation]:
    """The cases of the signs of weights, as many as `MAX_CASES` allows."""
    cases = [base]
    for weight, forms in weights:
        if forms and not weight.is_constant() and len(cases) * 3 <= MAX_CASES:
            cases = [part for case in cases for part in case.split(weight, forms)]
    return cases


def unit_ways(
    forward: Forward,
    base: Relaxation,
    layer: Layer,
    unit: int,
    signals: Sequence[Signal],
    weights: Sequence[Weight],
    max_rank: int | None,
    *,
    followed: bool,
) -> list[Way]:
    """The ways of a unit after `base`; `weights` are those to tell cases apart by, `followed` says that other switches come later."""
    steps = [forward.unit(layer, unit, signal) for signal in signals]
    cases = split_cases(base, weights) if layer.activation.kinks else [base]
    ways = []
    for choice in choices(forward, cases, steps, max_rank):
        outputs = tuple(forward.value(step, signs) for step, signs in zip(steps, choice.signs, strict=True))
        thorough = followed or max_rank is not None or len(choice.cases) <= 3
        remaining = choice.remaining() if thorough else [choice.cases[0].relaxation() or base]
        conditions = list(choice.conditions)
        forms = [polynomial if side > 0 else -polynomial for polynomial, side in conditions if side]
        if followed:
            implied, products = _implied(remaining, weights)
            conditions, forms = conditions + implied, forms + products
        rank = min(relaxation.rank for relaxation in remaining) - base.rank
        affine = any(relaxation.affine for relaxation in remaining)
        ways.append(Way("".join(choice.signs), outputs, tuple(conditions), tuple(forms), rank, affine))
    return ways


def _implied(cases: Sequence[Relaxation], weights: Sequence[Weight]) -> tuple[list[tuple[Polynomial, int]], list[Polynomial]]:
    """The signs of weights that all cases agree on, and the products that are positive therefore."""
    signs: list[tuple[Polynomial, int]] = []
    products: list[Polynomial] = []
    for weight, forms in weights:
        sides = {side for case in cases for side in case.branch(weight)}
        if len(sides) == 1 and forms and not weight.is_constant():
            (side,) = sides
            signs.append((weight, side))
            products += [weight * form if side > 0 else -weight * form for form in forms if side]
    return signs, products


def first_layer_ways(forward: Forward, free: Relaxation, unit: int, max_rank: int | None) -> list[Way]:
    """The ways of a unit of the first layer: the faces of its arrangement where all kinks are at 0, smallest first.

    `free` assumes nothing yet.
    """
    layer = forward.problem.network.layers[0]
    slope = slope_at_zero(layer) if layer.fixed_weight is None else None
    if slope is None or (layer.bias and layer.fixed_bias is not None and layer.fixed_bias[unit]):
        return unit_ways(forward, free, layer, unit, forward.inputs, (), max_rank, followed=False)
    steps = [forward.unit(layer, unit, signal) for signal in forward.inputs]
    side = Fraction(sign(slope))
    ending = (side,) if has_free_bias(layer) else ()
    faces = arrangement([(*(side * entry for entry in point), *ending) for point in forward.problem.data.x])
    switches = [forward.next_switch(step, "") for step in steps]
    facets: dict[int, list[int]] = {}
    for face, row in zip(faces.upper, faces.facet_row, strict=True):
        facets.setdefault(int(face), []).append(int(row))
    ways = []
    for face, name in enumerate(faces.names):
        codimension = faces.ambient_dimension - int(faces.dimension[face])
        if max_rank is not None and codimension > max_rank:
            continue
        outputs = tuple(forward.value(step, character) for step, character in zip(steps, name, strict=True))
        zero = [(switches[row], 0) for row, character in enumerate(name) if character == "0" and not switches[row].is_zero()]
        strict = [(switches[row], int(faces.signs[face][row])) for row in sorted(set(facets.get(face, [])))]
        forms = tuple(polynomial if side > 0 else -polynomial for polynomial, side in strict)
        ways.append(Way(name, outputs, (*zero, *strict), forms, codimension, True))
    return ways
