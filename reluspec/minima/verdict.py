"""What a map proves, in words: the same on the page, in notebooks and wherever a sentence is wanted."""

from __future__ import annotations

from reluspec.minima.minima_map import MinimaMap


def headline(minima: MinimaMap) -> str:
    """One sentence: complete or not, and how many components."""
    count, copies = len(minima), minima.components_with_symmetry
    listed = f"{count:,} {'component' if count == 1 else 'components'} of local minima"
    exchanged = f" ({copies:,} with exchange of units)" if copies != count else ""
    if minima.complete:
        return f"Proved: the loss has {listed}{exchanged}, and no others."
    if not count:
        return "Not complete: no local minimum is proved, and some may be missing."
    return f"Not complete: {listed}{exchanged} {'is' if count == 1 else 'are'} proved, but others may be missing."


def evidence(minima: MinimaMap) -> str:
    """What the headline rests on: the ledger of strata, the audit by indices, assumptions."""
    land = minima.landscape
    if not minima.complete:
        least = " The least loss listed need not be the global minimum." if minima.components else ""
        return f"{_capital(minima.incomplete_because)}.{least}"
    decided = f"Each of the {land.total:,} strata (up to exchange of units) is decided"
    audit = (
        f"; as an independent audit, the indices of all critical strata add up to {land.index_sum}" if land.index_sum is not None else ""
    )
    assumed = f" Assuming that {land.assumes}." if land.assumes else ""
    return f"{decided}{audit}.{assumed}"


def facts(minima: MinimaMap) -> list[tuple[str, str]]:
    """Name and value of what else stands on top: the problem, the minima by kind, the engine."""
    problem, land = minima.problem, minima.landscape
    sizes = [problem.network.inputs, *(layer.units for layer in problem.network.layers)]
    isolated = sum(component.dimension == 0 for component in minima)
    interior = sum(component.location == "interior" for component in minima)
    by_dimension = f"{isolated:,} isolated, {len(minima) - isolated:,} of positive dimension"
    by_location = f"{interior:,} interior, {len(minima) - interior:,} on kinks"
    rows = [
        ("Network", f"{'-'.join(map(str, sizes))}, {len(problem.parameters)} parameters"),
        ("Data", f"{len(problem.data):,} points"),
        ("Objective", " + ".join([str(problem.loss), *map(str, problem.regulariser)])),
        ("Minima", f"{by_dimension}; {by_location}"),
        (
            "Strata",
            f"{land.total:,}: {land.ledger.get('minimal', 0):,} with minima, {land.ledger.get('critical', 0):,} with other critical points",
        ),
    ]
    if minima.global_minimum is not None:
        name = "Global minimum" if minima.global_is_proved else "Least loss of all minima" if minima.complete else "Least loss found"
        rows.append((name, str(minima.global_minimum.loss)))
    return [*rows, ("Engine", f"{land.engine}, reluspec {minima.reluspec_version}")]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
