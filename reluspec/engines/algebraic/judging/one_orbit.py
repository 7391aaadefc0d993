"""Affine families that are one orbit of rescalings of units: a verdict at one point of them is that of all (`rescalings`).

An open orthant of coordinates, all else fixed, is an orbit if the rescalings that leave the other coordinates alone multiply those of the
orthant by any positive numbers: if the rank of their exponents is as large as it can be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from flint import fmpq_mpoly

from reluspec.engines.algebraic.exact.linear import dual_basis, kernel
from reluspec.engines.algebraic.exact.scalars import FRACTIONS
from reluspec.engines.algebraic.ideals.groebner import ring
from reluspec.engines.algebraic.stationary.curves import terms_of
from reluspec.engines.algebraic.stationary.polyhedra import CriticalSet
from reluspec.engines.algebraic.stationary.rescaled import Rescaled, Rescaling
from reluspec.engines.algebraic.stationary.rescalings import Exponents, integral, unit_rescalings
from reluspec.problem.problem import Problem


def as_one_orbit(problem: Problem, found: CriticalSet) -> CriticalSet | None:
    """The family as the orbit of a point at which its coordinates are 1 or -1; `None` where it is not proved to be one."""
    moving = [k for k in range(len(found.witness)) if any(step[k] != 0 for step in found.directions)]
    charted = {unit.output: sigma for unit, sigma in zip(found.living, found.sigma, strict=True)}
    plain = not (found.is_curved or found.curve or found.rescaled or any(unit.incoming for unit in found.living))
    if not plain or len(moving) != len(found.directions) or not moving or not charted.keys() <= set(moving):
        return None
    if not all(_has_one_sign(found, k) for k in moving):
        return None
    still = [k for k, entry in enumerate(found.witness) if k not in moving and entry != 0]
    rescalings = _independent(unit_rescalings(problem), moving, still)
    if rescalings is None:
        return None
    one, zero = found.field.element(1), found.field.element(0)
    signs = {k: charted.get(k, found.witness[k].sign()) for k in moving}
    witness = tuple(one * signs[k] if k in signs else entry for k, entry in enumerate(found.witness))
    gens: Sequence[fmpq_mpoly] = ring(len(witness)).gens()
    moved = tuple(Rescaling(c, terms_of(gens[k])) for c, k in zip(rescalings, moving, strict=True))
    steps = tuple(tuple(one if j == k else zero for j in range(len(witness))) for k in moving)
    return replace(
        found,
        living=(),
        sigma=(),
        witness=witness,
        directions=steps,
        vertices=(witness,),
        rays=(),
        tight=(frozenset(),),
        rescaled=Rescaled(moved, ()),
    )


def _has_one_sign(found: CriticalSet, k: int) -> bool:
    """Whether a coordinate has one sign, and is any number of this sign, on the open family."""
    signs = {vector[k].sign() for vector in (*found.vertices, *found.rays)} - {0}
    return len(signs) == 1


def _independent(lattice: Sequence[Exponents], moving: Sequence[int], still: Sequence[int]) -> list[Exponents] | None:
    """For each moving coordinate a rescaling that moves it and no other of them, and none that is to stay; `None` where there is none."""
    rows = [[Fraction(c[k]) for c in lattice] for k in still]
    left = [_combined(shares, lattice) for shares in (kernel(rows, len(lattice), FRACTIONS) if lattice else ())]
    dual = dual_basis([[Fraction(c[k]) for c in left] for k in moving], len(left), FRACTIONS) if left else None
    return None if dual is None else [_combined(shares, left) for shares in dual]


def _combined(shares: Sequence[Fraction], lattice: Sequence[Exponents]) -> Exponents:
    """The rescaling with so much of each of these."""
    every = range(len(lattice[0]))
    return integral([sum((share * c[k] for share, c in zip(shares, lattice, strict=True)), Fraction(0)) for k in every])
