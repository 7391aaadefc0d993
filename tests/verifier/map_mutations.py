"""Single changes to true maps, each of which makes at least one claim false: what `verify` has to catch.

A *repaired* change is one whose author has also put right all that the document says of itself – counts, ids, the ledger's sum, the
checksum – so that only mathematics can tell.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from decimal import Decimal
from hashlib import sha256
from typing import Any

Document = dict[str, Any]
Mutation = tuple[str, Document]


def mutations(document: Document) -> Iterator[Mutation]:
    """All changes, by name, each on a copy of its own."""
    for make in (_whole, _ledgers, _components, _numbers, _families, _charts, _ends, _critical):
        for name, change in make(document):
            changed = copy.deepcopy(document)
            change(changed)
            yield name, changed


Change = tuple[str, Callable[[Document], object]]


def _whole(document: Document) -> Iterator[Change]:
    spec = document["spec"]
    yield "spec: a comment, the old checksum", lambda d: d.update(spec=spec + "# more\n")
    yield "checksum", lambda d: d.update(spec_sha256="0" * 64)
    yield "title", lambda d: d.update(title=d["title"] + "!")
    yield "spec: another y, repaired", lambda d: _respelled(d, _first_y_changed(spec))
    if set("+-") & set("".join(piece["stratum"] for entry in document["components"] for piece in entry["pieces"])):
        # Where only the dead network is a minimum the map is as true for many penalties.
        yield "spec: another penalty, repaired", lambda d: _respelled(d, spec.replace("ridge(", "ridge(11/10*", 1))
    yield "an override of an unknown constant", lambda d: d.update(overrides={"unheard_of": "1"})
    for key in ("data_points", "inputs", "switches", "unit_exchanges"):
        yield f"problem.{key}", lambda d, key=key: d["problem"].update({key: d["problem"][key] + 1})
    yield "problem.patterns_on_paper", lambda d: d["problem"].update(patterns_on_paper=str(int(d["problem"]["patterns_on_paper"]) * 2))
    yield "problem.units", lambda d: d["problem"].update(units=[d["problem"]["units"][0] + 1, *d["problem"]["units"][1:]])
    yield "problem.parameters", lambda d: d["problem"]["parameters"].reverse()
    for key in ("components", "isolated", "positive_dimensional", "components_with_symmetry"):
        yield f"summary.{key}", lambda d, key=key: d["summary"].update({key: d["summary"][key] + 1})
    yield "summary.complete", lambda d: d["summary"].update(complete=not d["summary"]["complete"])
    yield "summary.global_minimum.component", lambda d: d["summary"]["global_minimum"].update(component=1)
    yield "summary.global_minimum.loss", lambda d: d["summary"]["global_minimum"].update(loss=_moved(d["components"][0]["loss"]))
    if document["summary"]["index_sum"] is not None:
        yield "summary.index_sum", lambda d: d["summary"].update(index_sum=2)
        yield "summary.index_sum withdrawn", lambda d: d["summary"].update(index_sum=None)
    yield "undecided: an entry", lambda d: d["undecided"].append({"stratum": d["components"][0]["pieces"][0]["stratum"], "reason": "?"})


def _ledgers(document: Document) -> Iterator[Change]:
    for key in document["summary"]["ledger"]:
        yield f"ledger.{key} + 1", lambda d, key=key: d["summary"]["ledger"].update({key: d["summary"]["ledger"][key] + 1})
    for key in document["summary"]["strata"]:
        yield f"strata.{key} + 1", lambda d, key=key: d["summary"]["strata"].update({key: d["summary"]["strata"][key] + 1})
    spare = next(key for key in document["summary"]["ledger"] if key not in ("minimal", "critical", "undecided"))

    def minimal(d: Document) -> None:
        ledger, strata = d["summary"]["ledger"], d["summary"]["strata"]
        ledger["minimal"] += 1
        ledger[spare] -= 1
        strata["minimal"] += 1
        strata["critical"] += 1

    yield "ledger: a stratum more has minima, repaired", minimal

    def total(d: Document) -> None:
        d["summary"]["ledger"][spare] += 1
        d["summary"]["strata"]["total"] += 1
        d["summary"]["strata"]["solved"] += 1

    yield "strata: one more of them, repaired", total


def _components(document: Document) -> Iterator[Change]:
    for k, entry in enumerate(document["components"]):
        yield f"component {k} dropped", lambda d, k=k: d["components"].pop(k)
        yield f"component {k} dropped, repaired", lambda d, k=k: (d["components"].pop(k), repair(d))
        yield (
            f"component {k} twice, repaired",
            lambda d, k=k: (d["components"].insert(k, copy.deepcopy(d["components"][k])), repair(d)),
        )
        yield (
            f"component {k} shifted copy, repaired",
            lambda d, k=k: (d["components"].insert(k + 1, _shifted(d["components"][k])), repair(d)),
        )
        yield f"component {k} loss in the 10th digit", lambda d, k=k: _set_loss(d, k, _moved(d["components"][k]["loss"]))
        yield f"component {k} dimension", lambda d, k=k: d["components"][k].update(dimension=d["components"][k]["dimension"] + 1)
        yield f"component {k} dimension of all pieces, repaired", lambda d, k=k: _thicker(d, k)
        yield (
            f"component {k} orbit, repaired",
            lambda d, k=k: (d["components"][k].update(orbit_size=d["components"][k]["orbit_size"] + 1), repair(d)),
        )
        yield f"component {k} closed", lambda d, k=k: d["components"][k].update(closed=not d["components"][k]["closed"])
        yield f"component {k} location", lambda d, k=k: d["components"][k].update(location=_other(d["components"][k]["location"]))
        yield f"component {k} global", lambda d, k=k: d["components"][k].update({"global": not d["components"][k]["global"]})
        yield f"component {k} id", lambda d, k=k: d["components"][k].update(id=k + 1)
        if not entry["closed"]:
            yield (
                f"component {k} closed and no missing ends",
                lambda d, k=k: (d["components"][k].update(closed=True), d["components"][k].pop("missing")),
            )
        first = entry["pieces"][0]["stratum"]
        for place in {0, len(first) - 1} if first else ():
            yield f"component {k} sign {place}", lambda d, k=k, place=place: _flip(d["components"][k]["pieces"][0], place)
        for j in range(len(entry["pieces"])):
            yield f"component {k} piece {j} dead units", lambda d, k=k, j=j: _more(d["components"][k]["pieces"][j], "dead_units")
            if len(entry["pieces"]) > 1:
                yield f"component {k} piece {j} dropped", lambda d, k=k, j=j: d["components"][k]["pieces"].pop(j)
        yield (
            f"component {k} a piece twice",
            lambda d, k=k: d["components"][k]["pieces"].append(copy.deepcopy(d["components"][k]["pieces"][0])),
        )
        losses = [float(other["loss"]["value"]) for other in document["components"]]
        if k and losses[k] > losses[k - 1]:
            yield f"components {k - 1} and {k} in the wrong order, repaired", lambda d, k=k: _swapped(d, k)


def _numbers(document: Document) -> Iterator[Change]:
    for k, entry in enumerate(document["components"]):
        for j, piece in enumerate(entry["pieces"]):
            along = iter(_along_rays(piece))
            for name, tensor in piece["witness"].items():
                for place, _ in enumerate(_leaves(tensor)):
                    if next(along):
                        continue  # the point that it moves to is one of the family, too

                    def shift(d: Document, k: int = k, j: int = j, name: str = name, place: int = place) -> None:
                        leaf = list(_leaves(d["components"][k]["pieces"][j]["witness"][name]))[place]
                        leaf.update(_moved(leaf))

                    yield f"component {k} piece {j} {name} {place} in the 10th digit", shift
        if float(entry["loss"]["radius"]) > 1e-36 and Decimal(entry["loss"]["value"]) != round(Decimal(entry["loss"]["value"]), 20):
            yield f"component {k} loss without radius", lambda d, k=k: _set_loss(d, k, {**d["components"][k]["loss"], "radius": "1e-60"})
        certificate = entry["pieces"][0]["certificate"]
        if "dead_unit_is_minimal" in certificate:
            yield (
                f"component {k} evidence on dead units",
                lambda d, k=k: _not(d["components"][k]["pieces"][0]["certificate"], "dead_unit_is_minimal"),
            )
            yield (
                f"component {k} evidence: residual",
                lambda d, k=k: _move_first(d["components"][k]["pieces"][0]["certificate"]["weighted_residual"]),
            )
            if any(certificate["slopes"].values()):
                yield f"component {k} evidence: a slope", lambda d, k=k: _turn(d["components"][k]["pieces"][0]["certificate"]["slopes"])


def _along_rays(piece: dict[str, Any]) -> list[bool]:
    """For every number of a witness whether a ray of its family moves it."""
    count = sum(1 for tensor in piece["witness"].values() for _ in _leaves(tensor))
    rays = piece.get("parametrisation", {}).get("rays", [])
    return [any(Decimal(ray[k]["value"]) for ray in rays) for k in range(count)]


def _families(document: Document) -> Iterator[Change]:
    for k, entry in enumerate(document["components"]):
        for j, piece in enumerate(entry["pieces"]):
            if "parametrisation" not in piece or piece["parametrisation"]["kind"] != "polytope":
                continue

            def form(d: Document, k: int = k, j: int = j) -> Any:
                return d["components"][k]["pieces"][j]["parametrisation"]

            for place in range(len(list(_leaves(piece["parametrisation"]["vertices"])))):
                yield (
                    f"component {k} piece {j} vertex entry {place}",
                    lambda d, form=form, place=place: _move_leaf(form(d)["vertices"], place),
                )
            for place in range(len(list(_leaves(piece["parametrisation"]["directions"])))):
                yield (
                    f"component {k} piece {j} direction entry {place}",
                    lambda d, form=form, place=place: _move_leaf(form(d)["directions"], place),
                )
            yield f"component {k} piece {j} a vertex dropped", lambda d, form=form: form(d)["vertices"].pop()
            yield f"component {k} piece {j} a vertex twice", lambda d, form=form: form(d)["vertices"].append(form(d)["vertices"][0])
            yield f"component {k} piece {j} a sign", lambda d, form=form: form(d)["signs"].__setitem__(0, -form(d)["signs"][0] or 1)
            yield (
                f"component {k} piece {j} no parametrisation",
                lambda d, k=k, j=j: d["components"][k]["pieces"][j].pop("parametrisation"),
            )


def _charts(document: Document) -> Iterator[Change]:
    """Parametrisations outside the convex setting."""
    for k, entry in enumerate(document["components"]):
        for j, piece in enumerate(entry["pieces"]):
            form = piece.get("parametrisation")
            if form is None or form["kind"] != "chart":
                continue

            def own(d: Document, k: int = k, j: int = j) -> Any:
                return d["components"][k]["pieces"][j]["parametrisation"]

            where = f"component {k} piece {j} chart"
            for place in range(len(list(_leaves(form["vertices"])))):
                yield f"{where}: vertex entry {place}", lambda d, own=own, place=place: _move_leaf(own(d)["vertices"], place)
            yield f"{where}: a vertex dropped", lambda d, own=own: own(d)["vertices"].pop()
            yield f"{where}: a vertex twice", lambda d, own=own: own(d)["vertices"].append(copy.deepcopy(own(d)["vertices"][0]))
            for place, leaf in enumerate(_leaves(form["rays"])):
                change = _negate_leaf if Decimal(leaf["value"]) else _move_leaf
                yield f"{where}: ray entry {place}", lambda d, own=own, place=place, change=change: change(own(d)["rays"], place)
            if form["rays"]:
                yield f"{where}: a ray dropped", lambda d, own=own: own(d)["rays"].pop()
            yield f"{where}: a ray more", lambda d, own=own: own(d)["rays"].append(copy.deepcopy(own(d)["vertices"][0]))
            for u in range(len(form["units"])):
                yield f"{where}: unit {u} sign", lambda d, own=own, u=u: own(d)["units"][u].update(sign=-own(d)["units"][u]["sign"])
                yield f"{where}: unit {u} dropped", lambda d, own=own, u=u: own(d)["units"].pop(u)
                for key in ("directions", "products"):
                    if form["units"][u][key]:
                        yield f"{where}: unit {u} {key} dropped", lambda d, own=own, u=u, key=key: own(d)["units"][u][key].pop(0)
            if form.get("pairs"):
                yield f"{where}: no pairs", lambda d, own=own: own(d).pop("pairs")
                yield f"{where}: pairs crossed", lambda d, own=own: _crossed(own(d)["pairs"])
                yield f"{where}: a pair dropped", lambda d, own=own: own(d)["pairs"].pop(0)
                if len(form["vertices"]) == 1:
                    yield f"{where}: a pair turned", lambda d, own=own: own(d)["pairs"][0].reverse()


def _ends(document: Document) -> Iterator[Change]:
    """Changes to what the components' entries say of their pieces and ends, consistent with themselves."""
    for k, entry in enumerate(document["components"]):
        others = [other["pieces"][0] for j, other in enumerate(document["components"]) if j != k]
        if others:
            yield (
                f"component {k} with a piece of another, repaired",
                lambda d, k=k, piece=others[0]: (d["components"][k]["pieces"].append(copy.deepcopy(piece)), _dimension(d, k), repair(d)),
            )
        if len(entry["pieces"]) > 1:
            for j in range(len(entry["pieces"])):
                yield (
                    f"component {k} piece {j} dropped, repaired",
                    lambda d, k=k, j=j: (d["components"][k]["pieces"].pop(j), _dimension(d, k), repair(d)),
                )
            yield f"component {k} split in two, repaired", lambda d, k=k: _split(d, k)
        for name in entry.get("missing", []):
            other = ("-" if name[0] == "+" else "+") + name[1:]
            yield f"component {k} missing {name}: {other}", lambda d, k=k, other=other: d["components"][k].update(missing=[other])
        if entry["closed"] and entry["dimension"]:
            end = entry["pieces"][-1]["stratum"]
            yield f"component {k} open, with missing ends", lambda d, k=k, end=end: d["components"][k].update(closed=False, missing=[end])


def _dimension(document: Document, k: int) -> None:
    document["components"][k]["dimension"] = max(piece["dimension"] for piece in document["components"][k]["pieces"])


def _split(document: Document, k: int) -> None:
    """The last piece becomes a component of its own."""
    other = copy.deepcopy(document["components"][k])
    other["pieces"] = [document["components"][k]["pieces"].pop()]
    document["components"].insert(k + 1, other)
    _dimension(document, k)
    _dimension(document, k + 1)
    repair(document)


def _crossed(pairs: list[list[int]]) -> None:
    pairs[0][0], pairs[-1][0] = pairs[-1][0], pairs[0][0]


def _negate_leaf(tensor: Any, place: int) -> None:
    leaf = list(_leaves(tensor))[place]
    leaf["value"] = f"{-Decimal(leaf['value']):f}"


def _critical(document: Document) -> Iterator[Change]:
    for k, entry in enumerate(document.get("critical", [])):
        for key in ("index", "copies", "dimension"):
            yield f"critical {k} {key}", lambda d, k=k, key=key: _more(d["critical"][k], key)
        yield f"critical {k} minimal", lambda d, k=k: _not(d["critical"][k], "minimal")
        yield f"critical {k} loss", lambda d, k=k: d["critical"][k].update(loss=_moved(d["critical"][k]["loss"]))
        yield f"critical {k} dropped", lambda d, k=k: d["critical"].pop(k)
        if not entry["minimal"]:
            yield f"critical {k} listed as a minimum, repaired", lambda d, k=k: _saddle(d, d["critical"][k])


def repair(document: Document) -> None:
    """Make a document consistent with itself again: ids, counts, the global minimum, the ledger."""
    entries, summary = document["components"], document["summary"]
    for k, entry in enumerate(entries):
        entry["id"] = k
    flat = sum(entry["dimension"] == 0 for entry in entries)
    summary.update(components=len(entries), isolated=flat, positive_dimensional=len(entries) - flat)
    summary["components_with_symmetry"] = sum(entry["orbit_size"] for entry in entries)
    summary["global_minimum"] = {"component": 0, "loss": entries[0]["loss"]} if entries else None
    if entries and not any(entry["global"] for entry in entries):
        entries[0]["global"] = True
    ledger, strata = summary["ledger"], summary["strata"]
    minimal = len({piece["stratum"] for entry in entries for piece in entry["pieces"]})
    ledger["critical"] += ledger["minimal"] - minimal
    ledger["minimal"] = strata["minimal"] = minimal


def _respelled(document: Document, spec: str) -> None:
    document.update(spec=spec, spec_sha256=sha256(spec.encode()).hexdigest())


def _first_y_changed(spec: str) -> str:
    head, _, tail = spec.partition("y = [")
    bracket = "(" if tail.startswith("(") else ""
    return f"{head}y = [{bracket}1/7 + {tail.removeprefix('(')}"


def _moved(ball: dict[str, str]) -> dict[str, str]:
    """The value moved in its 10th digit, or by 1e-10 if its ball holds zero; the radius kept."""
    value = Decimal(ball["value"])
    step = Decimal(1).scaleb(-10 if abs(value) <= Decimal(ball["radius"]) else value.adjusted() - 9)
    return {**ball, "value": f"{value + step:f}"}


def _set_loss(document: Document, k: int, loss: dict[str, str]) -> None:
    document["components"][k]["loss"] = loss
    if k == 0:
        document["summary"]["global_minimum"]["loss"] = loss


def _leaves(tensor: Any) -> Iterator[dict[str, str]]:
    if isinstance(tensor, dict):
        yield tensor
    else:
        for entry in tensor:
            yield from _leaves(entry)


def _move_leaf(tensor: Any, place: int) -> None:
    leaf = list(_leaves(tensor))[place]
    leaf.update(_moved(leaf))


def _move_first(tensor: Any) -> None:
    _move_leaf(tensor, 0)


def _shifted(entry: dict[str, Any]) -> dict[str, Any]:
    """A minimum that is not there: every number a little larger."""
    other = copy.deepcopy(entry)
    for piece in other["pieces"]:
        for tensor in piece["witness"].values():
            for leaf in _leaves(tensor):
                leaf["value"] = f"{Decimal(leaf['value']) * Decimal('1.001'):f}"
    other["loss"]["value"] = f"{Decimal(other['loss']['value']) * Decimal('1.0001'):f}"
    other["global"] = False
    return other


def _saddle(document: Document, critical: dict[str, Any]) -> None:
    other = copy.deepcopy(document["components"][-1])
    other.update(loss=critical["loss"], dimension=critical["dimension"], orbit_size=critical["copies"])
    other["pieces"] = other["pieces"][:1]
    other["pieces"][0].update(stratum=critical["stratum"], dimension=critical["dimension"])
    other["global"] = False
    place = sum(Decimal(entry["loss"]["value"]) <= Decimal(critical["loss"]["value"]) for entry in document["components"])
    document["components"].insert(place, other)
    repair(document)


def _thicker(document: Document, k: int) -> None:
    entry = document["components"][k]
    entry["dimension"] += 1
    for piece in entry["pieces"]:
        piece["dimension"] += 1
    repair(document)


def _swapped(document: Document, k: int) -> None:
    entries = document["components"]
    entries[k - 1], entries[k] = entries[k], entries[k - 1]
    repair(document)


def _flip(piece: dict[str, Any], place: int) -> None:
    name = piece["stratum"]
    piece["stratum"] = name[:place] + {"+": "-", "-": "+", "0": "+"}[name[place]] + name[place + 1 :]


def _other(location: str) -> str:
    return "boundary" if location == "interior" else "interior"


def _more(entry: dict[str, Any], key: str) -> None:
    entry[key] += 1


def _not(entry: dict[str, Any], key: str) -> None:
    entry[key] = not entry[key]


def _turn(slopes: dict[str, dict[str, int]]) -> None:
    face = next(name for name, covers in slopes.items() if covers)
    cover = next(iter(slopes[face]))
    slopes[face][cover] = -1 if slopes[face][cover] else 1
