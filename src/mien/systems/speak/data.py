"""Training batches of speak: windows of takes, and for each a whole second take of the same speaker for the style.

A batch is a function of (seed, step) alone, so a run that was killed and resumed sees the same batches as one that was
not.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from mien.systems.speak import spec
from mien.systems.speak.config import SpeakConfig
from mien.systems.speak.training.corpus import Corpus

__all__ = ["Batch", "BatchSource"]


@dataclass
class Batch:
    """B windows of T frames. Signals lie `spec.LOOK_AHEAD` frames behind the visemes, as the network's outputs do."""

    visemes: Tensor
    """[B, 15, T]."""
    signals: Tensor
    """[B, S, T]."""
    closure: Tensor
    """[B, T], behind as the signals are."""
    style_take: Tensor
    """[B, S, U]: another take of the same speaker."""
    keep_style: Tensor
    """[B]: 0 where the style is left out."""
    keep_residual: Tensor
    """[B]: 0 where the residual is left out."""


class BatchSource(Dataset[Batch]):
    """Batch `step` of a run."""

    def __init__(self, config: SpeakConfig, corpus: Corpus) -> None:
        self.config, self.corpus = config, corpus

    def __getitem__(self, step: int) -> Batch:
        config = self.config
        rng = np.random.default_rng([config.seed, step])
        rows: dict[str, list[np.ndarray]] = {name: [] for name in ("visemes", "signals", "closure", "style_take")}
        for _ in range(config.batch):
            takes = self.corpus.takes[int(rng.integers(self.corpus.train))]
            # The last take of a speaker is held out; it may lend its style.
            one = int(rng.integers(max(len(takes) - 1, 1)))
            other = (one + 1 + int(rng.integers(len(takes) - 1))) % len(takes)
            take = takes[one]
            first = int(rng.integers(spec.LOOK_AHEAD, max(len(take.levels) - config.window, spec.LOOK_AHEAD) + 1))
            ahead = np.minimum(np.arange(first, first + config.window), len(take.levels) - 1)
            behind = np.arange(first, first + config.window) - spec.LOOK_AHEAD
            rows["visemes"].append(take.levels[ahead].T)
            rows["signals"].append(take.signals[behind].T)
            rows["closure"].append(take.weight[behind])
            rows["style_take"].append(takes[other].signals.T)
        stacked = {
            name: torch.from_numpy(np.ascontiguousarray(np.stack(own), np.float32)) for name, own in rows.items()
        }
        return Batch(
            **stacked,
            keep_style=torch.from_numpy((rng.random(config.batch) >= config.no_style).astype(np.float32)),
            keep_residual=torch.from_numpy((rng.random(config.batch) >= config.no_residual).astype(np.float32)),
        )
