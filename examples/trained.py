"""Train a network many times with a real optimiser, and count which of the certified minima it reaches.

Run it from the checkout:  python examples/trained.py [STARTS]    (needs SciPy; with PyTorch installed, it trains, too)
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec

import numpy as np
from scipy.optimize import minimize

import reluspec
from reluspec.checking import Check

SPEC = """
title "Five points, two units"
data {
    x = [-3, -1, 0, 1, 2]
    y = [3/2, 1/2, 2, 1, 1/2]
}
network {
    input 1
    hidden: layer 2 relu
    output: layer 1 linear
}
loss mean squared_error
regulariser ridge(1/50)
"""
X = np.array([-3, -1, 0, 1, 2.0])
Y = np.array([1.5, 0.5, 2, 1, 0.5])
RIDGE = 1 / 50
TOLERANCE = 1e-3


def loss_and_gradient(theta: np.ndarray) -> tuple[float, np.ndarray]:
    """The loss of the spec at (w, c, a, d) for two units; where a unit has its kink on a point, a one-sided gradient."""
    w, c, a = theta[:6].reshape(3, 2)
    z = np.outer(X, w) + c
    hidden = np.maximum(z, 0)
    residual = hidden @ a + theta[6] - Y
    pull = 2 / len(X) * residual
    inner = pull[:, None] * (z > 0) * a
    gradient = np.concatenate([X @ inner, inner.sum(axis=0), pull @ hidden, [pull.sum()]]) + 2 * RIDGE * theta
    return float((residual**2).mean() + RIDGE * theta @ theta), gradient


def named(theta: np.ndarray) -> dict[str, np.ndarray]:
    """theta under PyTorch's names."""
    w, c, a = theta[:6].reshape(3, 2)
    return {"hidden.weight": w[:, None], "hidden.bias": c, "output.weight": a[None, :], "output.bias": theta[6:]}


def by_scipy(count: int) -> Iterator[dict[str, np.ndarray]]:
    """BFGS from random starts; a simplex search finishes what stops at a kink."""
    random = np.random.default_rng(0)
    for _ in range(count):
        found = minimize(loss_and_gradient, random.normal(size=7), jac=True, method="BFGS", options={"gtol": 1e-10})
        for _ in range(4):
            options = {"xatol": 1e-11, "fatol": 1e-15, "maxiter": 4000, "maxfev": 4000}
            found = minimize(lambda theta: loss_and_gradient(theta)[0], found.x, method="Nelder-Mead", options=options)
        yield named(found.x)


def by_pytorch(count: int) -> Iterator[dict[str, object]]:
    """Adam, at the end with a falling rate, in double precision; a state dict is what `check` takes."""
    import torch
    from torch import nn

    x, y = torch.tensor(X)[:, None], torch.tensor(Y)[:, None]
    for seed in range(count):
        torch.manual_seed(seed)
        model = nn.Sequential()
        for name, layer in (("hidden", nn.Linear(1, 2)), ("relu", nn.ReLU()), ("output", nn.Linear(2, 1))):
            model.add_module(name, layer)
        model.double()
        optimiser = torch.optim.Adam(model.parameters(), lr=0.03)
        rates = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 0.997 ** max(step - 4000, 0))
        for _ in range(7000):
            optimiser.zero_grad()
            loss = ((model(x) - y) ** 2).mean() + RIDGE * sum((tensor**2).sum() for tensor in model.parameters())
            loss.backward()
            optimiser.step()
            rates.step()
        yield dict(model.state_dict())


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    problem = reluspec.parse(SPEC)
    minima = reluspec.solve(problem)
    print(minima)
    optimisers: dict[str, Callable[[int], Iterator[Mapping[str, object]]]] = {"SciPy": by_scipy}
    if find_spec("torch"):
        optimisers["PyTorch"] = by_pytorch
    else:
        print("\nPyTorch is not installed: only SciPy trains")
    for name, train in optimisers.items():
        reached = Counter(_where(reluspec.check(problem, theta, TOLERANCE, minima)) for theta in train(count))
        print(f"\n{count} runs of {name} ended, within a relative distance of {TOLERANCE:g}, at")
        for place, runs in sorted(reached.items()):
            print(f"  {place}: {runs}")


def _where(found: Check) -> str:
    if found.nearest is not None and found.nearest.belongs:
        return f"component {found.nearest.component}{' (the global minimum)' if found.is_global_minimum else ''}"
    return "no minimum" if found.descent is None else f"no minimum: the loss still falls ({found.descent.kind})"


if __name__ == "__main__":
    main()
