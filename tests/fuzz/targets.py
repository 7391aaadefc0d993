"""What is done with a spoilt text. A target returns for text that is refused in a message, or that holds up; all else escapes it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random

import mutations

import reluspec
from reluspec.checking import check
from reluspec.checking.points import expected_shapes
from reluspec.errors import ReluspecError, SpecError
from reluspec.io.artefacts import read_json
from reluspec.io.map_format import map_document
from reluspec.io.provenance import problem_facts
from reluspec.io.regions_format import regions_document
from reluspec.io.theta_files import read_theta
from reluspec.pipeline import compile_problem, load

ROOT = Path(__file__).resolve().parents[2]
SMALL = 6
"""Switches of a problem that is compiled, not only read."""
MESSAGE = 100_000
"""Characters of the longest message: many errors are listed, each line shortened."""


def spec(text: str) -> bool:
    """Parse; describe what was accepted, and build the regions of small problems. True if it is a problem."""
    try:
        problem = reluspec.parse(text, directory="/nowhere")
    except SpecError as error:
        _places(error, text)
        return False
    assert repr(problem)
    problem_facts(problem)
    if problem.switch_count <= SMALL and len(problem.parameters) <= SMALL:
        try:
            regions_document(compile_problem(problem))
        except ReluspecError as error:
            _message(error)
    return True


def _places(error: SpecError, text: str) -> None:
    assert error.diagnostics
    _message(error)
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for diagnostic in error.diagnostics:
        if diagnostic.file == "<spec>":
            assert 0 < diagnostic.line <= len(lines)
            assert 0 < diagnostic.column <= len(lines[diagnostic.line - 1]) + 1


def _message(error: Exception) -> None:
    text = str(error)
    assert 0 < len(text) <= MESSAGE
    text.encode("utf-8")


def artefact(text: str) -> bool:
    """Read as a map, as regions, as any input of a command and as a theta. True if something took it."""
    taken = False
    with tempfile.TemporaryDirectory(prefix="reluspec-fuzz-", dir=_memory()) as folder:
        path = Path(folder) / "x.json"
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        for attempt in (_as_map, _as_input, _as_theta):
            try:
                attempt(path)
                taken = True
            except ReluspecError as error:
                _message(error)
    return taken


def _memory() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def _as_map(path: Path) -> None:
    minima = reluspec.read_map(path)
    assert repr(minima)
    reluspec.write_map(minima, path.with_name("again.json"), critical=True)
    assert reluspec.read_map(path.with_name("again.json")) == minima
    for component in minima:
        check(minima.problem, component.pieces[0].witness, minima=minima)


def _as_input(path: Path) -> None:
    assert load(path).source is not None
    read_json(path, "regions", "minima")


def _as_theta(path: Path) -> None:
    problem = reluspec.parse(POSTER)
    check(problem, read_theta(path, expected_shapes(problem)))


POSTER = (ROOT / "specs" / "poster.rspec").read_text(encoding="utf-8")


def spec_seeds() -> list[str]:
    """Every spec of the gallery."""
    return [path.read_text(encoding="utf-8") for path in sorted((ROOT / "specs").glob("*.rspec"))]


def artefact_seeds() -> list[str]:
    """Maps with isolated minima, polytopes, charts; regions; and a theta."""
    found = []
    for name in ("closed_arc", "poster", "fixed_output_signs"):
        minima = reluspec.solve(reluspec.load(ROOT / "specs" / f"{name}.rspec"))
        found.append(json.dumps(map_document(minima, critical=True)))
    problem = reluspec.parse(POSTER)
    found.append(json.dumps(regions_document(compile_problem(problem))))
    found.append(json.dumps(problem.tensors([0.5] * len(problem.parameters), float)))
    return found


TARGETS: dict[str, tuple[Callable[[str], bool], Callable[[], list[str]], Callable[[str, Random], str]]] = {
    "spec": (spec, spec_seeds, mutations.spoilt_spec),
    "artefact": (artefact, artefact_seeds, mutations.spoilt_document),
}
