"""The expression classifier of table 3: PCA of the mesh at the apex and three dense layers. Does not import torch.

It measures whether generated expressions are recognised as well as real ones.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int

__all__ = ["Classifier", "Scores", "scores"]

_WIDTHS = (64, 32)
"""Hidden units of the first two layers; the third layer's outputs are the classes."""


_LEAST = 0.01
"""Least standard deviation that a component is taken to have, relative to the first component's."""


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Means over classes."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Classifier:
    """A trained one."""

    mean: Float[np.ndarray, "D"]
    axes: Float[np.ndarray, "D C"]
    layers: tuple[tuple[np.ndarray, np.ndarray], ...]

    @classmethod
    def fit(
        cls,
        apexes: Float[np.ndarray, "N V 3"],
        labels: Int[np.ndarray, "N"],
        classes: int,
        *,
        components: int = 32,
        steps: int = 600,
        seed: int = 0,
    ) -> "Classifier":
        """Adam on the cross entropy of whole batches, with a little weight decay; deterministic."""
        x = apexes.reshape(len(apexes), -1).astype(np.float64)
        mean = x.mean(axis=0)
        values, vectors = np.linalg.eigh((x - mean) @ (x - mean).T)
        order = np.argsort(values)[::-1][: min(components, len(x) - 1)]
        deviation = np.sqrt(np.maximum(values[order], 1e-9) / len(x))
        # The least deviation keeps a component in which real apexes hardly differ from amplifying a generator's errors.
        scale = np.maximum(deviation, _LEAST * deviation[0])
        axes = (x - mean).T @ vectors[:, order] / (np.sqrt(np.maximum(values[order], 1e-9)) * scale)
        features = (x - mean) @ axes
        rng = np.random.default_rng([0xC1, seed])
        sizes = (features.shape[1], *_WIDTHS, classes)
        pairs = list(pairwise(sizes))
        weights = [w for a, b in pairs for w in (rng.normal(0, (2 / a) ** 0.5, (a, b)), np.zeros(b))]
        wanted = np.eye(classes)[labels]
        first, second = [np.zeros_like(w) for w in weights], [np.zeros_like(w) for w in weights]
        for step in range(1, steps + 1):
            for k, slope in enumerate(_gradients(weights, features, wanted)):
                g = slope + 1e-3 * weights[k]
                first[k] = 0.9 * first[k] + 0.1 * g
                second[k] = 0.999 * second[k] + 0.001 * g**2
                bias = np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
                weights[k] = weights[k] - 3e-3 * bias * first[k] / (np.sqrt(second[k]) + 1e-8)
        return cls(mean=mean, axes=axes, layers=tuple(zip(weights[::2], weights[1::2], strict=True)))

    def __call__(self, apexes: Float[np.ndarray, "N V 3"]) -> Int[np.ndarray, "N"]:
        """The most likely class of each apex."""
        x = (apexes.reshape(len(apexes), -1) - self.mean) @ self.axes
        for weight, bias in self.layers[:-1]:
            x = np.maximum(x @ weight + bias, 0.0)
        return (x @ self.layers[-1][0] + self.layers[-1][1]).argmax(axis=1)


def scores(answers: Int[np.ndarray, "N"], truth: Int[np.ndarray, "N"], classes: int) -> Scores:
    """Precision, recall and F1, each the mean over the classes that occur; 0 / 0 counts as 0."""
    rows = []
    for c in range(classes):
        if not (truth == c).any():
            continue
        hits = float(((answers == c) & (truth == c)).sum())
        precision, recall = hits / max((answers == c).sum(), 1), hits / (truth == c).sum()
        rows.append((precision, recall, 2 * precision * recall / max(precision + recall, 1e-12)))
    precision, recall, f1 = np.mean(rows, axis=0).tolist()
    return Scores(precision=precision, recall=recall, f1=f1)


def _gradients(weights: list[np.ndarray], x: np.ndarray, wanted: np.ndarray) -> list[np.ndarray]:
    """Gradients of the mean cross entropy, in the order of `weights`."""
    layers = list(zip(weights[::2], weights[1::2], strict=True))
    values = [x]
    for weight, bias in layers[:-1]:
        values.append(np.maximum(values[-1] @ weight + bias, 0.0))
    logits = values[-1] @ layers[-1][0] + layers[-1][1]
    chance = np.exp(logits - logits.max(axis=1, keepdims=True))
    error = (chance / chance.sum(axis=1, keepdims=True) - wanted) / len(x)
    out: list[np.ndarray] = []
    for value, (weight, _) in zip(reversed(values), reversed(layers), strict=True):
        out = [value.T @ error, error.sum(axis=0), *out]
        error = (error @ weight.T) * (value > 0)
    return out
