"""Smooth sets of zeros with strict signs, of any dimension: proved smooth, their connected components told apart, each with a point.

Equations that give a variable are used up (`graphs`): what is left lies in fewer dimensions and has the same components. There it is
sampled (`sampling`). Components are apart where a polynomial that vanishes nowhere on the set has different signs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any

from flint import arb, ctx, fmpq, fmpq_mpoly, fmpq_mpoly_ctx

from reluspec.engines.algebraic.exact.number_field import RATIONALS
from reluspec.engines.algebraic.ideals.graphs import UsedUp, used_up
from reluspec.engines.algebraic.ideals.groebner import Groebner, Quotient, SolvingLimit, ring
from reluspec.engines.algebraic.ideals.sampling import BITS, Samples, Strict, has_signs, pivots, samples, value
from reluspec.engines.algebraic.ideals.saturate import saturated
from reluspec.engines.algebraic.ideals.solving import Limits, SolutionSet, solve_system
from reluspec.engines.algebraic.ideals.sweep import CurvePoint, determinant

MAX_MINORS = 60
MAX_SOLUTIONS = 160
MAX_DEPTH = 2
"""Sets within sets that are to be empty."""
GRIDS = (0, 1, 2, 4)
"""Bits after the point of the coordinates of a witness."""


class SurfaceLimit(SolvingLimit):
    """What is known of a set of critical points that stays undecided."""


@dataclass(frozen=True)
class Reduced:
    """A set where the strict signs hold: a graph over the zeros of `left`, as many equations as there are dimensions less.

    `equations`, as many as the codimension, have the same zeros in all variables; those of `left` and `strict` are the variables at the
    positions `variables` of all.
    """

    used: UsedUp
    equations: tuple[fmpq_mpoly, ...]
    left: tuple[fmpq_mpoly, ...]
    strict: tuple[tuple[int, fmpq_mpoly], ...]
    variables: tuple[int, ...]

    @property
    def dimension(self) -> int:
        return self.equations[0].context().nvars() - len(self.equations)

    def completed(self, point: CurvePoint) -> CurvePoint:
        """A point of the graph; variables that nothing depends on are 0."""
        field, size = point.field, self.equations[0].context().nvars()
        x: list[Any] = [field.element(0)] * size
        for k, entry in zip(self.variables, point.x, strict=True):
            x[k] = entry
        for variable, top, bottom in reversed(self.used.solved):
            here = CurvePoint(field, tuple(x))
            x[variable] = here.value(top) / here.value(bottom)
        return CurvePoint(field, tuple(x))


def reduced(equations: Sequence[fmpq_mpoly], strict: Strict, groebner: Groebner) -> Reduced | None:
    """The zeros of equations with the strict signs, in few variables; `None` where there are none. Raises `SolvingLimit`."""
    used = used_up(equations, strict)
    if used is None:
        return None
    every = [*used.left, *(polynomial for _, polynomial in strict)]
    variables = sorted({k for polynomial in every for k, degree in enumerate(polynomial.degrees()) if degree})
    inner = ring(len(variables))

    def moved(polynomial: fmpq_mpoly) -> fmpq_mpoly:
        terms = polynomial.to_dict().items()
        return inner.from_dict({tuple(int(exponents[k]) for k in variables): coefficient for exponents, coefficient in terms})

    signs = tuple((sign, moved(polynomial)) for sign, polynomial in strict)
    chosen = _independent([moved(polynomial) for polynomial in used.left], signs, groebner)
    solved = len(used.solved)
    kept = (*used.kept[:solved], *(used.kept[solved + k] for k in chosen))
    return Reduced(used, kept, tuple(moved(used.left[k]) for k in chosen), signs, tuple(variables))


def _independent(left: Sequence[fmpq_mpoly], strict: Strict, groebner: Groebner) -> tuple[int, ...]:
    """As many of the equations as the codimension says that have the same zeros. Raises `SolvingLimit`."""
    every = tuple(range(len(left)))
    if len(left) < 2:
        return every
    context: fmpq_mpoly_ctx = left[0].context()
    codimension = context.nvars() - Quotient(context, groebner(context, left)).dimension()
    if codimension >= len(left):
        return every
    never_zero = [polynomial for _, polynomial in strict]
    for chosen in combinations(every, codimension):
        quotient = Quotient(context, groebner(context, [left[k] for k in chosen]))
        larger = saturated(context, quotient, never_zero, groebner)
        quotient = quotient if larger is None else Quotient(context, larger)
        if all(quotient.contains(left[k]) for k in every if k not in chosen):
            return chosen
    raise SurfaceLimit(f"a set with {len(left)} equations of codimension {codimension}")


# Emptiness and smoothness


def is_empty(equations: Sequence[fmpq_mpoly], strict: Strict, groebner: Groebner, depth: int = MAX_DEPTH) -> bool:
    """Whether the equations are proved to have no real zeros with the strict signs."""
    context = equations[0].context()
    try:
        solved = solve_system(context, equations, [polynomial for _, polynomial in strict], groebner, Limits(solutions=MAX_SOLUTIONS))
        if (solved.unresolved and not solved.open) or any(_may_meet(one, strict) for one in solved.sets):
            return False
        return all(_is_empty_set(ideal, strict, groebner, depth - 1) for ideal in solved.open)
    except SolvingLimit:
        return False


def _may_meet(found: SolutionSet, strict: Strict) -> bool:
    """Whether a point, or an affine set, may have a point with the strict signs."""
    if not found.directions:
        return has_signs(CurvePoint(found.field, tuple(found.point)), strict)
    # Where a strict polynomial is constant along an affine set, its sign at a point tells.
    for sign, polynomial in strict:
        degrees = polynomial.degrees()
        steady = not any(entry and degrees[k] for direction in found.directions for k, entry in enumerate(direction))
        if steady and CurvePoint(found.field, tuple(found.point)).value(polynomial).sign() != sign:
            return False
    return True


def _is_empty_set(equations: Sequence[fmpq_mpoly], strict: Strict, groebner: Groebner, depth: int) -> bool:
    """Whether a set that is neither finite nor affine is proved to have no point with the strict signs. Raises `SolvingLimit`."""
    if depth <= 0:
        return False
    found = reduced(equations, strict, groebner)
    if found is None:
        return True
    return bool(found.variables) and is_smooth(found, groebner, depth) and not samples(found.left, found.strict, groebner).most


def is_smooth(found: Reduced, groebner: Groebner, depth: int = MAX_DEPTH) -> bool:
    """Whether the gradients of what is left are proved to be independent all over the set. Raises `SolvingLimit`."""
    return not found.left or _is_independent(found.left, found.strict, groebner, depth)


def _is_independent(equations: Sequence[fmpq_mpoly], strict: Strict, groebner: Groebner, depth: int = MAX_DEPTH) -> bool:
    """Whether the gradients are proved to be independent at all zeros with the strict signs. Raises `SolvingLimit`."""
    context, size = equations[0].context(), len(equations)
    chosen = list(combinations(range(context.nvars()), size))
    if len(chosen) > MAX_MINORS:
        raise SolvingLimit(f"more than {MAX_MINORS} minors")
    minors = [determinant([[equation.derivative(k) for k in columns] for equation in equations], context) for columns in chosen]
    return is_empty([*equations, *minors], strict, groebner, depth)


# Components


@dataclass(frozen=True)
class Surface:
    """A set of zeros of constant dimension, smooth, and a point on every component.

    `pieces` is how many there are, `None` where that is not known. The signs of `apart`, polynomials in all variables, tell the
    points apart.
    """

    reduced: Reduced
    points: tuple[CurvePoint, ...]
    samples: Samples
    pieces: int | None
    apart: tuple[fmpq_mpoly, ...]

    def vanishes_nowhere(self, polynomial: fmpq_mpoly, strict: Strict, groebner: Groebner) -> bool:
        """Whether a polynomial is proved to have no zero on the set."""
        moved = self.reduced.used.moved(polynomial)
        if moved.is_constant():
            return not moved.is_zero()
        return is_empty([*self.reduced.used.left, moved], strict, groebner)

    def crossed(self, polynomial: fmpq_mpoly, strict: Strict, groebner: Groebner) -> list[fmpq_mpoly]:
        """The factors by which a polynomial vanishes on the set; each is proved to change its sign there, and the polynomial's.

        Raises `SurfaceLimit` where that is not proved.
        """
        left, found = list(self.reduced.used.left), list[fmpq_mpoly]()
        every = self.reduced.used.factors(polynomial)
        for factor, power in every:
            if is_empty([*left, factor], strict, groebner):
                continue
            if not power % 2 or not _is_independent([*left, factor], strict, groebner):
                raise SurfaceLimit("a condition that touches zero")
            if not all(is_empty([*left, factor, other], strict, groebner) for other in found):
                raise SurfaceLimit("conditions that vanish together")
            found.append(factor)
        if not every:
            raise SurfaceLimit("a condition that vanishes everywhere")
        return found


def surface(equations: Sequence[fmpq_mpoly], strict: Strict, groebner: Groebner) -> Surface | None:
    """The zeros with the strict signs; `None` where there are none. Raises `SolvingLimit`, also where they are not proved to be smooth."""
    found = reduced(equations, strict, groebner)
    if found is None:
        return None
    if not is_smooth(found, groebner):
        raise SurfaceLimit(f"of dimension {found.dimension} that are not affine and not proved to be smooth")
    if not found.variables:
        return Surface(found, (found.completed(CurvePoint(RATIONALS, ())),), Samples((), 1, 1, 1), 1, ())
    several = samples(found.left, found.strict, groebner)
    if not several.most:
        return None
    apart = _apart(found, several, groebner) if several.most > 1 else []
    kinds = {_signs(apart, top) for top in several.tops}
    pieces = several.most if several.least == several.most or len(kinds) == several.most else None
    is_told = pieces is not None and len(kinds) == pieces
    tops = [_short(found, top, apart, groebner) if is_told else top for top in several.tops]
    whole = tuple(_outer(polynomial, found, equations[0].context()) for polynomial in apart) if is_told else ()
    return Surface(found, tuple(map(found.completed, tops)), several, pieces, whole)


def _outer(polynomial: fmpq_mpoly, found: Reduced, context: fmpq_mpoly_ctx) -> fmpq_mpoly:
    gens = [context.gen(k) for k in found.variables]
    return polynomial.compose(*gens, ctx=context)


def _signs(polynomials: Sequence[fmpq_mpoly], point: CurvePoint) -> tuple[int, ...]:
    return tuple(point.value(polynomial).sign() for polynomial in polynomials)


def _apart(found: Reduced, several: Samples, groebner: Groebner) -> list[fmpq_mpoly]:
    """Polynomials that vanish nowhere on the set and have different signs at its samples, as far as they are found."""
    chosen: list[fmpq_mpoly] = []
    for polynomial in _candidates(found, several):
        if len({_signs(chosen, top) for top in several.tops}) == several.most:
            break
        more = [*chosen, polynomial]
        if len({_signs(more, top) for top in several.tops}) == len({_signs(chosen, top) for top in several.tops}):
            continue
        if is_empty([*found.left, polynomial], found.strict, groebner):
            chosen = more
    return chosen


def _candidates(found: Reduced, several: Samples) -> Iterator[fmpq_mpoly]:
    """Coordinates, and coordinates minus a number between those of two samples."""
    gens = ring(len(found.variables)).gens()
    yield from gens
    for k, gen in enumerate(gens):
        values = sorted(float(top.x[k]) for top in several.tops)
        for low, high in pairwise(values):
            if high - low > 1e-6:  # a choice of candidates, nothing rests on it
                yield gen - _rounded(fmpq(*((low + high) / 2).as_integer_ratio()), high - low)


def _rounded(middle: fmpq, width: float) -> fmpq:
    """A short number near another one, compared with a width."""
    scale = fmpq(1)
    while scale * fmpq(*width.as_integer_ratio()) < 4:
        scale *= 2
    return fmpq((middle * scale + fmpq(1, 2)).floor()) / scale


def _short(found: Reduced, top: CurvePoint, apart: Sequence[fmpq_mpoly], groebner: Groebner) -> CurvePoint:
    """A point of the same component with simpler coordinates: some are given short numbers near those of the sample."""
    size, best = len(found.variables), top
    with ctx.workprec(BITS):
        x = [entry.ball(BITS) for entry in top.x]
        own = pivots([[value(equation.derivative(k), x) for k in range(size)] for equation in found.left])
    gens = ring(size).gens()
    for bits in GRIDS:
        if best.field.degree == 1:
            break
        fixed = [gens[k] - _near(x[k], bits) for k in range(size) if k not in own]
        for point in _points([*found.left, *fixed], groebner):
            simpler = point.field.degree < best.field.degree
            if simpler and has_signs(point, found.strict) and _signs(apart, point) == _signs(apart, top):
                best = point
    return best


def _points(equations: Sequence[fmpq_mpoly], groebner: Groebner) -> list[CurvePoint]:
    try:
        solved = solve_system(equations[0].context(), equations, (), groebner)
    except SolvingLimit:
        return []
    return [CurvePoint(one.field, tuple(one.point)) for one in solved.sets if not one.directions]


def _near(ball: arb, bits: int) -> fmpq:
    """The nearest multiple of `2^-bits` to the middle of a ball."""
    mantissa, exponent = ball.mid().man_exp()
    scale = fmpq(2) ** bits
    return fmpq((fmpq(mantissa) * fmpq(2) ** int(exponent) * scale + fmpq(1, 2)).floor()) / scale
