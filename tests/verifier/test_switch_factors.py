"""Minima beside a dead unit of the first of two hidden layers: switches that are products of linear functions, in the verifier."""

from __future__ import annotations

from random import Random
from types import SimpleNamespace
from typing import Any, cast

import pytest
from flint import Ordering, arb, fmpq, fmpq_mpoly_ctx
from map_mutations import repair

import reluspec
from reluspec.io.map_format import map_document
from reluspec.verifier.factors import walls
from reluspec.verifier.raw import Root
from reluspec.verifier.verify import verify_document


def at_the_origin_but_for_w() -> Any:
    """A stand-in for a root: u = v = 0, w = 2."""
    context = fmpq_mpoly_ctx.get(["u", "v", "w"], Ordering.degrevlex)
    ring = SimpleNamespace(size=3, context=context, constant=context.constant)
    return SimpleNamespace(ring=ring, theta=[arb(0), arb(0), arb(2)], is_zero=lambda one: one(0, 0, 2) == 0)


@pytest.mark.parametrize("seed", range(20))
def test_the_signs_of_the_factors_are_those_of_the_switches(seed: int) -> None:
    """Reference: the switches themselves at random points near the root."""
    random, root = Random(seed), at_the_origin_but_for_w()
    u, v, w = root.ring.context.gens()
    switches = []
    for _ in range(3):
        switch = root.ring.constant(random.choice([-2, 3])) * random.choice([u, v, 2 * u - v])
        for factor in random.choices([u, -v, w - 3, w, u + v, w + u * v], k=2):
            switch *= factor ** random.choice([1, 2, 3])
        switches.append(switch)
    found = walls(cast("Root", root), switches)
    assert found is not None
    for _ in range(200):
        point = (random.randint(-9, 9), random.randint(-9, 9), 0)
        signs = [sum(entry * x for entry, x in zip(row, point, strict=True)) for row in found.rows]
        values = [switch(fmpq(point[0], 1000), fmpq(point[1], 1000), fmpq(2)) for switch in switches]
        if all(signs) and all(values):
            assert found.allow([1 if sign > 0 else -1 for sign in signs]) == all(value > 0 for value in values)


def test_factors_that_are_not_linear_are_not_known() -> None:
    root = at_the_origin_but_for_w()
    u, v, w = root.ring.context.gens()
    assert walls(cast("Root", root), [u * (u * w + v * v)]) is None
    assert walls(cast("Root", root), [u * (w * w - 4)]) is not None


def document(target: str) -> dict[str, Any]:
    return map_document(
        reluspec.solve(
            reluspec.parse(
                f"data {{ x = [-2, 0, 3]  y = [{target}, 1, 2] }} network {{ input 1  a: layer 2 relu without bias  "
                "b: layer 1 relu without bias  output: layer 1 linear without bias } loss sum squared_error regulariser ridge(1)"
            ),
            workers=1,
        )
    )


@pytest.mark.parametrize(("target", "closed"), [("-1", True), ("1/2", True), ("2/3", False), ("2", False)])
def test_ends_with_a_dead_unit_that_other_inputs_could_wake(target: str, closed: bool) -> None:
    """The ends of the arc are minima iff 4 c y < 2, c = 0.80 (by hand, in the engine's test of the same problem)."""
    found = document(target)
    arc = next(entry for entry in found["components"] if any(piece["stratum"] == "-0+|-0+/00+" for piece in entry["pieces"]))
    assert arc["closed"] == closed
    verified = verify_document(found, "a dead unit")
    assert verified.complete, [claim for claim in verified.claims if claim in verified.not_reproved or claim in verified.refuted]


@pytest.mark.parametrize("target", ["-1", "2"])
def test_a_false_end_is_refuted(target: str) -> None:
    found = document(target)
    arc = next(entry for entry in found["components"] if any(piece["stratum"] == "-0+|-0+/00+" for piece in entry["pieces"]))
    arc["closed"] = not arc["closed"]
    arc["missing"] = [] if arc["closed"] else ["000|-0+/00+"]
    repair(found)
    assert not verify_document(found, "a false end").ok
