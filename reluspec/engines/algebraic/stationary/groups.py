"""Units that rotate into each other, any number of them, in any number of layers: groups and normal forms.

That two units rotate into each other is proved as an identity (`rotations`). Such pairs generate SO(k) on the k units of a group, and the
rotations of different groups commute: a unit's row of parameters is turned among the rows, a weight between two groups by both. Under SO(k)
every table P (k x m) has exactly one image of this form: the first column that is not zero has a positive first entry and zeros below; of
the rows below the first, the next column that is not zero has a positive second entry and zeros below; and so on up to the last row but
one. With zeros as equations every orbit becomes a point.

**Two groups and the weights between them.** A column is a group's *own* if no other group moves it. Rotations are found on the own columns
first; where these tell the rotation, or show that the other units vanish on all columns, nothing more is fixed. One group may then go on
with the columns that it shares, the rotations of all the others being fixed as far as their own columns do so. No point is lost: what the
normal forms leave free they do not restrict.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import combinations

from reluspec.engines.algebraic.stationary.frames import Columns
from reluspec.engines.algebraic.stationary.restricted import Restricted
from reluspec.engines.algebraic.stationary.rotations import is_symmetry, parameters_of_two
from reluspec.problem.problem import Problem


@dataclass(frozen=True)
class Frame:
    """A normal form of all groups: `zeros` vanish, the coordinates `pivots` are positive."""

    groups: tuple[Columns, ...]
    zeros: tuple[int, ...]
    pivots: tuple[int, ...]


class _Kind(Enum):
    """`OWN`: the other rows vanish on the group's own columns; nothing is said of the shared ones."""

    FIXED = "the rotation is told, or the other rows vanish, by own columns or by all"
    SHARED = "shared columns were used"
    OWN = "own columns only"


@dataclass(frozen=True)
class _Form:
    """A normal form of one group."""

    zeros: tuple[int, ...]
    pivots: tuple[int, ...]
    kind: _Kind


def rotating_groups(stratum: Restricted, layers: Sequence[Sequence[str]]) -> list[Columns]:
    """The groups of units whose rotations leave the loss on a piece of a stratum as it is; `layers` are the signs, unit by unit.

    Units of a group have the same signs, but for a single pair: an activation may have one and the same linear piece on two sides of others
    (`{ max(z/10, min(z, 2)) }`).
    """
    problem = stratum.surrogate.problem
    hidden = layers[:-1] if len(layers) > 1 else layers
    found = []
    for layer, signs in enumerate(hidden):
        count = problem.network.layers[layer].units
        joined = list(range(count))
        for one, two in combinations(range(count), 2):
            if joined[one] != joined[two] and (not signs or signs[one] == signs[two]) and _rotates(stratum, layer, one, two):
                joined = [joined[one] if name == joined[two] else name for name in joined]
        for name in sorted(set(joined)):
            units = [unit for unit in range(count) if joined[unit] == name]
            if len(units) > 1:
                found.append(_columns(problem, layer, units))
    if found:
        return found
    unlike = [
        _columns(problem, layer, [one, two])
        for layer, signs in enumerate(hidden)
        for one, two in combinations(range(len(signs)), 2)
        if signs[one] != signs[two] and _rotates(stratum, layer, one, two)
    ]
    return unlike if len(unlike) == 1 else []


def _rotates(stratum: Restricted, layer: int, one: int, two: int) -> bool:
    pairs = parameters_of_two(stratum.surrogate.problem, layer, one, two)
    return bool(pairs) and is_symmetry(stratum, pairs)


def _columns(problem: Problem, layer: int, units: Sequence[int]) -> Columns:
    tables = [parameters_of_two(problem, layer, units[0], unit) for unit in units[1:]]
    return tuple((rows[0][0], *(q for _, q in rows)) for rows in zip(*tables, strict=True))


def frames(groups: Sequence[Columns], free: Sequence[int]) -> Iterator[Frame]:
    """Normal forms, one of which every point can be rotated into; the parameters `free` are the coordinates."""
    own = []
    for group in groups:
        others = {k for other in groups if other is not group for column in other for k in column}
        columns = [column for column in group if all(k in free for k in column)]
        columns.sort(key=lambda column: any(k in others for k in column))
        own.append(_forms(columns, sum(not any(k in others for k in column) for column in columns)))
    for forms in _combined([list(forms) for forms in own], shared=False):
        zeros = sorted({k for form in forms for k in form.zeros})
        yield Frame(tuple(groups), tuple(zeros), tuple(k for form in forms for k in form.pivots))


def _combined(forms: Sequence[Sequence[_Form]], shared: bool) -> Iterator[tuple[_Form, ...]]:
    """One form for every group; after one that uses shared columns, the others use their own only."""
    if not forms:
        yield ()
        return
    first, *others = forms
    for form in first:
        if form.kind is not (_Kind.OWN if not shared else _Kind.SHARED):
            for rest in _combined(others, shared or form.kind is _Kind.SHARED):
                yield (form, *rest)


def _forms(columns: Sequence[tuple[int, ...]], own: int, unit: int = 0, start: int = 0) -> Iterator[_Form]:
    """The normal forms of the rows from `unit` on, in the columns from `start` on; the first `own` columns are the group's own."""
    if not columns or unit == len(columns[0]) - 1:
        yield _Form((), (), _Kind.FIXED)
        return
    for j in range(start, len(columns)):
        zeros = [k for column in columns[start:j] for k in column[unit:]] + list(columns[j][unit + 1 :])
        for rest in _forms(columns, own, unit + 1, j + 1):
            kind = _Kind.SHARED if j >= own else rest.kind
            yield _Form((*zeros, *rest.zeros), (columns[j][unit], *rest.pivots), kind)
    yield _Form(tuple(k for column in columns[start:] for k in column[unit:]), (), _Kind.FIXED)
    if start <= own < len(columns):
        yield _Form(tuple(k for column in columns[start:own] for k in column[unit:]), (), _Kind.OWN)
