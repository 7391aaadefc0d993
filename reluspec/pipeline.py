"""The pipeline on one page: source → problem → region graph → engine → map.

This is the only module that knows the order of the stages; the command line and the Python API both call it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import log10
from pathlib import Path
from typing import TYPE_CHECKING

from reluspec.engines.protocol import Engine, EngineOptions, Progress, silent
from reluspec.errors import ArtefactError, LimitError, PluginError, ProblemError, UnsupportedProblemError
from reluspec.executors.protocol import Executor, Resources, Workers
from reluspec.isolation import DEFAULT_MEGABYTES, DEFAULT_SECONDS
from reluspec.language import limits, load_spec
from reluspec.minima.minima_map import MinimaMap
from reluspec.plugins import Group, blame, names
from reluspec.plugins import load as load_plugin
from reluspec.problem.problem import Problem
from reluspec.version import __version__

if TYPE_CHECKING:
    from reluspec.regions.region_graph import RegionGraph
    from reluspec.systems.general_regions import GeneralRegions

AUTO = "auto"
DEFAULT_PRECISION = 100
LOCAL_EXECUTOR = "local"
FOREVER = 1e6
"""Seconds: what a longer timeout, or none (`inf`), comes to; the system waits no more than 2^31 milliseconds at once."""
LISTED = 20
"""Files named in a message."""
MAX_DIGITS = 1_000
"""Of the number of strata, for them to be counted: exact counts of ten thousand units take minutes and pages."""


@dataclass(frozen=True)
class EngineChoice:
    """The engine that will solve a problem, and why; `engine` is `None` when none can, and `reason` then says why not.

    `refusals` are those of engines that come first and cannot.
    """

    engine: Engine | None
    reason: str
    refusals: tuple[str, ...] = ()


@dataclass(frozen=True)
class Compilation:
    """A checked problem with its region graph and the engine that would solve it.

    `regions` is the product of the units' arrangements, where it is one; `general` counts the strata of any other problem within limits;
    `regions_reason` says why the first, or either, is missing. `forecast` is the engine's own, where it makes one.
    """

    problem: Problem
    regions: RegionGraph | None
    regions_reason: str
    choice: EngineChoice
    general: GeneralRegions | None = None
    forecast: str = ""


def load(path: str | Path, overrides: Mapping[str, str] | None = None) -> Problem:
    """The problem of a `.rspec` file, or of an artefact that `compile` or `solve` wrote (`*.json`).

    `overrides` replace constants (`let`). Raises `SpecError` or `ArtefactError`.
    """
    path = Path(path)
    if path.suffix != ".json":
        problem = load_spec(path, overrides)
        # A title that stands for the file's name may hold bytes that are no text.
        return replace(problem, title=problem.title.encode("utf-8", "replace").decode("utf-8"))
    from reluspec.io.artefacts import read_json
    from reluspec.io.provenance import problem_from

    return problem_from(read_json(path, "regions", "minima"), str(path), overrides)


def changed_spec(artefact: Path, problem: Problem) -> Path | None:
    """The `NAME.rspec` beside a `NAME.regions.json` if it says something else than the artefact."""
    spec = artefact.with_name(f"{artefact.name.removesuffix('.regions.json')}.rspec")
    if not artefact.name.endswith(".regions.json") or not spec.is_file() or problem.source is None:
        return None
    try:
        return None if spec.read_text(encoding="utf-8-sig") == problem.source.text.replace("\r\n", "\n").replace("\r", "\n") else spec
    except (OSError, UnicodeDecodeError):
        return spec


def choose_engine(problem: Problem, wanted: str | None = None) -> EngineChoice:
    """The engine asked for (by argument, else by the spec), or the first installed one that takes the problem.

    Raises `PluginError` for an unknown name, `ProblemError` for what is no problem.
    """
    if not isinstance(problem, Problem):
        raise ProblemError(
            f"a Problem is wanted, as reluspec.load(path) and reluspec.parse(text) return it, not a {type(problem).__name__}"
        )
    wanted = wanted or problem.options.engine or AUTO
    if wanted != AUTO:
        engine: Engine = load_plugin(Group.ENGINE, wanted)
        refusal = _refusal(engine, wanted, problem)
        return EngineChoice(None, refusal) if refusal else EngineChoice(engine, "asked for")
    refusals: list[str] = []
    for name in names(Group.ENGINE):
        candidate: Engine = load_plugin(Group.ENGINE, name)
        refusal = _refusal(candidate, name, problem)
        if refusal is None:
            return EngineChoice(candidate, candidate.summary, tuple(refusals))
        refusals.append(refusal)
    return EngineChoice(None, "no installed engine can solve this problem yet: " + "; ".join(refusals))


def _refusal(engine: Engine, name: str, problem: Problem) -> str | None:
    try:
        with blame(Group.ENGINE, name):
            return engine.refusal(problem)
    except PluginError as error:
        return str(error)


def compile_problem(problem: Problem, engine: str | None = None) -> Compilation:
    """Describe a problem as far as it is defined. Raises `PluginError` for an unknown engine."""
    from reluspec.regions.region_graph import region_graph
    from reluspec.systems.general_regions import general_regions

    choice = choose_engine(problem, engine)
    regions, general, reason = None, None, ""
    try:
        regions = region_graph(problem)
        if regions.units * log10(len(regions.factor)) > MAX_DIGITS:
            regions = None
            raise LimitError(f"there are more than 10^{MAX_DIGITS} strata; so many are not counted")
    except UnsupportedProblemError as error:
        reason = str(error)
        try:
            general = general_regions(problem)
        except (LimitError, ProblemError) as limit:
            reason = str(limit)
    except LimitError as error:
        reason = str(error)
    return Compilation(problem, regions, reason, choice, general, _forecast(choice, problem))


def _forecast(choice: EngineChoice, problem: Problem) -> str:
    """What the engine says of the work ahead, if it says anything."""
    forecast = getattr(choice.engine, "forecast", None)
    if choice.engine is None or forecast is None:
        return ""
    try:
        with blame(Group.ENGINE, choice.engine.name):
            return str(forecast(problem))
    except LimitError as limit:
        return f"too large to be told: {limit}"


def solve(
    problem: Problem,
    engine: str | None = None,
    *,
    precision: int | None = None,
    workers: int | None = None,
    executor: str | None = None,
    scheduler: str | None = None,
    timeout: float | None = None,
    memory: int | None = None,
    force: bool = False,
    journal: Path | None = None,
    retry_undecided: bool = False,
    progress: Progress = silent,
) -> MinimaMap:
    """All local minima of a problem, with proof (theory.md).

    `precision` are the significant bits of reported numbers (53 to 10 000), `workers` how many strata (or ranges of them) are worked on at
    a time (as many as there are workers if not given), `timeout` (seconds) and `memory` (megabytes) the limits of one exact test or one
    stratum's systems. What is not given is taken from the spec's `solve` statement. `executor` names where the work is done: `local`, or
    `dask` with the address of its `scheduler`.
    `force` begins even what looks too large to finish. In the file `journal` a long run keeps what it has found: the next run with it goes
    on from there, and with `retry_undecided` tries the undecided strata again.

    Raises `UnsupportedProblemError` naming what no engine can take, `LimitError`, `PluginError`, `ProblemError` for options out of range,
    `ArtefactError` for a journal that is damaged or another problem's, `ExecutorError` where workers cannot be reached or are lost.
    """
    choice = choose_engine(problem, engine)
    stated = problem.options
    if choice.engine is None:
        raise UnsupportedProblemError(f"{choice.reason}. `reluspec compile` describes the problem as far as it is defined")
    seconds = timeout if timeout is not None else float(stated.timeout) if stated.timeout is not None else DEFAULT_SECONDS
    if not seconds > 0:  # NaN is not either.
        raise ProblemError(f"timeout must be positive (seconds), not {seconds:g}")
    wanted = workers if workers is not None else stated.workers
    options = EngineOptions(
        precision=_within("precision", _first(precision, stated.precision, DEFAULT_PRECISION), limits.PRECISION_BITS),
        timeout=min(seconds, FOREVER),
        memory=_within("memory", _first(memory, DEFAULT_MEGABYTES), limits.MEMORY_MEGABYTES),
        workers=None if wanted is None else _within("workers", wanted, limits.WORKERS),
        executor=_Executor(executor or LOCAL_EXECUTOR),
        scheduler=scheduler,
        force=force,
        journal=journal,
        retry=retry_undecided,
        progress=progress,
    )
    with blame(Group.ENGINE, choice.engine.name):
        landscape = choice.engine.solve(problem, options)
    return MinimaMap(problem, landscape, choice.reason, __version__)


class _Executor:
    """An installed executor whose start is its own author's business where it fails."""

    def __init__(self, name: str) -> None:
        self._executor: Executor = load_plugin(Group.EXECUTOR, name)
        self.name = name
        self.summary = self._executor.summary

    def start(self, resources: Resources) -> Workers:
        with blame(Group.EXECUTOR, self.name):
            return self._executor.start(resources)


def _first(*values: int | None) -> int:
    """The first one that is given. Zero is given."""
    return next(value for value in values if value is not None)


def _within(name: str, value: int, allowed: range) -> int:
    if value not in allowed:
        raise ProblemError(f"{name} must be from {allowed[0]} to {allowed[-1]}, not {value}")
    return value


def sole_input(directory: Path) -> Path:
    """What `solve` without an argument means: the one `*.regions.json` here, else the one `*.rspec`.

    Raises `ArtefactError` listing the candidates.
    """
    for pattern in ("*.regions.json", "*.rspec"):
        found = sorted(path for path in directory.glob(pattern) if path.is_file() and not path.name.startswith("."))
        if len(found) == 1:
            return found[0]
        if found:
            listed = ", ".join(path.name for path in found[:LISTED]) + (", …" if len(found) > LISTED else "")
            raise ArtefactError(f"which one? There are {len(found)} {pattern} here: {listed}. Name one of them")
    raise ArtefactError("there is no *.regions.json and no *.rspec here. Name a spec: reluspec solve model.rspec")
