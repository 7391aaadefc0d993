"""Where units of plain charts go flat: their output weights tend to zero, and with them their products, their own parameters to anything.

Let P be the polyhedron of a critical set in plain charts (`charts`), F a face of it on which the output weights a_l of some units, and so
the products v_l = a_l w_l, are zero. Points of P near F have w_l = v_l / a_l, anything in the units' closed cells that the directions from
F into P allow: at the witness of P, for one, since along the way from it to F w_l does not change. All these limits are critical, with
the units idle: the slope by a_l is zero along P and affine in w_l, and if w_l changes, so is the other slope, a_l times what the former
changes by. So they lie in the critical set of the same signs in which the units are idle and have all of their cells. If it holds minima,
whatever else P ends in here that set ends in, too, and it is enough to join the two. If not, none of its closure does: minima close by
would have the same loss. Then all strata of these limits are outside of the minima.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

from flint import arb

from reluspec.engines.algebraic.exact.linear import kernel, rank
from reluspec.engines.algebraic.exact.scalars import FRACTIONS
from reluspec.engines.algebraic.judging.surroundings import slope_of
from reluspec.engines.algebraic.stationary.charts import Unit
from reluspec.engines.algebraic.stationary.enclosures import Face, proper_faces, theta_balls
from reluspec.engines.algebraic.stationary.polyhedra import CriticalSet, Vector, field_scalars, in_parameters
from reluspec.systems.surrogate import Surrogate


def goes_flat(face: Face, unit: Unit) -> bool:
    """Whether a unit in a plain chart, with parameters of its own that are free, has the output weight zero on a face."""
    found = face.found
    every = [*found.vertices, *found.rays]
    return unit.plain and bool(unit.incoming) and all(every[g][unit.output] == 0 for g in face.members)


def limit_on(face: Face, point: Vector, flat: Iterable[Unit], bits: int) -> list[arb]:
    """The parameters of a point of a face, with those of flat units as at the witness. Raises `InfinityError`."""
    theta = theta_balls(face.found, point, bits)
    units = list(flat)
    at_witness = in_parameters(face.found).witness if units else ()
    for k in (k for unit in units for k in unit.incoming):
        theta[k] = at_witness[k].ball(bits)
    return theta


def limits(face: Face, unit: Unit) -> Iterator[frozenset[str]]:
    """The conditions that are equalities at limits on a face on which one unit goes flat, for every wider face from which they come."""
    for wider in proper_faces(face.found):
        if face.members < wider.members and wider.inside[unit.output] != 0:
            yield wider.tight


def has_whole_cells(found: CriticalSet, flat: Iterable[Unit], local: Surrogate, sources: Sequence[int]) -> bool:
    """Whether a set moves along with all own parameters of flat units that the stratum leaves free.

    `local` is the surrogate before an exchange of units, `sources` where each parameter comes from by it.
    """
    walls = [slope_of(one.polynomial) for one in local.switches if one.sign == 0 and one.polynomial.total_degree() == 1]
    scalars = field_scalars(found.field)
    rows = []
    for unit in flat:
        own = [[row[k] for k in unit.incoming] for row in walls]
        for step in kernel([row for row in own if any(row)], len(unit.incoming), FRACTIONS):
            moved = dict(zip(unit.incoming, step, strict=True))
            rows.append([scalars.number(moved.get(source, Fraction(0))) for source in sources])
    return rank([*found.directions, *rows], len(found.witness), scalars) == len(found.directions)
