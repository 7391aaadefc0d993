"""The algebraic engine (theory.md sections 2, 3, 6): every stratum of any piecewise polynomial problem by computational algebra."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from queue import SimpleQueue
from subprocess import Popen
from threading import Lock
from typing import Any

from reluspec.engines.algebraic.assembly import components
from reluspec.engines.algebraic.forecast import Forecast, forecast
from reluspec.engines.algebraic.gluing import Gluing
from reluspec.engines.algebraic.job import stratum_job
from reluspec.engines.algebraic.msolve import DISTRIBUTION, find_msolve
from reluspec.engines.algebraic.outcome import StratumOutcome
from reluspec.engines.isolation import Isolated, IsolationError
from reluspec.engines.journal import Journal
from reluspec.engines.protocol import EngineOptions
from reluspec.errors import ArtefactError, LimitError
from reluspec.minima.records import Landscape, Undecided
from reluspec.problem.problem import Problem
from reluspec.regions.signs import format_signs
from reluspec.systems.strata import strata

OUTCOMES = ("no_critical_point", "critical", "minimal", "undecided")


class _Helper(Isolated):
    """A helper process that the main thread may stop while another one waits for its answer.

    `close` is for the waiting thread only: where another one closes the pipe, nothing wakes it before the time limit.
    """

    def __init__(self, seconds: float, megabytes: int) -> None:
        super().__init__(seconds, megabytes)
        self._lock, self._stopped = Lock(), False

    def stop(self) -> None:
        """End the process; none is started again."""
        with self._lock:
            self._stopped, process = True, self._process
        if process is not None:
            process.kill()

    def _running(self, module: str) -> Popen[bytes]:
        with self._lock:
            if self._stopped:
                raise IsolationError("crash: the run has been stopped")
            return super()._running(module)


class AlgebraicEngine:
    """Groebner basis, real roots, minimality by first and second order, stratum by stratum."""

    name = "algebraic"
    summary = "any piecewise polynomial problem: every stratum's system is solved exactly by Groebner bases (small problems only)"
    backend = "flint"
    assumes = ""

    def refusal(self, problem: Problem) -> str | None:
        return None if problem.parameters else "every parameter of the network is fixed: there is nothing to minimise"

    def forecast(self, problem: Problem) -> Forecast:
        """How much work the problem is."""
        return forecast(problem)

    def solve(self, problem: Problem, options: EngineOptions) -> Landscape:
        if not options.force and (refusal := forecast(problem).refusal):
            raise LimitError(
                f"this looks too large to finish: {refusal}. Use fewer points, units or layers; or --force to begin all the "
                "same (an interrupted run is taken up where it stopped)"
            )
        names = [format_signs(problem, found.signs) for found in strata(problem)]
        if options.journal is None:
            return self._landscape(problem, self._outcomes(problem, names, options, None), options)
        if options.retry and not options.journal.exists():
            raise ArtefactError(f"there is no journal {options.journal} of an incomplete run: nothing to retry. Solve without it")
        with Journal(options.journal, problem, self.name) as journal:
            landscape = self._landscape(problem, self._outcomes(problem, names, options, journal), options)
            journal.done = not landscape.undecided
        return landscape

    def _outcomes(self, problem: Problem, names: list[str], options: EngineOptions, journal: Journal | None) -> dict[str, StratumOutcome]:
        """Every stratum's outcome: from the journal, or solved now."""
        known = {} if journal is None else _known(journal)
        outcomes = {name: outcome for name, outcome in known.items() if not (options.retry and outcome.undecided)}
        for data in self._solved(problem, [name for name in names if name not in outcomes], options):
            if journal is not None:
                journal.add(data["stratum"], data)
            outcomes[data["stratum"]] = StratumOutcome.from_json(data)
            options.progress("solving", len(outcomes), len(names))
        return {name: outcomes[name] for name in names}

    def _solved(self, problem: Problem, names: list[str], options: EngineOptions) -> Iterator[dict[str, Any]]:
        """Every stratum in a helper process, as they are done; one that hangs, crashes or runs out of memory costs its own stratum only."""
        workers = options.workers or os.cpu_count() or 1
        made = [_Helper(options.timeout, options.memory) for _ in range(min(workers, len(names)))]
        helpers: SimpleQueue[_Helper] = SimpleQueue()
        for helper in made:
            helpers.put(helper)

        def run(name: str) -> dict[str, Any]:
            helper = helpers.get()
            try:
                return dict(helper.call(stratum_job, problem, name, self.backend))
            except IsolationError as error:
                return StratumOutcome(name, (), str(error), 0, 0.0).to_json()
            finally:
                helpers.put(helper)

        pool = ThreadPoolExecutor(max(len(made), 1))
        try:
            for done in as_completed([pool.submit(run, name) for name in names]):
                yield done.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            for helper in made:
                helper.stop()
            pool.shutdown()
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
            assumes=self.assumes,
        )


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
