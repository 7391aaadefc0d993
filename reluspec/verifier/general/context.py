"""What the claims of a map that is not of the convex setting share while they are decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from flint import arb

from reluspec.problem.expression import Variable
from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs
from reluspec.verifier.claims import Report
from reluspec.verifier.general.explore import Explored
from reluspec.verifier.general.survey import exchange_group
from reluspec.verifier.raw import Root


@dataclass
class Context:
    """`roots` are the isolated components that are proved, by id, `curves` a point on a slice of others that are found.

    `explored` is `None` where the map is not held against a survey.
    """

    problem: Problem
    document: Mapping[str, Any]
    report: Report
    bits: int
    explored: Explored | None = None
    roots: dict[int, tuple[Root, Signs]] = field(default_factory=dict)
    curves: dict[int, tuple[Root, Signs]] = field(default_factory=dict)

    @cached_property
    def group(self) -> list[dict[Variable, Variable]]:
        """The exchanges of units under which strata are one orbit."""
        return exchange_group(self.problem)


def moved(problem: Problem, theta: Sequence[arb], image: Mapping[Variable, Variable]) -> list[arb]:
    """A point after an exchange of units."""
    values = dict(zip(problem.parameters, theta, strict=True))
    return [values[image[variable]] for variable in problem.parameters]
