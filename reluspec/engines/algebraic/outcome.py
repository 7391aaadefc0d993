"""What became of one stratum: plain data that crosses process borders and stays in a journal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reluspec.engines.algebraic.exact.enclosed import field_from_json
from reluspec.engines.algebraic.judging.verdict import Decision, Verdict
from reluspec.engines.algebraic.stationary.charts import Unit
from reluspec.engines.algebraic.stationary.curves import Curve, plain, terms
from reluspec.engines.algebraic.stationary.frames import Orbit
from reluspec.engines.algebraic.stationary.polyhedra import CriticalSet, Vector
from reluspec.engines.algebraic.stationary.rescaled import Rescaled, Rescaling

Json = dict[str, Any]


@dataclass(frozen=True)
class Judged:
    """A critical set and what is proved about it."""

    found: CriticalSet
    decision: Decision


@dataclass(frozen=True)
class StratumOutcome:
    """All critical sets of a stratum; `reason` (not empty) says why there may be more of them.

    `systems` polynomial systems were solved in `seconds`. `left_out`: critical points that are proved not to be minima, by second order,
    may not be among the sets.
    """

    stratum: str
    sets: tuple[Judged, ...]
    reason: str
    systems: int
    seconds: float
    left_out: bool = False

    @property
    def word(self) -> str:
        """The entry of the ledger."""
        if self.undecided:
            return "undecided"
        if not self.sets and not self.left_out:
            return "no_critical_point"
        return "minimal" if self.minimal else "critical"

    @property
    def minimal(self) -> list[Judged]:
        return [judged for judged in self.sets if judged.decision.verdict is Verdict.MINIMUM]

    @property
    def undecided(self) -> str:
        """Why the stratum is not decided; empty if it is."""
        if self.reason:
            return self.reason
        return next((judged.decision.reason for judged in self.sets if judged.decision.verdict is Verdict.UNDECIDED), "")

    def to_json(self) -> Json:
        return {
            "stratum": self.stratum,
            "reason": self.reason,
            "systems": self.systems,
            "seconds": round(self.seconds, 4),
            "sets": [_judged_json(judged) for judged in self.sets],
            **({"left_out": True} if self.left_out else {}),
        }

    @staticmethod
    def from_json(data: Json) -> StratumOutcome:
        sets = tuple(_read_judged(entry) for entry in data["sets"])
        left_out = bool(data.get("left_out", False))
        return StratumOutcome(data["stratum"], sets, data["reason"], data["systems"], data["seconds"], left_out)


def _judged_json(judged: Judged) -> Json:
    found, decision = judged.found, judged.decision
    return {
        **set_json(found),
        "verdict": decision.verdict.name,
        "argument": decision.argument,
        "reason": decision.reason,
    }


def set_json(found: CriticalSet) -> Json:
    """A critical set in exact form: coordinates as polynomials in the field's generator, rational strings, constant first."""
    return {
        "field": found.field.to_json(),
        "living": [[unit.output, list(unit.incoming), sorted(unit.products)] for unit in found.living],
        **({"plain": plain_outputs} if (plain_outputs := [unit.output for unit in found.living if unit.plain]) else {}),
        "sigma": list(found.sigma),
        "witness": _vector(found.witness),
        "directions": [_vector(direction) for direction in found.directions],
        "vertices": [_vector(vertex) for vertex in found.vertices],
        "rays": [_vector(ray) for ray in found.rays],
        "tight": [sorted(names) for names in found.tight],
        "singular": found.singular,
        **({"pairs": [list(pair) for pair in found.pairs]} if found.pairs else {}),
        **({"orbits": [_orbit_json(orbit) for orbit in found.orbits], "base": _vector(found.base)} if found.orbits else {}),
        **({"curve": found.curve.to_json()} if found.curve else {}),
        **({"rescaled": _rescaled_json(found.rescaled)} if found.rescaled else {}),
        **({"cuts": [[name, _vector(row)] for name, row in found.cuts]} if found.cuts else {}),
    }


def _rescaled_json(rescaled: Rescaled) -> Json:
    return {
        "rescalings": [{"exponents": list(one.exponents), "pin": plain(one.pin)} for one in rescaled.rescalings],
        "directions": [_vector(direction) for direction in rescaled.directions],
    }


def _orbit_json(orbit: Orbit) -> Json:
    return {
        "columns": [list(column) for column in orbit.columns],
        "rank": orbit.rank,
        "positive": orbit.positive,
        "pivots": list(orbit.pivots),
    }


def _read_orbit(data: Json) -> Orbit:
    return Orbit(tuple(tuple(column) for column in data["columns"]), data["rank"], data["positive"], tuple(data["pivots"]))


def _vector(vector: Vector) -> list[list[str]]:
    return [entry.to_json() for entry in vector]


def _read_judged(data: Json) -> Judged:
    field = field_from_json(data["field"])

    def vector(entries: Sequence[Sequence[str]]) -> Vector:
        return tuple(field.element_from_json(entry) for entry in entries)

    def rescaled(entry: Json) -> Rescaled:
        moved = (Rescaling(tuple(one["exponents"]), terms(one["pin"])) for one in entry["rescalings"])
        return Rescaled(tuple(moved), tuple(map(vector, entry["directions"])))

    found = CriticalSet(
        field=field,
        living=tuple(
            Unit(output, tuple(incoming), frozenset(products), output in data.get("plain", ()))
            for output, incoming, products in data["living"]
        ),
        sigma=tuple(data["sigma"]),
        witness=vector(data["witness"]),
        directions=tuple(vector(entry) for entry in data["directions"]),
        vertices=tuple(vector(entry) for entry in data["vertices"]),
        rays=tuple(vector(entry) for entry in data["rays"]),
        tight=tuple(frozenset(names) for names in data["tight"]),
        singular=data["singular"],
        pairs=tuple((p, q) for p, q in data.get("pairs", ())),
        orbits=tuple(_read_orbit(entry) for entry in data.get("orbits", ())),
        base=vector(data.get("base", ())),
        curve=Curve.from_json(data["curve"]) if "curve" in data else None,
        rescaled=rescaled(data["rescaled"]) if "rescaled" in data else None,
        cuts=tuple((name, vector(row)) for name, row in data.get("cuts", ())),
    )
    return Judged(found, Decision(Verdict[data["verdict"]], data["argument"], data["reason"]))
