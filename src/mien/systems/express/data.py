"""Training batches of express: label signals, pairs of frames and their displacements.

A batch is a function of (seed, step) alone, so a run that was killed and resumed sees the same batches as one that was
not.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from mien.systems.express import spec
from mien.systems.express.config import ExpressConfig
from mien.systems.express.runtime.identity_code import IdentityCode, LocalShape
from mien.systems.express.training.corpus import Corpus

__all__ = ["Batch", "BatchSource"]


@dataclass
class Batch:
    """B sequences and P pairs of adjacent frames of each."""

    signal: Tensor
    """[B, T, K]."""
    frames: Tensor
    """int64 [B, 2 P], frame numbers, a pair's two frames side by side."""
    code: Tensor
    """[B, E]."""
    shape: Tensor
    """[B, V, G]; [B, 0, G] for a network that does not use it."""
    displacements: Tensor
    """[B, 2 P, V, 3] mm."""


class BatchSource(Dataset[Batch]):
    """Batch `step` of a run; every epoch has each training sequence once, in an order of its own."""

    def __init__(self, config: ExpressConfig, corpus: Corpus, code: IdentityCode, shape: LocalShape) -> None:
        self.config, self.corpus, self.code, self.shape = config, corpus, code, shape
        self.known = np.flatnonzero(corpus.train)
        self.looks = config.model == "identity"
        self._seen: dict[int, tuple[np.ndarray, np.ndarray]] = {}

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
        codes, shapes = zip(*(self._person(int(s)) for s in self.corpus.subject[rows]), strict=True)
        return Batch(
            signal=torch.from_numpy(self.corpus.signal[rows]),
            frames=torch.from_numpy(frames),
            code=torch.from_numpy(np.stack(codes)),
            shape=torch.from_numpy(np.stack(shapes)),
            displacements=torch.from_numpy(np.stack(moved).astype(np.float32)),
        )

    def _person(self, subject: int) -> tuple[np.ndarray, np.ndarray]:
        if subject not in self._seen:  # half a megabyte for each subject
            neutral = self.corpus.neutral(subject)
            shape = self.shape(neutral) if self.looks else np.zeros((0, spec.LOCAL), np.float32)
            self._seen[subject] = self.code(neutral), shape
        return self._seen[subject]
