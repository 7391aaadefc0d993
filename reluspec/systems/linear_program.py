"""Strict homogeneous inequalities, exactly and one at a time: a simplex dictionary in integers.

`row . u > 0` for all rows has a solution iff `row . u >= 1` has one, for the solutions form a cone. A dictionary expresses some of the
variables (free unknowns `u` and slacks `s = row . u - 1 >= 0`) by the others; with those at zero it shows a solution once no slack is
negative. A new row starts from there: the dual simplex method without an objective, with Bland's least index against cycling. Integers
throughout: all entries share one denominator, and dividing by the previous one is exact (Edmonds, Bareiss).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TypeVar

Unknown = TypeVar("Unknown", bound=Hashable)


@dataclass(frozen=True, eq=False)
class Dictionary:
    """Feasible as it stands; `added` makes a new one, or `None` when the inequalities contradict each other.

    Columns (nonbasic: zero at the point shown) and rows (basic) are named by the unknowns, slacks by integers. `rows[name][0] /
    denominator` is a basic variable's value, `rows[name][1 + k] / denominator` its coefficient of column k. Slack rows have zeros in the
    columns of unknowns: such a column would have been taken as a pivot.
    """

    columns: tuple[Hashable, ...] = ()
    rows: Mapping[Hashable, list[int]] = field(default_factory=dict)
    denominator: int = 1
    slacks: int = 0

    def added(self, row: Mapping[Unknown, int], least: int = 1) -> Dictionary | None:
        """With `row . u >= least` as well (`least` > 0: any number asks for the same cone, and for another point of it)."""
        fresh = [unknown for unknown in row if unknown not in self.rows and unknown not in self.columns]
        columns = [*self.columns, *fresh]
        rows = {name: line + [0] * len(fresh) for name, line in self.rows.items()} if fresh else dict(self.rows)
        line = [0] * (len(columns) + 1)
        line[0] = -least * self.denominator
        for unknown, coefficient in row.items():
            known = rows.get(unknown)
            if known is None:
                line[1 + columns.index(unknown)] += coefficient * self.denominator
            else:
                line = [entry + coefficient * other for entry, other in zip(line, known, strict=True)]
        slack = self.slacks
        rows[slack] = line
        table = _Table(columns, rows, self.denominator)
        free = next((k for k, name in enumerate(columns) if not isinstance(name, int) and line[1 + k]), None)
        if free is not None:
            table.pivot(slack, free)
        elif not table.repair():
            return None
        return Dictionary(tuple(table.columns), table.rows, table.denominator, slack + 1)

    def value(self, unknown: Hashable) -> Fraction:
        """The value of an unknown at the solution shown; 0 for one in no row."""
        line = self.rows.get(unknown)
        return Fraction(line[0], self.denominator) if line else Fraction(0)


class _Table:
    """A dictionary while it is being changed; lines are replaced, never altered, since other dictionaries share them."""

    def __init__(self, columns: list[Hashable], rows: dict[Hashable, list[int]], denominator: int) -> None:
        self.columns, self.rows, self.denominator = columns, rows, denominator

    def repair(self) -> bool:
        """Pivot until no slack is negative; `False` when one cannot be otherwise."""
        while True:
            leaving = min((name for name, line in self.rows.items() if isinstance(name, int) and line[0] < 0), default=None)
            if leaving is None:
                return True
            line = self.rows[leaving]
            entering = min(((name, k) for k, name in enumerate(self.columns) if isinstance(name, int) and line[1 + k] > 0), default=None)
            if entering is None:
                return False
            self.pivot(leaving, entering[1])

    def pivot(self, leaving: Hashable, column: int) -> None:
        """Exchange the basic variable `leaving` and the nonbasic one of a column."""
        line, place, before = self.rows.pop(leaving), column + 1, self.denominator
        pivot = line[place]
        if pivot < 0:
            line, pivot, orientation = [-entry for entry in line], -pivot, -1
        else:
            orientation = 1
        for name, other in self.rows.items():
            factor = other[place]
            if factor:
                changed = [(entry * pivot - factor * head) // before for entry, head in zip(other, line, strict=True)]
                changed[place] = factor * orientation
                self.rows[name] = changed
            elif pivot != before:
                self.rows[name] = [entry * pivot // before for entry in other]
        solved = [-entry for entry in line]
        solved[place] = before * orientation
        self.rows[self.columns[column]] = solved
        self.columns[column] = leaving
        self.denominator = pivot
