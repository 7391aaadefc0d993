"""What must follow from the list of components alone: they are distinct, in order, and as many strata as the ledger says have minima."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from reluspec.verifier.balls import claimed
from reluspec.verifier.document import exchanges
from reluspec.verifier.general.context import Context, moved
from reluspec.verifier.general.equal_losses import same_loss
from reluspec.verifier.raw import at


def check_distinct(context: Context) -> None:
    """Two listed points must not be one, nor images of one under exchange; nor may a witness stand in two components."""
    seen: list[tuple[int, Any]] = []
    for entry in context.document["components"]:
        witnesses = [piece["witness"] for piece in entry["pieces"]]
        twin = next((number for number, other in seen if other in witnesses), None)
        if twin is not None:
            context.report.refute("components", f"component {entry['id']}", f"it has a witness of component {twin}")
        seen.extend((entry["id"], witness) for witness in witnesses)
    items = list(context.roots.items())
    for k, (first, (root, _)) in enumerate(items):
        for second, (other, _) in items[k + 1 :]:
            if not at(root.surrogate.loss, root.theta).overlaps(at(other.surrogate.loss, other.theta)):
                continue
            images = [moved(context.problem, other.theta, image) for image in exchanges(context.problem)]
            if any(all(a.overlaps(b) for a, b in zip(root.theta, image, strict=True)) for image in images):
                context.report.refute("components", f"component {second}", f"it is component {first} once more")


def _equal(context: Context, first: int, second: int) -> bool:
    """Whether two components are proved to have the same loss."""
    roots = context.roots | context.curves
    return first in roots and second in roots and same_loss(context.problem, roots[first], roots[second])


def check_consistent(context: Context) -> None:
    """What must follow from the list alone: order, global flags, the number of strata with minima."""
    report, entries = context.report, context.document["components"]
    intervals = [claimed(entry["loss"]) for entry in entries]
    for k, ((low, _), (_, high)) in enumerate(pairwise(intervals)):
        report.check(high >= low, "order", f"components {k} and {k + 1}", "losses ascend", "losses do not ascend")
    for entry, (low, high) in zip(entries, intervals, strict=True):
        subject = f"component {entry['id']}"
        if any(other_high < low for _, other_high in intervals):
            report.check(
                not entry["global"], "global minimum", subject, "another minimum is lower", "another minimum is lower: it is not global"
            )
        elif not context.document["undecided"] and all(
            low_other > high or _equal(context, entry["id"], k) for k, (low_other, _) in enumerate(intervals) if k != entry["id"]
        ):
            report.check(
                entry["global"],
                "global minimum",
                subject,
                "the lowest of the list, as far as the list is complete",
                "it is the lowest one of the list",
            )
        else:
            report.leave("global minimum", subject, "another loss may be equal")
    names = {piece["stratum"] for entry in entries for piece in entry["pieces"]}
    said = context.document["summary"]["ledger"].get("minimal", 0)
    report.check(
        said == len(names), "ledger", "minimal", "the strata listed under components", f"{said} is not {len(names)}, the listed ones"
    )
