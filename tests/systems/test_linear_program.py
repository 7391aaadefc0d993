"""Strict inequalities one at a time agree with the other exact decision, and show a solution."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from reluspec.systems.existence import strictly_feasible
from reluspec.systems.linear_program import Dictionary


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 5), st.data())
def test_against_gordan(size: int, data: st.DataObject) -> None:
    entries = st.lists(st.integers(-3, 3), min_size=size, max_size=size)
    rows = data.draw(st.lists(st.tuples(entries, st.integers(1, 3)), min_size=1, max_size=9))
    dictionary: Dictionary | None = Dictionary()
    for entries_of_row, least in rows:
        before = dictionary
        dictionary = before.added({("u", k): entry for k, entry in enumerate(entries_of_row) if entry}, least) if before else None
    assert (dictionary is not None) == strictly_feasible([[Fraction(entry) for entry in row] for row, _ in rows])
    if dictionary is not None:
        for row, least in rows:
            assert sum(entry * dictionary.value(("u", k)) for k, entry in enumerate(row)) >= least
