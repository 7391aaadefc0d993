"""Pieces of real algebraic curves: by hand, and against the regions that a fine grid shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from flint import fmpq, fmpq_mpoly, fmpq_mpoly_ctx
from scipy import ndimage

from reluspec.engines.algebraic.ideals.groebner import SolvingLimit, flint_basis, ring
from reluspec.engines.algebraic.ideals.sweep import CurvePiece, Sweep

Equations = Callable[..., list[fmpq_mpoly]]
Strict = Callable[..., list[tuple[int, fmpq_mpoly]]]


def sweep(equations: Equations, variables: int = 2, strict: Strict = lambda *_: []) -> Sweep:
    gens = ring(variables).gens()
    return Sweep(equations(*gens), strict(*gens), flint_basis)


def shape(piece: CurvePiece) -> tuple[int, int, bool]:
    """Ends, branches that go to infinity, a single point."""
    return len(piece.ends), piece.unbounded, piece.isolated


LOOP, LINE, POINT = (0, 0, False), (0, 2, False), (0, 0, True)


@pytest.mark.parametrize(
    ("equations", "variables", "wanted"),
    [
        (lambda x, y: [x * y - 1], 2, [LINE, LINE]),
        (lambda x, y: [x**2 + 2 * y**2 - 1], 2, [LOOP]),
        (lambda x, y: [x**3 + y**3 - 1], 2, [LINE]),
        (lambda x, y: [y**2 - x**3 + x], 2, [LOOP, LINE]),
        (lambda x, y: [y**2 - x**2 * (x + 1)], 2, [LINE]),  # a loop through the node
        (lambda x, y: [y**2 - x**2 * (x - 1)], 2, [POINT, LINE]),
        (lambda x, y: [y**2 - x**3], 2, [LINE]),  # a cusp
        (lambda x, y: [y * (x**2 + y**2 - 1)], 2, [LINE]),
        (lambda x, y: [x**2 - y**2], 2, [(0, 4, False)]),
        (lambda x, y: [x**2 + y**2 + 1], 2, []),
        (lambda x, y: [x**2 + y**2], 2, [POINT]),
        (lambda x, y, z: [x * y - z - 1, x * z - 2], 3, [LINE, LINE]),
        (lambda x, y, z: [y - x**2, z - x**3], 3, [LINE]),  # the twisted cubic
        (lambda x, y, z: [x**2 + y**2 - 1, z**2 - x - 2], 3, [LOOP, LOOP]),  # two sheets over a circle
        (lambda x, y, z: [x**2 + y**2 - 1, z**2 - x], 3, [LOOP]),  # that meet at x = 0
    ],
)
def test_by_hand(equations: Equations, variables: int, wanted: list[Any]) -> None:
    assert sorted(shape(piece) for piece in sweep(equations, variables).pieces) == sorted(wanted)


def test_ends_are_exact() -> None:
    """A quarter of an ellipse ends at (1, 0), where y vanishes, and at (0, 1/sqrt 2), where x does."""
    found = sweep(lambda x, y: [x**2 + 2 * y**2 - 1], strict=lambda x, y: [(1, x), (1, y)])
    (piece,) = found.pieces
    ends = sorted(piece.ends, key=lambda end: end.tight)
    assert [end.tight for end in ends] == [(0,), (1,)]
    assert (ends[0].point.x[0], ends[0].point.x[1] ** 2) == (0, fmpq(1, 2))
    assert ends[1].point.x == (1, 0)
    assert all(entry.sign() > 0 for entry in piece.witness.x)


def test_a_lemniscate_falls_apart() -> None:
    """Without its node, x > 0 and x < 0 are two loops, both with the node for both ends."""
    whole = sweep(lambda x, y: [(x**2 + y**2) ** 2 - 2 * (x**2 - y**2)])
    half = sweep(lambda x, y: [(x**2 + y**2) ** 2 - 2 * (x**2 - y**2)], strict=lambda x, y: [(1, x)])
    assert [shape(piece) for piece in whole.pieces] == [LOOP]
    assert [shape(piece) for piece in half.pieces] == [(1, 0, False)]


def test_signs_that_change_twice() -> None:
    found = sweep(lambda x, y: [x**2 + y**2 - 1], strict=lambda x, y: [(1, (4 * x**2 - 1))])
    assert [shape(piece) for piece in found.pieces] == [(2, 0, False)] * 2


def test_what_is_refused() -> None:
    with pytest.raises(SolvingLimit):
        sweep(lambda x, y: [(x - y) ** 2]).pieces  # noqa: B018
    with pytest.raises(SolvingLimit):
        sweep(lambda x, y: [x * (x + y - 1), y * (x + y - 1)]).pieces  # noqa: B018 - a line and a point beside it
    with pytest.raises(SolvingLimit):
        sweep(lambda x, y: [x * y], strict=lambda x, _: [(1, x)]).pieces  # noqa: B018


def _quartic(context: fmpq_mpoly_ctx, seed: int) -> fmpq_mpoly:
    """A compact curve: of the parts of degree four only `x^4 + y^4`."""
    random = np.random.default_rng(seed)
    x, y = context.gens()
    total = x**4 + y**4
    for i in range(4):
        for j in range(4 - i):
            total += int(random.integers(-6, 7)) * x**i * y**j
    return total


def _regions(terms: dict[tuple[int, ...], Any]) -> int:
    """Into how many regions the plane falls, on a grid."""
    axis = np.linspace(-9, 9, 2401)
    x, y = np.meshgrid(axis, axis)
    values = sum(float(value) * x ** int(i) * y ** int(j) for (i, j), value in terms.items())
    return sum(ndimage.label(np.asarray(part))[1] for part in (values > 0, values <= 0))


@pytest.mark.parametrize("seed", [0, 1, 2, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(3, 8))])
def test_as_many_ovals_as_a_grid_shows(seed: int) -> None:
    """A smooth compact curve in the plane has one oval less than there are regions."""
    polynomial = _quartic(ring(2), seed)
    pieces = Sweep([polynomial], [], flint_basis).pieces
    assert {shape(piece) for piece in pieces} <= {LOOP}
    assert len(pieces) + 1 == _regions(polynomial.to_dict())


@pytest.mark.parametrize("seed", range(3))
def test_points_are_found_on_their_pieces(seed: int) -> None:
    """Going round an oval numerically, in small steps, one comes by points of its own piece only."""
    found = Sweep([_quartic(ring(2), seed)], [], flint_basis)
    samples = np.array([[float(entry) for entry in point.x] for piece in found.pieces for point in piece.samples])
    owner = np.array([k for k, piece in enumerate(found.pieces) for _ in piece.samples])
    for number, piece in enumerate(found.pieces):
        assert found.piece_of([entry.ball(256) for entry in piece.samples[-1].x]) == number
        walk = np.array(_walk(found.given[0], [float(entry) for entry in piece.witness.x]))
        distances = np.linalg.norm(walk[:, None] - samples[None], axis=2)
        met = distances.min(axis=0) < 0.02
        assert met[owner == number].all()
        assert not met[owner != number].any()


def _walk(polynomial: fmpq_mpoly, start: Sequence[float]) -> list[tuple[float, float]]:
    """Points along the curve: steps along the tangent, corrected by Newton's method."""
    parts = [
        [(tuple(map(int, e)), float(c)) for e, c in p.to_dict().items()] for p in (polynomial, *(polynomial.derivative(k) for k in (0, 1)))
    ]

    def at(k: int, point: Any) -> float:
        return sum(c * point[0] ** i * point[1] ** j for (i, j), c in parts[k])

    point, found = np.array(start), []
    for _ in range(3000):
        gradient = np.array([at(1, point), at(2, point)])
        point = point + 0.01 * np.array([-gradient[1], gradient[0]]) / np.linalg.norm(gradient)
        for _ in range(3):
            gradient = np.array([at(1, point), at(2, point)])
            point = point - at(0, point) * gradient / (gradient @ gradient)
        found.append((float(point[0]), float(point[1])))
    return found
