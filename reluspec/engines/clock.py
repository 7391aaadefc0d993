"""Where the time of a run goes: the seconds of its steps."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Clock:
    """Wall seconds by step, in the order in which the steps began."""

    def __init__(self) -> None:
        self._begun = time.perf_counter()
        self._seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Around a step; it may be entered several times."""
        begun = time.perf_counter()
        self._seconds.setdefault(name, 0.0)
        try:
            yield
        finally:
            self.add(name, time.perf_counter() - begun)

    def add(self, name: str, seconds: float) -> None:
        self._seconds[name] = self._seconds.get(name, 0.0) + seconds

    @property
    def seconds(self) -> dict[str, float]:
        """So far, with the sum of everything as `total`; milliseconds are as fine as it gets."""
        return {name: round(value, 4) for name, value in [*self._seconds.items(), ("total", time.perf_counter() - self._begun)]}
