"""How much work a problem is for the algebraic engine, before it is begun."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from math import ceil, prod

from flint import fmpq_mpoly

from reluspec.engines.algebraic.critical import stratum_systems
from reluspec.engines.algebraic.groebner import SolvingLimit
from reluspec.errors import StratumError
from reluspec.problem.problem import Problem
from reluspec.systems.strata import StratumSigns, strata

COUNTED = 20_000
"""Strata up to exchange of units beyond which a problem counts as too large to finish, unless forced."""
SAMPLED = 40
"""Strata whose systems are looked at."""
MAX_BEZOUT = 10**7
"""Bezout bound of a system beyond which it counts as too large to finish."""


@dataclass(frozen=True)
class Forecast:
    """`strata` up to exchange (`None`: more than `COUNTED`), about so many `systems`, Bezout bounds up to `bezout` in `variables`.

    Systems and bounds are those of a sample of the strata, cells among them, scaled up.
    """

    strata: int | None
    systems: int
    bezout: int
    variables: int

    @property
    def refusal(self) -> str:
        """Why the problem looks too large to finish; empty if it does not."""
        if self.strata is None:
            return f"there are more than {COUNTED:,} strata up to exchange of units, each with a system of its own"
        if self.bezout > MAX_BEZOUT:
            return f"a system in {self.variables} unknowns may have {self.bezout:,} solutions (its Bezout bound)"
        return ""

    def __str__(self) -> str:
        count = f"more than {COUNTED:,}" if self.strata is None else f"{self.strata:,}"
        return f"{count} strata, about {self.systems:,} systems in up to {self.variables} unknowns, Bezout bounds up to {self.bezout:,}"


def forecast(problem: Problem) -> Forecast:
    """Count the strata as far as `COUNTED`, and form the systems of a sample. Raises `LimitError` for polynomials past their limits."""
    found = list(islice(strata(problem), COUNTED + 1))
    sample = _sample(found)
    sizes = [size for one in sample for size in _sizes(problem, one)]
    return Forecast(
        strata=len(found) if len(found) <= COUNTED else None,
        systems=round(len(sizes) * len(found) / len(sample)),
        bezout=max((bound for _, bound in sizes), default=1),
        variables=max((variables for variables, _ in sizes), default=0),
    )


def _sample(found: Sequence[StratumSigns]) -> list[StratumSigns]:
    """All of few strata; of many, evenly spread, the cells (which have the largest systems) first."""
    if len(found) <= SAMPLED:
        return list(found)
    cells = [one for one in found if one.signs.is_cell] or list(found)
    half = SAMPLED // 2
    spread = [chosen[:: ceil(len(chosen) / half)] for chosen in (cells, found)]
    return [*spread[0], *spread[1]]


def _sizes(problem: Problem, stratum: StratumSigns) -> list[tuple[int, int]]:
    try:
        return [(variables, bezout(equations)) for variables, equations in stratum_systems(problem, stratum.signs)]
    except (SolvingLimit, StratumError):
        return []


def bezout(equations: Sequence[fmpq_mpoly]) -> int:
    """Bezout's bound: the product of the degrees (of the equations that are there)."""
    return prod(max(1, int(equation.total_degree())) for equation in equations if not equation.is_zero())
