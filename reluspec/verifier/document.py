"""What a map says of itself: the spec and its checksum, the problem's sizes, and a summary that must follow from the lists."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from itertools import permutations, product
from math import factorial, prod
from pathlib import Path
from typing import Any

from reluspec.errors import ReluspecError
from reluspec.language import parse_spec
from reluspec.problem.expression import Expression, Sum, Variable, evaluate, sign, substitute
from reluspec.problem.problem import Problem, Source
from reluspec.verifier.claims import Report

KIND = "document"
MAX_PERMUTATIONS = 5_040


def read_problem(document: Mapping[str, Any], path: str, report: Report) -> Problem | None:
    """The problem of the spec text in the map; `None` where the text cannot be what was solved."""
    text = document["spec"]
    same = Source(text, path).sha256 == document["spec_sha256"]
    if not report.check(same, KIND, "spec_sha256", "the checksum is the spec's", "the spec text does not have this checksum"):
        return None
    try:
        problem = parse_spec(
            text, name="<spec>", overrides=document.get("overrides", {}), files=document.get("files", {}), directory=Path("(the map)")
        )
    except ReluspecError as error:
        report.refute(KIND, "spec", f"the spec does not hold up: {str(error).splitlines()[0]}")
        return None
    if problem.title != "untitled":
        report.check(problem.title == document["title"], KIND, "title", "the title is the spec's", f"the spec's title is {problem.title!r}")
    _sizes(problem, document["problem"], report)
    return problem


def _sizes(problem: Problem, facts: Mapping[str, Any], report: Report) -> None:
    layers = problem.network.layers
    expected = {
        "data_points": len(problem.data.x),
        "inputs": problem.network.inputs,
        "outputs": problem.network.outputs,
        "units": [layer.units for layer in layers[:-1]],
        "parameters": [str(parameter) for parameter in problem.parameters],
        "switches": problem.switch_count,
        "patterns_on_paper": str(2**problem.switch_count) if problem.switch_count <= 10_000 else f"2^{problem.switch_count}",
    }
    for key, value in expected.items():
        if key in facts:
            report.check(
                facts[key] == value,
                KIND,
                f"problem.{key}",
                "the problem's sizes are the spec's",
                f"{_short(facts[key])} is not {_short(value)}",
            )
    count = exchange_count(problem)
    if count is None or not isinstance(facts["unit_exchanges"], int):
        report.leave(KIND, "problem.unit_exchanges", "there are too many units to try their permutations")
    else:
        reason = f"{facts['unit_exchanges']} is not {count}"
        report.check(facts["unit_exchanges"] == count, KIND, "problem.unit_exchanges", "the problem's sizes are the spec's", reason)


def exchange_count(problem: Problem) -> int | None:
    """How many permutations of hidden units leave the loss the same function; `None` past the limit."""
    sizes = [layer.units for layer in problem.network.layers[:-1]]
    if any(size > 8 for size in sizes) or prod(factorial(size) for size in sizes) > MAX_PERMUTATIONS:
        return None
    return len(exchanges(problem))


def exchanges(problem: Problem) -> list[dict[Variable, Variable]]:
    """The permutations of hidden units that leave the loss as it is, as maps of all parameters: variable -> where its value goes."""
    sizes = [layer.units for layer in problem.network.layers[:-1]]
    found = []
    for moves in product(*(permutations(range(size)) for size in sizes)):
        image = _image(problem, (tuple(range(problem.network.inputs)), *moves, tuple(range(problem.network.outputs))))
        if _keeps_constants(problem, image) and _keeps_penalties(problem, image):
            found.append(image)
    return found


def _image(problem: Problem, moves: tuple[tuple[int, ...], ...]) -> dict[Variable, Variable]:
    found = {}
    for position, layer in enumerate(problem.network.layers):
        before, own = moves[position], moves[position + 1]
        for unit in range(layer.units):
            for k in range(problem.network.fan_in(position)):
                found[Variable(f"{layer.name}.weight", (unit, k))] = Variable(f"{layer.name}.weight", (own[unit], before[k]))
            found[Variable(f"{layer.name}.bias", (unit,))] = Variable(f"{layer.name}.bias", (own[unit],))
    return found


def _keeps_constants(problem: Problem, image: Mapping[Variable, Variable]) -> bool:
    constants = problem.constants()
    return all(constants.get(image[variable]) == value for variable, value in constants.items())


def _keeps_penalties(problem: Problem, image: Mapping[Variable, Variable]) -> bool:
    """The same terms in another order; or, where that is not seen, the same values at many points (a difference at one is a proof)."""
    if same_terms(problem, image):
        return True
    constants = problem.constants()
    for seed in range(1, 8):
        values = {variable: Fraction((seed * 7919 * (k + 3)) % 1009 - 504, 97) for k, variable in enumerate(problem.parameters)} | constants
        other = {variable: values[image[variable]] for variable in values}
        here, there = (
            sum((evaluate(p.expression, at, sign, Fraction) for p in problem.regulariser), Fraction(0)) for at in (values, other)
        )
        if here != there:
            return False
    return True


def same_terms(problem: Problem, image: Mapping[Variable, Variable]) -> bool:
    """Whether the penalties after an exchange are the same terms in another order, as they are written."""
    before = sorted(str(term) for penalty in problem.regulariser for term in _terms(penalty.expression))
    moved = {variable: other for variable, other in image.items() if variable != other}
    after = sorted(str(term) for penalty in problem.regulariser for term in _terms(substitute(penalty.expression, dict(moved))))
    return before == after


def _terms(expression: Expression) -> list[Expression]:
    return [part for term in expression.terms for part in _terms(term)] if isinstance(expression, Sum) else [expression]


def check_summary(document: Mapping[str, Any], report: Report) -> None:
    """The counts against the lists, the ledger against its total, the order of the components."""
    summary, components, undecided = document["summary"], document["components"], document["undecided"]
    strata, ledger = summary["strata"], summary["ledger"]
    isolated = sum(component["dimension"] == 0 for component in components)
    complete = not undecided and sum(ledger.values()) == strata["total"] and summary["index_sum"] in (1, None)
    best = components[0] if components else None
    expected = {
        "components": (summary["components"], len(components)),
        "isolated": (summary["isolated"], isolated),
        "positive_dimensional": (summary["positive_dimensional"], len(components) - isolated),
        "components_with_symmetry": (summary["components_with_symmetry"], sum(component["orbit_size"] for component in components)),
        "strata.total": (strata["total"], sum(ledger.values())),
        "strata.undecided": (strata["undecided"], len(undecided)),
        "ledger.undecided": (ledger.get("undecided", 0), len(undecided)),
        "strata.solved": (strata["solved"], strata["total"] - strata["undecided"]),
        "strata.critical": (strata["critical"], ledger.get("critical", 0) + ledger.get("minimal", 0)),
        "strata.minimal": (strata["minimal"], ledger.get("minimal", 0)),
        "complete": (summary["complete"], complete),
        "incomplete_because": ("incomplete_because" in summary, not complete),
        "index_note": (bool(summary.get("index_note")), summary["index_sum"] is None),
        "global_minimum": (summary["global_minimum"], {"component": best["id"], "loss": best["loss"]} if best else None),
        "ids": ([component["id"] for component in components], list(range(len(components)))),
        "critical": (len(document["critical"]) if "critical" in document else 0, _listed_critical(document)),
    }
    for key, (said, found) in expected.items():
        report.check(
            said == found, "summary", key, "it follows from the lists and the ledger", f"it says {_short(said)}, the lists {_short(found)}"
        )
    for component in components:
        subject = f"component {component['id']}"
        alike = [piece for k, piece in enumerate(component["pieces"]) if piece in component["pieces"][:k]]
        report.check(not alike, "summary", subject, "no piece is listed twice", "a piece is listed twice")
        largest = max(piece["dimension"] for piece in component["pieces"])
        report.check(
            component["dimension"] == largest,
            "summary",
            subject,
            "its dimension is its largest piece's",
            f"it says {component['dimension']}, its pieces {largest}",
        )
        report.check(
            component["closed"] is not bool(component.get("missing")),
            "summary",
            subject,
            "closed unless ends are missing",
            "`closed` contradicts `missing`",
        )


def _listed_critical(document: Mapping[str, Any]) -> int:
    """How many critical strata the list must have: none without one, and engines that do not audit leave it empty."""
    if "critical" not in document or (document["engine"] != "convex" and not document["critical"]):
        return 0
    ledger = document["summary"]["ledger"]
    return int(ledger.get("critical", 0) + ledger.get("minimal", 0))


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
