"""Spoilt specs and artefacts by the hundred in every run; ten thousand of each, guided by coverage, in the slow one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from targets import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_a_small_share(name: str) -> None:
    """Chains of mutations from every seed: whatever a target does not expect escapes it and fails the test."""
    target, seeds, mutate = TARGETS[name]
    random, outcomes = Random(11), set()
    for seed in seeds():
        assert target(seed), "the seeds hold up"
        text = seed
        for _ in range(12):
            text = mutate(text if random.random() < 0.5 else seed, random)[:100_000]
            outcomes.add(target(text))
    assert outcomes == {True, False}, "some are refused, some hold up"


def test_a_failure_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The targets let through what is no message of reluspec's own."""
    import reluspec

    def broken(*_: object, **__: object) -> None:
        raise KeyError("x")

    monkeypatch.setattr(reluspec, "parse", broken, raising=False)
    with pytest.raises(KeyError):
        TARGETS["spec"][0]("data {")
    with pytest.raises(KeyError):
        TARGETS["artefact"][0]("{}")


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_ten_thousand_guided_by_coverage(name: str) -> None:
    pytest.importorskip("atheris", reason="coverage-guided fuzzing needs Atheris: pip install 'reluspec[fuzz]'")
    script = Path(__file__).with_name("run.py")
    done = subprocess.run([sys.executable, script, name, "10000"], capture_output=True, encoding="utf-8", errors="replace", check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "10,000 texts" in done.stdout
