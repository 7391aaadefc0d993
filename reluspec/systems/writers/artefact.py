"""Systems as JSON, checked against `reluspec/schemas/system.schema.json`."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from flint import fmpq_mpoly

from reluspec.errors import ArtefactError
from reluspec.problem.expression import Variable
from reluspec.systems.surrogate import fraction
from reluspec.systems.system import PolynomialSystem
from reluspec.systems.writers.names import underscored
from reluspec.systems.writers.render import polynomial_text

SCHEMA = "urn:reluspec:schema:system:1"
FORMAT, VERSION = "reluspec/system", 1


def write_json(system: PolynomialSystem) -> str:
    """The whole system; every polynomial as text in the `symbol`s and as sparse terms `[coefficient, exponents]`, exact."""
    names = underscored(system.variables)
    roles = [("parameter", "") for _ in system.parameters] + [("multiplier", multiplier.place) for multiplier in system.multipliers]
    document = {
        "$schema": SCHEMA,
        "format": FORMAT,
        "version": VERSION,
        "title": system.title,
        "stratum": system.stratum,
        "kind": system.kind.value,
        "explanation": system.explanation,
        "existence_proved": system.existence_proved,
        "variables": [
            _variable(variable, symbol, role, place) for variable, symbol, (role, place) in zip(system.variables, names, roles, strict=True)
        ],
        "equations": [
            {"role": equation.role.value, "about": equation.about, "polynomial": _polynomial(equation.polynomial, names)}
            for equation in system.equations
        ],
        "conditions": [
            {"place": condition.place, "sign": "+" if condition.sign > 0 else "-", "polynomial": _polynomial(condition.polynomial, names)}
            for condition in system.conditions
        ],
    }
    check_document(document)
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def check_document(document: Any) -> None:
    """Raise `ArtefactError` with the place when `document` does not follow the schema of exported systems."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    schema = json.loads((files("reluspec.schemas") / "system.schema.json").read_text(encoding="utf-8"))
    error = best_match(Draft202012Validator(schema).iter_errors(document))
    if error is not None:
        raise ArtefactError(f"the exported system does not follow its schema at {error.json_path}: {error.message}")


def _variable(variable: Variable, symbol: str, role: str, place: str) -> dict[str, str]:
    record = {"name": str(variable), "symbol": symbol, "role": role}
    return record | {"multiplies": place} if place else record


def _polynomial(polynomial: fmpq_mpoly, names: tuple[str, ...]) -> dict[str, Any]:
    terms = [[str(fraction(coefficient)), list(map(int, exponents))] for exponents, coefficient in polynomial.to_dict().items()]
    return {"text": polynomial_text(polynomial, names, integer=False, tight=True), "terms": terms}
