"""Is a critical point a local minimum? All tests together: along the stratum, the one-sided ones, and falling lines."""

from __future__ import annotations

import random
from collections.abc import Container, Iterator, Sequence

import numpy as np
from flint import arb, ctx, fmpq

from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs
from reluspec.verifier.claims import Outcome
from reluspec.verifier.forms import inertia
from reluspec.verifier.general.refine import Critical
from reluspec.verifier.local_minimum import Verdict, local_minimum
from reluspec.verifier.raw import Polynomial, Root, at

LINES = 300
"""Random directions in which the loss is looked at in floating point."""
TRIED = 12
"""The best of them that are tried in balls."""
STEP = 1e-3


def judged(problem: Problem, found: Critical, strata: Container[Signs] | None, bits: int) -> Verdict:
    """The verdict and its reason."""
    with ctx.workprec(bits):
        shape = inertia(found.hessian)
        if shape is not None and shape[1] > found.multipliers:
            return Outcome.REFUTED, "the Hessian has a negative direction along the stratum"
        verdict = local_minimum(problem, found.signs, found.root, strata, found.codimension)
        if verdict[0] is Outcome.OPEN and any(falls(found.root, found.signs, direction) for direction in _directions(problem, found.root)):
            return Outcome.REFUTED, "the loss falls from it along a line"
        return verdict


def bends(root: Root) -> bool:
    """Whether a direction is found in which the second derivative of the cell's polynomial is negative, be the gradient zero or not."""
    size = root.ring.size
    slopes = [root.surrogate.loss.derivative(k) for k in range(size)]
    hessian = [[at(one.derivative(k), root.theta) for k in range(size)] for one in slopes]
    _, vectors = np.linalg.eigh(np.array([[float(entry.mid()) for entry in row] for row in hessian]))
    vector = [fmpq(round(float(entry) * 2**20), 2**20) for entry in vectors[:, 0]]
    return bool(sum((a * b * hessian[i][j] for i, a in enumerate(vector) for j, b in enumerate(vector)), arb(0)) < 0)


def _directions(problem: Problem, root: Root) -> Iterator[list[fmpq]]:
    """Rational directions in which the loss seems to fall: of all parameters, and of those that are zero at the point."""
    theta = [float(entry.mid()) for entry in root.theta]
    zero = [k for k, image in enumerate(root.affine.images[: len(theta)]) if image == 0]
    for used in (zero, list(range(len(theta)))):
        found = sorted(_falling(problem, theta, used))
        for _, direction in found[:TRIED]:
            yield [fmpq(entry, 1000) for entry in direction]


def _falling(problem: Problem, theta: Sequence[float], used: Sequence[int]) -> Iterator[tuple[float, list[int]]]:
    choose = random.Random(len(theta))
    here = _loss(problem, theta)
    for _ in range(LINES if used else 0):
        direction = [0] * len(theta)
        for k in used:
            direction[k] = round(1000 * choose.gauss(0, 1))
        change = _loss(problem, [a + STEP * b / 1000 for a, b in zip(theta, direction, strict=True)]) - here
        if change < 0:
            yield change, direction


def _loss(problem: Problem, theta: Sequence[float]) -> float:
    return float(problem.loss_at(problem.tensors(theta, float)))


class _Unknown(Exception):  # noqa: N818
    """A sign is not known."""


def falls(root: Root, signs: Signs, direction: Sequence[fmpq]) -> bool:
    """Whether the loss is proved to fall from the point in this direction.

    On the line `theta + t d` every switch is a polynomial in t; the sign of its first coefficient that is not zero is its side for small
    t > 0. So is that of the loss. At t = 0 the signs are the stratum's; a further coefficient is zero if it is so by the exact relations
    between the point's coordinates.
    """
    here = iter(signs.all)

    def along(polynomial: Polynomial) -> int:
        """The sign of the first coefficient from t^1 on."""
        for _ in range(int(polynomial.total_degree())):
            polynomial = sum((polynomial.derivative(k) * entry for k, entry in enumerate(direction) if entry), polynomial * 0)
            value = at(polynomial, root.theta)
            if value > 0 or value < 0:
                return 1 if value > 0 else -1
            if not root.is_zero(polynomial):
                raise _Unknown
        return 0

    def choose(switch: Polynomial) -> int:
        return {"+": 1, "-": -1, "0": 0}[next(here)] or along(switch)

    try:
        return along(root.ring.forward(choose)) < 0
    except _Unknown:
        return False
