"""From glued critical sets to the records of the map: witnesses, losses, families, certificates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flint import arb, ctx

from reluspec.engines.algebraic.gluing import Glued, Key
from reluspec.engines.algebraic.judging.lower_bound import attains_the_bound, lower_bound
from reluspec.engines.algebraic.judging.minimality import GLOBAL
from reluspec.engines.algebraic.outcome import Judged, StratumOutcome, set_json
from reluspec.engines.algebraic.stationary.charts import Unit, unit_groups
from reluspec.engines.algebraic.stationary.enclosures import on_arc, theta_balls
from reluspec.engines.algebraic.stationary.polyhedra import CriticalSet, value_at
from reluspec.minima.balls import ball, binary_precision, decimal_digits, nested
from reluspec.minima.ranking import ranked
from reluspec.minima.records import ChartFamily, ChartUnit, Component, Family, Piece
from reluspec.problem.coercive import has_bounded_sublevel_sets
from reluspec.problem.expression import Variable
from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs, parse_signs
from reluspec.systems.surrogate import rational, surrogate

GUARD = 4
"""Losses are compared at this multiple of the output precision."""


def components(problem: Problem, glued: Sequence[Glued], outcomes: Mapping[str, StratumOutcome], bits: int) -> list[Component]:
    """The components by ascending loss, with certified witnesses."""
    digits = decimal_digits(bits)
    made = []
    for part in glued:
        loss = loss_ball(problem, part.pieces[0], outcomes, GUARD * binary_precision(digits))
        made.append((loss, _component(problem, part, outcomes, loss, digits)))
    return ranked(made)


def loss_ball(problem: Problem, key: Key, outcomes: Mapping[str, StratumOutcome], bits: int) -> arb:
    """The loss on a critical set; exact where it is known to have its least possible value."""
    name, position = key
    found, decision = outcomes[name].sets[position].found, outcomes[name].sets[position].decision
    if decision.argument == GLOBAL and (bound := lower_bound(problem)) is not None:
        with ctx.workprec(bits + 64):
            return arb(rational(bound.value))
    local = surrogate(problem, parse_signs(problem, name))
    with ctx.workprec(bits + 64):
        value: arb = value_at(local.loss.to_dict(), theta_balls(found, found.witness, bits + 64), arb(0))
        return value


def _component(problem: Problem, part: Glued, outcomes: Mapping[str, StratumOutcome], loss: arb, digits: int) -> Component:
    least = _is_least_possible(problem, part, outcomes, loss)
    pieces = [_piece(problem, name, outcomes[name].sets[position], digits, least) for name, position in part.pieces]
    pieces.sort(key=lambda piece: (-piece.dimension, piece.dead_units, piece.stratum))
    interior = any(_is_cell(problem, parse_signs(problem, name)) for name, _ in part.pieces)
    return Component(
        id=0,
        dimension=max(piece.dimension for piece in pieces),
        loss=ball(loss, digits),
        is_global=False,
        location="interior" if interior else "boundary",
        orbit_size=part.orbit_size,
        closed=not part.missing,
        missing=part.missing,
        pieces=tuple(pieces),
    )


def _is_least_possible(problem: Problem, part: Glued, outcomes: Mapping[str, StratumOutcome], loss: arb) -> bool:
    """Whether the loss is proved to be the least possible one, where that does not follow from bounded sublevel sets."""
    if has_bounded_sublevel_sets(problem) or (bound := lower_bound(problem)) is None or not loss.overlaps(arb(rational(bound.value))):
        return False
    name, position = part.pieces[0]
    return attains_the_bound(problem, parse_signs(problem, name), outcomes[name].sets[position].found)


def _is_cell(problem: Problem, signs: Signs) -> bool:
    """No switch is zero, but for those that vanish everywhere."""
    if signs.is_cell:
        return True
    local = surrogate(problem, signs)
    return all(switch.sign or switch.polynomial.is_zero() for switch in local.switches) and not _dead(problem, signs)


def _dead(problem: Problem, signs: Signs) -> int:
    """How many units are dead: all their switches are zero."""
    return sum(bool(unit) and set(unit) == {"0"} for layer in signs.layers for unit in layer)


def _piece(problem: Problem, name: str, judged: Judged, digits: int, least: bool) -> Piece:
    found = judged.found
    theta = theta_balls(found, found.witness, binary_precision(digits))
    return Piece(
        stratum=name,
        dimension=found.dimension,
        dead_units=_dead(problem, parse_signs(problem, name)),
        witness={name: nested(tensor, digits) for name, tensor in problem.tensors(theta, lambda value: arb(rational(value))).items()},
        certificate={
            "engine": "algebraic",
            "argument": judged.decision.argument,
            **({"least_possible": True} if least else {}),
            **set_json(found),
        },
        family=_family(problem, found, digits) if found.directions else None,
    )


def _family(problem: Problem, found: CriticalSet, digits: int) -> Family | ChartFamily | None:
    """The family as a polytope in the squares of the output weights where it is one (theory.md section 4.2), else in its chart.

    `None` where units of several layers rotate at once, for orbits of rescalings, and for a curve that only its equations describe.
    """
    if found.curve or found.rescaled:
        return None
    bits, units = binary_precision(digits), unit_groups(problem)
    output = problem.network.layers[-1]
    position = {variable: k for k, variable in enumerate(problem.parameters)}
    bias = position.get(Variable(f"{output.name}.bias", (0,)))
    sigma = {unit.output: sign for unit, sign in zip(found.living, found.sigma, strict=True)}
    with ctx.workprec(bits + 32):
        if (
            len(problem.network.layers) != 2
            or not _is_polytope(found, {*sigma, bias})
            or not units
            or len(sigma) + _dead_units(found, units) != len(units)
        ):
            if len(found.orbits) > 1:
                return None
            return ChartFamily(
                vertices=nested([on_arc(found, [entry.ball(bits) for entry in vertex]) for vertex in found.vertices], digits),
                rays=nested([[entry.ball(bits) for entry in ray] for ray in found.rays], digits),
                units=tuple(_chart_unit(unit, sign) for unit, sign in zip(found.living, found.sigma, strict=True)),
                pairs=found.orbits[0].columns if found.orbits else found.pairs,
            )
        zero = arb(0)
        return Family(
            signs=tuple(sigma.get(unit.output, 0) for unit in units),
            directions=nested(
                [[found.witness[k].ball(bits) if unit.output in sigma else zero for k in unit.incoming] for unit in units], digits
            ),
            vertices=nested(
                [[vertex[unit.output].ball(bits) if unit.output in sigma else zero for unit in units] for vertex in found.vertices],
                digits,
            ),
            bias=nested([vertex[bias].ball(bits) for vertex in found.vertices], digits) if bias is not None else (),
        )


def _chart_unit(unit: Unit, sign: int) -> ChartUnit:
    directions = tuple(k for k in unit.incoming if k not in unit.products)
    return ChartUnit(unit.output, sign, directions, tuple(sorted(unit.products)), unit.plain)


def _is_polytope(found: CriticalSet, moving: set[int | None]) -> bool:
    """Whether only squares of output weights (and the output's bias) change, within bounds, and all directions are known."""
    if found.rays or found.is_curved or any(unit.products for unit in found.living):
        return False
    return all(entry == 0 for direction in found.directions for k, entry in enumerate(direction) if k not in moving)


def _dead_units(found: CriticalSet, units: Sequence[Unit]) -> int:
    return sum(all(found.witness[k] == 0 for k in unit.parameters) for unit in units)
