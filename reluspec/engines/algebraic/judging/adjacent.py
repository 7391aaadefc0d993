"""The cells around a point where switches vanish: sign vectors and their linearised cones (theory.md sections 2 and 3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, product
from math import gcd, lcm

from reluspec.engines.algebraic.exact.cones import Generators, TooManyCells, cell_cones, generators
from reluspec.engines.algebraic.exact.linear import dot, dual_basis, kernel, times
from reluspec.engines.algebraic.exact.scalars import FRACTIONS, Matrix, Scalar, Scalars, Vector

Signs = tuple[int, ...]
Kept = Callable[[Signs], bool]


MAX_SWITCHES = 20
"""Sign vectors of more switches are not even counted."""


def every(_signs: Signs) -> bool:
    """Keep every sign vector."""
    return True


@dataclass(frozen=True)
class ZeroSwitch:
    """A switch h with h(theta*) = 0: its gradient there (length p) and its Hessian (p x p, second derivatives), `None` when affine."""

    normal: tuple[Scalar, ...]
    hessian: Matrix | None = None


@dataclass(frozen=True)
class Piece:
    """A sign vector s and generators of the closed cone `{d : s_j n_j . d >= 0}`; `open`: the strict inequalities have a solution."""

    signs: Signs
    cone: Generators
    open: bool

    @property
    def trivial(self) -> bool:
        """Only d = 0: then the region of s, if it exists, is the point itself."""
        return not (self.cone.lineality or self.cone.rays)


@dataclass(frozen=True)
class Geometry:
    """The pieces around the point, enough of them to cover a neighbourhood.

    `independent`: the normals are, and the j-th ray of each cone belongs to switch j: `s_j n_j . ray_j > 0` (1 unless all are affine), and
    the other normals vanish on it.
    """

    pieces: tuple[Piece, ...]
    independent: bool
    affine: bool

    @property
    def uniform(self) -> bool:
        """The stratum is a manifold with tangent space {n_j . d = 0} on which all l_s agree: first and second order along it are common."""
        return self.independent or self.affine


def geometry(p: int, zero: Sequence[ZeroSwitch], scalars: Scalars, limit: int, kept: Kept = every) -> Geometry:
    """The pieces in R^p with kept signs, over Q when all normals are rational. Raises `TooManyCells` beyond `limit` pieces."""
    normals = [tuple(switch.normal) for switch in zero]
    affine = [switch.hessian is None for switch in zero]
    exact = _rational(normals, scalars)
    if exact is None:
        return _geometry(p, normals, affine, scalars, limit, kept)
    found = _geometry(p, exact, affine, FRACTIONS, limit, kept)
    known: dict[Fraction, Scalar] = {}

    def converted(vectors: Sequence[Vector]) -> tuple[Vector, ...]:
        # Where lengths do not matter, integers: balls hold them exactly, and may then find exact zeros.
        scaled = [_integral(vector) for vector in vectors] if found.affine else vectors
        for entry in (entry for vector in scaled for entry in vector if entry not in known):
            known[entry] = scalars.number(entry)
        return tuple(tuple(known[entry] for entry in vector) for vector in scaled)

    pieces = [
        Piece(piece.signs, Generators(converted(piece.cone.lineality), converted(piece.cone.rays)), piece.open) for piece in found.pieces
    ]
    return Geometry(tuple(pieces), found.independent, found.affine)


def _integral(vector: Vector) -> Vector:
    """The positive multiple with coprime integer entries."""
    multiple = lcm(*(entry.denominator for entry in vector))
    divisor = gcd(*(int(entry * multiple) for entry in vector)) or 1
    return tuple(entry * multiple / divisor for entry in vector)


def _choices(switches: int) -> Iterator[Signs]:
    if switches > MAX_SWITCHES:
        raise TooManyCells(f"{switches} switches vanish; the limit is {MAX_SWITCHES}")
    return product((1, -1), repeat=switches)


def _limited(signs: Iterator[Signs], limit: int) -> list[Signs]:
    found = list(islice(signs, limit + 1))
    if len(found) > limit:
        raise TooManyCells(f"more than {limit} cells")
    return found


def _rational(normals: Sequence[Vector], scalars: Scalars) -> list[Vector] | None:
    """The normals as fractions, or `None` when some entry is not known to be rational."""
    if scalars.rational is None:
        return None
    exact = [tuple(scalars.rational(entry) for entry in normal) for normal in normals]
    return None if any(entry is None for normal in exact for entry in normal) else exact


def _geometry(p: int, normals: list[Vector], affine: list[bool], scalars: Scalars, limit: int, kept: Kept) -> Geometry:
    dual = dual_basis(normals, p, scalars) if len(normals) <= p else None
    if dual is not None:
        return Geometry(tuple(_orthants(p, normals, dual, scalars, limit, kept)), True, all(affine))
    if all(affine):
        return Geometry(tuple(piece for piece in _arranged(p, normals, scalars, limit) if kept(piece.signs)), False, True)
    return Geometry(tuple(_relaxed(p, normals, affine, scalars, limit, kept)), False, False)


def _orthants(p: int, normals: list[Vector], dual: list[Vector], scalars: Scalars, limit: int, kept: Kept) -> Iterator[Piece]:
    """Independent normals: by implicit functions the switches are coordinates, and all sign vectors exist."""
    wanted = _limited(filter(kept, _choices(len(normals))), limit)
    lineality = tuple(kernel(normals, p, scalars))
    opposite = [times(scalars.number(Fraction(-1)), vector) for vector in dual]
    for signs in wanted:
        rays = tuple(ray if sign > 0 else minus for sign, ray, minus in zip(signs, dual, opposite, strict=True))
        yield Piece(signs, Generators(lineality, rays), True)


def _arranged(p: int, normals: list[Vector], scalars: Scalars, limit: int) -> Iterator[Piece]:
    """Affine switches: the cells of their arrangement. A switch that vanishes everywhere gets the sign +1: both sides are one function."""
    moving = [j for j, normal in enumerate(normals) if any(scalars.sign(entry) for entry in normal)]
    for found, cone in cell_cones([normals[j] for j in moving], p, scalars, limit):
        signs = [1] * len(normals)
        for j, sign in zip(moving, found, strict=True):
            signs[j] = sign
        yield Piece(tuple(signs), cone, True)


def _relaxed(p: int, normals: list[Vector], affine: list[bool], scalars: Scalars, limit: int, kept: Kept) -> Iterator[Piece]:
    """Dependent normals, some switches nonlinear: every sign vector whose affine part exists, whether its region exists or not."""
    straight = [j for j, is_affine in enumerate(affine) if is_affine]
    curved = [j for j, is_affine in enumerate(affine) if not is_affine]
    cells = [piece.signs for piece in _arranged(p, [normals[j] for j in straight], scalars, limit)]
    order = [(straight + curved).index(j) for j in range(len(normals))]
    vectors = (fixed + free for fixed in cells for free in _choices(len(curved)))
    for signs in _limited(filter(kept, (tuple(vector[i] for i in order) for vector in vectors)), limit):
        rows = [normal if sign > 0 else times(scalars.number(Fraction(-1)), normal) for sign, normal in zip(signs, normals, strict=True)]
        cone = generators(rows, p, scalars)
        inner = cone.inner_point(p, scalars)
        yield Piece(signs, cone, all(scalars.sign(dot(row, inner, scalars)) > 0 for row in rows))
