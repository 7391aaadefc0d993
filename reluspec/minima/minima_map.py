"""The minima map: what is proved about a problem's local minima, printable, countable, usable from Python."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from reluspec.minima.records import Component, CriticalStratum, Landscape, Undecided
from reluspec.problem.coercive import has_bounded_sublevel_sets
from reluspec.problem.problem import Problem
from reluspec.text import WIDTH, filled

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TABLE_WIDTH = WIDTH
MAX_REASONS, MAX_REASON = 3, 120
"""Most reasons of undecided strata on top of the table, and the most letters of one."""
SHOWN_COMPONENTS = 40
"""Rows of a notebook's table; `repr` and the file have all."""


@dataclass(frozen=True, repr=False)
class MinimaMap:
    """Every local minimum of a problem, as far as the ledger says: `complete` means that nothing is missing and nothing extra.

    `components` are listed by loss, one per orbit under exchange of units; `critical` are the strata critical in Clarke's sense with
    their indices (theory.md section 8). `engine_reason` says why the engine was chosen.
    """

    problem: Problem
    landscape: Landscape
    engine_reason: str = ""
    reluspec_version: str = field(default="", compare=False)

    @property
    def components(self) -> tuple[Component, ...]:
        return self.landscape.components

    @property
    def critical(self) -> tuple[CriticalStratum, ...]:
        return self.landscape.critical

    @property
    def undecided(self) -> tuple[Undecided, ...]:
        return self.landscape.undecided

    @property
    def complete(self) -> bool:
        """Every stratum is decided, the ledger adds up, and so do the indices (to one), where the engine makes that audit."""
        return not self.incomplete_because

    @property
    def incomplete_because(self) -> str:
        """Why the map is not complete; empty if it is."""
        land = self.landscape
        accounted = sum(land.ledger.values())
        if land.ledger.get("undecided", 0) or land.undecided:
            return f"{land.ledger.get('undecided', 0):,} of {land.total:,} strata are undecided"
        if accounted != land.total:
            return f"the ledger accounts for {accounted} of {land.total} strata"
        if land.index_sum is None:
            return "" if land.index_note else "the sum of the indices is missing"
        return "" if land.index_sum == 1 else f"the indices add up to {land.index_sum}, not 1"

    @property
    def global_minimum(self) -> Component | None:
        """The component of least loss, certified if the map is complete."""
        return self.components[0] if self.components else None

    @cached_property
    def global_is_proved(self) -> bool:
        """Whether the least loss listed is proved to be the least of all: no minimum is missing, and the loss attains its infimum.

        It does if it tends to infinity, or if a component is proved to have the least possible loss. Where a parameter has no penalty,
        lower losses may be approached far out, and be those of no point.
        """
        if not (self.complete and self.components):
            return False
        best = (piece.certificate for component in self.components if component.is_global for piece in component.pieces)
        return has_bounded_sublevel_sets(self.problem) or any(certificate.get("least_possible") for certificate in best)

    @property
    def star(self) -> str:
        """What the components with the least loss are, in words."""
        if self.global_is_proved:
            return "global minimum"
        return "least loss of all minima; far out the loss may be lower" if self.complete else "least loss found"

    @property
    def components_with_symmetry(self) -> int:
        return sum(component.orbit_size for component in self.components)

    def __len__(self) -> int:
        return len(self.components)

    def __iter__(self) -> Iterator[Component]:
        return iter(self.components)

    def __getitem__(self, position: int) -> Component:
        return self.components[position]

    def theta(self, component: int, piece: int = 0) -> dict[str, NDArray[np.float64]]:
        """A witness as a PyTorch-style dict of NumPy arrays."""
        return self.components[component].theta(piece)

    def sample(self, component: int, count: int, seed: int = 0) -> list[dict[str, NDArray[np.float64]]]:
        """Points of a component's largest piece (`Component.sample`)."""
        return self.components[component].sample(count, self.problem, seed)

    def __repr__(self) -> str:
        return table(self)

    def _repr_html_(self) -> str:
        """For notebooks: what is proved, and the components of least loss."""
        from reluspec.minima.verdict import evidence, headline
        from reluspec.problem import markup

        head = ("id", "dimension", "loss", "location", "orbit", "ends", "strata")
        rows = [
            (
                f"{component.id}{'*' if component.is_global else ''}",
                component.dimension,
                f"{float(component.loss):.10g}",
                component.location,
                component.orbit_size,
                "closed" if component.closed else "open",
                _shorten(component.pieces[0].stratum, 40) + (f" +{len(component.pieces) - 1}" if len(component.pieces) > 1 else ""),
            )
            for component in self.components[:SHOWN_COMPONENTS]
        ]
        more = markup.paragraph(f"… and {len(self) - len(rows):,} more") if len(rows) < len(self) else ""
        verdict = markup.paragraph(headline(self), strong=True) + markup.paragraph(evidence(self))
        return markup.paragraph(self.problem.title) + verdict + (markup.table(head, rows) if rows else "") + more


def table(minima: MinimaMap, width: int = TABLE_WIDTH) -> str:
    """The map as text: what `solve` prints."""
    isolated = sum(component.dimension == 0 for component in minima.components)
    lines = [
        _shorten(minima.problem.title, width),
        *([] if minima.complete else filled("", f"NOT COMPLETE: {minima.incomplete_because}{_reasons(minima.undecided)}", width)),
        f"{_count(len(minima), 'component')} of local minima, {minima.components_with_symmetry:,} with unit exchange",
        f"{isolated:,} isolated, {len(minima) - isolated:,} of positive dimension",
        "",
    ]
    if minima.components:
        lines += [*_rows(minima, width), "", f"* {minima.star}"]
    return "\n".join([*lines, *_verdict(minima, width)])


def _rows(minima: MinimaMap, width: int) -> Iterator[str]:
    numbers = max(3, len(str(len(minima) - 1)))
    orbits = max(5, len(str(max(component.orbit_size for component in minima))))
    yield f"{'id':>{numbers}s}  dim             loss  location  {'orbit':>{orbits}s}  ends    strata"
    for component in minima.components:
        more = f"  +{len(component.pieces) - 1} more" if len(component.pieces) > 1 else ""
        mark = "*" if component.is_global else " "
        row = (
            f"{component.id:{numbers}d}{mark} {component.dimension:3d}  {float(component.loss):15.10g}  {component.location:8s}  "
            f"{component.orbit_size:{orbits}d}  {'closed' if component.closed else 'open':6s}  "
        )
        yield row + _shorten(component.pieces[0].stratum, max(width - len(row) - len(more), 6)) + more


def _verdict(minima: MinimaMap, width: int) -> Iterator[str]:
    """What is proved, in words, and what that rests on."""
    land = minima.landscape
    minimal, other = land.ledger.get("minimal", 0), land.ledger.get("critical", 0)
    strata = f"{land.total:,} strata: {minimal:,} with minima, {other:,} with other critical points"
    if not minima.complete:
        yield from filled("", f"NOT COMPLETE: {minima.incomplete_because} ({strata})", width)
        yield "The minima listed are proved; others may be missing." if minima.components else "No minimum is proved; some may be missing."
        return
    audit = f"; index sum {land.index_sum}" if land.index_sum is not None else ""
    yield from filled("", f"complete: {strata}{audit}", width)
    if not minima.components:
        yield "Proved: the loss has no local minimum."
    else:
        yield "Proved: these are all the local minima; there are no others."
    if land.assumes:
        yield from filled("", f"assuming that {land.assumes}", width)


def _reasons(undecided: tuple[Undecided, ...]) -> str:
    """The most common reasons, with how many strata have them where there are several."""
    counted = Counter(printable(entry.reason) for entry in undecided).most_common()
    listed = [_shorten(reason, MAX_REASON) + (f" ({count:,})" if len(counted) > 1 else "") for reason, count in counted[:MAX_REASONS]]
    return f": {'; '.join(listed)}{'; …' if len(counted) > MAX_REASONS else ''}" if listed else ""


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _shorten(text: str, width: int) -> str:
    text = printable(text)
    return text if len(text) <= width else text[: width - 1] + "…"


def printable(text: str) -> str:
    """Text from a user's file without characters that would move a terminal's cursor."""
    return "".join(character if character.isprintable() else " " for character in text)
