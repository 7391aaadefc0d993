"""The systems of a stratum: what its critical points, and points where the constraints are dependent, must solve."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flint import fmpq, fmpq_mat

from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs
from reluspec.verifier.raw import Polynomial, Ring, SingularError

MAX_BRANCHES = 64


@dataclass(frozen=True)
class System:
    """Equations in the free parameters `unknown` and multipliers, the strict switches with their signs, and all parameters in the unknowns.

    The solutions of a `dependent` system are points where constraints are dependent.
    """

    ring: Ring
    equations: tuple[Polynomial, ...]
    unknown: tuple[int, ...]
    strict: tuple[tuple[Polynomial, int], ...]
    images: tuple[Polynomial, ...]
    dependent: bool = False


def systems(problem: Problem, signs: Signs) -> Iterator[System]:
    """The systems that every local minimum in the stratum solves one of; none where no parameters have these signs."""
    zeros = [switch for switch, sign in Ring(problem).surrogate(signs).switches if sign == 0 and switch != 0]
    ring = Ring(problem, len(zeros))
    surrogate = ring.surrogate(signs)
    strict = [(switch, sign) for switch, sign in surrogate.switches if sign]
    yield from branches(ring, [switch for switch, sign in surrogate.switches if sign == 0], surrogate.loss, strict)


def branches(ring: Ring, zeros: Sequence[Polynomial], loss: Polynomial, strict: Sequence[tuple[Polynomial, int]]) -> Iterator[System]:
    """The systems of the points where some polynomials are zero and others have strict signs.

    On the stratum zero switches are constraints. Those that one parameter enters linearly, with a constant coefficient, are solved for it;
    one that is a product puts its points on a factor's zeros, so there is a system for each. What is left has multipliers, and a second
    kind of system where the gradients of constraints are dependent: there multipliers need not exist (Fritz John).
    """
    waiting = [(list(ring.gens), list(zeros))]
    seen = 0
    while waiting:
        seen += 1
        if seen > MAX_BRANCHES:
            raise SingularError("its constraints have too many factors")
        images, constraints = waiting.pop()
        own = _solved(ring, images, constraints)
        if own is None:
            continue
        images, constraints = own
        signed = [(switch.compose(*images), sign) for switch, sign in strict]
        if any(_refuted(switch, sign) for switch, sign in signed):
            continue
        split = next(((one, parts) for one in constraints if (parts := _parts(one))), None)
        if split is None:
            yield from _lagrange(ring, images, constraints, loss, signed)
            continue
        rest = [one for one in constraints if one is not split[0]]
        forbidden = [_monic(switch) for switch, _ in signed]
        waiting.extend((images, [*rest, part]) for part in split[1] if _monic(part) not in forbidden)


def _solved(
    ring: Ring, images: Sequence[Polynomial], constraints: Sequence[Polynomial]
) -> tuple[list[Polynomial], list[Polynomial]] | None:
    """Solve what can be solved for a parameter; `None` if the constraints contradict each other."""
    images = list(images)
    rest = [one.compose(*images) for one in constraints]
    while True:
        rest = _independent(rest)
        if any(one.total_degree() <= 0 for one in rest):
            return None
        lowest = sorted(rest, key=lambda one: int(one.total_degree()))
        found = next(((one, k) for one in lowest for k in range(ring.size) if _graph(one, k)), None)
        if found is None:
            return images, rest
        one, k = found
        move = list(ring.gens)
        coefficient = one.derivative(k).to_dict()[(0,) * len(move)]
        move[k] = ring.gens[k] - one * (1 / coefficient)
        images = [image.compose(*move) for image in images]
        rest = [other.compose(*move) for other in rest if other is not one]


def _independent(polynomials: Sequence[Polynomial]) -> list[Polynomial]:
    """Polynomials with the same span over the rationals, linearly independent."""
    if len(polynomials) < 2:
        return [one for one in polynomials if one != 0]
    tables = [one.to_dict() for one in polynomials]
    monomials = sorted({monomial for table in tables for monomial in table}, reverse=True)
    if not monomials:
        return []
    reduced, rank = fmpq_mat([[table.get(monomial, fmpq(0)) for monomial in monomials] for table in tables]).rref()
    context = polynomials[0].context()
    rows = [{monomial: reduced[k, j] for j, monomial in enumerate(monomials) if reduced[k, j]} for k in range(int(rank))]
    return [context.from_dict(row) for row in rows]


def _graph(polynomial: Polynomial, k: int) -> bool:
    """Whether it is a constant times the variable plus something without it."""
    slope = polynomial.derivative(k)
    return bool(slope != 0 and slope.total_degree() <= 0)


def _refuted(switch: Polynomial, sign: int) -> bool:
    """Whether a switch is a constant of another sign."""
    if switch == 0:
        return True
    if switch.total_degree() > 0:
        return False
    (value,) = switch.to_dict().values()
    return bool(value * sign < 0)


def _parts(polynomial: Polynomial) -> list[Polynomial]:
    """The factors of a polynomial that is a product or a power."""
    factors = polynomial.factor()[1]
    return [factor for factor, _ in factors] if sum(power for _, power in factors) > 1 else []


def _monic(polynomial: Polynomial) -> Polynomial:
    return polynomial * (1 / polynomial.leading_coefficient())


def _lagrange(
    ring: Ring, images: list[Polynomial], constraints: list[Polynomial], loss: Polynomial, strict: list[tuple[Polynomial, int]]
) -> Iterator[System]:
    free = [k for k in range(ring.size) if images[k] == ring.gens[k]]
    multipliers = [ring.size + k for k in range(len(constraints))]
    lagrangian = loss.compose(*images)
    for k, constraint in zip(multipliers, constraints, strict=True):
        lagrangian = lagrangian + ring.gens[k] * constraint
    equations = [lagrangian.derivative(k) for k in free] + constraints
    yield System(ring, tuple(equations), (*free, *multipliers), tuple(strict), tuple(images[: ring.size]))
    for last, k in enumerate(multipliers):
        # Multipliers up to a common factor: the last one that is not zero is 1.
        mixed = constraints[last]
        for j, other in zip(multipliers[:last], constraints, strict=False):
            mixed = mixed + ring.gens[j] * other
        equations = [one for one in (*(mixed.derivative(j) for j in free), *constraints) if one != 0]
        yield System(ring, tuple(equations), (*free, *(j for j in multipliers if j < k)), tuple(strict), tuple(images[: ring.size]), True)
