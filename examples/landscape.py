"""From data to a certified list of minima, and what gradient descent finds of it.

Run it from the checkout:  python examples/landscape.py
"""

from __future__ import annotations

from collections import Counter

import numpy as np

import reluspec

SPEC = """
title "Six points, two units"
data {
    x = [-2, -1, 0, 1, 2, 3]
    y = [1, 0, 1, -1, 1/2, 2]
}
network {
    input 1
    hidden: layer 2 relu
    output: layer 1 linear without bias
}
loss sum squared_error
regulariser ridge(1/10)
"""


def descend(x: np.ndarray, y: np.ndarray, ridge: float, start: np.ndarray, steps: int = 8_000, rate: float = 0.004) -> float:
    """Plain gradient descent on theta = (w, c, a) with two units; the loss it ends at."""
    theta = start.copy()
    for step in range(steps):
        w, c, a = theta.reshape(3, 2)
        z = np.outer(x, w) + c
        on = z > 0
        residual = np.where(on, z, 0) @ a - y
        pull = 2 * residual[:, None] * on * a
        gradient = np.concatenate([x @ pull, pull.sum(axis=0), 2 * residual @ np.where(on, z, 0)]) + 2 * ridge * theta
        theta -= rate / (1 + step / 2000) * gradient  # shorter and shorter steps settle on kinks
    w, c, a = theta.reshape(3, 2)
    return float(((np.maximum(np.outer(x, w) + c, 0) @ a - y) ** 2).sum() + ridge * theta @ theta)


def main() -> None:
    problem = reluspec.parse(SPEC)
    minima = reluspec.solve(problem)
    print(minima)
    print()
    x = np.array([float(point[0]) for point in problem.data.x])
    y = np.array([float(value[0]) for value in problem.data.y])
    random = np.random.default_rng(0)
    reached: Counter[str] = Counter()
    for _ in range(20):
        loss = descend(x, y, 0.1, random.normal(size=6))
        nearest = min(minima, key=lambda component: abs(float(component.loss) - loss))
        close = abs(float(nearest.loss) - loss) < 1e-2 * loss
        reached[f"component {nearest.id}" if close else "none of them (still on its way)"] += 1
    print("20 runs of gradient descent ended at")
    for name, count in sorted(reached.items()):
        print(f"  {name}: {count}")


if __name__ == "__main__":
    main()
