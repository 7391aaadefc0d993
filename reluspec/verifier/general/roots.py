"""Finding and certifying complex roots of square polynomial systems, many at once, in double precision.

Candidates come from eigenvectors and Newton steps: nothing rests on them. A candidate z is certified in the polydisc B of radius rho by
Krawczyk's condition: with any matrix Y, `|Y F(z)| + |1 - Y F'(B)| rho < rho` in every coordinate makes `x -> x - Y F(x)` a contraction,
so that B holds exactly one root, within the left-hand side of z. Every sum has a bound for what rounding may have done to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reluspec.verifier.general.quotient import Quotient, SizeError
from reluspec.verifier.raw import Polynomial

Complexes = NDArray[np.complex128]
Floats = NDArray[np.float64]

UNIT = 2.0**-52
STEPS = 12
MAX_DEGREE = 10
LARGE = 1e25
"""Coefficients and coordinates must be below it, and coefficients above its inverse: no product leaves the range of doubles then."""


@dataclass(frozen=True)
class Certified:
    """Points (k x n) with a root within `radius` (k) of each in every coordinate, and no other one within `alone`."""

    points: Complexes
    radius: Floats
    alone: Floats


class Evaluator:
    """Polynomials in the same variables, evaluated at many points in one product of matrices, with bounds for their errors."""

    def __init__(self, polynomials: Sequence[Polynomial], variables: int) -> None:
        self.count, self.variables = len(polynomials), variables
        tables = [one.to_dict() for one in polynomials]
        monomials = sorted({tuple(map(int, exponents))[:variables] for table in tables for exponents in table})
        self.exponents = np.array(monomials, dtype=int).reshape(len(monomials), variables)
        place = {monomial: k for k, monomial in enumerate(monomials)}
        self.coefficients = np.zeros((self.count, len(monomials)))
        for k, table in enumerate(tables):
            for exponents, value in table.items():
                number = int(value.p) / int(value.q)
                if not 1 / LARGE < abs(number) < LARGE:
                    raise SizeError("the numbers of a system are too large or too small for double precision")
                self.coefficients[k, place[tuple(map(int, exponents))[:variables]]] = number
        degree = int(self.exponents.sum(axis=1).max(initial=0))
        if degree > MAX_DEGREE:
            raise SizeError(f"a system of degree {degree} is too much for double precision")
        # A coefficient's rounding, one per factor (complex products lose up to three units), and the sum's.
        self.relative = UNIT * (8 + 4 * degree + 2 * len(monomials))

    def _monomials(self, points: NDArray[Any]) -> NDArray[Any]:
        product = np.ones((len(points), len(self.exponents)), dtype=points.dtype)
        for k in range(self.variables):
            power = points[:, k : k + 1] ** 0
            powers = [power]
            for _ in range(int(self.exponents[:, k].max(initial=0))):
                powers.append(powers[-1] * points[:, k : k + 1])
            product = product * np.concatenate(powers, axis=1)[:, self.exponents[:, k]]
        return product

    def at(self, points: Complexes) -> Complexes:
        """The values (points x polynomials), rounded."""
        return np.asarray(self._monomials(points) @ self.coefficients.T)

    def errors(self, points: Complexes, radius: Floats) -> Floats:
        """Bounds for how far values within `radius` of the points are from the rounded values at them."""
        size = np.abs(points) * (1 + 4 * UNIT)
        here = np.asarray(self._monomials(size))
        around = np.asarray(self._monomials((size + radius[:, None]) * (1 + 4 * UNIT)))
        # The difference of two rounded numbers: their own errors are a part of the last term.
        spread = np.maximum(around - here, 0) @ np.abs(self.coefficients).T
        return np.asarray(spread * (1 + self.relative) + (around @ np.abs(self.coefficients).T) * self.relative * 4 + 1e-290)


class Square:
    """A square system F with its Jacobian."""

    def __init__(self, equations: Sequence[Polynomial], variables: int) -> None:
        self.variables = variables
        self.values = Evaluator(equations, variables)
        self.slopes = Evaluator([one.derivative(k) for one in equations for k in range(variables)], variables)

    def _jacobians(self, points: Complexes) -> Complexes:
        return self.slopes.at(points).reshape(len(points), self.variables, self.variables)

    def polished(self, points: Complexes) -> Complexes:
        """A few steps of Newton's method; points that leave the range are dropped."""
        with np.errstate(all="ignore"):
            for _ in range(STEPS):
                points = points[np.all(np.isfinite(points) & (np.abs(points) < LARGE), axis=1)]
                try:
                    step = np.linalg.solve(self._jacobians(points), self.values.at(points)[:, :, None])[:, :, 0]
                except np.linalg.LinAlgError:
                    break
                points = points - step
        return points[np.all(np.isfinite(points) & (np.abs(points) < LARGE), axis=1)]

    def certify(self, points: Complexes) -> Certified:
        """Those of the points that are certified."""
        kept: list[Certified] = []
        left = np.where(np.abs(points) < 1 / LARGE, 0, points)
        for exponent in (-12, -10, -8, -6, -5, -4):
            if not len(left):
                break
            good, found = self._krawczyk(left, 10.0**exponent)
            kept.append(found)
            left = left[~good]
        if not kept:
            return Certified(points, np.zeros(0), np.zeros(0))
        return Certified(*(np.concatenate([getattr(one, name) for one in kept]) for name in ("points", "radius", "alone")))

    def _krawczyk(self, points: Complexes, scale: float) -> tuple[NDArray[np.bool_], Certified]:
        size = self.variables
        radius = scale * (1 + np.abs(points).max(axis=1, initial=0))
        with np.errstate(all="ignore"):
            jacobians = self._jacobians(points)
            inverses = np.zeros_like(jacobians)
            for k, matrix in enumerate(jacobians):
                try:
                    inverses[k] = np.linalg.inv(matrix)
                except np.linalg.LinAlgError:
                    inverses[k] = np.nan
            rounding = 1 + UNIT * (16 + 8 * size)
            sizes = np.abs(inverses) * rounding
            residual, blur = self.values.at(points), self.values.errors(points, np.zeros(len(points)))
            # |Y F(z)|, with the errors of F and of the product.
            first = (
                np.abs(inverses @ residual[:, :, None])[:, :, 0] + (sizes @ (np.abs(residual) * (rounding - 1) + blur)[:, :, None])[:, :, 0]
            )
            spread = self.slopes.errors(points, radius).reshape(jacobians.shape)
            defect = np.abs(np.eye(size) - inverses @ jacobians) + sizes @ (np.abs(jacobians) * (rounding - 1) + spread) + (rounding - 1)
            inner = (first + defect.sum(axis=2) * radius[:, None]) * rounding * rounding + 1e-290
            good = np.all(inner < radius[:, None] * (1 - 8 * UNIT), axis=1)
        return good, Certified(points[good], inner[good].max(axis=1, initial=0), radius[good])


def candidates(quotient: Quotient, seed: int) -> Complexes:
    """Approximate solutions: joint eigenvectors of the multiplications, of which a random mixture tells the solutions apart."""
    matrices = quotient.floats()
    weights = np.random.default_rng(seed).normal(size=len(matrices))
    with np.errstate(all="ignore"):
        mixed = np.tensordot(weights, matrices, axes=1)
        if not np.all(np.isfinite(mixed)):
            raise SizeError("the numbers of a system are too large")
        _, vectors = np.linalg.eig(mixed.T)
        norms = (np.abs(vectors) ** 2).sum(axis=0)
        found = [np.einsum("ik,ik->k", vectors.conj(), matrix.T @ vectors) / norms for matrix in matrices]
    return np.array(found, dtype=complex).reshape(len(matrices), -1).T


def distinct(found: Certified) -> Certified:
    """One of each: a later point whose polydisc meets an earlier one's is left out."""
    chosen: list[int] = []
    for k in range(len(found.points)):
        gaps = [np.abs(found.points[k] - found.points[j]).max(initial=0) * (1 - 8 * UNIT) for j in chosen]
        if all(gap > found.radius[k] + found.radius[j] for gap, j in zip(gaps, chosen, strict=True)):
            chosen.append(k)
    return Certified(found.points[chosen], found.radius[chosen], found.alone[chosen])
