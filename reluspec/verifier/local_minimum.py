"""Is a critical point of a stratum a local minimum of the loss? The one-sided tests of theory.md section 3, in balls.

Around the point the loss is one polynomial on every adjacent cell. Where all switches that vanish are linear, the cells are cones with
known rays; elsewhere the switches' gradients must be independent, or they are products of linear functions (`factors`), and every
combination of their signs is a cell. On each cell:

- no ray may have a negative slope (a proved one refutes the claim);
- on the span of the rays of slope zero and of the stratum's tangent space the Hessian (of the Lagrangian, for curved switches) must be
  positive definite, or at least positive on the cone of these rays.

That is sufficient for a strict minimum: the loss grows at least quadratically in every direction of the cell.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from fractions import Fraction
from functools import partial
from itertools import combinations, product
from math import prod

from flint import arb, arb_mat, fmpq, fmpq_mat

from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs
from reluspec.verifier.claims import Outcome
from reluspec.verifier.convex.faces import faces
from reluspec.verifier.factors import walls
from reluspec.verifier.forms import copositive, inertia, negative_vector, schur
from reluspec.verifier.raw import Polynomial, Root, Surrogate, at, definite, kernel, linear_row

MAX_CELLS = 4_096
MAX_CRAMER = 3
"""Switches whose multipliers are tested for being exactly zero."""

Verdict = tuple[Outcome, str]
Elsewhere = Callable[[Signs, Polynomial], bool]
"""Whether the loss of a cell has a minimum, strict or not, at the point by an argument of its own."""
Vector = list[fmpq]


class _Stop(Exception):  # noqa: N818
    """The test ended early with a verdict."""

    def __init__(self, outcome: Outcome, reason: str) -> None:
        super().__init__(reason)
        self.verdict = outcome, reason


def local_minimum(
    problem: Problem,
    signs: Signs,
    root: Root,
    strata: Container[Signs] | None = None,
    codimension: int | None = None,
    elsewhere: Elsewhere = lambda signs, loss: False,
) -> Verdict:
    """The verdict and its reason; FLINT's current precision is used. The minimum is strict, unless it is one by `elsewhere` on some cell.

    `strata` hold all that are not empty, `codimension` is that of the stratum at the point, where they are known.
    """
    test = _Test(problem, signs, root, strata, codimension, elsewhere)
    try:
        if all(switch.total_degree() <= 1 for switch in test.tight.values()):
            test.polyhedral()
        else:
            test.curved()
    except _Stop as stop:
        return stop.verdict
    return Outcome.PROVED, "every adjacent cell: no slope falls, and the Hessian is positive where slopes are zero"


class _Test:
    def __init__(
        self,
        problem: Problem,
        signs: Signs,
        root: Root,
        strata: Container[Signs] | None,
        codimension: int | None,
        elsewhere: Elsewhere,
    ) -> None:
        self.problem, self.signs, self.root, self.strata, self.codimension = problem, signs, root, strata, codimension
        self.elsewhere = elsewhere
        self.size = root.ring.size
        # Switches that vanish identically are no walls.
        self.tight = {k: switch for k, (switch, sign) in enumerate(root.surrogate.switches) if sign == 0 and switch != 0}

    # Linear switches

    def polyhedral(self) -> None:
        rows = {k: self._row(switch) for k, switch in self.tight.items()}
        parts = [self._cells({k: rows[k] for k in block}) for block in blocks(rows)]
        if prod(len(cells) for cells in parts) > MAX_CELLS:
            raise _Stop(Outcome.OPEN, f"more than {MAX_CELLS:,} cells are adjacent")
        tangent = kernel(list(rows.values()), self.size)
        for cell in product(*parts):
            flat = list(self.signs.all)
            for part in cell:
                for k, sign in part[0].items():
                    flat[k] = "+" if sign > 0 else "-"
            local = self._cell("".join(flat))
            if any(local.switches[k][0] != switch for k, switch in self.tight.items()):
                raise _Stop(Outcome.OPEN, "a switch that vanishes there is another function on an adjacent cell")
            rays = [ray for _, rays in cell for ray in rays]
            self._either(flat, local, partial(self._polyhedron, local.loss, tangent, rays))

    def _either(self, flat: Sequence[str], local: Surrogate, test: Callable[[], None]) -> None:
        """A test of a cell; where it does not decide, the argument from elsewhere."""
        try:
            test()
        except _Stop as stop:
            if stop.verdict[0] is not Outcome.OPEN or not self.elsewhere(self.signs.reshaped("".join(flat)), local.loss):
                raise

    def _polyhedron(self, loss: Polynomial, tangent: Sequence[Vector], rays: Sequence[Vector]) -> None:
        gradient = [loss.derivative(k) for k in range(self.size)]
        self._curvature(gradient, tangent, [ray for ray in rays if self._slope(gradient, ray) == 0])

    def _cell(self, flat: str) -> Surrogate:
        """The surrogate of an adjacent cell; what vanishes identically on the stratum must do so there, too."""
        local = self.root.ring.surrogate(self.signs.reshaped(flat))
        if any(sign == 0 and switch != 0 for switch, sign in local.switches):
            raise _Stop(Outcome.OPEN, "a switch that vanishes there is another function on an adjacent cell")
        return local

    def _row(self, switch: Polynomial) -> Vector:
        return linear_row(switch, self.size)

    def _cells(self, rows: Mapping[int, Vector]) -> list[tuple[dict[int, int], list[Vector]]]:
        """The cells around the point by the signs of these linear functions, and rays of each (in all parameters)."""
        used = [k for k in range(self.size) if any(row[k] for row in rows.values())]
        small = [[Fraction(int(row[k].p), int(row[k].q)) for k in used] for row in rows.values()]
        found = []
        for face in faces(small)[0]:
            if 0 not in face.signs:
                rays = []
                for ray in face.rays:
                    whole = [fmpq(0)] * self.size
                    for k, entry in zip(used, ray, strict=True):
                        whole[k] = fmpq(entry)
                    rays.append(whole)
                found.append((dict(zip(rows, face.signs, strict=True)), rays))
        return found

    def _slope(self, gradient: Sequence[Polynomial], ray: Vector) -> int:
        total = self.root.ring.constant(0)
        for entry, part in zip(ray, gradient, strict=True):
            if entry:
                total = total + part * entry
        value = self._value(total)
        if value < 0:
            raise _Stop(Outcome.REFUTED, "the loss falls from it into an adjacent cell")
        if value > 0:
            return 1
        if self.root.is_zero(total):
            return 0
        raise _Stop(Outcome.OPEN, "a one-sided slope may be zero")

    def _value(self, polynomial: Polynomial) -> arb:
        return at(polynomial, self.root.theta)

    def _curvature(self, gradient: Sequence[Polynomial], tangent: Sequence[Vector], level: Sequence[Vector]) -> None:
        hessian = [[self._value(part.derivative(k)) for k in range(self.size)] for part in gradient]
        own = restricted(hessian, tangent)
        if not definite(own):
            if (inertia(own) or (0, 0))[1]:
                raise _Stop(Outcome.REFUTED, "the Hessian has a negative direction along the stratum")
            raise _Stop(Outcome.OPEN, "the Hessian is not proved positive definite along the stratum")
        span = _independent(tangent, level)
        if definite(restricted(hessian, [*tangent, *span])):
            return
        form = schur(restricted(hessian, [*tangent, *level]), len(tangent))
        if negative_vector(form) is not None:
            raise _Stop(Outcome.REFUTED, "the Hessian has a negative direction into an adjacent cell, where the slope is zero")
        if not copositive(form):
            raise _Stop(Outcome.OPEN, "the Hessian is not proved positive on an adjacent cell with slopes zero")

    # Curved switches

    def curved(self) -> None:
        """Every combination of signs that is not known to be empty is a cell; only some of its inequalities may be needed."""
        positions = list(self.tight)
        if 2 ** len(positions) > MAX_CELLS:
            raise _Stop(Outcome.OPEN, f"more than {MAX_CELLS:,} cells are adjacent")
        for choice in product((1, -1), repeat=len(positions)):
            sides = dict(zip(positions, choice, strict=True))
            flat = list(self.signs.all)
            for k, sign in sides.items():
                flat[k] = "+" if sign > 0 else "-"
            local = self._cell("".join(flat))
            # What is zero on all of the cell has no side there.
            flat_ones = [k for k in positions if local.switches[k][0] == 0]
            for k in flat_ones:
                flat[k] = "0"
            if any(sides[k] < 0 for k in flat_ones) or (self.strata is not None and self.signs.reshaped("".join(flat)) not in self.strata):
                continue
            switches = [local.switches[k][0] * sign for k, sign in sides.items() if k not in flat_ones]
            self._either(flat, local, partial(self._curved_cell, local.loss, switches))

    def _curved_cell(self, loss: Polynomial, switches: Sequence[Polynomial]) -> None:
        """One cell by multipliers; where they do not tell, by the signs of the factors of its switches."""
        try:
            self._cone(loss, switches)
        except _Stop as stop:
            around = walls(self.root, switches) if stop.verdict[0] is Outcome.OPEN else None
            if around is None:
                raise
            tangent = kernel(around.rows, self.size)
            for signs, rays in self._cells(dict(enumerate(around.rows))):
                if around.allow(list(signs.values())):
                    self._polyhedron(loss, tangent, rays)

    def _cone(self, loss: Polynomial, switches: Sequence[Polynomial]) -> None:
        """One cell, by as many of its inequalities as the stratum has equations.

        Fewer inequalities describe a larger set: if the point is a minimum on that, it is one on the cell. Where the gradients are
        independent the zeros of as many switches as the codimension are the stratum, so that criticality gives the multipliers.
        """
        count = len(self.tight) if self.codimension is None else self.codimension
        stops = []
        for chosen in combinations(switches, count):
            try:
                self._inequalities(loss, chosen)
            except _Stop as stop:
                # That the loss falls somewhere in a larger set says nothing about the cell.
                if stop.verdict[0] is Outcome.REFUTED and count == len(switches):
                    raise
                stops.append(stop)
            else:
                return
        open_ones = [stop for stop in stops if stop.verdict[0] is Outcome.OPEN]
        raise open_ones[0] if open_ones else _Stop(Outcome.OPEN, "no multipliers are found on an adjacent cell")

    def _inequalities(self, loss: Polynomial, switches: Sequence[Polynomial]) -> None:
        """A strict minimum where all switches are at least zero: multipliers, and the Hessian of the Lagrangian where all are zero."""
        rows = [[self._value(switch.derivative(k)) for k in range(self.size)] for switch in switches]
        gradient = [self._value(loss.derivative(k)) for k in range(self.size)]
        count = len(rows)
        gram = arb_mat(count, count, [_dot(one, two) for one in rows for two in rows])
        try:
            solved = gram.solve(arb_mat(count, 1, [_dot(row, gradient) for row in rows])).entries()
        except ZeroDivisionError:
            raise _Stop(Outcome.OPEN, "the gradients of curved switches may be dependent") from None
        if any(entry < 0 for entry in solved):
            raise _Stop(Outcome.REFUTED, "the loss falls from it into an adjacent cell")
        level = [k for k, entry in enumerate(solved) if not entry > 0]
        if not all(self._is_level(loss, switches, k) for k in level):
            raise _Stop(Outcome.OPEN, "a one-sided slope may be zero")
        # Where a multiplier is zero its switch bounds nothing: the Hessian has to be positive beyond it, too.
        solved = [arb(0) if k in level else entry for k, entry in enumerate(solved)]
        rows = [row for k, row in enumerate(rows) if k not in level]
        hessian = [
            [
                self._value(loss.derivative(i).derivative(j))
                - sum((nu * self._value(h.derivative(i).derivative(j)) for nu, h in zip(solved, switches, strict=True)), arb(0))
                for j in range(self.size)
            ]
            for i in range(self.size)
        ]
        columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(self.size)]
        # Positive definite on the common kernel of the rows, if it is so with some multiple of their squares added (Finsler).
        for weight in (1, 2**10, 2**20, 2**40):
            trial = [
                [entry + weight * _dot(column, other) for entry, other in zip(line, columns, strict=True)]
                for line, column in zip(hessian, columns, strict=True)
            ]
            if definite(trial):
                return
        raise _Stop(Outcome.OPEN, "the Hessian is not proved positive definite along the stratum")

    def _is_level(self, loss: Polynomial, switches: Sequence[Polynomial], chosen: int) -> bool:
        """Whether a multiplier is exactly zero: by Cramer's rule, in parameters on which the switches' gradients are independent."""
        count = len(switches)
        if count > MAX_CRAMER:
            return False
        for columns in combinations(range(self.size), count):
            matrix = [[switch.derivative(k) for k in columns] for switch in switches]
            if not self._value(_determinant(matrix)).contains(0):
                matrix[chosen] = [loss.derivative(k) for k in columns]
                return self.root.is_zero(_determinant(matrix))
        return False


def _determinant(rows: Sequence[Sequence[Polynomial]]) -> Polynomial:
    if len(rows) == 1:
        return rows[0][0]
    total = rows[0][0] * 0
    for k, entry in enumerate(rows[0]):
        if entry != 0:
            minor = _determinant([[*row[:k], *row[k + 1 :]] for row in rows[1:]])
            total = total + entry * minor if k % 2 == 0 else total - entry * minor
    return total


def blocks(rows: Mapping[int, Vector]) -> list[list[int]]:
    """Linear forms that share parameters, together."""
    groups: list[tuple[set[int], list[int]]] = []
    for number, row in rows.items():
        used = {k for k, entry in enumerate(row) if entry}
        met = [group for group in groups if group[0] & used]
        groups = [group for group in groups if group not in met]
        groups.append((used.union(*(group[0] for group in met)), [number, *(k for group in met for k in group[1])]))
    return [numbers for _, numbers in groups]


def restricted(matrix: Sequence[Sequence[arb]], basis: Sequence[Vector]) -> list[list[arb]]:
    images = [[sum((row[k] * vector[k] for k in range(len(vector)) if vector[k]), arb(0)) for row in matrix] for vector in basis]
    return [[sum((image[k] * other[k] for k in range(len(other)) if other[k]), arb(0)) for other in basis] for image in images]


def _independent(tangent: Sequence[Vector], rays: Sequence[Vector]) -> list[Vector]:
    """Rays that are linearly independent of the tangent space and of each other, as many as there are."""
    chosen: list[Vector] = []
    for ray in rays:
        rows = [*tangent, *chosen, ray]
        if fmpq_mat(rows).rank() == len(rows):
            chosen.append(ray)
    return chosen


def _dot(a: Sequence[arb], b: Sequence[arb]) -> arb:
    return sum((x * y for x, y in zip(a, b, strict=True)), arb(0))
