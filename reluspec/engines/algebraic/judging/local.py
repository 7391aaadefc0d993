"""Is a point a local minimum of a continuous piecewise polynomial function? First and second order, cell by cell (theory.md section 3).

Near theta* the function l: R^p -> R equals one polynomial l_s on each region `{s_j h_j >= 0 for all j in Z}`, s in {+1, -1}^Z, where Z are
the switches that vanish at theta*; these closed regions cover a neighbourhood. So theta* is a local minimum iff it is one of l_s on each.

Notation: n_j, H_j gradient and Hessian of h_j at theta*; g, H those of l_s; C = {d : s_j n_j . d >= 0} the closed linearised cone;
K = {d in C : g . d = 0}; `multipliers` nu >= 0 with g = sum nu_j s_j n_j; L = H - sum nu_j s_j H_j the Hessian of the Lagrangian
`l_s - sum nu_j s_j h_j`, which is <= l_s on the region. Affine switches have H_j = 0.

**Minimum.** If for every s, g . d >= 0 on C and for every d in K, d != 0, some multipliers have d^T L d > 0, theta* is a strict local
minimum: otherwise points x_k -> theta* of one region have l_s(x_k) <= l_s(theta*), and a limit d of their directions lies in C (tangents of
the region satisfy the linearised inequalities), has g . d <= 0, so is in K; the Lagrangian, critical at theta*, does not exceed its value
there at x_k either, hence d^T L d <= 0. This holds for all s, whether their regions exist or not; those that do not only make it harder.

**No minimum, first order.** g . d < 0 for d in C. Affine switches: the region contains theta* + t d. Else d is moved into the open cone,
where each s_j h_j has a positive derivative: theta* + t d enters the region and l_s falls. This needs an open cone that is not empty.

**No minimum, second order.** d in K with d^T L d < 0 *for all multipliers*. Affine switches: L = H and the region contains theta* + t d.
Independent n_j (multipliers are unique): by implicit functions a curve x(t) has tangent d and h_j(x(t)) = t n_j . d; it is in the region,
and sum nu_j s_j h_j(x(t)) = t g . d = 0, so l_s(x(t)) = l_s(theta*) + t^2/2 d^T L d + o(t^2). Dependent n_j, open cone not empty: look for
x(t) = theta* + t d + t^2/2 w with g . w + d^T H d < 0 and s_j (n_j . w + d^T H_j d) > 0 where n_j . d = 0; by Motzkin's theorem there is
no w only if some (mu, nu) >= 0, not zero, have mu g = sum nu_j s_j n_j and mu d^T H d >= sum nu_j s_j d^T H_j d; mu = 0 contradicts the
open cone, and mu = 1 is the case excluded. The multipliers are then a bounded polytope, so its vertices are enough.

**Along the stratum.** For independent or affine switches {h_j = 0 for all j} is a manifold on which all l_s are one function, critical at
theta*; L on its tangent space is the Hessian of that function in its charts, the same for all s. It is asked once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from fractions import Fraction
from typing import TypeVar

from reluspec.engines.algebraic.exact.cones import TooManyCells
from reluspec.engines.algebraic.exact.forms import ConeForm, Copositivity, form_on_cone
from reluspec.engines.algebraic.exact.linear import dot, form, plus, times
from reluspec.engines.algebraic.exact.scalars import Matrix, Scalar, Scalars, Undetermined, Vector
from reluspec.engines.algebraic.judging.adjacent import Geometry, Kept, Piece, ZeroSwitch, every, geometry
from reluspec.engines.algebraic.judging.multipliers import lagrangians

__all__ = ["LocalKind", "LocalVerdict", "ZeroSwitch", "local_verdict"]

MAX_CELLS = 4096
"""Most sign vectors that are looked at."""

Answer = TypeVar("Answer")
Expansion = Callable[[tuple[int, ...]], tuple[Sequence[Scalar], Matrix]]


class LocalKind(Enum):
    """DEGENERATE: first and second order, as used here, do not decide."""

    MINIMUM = "strict local minimum"
    NOT_MINIMUM = "not a local minimum"
    DEGENERATE = "degenerate"


@dataclass(frozen=True)
class LocalVerdict:
    """The verdict and its evidence.

    NOT_MINIMUM: on cell `signs` the function falls along `direction` (length p), with derivative `slope` < 0 (along a straight line), or
    with slope 0 and second derivative `curvature` < 0 along a curve of that tangent (a straight line when all switches are affine).
    DEGENERATE: `signs` is the cell that is not decided, `direction` one of zero curvature where known. `slopes` (MINIMUM): the
    derivatives along the extreme rays of every cell, all >= 0.
    """

    kind: LocalKind
    reason: str
    direction: Vector | None = None
    signs: tuple[int, ...] | None = None
    slope: Scalar | None = None
    curvature: Scalar | None = None
    slopes: tuple[tuple[tuple[int, ...], Vector], ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class _Cell:
    """A piece with l_s expanded, and the derivatives along its rays."""

    piece: Piece
    gradient: Vector
    hessian: Matrix
    slopes: Vector


def local_verdict(
    p: int,
    zero: Sequence[ZeroSwitch],
    expansion: Expansion,
    scalars: Scalars,
    *,
    stratum_critical: bool = False,
    limit: int = MAX_CELLS,
    kept: Kept = every,
) -> LocalVerdict:
    """Decide whether theta* is a local minimum of l.

    `zero` are the switches that vanish at theta* (all others do not); `expansion(s)` is gradient (p) and Hessian (p x p, second
    derivatives) at theta* of the polynomial that l equals where sign h_j = s_j, called at most once per s. Repeated nonlinear switches
    (one a multiple of the other, as functions) should be merged by the caller: what they exclude cannot be seen from derivatives.

    `stratum_critical` says that the derivative of l along the tangent space {n_j . d = 0} of the stratum is already known to vanish
    (for one s, hence for all, when the switches are affine or their normals independent; ignored otherwise). Balls need it: they
    cannot prove a zero. With `kept` only the sign vectors for which it holds count: the verdict is about l on the union of their regions.

    Raises `Undetermined` when the scalars are balls too wide for a verdict; a proof of NOT_MINIMUM elsewhere still counts.
    """
    try:
        around = geometry(p, zero, scalars, limit, kept)
    except TooManyCells as reason:
        return LocalVerdict(LocalKind.DEGENERATE, str(reason))
    return _Test(p, tuple(zero), around, expansion, scalars, stratum_critical and around.uniform).verdict()


class _Test:
    """The run of one test. `open` is the first question left open, `degenerate` the first cell that is not decided."""

    def __init__(
        self, p: int, zero: tuple[ZeroSwitch, ...], around: Geometry, expansion: Expansion, scalars: Scalars, stratum_critical: bool
    ) -> None:
        self.p, self.zero, self.around = p, zero, around
        self.expansion, self.scalars, self.stratum_critical = expansion, scalars, stratum_critical
        self.open: Undetermined | None = None
        self.degenerate: LocalVerdict | None = None

    def verdict(self) -> LocalVerdict:
        """All first orders, which are cheap, then all second orders."""
        cells: list[tuple[_Cell, tuple[Vector, ...] | None]] = []
        for piece in self.around.pieces:
            if not piece.trivial:
                cell = self._expanded(piece)
                found = self._first_order(cell)
                if isinstance(found, LocalVerdict):
                    return found
                cells.append((cell, found))
        return self._second_orders(cells) or self._conclusion([cell for cell, _ in cells])

    def _second_orders(self, cells: list[tuple[_Cell, tuple[Vector, ...] | None]]) -> LocalVerdict | None:
        """NOT_MINIMUM, or `None`. Where l restricted to the stratum is one function, its second order is asked once."""
        tangent: list[ConeForm] | None = None
        if self.around.uniform and cells:
            cell = cells[0][0]
            tangent = self._asked(self._forms, cell, ())
            against = tangent and self._judged(cell, (), tangent)
            if against:
                return against
        for cell, flat in cells:
            if flat is None or (self.around.uniform and not flat):
                continue
            forms = self._asked(self._forms, cell, flat)
            against = forms and self._asked(self._judged, cell, flat, forms)
            if against:
                return against
        return None

    def _conclusion(self, cells: list[_Cell]) -> LocalVerdict:
        """Nothing speaks against a minimum."""
        if self.open is not None:
            raise self.open
        if self.degenerate is not None:
            return self.degenerate
        reason = "first-order growth on every adjacent cell; the Hessian is positive on every critical cone"
        return LocalVerdict(LocalKind.MINIMUM, reason, slopes=tuple((cell.piece.signs, cell.slopes) for cell in cells))

    def _asked(self, question: Callable[..., Answer], *arguments: object) -> Answer | None:
        """The answer; `None` when the balls are too wide, which is noted."""
        try:
            return question(*arguments)
        except Undetermined as reason:
            self.open = self.open or reason
            return None

    def _expanded(self, piece: Piece) -> _Cell:
        gradient, hessian = self.expansion(piece.signs)
        return _Cell(piece, tuple(gradient), hessian, tuple(dot(gradient, ray, self.scalars) for ray in piece.cone.rays))

    def _first_order(self, cell: _Cell) -> LocalVerdict | tuple[Vector, ...] | None:
        """NOT_MINIMUM, or the rays along which the derivative is zero, or `None` when they are not known."""
        lines = () if self.stratum_critical else cell.piece.cone.lineality
        steep = [(line, dot(cell.gradient, line, self.scalars)) for line in lines]
        steep += [(times(self.scalars.number(Fraction(-1)), line), -slope) for line, slope in steep]
        steep += zip(cell.piece.cone.rays, cell.slopes, strict=True)
        signs = [self._asked(self.scalars.sign, slope) for _, slope in steep]
        if -1 in signs:
            return self._descent(cell, steep[signs.index(-1)][0])
        if None in signs:
            return None
        first_ray = len(steep) - len(cell.slopes)
        return tuple(ray for ray, sign in zip(cell.piece.cone.rays, signs[first_ray:], strict=True) if sign == 0)

    def _descent(self, cell: _Cell, direction: Vector) -> LocalVerdict | None:
        """l_s falls along a direction of the closed cone: a straight line in the region when the switches are affine, else one nearby."""
        if not cell.piece.open:
            self._leave_open(
                cell, direction, "the first order fails on a sign vector whose region may be empty (dependent gradients of switches)"
            )
            return None
        if not self.around.affine:
            direction = self._moved_inside(cell, direction)
        slope = dot(cell.gradient, direction, self.scalars)
        return LocalVerdict(LocalKind.NOT_MINIMUM, "the function falls, to first order", direction, cell.piece.signs, slope=slope)

    def _moved_inside(self, cell: _Cell, direction: Vector) -> Vector:
        """The direction plus a small multiple of an inner point of the cone: still one of descent, by continuity."""
        inner, step = cell.piece.cone.inner_point(self.p, self.scalars), Fraction(1, 2)
        while True:
            moved = plus(direction, self.scalars.number(step), inner)
            if self._falls(dot(cell.gradient, moved, self.scalars)):
                return moved
            step /= 16

    def _falls(self, slope: Scalar) -> bool:
        try:
            return self.scalars.sign(slope) < 0
        except Undetermined:
            return False  # a smaller step will tell: the slope of the direction itself is proved to be negative

    def _forms(self, cell: _Cell, flat: tuple[Vector, ...]) -> list[ConeForm]:
        """The Hessians of the Lagrangians on the cone of the lineality space and the flat rays, up to one that is positive."""
        found: list[ConeForm] = []
        for matrix in self._lagrangians(cell):
            found.append(form_on_cone(matrix, cell.piece.cone.lineality, flat, self.scalars))
            if found[-1].kind is Copositivity.STRICT:
                break
        return found

    def _lagrangians(self, cell: _Cell) -> Iterator[list[Vector]]:
        known = cell.slopes if self.around.independent else None
        return lagrangians(cell.hessian, cell.gradient, self.zero, cell.piece, known, self.scalars)

    def _judged(self, cell: _Cell, flat: tuple[Vector, ...], forms: list[ConeForm]) -> LocalVerdict | None:
        """NOT_MINIMUM when a direction is negative for all multipliers. One multiplier positive everywhere is enough on the other side."""
        if any(found.kind is Copositivity.STRICT for found in forms):
            return None
        for direction in (found.direction for found in forms if found.kind is Copositivity.NEGATIVE):
            assert direction is not None
            values = [form(matrix, direction, direction, self.scalars) for matrix in self._lagrangians(cell)]
            if cell.piece.open and all(self.scalars.sign(value) < 0 for value in values):
                reason = "the function falls, to second order, along a critical direction"
                return LocalVerdict(
                    LocalKind.NOT_MINIMUM, reason, direction, cell.piece.signs, slope=self.scalars.zero, curvature=max(values, key=float)
                )
        tied = next((found.direction for found in forms if found.kind is Copositivity.TIED), forms[0].direction)
        self._leave_open(cell, tied, _why(self.around, flat, forms))
        return None

    def _leave_open(self, cell: _Cell, direction: Vector | None, reason: str) -> None:
        self.degenerate = self.degenerate or LocalVerdict(LocalKind.DEGENERATE, reason, direction, cell.piece.signs)


def _why(around: Geometry, flat: tuple[Vector, ...], forms: list[ConeForm]) -> str:
    if not around.uniform:
        return "the second order does not decide, for no multipliers that were tried (switches with dependent gradients)"
    if not flat:
        return "singular Hessian: the second order vanishes along the stratum"
    return "a zero multiplier, and a second order that vanishes on the critical cone"
