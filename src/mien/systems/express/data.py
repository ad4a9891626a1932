"""Training batches: label signals, pairs of frames and their displacements.

A batch is a function of (seed, step) alone, so that a run that was killed goes on with the batches it would have had.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from mien.systems.express.config import ExpressConfig
from mien.systems.express.corpus import Corpus
from mien.systems.express.identity import IdentityCode

__all__ = ["Batch", "BatchSource", "batches"]


@dataclass
class Batch:
    """B sequences and P pairs of adjacent frames of each."""

    signal: Tensor
    """[B, T, K]."""
    frames: Tensor
    """int64 [B, 2 P], a pair's two frames side by side."""
    code: Tensor
    """[B, E]."""
    displacements: Tensor
    """[B, 2 P, V, 3] mm."""

    def to(self, device: torch.device) -> "Batch":
        """The same batch on `device`."""
        return Batch(**{name: value.to(device, non_blocking=True) for name, value in vars(self).items()})


class BatchSource(Dataset[Batch]):
    """Batch `step` of a run; an epoch sees every training sequence once, in an order of its own."""

    def __init__(self, config: ExpressConfig, corpus: Corpus, code: IdentityCode) -> None:
        self.config, self.corpus, self.code = config, corpus, code
        self.known = np.flatnonzero(corpus.train)

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches in an epoch, at least one."""
        return max(1, len(self.known) // self.config.batch)

    def __getitem__(self, step: int) -> Batch:
        epoch, at = divmod(step, self.steps_per_epoch)
        order = np.random.default_rng([self.config.seed, 0, epoch]).permutation(self.known)
        rng = np.random.default_rng([self.config.seed, 1, step])
        rows = order[at * self.config.batch : (at + 1) * self.config.batch]
        first = np.stack([rng.integers(self.corpus.length[i] - 1, size=self.config.pairs) for i in rows])
        frames = np.stack([first, first + 1], axis=2).reshape(len(rows), -1)
        moved = [self.corpus.displacements(int(i), own) for i, own in zip(rows, frames, strict=True)]
        codes = [self.code(self.corpus.neutral(int(s))) for s in self.corpus.subject[rows]]
        return Batch(
            signal=torch.from_numpy(self.corpus.signal[rows]),
            frames=torch.from_numpy(frames),
            code=torch.from_numpy(np.stack(codes)),
            displacements=torch.from_numpy(np.stack(moved).astype(np.float32)),
        )


def batches(source: BatchSource, start: int, steps: int, workers: int) -> DataLoader[Batch]:
    """Batches of steps `start` to `steps - 1` in order."""
    return DataLoader(
        source,
        batch_size=None,
        sampler=range(start, steps),
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        pin_memory=torch.cuda.is_available(),
    )
