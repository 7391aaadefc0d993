"""Dead units where stationarity leaves a choice of the loss's subgradient g: which g keeps them dead (notation: `units`).

Fix a cell for every living unit, and for every dead unit a cell with cone C_l and a sign of a_l. On the product of these cones F' is the
maximum over g of functions that are linear in g and convex in the directions p, so by the minimax theorem (the g are a polytope, the p of
norm at most 1 a compact convex set) F' >= 0 there iff one g serves all p:

    2 sqrt(lambda_a) |Lambda^(1/2) p_l| + sigma_l v_l(g) . p_l >= 0    for all p_l in C_l and every dead unit l,           (*)

besides the living units' conditions. Two dead units in one cell with one sign are as good as one, their sum. Each p_l gives one linear
inequality for g, so g is sought by cutting planes: at a g that violates (*) for some p_l, this inequality is added, with a rational number
a little above the root. If no g is left, none satisfies (*). The mean of the corners of what is left is tried, at last the corners of all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, product
from math import isqrt
from typing import Any, TypeAlias

from reluspec.engines.algebraic.exact.algebraic import Algebraic
from reluspec.engines.algebraic.exact.cones import cell_cones, generators
from reluspec.engines.algebraic.exact.forms import Copositivity, orthant_form
from reluspec.engines.algebraic.exact.scalars import FRACTIONS, Scalars
from reluspec.engines.algebraic.judging.unit_point import MAX_CELLS, Condition, along

MAX_RAYS = 10
"""Rays of a cone on which copositivity is decided."""
MAX_CUTS = 16
"""Cutting planes for one choice of cells."""
MAX_CHOICES = 400
"""Choices of cells for the dead units that are looked at one by one."""
DENOMINATOR = 10**6
"""Of the directions p that give cuts."""

Row: TypeAlias = tuple[Fraction, ...]
Corners: TypeAlias = Callable[[Sequence[Condition]], list[list[Algebraic]]]
"""The corners of the g that satisfy further linear conditions, and last their mean; none if there is no such g."""


@dataclass(frozen=True)
class Demand:
    """(*) for a unit on one cell with one sign of a: `slopes` are the unit's at the data points times sigma."""

    rows: tuple[Row, ...]
    slopes: Row
    walls: tuple[Row, ...]
    penalties: Row

    def effect(self, g: Sequence[Algebraic], zero: Algebraic) -> list[Algebraic]:
        """`sigma v(g)`."""
        v = [zero] * len(self.rows[0])
        for row, slope, entry in zip(self.rows, self.slopes, g, strict=True):
            if slope:
                v = [total + entry * (slope * x) if x else total for total, x in zip(v, row, strict=True)]
        return v

    def energy(self, p: Sequence[Any], q: Sequence[Any]) -> Any:
        """`4 lambda_a p Lambda q`."""
        ridge, *others = self.penalties
        return sum((4 * ridge * c * a * b for c, a, b in zip(others, p, q, strict=True)), start=Fraction(0))


def demands(rows: Sequence[Row], slope: Callable[[int], Fraction], penalties: Row) -> list[Demand]:
    """One for every cell and sign of a unit with these data points' rows. Raises `TooManyCells`."""
    real = [i for i, row in enumerate(rows) if any(row)]
    found = []
    for cell, _ in cell_cones([rows[i] for i in real], len(penalties) - 1, FRACTIONS, MAX_CELLS):
        sides = dict(zip(real, cell, strict=True))
        walls = tuple(tuple(side * x for x in rows[i]) for i, side in sides.items())
        for sigma in (1, -1):
            slopes = tuple(sigma * slope(sides[i]) if i in sides else Fraction(0) for i in range(len(rows)))
            found.append(Demand(tuple(rows), slopes, walls, penalties))
    return found


def serves_all(units: Sequence[Sequence[Demand]], corners: Corners, scalars: Scalars) -> bool | None:
    """Whether for each choice of a demand of every unit some g satisfies these; `None` if that is not told."""
    search = _Search(corners, scalars)
    every = list(dict.fromkeys(demand for unit in units for demand in unit))
    if search.serves(every):
        return True
    choices = list(islice(dict.fromkeys(frozenset(choice) for choice in product(*units)), MAX_CHOICES + 1))
    if len(choices) > MAX_CHOICES:
        return None
    told = True
    for choice in choices:
        answer = search.serves(list(choice))
        if answer is False:
            return False
        told = told and answer is not None
    return True if told else None


class _Search:
    """Cutting planes; a demand's cuts are kept for all choices it is in."""

    def __init__(self, corners: Corners, scalars: Scalars) -> None:
        self.corners, self.scalars = corners, scalars
        self.cuts: dict[Demand, list[Condition]] = {}
        self.first = corners([])

    def serves(self, wanted: Sequence[Demand]) -> bool | None:
        """Whether some g satisfies all of these demands; `None` if that is not told."""
        for _ in range(MAX_CUTS):
            left = self.corners([cut for demand in wanted for cut in self.cuts.get(demand, ())])
            if not left:
                return False
            violated = [(demand, cut) for demand in wanted for cut in _violated(demand, left[-1], self.scalars)]
            if not violated:
                return True
            for demand, cut in violated:
                if cut is not None:
                    self.cuts.setdefault(demand, []).append(cut)
            if all(cut is None for _, cut in violated):
                break
        # A tie: perhaps only a corner does.
        return True if any(self._satisfies(g, wanted) for g in self.first) else None

    def _satisfies(self, g: Sequence[Algebraic], wanted: Sequence[Demand]) -> bool:
        return not any(True for demand in wanted for _ in _violated(demand, g, self.scalars))


def _violated(demand: Demand, g: Sequence[Algebraic], scalars: Scalars) -> Iterator[Condition | None]:
    """The condition on g that a p which violates (*) gives; `None` where there is one that is not found."""
    v = demand.effect(g, scalars.zero)
    if all(scalars.sign(entry) == 0 for entry in v):
        return
    downhill = tuple(-entry for entry in v)
    walls = [tuple(map(scalars.number, wall)) for wall in demand.walls]
    cone = generators([*walls, downhill], len(v), scalars)
    rays = [*cone.rays, *cone.lineality, *(tuple(-entry for entry in line) for line in cone.lineality)]
    if len(rays) > MAX_RAYS:
        yield None
        return
    effects = [along(v, ray) for ray in rays]
    gram = [[demand.energy(p, q) - a * b for q, b in zip(rays, effects, strict=True)] for p, a in zip(rays, effects, strict=True)]
    found = orthant_form(gram, scalars)
    if found.kind is Copositivity.NEGATIVE and found.direction is not None:
        exact = [along(found.direction, column) for column in zip(*rays, strict=True)]
        yield _cut(demand, exact, g, scalars)


def _cut(demand: Demand, exact: Sequence[Algebraic], g: Sequence[Algebraic], scalars: Scalars) -> Condition | None:
    """`sigma v(g) . p + root >= 0` for a rational p of the cell near this one; `None` unless g violates it."""
    size = max(abs(float(entry)) for entry in exact)
    p = [Fraction(round(float(entry) / size * DENOMINATOR), DENOMINATOR) for entry in exact]
    if any(along(wall, p) < 0 for wall in demand.walls):
        p = _inside(demand, p)
    root = _above_root(demand.energy(p, p))
    coefficients = [slope * along(row, p) for row, slope in zip(demand.rows, demand.slopes, strict=True)]
    value = along(coefficients, g) + root
    return (coefficients, root) if scalars.sign(value) < 0 else None


def _inside(demand: Demand, p: list[Fraction]) -> list[Fraction]:
    """A point of the cell near p, which rounding moved out of it."""
    inner = generators(demand.walls, len(p), FRACTIONS).inner_point(len(p), FRACTIONS)
    step = max(-along(wall, p) / along(wall, inner) for wall in demand.walls)
    return [entry + step * x for entry, x in zip(p, inner, strict=True)]


def _above_root(value: Fraction) -> Fraction:
    """A rational number a little above the square root."""
    scale = DENOMINATOR**2
    return Fraction(isqrt(int(value * scale**2)) + 1, scale)
