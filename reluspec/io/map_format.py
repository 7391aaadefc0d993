"""`NAME.minima.json`: the minima map as a document, and back (formats.md)."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from reluspec.errors import ArtefactError
from reluspec.io.artefacts import read_json, write_json
from reluspec.io.provenance import problem_from, provenance
from reluspec.minima.minima_map import MinimaMap
from reluspec.minima.records import (
    Ball,
    ChartFamily,
    ChartUnit,
    Component,
    CriticalStratum,
    Effort,
    Family,
    Landscape,
    Piece,
    Tensor,
    Undecided,
)


def map_document(minima: MinimaMap, critical: bool = False) -> dict[str, Any]:
    """The map as JSON-ready data; `critical` adds the strata critical in Clarke's sense."""
    land = minima.landscape
    document = {
        **provenance("minima", minima.problem),
        "engine": land.engine,
        **({"kernel": land.kernel} if land.kernel else {}),
        "engine_reason": minima.engine_reason,
        "summary": _summary(minima),
        "components": [component_document(component) for component in minima.components],
        "undecided": [asdict(entry) for entry in land.undecided],
    }
    if land.effort.executor:
        document["provenance"] = _effort(land.effort)
    if critical:
        document["critical"] = [asdict(stratum) for stratum in land.critical]
    return document


def without_timings(document: dict[str, Any]) -> dict[str, Any]:
    """The document without what differs from run to run: two maps of one problem by one engine are the same but for this."""
    if "provenance" not in document:
        return document
    return {**document, "provenance": {name: value for name, value in document["provenance"].items() if name != "timings"}}


def _effort(effort: Effort) -> dict[str, Any]:
    timings = {
        "executor": effort.executor,
        "workers": effort.workers,
        "seconds": effort.seconds,
        "slowest": [{"stratum": stratum, "seconds": seconds} for stratum, seconds in effort.slowest],
    }
    return {"counts": effort.counts, "timings": timings}


def _read_effort(document: dict[str, Any]) -> Effort:
    timings = document.get("timings", {})
    slowest = tuple((entry["stratum"], entry["seconds"]) for entry in timings.get("slowest", ()))
    return Effort(document["counts"], timings.get("seconds", {}), slowest, timings.get("executor", ""), timings.get("workers", 0))


def _summary(minima: MinimaMap) -> dict[str, Any]:
    land = minima.landscape
    best = minima.global_minimum
    isolated = sum(component.dimension == 0 for component in minima.components)
    summary: dict[str, Any] = {
        "complete": minima.complete,
        "components": len(minima),
        "isolated": isolated,
        "positive_dimensional": len(minima) - isolated,
        "components_with_symmetry": minima.components_with_symmetry,
        "strata": {
            "total": land.total,
            "solved": land.total - land.ledger.get("undecided", 0),
            "undecided": land.ledger.get("undecided", 0),
            "critical": land.ledger.get("critical", 0) + land.ledger.get("minimal", 0),
            "minimal": land.ledger.get("minimal", 0),
        },
        "ledger": dict(land.ledger),
        "index_sum": land.index_sum,
        "global_minimum": {"component": best.id, "loss": asdict(best.loss)} if best else None,
        "global_is_proved": minima.global_is_proved,
    }
    if minima.incomplete_because:
        summary["incomplete_because"] = minima.incomplete_because
    if land.assumes:
        summary["assumes"] = land.assumes
    if land.index_note:
        summary["index_note"] = land.index_note
    return summary


def component_document(component: Component) -> dict[str, Any]:
    """One component as it stands in the map's document."""
    document = {
        "id": component.id,
        "dimension": component.dimension,
        "loss": asdict(component.loss),
        "global": component.is_global,
        "location": component.location,
        "orbit_size": component.orbit_size,
        "closed": component.closed,
        "status": component.status,
        "pieces": [_piece(piece) for piece in component.pieces],
    }
    if component.missing:
        document["missing"] = list(component.missing)
    return document


def _piece(piece: Piece) -> dict[str, Any]:
    document: dict[str, Any] = {
        "stratum": piece.stratum,
        "dimension": piece.dimension,
        "dead_units": piece.dead_units,
        "witness": {name: _tensor(tensor) for name, tensor in piece.witness.items()},
        "certificate": piece.certificate,
    }
    if piece.family is not None:
        document["parametrisation"] = _family(piece.family)
    return document


def _family(family: Family | ChartFamily) -> dict[str, Any]:
    if isinstance(family, ChartFamily):
        return {
            "kind": "chart",
            "vertices": _tensor(family.vertices),
            "rays": _tensor(family.rays),
            "units": [_unit(unit) for unit in family.units],
            **({"pairs": [list(pair) for pair in family.pairs]} if family.pairs else {}),
        }
    return {
        "kind": "polytope",
        "signs": list(family.signs),
        "directions": _tensor(family.directions),
        "vertices": _tensor(family.vertices),
        **({"output_bias": _tensor(family.bias)} if family.bias else {}),
    }


def _tensor(tensor: Tensor) -> Any:
    return asdict(tensor) if isinstance(tensor, Ball) else [_tensor(entry) for entry in tensor]


def write_map(minima: MinimaMap, path: str | Path, critical: bool = False) -> None:
    """Write `NAME.minima.json`. Raises `ArtefactError`."""
    write_json(map_document(minima, critical), Path(path), "minima")


def read_map(path: str | Path) -> MinimaMap:
    """Read a map back, with its problem; the critical strata only if they were written.

    Raises `ArtefactError`, also where the summary contradicts the lists, or `SpecError` if the spec inside does not hold up.
    """
    document = read_json(Path(path), "minima")
    summary = document["summary"]
    landscape = Landscape(
        engine=document["engine"],
        components=tuple(_read_component(entry) for entry in document["components"]),
        critical=tuple(_read_critical(entry) for entry in document.get("critical", ())),
        ledger=summary["ledger"],
        undecided=tuple(Undecided(entry["stratum"], entry["reason"]) for entry in document["undecided"]),
        total=summary["strata"]["total"],
        index_sum=summary["index_sum"],
        assumes=summary.get("assumes", ""),
        index_note=summary.get("index_note", ""),
        kernel=document.get("kernel", ""),
        effort=_read_effort(document["provenance"]) if "provenance" in document else Effort(),
    )
    minima = MinimaMap(problem_from(document, str(path)), landscape, document.get("engine_reason", ""), document["reluspec"])
    for key, value in _summary(minima).items():
        if key not in ("incomplete_because", "index_note", "assumes") and summary[key] != value:
            raise ArtefactError(
                f"{path} contradicts itself: its summary says {key} {summary[key]}, its lists {value}. Make it anew from the spec"
            )
    return minima


def _read_critical(document: dict[str, Any]) -> CriticalStratum:
    return CriticalStratum(
        stratum=document["stratum"],
        dimension=document["dimension"],
        index=document["index"],
        copies=document["copies"],
        loss=Ball(**document["loss"]),
        minimal=document["minimal"],
    )


def _read_component(document: dict[str, Any]) -> Component:
    return Component(
        id=document["id"],
        dimension=document["dimension"],
        loss=Ball(**document["loss"]),
        is_global=document["global"],
        location=document["location"],
        orbit_size=document["orbit_size"],
        closed=document["closed"],
        missing=tuple(document.get("missing", ())),
        pieces=tuple(_read_piece(entry) for entry in document["pieces"]),
        status=document["status"],
    )


def _unit(unit: ChartUnit) -> dict[str, Any]:
    document = asdict(unit) | {"directions": list(unit.directions), "products": list(unit.products)}
    if not unit.plain:
        del document["plain"]
    return document


def _read_piece(document: dict[str, Any]) -> Piece:
    form = document.get("parametrisation")
    family = _read_family(form) if form else None
    witness = {name: _read_tensor(tensor) for name, tensor in document["witness"].items()}
    return Piece(document["stratum"], document["dimension"], document["dead_units"], witness, document["certificate"], family)


def _read_family(form: dict[str, Any]) -> Family | ChartFamily:
    if form["kind"] == "chart":
        units = tuple(
            ChartUnit(one["output"], one["sign"], tuple(one["directions"]), tuple(one["products"]), one.get("plain", False))
            for one in form["units"]
        )
        pairs = tuple(tuple(positions) for positions in form.get("pairs", ()))
        return ChartFamily(_read_tensor(form["vertices"]), _read_tensor(form["rays"]), units, pairs)
    return Family(
        tuple(form["signs"]), _read_tensor(form["directions"]), _read_tensor(form["vertices"]), _read_tensor(form.get("output_bias", []))
    )


def _read_tensor(document: Any) -> Tensor:
    return Ball(**document) if isinstance(document, dict) else tuple(_read_tensor(entry) for entry in document)
