"""The external program msolve as a Groebner back end: same bases as FLINT's, clear errors."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from flint import Ordering, fmpq, fmpq_mpoly_ctx

from reluspec.engines.algebraic.ideals import msolve
from reluspec.engines.algebraic.ideals.groebner import SolvingLimit, flint_basis
from reluspec.engines.algebraic.ideals.msolve import Msolve, MsolveError, find_msolve, msolve_basis
from reluspec.engines.algebraic.ideals.solving import solve_system

CONTEXT = fmpq_mpoly_ctx.get(["hidden.weight[0,0]", "b", "c"], Ordering.degrevlex)
X, Y, Z = CONTEXT.gens()
SYSTEMS = [
    [X**2 + Y**2 - 1, 2 * X * Y - Z, 3 * Z - 7 * X],
    [X * Y, X**2 - X / 3],
    [X**3 * fmpq(12345678901234567890, 7) - Y * Z**2 + fmpq(1, 10**20), X * Y - Z, Y**2 - Z],
    [X * Y - 1, X],
    [X - Y],
    [Z],
]
needs_msolve = pytest.mark.skipif(find_msolve() is None, reason="msolve is not installed")


def program(folder: Path, body: str) -> Path:
    """A stand-in for msolve: `body` sees the output path as `out`."""
    path = folder / "msolve"
    path.write_text(f"#!{sys.executable}\nimport sys, time\nout = sys.argv[sys.argv.index('-o') + 1]\n{body}\n")
    path.chmod(0o755)
    return path


@needs_msolve
@pytest.mark.parametrize("system", SYSTEMS)
def test_same_basis_as_flint(system: list) -> None:
    found, expected = msolve_basis(CONTEXT, system), flint_basis(CONTEXT, system)
    assert sorted(map(str, found)) == sorted(map(str, expected))


@needs_msolve
def test_solving_with_msolve() -> None:
    assert len(solve_system(CONTEXT, SYSTEMS[0], groebner=msolve_basis).sets) == len(solve_system(CONTEXT, SYSTEMS[0]).sets)


def test_trivial_systems_need_no_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(msolve, "find_msolve", lambda: None)
    assert msolve_basis(CONTEXT, []) == []
    assert msolve_basis(CONTEXT, [0 * X]) == []
    assert msolve_basis(CONTEXT, [X, CONTEXT.constant(3)]) == [CONTEXT.constant(1)]


def test_missing_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(msolve, "find_msolve", lambda: None)
    with pytest.raises(MsolveError, match="pip install"):
        msolve_basis(CONTEXT, [X])


def test_path_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = program(tmp_path, "")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_msolve() == expected


ANSWER = "#field characteristic: 0\\n[x0^2*x1-3/2*x2, \\n2 / 2*x1 - 5 / 2^3]:\\n"


@pytest.mark.parametrize(
    ("body", "error", "message"),
    [
        ("time.sleep(20)", SolvingLimit, "more than 0.5 s"),
        ("sys.exit('no memory')", SolvingLimit, "no memory"),
        ("sys.exit(3)", SolvingLimit, "exit code 3"),
        ("open(out, 'w').write('#field characteristic: 1073741827\\n[x0]:')", MsolveError, "rationals"),
        ("open(out, 'w').write('#field characteristic: 0\\n[x0')", SolvingLimit, "no list"),
        ("open(out, 'w').write('#field characteristic: 0\\n[x0+y]:')", SolvingLimit, "cannot be read"),
        ("open(out, 'w').write('#field characteristic: 0\\n[x1]:')", SolvingLimit, "does not generate"),
    ],
)
def test_failures(tmp_path: Path, body: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Msolve(program(tmp_path, body), seconds=0.5)(CONTEXT, [X * Y - Z])


def test_forms_of_numbers(tmp_path: Path) -> None:
    backend = Msolve(program(tmp_path, f"open(out, 'w').write('{ANSWER}')"))
    first, second = X**2 * Y - fmpq(3, 2) * Z, Y - fmpq(5, 8)
    assert backend(CONTEXT, [first, second]) == [first, second]


def test_program_that_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(MsolveError, match="does not start"):
        Msolve(tmp_path / "nothing")(CONTEXT, [X])
