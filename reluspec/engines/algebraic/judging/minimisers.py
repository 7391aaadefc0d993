"""The minimisers of the convex function F of `convex_program`: one of them enclosed, and what all of them share.

Let the gradient of F, the parts in D left out, vanish at x, its Hessian being regular there, and g be the slopes of the losses at x. If F
grows from x along all directions in which a part of D moves, it is zero at all minimisers, by convexity, and x is the only one.

*Flat losses.* At some data points the loss may be at its least at a minimiser, as penalties of norms like to have it; F then has singular
Hessians, or several minimisers. Let F' be F without the losses of these points, and K_l = R_l gram_l^-1 R_l^T for the rows R_l with which a
part moves the other outputs (theory.md section 4). Parts with one K and one penalty (*twins*) all have the slope `g K g = 4 ridge` where
one of them lives, so that F' does not fall when another one moves. Hence a minimiser of F' with one of each class, from which F' grows
along the parts of D, is one of F'. F is at least the minimum of F' plus the least values of the flat losses, with equality if the twins can
share what their class has such that these are attained; then the minimisers of F are such ones of F'.

The direction of a part that lives is `-gram_l^-1 R_l^T g` at all minimisers: where losses have kinks the g of one of them, a subgradient
with which F is stationary there, is one for all (weak duality), and an output is at its kink at all of them if its slope is between
those of the sides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
from flint import arb, ctx

from reluspec.engines.algebraic.exact.linear import dot, solve
from reluspec.engines.algebraic.exact.scalars import BALLS, FRACTIONS, Scalars, Undetermined
from reluspec.engines.algebraic.judging.convex_program import Approximate, Array, Jet, Norm, Program, Row
from reluspec.engines.algebraic.judging.stationary_point import enclosure

BITS = 160
FLAT = 1e-5
"""Slope of a loss, relative to the largest one, below which it is taken to be at its least; a wrong guess is not proved."""
SHARES = (100, 10_000)
"""Shares of twins are looked for near multiples of one over these, zero among them."""
DENOMINATOR = 10_000
"""Of the rational minimisers that are looked for."""


@dataclass(frozen=True)
class Direction:
    """The direction `sum_i weights_i vectors_i` of a part, in `scalars`; the vectors are exact, so that zeros of one alone show."""

    vectors: tuple[Row, ...]
    weights: tuple[Any, ...]
    scalars: Scalars

    def along(self, row: Sequence[Fraction]) -> Any:
        """A linear function of the part."""
        factors = [dot(row, vector, FRACTIONS) for vector in self.vectors]
        return dot(self.scalars.vector(factors), self.weights, self.scalars)


@dataclass(frozen=True)
class Minimisers:
    """A minimiser x, in balls, of the `program` of the parts that live there, of twins one; `exact`: x, where it is known to be rational.

    The losses of the program are those of the data points `points`; `tied` has the kinks at which outputs are, by their positions there.
    `directions` has, for every norm, the one of its part at all minimisers at which that lives; `None`: it is zero at all.
    """

    program: Program
    x: Array
    exact: tuple[Fraction, ...] | None
    points: tuple[int, ...]
    tied: Mapping[int, Fraction]
    directions: tuple[Direction | None, ...] = ()

    @property
    def point(self) -> Any:
        """The minimiser, in `scalars`."""
        return self.x if self.exact is None else self.exact

    @property
    def scalars(self) -> Scalars:
        """Fractions or balls."""
        return BALLS if self.exact is None else FRACTIONS

    @property
    def is_unique(self) -> bool:
        """Whether x is the only minimiser, and has no part that is zero."""
        return len(self.directions) == len(self.program.norms)

    def outputs(self) -> list[tuple[int, Any]]:
        """Data points with their outputs at x, in balls, or fractions where these are known to be at kinks."""
        values = self.program.outputs(self.x, BALLS.number)
        return [(i, self.tied.get(k, value)) for k, (i, value) in enumerate(zip(self.points, values, strict=True))]


def minimisers(program: Program) -> Minimisers | None:
    """The minimisers of F; `None` if none is enclosed."""
    near = program.minimiser()
    with ctx.workprec(BITS):
        for flat in _flat(program, near.x):
            try:
                found = _Search(program, near, flat).found()
            except (Undetermined, ArithmeticError, np.linalg.LinAlgError):
                continue
            if found is not None:
                return found
    return None


def _flat(program: Program, x: Array) -> Iterator[list[int]]:
    """Choices of the data points at which the loss may be at its least."""
    yield []
    slopes = np.abs([jet.slope for jet in program.jets(x, float)])
    if flat := [i for i, slope in enumerate(slopes) if slope <= FLAT * max(1.0, slopes.max())]:
        yield flat


class _Search:
    """For a minimiser, near this one, at which the losses of the `flat` data points are at their least."""

    def __init__(self, program: Program, near: Approximate, flat: Sequence[int]) -> None:
        self.program, self.near, self.flat = program, near, flat
        self.points = tuple(program.rest(flat))
        self.less = program.only(self.points)
        classes: dict[object, list[int]] = {}
        for k, norm in enumerate(program.norms):
            classes.setdefault((_kernel(self.less, norm), norm.ridge) if flat else k, []).append(k)
        self.classes = list(classes.values())

    def found(self) -> Minimisers | None:
        """Raises `Undetermined` and errors of arithmetic where it is not proved."""
        kept = [members[0] for members in self.classes]
        merged = self.less.without([norm for k, norm in enumerate(self.program.norms) if k not in kept])
        approximate = merged.minimiser() if self.flat else self.near
        dead = merged.vanishing(approximate.x)
        living = merged.without(dead)
        near = living.minimiser().x if dead else approximate.x
        ties = living.ties(near)
        enclosed = enclosure(living, near, ties, approximate.slopes)
        if enclosed is None:
            return None
        exact = None if ties else _rational(living, enclosed.x)
        found = Minimisers(living, enclosed.x, exact, self.points, {tie.point: tie.kink.at for tie in ties})
        steepest = self._steepest(found, enclosed.slopes)
        alive = [members for norm, members in zip(merged.norms, self.classes, strict=True) if norm not in dead]
        for members in self.classes:
            if members not in alive and not self._grows(members[0], steepest[members[0]], found.scalars):
                return None
        if self.flat and not self._shares(found, alive, steepest).are_found():
            return None
        living_parts = {k for members in alive for k in members}
        return replace(found, directions=tuple(step if k in living_parts else None for k, step in enumerate(steepest)))

    def _steepest(self, found: Minimisers, tied: Mapping[int, Any]) -> list[Direction]:
        """Of every part the direction in which F' falls fastest at the minimiser, given the slopes of tied losses."""
        outputs = found.program.outputs(found.point, found.scalars.number)
        slopes = (tied[i] if i in tied else self.less.losses(i, variable(output)).slope for i, output in enumerate(outputs))
        weights = tuple(-slope for slope in slopes)
        return [Direction(tuple(_dual(norm, row) for row in self.less.rows), weights, found.scalars) for norm in self.program.norms]

    def _grows(self, k: int, steepest: Direction, scalars: Scalars) -> bool:
        """Whether F' grows along all directions in which a part that is zero moves."""
        norm = self.program.norms[k]
        falls = [steepest.along(row[norm.part]) for row in self.less.rows]
        return scalars.sign(scalars.number(4 * norm.ridge) - dot(falls, steepest.weights, scalars)) > 0

    def _shares(self, found: Minimisers, alive: Sequence[Sequence[int]], steepest: Sequence[Direction]) -> _Shares:
        """How the twins of each class move the outputs at the flat data points."""
        scalars, flat = found.scalars, self.program.only(self.flat)
        effects: dict[int, list[Any]] = {}
        for norm, members in zip(found.program.norms, alive, strict=True):
            part = found.point[norm.part]
            own = max(range(len(part)), key=lambda j: abs(float(part[j])))
            scale = part[own] / steepest[members[0]].along([Fraction(j == own) for j in range(len(part))])
            for k in members:
                effects[k] = [steepest[k].along(row[self.program.norms[k].part]) * scale for row in flat.rows]
        tail = sum(norm.part.stop - norm.part.start for norm in self.program.norms)
        rest = found.point[len(found.point) - (len(self.near.x) - tail) :]
        fixed = [scalars.number(flat.offset) + dot(scalars.vector(row[tail:]), rest, scalars) for row in flat.rows]
        twins = [members for members in alive if len(members) > 1]
        lengths = {k: self.program.norms[k].length(self.near.x) for members in twins for k in members}
        return _Shares(flat, scalars, effects, fixed, twins, lengths)


@dataclass(frozen=True)
class _Shares:
    """For shares of twins, with sum 1 in each class, such that the losses of `flat` are at their least.

    `effects`: what every part that lives adds to the outputs of these data points if its share is 1; `fixed`: the outputs without them;
    `lengths`: of the twins at the approximate minimiser.
    """

    flat: Program
    scalars: Scalars
    effects: dict[int, list[Any]]
    fixed: list[Any]
    twins: list[Sequence[int]]
    lengths: dict[int, float]

    def are_found(self) -> bool:
        for parts in SHARES:
            with suppress(Undetermined):
                if self._are_near(self._rough(parts)):
                    return True
        return False

    def _are_near(self, rough: dict[int, Any]) -> bool:
        """Whether there are some near these. Raises `Undetermined`."""
        missed = [i for i, output in enumerate(self._outputs(rough)) if not self._is_least(i, output)]
        if not missed:
            return True
        if not all(self._is_least(i, self.flat.targets[i]) for i in missed):
            return False
        solved = self._solved(rough, missed)
        return solved is not None and all(i in missed or self._is_least(i, output) for i, output in enumerate(self._outputs(solved)))

    def _rough(self, parts: int) -> dict[int, Any]:
        """Shares near those at the approximate minimiser; small ones are zero."""
        rough: dict[int, Any] = {}
        for members in self.twins:
            whole = sum(self.lengths[k] for k in members)
            some = [Fraction(round(parts * self.lengths[k] / whole), parts) for k in members]
            rough |= {k: self.scalars.number(share / sum(some)) for k, share in zip(members, some, strict=True)}
        return rough

    def _is_least(self, i: int, output: Any) -> bool:
        """Whether the loss of a data point is at its least at an output: it is convex."""
        return bool(self.flat.losses(i, variable(output)).slope == 0)

    def _outputs(self, shares: dict[int, Any]) -> list[Any]:
        one = self.scalars.one
        return [sum((effect[i] * shares.get(k, one) for k, effect in self.effects.items()), fixed) for i, fixed in enumerate(self.fixed)]

    def _solved(self, rough: dict[int, Any], missed: Sequence[int]) -> dict[int, Any] | None:
        """Shares, near the rough ones, with which these data points have their targets for outputs; `None` if none are proved."""
        moving, scalars, outputs = [k for k, share in rough.items() if share != 0], self.scalars, self._outputs(rough)
        rows = [[scalars.number(Fraction(k in members)) for k in moving] for members in self.twins]
        rows += [[self.effects[k][i] for k in moving] for i in missed]
        right = [scalars.zero] * len(self.twins) + [scalars.number(self.flat.targets[i]) - outputs[i] for i in missed]
        steps = solve(rows, right, len(moving), scalars)
        if steps is None:
            return None
        solved = {k: rough[k] + step for k, step in zip(moving, steps, strict=True)}
        return {**rough, **solved} if all(scalars.sign(share) > 0 for share in solved.values()) else None


def variable(output: Any) -> Jet:
    """The output of a data point as a function of itself."""
    return Jet(output, type(output)(1), type(output)(0))


def _kernel(program: Program, norm: Norm) -> tuple[tuple[Fraction, ...], ...]:
    """K of a part: with g, the square of the slope of F along it is `g K g`."""
    rows = [row[norm.part] for row in program.rows]
    return tuple(tuple(dot(row, _dual(norm, other), FRACTIONS) for other in program.rows) for row in rows)


def _dual(norm: Norm, row: Row) -> Row:
    """`gram^-1 row`, of the entries of a row that are the part's."""
    found = solve(norm.gram, row[norm.part], len(norm.gram), FRACTIONS)
    assert found is not None
    return found


def _rational(program: Program, x: Array) -> tuple[Fraction, ...] | None:
    """The minimiser in these balls, where it is found to be rational: the gradient vanishes there exactly."""
    guess = tuple(Fraction(float(entry.mid())).limit_denominator(DENOMINATOR) for entry in x)
    if not all(ball.contains(arb(entry.numerator) / entry.denominator) for ball, entry in zip(x, guess, strict=True)):
        return None
    return guess if program.is_stationary(guess) else None
