"""How much work a problem is for the algebraic engine, before it is begun."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from math import ceil, log10, prod

from flint import fmpq_mpoly

from reluspec.engines.algebraic.ideals.groebner import SolvingLimit
from reluspec.engines.algebraic.judging.least_point import is_of_the_class
from reluspec.engines.algebraic.stationary.critical import stratum_systems
from reluspec.errors import StratumError
from reluspec.problem.problem import Problem
from reluspec.systems.relaxation import EffortError
from reluspec.systems.strata import StratumSigns, affordable, strata

COUNTED = 20_000
"""Strata up to exchange of units beyond which a problem counts as too large to finish, unless forced."""
LEFT_OUT = 5
"""So many times as many where convexity leaves most of them out, without a system (`least_point`)."""
SAMPLED = 40
"""Strata whose systems are looked at."""
EFFORT = 1_000_000
"""Steps of the search for strata, for few parameters, beyond which a problem counts as too large."""
MAX_BEZOUT = 10**7
"""Bezout bound of a system beyond which it counts as too large to finish."""
HOPELESS = 10**30
"""Bezout bound beyond which no more systems are formed: they are as large themselves."""


@dataclass(frozen=True)
class Forecast:
    """`strata` up to exchange, about so many `systems`, Bezout bounds up to `bezout` in `variables`.

    `strata` is `None` where they were not counted to the end; `least` is how many were found. Systems and bounds are those of a sample of
    these, cells among them, scaled up. `enclosed`: where a system is large, convexity mostly tells its solutions without solving it.
    `listed` are the strata, where they were counted to the end.
    """

    strata: int | None
    systems: int
    bezout: int
    variables: int
    least: int = field(default=COUNTED, compare=False)
    enclosed: bool = field(default=False, compare=False)
    listed: tuple[StratumSigns, ...] | None = field(default=None, compare=False, repr=False)

    @property
    def refusal(self) -> str:
        """Why the problem looks too large to finish; empty if it does not."""
        if self.strata is None and self.least >= COUNTED:
            return f"there are more than {self.least:,} strata up to exchange of units, each with a system of its own"
        if self.strata is None:
            return f"counting its strata takes too long; {self.least:,} were found, up to exchange of units, before that was given up"
        if self.bezout > MAX_BEZOUT and not self.enclosed:
            return f"a system in {self.variables} unknowns may have {_shown(self.bezout)} solutions (its Bezout bound)"
        return ""

    def __str__(self) -> str:
        if self.strata is None and not self.systems:
            return f"unknown: {self.refusal}"
        count = f"more than {self.least:,}" if self.strata is None else f"{self.strata:,}"
        return (
            f"{count} strata, about {self.systems:,} systems in up to {self.variables} unknowns, Bezout bounds up to {_shown(self.bezout)}"
        )


def forecast(problem: Problem) -> Forecast:
    """Count the strata as far as the limit, and form the systems of a sample. Raises `LimitError` for polynomials past their limits."""
    enclosed = is_of_the_class(problem)
    limit = COUNTED * (LEFT_OUT if enclosed else 1)
    found, whole = _found(problem, limit)
    sample = _sample(found)
    sizes: list[tuple[int, int]] = []
    for looked_at, one in enumerate(sample, 1):
        sizes += _sizes(problem, one)
        if any(bound > HOPELESS for _, bound in sizes):
            sample = sample[:looked_at]
            break
    return Forecast(
        strata=len(found) if whole else None,
        systems=round(len(sizes) * len(found) / max(1, len(sample))),
        bezout=max((bound for _, bound in sizes), default=1),
        variables=max((variables for variables, _ in sizes), default=0),
        least=min(len(found), limit),
        enclosed=enclosed,
        listed=tuple(found) if whole else None,
    )


def _found(problem: Problem, limit: int) -> tuple[list[StratumSigns], bool]:
    """The first strata up to exchange, and whether these are all."""
    found: list[StratumSigns] = []
    try:
        found.extend(islice(strata(problem, effort=affordable(problem, EFFORT)), limit + 1))
    except EffortError:
        return found, False
    return found, len(found) <= limit


def _sample(found: Sequence[StratumSigns]) -> list[StratumSigns]:
    """All of few strata; of many, evenly spread, the cells (which have the largest systems) first."""
    if len(found) <= SAMPLED:
        return list(found)
    cells = [one for one in found if one.signs.is_cell] or list(found)
    half = SAMPLED // 2
    spread = [chosen[:: ceil(len(chosen) / half)] for chosen in (cells, found)]
    return [*spread[0], *spread[1]]


def _sizes(problem: Problem, stratum: StratumSigns) -> list[tuple[int, int]]:
    sizes: list[tuple[int, int]] = []
    try:
        for variables, equations in stratum_systems(problem, stratum.signs):
            sizes.append((variables, bezout(equations)))
            if sizes[-1][1] > HOPELESS:
                break
    except (SolvingLimit, StratumError):
        return []
    return sizes


def _shown(bound: int) -> str:
    return f"{bound:,}" if bound < 10**15 else f"about 10^{round(log10(bound))}"


def bezout(equations: Sequence[fmpq_mpoly]) -> int:
    """Bezout's bound: the product of the degrees (of the equations that are there)."""
    return prod(max(1, int(equation.total_degree())) for equation in equations if not equation.is_zero())
