"""The local index of a critical point, where docs/audit.md proves a formula for it."""

from __future__ import annotations

from collections.abc import Container, Sequence
from fractions import Fraction
from functools import cached_property

from flint import arb, arb_mat, ctx, fmpq, fmpz_mat

from reluspec.regions.signs import Signs
from reluspec.verifier.claims import Outcome
from reluspec.verifier.convex.faces import Face, Vector, faces
from reluspec.verifier.forms import inertia
from reluspec.verifier.general.clarke import not_critical
from reluspec.verifier.general.dead_units import dead_factor
from reluspec.verifier.general.explore import Judged
from reluspec.verifier.local_minimum import blocks, restricted
from reluspec.verifier.raw import Surrogate, at, definite, kernel, linear_row


class NoIndexError(Exception):
    """No formula for the index is proved to hold at the point; the message says why."""


def index_of(point: Judged, strata: Container[Signs], bits: int) -> int:
    """`1 - chi(lower link)`. Raises `NoIndexError`."""
    if point.outcome is Outcome.PROVED:
        return 1  # a strict minimum: its lower link is empty
    with ctx.workprec(bits):
        try:
            return _Point(point).index()
        except NoIndexError:
            if not_critical(point.critical, strata):
                return 0
            raise


class _Point:
    def __init__(self, point: Judged) -> None:
        self.critical = point.critical
        self.root, self.signs = point.critical.root, point.critical.signs
        self.size = self.root.ring.size
        self.tight = {k: switch for k, (switch, sign) in enumerate(self.root.surrogate.switches) if sign == 0 and switch != 0}

    def index(self) -> int:
        if any(switch.total_degree() > 1 for switch in self.tight.values()):
            return self._curved()
        factors = []
        smooth: list[int] = []
        # A kink that falls on one side and rises on the other settles it, whatever the others do.
        for block in sorted(blocks(self.rows), key=len):
            if self._is_smooth(block):
                smooth.extend(block)
                continue
            factor = self._block(block)
            if factor == 0 and len(block) == 1:
                return 0
            factors.append(factor)
        if any(factor is None for factor in factors):
            raise NoIndexError("a one-sided slope is zero, or a dead unit's direction attains its bound")
        product = self._morse(smooth)
        for factor in factors:
            product *= factor or 0
        return product

    @cached_property
    def rows(self) -> dict[int, list[fmpq]]:
        return {k: linear_row(switch, self.size) for k, switch in self.tight.items()}

    def _morse(self, smooth: Sequence[int]) -> int:
        """(-1)^m with m negative squares of the Hessian along the zeros of the kinks that count; 0 if the loss falls along them."""
        tangent = kernel([row for k, row in self.rows.items() if k not in smooth], self.size)
        loss = self.root.surrogate.loss
        slopes = [loss.derivative(k) for k in range(self.size)]
        # The point is critical where smooth kinks are zero, too, but perhaps not across them.
        for vector in tangent if smooth else ():
            along = sum((slope * entry for slope, entry in zip(slopes, vector, strict=True) if entry), loss * 0)
            if not at(along, self.root.theta).contains(0):
                return 0
            if not self.root.is_zero(along):
                raise NoIndexError("a slope across a kink that the loss does not see may be zero")
        hessian = [[at(one.derivative(k), self.root.theta) for k in range(self.size)] for one in slopes]
        shape = inertia(restricted(hessian, tangent))
        if shape is None:
            raise NoIndexError("a Hessian may be singular")
        return -1 if shape[1] % 2 else 1

    def _is_smooth(self, block: Sequence[int]) -> bool:
        """Whether gradient and Hessian are the same on all sides of these kinks, at the point, by exact relations."""
        here = self.root.surrogate.loss
        found = []
        for cell in (face for face in faces(self._small(block)[0])[0] if 0 not in face.signs):
            rest = self._at(_named(block, cell)).loss - here
            derivatives = [rest.derivative(k) for k in range(self.size)]
            found += [*derivatives, *(one.derivative(k) for one in derivatives for k in range(self.size))]
        # A value that is not zero saves the search for reasons why others are.
        return all(at(one, self.root.theta).contains(0) for one in found) and all(self.root.is_zero(one) for one in found)

    def _at(self, choice: dict[int, int]) -> Surrogate:
        """The loss where some of the tight switches have these signs, the others being zero."""
        flat = list(self.signs.all)
        for k, sign in choice.items():
            flat[k] = "-0+"[sign + 1]
        local = self.root.ring.surrogate(self.signs.reshaped("".join(flat)))
        if any(local.switches[k][0] != switch for k, switch in self.tight.items()):
            raise NoIndexError("a switch is another function on an adjacent cell")
        return local

    def _small(self, block: Sequence[int]) -> tuple[list[list[Fraction]], list[int]]:
        rows = [self.rows[k] for k in block]
        used = [k for k in range(self.size) if any(row[k] for row in rows)]
        return [[Fraction(int(row[k].p), int(row[k].q)) for k in used] for row in rows], used

    def _block(self, block: Sequence[int]) -> int | None:
        """The factor of a set of kinks that share parameters; `None` where a slope may be zero."""
        rows, used = self._small(block)
        found, space = faces(rows)
        codimension = len(used) - len(space)
        falling: dict[tuple[int, ...], bool | None] = {}
        for face in found:
            if len(face.rays) == 1:
                falling[face.rays[0]] = self._falls(block, face, used)
        for ray, value in falling.items():
            if value is None and self._grows(block, ray, found, used):
                falling[ray] = False
        if any(value is None for value in falling.values()):
            others = [[k for k, entry in enumerate(row) if entry] for number, row in self.rows.items() if number not in block]
            if space or any(k in used for row in others for k in row):
                return None
            pinned = sorted({row[0] for row in others if len(row) == 1})
            return dead_factor(self.root, used, pinned, found, lambda face: self._at(dict(zip(block, face.signs, strict=True))).loss)
        total = 0
        for face in found:
            if any(falling[ray] for ray in face.rays):
                total += 1 if _dimension(face) % 2 else -1
        return 1 - total if codimension % 2 else 1 + total

    def _falls(self, block: Sequence[int], face: Face, used: Sequence[int]) -> bool | None:
        loss = self._at(_named(block, face)).loss
        slope = loss * 0
        for k, entry in zip(used, face.rays[0], strict=True):
            slope = slope + loss.derivative(k) * entry
        value = at(slope, self.root.theta)
        return True if value < 0 else False if value > 0 else None

    def _grows(self, block: Sequence[int], ray: Vector, cones: Sequence[Face], used: Sequence[int]) -> bool:
        """Whether the slope along a ray is exactly zero, and second order positive there and coupled to no other parameter.

        That is asked of every cone at the ray, and of all directions: where several such rays meet, the loss grows between them.
        """
        vector = dict(zip(used, ray, strict=True))
        for face in cones:
            if ray not in face.rays:
                continue
            loss = self._at(_named(block, face)).loss
            slopes = [loss.derivative(k) for k in range(self.size)]
            along = sum((slopes[k] * entry for k, entry in vector.items() if entry), loss * 0)
            outside = [along.derivative(k) for k in range(self.size) if k not in vector]
            if not all(self.root.is_zero(one) for one in (along, *outside)):
                return False
            if not definite([[at(slopes[i].derivative(j), self.root.theta) for j in used] for i in used]):
                return False
        return True

    # Curved kinks

    def _curved(self) -> int:
        """Independent gradients: every kink has its own pair of slopes; the Hessian is that along the stratum."""
        positions = list(self.tight)
        if self.critical.codimension != len(positions):
            raise NoIndexError("the gradients of curved switches are dependent")
        sides = [[self._slope(positions, k, side) for side in (1, -1)] for k in range(len(positions))]
        if any(None not in pair and pair[0] is not pair[1] for pair in sides):
            return 0
        if any(None in pair for pair in sides):
            raise NoIndexError("a one-sided slope may be zero")
        shape = inertia(self.critical.hessian)
        if shape is None:
            raise NoIndexError("a Hessian may be singular")
        falling = sum(bool(pair[0]) for pair in sides)
        return -1 if (shape[1] - self.critical.multipliers + falling) % 2 else 1

    def _slope(self, positions: Sequence[int], chosen: int, side: int) -> bool | None:
        """Whether the loss falls where one of the tight switches leaves zero to one side and the others stay zero."""
        flat = list(self.signs.all)
        flat[positions[chosen]] = "+" if side > 0 else "-"
        local = self.root.ring.surrogate(self.signs.reshaped("".join(flat)))
        rows = [[at(local.switches[k][0].derivative(j), self.root.theta) for j in range(self.size)] for k in positions]
        gradient = [at(local.loss.derivative(j), self.root.theta) for j in range(self.size)]
        gram = arb_mat([[_dot(one, two) for two in rows] for one in rows])
        try:
            solved = gram.solve(arb_mat(len(rows), 1, [_dot(row, gradient) for row in rows]))
        except ZeroDivisionError:
            raise NoIndexError("the gradients of curved switches may be dependent") from None
        value = solved[chosen, 0] * side
        return True if value < 0 else False if value > 0 else None


def _dimension(face: Face) -> int:
    """Of a pointed cone."""
    return int(fmpz_mat([list(ray) for ray in face.rays]).rank()) if face.rays else 0


def _named(block: Sequence[int], face: Face) -> dict[int, int]:
    """The signs of a face by switch."""
    return dict(zip(block, face.signs, strict=True))


def _dot(a: Sequence[arb], b: Sequence[arb]) -> arb:
    return sum((x * y for x, y in zip(a, b, strict=True)), arb(0))
