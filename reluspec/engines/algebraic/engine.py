"""The algebraic engine (theory.md sections 2, 3, 6): every stratum of any piecewise polynomial problem by computational algebra."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from queue import SimpleQueue

from reluspec.engines.algebraic.assembly import components
from reluspec.engines.algebraic.gluing import Gluing
from reluspec.engines.algebraic.job import stratum_job
from reluspec.engines.algebraic.outcome import StratumOutcome
from reluspec.engines.isolation import Isolated, IsolationError
from reluspec.engines.protocol import EngineOptions
from reluspec.errors import LimitError
from reluspec.minima.records import Landscape, Undecided
from reluspec.problem.problem import Problem
from reluspec.regions.signs import format_signs
from reluspec.systems.strata import strata

MAX_STRATA = 1_000_000
"""Largest number of strata, up to exchange of units, that are solved at all."""

OUTCOMES = ("no_critical_point", "critical", "minimal", "undecided")


class AlgebraicEngine:
    """Groebner basis, real roots, minimality by first and second order, stratum by stratum."""

    name = "algebraic"
    summary = "any piecewise polynomial problem: every stratum's system is solved exactly by Groebner bases (small problems only)"
    backend = "flint"

    def refusal(self, problem: Problem) -> str | None:
        return None if problem.parameters else "every parameter of the network is fixed: there is nothing to minimise"

    def solve(self, problem: Problem, options: EngineOptions) -> Landscape:
        names = [format_signs(problem, found.signs) for found in islice(strata(problem), MAX_STRATA + 1)]
        if len(names) > MAX_STRATA:
            raise LimitError(f"the problem has more than {MAX_STRATA:,} strata up to exchange of units. Use fewer points, units or layers")
        outcomes = {outcome.stratum: outcome for outcome in self._outcomes(problem, names, options)}
        return self._landscape(problem, {name: outcomes[name] for name in names}, options)

    def _outcomes(self, problem: Problem, names: list[str], options: EngineOptions) -> Iterator[StratumOutcome]:
        """Every stratum in a helper process; one that hangs, crashes or runs out of memory costs its own stratum only."""
        helpers: SimpleQueue[Isolated] = SimpleQueue()
        made = [Isolated(options.timeout) for _ in range(options.workers)]
        for helper in made:
            helpers.put(helper)

        def run(name: str) -> StratumOutcome:
            helper = helpers.get()
            try:
                return StratumOutcome.from_json(helper.call(stratum_job, problem, name, self.backend))
            except IsolationError as error:
                return StratumOutcome(name, (), str(error), 0, 0.0)
            finally:
                helpers.put(helper)

        with ThreadPoolExecutor(options.workers) as pool:
            try:
                for done, outcome in enumerate(pool.map(run, names)):
                    options.progress("solving", done + 1, len(names))
                    yield outcome
            finally:
                pool.shutdown(wait=False, cancel_futures=True)
                for helper in made:
                    helper.close()

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
        )


ENGINE = AlgebraicEngine()


def slowest(outcomes: Iterable[StratumOutcome], count: int = 10) -> list[StratumOutcome]:
    """The strata that took longest."""
    return sorted(outcomes, key=lambda outcome: -outcome.seconds)[:count]
