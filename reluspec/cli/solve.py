"""`reluspec solve`: all local minima, with proof."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reluspec.cli.options import AsJson, EngineName, Output, Quiet, Sets, Verbose, artefact_path, check_output, note, overrides, print_json

if TYPE_CHECKING:
    from reluspec.engines.protocol import Progress
    from reluspec.minima.records import Effort

INCOMPLETE = 3
SLOWEST = 3
"""Strata whose seconds are printed; the map has more."""
LIMITS = ("timeout", "memory", "crash")
"""How the reasons begin that larger limits may remove."""

Input = Annotated[
    Path | None,
    typer.Argument(metavar="SPEC", help="A .rspec or .regions.json file; by default the one in this folder.", show_default=False),
]
Workers = Annotated[
    int | None,
    typer.Option("--workers", metavar="N", help="How much is worked on at a time; as many as there are workers.", show_default=False),
]
ExecutorName = Annotated[
    str | None,
    typer.Option(
        "--executor", metavar="NAME", help="Where the work is done: local (default), dask, or another installed one.", show_default=False
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option("--scheduler", metavar="ADDRESS", help="The scheduler of --executor dask: tcp://HOST:PORT.", show_default=False),
]
Precision = Annotated[
    int | None,
    typer.Option(
        "--precision", metavar="BITS", help="Significant bits of reported numbers; 100 unless the spec says otherwise.", show_default=False
    ),
]
Critical = Annotated[
    bool, typer.Option("--critical", help="Also write every stratum critical in Clarke's sense, with its index.", show_default=False)
]
Timeout = Annotated[
    float | None,
    typer.Option(
        "--timeout",
        metavar="SECONDS",
        help="For one exact test or one stratum's systems; 60 unless the spec says otherwise.",
        show_default=False,
    ),
]
Memory = Annotated[int | None, typer.Option("--memory", metavar="MB", help="For one helper process; 4096 by default.", show_default=False)]
Force = Annotated[bool, typer.Option("--force", help="Begin even what looks too large to finish.", show_default=False)]
Retry = Annotated[
    bool,
    typer.Option(
        "--retry-undecided", help="Go back to the strata that an earlier run left undecided, with these limits.", show_default=False
    ),
]


def solve(
    spec: Input = None,
    output: Output = None,
    engine: EngineName = None,
    workers: Workers = None,
    executor: ExecutorName = None,
    scheduler: Scheduler = None,
    precision: Precision = None,
    timeout: Timeout = None,
    memory: Memory = None,
    set_: Sets = None,
    critical: Critical = False,
    force: Force = False,
    retry_undecided: Retry = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    as_json: AsJson = False,
) -> int:
    """Find every local minimum. Prints a table, writes NAME.minima.json; exit code 3 if some strata stay undecided."""
    from reluspec import pipeline
    from reluspec.io.map_format import map_document, write_map

    source = spec or pipeline.sole_input(Path())
    path = output or artefact_path(source, ".minima.json")
    check_output(path, source, given=output is not None)
    journal = path.with_name(f"{path.name.removesuffix('.json').removesuffix('.minima')}.journal.sqlite")
    problem = pipeline.load(source, overrides(set_))
    if changed := pipeline.changed_spec(source, problem):
        note(
            f"reluspec: note: {changed} differs from the spec inside {source}, which is solved here; `reluspec compile` makes it anew",
            quiet,
        )
    with _progress(quiet or as_json) as progress:
        minima = pipeline.solve(
            problem,
            engine,
            precision=precision,
            workers=workers,
            executor=executor,
            scheduler=scheduler,
            timeout=timeout,
            memory=memory,
            force=force,
            journal=journal,
            retry_undecided=retry_undecided,
            progress=progress,
        )
    write_map(minima, path, critical)
    if as_json:
        print_json(map_document(minima, critical))
    elif not quiet:
        print(minima)
        note(f"wrote {path}")
    if verbose:
        note(f"engine {minima.landscape.engine}: {minima.engine_reason}")
        for outcome, count in minima.landscape.ledger.items():
            note(f"strata {outcome:10s} {count:,}")
        for line in effort_lines(minima.landscape.effort):
            note(line)
    if not minima.complete:
        listed = "; the file lists them under `undecided`" if minima.undecided else ""
        note(f"reluspec: the map is not complete: {minima.incomplete_because}{listed}", as_json and quiet)
        if journal.exists() and any(entry.reason.startswith(LIMITS) for entry in minima.undecided):
            note(f"`--retry-undecided` with a larger --timeout or --memory completes it from {journal}", quiet)
        return INCOMPLETE
    return 0


def effort_lines(effort: Effort) -> Iterator[str]:
    """Where the work went, for people."""
    yield f"work done by the executor {effort.executor}, {effort.workers} at a time"
    width = max((len(name) for name in [*effort.counts, *effort.seconds]), default=0)
    for name, count in effort.counts.items():
        yield f"  {name:{width}s}  {count:>14,}"
    for name, seconds in effort.seconds.items():
        yield f"  {name:{width}s}  {seconds:>12.3f} s"
    for name, seconds in effort.slowest[:SLOWEST]:
        yield f"  slow stratum {name}: {seconds:.3f} s"


@contextmanager
def _progress(quiet: bool) -> Iterator[Progress]:
    """A bar on standard error, if that is a terminal."""
    from reluspec.engines.protocol import silent

    if quiet or not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description:10s}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, object] = {}

        def report(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=total)
            bars.update(tasks[step], completed=done)  # type: ignore[arg-type]

        yield report
