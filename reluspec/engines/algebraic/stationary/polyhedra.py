"""Critical sets inside a stratum: an affine space of solutions, cut by the strict signs to an open polyhedron."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from flint import fmpq, fmpq_mpoly

from reluspec.engines.algebraic.exact.algebraic import Algebraic
from reluspec.engines.algebraic.exact.cones import generators
from reluspec.engines.algebraic.exact.identity import equal
from reluspec.engines.algebraic.exact.linear import rank
from reluspec.engines.algebraic.exact.number_field import NumberField
from reluspec.engines.algebraic.exact.scalars import Scalars
from reluspec.engines.algebraic.stationary.charts import Unit
from reluspec.engines.algebraic.stationary.curves import Curve
from reluspec.engines.algebraic.stationary.frames import Orbit, Pairs
from reluspec.engines.algebraic.stationary.rescaled import Rescaled, Rescaling
from reluspec.systems.surrogate import monic_key

Vector = tuple[Algebraic, ...]
Cutting = tuple[str, Vector]
"""A name and an affine function of the coordinates, the constant first, that is positive on the set."""

MAX_SAMPLES = 2_000
"""Points at which a polynomial is evaluated to prove that it is linear, or constant, on a family."""


@dataclass(frozen=True)
class Condition:
    """`sign * polynomial > 0` in a chart, times the sign of a unit's output weight for every odd entry of `parity`.

    `name` is the position of the switch, or `alive l` for the l-th living unit; factors of a switch have a number after a dot.
    """

    name: str
    sign: int
    polynomial: fmpq_mpoly
    parity: tuple[int, ...]


@dataclass(frozen=True)
class Shape:
    """An affine space of solutions in a chart: one coordinate per parameter of theta."""

    field: NumberField
    point: Vector
    directions: tuple[Vector, ...]
    living: tuple[Unit, ...]
    singular: bool


@dataclass(frozen=True)
class CriticalSet:
    """A relatively open polyhedron of critical points in one stratum, in the coordinates of a chart; or, with `pairs`, an arc of a circle.

    Coordinates have one entry per parameter of theta: s at the output weight of a living unit, u or v at its own parameters, the parameter
    itself elsewhere. `sigma` are the signs of the living units' output weights. `vertices` and `rays` generate the closure; `tight` lists
    for each of them, vertices first, the conditions that are equalities there. `witness` is a point inside. Of a line both directions are
    among the rays. `singular`: the gradients of the constraints are dependent there.

    An arc (`rotations`): the coordinates `pairs` of the points between two `vertices` are scaled to the length that they have at the
    witness, which lies on the arc, as the ends do after scaling. Half a circle, or more, has further vertices between the ends, in order,
    nothing tight there. The one direction is the tangent at the witness. A whole circle has the witness for its only vertex.

    Orbits of more units, or of several groups of them (`orbits`): the images of `base` under frames. Vertices are those with one unit alive
    in every positive orbit; `witness` is a point inside, the directions span the tangent space there.

    A piece of a `curve` has no vertices; its one direction is the tangent at the witness.

    What rescalings of units move (`rescaled`): vertices, rays and `tight` are those of the polyhedron in a slice, and so is the witness;
    the directions span the tangent space there. `unfolded` is the same set as a polyhedron, where it is one.

    A family along which the verdict changes is listed whole, as no minima, and besides the parts of it that are minima, each with the
    `cuts` that bound it inside the family; they are conditions that `tight` may name.
    """

    field: NumberField
    living: tuple[Unit, ...]
    sigma: tuple[int, ...]
    witness: Vector
    directions: tuple[Vector, ...]
    vertices: tuple[Vector, ...]
    rays: tuple[Vector, ...]
    tight: tuple[frozenset[str], ...]
    singular: bool
    pairs: tuple[tuple[int, int], ...] = ()
    orbits: tuple[Orbit, ...] = ()
    base: Vector = ()
    curve: Curve | None = None
    rescaled: Rescaled | None = None
    unfolded: CriticalSet | None = dataclasses.field(default=None, compare=False)
    cuts: tuple[Cutting, ...] = ()

    @property
    def dimension(self) -> int:
        return len(self.directions)

    @property
    def flat(self) -> tuple[Vector, ...]:
        """The directions of an affine family; of one that rescalings move, those in the slice."""
        return self.rescaled.directions if self.rescaled else self.directions

    @property
    def rescalings(self) -> tuple[Rescaling, ...]:
        """The rescalings of units that move the set along its orbits."""
        return self.rescaled.rescalings if self.rescaled else ()

    @property
    def is_curved(self) -> bool:
        """An arc, a circle, or an orbit of more units."""
        return bool(self.pairs or self.orbits)

    @property
    def turns(self) -> list[Pairs]:
        """What is rotated along the set: the parameters of every two units."""
        return [self.pairs] if self.pairs else [pairs for orbit in self.orbits for pairs in orbit.pairs]

    @property
    def turns_round(self) -> bool:
        """Whether rotations take all of the set round, as a whole circle, or it is a curve, or rescaled: no point of it is a centre."""
        return (
            (bool(self.pairs) and len(self.vertices) == 1)
            or any(not orbit.positive for orbit in self.orbits)
            or bool(self.curve or self.rescaled)
        )


def own_coordinates(directions: Sequence[Sequence[Any]]) -> list[int]:
    """For each direction of a reduced echelon form a coordinate that is 1 in it and 0 in the others."""
    return [next(k for k, e in enumerate(d) if e == 1 and all(o is d or o[k] == 0 for o in directions)) for d in directions]


def in_slice(found: CriticalSet) -> CriticalSet:
    """What a slice has of the orbits of rescalings: a point or an affine family."""
    return replace(found, rescaled=None, directions=found.flat)


def in_parameters(found: CriticalSet) -> CriticalSet:
    """The witness of a set in plain charts as a point of the parameters, which are numbers of the same field."""
    point = list(found.witness)
    for unit in found.living:
        for k in unit.incoming:
            point[k] = point[k] / point[unit.output]
    theta = tuple(point)
    return replace(found, living=(), sigma=(), witness=theta, directions=(), vertices=(theta,), rays=(), tight=(frozenset(),), cuts=())


def covers(one: CriticalSet, other: CriticalSet) -> bool:
    """Whether two sets of one stratum are the same, exactly: points, or families in one chart."""
    if one.curve or other.curve:
        return one.curve == other.curve and one.field == other.field and equal(one.witness, other.witness)
    units = [[unit.output for unit in each.living] for each in (one, other)]
    kinds = [(each.sigma, each.dimension, each.pairs, each.orbits, each.rescalings) for each in (one, other)]
    if units[0] != units[1] or kinds[0] != kinds[1]:
        return False
    if not one.directions:
        return equal(as_directions(one), as_directions(other))
    pairs = zip((one.witness, *one.directions), (other.witness, *other.directions), strict=True)
    return one.living == other.living and all(equal(a, b) for a, b in pairs)


def lies_in(family: CriticalSet, other: CriticalSet) -> bool:
    """Whether a set lies in an affine family of the same stratum and chart, all that the stratum has of an affine space; exact."""
    plain = not any(one.is_curved or one.curve or one.rescaled or one.cuts for one in (family, other))
    charts = [(one.living, one.sigma) for one in (family, other)]
    if not plain or not family.dimension > other.dimension or charts[0] != charts[1]:
        return False
    steps = []
    for vector in (other.witness, *other.directions):
        rational = [entry.fraction() for entry in vector]
        if family.field == other.field:
            steps.append(list(vector))
        elif None in rational:
            return False
        else:
            steps.append([family.field.element(entry) for entry in rational if entry is not None])
    steps[0] = [a - b for a, b in zip(steps[0], family.witness, strict=True)]
    scalars, size = field_scalars(family.field), len(family.witness)
    return rank([*family.directions, *steps], size, scalars) == rank(family.directions, size, scalars)


def as_directions(found: CriticalSet) -> Vector:
    """The witness with directions u = v / s in place of products."""
    point = list(found.witness)
    for unit in found.living:
        for k in unit.products:
            point[k] = point[k] / point[unit.output]
    return tuple(point)


def field_scalars(field: NumberField) -> Scalars:
    """Exact arithmetic in a number field."""
    return Scalars(field.element, lambda value: int(value.sign()), rational=lambda value: value.fraction())


def value_at(terms: Mapping[tuple[int, ...], fmpq], point: Sequence[Any], zero: Any) -> Any:
    """The value of a polynomial, given by its terms, in the arithmetic of the point's entries."""
    powers: dict[tuple[int, int], Any] = {}
    total = zero
    for exponents, coefficient in terms.items():
        term: Any = zero + coefficient
        for k, exponent in enumerate(exponents):
            if exponent:
                if (k, exponent) not in powers:
                    powers[k, exponent] = point[k] ** exponent
                term = term * powers[k, exponent]
        total = total + term
    return total


def on_family(polynomial: fmpq_mpoly, shape: Shape, degree: int) -> list[Algebraic] | None:
    """A polynomial on the affine space as `c_0 + sum c_k t_k` if it has at most that degree (0 or 1) there, else `None`.

    Exact: a polynomial of degree D in each of k variables that vanishes on a grid of (D + 1)^k points is zero.
    """
    terms, zero = polynomial.to_dict(), shape.field.element(0)
    at = [value_at(terms, shape.point, zero)]
    moving = [d for d in shape.directions if any(d[k] != 0 for k in _variables(polynomial))]
    if not moving:
        return at + [zero] * len(shape.directions)
    at += [value_at(terms, _moved(shape.point, [(1, d)]), zero) - at[0] for d in shape.directions]
    if not degree and any(entry != 0 for entry in at[1:]):
        return None
    top = polynomial.total_degree()
    if top > 1:
        if (top + 1) ** len(moving) > MAX_SAMPLES:
            return None
        places = [k for k, d in enumerate(shape.directions) if any(d is m for m in moving)]
        for grid in product(range(top + 1), repeat=len(moving)):
            expected = at[0]
            for t, k in zip(grid, places, strict=True):
                expected = expected + at[k + 1] * t
            steps = [(t, shape.directions[k]) for t, k in zip(grid, places, strict=True)]
            if value_at(terms, _moved(shape.point, steps), zero) != expected:
                return None
    return at


def _variables(polynomial: fmpq_mpoly) -> list[int]:
    return [k for k, exponent in enumerate(polynomial.degrees()) if exponent]


def _moved(point: Vector, steps: Sequence[tuple[Any, Vector]]) -> Vector:
    moved = list(point)
    for t, direction in steps:
        moved = [entry + step * t for entry, step in zip(moved, direction, strict=True)]
    return tuple(moved)


def critical_sets(shape: Shape, conditions: Sequence[Condition]) -> tuple[list[CriticalSet], str]:
    """The parts of an affine solution space that lie in the stratum, one for each choice of the output weights' signs; and, if that could
    not be told, why.
    """
    kept: list[tuple[Condition, list[Algebraic]]] = []
    for condition in conditions:
        row = on_family(condition.polynomial, shape, 1)
        if row is None:
            by_factors = _by_factors(condition, conditions, shape)
            if by_factors is None:
                return [], "a switch is not linear on a family of critical points"
            kept += by_factors
            continue
        kept.append((condition, row))
    found = []
    constant = [(condition, row[0].sign()) for condition, row in kept if all(c == 0 for c in row[1:])]
    moving = [(condition, row) for condition, row in kept if any(c != 0 for c in row[1:])]
    for sigma in product((1, -1), repeat=len(shape.living)):
        if all(value * condition.sign * flip(condition, sigma) > 0 for condition, value in constant):
            oriented = [(condition.name, [entry * (condition.sign * flip(condition, sigma)) for entry in row]) for condition, row in moving]
            part = _part(shape, sigma, oriented)
            if part is not None:
                found.append(part)
    return found, ""


def _by_factors(condition: Condition, conditions: Sequence[Condition], shape: Shape) -> list[tuple[Condition, list[Algebraic]]] | None:
    """A switch that is a product of linear ones, all but one of whose signs others tell: a condition for each factor.

    Named `3.0`, `3.1`, ...: where one of them vanishes, switch 3 does. `None` where it is no such product.
    """
    told: dict[str, int] = {}
    for other in conditions:
        names, lead, once = _factors(other.polynomial)
        if other is not condition and once == [1] and not any(other.parity):
            told[names[0]] = other.sign * lead
    keys, side, powers = _factors(condition.polynomial)
    unknown = [key for key in keys if key not in told]
    if any(power != 1 for power in powers) or len(unknown) > 1 or any(condition.parity):
        return None
    side *= condition.sign
    for key in keys:
        side *= told.get(key, 1)
    found = []
    for number, (factor, _) in enumerate(condition.polynomial.factor()[1]):
        monic = factor / factor.leading_coefficient()
        row = on_family(monic, shape, 1)
        if row is None:
            return None
        found.append((Condition(f"{condition.name}.{number}", told.get(monic_key(factor), side), monic, condition.parity), row))
    if not unknown and side < 0:
        # The signs of the factors exclude that of the switch.
        never = [shape.field.element(-condition.sign), *([shape.field.element(0)] * len(shape.directions))]
        found.append((condition, never))
    return found


def _factors(polynomial: fmpq_mpoly) -> tuple[list[str], int, list[int]]:
    """The monic factors by their keys, the sign of the number in front of them, their powers."""
    factors = polynomial.factor()[1]
    return [monic_key(factor) for factor, _ in factors], 1 if polynomial.leading_coefficient() > 0 else -1, [int(p) for _, p in factors]


def flip(condition: Condition, sigma: Sequence[int]) -> int:
    """The sign of a condition's odd output weights."""
    factor = 1
    for odd, sign in zip(condition.parity, sigma, strict=True):
        factor = factor * sign if odd else factor
    return factor


def _part(shape: Shape, sigma: tuple[int, ...], rows: Sequence[tuple[str, list[Algebraic]]]) -> CriticalSet | None:
    """The open polyhedron where all rows are positive; `None` if it is empty."""
    size = len(shape.directions)
    if not size:
        return CriticalSet(shape.field, shape.living, sigma, shape.point, (), (shape.point,), (), (frozenset(),), shape.singular)
    one, zero = shape.field.element(1), shape.field.element(0)
    horizon = ("", [one] + [zero] * size)
    found = generators([row for _, row in (horizon, *rows)], size + 1, field_scalars(shape.field))
    lines = list(found.lineality)
    rays = [*found.rays, *lines, *([-entry for entry in line] for line in lines)]
    inside = [sum((ray[k] for ray in rays), zero) for k in range(size + 1)]
    if any(_dot(row, inside).sign() <= 0 for _, row in (horizon, *rows)):
        return None
    ordered = sorted(rays, key=lambda ray: ray[0].sign() == 0)
    corners = [[entry / ray[0] for entry in ray] for ray in ordered if ray[0].sign()]
    far = [list(ray) for ray in ordered if not ray[0].sign()]
    tight = [frozenset(name for name, row in rows if _dot(row, ray).sign() == 0) for ray in (*corners, *far)]
    share = one / len(corners)
    centre = [sum((corner[k] * share for corner in corners), zero) + sum((ray[k] for ray in far), zero) for k in range(1, size + 1)]
    return CriticalSet(
        field=shape.field,
        living=shape.living,
        sigma=sigma,
        witness=_moved(shape.point, list(zip(centre, shape.directions, strict=True))),
        directions=shape.directions,
        vertices=tuple(_moved(shape.point, list(zip(corner[1:], shape.directions, strict=True))) for corner in corners),
        rays=tuple(_moved((zero,) * len(shape.point), list(zip(ray[1:], shape.directions, strict=True))) for ray in far),
        tight=tuple(tight),
        singular=shape.singular,
    )


def _dot(row: Sequence[Algebraic], vector: Sequence[Algebraic]) -> Algebraic:
    total = row[0] * vector[0]
    for a, b in zip(row[1:], vector[1:], strict=True):
        total = total + a * b
    return total
