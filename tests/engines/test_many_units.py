"""More units than faces: counts stay true where the ways to share the units out are too many to be glued or listed."""

from __future__ import annotations

import pytest
from small_problems import small

import reluspec
from reluspec.errors import LimitError
from reluspec.minima import stitch


def test_minima_that_cannot_be_glued_are_counted_as_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = small([-1, 1], [1, -2], 4, "1/10").problem
    known = reluspec.solve(problem)
    assert known.complete
    monkeypatch.setattr(stitch, "MAX_LABELLED", 10)
    minima = reluspec.solve(problem)
    ledger, total = minima.landscape.ledger, minima.landscape.total
    assert not minima.complete
    assert ledger["undecided"] == len(minima.undecided) > 0
    assert ledger["minimal"] + ledger["undecided"] == known.landscape.ledger["minimal"]
    assert sum(ledger.values()) == total
    assert minima.incomplete_because == f"{ledger['undecided']} of {total} strata are undecided"
    assert minima.landscape.index_sum == 1, "the gluing has no part in the index sum"


def test_too_many_critical_strata_are_refused_by_number() -> None:
    with pytest.raises(LimitError, match=r"strata up to exchange of units are critical; the limit is 20,000"):
        reluspec.solve(small([-1, 0, 2], [1, -2, 3], 100, "1/10").problem)
