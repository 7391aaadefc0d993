"""`reluspec check`: is a theta a local minimum?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reluspec.cli.options import AsJson, Quiet, Sets, Spec, Verbose, artefact_path, note, overrides, print_json

if TYPE_CHECKING:
    from reluspec.minima.minima_map import MinimaMap
    from reluspec.problem.problem import Problem

NO, UNDECIDED = 4, 3

Theta = Annotated[
    Path,
    typer.Argument(
        metavar="THETA",
        help="A .json, .npz, .pt, .pth or .safetensors file with the parameters under PyTorch's names (hidden.weight: units x inputs).",
        show_default=False,
    ),
]
Tolerance = Annotated[
    float,
    typer.Option(
        "--tolerance",
        metavar="T",
        help="Relative: the answer is yes if a local minimum is within T * (1 + |theta|), a Euclidean distance over the free parameters. "
        "A kink counts as met where its wall is within that distance. Above 0, at most 1.",
    ),
]
Map = Annotated[
    Path | None,
    typer.Option(
        "--map",
        metavar="FILE",
        help="NAME.minima.json of the same problem, to name the component; by default the one beside the spec or in this folder.",
        show_default=False,
    ),
]


def check(
    spec: Spec,
    theta: Theta,
    tolerance: Tolerance = 1e-6,
    map_: Map = None,
    set_: Sets = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
    as_json: AsJson = False,
) -> int:
    """Is THETA a local minimum? Tells the nearest component of the map, or a direction down. A test in floats, not a proof.

    Exit code 0: yes; 4: no; 3: undecided; 1: the input is wrong.
    """
    from reluspec import pipeline
    from reluspec.checking import Verdict
    from reluspec.checking import check as run
    from reluspec.checking.points import expected_shapes
    from reluspec.io.check_format import check_document
    from reluspec.io.theta_files import read_theta

    problem = pipeline.load(spec, overrides(set_))
    point = read_theta(theta, expected_shapes(problem))
    minima = _map(spec, map_, problem, quiet or as_json)
    found = run(problem, point, tolerance, minima, where=str(theta))
    if as_json:
        print_json(check_document(found))
    elif not quiet:
        print(found)
    if verbose and found.descent is not None and not as_json:
        note(f"direction {dict(found.descent.direction)}")
    return {Verdict.MINIMUM: 0, Verdict.NOT_MINIMUM: NO, Verdict.UNDECIDED: UNDECIDED}[found.verdict]


def _map(spec: Path, given: Path | None, problem: Problem, quiet: bool) -> MinimaMap | None:
    """The map that was named, else the one beside the spec or here; one that was only found must be readable and of this problem."""
    from reluspec.checking.nearest import same_problem
    from reluspec.errors import ReluspecError
    from reluspec.io.map_format import read_map

    if given is not None:
        return read_map(given)
    name = artefact_path(spec, ".minima.json")
    for path in dict.fromkeys((spec.parent / name, name)):
        if not path.is_file():
            continue
        try:
            minima = read_map(path)
        except ReluspecError as error:
            note(f"reluspec: note: the map found is left out: {error}", quiet)
            continue
        if same_problem(problem, minima.problem):
            return minima
        note(f"reluspec: note: {path} is left out: it is of another problem than {spec}", quiet)
    return None
