"""Two units that see the same linear pieces may be rotated into each other: circles of critical points, point by point.

Where two units of a layer have the same signs, the surrogate often depends on their parameters p and q (incoming weights, bias, outgoing
weights) through sums of products only, and the penalty through |p|^2 + |q|^2. Then it does not change under

    (p, q) -> (cos t p + sin t q, -sin t p + cos t q)        (an orbit of SO(2)),

and its critical points come in circles. That this holds is proved as an identity: the derivative along the orbits,
`X f = sum_k q_k df/dp_k - p_k df/dq_k`, is the zero polynomial. On every orbit but the fixed points p = q = 0 there are, where k is the
first coordinate with (p_k, q_k) != 0, exactly two points with q_k = 0, one of them with p_k > 0. So with q_k = 0 as one more equation a
system has one isolated solution for every circle, which is then known exactly. A switch h with `X X h = -h` is `cos t h + sin t X h` along
the circle: what the strict switches leave of it is an arc, the part in a cone of the plane of (cos t, sin t). If `h + X X h` is not zero,
but X of it is, kinks away from zero leave arcs of another kind (`hinges`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import combinations, pairwise, product
from math import atan2, pi, tan

from flint import fmpq_mpoly

from reluspec.engines.algebraic.exact.algebraic import Algebraic
from reluspec.engines.algebraic.exact.cones import generators
from reluspec.engines.algebraic.exact.extensions import ExtensionError
from reluspec.engines.algebraic.stationary.charts import unit_groups
from reluspec.engines.algebraic.stationary.hinges import EmptyError, HingedArc, Turning, UndescribedError, hinged_arcs, needed
from reluspec.engines.algebraic.stationary.polyhedra import Condition, CriticalSet, Shape, Vector, field_scalars, flip, value_at
from reluspec.engines.algebraic.stationary.restricted import Restricted
from reluspec.problem.expression import Variable
from reluspec.problem.problem import Problem

Pairs = tuple[tuple[int, int], ...]
"""Positions of the parameters that are rotated into each other: (p_k, q_k)."""

MAX_DENOMINATOR = 10**9


@dataclass(frozen=True)
class Normal:
    """A normal form: `zeros` vanish, and the coordinate `pivot` is positive; without a pivot every pair is zero: a fixed point."""

    pairs: Pairs
    zeros: tuple[int, ...]
    pivot: int | None


def along(polynomial: fmpq_mpoly, pairs: Pairs) -> fmpq_mpoly:
    """The derivative X along the rotations."""
    gens = polynomial.context().gens()
    total = 0 * polynomial
    for p, q in pairs:
        total += gens[q] * polynomial.derivative(p) - gens[p] * polynomial.derivative(q)
    return total


def unit_pairs(problem: Problem) -> list[Pairs]:
    """The parameters of every two units of one hidden layer, without those that are fixed."""
    layers = problem.network.layers[:-1]
    found = [parameters_of_two(problem, k, *units) for k, layer in enumerate(layers) for units in combinations(range(layer.units), 2)]
    return [pairs for pairs in found if pairs]


def rotated_pairs(stratum: Restricted, layers: Sequence[Sequence[str]]) -> list[Pairs]:
    """Every two units whose rotations leave the loss on a piece of a stratum as it is; `layers` are the signs, unit by unit.

    Units that have charts of their own are left out: in these the families are affine.
    """
    problem = stratum.surrogate.problem
    outputs = {unit.output for unit in unit_groups(problem)}
    found = []
    for layer, signs in enumerate(layers[:-1] if len(layers) > 1 else layers):
        for one, two in combinations(range(problem.network.layers[layer].units), 2):
            if signs and signs[one] != signs[two]:
                continue
            pairs = parameters_of_two(problem, layer, one, two)
            if pairs and not any(p in outputs for p, _ in pairs) and is_symmetry(stratum, pairs):
                found.append(pairs)
    return found


def parameters_of_two(problem: Problem, layer: int, one: int, two: int) -> Pairs:
    """The parameters of two units of a hidden layer, pair by pair, without fixed ones: that rotations keep the loss is to be proved."""
    network, own, after = problem.network, problem.network.layers[layer], problem.network.layers[layer + 1]
    names = [(f"{own.name}.weight", (one, k), (two, k)) for k in range(network.fan_in(layer))]
    names += [(f"{after.name}.weight", (k, one), (k, two)) for k in range(after.units)]
    variables = [(Variable(name, a), Variable(name, b)) for name, a, b in names]
    if own.bias:
        variables.append((Variable(f"{own.name}.bias", (one,)), Variable(f"{own.name}.bias", (two,))))
    position = {variable: k for k, variable in enumerate(problem.parameters)}
    return tuple((position[a], position[b]) for a, b in variables if a in position and b in position)


def is_symmetry(stratum: Restricted, pairs: Pairs) -> bool:
    """Whether rotations keep the piece (its eliminated parameters turn along) and everything that is to be critical on it."""
    partner = dict(pairs) | {q: p for p, q in pairs}
    for p, q in pairs:
        first, second = stratum.images[p], stratum.images[q]
        if along(first, _free(stratum, pairs)) != second or along(second, _free(stratum, pairs)) != -first:
            return False
    rest = [image for k, image in enumerate(stratum.images) if k not in partner]
    kept = (stratum.loss, *stratum.constraints, *stratum.equations, *rest)
    return all(along(polynomial, _free(stratum, pairs)).is_zero() for polynomial in kept)


def _free(stratum: Restricted, pairs: Pairs) -> Pairs:
    return tuple((p, q) for p, q in pairs if p in stratum.free and q in stratum.free)


def normal_forms(stratum: Restricted, pairs: Pairs) -> Iterator[Normal]:
    """The normal forms that together every critical point can be rotated into exactly one of (two for the sign of the pivot)."""
    zeros: tuple[int, ...] = ()
    for p, q in _free(stratum, pairs):
        yield Normal(pairs, (*zeros, q), p)
        zeros = (*zeros, p, q)
    yield Normal(pairs, zeros, None)


def rotated(point: Vector, pairs: Pairs, cosine: Algebraic, sine: Algebraic) -> Vector:
    """The point with every pair turned; (cosine, sine) need not have length one, then the pairs are scaled."""
    turned = list(point)
    for p, q in pairs:
        turned[p] = cosine * point[p] + sine * point[q]
        turned[q] = cosine * point[q] - sine * point[p]
    return tuple(turned)


def arcs(shape: Shape, conditions: Sequence[Condition], pairs: Pairs) -> tuple[list[CriticalSet], str]:
    """What the conditions leave of the circle through an isolated solution, for each choice of the output weights' signs; and, if that
    could not be told, why.
    """
    zero = shape.field.element(0)

    def value(polynomial: fmpq_mpoly) -> Algebraic:
        found: Algebraic = value_at(polynomial.to_dict(), shape.point, zero)
        return found

    constant, moving = [], []
    for condition in conditions:
        step = along(condition.polynomial, pairs)
        level = condition.polynomial + along(step, pairs)
        if step.is_zero():
            constant.append((condition, value(condition.polynomial).sign()))
        elif along(level, pairs).is_zero():
            kappa = value(level)
            moving.append((condition, Turning(condition.name, value(condition.polynomial) - kappa, value(step), kappa)))
        else:
            return [], "a switch is not linear along a circle of critical points"
    found: list[CriticalSet] = []
    for sigma in product((1, -1), repeat=len(shape.living)):
        if all(side * condition.sign * flip(condition, sigma) > 0 for condition, side in constant):
            turning = [row.times(condition.sign * flip(condition, sigma)) for condition, row in moving]
            try:
                found += _parts(shape, sigma, pairs, needed(turning))
            except EmptyError:
                continue
            except (UndescribedError, ExtensionError) as reason:
                return [], str(reason)
    return found, ""


def _parts(shape: Shape, sigma: tuple[int, ...], pairs: Pairs, turning: Sequence[Turning]) -> Iterator[CriticalSet]:
    """What conditions leave of the circle through a point. Raises `UndescribedError`, `ExtensionError`."""
    if not turning:
        yield _circle(shape, sigma, pairs)
        return
    if any(row.kappa != 0 for row in turning):
        for arc in hinged_arcs(turning):
            yield _hinged(shape, sigma, pairs, turning, arc)
        return
    rows = [(row.name, [row.alpha, row.beta]) for row in turning]
    zero = shape.field.element(0)
    cone = generators([row for _, row in rows], 2, field_scalars(shape.field))
    if cone.lineality:
        raise UndescribedError("half a circle of critical points")
    middle = [sum(entries, zero) for entries in zip(*cone.rays, strict=True)] if len(cone.rays) == 2 else [zero, zero]
    if _all_positive(rows, middle):
        part = _arc(shape, sigma, pairs, rows, cone.rays)
        if part is None:
            raise UndescribedError("an arc of critical points that is too short")
        yield part


def _hinged(shape: Shape, sigma: tuple[int, ...], pairs: Pairs, turning: Sequence[Turning], arc: HingedArc) -> CriticalSet:
    """An arc that ends at kinks away from zero, in the field of its ends. Raises `UndescribedError`."""
    start, stop = arc.angles
    middle, *inner = [_near(start + share * (stop - start), (stop - start) / 16) for share in (1 / 2, 1 / 3, 2 / 3)]
    field, lifted = arc.extension.field, arc.extension.lifted
    ends = [arc.first, *(() if arc.is_short else inner), arc.last]
    crossed = [a[0] * b[1] - a[1] * b[0] for a, b in pairwise([(field.element(0) + c, field.element(0) + s) for c, s in ends])]
    if any(row.at(*inside).sign() <= 0 for row in turning for inside in (middle, *inner)) or any(one.sign() <= 0 for one in crossed):
        raise UndescribedError("an arc of critical points that is too short")
    moved = replace(shape, field=field, point=tuple(map(lifted, shape.point)), directions=())
    witness = rotated(moved.point, pairs, *(field.element(entry) for entry in middle))
    return CriticalSet(
        field=field,
        living=shape.living,
        sigma=sigma,
        witness=witness,
        directions=(_tangent(moved, witness, pairs),),
        vertices=tuple(rotated(moved.point, pairs, field.element(0) + c, field.element(0) + s) for c, s in ends),
        rays=(),
        tight=(arc.tight[0], *(frozenset[str]() for _ in ends[1:-1]), arc.tight[1]),
        singular=shape.singular,
        pairs=pairs,
    )


def _all_positive(rows: Sequence[tuple[str, list[Algebraic]]], direction: Sequence[Algebraic | Fraction]) -> bool:
    return all((row[0] * direction[0] + row[1] * direction[1]).sign() > 0 for _, row in rows)


def _circle(shape: Shape, sigma: tuple[int, ...], pairs: Pairs) -> CriticalSet:
    return CriticalSet(
        shape.field, shape.living, sigma, shape.point, (_tangent(shape, shape.point, pairs),), (shape.point,), (), (frozenset(),),
        shape.singular, pairs,
    )  # fmt: skip


def _arc(
    shape: Shape, sigma: tuple[int, ...], pairs: Pairs, rows: Sequence[tuple[str, list[Algebraic]]], rays: Sequence[Sequence[Algebraic]]
) -> CriticalSet | None:
    """The open arc between two directions of (cosine, sine), on which all rows are positive; `None` if no point on it was found."""
    inside = _inside(rays)
    if not _all_positive(rows, inside):
        return None
    witness = rotated(shape.point, pairs, *(shape.field.element(entry) for entry in inside))
    return CriticalSet(
        field=shape.field,
        living=shape.living,
        sigma=sigma,
        witness=witness,
        directions=(_tangent(shape, witness, pairs),),
        vertices=tuple(rotated(shape.point, pairs, *ray) for ray in rays),
        rays=(),
        tight=tuple(frozenset(name for name, row in rows if (row[0] * ray[0] + row[1] * ray[1]).sign() == 0) for ray in rays),
        singular=shape.singular,
        pairs=pairs,
    )


def _tangent(shape: Shape, point: Vector, pairs: Pairs) -> Vector:
    tangent = [shape.field.element(0)] * len(point)
    for p, q in pairs:
        tangent[p], tangent[q] = point[q], -point[p]
    return tuple(tangent)


def _inside(rays: Sequence[Sequence[Algebraic]]) -> tuple[Fraction, Fraction]:
    """A rational point of the circle near the middle between two directions; that it lies between them is for the caller to check."""
    first, second = [atan2(float(sine), float(cosine)) for cosine, sine in rays]
    turn = _least(second - first)
    return _near(first + turn / 2, abs(turn) / 8)


def _near(angle: float, reach: float) -> tuple[Fraction, Fraction]:
    """A rational point of the circle at about this angle."""
    half = Fraction(tan(angle / 2))
    for denominator in (1, 2, 5, 10, 100, 10_000, MAX_DENOMINATOR):
        t = half.limit_denominator(denominator)
        cosine, sine = (1 - t * t) / (1 + t * t), 2 * t / (1 + t * t)
        if abs(_least(atan2(float(sine), float(cosine)) - angle)) < reach:
            break
    return cosine, sine


def _least(angle: float) -> float:
    """The same angle between -pi and pi."""
    return (angle + pi) % (2 * pi) - pi
