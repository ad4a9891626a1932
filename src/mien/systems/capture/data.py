"""Training batches of the capture net: rendered stills, rendered windows and real portraits.

A batch is a function of (seed, step) alone, so that a run that was killed goes on with the batches it would have had.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from mien.core.channels import ARKIT, mirrored
from mien.core.errors import MienError
from mien.systems.capture import spec
from mien.systems.capture.augment import Patch, View, photometric, sample_view
from mien.systems.capture.config import CaptureConfig
from mien.systems.capture.portraits import Portrait, load_portraits

__all__ = ["Batch", "BatchSource", "Sample", "Shards", "batches", "channel_scale", "whitening"]

_COLUMNS = [ARKIT.index(name) for name in spec.CHANNELS]
_HIDDEN_TRUST = 0.3
"""A point that something hides is a guess: it counts less, but enough to be guessed well."""


def _landmark_trust() -> np.ndarray:
    """The jaw line slides along a smooth edge: its error is the largest and says least about the face."""
    trust = np.ones(spec.LAYOUT.count, np.float32)
    trust[list(spec.LAYOUT.groups["jaw"])] = 0.4
    return trust


_LANDMARK_TRUST = _landmark_trust()
_REGION_GROUPS = {
    "eyes": ("eye_right", "eye_left"),
    "brows": ("brow_right", "brow_left"),
    "mouth": ("lips_outer", "lips_inner"),
}
_REGION_POINTS = [[i for group in _REGION_GROUPS[name] for i in spec.LAYOUT.groups[group]] for name in spec.REGIONS]
_MIRROR = [spec.CHANNELS.index(mirrored(name)) for name in spec.CHANNELS]


@dataclass
class Batch:
    """Images in the order stills, windows (flattened), portraits seen one way, the same portraits seen another way."""

    crops: Tensor
    """uint8 [N, CROP, CROP, 3]."""
    landmarks: Tensor
    """[N, L, 2] pixels of the crop."""
    trust: Tensor
    """[N, L] weight of each landmark."""
    seen: Tensor
    """[S + B T, R] share of each of `spec.REGIONS` that is in sight, of the rendered images."""
    still_weights: Tensor
    """[S, A]."""
    window_weights: Tensor
    """[B, T, A]."""
    other_from_one: Tensor
    """[P, 2, 3] pixels of a portrait's first view to its second."""

    def to(self, device: torch.device) -> "Batch":
        """The same batch on `device`."""
        return Batch(**{name: value.to(device, non_blocking=True) for name, value in vars(self).items()})


class Shards:
    """The shards of one dataset folder, memory mapped."""

    def __init__(self, folder: Path) -> None:
        self.folders = sorted(p for p in folder.glob("shard-*") if (p / "shard.json").exists())
        if not self.folders:
            raise MienError(f"{folder}: no shards; make them with 'mien synth dataset --out {folder}'")
        self.crops = [np.load(p / "crops.npy", mmap_mode="r") for p in self.folders]
        # Shards of format 3 hold a denser layout, which begins with the net's own.
        self.landmarks = [np.load(p / "landmarks.npy")[..., : spec.LAYOUT.count, :] for p in self.folders]
        self.visible = [
            np.load(p / "landmarks_visible.npy")[..., : spec.LAYOUT.count].astype(bool) for p in self.folders
        ]
        self.occluded = [np.load(p / "occluded.npy") for p in self.folders]
        self.weights = [np.load(p / "weights.npy")[..., _COLUMNS] for p in self.folders]
        self.first = np.cumsum([0, *(len(c) for c in self.crops)])
        self.settings = [json.loads((p / "shard.json").read_text()) for p in self.folders]

    def __len__(self) -> int:
        return int(self.first[-1])

    def __getitem__(self, i: int) -> "Sample":
        """Sample `i`."""
        shard = int(np.searchsorted(self.first, i, side="right")) - 1
        row = i - int(self.first[shard])
        return Sample(
            crops=self.crops[shard][row],
            landmarks=self.landmarks[shard][row],
            visible=self.visible[shard][row],
            seen=1.0 - self.occluded[shard][row],
            weights=self.weights[shard][row],
        )


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One rendered still (T = 1) or window, as stored."""

    crops: np.ndarray
    """uint8 [T, S, S, 3]."""
    landmarks: np.ndarray
    """[T, L, 2] pixels of the stored crop."""
    visible: np.ndarray
    """bool [T, L]."""
    seen: np.ndarray
    """[T, R]."""
    weights: np.ndarray
    """[T, A]."""

    def frame(self, t: int) -> "Sample":
        """One frame as a still."""
        return Sample(**{name: value[t : t + 1] for name, value in vars(self).items()})


def channel_scale(*sets: Shards, floor: float = 0.004) -> np.ndarray:
    """Inverse variance of each channel over the data [A]; the floor keeps channels that hardly move from ruling."""
    rows = np.concatenate([w.reshape(-1, len(spec.CHANNELS)) for shards in sets for w in shards.weights])
    return (1.0 / np.maximum(rows.var(axis=0), floor)).astype(np.float32)


def whitening(
    shards: Shards, *, views: int = 20_000, noise: float = 0.5, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Mean [2 L] and matrix [2 L, 2 L] that bring landmarks [px of the crop] to unit variance in every direction.

    Over `views` random views of the data. `noise` [px] is added to each direction's deviation: what is smaller than the
    landmarks' own error is not blown up.
    """
    rng = np.random.default_rng(seed)
    rows = [sample_view(rng).points(shards[int(i)].landmarks[0]) for i in rng.integers(len(shards), size=views)]
    points = np.stack(rows).reshape(views, -1).astype(np.float64)
    mean = points.mean(axis=0)
    variance, directions = np.linalg.eigh(np.cov((points - mean).T))
    matrix = directions / np.sqrt(np.maximum(variance, 0.0) + noise**2)
    return mean.astype(np.float32), matrix.astype(np.float32)


class BatchSource(Dataset[Batch]):
    """Item k is the batch of step k."""

    def __init__(self, config: CaptureConfig, landmark_steps: int) -> None:
        self.config = config
        self.landmark_steps = landmark_steps
        self.stills = Shards(Path(config.stills))
        self.sequences = Shards(Path(config.sequences))
        self.portraits = load_portraits(Path(config.portraits), held_out=False) if config.portraits else []

    def __getitem__(self, step: int) -> Batch:
        import cv2

        cv2.setNumThreads(0)
        rng = np.random.default_rng([self.config.seed, step])
        config = self.config
        landmarks_only = step < self.landmark_steps
        windows = 0 if landmarks_only else config.sequences_per_batch
        stills = config.batch if landmarks_only else config.stills_per_batch
        rows = [_rendered(rng, self.stills, T=1) for _ in range(stills)]
        rows += [_rendered(rng, self.sequences) for _ in range(windows)]
        pairs = [self._pair(rng) for _ in range(config.portraits_per_batch if self.portraits else 0)]
        ones = [row.landmarks for row in rows]
        labelled = [*ones, *(p.one for p in pairs), *(p.other for p in pairs)]
        trust = [row.trust for row in rows] + [p.trust[None] for p in pairs] * 2
        crops = [frame for row in rows for frame in row.crops]
        crops += [p.one_crop for p in pairs] + [p.other_crop for p in pairs]
        return Batch(
            crops=torch.from_numpy(np.stack(crops)),
            landmarks=torch.from_numpy(np.concatenate(labelled).astype(np.float32)),
            trust=torch.from_numpy(np.concatenate(trust).astype(np.float32)),
            seen=torch.from_numpy(np.concatenate([row.seen for row in rows]).astype(np.float32)),
            still_weights=_stack([row.weights[0] for row in rows[:stills]], (0, len(spec.CHANNELS))),
            window_weights=_stack([row.weights for row in rows[stills:]], (0, 8, len(spec.CHANNELS))),
            other_from_one=_stack([p.other_from_one for p in pairs], (0, 2, 3)),
        )

    def _pair(self, rng: np.random.Generator) -> "_Pair":
        portrait = self.portraits[int(rng.integers(len(self.portraits)))]
        mirror = bool(rng.random() < 0.5)
        return _portrait_pair(rng, portrait, sample_view(rng, mirrored=mirror), sample_view(rng, mirrored=mirror))


@dataclass(frozen=True)
class _Rendered:
    crops: list[np.ndarray]
    landmarks: np.ndarray
    trust: np.ndarray
    seen: np.ndarray
    weights: np.ndarray


def _rendered(rng: np.random.Generator, shards: Shards, T: int | None = None) -> _Rendered:
    sample = shards[int(rng.integers(len(shards)))]
    if T == 1 and len(sample.crops) > 1:
        sample = sample.frame(int(rng.integers(len(sample.crops))))
    view = sample_view(rng)
    # A held box moves little from frame to frame: a tenth of a pixel to half of one, as O-Net's points do.
    shifts = rng.normal(0, rng.uniform(0.0, 0.4), (len(sample.crops), 2))
    crops = [view.crop(image, shift) for image, shift in zip(sample.crops, shifts, strict=True)]
    landmarks = view.points(sample.landmarks) + shifts[:, None]
    visible = sample.visible[:, list(spec.LAYOUT.mirror)] if view.mirrored else sample.visible
    crops, patch = photometric(rng, crops)
    covered = _inside(landmarks, patch)
    left = [1.0 - covered[:, ids].mean(axis=1) for ids in _REGION_POINTS]
    return _Rendered(
        crops=crops,
        landmarks=landmarks,
        trust=_LANDMARK_TRUST * np.where(visible & ~covered, 1.0, _HIDDEN_TRUST),
        seen=sample.seen * np.stack(left, axis=1),
        weights=sample.weights[:, _MIRROR] if view.mirrored else sample.weights,
    )


def _inside(points: np.ndarray, patch: Patch | None) -> np.ndarray:
    """Which points [..., 2] a patch covers."""
    if patch is None:
        return np.zeros(points.shape[:-1], bool)
    low, high = np.array([patch.left, patch.top]), np.array([patch.right, patch.bottom])
    return np.all((points >= low) & (points < high), axis=-1)


@dataclass(frozen=True)
class _Pair:
    one_crop: np.ndarray
    other_crop: np.ndarray
    one: np.ndarray
    other: np.ndarray
    trust: np.ndarray
    other_from_one: np.ndarray


def _portrait_pair(rng: np.random.Generator, portrait: Portrait, one: View, other: View) -> _Pair:
    whole = np.vstack([one.matrix, [0, 0, 1]])
    trust = portrait.trust[list(spec.LAYOUT.mirror)] if one.mirrored else portrait.trust
    return _Pair(
        one_crop=photometric(rng, [one.crop(portrait.crop)])[0][0],
        other_crop=photometric(rng, [other.crop(portrait.crop)])[0][0],
        one=one.points(portrait.landmarks)[None],
        other=other.points(portrait.landmarks)[None],
        trust=trust,
        other_from_one=other.matrix @ np.linalg.inv(whole),
    )


def _stack(rows: list[np.ndarray], empty: tuple[int, ...]) -> Tensor:
    return torch.from_numpy(np.stack(rows).astype(np.float32)) if rows else torch.zeros(empty)


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
