"""The minima map and its parts: plain records, complete before they are passed on (formats.md, `NAME.minima.json`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from reluspec.errors import ProblemError
from reluspec.problem.problem import Problem

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DIGITS = 30
"""Significant decimal digits of certified numbers, unless more are asked for."""


@dataclass(frozen=True)
class Ball:
    """A certified real: the true number lies within `radius` of `value` (both decimal strings)."""

    value: str
    radius: str

    def __float__(self) -> float:
        return float(self.value)

    def __str__(self) -> str:
        return f"{float(self):.12g}"

    @property
    def bounds(self) -> tuple[Fraction, Fraction]:
        """Exact end points."""
        value, radius = Fraction(self.value), Fraction(self.radius)
        return value - radius, value + radius


Tensor = Any  # a Ball, or nested tuples of Balls: units x inputs, units


@dataclass(frozen=True)
class Family:
    """A positive-dimensional piece of theory.md section 4.2, unit by unit.

    Unit u has `a_u = signs[u] sqrt(s_u)` and the weight vector `a_u directions[u]`, where s runs through the relative interior of the
    polytope with these `vertices` (V x units); a dead unit has sign 0. `bias` (V), where the output has a free bias, is its value at each
    vertex: it is affine in s.
    """

    signs: tuple[int, ...]
    directions: tuple[tuple[Ball, ...], ...]
    vertices: tuple[tuple[Ball, ...], ...]
    bias: tuple[Ball, ...] = ()


@dataclass(frozen=True)
class ChartUnit:
    """A unit whose parameters a chart gives by `s`, the square of its output weight: positions in theta as a vector.

    `output`: s, the weight is `sign sqrt(s)`; `directions`: u, the parameter is the weight times u; `products`: v, the parameter is v over
    the weight. `plain`: the coordinate at `output` is the weight itself, which has this sign.
    """

    output: int
    sign: int
    directions: tuple[int, ...]
    products: tuple[int, ...]
    plain: bool = False


@dataclass(frozen=True)
class ChartFamily:
    """A positive-dimensional piece as a relatively open polyhedron in a chart: convex combinations of `vertices` plus positive multiples
    of `rays`, each with one coordinate per free parameter. Parameters of none of the `units` are their own coordinates.

    With `pairs` it is an arc of a circle instead: the coordinates in `pairs` of a combination of the two vertices, the ends, are scaled to
    the length that they have at each of these. Half a circle, or more, has further vertices between the ends: combinations are those of
    two neighbours. A single vertex stands for the whole circle through it: `(p, q)` becomes
    `(cos t p + sin t q, cos t q - sin t p)` for every pair of positions.

    With more than two positions in each of the `pairs` it is a part of a sphere, or an orbit: combinations of the vertices are scaled in
    the same way; a single vertex is turned by all rotations, the same for every tuple of positions.
    """

    vertices: tuple[tuple[Ball, ...], ...]
    rays: tuple[tuple[Ball, ...], ...]
    units: tuple[ChartUnit, ...]
    pairs: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True)
class Piece:
    """One stratum that a component meets, up to exchange of units: its own dimension, one witness in it, the evidence."""

    stratum: str
    dimension: int
    dead_units: int
    witness: dict[str, Tensor]
    certificate: dict[str, Any] = field(repr=False)
    family: Family | ChartFamily | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Component:
    """A connected component of the set of local minima, one per orbit under exchange of units."""

    id: int
    dimension: int
    loss: Ball
    is_global: bool
    location: str
    orbit_size: int
    closed: bool
    missing: tuple[str, ...]
    pieces: tuple[Piece, ...]
    status: str = "certified"

    def __repr__(self) -> str:
        """One line; everything stands in the fields, and `reluspec show MAP ID` prints it."""
        kind = {0: "isolated point", 1: "curve", 2: "sheet"}.get(self.dimension, f"family of dimension {self.dimension}")
        ends = "closed" if self.closed else "open"
        strata = ", ".join(piece.stratum for piece in self.pieces[:3]) + (", …" if len(self.pieces) > 3 else "")
        return f"<component {self.id}: {kind}, loss {float(self.loss):.10g}, {self.location}, {ends}, orbit {self.orbit_size}; {strata}>"

    def theta(self, piece: int = 0) -> dict[str, NDArray[np.float64]]:
        """The witness of a piece as a PyTorch-style dict of NumPy arrays (`hidden.weight`: units x inputs, ...)."""
        import numpy as np

        from reluspec.minima.families import floats

        return {name: np.array(floats(tensor), dtype=np.float64) for name, tensor in self.pieces[piece].witness.items()}

    def sample(self, count: int, problem: Problem, seed: int = 0, piece: int | None = None) -> list[dict[str, NDArray[np.float64]]]:
        """Points of the component's piece of largest dimension (or of `piece`): random convex combinations of its vertices (and rays).

        An isolated minimum gives `count` copies of its witness. Raises `ProblemError` for a piece whose parametrisation is unknown.
        """
        from reluspec.minima.families import random_points

        chosen = piece if piece is not None else self.widest
        part = self.pieces[chosen]
        if part.dimension == 0:
            return [self.theta(chosen) for _ in range(count)]
        if part.family is None:
            raise ProblemError(f"the parametrisation of {part.stratum} is not known")
        return random_points(problem, part.family, count, seed)

    @property
    def widest(self) -> int:
        """The position of the (first) piece of largest dimension."""
        return max(range(len(self.pieces)), key=lambda k: self.pieces[k].dimension)


@dataclass(frozen=True)
class CriticalStratum:
    """A stratum critical in Clarke's sense (theory.md section 8): `copies` labelled pieces of this dimension and index."""

    stratum: str
    dimension: int
    index: int
    copies: int
    loss: Ball
    minimal: bool


@dataclass(frozen=True)
class Undecided:
    """A stratum (named up to exchange of units) about which nothing is claimed, and why."""

    stratum: str
    reason: str


@dataclass(frozen=True)
class Effort:
    """Where the work of a run went.

    `counts` are the same for every run of a problem with the same float kernel; `seconds` (wall, by step), the `slowest` strata with their
    seconds, the `executor` and its `workers` are not, and say nothing about the minima.
    """

    counts: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    slowest: tuple[tuple[str, float], ...] = ()
    executor: str = ""
    workers: int = 0


@dataclass(frozen=True)
class Landscape:
    """What an engine hands over: every stratum accounted for in `ledger` (outcome -> strata up to exchange of units).

    `assumes` names what the proof rests on beside reluspec and exact arithmetic; empty if nothing. `kernel` is the float screen that the
    engine used, where it has one.
    """

    engine: str
    components: tuple[Component, ...]
    critical: tuple[CriticalStratum, ...]
    ledger: dict[str, int]
    undecided: tuple[Undecided, ...]
    total: int
    index_sum: int | None
    index_note: str = ""
    assumes: str = ""
    kernel: str = ""
    effort: Effort = field(default_factory=Effort, compare=False)
