"""What other tools make of a problem that reluspec lists completely: `python tests/bench/comparison.py [PART...] [--runs N]`.

Parts: reluspec, scipy, sklearn, torch, singular, msolve; by default all that are installed. A run of an optimiser *reaches* a component if
its last loss is within one in a thousand of the component's. The algebra systems get the raw systems that `reluspec system` writes, stratum
by stratum; with finitely many complex solutions one would still have to isolate the real ones, check signs, and tell minima. Set
OMP_NUM_THREADS=1: the matrices are too small for more.
"""

from __future__ import annotations

import argparse
import platform
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

import reluspec
from reluspec.engines.algebraic.ideals.msolve import find_msolve
from reluspec.regions.signs import parse_signs
from reluspec.systems.system import stratum_system
from reluspec.systems.writers import WRITERS

ROOT = Path(__file__).resolve().parents[2]
NEAR = 1e-3
SYSTEM_SECONDS = 10


class Poster:
    """Loss and gradient of specs/poster.rspec in floating point, for one theta or a batch."""

    def __init__(self) -> None:
        self.problem = reluspec.load(ROOT / "specs" / "poster.rspec")
        self.x = np.array([float(point[0]) for point in self.problem.data.x])
        self.y = np.array([float(value[0]) for value in self.problem.data.y])

    def __call__(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        w, c, a = theta.reshape(3, 2)
        z = np.outer(self.x, w) + c
        hidden = np.maximum(z, 0)
        residual = hidden @ a - self.y
        pull = 2 * residual[:, None] * (z > 0) * a
        gradient = np.concatenate([self.x @ pull, pull.sum(axis=0), 2 * hidden.T @ residual])
        return residual @ residual + 0.1 * theta @ theta, gradient + 0.2 * theta


def report(name: str, ends: np.ndarray, minima: Any, seconds: float) -> None:
    """How many of the runs reach which component."""
    losses = np.array([float(component.loss) for component in minima])
    distance = np.abs(ends[:, None] / losses - 1)
    nearest = np.where(distance.min(axis=1) < NEAR, distance.argmin(axis=1), -1)
    shown = "  ".join(f"{component.id}: {np.sum(nearest == k)}" for k, component in enumerate(minima))
    print(f"{name}: {len(ends)} runs, {seconds:.1f} s; {shown}; none: {np.sum(nearest == -1)}", flush=True)


def part_reluspec(runs: int) -> None:
    poster = Poster()
    start = time.perf_counter()
    minima = reluspec.solve(poster.problem)
    print(f"reluspec {reluspec.__version__}: {time.perf_counter() - start:.2f} s in a running Python; complete: {minima.complete}")
    print(minima, flush=True)


def part_scipy(runs: int) -> None:
    import scipy
    from scipy.optimize import basinhopping, minimize

    poster, random = Poster(), np.random.default_rng(0)
    minima = reluspec.solve(poster.problem)
    for method in ("L-BFGS-B", "BFGS", "Nelder-Mead"):
        gradient = method != "Nelder-Mead"
        function: Any = poster if gradient else lambda theta: poster(theta)[0]
        options = {} if gradient else {"maxfev": 20_000, "maxiter": 20_000, "xatol": 1e-8, "fatol": 1e-10}
        start = time.perf_counter()
        found = [minimize(function, random.normal(size=6), jac=gradient, method=method, options=options) for _ in range(runs)]
        seconds = time.perf_counter() - start
        report(f"SciPy {scipy.__version__} {method}", np.array([run.fun for run in found]), minima, seconds)
        print(f"  converged, it says: {sum(run.success for run in found)}")
    start = time.perf_counter()
    hopped = [
        basinhopping(poster, random.normal(size=6), niter=100, minimizer_kwargs={"jac": True, "method": "L-BFGS-B"}, rng=seed)
        for seed in range(max(runs // 100, 1))
    ]
    report("SciPy basinhopping, 100 hops each", np.array([run.fun for run in hopped]), minima, time.perf_counter() - start)


SCIKIT_LEARN = """title "What scikit-learn's MLPRegressor minimises on the poster's data"
data { x = [-3, -1, 0, 1, 2]  y = [3/2, 1/2, 2, 1, 1/2] }
network { input 1  hidden: layer 2 relu  output: layer 1 linear }
loss sum squared_error
regulariser ridge(1/10) on weights
"""


def part_sklearn(runs: int) -> None:
    """Another objective than the poster's: MLPRegressor has an output bias and penalises no bias.

    It minimises 1/(2n) sum (y - f)^2 + alpha/(2n) sum w^2 over the weights w (`_backprop` in its source); times 2n this is the sum of
    squared errors plus `ridge(alpha) on weights`. So reluspec solves that problem here.
    """
    import warnings

    import sklearn
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPRegressor

    poster = Poster()
    start = time.perf_counter()
    minima = reluspec.solve(reluspec.parse(SCIKIT_LEARN))
    print(f"reluspec on scikit-learn's objective: {time.perf_counter() - start:.1f} s")
    print(minima, flush=True)
    ends, converged = [], 0
    start = time.perf_counter()
    for seed in range(runs):
        model = MLPRegressor(
            hidden_layer_sizes=(2,), solver="lbfgs", alpha=0.1, max_iter=20_000, max_fun=100_000, tol=1e-10, random_state=seed
        )
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always", ConvergenceWarning)
            model.fit(poster.x[:, None], poster.y)
        converged += not said
        residual = model.predict(poster.x[:, None]) - poster.y
        ends.append(2 * len(poster.x) * model.loss_)
        own = residual @ residual + 0.1 * sum((weights**2).sum() for weights in model.coefs_)
        # Where the line search gives up, the model keeps weights of a point that it tried, not those of its loss.
        assert said or abs(ends[-1] - own) < 1e-6 * own
    seconds = time.perf_counter() - start
    distinct = {f"{float(component.loss):.10g}": component for component in reversed(minima.components)}
    report(f"scikit-learn {sklearn.__version__} lbfgs", np.array(ends), list(reversed(distinct.values())), seconds)
    print(f"  converged, it says: {converged}")


def part_torch(runs: int) -> None:
    import torch

    poster, steps = Poster(), 20_000
    minima = reluspec.solve(poster.problem)
    torch.manual_seed(0)
    x, y = torch.tensor(poster.x), torch.tensor(poster.y)
    theta = torch.randn(runs, 3, 2, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.Adam([theta], lr=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)

    def losses() -> Any:
        hidden = torch.relu(x[None, :, None] * theta[:, 0, None, :] + theta[:, 1, None, :])
        return (((hidden * theta[:, 2, None, :]).sum(-1) - y) ** 2).sum(-1) + 0.1 * (theta**2).sum((1, 2))

    start = time.perf_counter()
    for _ in range(steps):
        optimiser.zero_grad()
        losses().sum().backward()
        optimiser.step()
        schedule.step()
    name = f"PyTorch {torch.__version__} Adam, {steps:,} steps from 0.01 down to 0, all runs in one batch"
    report(name, losses().detach().numpy(), minima, time.perf_counter() - start)


def over_systems(name: str, run: Callable[[str], str], form: str) -> None:
    """Run a program on the raw systems of the poster's cells, then of all its strata."""
    problem = reluspec.load(ROOT / "specs" / "poster.rspec")
    regions = reluspec.region_graph(problem)
    for what, strata in (("cells", list(regions.strata(0, up_to_exchange=True))), ("strata", list(regions.strata(up_to_exchange=True)))):
        outcomes: dict[str, int] = {}
        start = time.perf_counter()
        for stratum in strata:
            try:
                text = WRITERS[form](stratum_system(problem, parse_signs(problem, stratum.name)))
                outcome = run(text)
            except reluspec.ReluspecError:
                outcome = "no system: nothing is free"
            except subprocess.TimeoutExpired:
                outcome = f"more than {SYSTEM_SECONDS} s"
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
        print(f"{name}: {len(strata)} {what}: {time.perf_counter() - start:.1f} s; {outcomes}", flush=True)


def part_singular(runs: int) -> None:
    version = subprocess.run(["Singular", "--version"], capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL).stdout.split(
        "\n"
    )[0]

    def run(text: str) -> str:
        done = subprocess.run(
            ["Singular", "-q"], input=text + "\nquit;\n", capture_output=True, text=True, timeout=SYSTEM_SECONDS, check=True
        )
        dimension = done.stdout.split("\n")[0]
        return {"-1": "no solution", "0": "finitely many complex solutions"}.get(dimension, "positive dimension")

    over_systems(version, run, "singular")


def part_msolve(runs: int) -> None:
    program = find_msolve()

    def run(text: str) -> str:
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder) / "in.ms", Path(folder) / "out.ms"
            source.write_text(text)
            subprocess.run([str(program), "-f", source, "-o", target], capture_output=True, timeout=SYSTEM_SECONDS, check=False)
            answer = target.read_text() if target.exists() else ""
        kinds = {"[-1": "no solution", "[0": "finitely many complex solutions", "[1": "positive dimension"}
        return next((kind for start, kind in kinds.items() if answer.startswith(start)), "failed")

    over_systems(f"msolve ({program})", run, "msolve")


def installed() -> Iterable[str]:
    import importlib.util

    yield "reluspec"
    yield from (name for name in ("scipy", "sklearn", "torch") if importlib.util.find_spec(name))
    if shutil.which("Singular"):
        yield "singular"
    if find_msolve():
        yield "msolve"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*")
    parser.add_argument("--runs", type=int, default=1000)
    arguments = parser.parse_args()
    print(f"Python {platform.python_version()}, NumPy {np.__version__}, {platform.machine()}")
    for name in arguments.parts or list(installed()):
        globals()[f"part_{name}"](arguments.runs)


if __name__ == "__main__":
    main()
