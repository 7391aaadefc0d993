"""The pipeline on one page: source → problem → region graph → engine → map.

This is the only module that knows the order of the stages; the command line and the Python API both call it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reluspec.engines.protocol import Engine, EngineOptions, Progress, silent
from reluspec.errors import ArtefactError, LimitError, ProblemError, UnsupportedProblemError
from reluspec.language import load_spec
from reluspec.minima.minima_map import MinimaMap
from reluspec.plugins import Group, names
from reluspec.plugins import load as load_plugin
from reluspec.problem.problem import Problem
from reluspec.version import __version__

if TYPE_CHECKING:
    from reluspec.regions.region_graph import RegionGraph

AUTO = "auto"
DEFAULT_PRECISION = 100
MAX_PRECISION = 10_000
MAX_WORKERS = 256


@dataclass(frozen=True)
class EngineChoice:
    """The engine that will solve a problem, and why; `engine` is `None` when none can, and `reason` then says why not."""

    engine: Engine | None
    reason: str


@dataclass(frozen=True)
class Compilation:
    """A checked problem with its region graph, where that is defined, and the engine that would solve it."""

    problem: Problem
    regions: RegionGraph | None
    regions_reason: str
    choice: EngineChoice


def load(path: str | Path, overrides: Mapping[str, str] | None = None) -> Problem:
    """The problem of a `.rspec` file, or of an artefact that `compile` or `solve` wrote (`*.json`).

    `overrides` replace constants (`let`). Raises `SpecError` or `ArtefactError`.
    """
    path = Path(path)
    if path.suffix != ".json":
        return load_spec(path, overrides)
    from reluspec.io.artefacts import read_json
    from reluspec.io.provenance import problem_from

    kind = "minima" if path.name.endswith(".minima.json") else "regions"
    return problem_from(read_json(path, kind), str(path), overrides)


def choose_engine(problem: Problem, wanted: str | None = None) -> EngineChoice:
    """The engine asked for (by argument, else by the spec), or the first installed one that takes the problem.

    Raises `PluginError` for an unknown name.
    """
    wanted = wanted or problem.options.engine or AUTO
    if wanted != AUTO:
        engine: Engine = load_plugin(Group.ENGINE, wanted)
        refusal = engine.refusal(problem)
        return EngineChoice(None, refusal) if refusal else EngineChoice(engine, "asked for")
    refusals = []
    for name in names(Group.ENGINE):
        candidate: Engine = load_plugin(Group.ENGINE, name)
        refusal = candidate.refusal(problem)
        if refusal is None:
            return EngineChoice(candidate, candidate.summary)
        refusals.append(refusal)
    return EngineChoice(None, "no installed engine can solve this problem yet: " + "; ".join(refusals))


def compile_problem(problem: Problem, engine: str | None = None) -> Compilation:
    """Describe a problem as far as it is defined. Raises `PluginError` for an unknown engine."""
    from reluspec.regions.region_graph import region_graph

    choice = choose_engine(problem, engine)
    try:
        return Compilation(problem, region_graph(problem), "", choice)
    except (UnsupportedProblemError, LimitError) as error:
        return Compilation(problem, None, str(error), choice)


def solve(
    problem: Problem,
    engine: str | None = None,
    *,
    precision: int | None = None,
    workers: int | None = None,
    progress: Progress = silent,
) -> MinimaMap:
    """All local minima of a problem, with proof (theory.md).

    `precision` are the significant bits of reported numbers (53 to 10 000), `workers` the threads. What is not given is taken from the spec's `solve` statement.
    Raises `UnsupportedProblemError` naming what no engine can take, `LimitError`, `PluginError`, `ProblemError` for options out of range.
    """
    options = EngineOptions(
        precision=_within("precision", precision or problem.options.precision or DEFAULT_PRECISION, 24, MAX_PRECISION),
        workers=_within("workers", workers or problem.options.workers or 1, 1, MAX_WORKERS),
        progress=progress,
    )
    choice = choose_engine(problem, engine)
    if choice.engine is None:
        raise UnsupportedProblemError(f"{choice.reason}. `reluspec compile` describes the problem as far as it is defined")
    return MinimaMap(problem, choice.engine.solve(problem, options), choice.reason, __version__)


def _within(name: str, value: int, low: int, high: int) -> int:
    if not low <= value <= high:
        raise ProblemError(f"{name} must be from {low} to {high}, not {value}")
    return value


def sole_input(directory: Path) -> Path:
    """What `solve` without an argument means: the one `*.regions.json` here, else the one `*.rspec`. Raises `ArtefactError` listing the candidates."""
    for pattern in ("*.regions.json", "*.rspec"):
        found = sorted(directory.glob(pattern))
        if len(found) == 1:
            return found[0]
        if found:
            raise ArtefactError(f"which one? There are {len(found)} {pattern} here: {', '.join(path.name for path in found)}. Name one of them")
    raise ArtefactError("there is no *.regions.json and no *.rspec here. Name a spec: reluspec solve model.rspec")
