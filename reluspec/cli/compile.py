"""`reluspec compile`: parse, check, build the region graph, say which engine will solve the problem."""

from __future__ import annotations

from reluspec.cli.options import (
    AsJson,
    EngineName,
    Output,
    Quiet,
    Sets,
    Spec,
    Verbose,
    artefact_path,
    check_output,
    note,
    overrides,
    print_json,
)


def compile(
    spec: Spec,
    output: Output = None,
    engine: EngineName = None,
    set_: Sets = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
    as_json: AsJson = False,
) -> None:
    """Check a spec and describe it: regions, symmetries, engine. Writes NAME.regions.json."""
    from reluspec import pipeline
    from reluspec.io.regions_format import regions_document, summary, write_regions

    path = output or artefact_path(spec, ".regions.json")
    check_output(path, spec, given=output is not None)
    problem = pipeline.load(spec, overrides(set_))
    compiled = pipeline.compile_problem(problem, engine)
    write_regions(compiled, path)
    if as_json:
        print_json(regions_document(compiled))
    elif not quiet:
        print(summary(compiled))
        note(f"wrote {path}")
    if verbose:
        for parameter in problem.parameters:
            note(f"parameter {parameter}")
