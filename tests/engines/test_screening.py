"""Ranges of sets of faces, against a plain listing."""

from __future__ import annotations

from itertools import combinations

import pytest

from reluspec.engines.convex.screening import sets_of_faces


@pytest.mark.parametrize("count", range(1, 8))
def test_a_range_of_sets_is_that_slice_of_the_lexicographic_list(count: int) -> None:
    for size in range(1, count + 1):
        plain = list(combinations(range(count), size))
        for start in range(len(plain)):
            for stop in range(start + 1, len(plain) + 1):
                assert [tuple(row) for row in sets_of_faces(count, size, start, stop).tolist()] == plain[start:stop]
