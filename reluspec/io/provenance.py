"""What every artefact says about where it comes from, and the problem read back from that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import factorial, prod
from typing import Any

from reluspec.errors import ArtefactError
from reluspec.language import parse_spec
from reluspec.problem.problem import Problem, Source
from reluspec.systems.exchanges import MAX_EXCHANGES, exchanges
from reluspec.version import __version__

MAX_UNITS = 1_000
"""Most units in all whose exchanges are written as a number: 1000! has 2568 digits."""


def schema_id(name: str) -> str:
    """The `$id` of a schema, named by its artefacts as `$schema`."""
    return f"urn:reluspec:schema:{name}:1"


def provenance(name: str, problem: Problem) -> dict[str, Any]:
    """The head of an artefact of that format: schema, title, source, version, and facts about the problem."""
    source = problem.source
    if source is None:
        raise ArtefactError("a problem built in Python has no spec text, so no artefact can be written; make it with reluspec.parse")
    return {
        "$schema": schema_id(name),
        "format": f"reluspec/{name}",
        "version": 1,
        "reluspec": __version__,
        "title": problem.title,
        "spec": source.text,
        "spec_sha256": source.sha256,
        "overrides": dict(source.overrides),
        "files": dict(source.files),
        "problem": problem_facts(problem),
    }


def problem_facts(problem: Problem) -> dict[str, Any]:
    """Sizes of a problem, whatever engine can take it.

    The pattern count is a string: it has as many bits as there are switches. So is that of exchanges (`2000!`) of very many units; for
    few units it leaves out those that fixed parameters or penalties forbid.
    """
    hidden = problem.network.layers[:-1]
    count = prod(factorial(layer.units) for layer in hidden) if sum(layer.units for layer in hidden) <= MAX_UNITS else None
    if count is not None and count <= MAX_EXCHANGES:
        count = len(exchanges(problem))
    return {
        "data_points": len(problem.data),
        "inputs": problem.network.inputs,
        "outputs": problem.network.outputs,
        "units": [layer.units for layer in hidden],
        "parameters": [str(parameter) for parameter in problem.parameters],
        "switches": problem.switch_count,
        "patterns_on_paper": str(1 << problem.switch_count) if problem.switch_count <= 10_000 else f"2^{problem.switch_count}",
        "unit_exchanges": count or " * ".join(f"{layer.units}!" for layer in hidden),
    }


def problem_from(document: Mapping[str, Any], where: str, overrides: Mapping[str, str] | None = None) -> Problem:
    """The problem that an artefact's own text states, with its constants or with `overrides` in their place.

    Raises `ArtefactError` when the text does not match its checksum, `SpecError` when it does not hold up.
    """
    if Source(document["spec"], where).sha256 != document["spec_sha256"]:
        raise ArtefactError(
            f"{where}: the spec does not match its checksum spec_sha256; the file was changed by hand. Make it anew from the spec"
        )
    constants = {**document.get("overrides", {}), **(overrides or {})}
    problem = parse_spec(document["spec"], name=f"{where} (spec)", overrides=constants, files=document.get("files", {}))
    return replace(problem, title=document["title"])
