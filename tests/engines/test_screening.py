"""Ranges of sets of faces, against a plain listing."""

from __future__ import annotations

from itertools import combinations, pairwise
from random import Random

import pytest

from reluspec.engines.convex.screen_work import InOrder
from reluspec.engines.convex.screening import sets_of_faces


@pytest.mark.parametrize("count", range(1, 8))
def test_a_range_of_sets_is_that_slice_of_the_lexicographic_list(count: int) -> None:
    for size in range(1, count + 1):
        plain = list(combinations(range(count), size))
        for start in range(len(plain)):
            for stop in range(start + 1, len(plain) + 1):
                assert [tuple(row) for row in sets_of_faces(count, size, start, stop).tolist()] == plain[start:stop]


@pytest.mark.parametrize("seed", range(20))
def test_sets_left_open_go_on_in_order_and_as_soon_as_they_can(seed: int) -> None:
    """Whatever order ranges are done in: after each, all sets before the first range that is missing have gone on."""
    random = Random(seed)
    totals = {1: random.randint(1, 5), 2: random.randint(1, 12), 3: random.randint(1, 20)}
    ranges = []
    for size, total in totals.items():
        cuts = sorted({0, total, *(random.randint(0, total) for _ in range(3))})
        ranges += [(size, start, stop) for start, stop in pairwise(cuts)]
    sets = {numbers: [(numbers[0], k) for k in range(*numbers[1:]) if random.random() < 0.5] for numbers in ranges}
    in_order, gone, done = InOrder(totals), [], set()
    for numbers in random.sample(ranges, len(ranges)):
        gone += in_order.add(numbers, sets[numbers])
        done.add(numbers)
        ready = next((k for k, other in enumerate(ranges) if other not in done), len(ranges))
        assert gone == [faces for other in ranges[:ready] for faces in sets[other]]
    assert gone == [faces for numbers in ranges for faces in sets[numbers]]
