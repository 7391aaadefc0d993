"""Slow, plain references written from theory.md alone; nothing here calls the engine.

Points of parameter space are rows of float arrays: hidden weights (unit by unit), hidden biases, output weights, the output bias if it is
free.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from small_problems import FIXED_BIAS, SLOPES, Small

Floats = NDArray[np.float64]


class Loss:
    """The training loss by a plain forward pass, for many points at once, and one of its one-sided gradients."""

    def __init__(self, small: Small) -> None:
        self.units, self.inputs, self.bias = small.units, small.inputs, small.hidden_bias
        self.x = np.array([[float(v) for v in p] for p in small.x])
        self.y = np.array([float(v) for v in small.y])
        self.weight = np.array([float(v) for v in small.weights]) / (len(small.y) if small.mean else 1)
        self.above, self.below = (float(v) for v in SLOPES[small.activation])
        self.free_bias = small.output_bias in ("penalised", "free")
        self.constant = float(FIXED_BIAS) if small.output_bias == "fixed" else 0.0
        hidden, biases, outputs = (float(v) for v in small.ridge)
        self.penalty = np.array(
            [hidden] * (self.units * self.inputs)
            + [biases] * (self.units * self.bias)
            + [outputs] * self.units
            + [outputs if small.output_bias == "penalised" else 0.0] * self.free_bias
        )
        self.size = len(self.penalty)

    def split(self, points: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Weights B x L x d, biases B x L, outputs B x L, output bias B."""
        many, at = len(points), self.units * self.inputs
        vectors = points[:, :at].reshape(many, self.units, self.inputs)
        biases = points[:, at : at + self.units] if self.bias else np.zeros((many, self.units))
        at += self.units * self.bias
        outputs = points[:, at : at + self.units]
        return vectors, biases, outputs, points[:, -1] if self.free_bias else np.full(many, self.constant)

    def values(self, points: Floats) -> Floats:
        vectors, biases, outputs, constant = self.split(points)
        z = np.einsum("bld,nd->bln", vectors, self.x) + biases[:, :, None]
        fit = np.einsum("bl,bln->bn", outputs, np.where(z >= 0, self.above * z, self.below * z)) + constant[:, None]
        return ((self.y - fit) ** 2) @ self.weight + points**2 @ self.penalty

    def clearance(self, point: Floats) -> float:
        """A standard deviation per coordinate that crosses no switch: behind one the loss may fall."""
        vectors, biases, _, _ = self.split(point[None])
        z = np.abs(np.einsum("ld,nd->ln", vectors[0], self.x) + biases[0][:, None])
        return float(z[z > 1e-12].min(initial=np.inf)) / (6 * (1 + np.abs(self.x).sum(axis=1).max()))

    def value_and_slope(self, point: Floats) -> tuple[float, Floats]:
        vectors, biases, outputs, constant = (part[0] for part in self.split(point[None]))
        z = vectors @ self.x.T + biases[:, None]
        slope = np.where(z >= 0, self.above, self.below)
        error = outputs @ (slope * z) + constant - self.y
        pull = 2 * self.weight * error
        through = outputs[:, None] * slope * pull
        parts = [(through @ self.x).ravel(), through.sum(axis=1) if self.bias else [], (slope * z) @ pull]
        parts.append(np.array([pull.sum()]) if self.free_bias else np.zeros(0))
        return float(self.weight @ error**2 + self.penalty @ point**2), np.concatenate(parts) + 2 * self.penalty * point


def flat(small: Small, theta: dict[str, Any]) -> Floats:
    """A theta in PyTorch's form as a row."""
    parts = [np.ravel(theta["hidden.weight"])]
    if small.hidden_bias:
        parts.append(np.ravel(theta["hidden.bias"]))
    parts.append(np.ravel(theta["output.weight"]))
    if small.output_bias in ("penalised", "free"):
        parts.append(np.ravel(theta["output.bias"]))
    return np.concatenate(parts).astype(float)


def gap_of_perturbation(loss: Loss, point: Floats, seed: int = 0, count: int = 1500, stay: bool = True) -> float:
    """The least change of the loss over random perturbations at several radii, relative to 1 + loss: not below -1e-12 at a local minimum.

    With `stay` no perturbation crosses a switch that is not zero.
    Half of the perturbations move few coordinates only; dead units move among the others.
    """
    random = np.random.default_rng(seed)
    here = loss.values(point[None])[0]
    least = np.inf
    scale = 1 + np.abs(point).max()
    if stay:
        scale = min(scale, loss.clearance(point) / 1e-5)
    for radius in (1e-7, 1e-6, 1e-5):
        steps = random.normal(size=(count, loss.size))
        steps[count // 2 :] *= random.random((count - count // 2, loss.size)) < 0.4
        steps *= radius * scale
        least = min(least, float((loss.values(point + steps) - here).min()) / (1 + abs(here)))
    return least


def descend(loss: Loss, start: Floats) -> tuple[float, Floats]:
    """A local minimum reached from `start`: quasi-Newton runs, then pattern search that kinks cannot stop for long."""
    point = start
    random = np.random.default_rng(1)
    best = np.inf
    for _ in range(12):
        found = minimize(loss.value_and_slope, point, jac=True, method="BFGS", options={"gtol": 1e-11, "maxiter": 400})
        point, value = (found.x, float(found.fun)) if found.fun < best else (point, best)
        point, value = _pattern_search(loss, point, value, random)
        if best - value < 1e-11 * (1 + abs(value)):
            break
        best = value
    return value, point


def _pattern_search(loss: Loss, point: Floats, value: float, random: np.random.Generator) -> tuple[Floats, float]:
    """Random directions of shrinking and growing length, adapted to what succeeded (a (1, many) evolution strategy with a covariance)."""
    size, step = loss.size, 1e-2
    spread = np.eye(size)
    for _ in range(250):
        steps = random.normal(size=(24, size)) @ spread * step
        tried = loss.values(np.concatenate([point + steps, point - steps]))
        winner = int(tried.argmin())
        if tried[winner] < value:
            move = steps[winner % 24] * (1 if winner < 24 else -1)
            unit = move / np.linalg.norm(move)
            spread = 0.93 * spread + 0.07 * np.outer(unit, unit) * np.sqrt(size)
            point, value, step = point + move, float(tried[winner]), step * 1.8
        else:
            step *= 0.6
        if step < 1e-10:
            break
    return point, value


def descended(loss: Loss, starts: int, seed: int = 0) -> list[tuple[float, Floats]]:
    """End points of descents from random starts of several sizes."""
    random = np.random.default_rng(seed)
    return [descend(loss, random.normal(size=loss.size) * random.choice([0.3, 1.0, 3.0])) for _ in range(starts)]
