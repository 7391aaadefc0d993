"""Smooth sets of critical points of dimension two and more: their pieces, by hand and against a grid, and maps that have them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from campaign import attack
from flint import arb, fmpq_mpoly
from scipy import ndimage

import reluspec
from reluspec.engines.algebraic.ideals.groebner import flint_basis, ring
from reluspec.engines.algebraic.ideals.surfaces import Surface, SurfaceLimit, is_empty, surface
from reluspec.engines.algebraic.stationary.curves import Curve, on_piece, terms_of
from reluspec.minima.records import Piece

Equations = Callable[..., list[fmpq_mpoly]]
Strict = Callable[..., list[tuple[int, fmpq_mpoly]]]


def found(equations: Equations, variables: int = 3, strict: Strict = lambda *_: []) -> Surface | None:
    """The surface; its points solve the equations, have the signs, and are told apart."""
    gens = ring(variables).gens()
    rows, signs = equations(*gens), strict(*gens)
    one = surface(rows, signs, flint_basis)
    if one is not None:
        assert all(point.value(row) == 0 for point in one.points for row in rows)
        assert all(point.value(polynomial).sign() == sign for point in one.points for sign, polynomial in signs)
        kinds = {tuple(point.value(polynomial).sign() for polynomial in one.apart) for point in one.points}
        assert len(kinds) == len(one.points) == one.pieces
    return one


def sphere(*x: fmpq_mpoly) -> fmpq_mpoly:
    return sum((entry**2 for entry in x[1:]), x[0] ** 2 - 1)


@pytest.mark.parametrize(
    ("equations", "variables", "strict", "pieces", "dimension"),
    [
        (lambda *x: [sphere(*x)], 3, lambda *_: [], 1, 2),
        (lambda *x: [sphere(*x)], 4, lambda *_: [], 1, 3),
        (lambda *x: [sphere(*x)], 3, lambda x, y, z: [(1, x), (1, x + 3 * y + z), (1, 2 * x + 3 * y + z)], 1, 2),
        (lambda *x: [sphere(*x)], 3, lambda x, y, z: [(1, 4 * x**2 - 1)], 2, 2),  # two caps
        (lambda *x: [sphere(*x)], 3, lambda x, y, z: [(-1, 4 * x**2 - 1)], 1, 2),  # what is between them
        (lambda x, y, z: [x**2 - y**2 - z**2 - 1], 3, lambda *_: [], 2, 2),
        (lambda x, y, z: [x**2 + y**2 - z**2 - 1], 3, lambda *_: [], 1, 2),
        (lambda x, y, z: [(x**2 + y**2 + z**2 + 3) ** 2 - 16 * (x**2 + y**2)], 3, lambda *_: [], 1, 2),  # a torus
        (lambda x, y, z: [(x**2 + y**2 + z**2 + 3) ** 2 - 16 * (x**2 + y**2)], 3, lambda x, *_: [(-1, x**2 - 1)], 2, 2),
        (lambda x, y, z: [(x**2 - 4) ** 2 + (y**2 - 3) ** 2 + z**2 - 1], 3, lambda *_: [], 4, 2),
        (lambda x, y, z: [x * y * z - 1], 3, lambda *_: [], 4, 2),
        (lambda x, y, z: [x**2 + y**2 - z**2], 3, lambda x, y, z: [(1, z)], 1, 2),  # half a cone
        (lambda a, x, y: [x**2 + y**2 - 1], 3, lambda a, x, y: [(1, x), (1, x + 3 * y)], 1, 2),  # a is free
        (lambda x, y, z, w: [x**2 + y**2 - 1, z**2 + w**2 - 2], 4, lambda *_: [], 1, 2),
        (lambda x, y, z, w, a: [x**2 + y**2 - 1, z**2 + w**2 - 2 + a * x], 5, lambda x, *_: [(1, x)], 1, 3),
        (lambda x, y, z: [x * (x**2 + y**2 - 1), y * (x**2 + y**2 - 1)], 3, lambda x, *_: [(1, x)], 1, 2),  # too many equations
    ],
)
def test_by_hand(equations: Equations, variables: int, strict: Strict, pieces: int, dimension: int) -> None:
    one = found(equations, variables, strict)
    assert one is not None
    assert (one.pieces, one.reduced.dimension) == (pieces, dimension)


def test_what_is_empty() -> None:
    assert found(lambda x, y, z: [x**2 + y**2 - 1], strict=lambda x, y, z: [(1, x + y - 3)]) is None
    assert found(lambda x, y, z: [x**2 + y**2 + z**2 + 1]) is None
    x, y, z = ring(3).gens()
    assert is_empty([sphere(x, y, z), x - 2], [], flint_basis)  # a curve without real points
    assert is_empty([sphere(x, y, z), 2 * x - 1], [(1, x - y - 2)], flint_basis)  # a circle outside of the signs
    assert not is_empty([sphere(x, y, z), 2 * x - 1], [(1, x - y)], flint_basis)


def test_what_is_not_smooth() -> None:
    for equations in (lambda x, y, z: [x**2 + y**2 - z**2], lambda x, y, z: [(x**2 + y**2 + z**2 - 1) * (x - z)]):
        with pytest.raises(SurfaceLimit, match=r"dimension 2 .* smooth"):
            found(equations)


def _quartic(seed: int) -> fmpq_mpoly:
    """A compact surface: of the parts of degree four only `x^4 + y^4 + z^4`."""
    random = np.random.default_rng(seed)
    x, y, z = ring(3).gens()
    total = x**4 + y**4 + z**4
    for i in range(3):
        for j in range(3 - i):
            for k in range(3 - i - j):
                total += int(random.integers(-5, 6)) * x**i * y**j * z**k
    return total


def _regions(terms: dict[tuple[int, ...], Any], axis: Sequence[float]) -> int:
    """Into how many regions space falls, on a grid."""
    x, y, z = np.meshgrid(axis, axis, axis)
    values = sum(float(value) * x ** int(i) * y ** int(j) * z ** int(k) for (i, j, k), value in terms.items())
    return sum(ndimage.label(np.asarray(part))[1] for part in (values > 0, values <= 0))


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 12))])
def test_as_many_pieces_as_a_grid_shows(seed: int) -> None:
    """A smooth compact surface has one piece less than there are regions (Jordan and Brouwer)."""
    polynomial = _quartic(seed)
    one = surface([polynomial], [], flint_basis)
    assert (0 if one is None else one.pieces) == _regions(polynomial.to_dict(), np.linspace(-4.5, 4.5, 121)) - 1


def test_pieces_survive_as_data() -> None:
    """Of two caps each knows its own points, also when it has been written and read."""
    x, *_ = gens = ring(3).gens()
    one = surface([sphere(*gens)], [(1, 4 * x**2 - 1)], flint_basis)
    assert one is not None
    curve = Curve((0, 1, 2), (terms_of(sphere(*gens)),), (), 2, sheet=True, apart=tuple(map(terms_of, one.apart)))
    again = Curve.from_json(curve.to_json())
    assert again == curve
    caps = {point.x[0].sign(): [entry.ball(64) for entry in point.x] for point in one.points}
    for side, cap in caps.items():
        assert on_piece(again, cap, [arb(side), arb(0), arb(0)])
        assert not on_piece(again, cap, [arb(-side), arb(0), arb(0)])
        assert not on_piece(again, cap, [arb(side), arb(1), arb(0)])


NETWORK = "data { x = [-2, -1, 2] y = [3, -1, -1] } network { input 1 hidden: layer 1 relu output: layer 1 linear without bias }"
SQUARE = "hidden.weight[0,0]^2 + hidden.bias[0]^2"


def _square(piece: Piece) -> float:
    """w^2 + b^2."""
    w, b = np.ravel(piece.witness["hidden.weight"]), np.ravel(piece.witness["hidden.bias"])
    return float(w[0]) ** 2 + float(b[0]) ** 2


def test_a_cylinder_of_minima() -> None:
    """With the unit off the loss is 11 + (w^2 + b^2 - 1)^2: a part of a cylinder, a is free.

    It ends where the unit sees the first or the last point, in minima for those a with which waking it there does not help.
    """
    minima, complaints = attack(
        reluspec.parse(f"{NETWORK} loss sum squared_error regulariser {{ ({SQUARE} - 1)^2 }}"), count=60, held=60, timeout=60
    )
    assert minima.complete
    assert not complaints
    (sheet,) = [component for component in minima if component.dimension == 2]
    assert (float(sheet.loss), sheet.closed) == (11, False)
    assert sorted(piece.stratum for piece in sheet.pieces) == ["---", "--0", "0--"]
    assert [_square(piece) for piece in sheet.pieces] == pytest.approx([1, 1, 1])


IDLE = (
    "data { x = [(1,0)] y = [2] } network { input 2 hidden: layer 1 linear output: layer 1 linear without bias fixed weight [[0]] } "
    "loss sum squared_error"
)
U, V, W = "hidden.weight[0,0]", "hidden.weight[0,1]", "hidden.bias[0]"


@pytest.mark.parametrize(
    ("penalty", "of", "wanted"),
    [
        # A hyperboloid of two sheets, and of one.
        (f"({V}^2 - {U}^2 - {W}^2 - 1)^2", lambda u, v, w: (v**2 - u**2 - w**2 - 1) ** 2, [(4, True), (4, True)]),
        (f"({U}^2 + {W}^2 - {V}^2 - 1)^2", lambda u, v, w: (u**2 + w**2 - v**2 - 1) ** 2, [(4, True)]),
        # Cut in half: beyond v = 0 these are maxima, and so is no point at v = 0 a minimum.
        (f"{V} * ({U}^2 + {W}^2 - 1)^2", lambda u, v, w: v * (u**2 + w**2 - 1) ** 2, [(4, False)]),
        (f"{V} * ({U}^2 + {V}^2 + {W}^2 - 1)^2", lambda u, v, w: v * (u**2 + v**2 + w**2 - 1) ** 2, [(4, False)]),
        # Maxima all over, for v < 3.
        (f"({V} - 3) * ({U}^2 + {V}^2 + {W}^2 - 1)^2", lambda u, v, w: (v - 3) * (u**2 + v**2 + w**2 - 1) ** 2, []),
    ],
)
def test_surfaces_in_maps(penalty: str, of: Callable[[float, float, float], float], wanted: list[tuple[int, bool]]) -> None:
    """The unit has no effect: the loss is 4 plus the penalty. Around the points listed it is nowhere lower."""
    minima = reluspec.solve(reluspec.parse(f"{IDLE} regulariser {{ {penalty} }}"), "algebraic", workers=1)
    assert minima.complete
    sheets = [component for component in minima if component.dimension == 2]
    assert [(float(sheet.loss), sheet.closed) for sheet in sheets] == wanted
    random = np.random.default_rng(0)
    for sheet in sheets:
        witness = sheet.pieces[0].witness
        point = np.array([*np.ravel(witness["hidden.weight"]), *np.ravel(witness["hidden.bias"])], dtype=float)
        assert of(*point) == pytest.approx(0, abs=1e-12)
        assert all(of(*(point + random.normal(size=3) * 1e-2)) > -1e-12 for _ in range(500))


@pytest.mark.slow
def test_two_cylinders_and_a_ridge_between_them() -> None:
    minima, complaints = attack(
        reluspec.parse(f"{NETWORK} loss sum squared_error regulariser {{ ({SQUARE} - 4)^2 * ({SQUARE} - 1)^2 }}"),
        count=60,
        held=60,
        timeout=60,
    )
    assert minima.complete
    assert not complaints
    sheets = [component for component in minima if component.dimension == 2]
    assert sorted(_square(sheet.pieces[0]) for sheet in sheets) == pytest.approx([1, 4])
