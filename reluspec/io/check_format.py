"""What `reluspec check --json` prints (schema `check`)."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from reluspec.checking.records import Check
from reluspec.io.artefacts import validate
from reluspec.io.provenance import schema_id
from reluspec.version import __version__


def check_document(check: Check) -> dict[str, Any]:
    """A check as JSON-ready data that follows its schema."""
    document: dict[str, Any] = {
        "$schema": schema_id("check"),
        "format": "reluspec/check",
        "version": 1,
        "reluspec": __version__,
        **asdict(check),
        "verdict": check.verdict.value,
        "global_minimum": check.is_global_minimum,
        "proof": False,
    }
    validate(document, "check", "the answer")
    return document
