"""The algebraic engine (theory.md sections 2, 3, 6): every stratum of any piecewise polynomial problem by computational algebra."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from heapq import nlargest
from typing import Any

from reluspec.engines.algebraic.assembly import components
from reluspec.engines.algebraic.forecast import Forecast, forecast
from reluspec.engines.algebraic.gluing import Gluing
from reluspec.engines.algebraic.ideals.msolve import DISTRIBUTION, find_msolve
from reluspec.engines.algebraic.job import stratum_job
from reluspec.engines.algebraic.outcome import StratumOutcome
from reluspec.engines.clock import Clock
from reluspec.engines.journal import Journal, begin
from reluspec.engines.protocol import EngineOptions
from reluspec.errors import LimitError
from reluspec.executors.protocol import Failure, Work
from reluspec.minima.records import Effort, Landscape, Undecided
from reluspec.problem.problem import Problem
from reluspec.regions.signs import format_signs
from reluspec.systems.strata import strata

MAX_POINTS = 4_000
"""Data points beyond which not even the strata are counted."""
OUTCOMES = ("no_critical_point", "critical", "minimal", "undecided")
SLOWEST = 10
"""Strata whose seconds are told."""

Shared = tuple[Callable[..., dict[str, Any]], Problem, str]
"""What all strata share: the job, the problem, the name of what computes Groebner bases."""


class AlgebraicEngine:
    """Groebner basis, real roots, minimality by first and second order, stratum by stratum."""

    name = "algebraic"
    summary = "any piecewise polynomial problem: every stratum's system is solved exactly by Groebner bases (small problems only)"
    backend = "flint"
    assumes = ""

    def refusal(self, problem: Problem) -> str | None:
        if len(problem.data) > MAX_POINTS:
            return f"the algebraic engine takes at most {MAX_POINTS:,} data points, not {len(problem.data):,}"
        return None if problem.parameters else "every parameter of the network is fixed: there is nothing to minimise"

    def forecast(self, problem: Problem) -> Forecast:
        """How much work the problem is."""
        return forecast(problem)

    def solve(self, problem: Problem, options: EngineOptions) -> Landscape:
        clock = Clock()
        with clock.step("strata"):
            looked_at = None if options.force else forecast(problem)
            if looked_at and looked_at.refusal:
                raise LimitError(
                    f"this looks too large to finish: {looked_at.refusal}. Use fewer points, units or layers; or --force to begin all the "
                    "same (an interrupted run is taken up where it stopped)"
                )
            listed = looked_at.listed if looked_at else None
            names = [format_signs(problem, found.signs) for found in (strata(problem) if listed is None else listed)]
        with begin(options, problem, self.name) as journal:
            landscape = self._solved(problem, names, options, journal, clock)
            journal.done = not landscape.undecided
        return landscape

    def _solved(self, problem: Problem, names: list[str], options: EngineOptions, journal: Journal, clock: Clock) -> Landscape:
        known = _known(journal)
        outcomes = {name: outcome for name, outcome in known.items() if not (options.retry and outcome.undecided)}
        left = [name for name in names if name not in outcomes]
        # Each in a helper process: one that hangs, crashes or runs out of memory costs its own stratum only.
        work = Work(_job, _shared, (stratum_job, problem, self.backend), options.limits)
        with clock.step("solving"), options.start_workers() as workers, closing(workers.run(work, left)) as results:
            count = min(workers.count, len(left))
            for name, result in results:
                data = StratumOutcome(name, (), result.reason, 0, 0.0).to_json() if isinstance(result, Failure) else dict(result)
                journal.add(name, data)
                outcomes[name] = StratumOutcome.from_json(data)
                options.progress("solving", len(outcomes), len(names))
        with clock.step("stitching"):
            landscape = self._landscape(problem, {name: outcomes[name] for name in names}, options)
        return replace(landscape, effort=_effort(landscape, outcomes, clock, options.executor.name, count))

    def _landscape(self, problem: Problem, outcomes: dict[str, StratumOutcome], options: EngineOptions) -> Landscape:
        options.progress("stitching", 0, 1)
        glued, open_strata = Gluing(problem, outcomes).components()
        undecided = [Undecided(name, outcome.undecided) for name, outcome in outcomes.items() if outcome.undecided]
        undecided += [Undecided(name, reason) for name, reason in open_strata.items()]
        counts = Counter("undecided" if name in open_strata else outcome.word for name, outcome in outcomes.items())
        return Landscape(
            engine=self.name,
            components=tuple(components(problem, glued, outcomes, options.precision)),
            critical=(),
            ledger={word: counts[word] for word in OUTCOMES},
            undecided=tuple(undecided),
            total=len(outcomes),
            index_sum=None,
            index_note="the audit by indices is made by the convex engine only",
            assumes=self.assumes,
        )


def _shared(shared: Shared) -> Shared:
    """What a worker prepares: nothing."""
    return shared


def _job(shared: Shared, name: str) -> dict[str, Any]:
    """The work on one stratum."""
    job, problem, backend = shared
    return job(problem, name, backend)


def _effort(landscape: Landscape, outcomes: dict[str, StratumOutcome], clock: Clock, executor: str, workers: int) -> Effort:
    strata_solved = sum(not outcome.undecided for outcome in outcomes.values())
    counts = {
        "strata": landscape.total,
        "strata solved": strata_solved,
        "systems solved": sum(outcome.systems for outcome in outcomes.values()),
        "critical sets": sum(len(outcome.sets) for outcome in outcomes.values()),
        "minimal sets": sum(len(outcome.minimal) for outcome in outcomes.values()),
    }
    # Of all strata, those solved by earlier runs and on other machines among them.
    clock.add("sum over strata", sum(outcome.seconds for outcome in outcomes.values()))
    slowest = nlargest(SLOWEST, ((outcome.seconds, name) for name, outcome in outcomes.items()))
    return Effort(counts, clock.seconds, tuple((name, seconds) for seconds, name in slowest), executor, workers)


def _known(journal: Journal) -> dict[str, StratumOutcome]:
    """The outcomes of earlier runs. Raises `ArtefactError`."""
    try:
        return {name: StratumOutcome.from_json(dict(data)) for name, data in journal.known.items()}
    except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
        raise journal.damaged(f"an outcome in it makes no sense ({type(error).__name__}: {error})") from None


class MsolveEngine(AlgebraicEngine):
    """The same with Groebner bases by msolve, far quicker on large systems, whose answers are not proved."""

    name = "msolve"
    summary = "as algebraic, with Groebner bases by the program msolve: for larger systems; rests on msolve's bases"
    backend = "msolve"
    assumes = "msolve's Groebner bases, which it computes modulo primes and lifts without a proof, are right"

    def refusal(self, problem: Problem) -> str | None:
        if find_msolve() is None:
            return f"the program msolve is not installed: `pip install 'reluspec[msolve]'` (the wheel {DISTRIBUTION}), or put it on PATH"
        return super().refusal(problem)


ENGINE = AlgebraicEngine()
MSOLVE = MsolveEngine()
