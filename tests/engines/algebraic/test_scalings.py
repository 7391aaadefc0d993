"""Conditions at points where the gradients of zero switches are dependent."""

from __future__ import annotations

import numpy as np
from flint import Ordering, fmpq, fmpq_mpoly_ctx

import reluspec
from reluspec.engines.algebraic.stationary.scalings import conditions


def test_conditions_by_hand() -> None:
    """Minima of l on v w = 0 with z free: d l / d z = 0 and v d l / d v - w d l / d w = 0, and their sum with v d l / d v."""
    context = fmpq_mpoly_ctx.get(["v", "w", "z"], Ordering.degrevlex)
    v, w, z = context.gens()
    loss = (v - 1) ** 2 + 2 * (w - 1) ** 2 + (z - v) ** 2
    found = conditions(loss, [v * w], (0, 1, 2))
    slopes = [loss.derivative(k) for k in range(3)]
    assert any(polynomial == slopes[2] for polynomial in found)
    # At the minimum (1, 0, 1) all of them vanish, at (1, 0, 0) and (1/2, 0, 1/2) not.
    assert all(polynomial(1, 0, 1) == 0 for polynomial in found)
    assert any(polynomial(1, 0, 0) != 0 for polynomial in found)
    assert any(polynomial(fmpq(1, 2), 0, fmpq(1, 2)) != 0 for polynomial in found)


def test_a_homogeneous_switch_with_two_terms() -> None:
    """On a b + c d = 0 the fields scale (a, c), (b, d) or (a, b) against each other; a minimum on it satisfies what follows."""
    context = fmpq_mpoly_ctx.get(["a", "b", "c", "d"], Ordering.degrevlex)
    a, b, c, d = context.gens()
    loss = a**2 + b**2 + (c - 1) ** 2 + (d - 1) ** 2
    found = conditions(loss, [a * b + c * d], (0, 1, 2, 3))
    assert len(found) == 3
    # Least distance of the cone from (0, 0, 1, 1): at a = -b = t, c = d = t with (c - 1) + t = 0.
    half = fmpq(1, 2)
    assert all(polynomial(half, -half, half, half) == 0 for polynomial in found)


def test_a_dead_unit_over_linear_ones() -> None:
    """Previously undecided: with w = u = 0 any output weight solved the equations of dependent gradients."""
    problem = reluspec.parse(
        "data { x = [-1, 1, 3] y = [1, 0, 3] } network { input 1 a: layer 2 linear without bias b: layer 1 relu without bias "
        "output: layer 1 linear without bias } loss sum squared_error regulariser ridge(1/10)"
    )
    minima = reluspec.solve(problem, workers=1)
    assert minima.complete
    assert [(component.dimension, {piece.stratum for piece in component.pieces}) for component in minima] == [
        (1, {"-++"}),
        (1, {"+--"}),
        (0, {"000"}),
    ]
    rng = np.random.default_rng(0)
    theta = list(minima)[2].theta()
    for _ in range(300):
        beside = {name: tensor + rng.normal(scale=1e-2, size=tensor.shape) for name, tensor in theta.items()}
        assert problem.loss_at(beside) > problem.loss_at(theta)
