"""Training batches of the capture net: rendered stills, rendered windows and pairs of real faces.

A batch is a function of (seed, step) and the process that draws it, so that a run that was killed goes on with the
batches it would have had.
"""

import json
import shlex
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from mien.core.channels import ARKIT
from mien.core.errors import MienError
from mien.engine.fingerprint import fingerprint
from mien.engine.photometric import photometric
from mien.systems.capture import spec
from mien.systems.capture.config import CaptureConfig
from mien.systems.capture.evaluation.face_measures import MEASURES
from mien.systems.capture.runtime.landmark_rig import LandmarkRig, landmark_rig
from mien.systems.capture.training.augment import sample_view
from mien.systems.capture.training.moved_faces import FaceMover
from mien.systems.capture.training.real_faces import faces_fingerprint, faces_folder, open_faces
from mien.systems.capture.training.real_pairs import FaceView, PairDrawer
from mien.systems.capture.training.trust import HIDDEN_TRUST, LANDMARK_TRUST, covered_share

__all__ = ["Batch", "BatchSource", "Sample", "Shards", "channel_scale", "whitening"]

_COLUMNS = [ARKIT.index(name) for name in spec.CHANNELS]
FORMAT = 5
"""The oldest shards that hold each performer at rest, and pupils that move as far as real ones."""
_WINDOW = 8
"""Frames of a window."""


@dataclass
class Batch:
    """Images in the order stills, windows (flattened), the same performers at rest, the first picture of each pair of
    real faces, the second picture of each pair. What is known of a pair: `training.real_pairs.FacePair`."""

    crops: Tensor
    """uint8 [N, CROP, CROP, 3]."""
    steps: Tensor
    """[N, 1] time since the frame before [s]."""
    landmarks: Tensor
    """[N, L, 2] pixels of the crop."""
    trust: Tensor
    """[N, L] weight of each landmark."""
    seen: Tensor
    """[N, R] share of each of `spec.REGIONS` that is in sight."""
    still_weights: Tensor
    """[S, A]."""
    window_weights: Tensor
    """[B, T, A]."""
    known: Tensor
    """bool [S + B] whether the performer of a still, then of a window, is shown at rest: Q of them are, in order."""
    pair_kind: Tensor
    """int [P] `PairKind` of each pair."""
    pair_measures: Tensor
    """[P, 6] change of the face's measures, the first picture less the second."""
    pair_change: Tensor
    """[P, A] change of weights of moved faces."""
    pair_beside: Tensor
    """bool [P] whether the second picture serves as the face at rest."""
    pair_at_rest: Tensor
    """bool [P, 2]."""
    pair_into_camera: Tensor
    """bool [P, 2]."""
    pair_gaze: Tensor
    """[P, 2, 2] mean (yaw, pitch) of both eyes [rad] in each picture; NaN where it is not known."""
    pair_in_sight: Tensor
    """bool [P, 2]."""
    other_from_one: Tensor
    """[P, 2, 3] pixels of the first view of a picture to its second."""

    @property
    def pairs(self) -> int:
        """P, the number of pairs: the last 2 P images."""
        return len(self.pair_kind)

    @property
    def rendered(self) -> int:
        """The number of rendered images, which come first."""
        return len(self.crops) - 2 * self.pairs


class Shards:
    """The shards of one dataset folder, memory mapped."""

    def __init__(self, folder: Path, frames: int = 1) -> None:
        """`frames` of a sample are what messages advise to render. Raises MienError without shards of this version."""
        self.folder, self.frames = folder, frames
        self.folders = sorted(p for p in folder.glob("shard-*") if (p / "shard.json").exists())
        if not self.folders:
            raise MienError(f"{folder}: no shards; make them with '{self._command()}'")
        for p in self.folders:
            if json.loads((p / "shard.json").read_text()).get("format", 0) < FORMAT:
                raise MienError(f"{p}: rendered by an older mien; delete it and run '{self._command()}'")
        self.crops = [np.load(p / "crops.npy", mmap_mode="r") for p in self.folders]
        self.rests = [np.load(p / "neutral.npy", mmap_mode="r") for p in self.folders]
        self.rest_landmarks = [np.load(p / "neutral_landmarks.npy") for p in self.folders]
        self.landmarks = [np.load(p / "landmarks.npy") for p in self.folders]
        self.visible = [np.load(p / "landmarks_visible.npy").astype(bool) for p in self.folders]
        self.occluded = [np.load(p / "occluded.npy") for p in self.folders]
        self.times = [np.load(p / "times.npy") for p in self.folders]
        self.weights = [np.load(p / "weights.npy")[..., _COLUMNS] for p in self.folders]
        self.first = np.cumsum([0, *(len(c) for c in self.crops)])

    def _command(self) -> str:
        own = shlex.quote(str(self.folder))
        return f"mien synth dataset --out {own}" + (
            f" --frames {self.frames} --per-shard 32 --seed 42" if self.frames > 1 else ""
        )

    def __reduce__(self) -> tuple[type["Shards"], tuple[Path, int]]:
        """Another process opens the folder itself: pickled, memory maps become the gigabytes that they show."""
        return Shards, (self.folder, self.frames)

    def fingerprint(self) -> str:
        """Equal for shards of the same names, settings and weights, of which all else in them is a function."""
        notes = [part for p in self.folders for part in (p.name, (p / "shard.json").read_bytes())]
        return fingerprint([*notes, *self.weights])

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
            times=self.times[shard][row],
            weights=self.weights[shard][row],
            rest=self.rests[shard][row],
            rest_landmarks=self.rest_landmarks[shard][row],
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
    times: np.ndarray
    """[T] seconds."""
    weights: np.ndarray
    """[T, A]."""
    rest: np.ndarray
    """uint8 [S, S, 3], the same performer at rest in another shot."""
    rest_landmarks: np.ndarray
    """[L, 2]."""


def channel_scale(*sets: Shards, floor: float = 0.004) -> np.ndarray:
    """Inverse variance of each channel over the data [A]; the floor keeps channels that hardly move from ruling."""
    rows = np.concatenate([w.reshape(-1, len(spec.CHANNELS)) for shards in sets for w in shards.weights])
    return (1.0 / np.maximum(rows.var(axis=0), floor)).astype(np.float32)


def whitening(
    shards: Shards, *, views: int = 20_000, noise: float = 0.5, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Mean [2 P] and matrix [2 P, 2 P] that bring key landmarks [px of the crop] to unit variance in every direction.

    Over `views` random views of the data. `noise` [px] is added to each direction's deviation: what is smaller than the
    landmarks' own error is not blown up.
    """
    rng = np.random.default_rng(seed)
    picks = rng.integers(len(shards), size=views)
    rows = [sample_view(rng).points(shards[int(i)].landmarks[0])[: spec.KEYS] for i in picks]
    points = np.stack(rows).reshape(views, -1).astype(np.float64)
    mean = points.mean(axis=0)
    variance, directions = np.linalg.eigh(np.cov((points - mean).T))
    matrix = directions / np.sqrt(np.maximum(variance, 0.0) + noise**2)
    return mean.astype(np.float32), matrix.astype(np.float32)


class BatchSource(Dataset[Batch]):
    """Item k is the batch of step k, or one process's share of it. Windows and resting faces join after
    `config.landmark_steps`."""

    def __init__(self, config: CaptureConfig, *, mirrored: bool | None = None) -> None:
        """Draws whole batches (`share`); `mirrored` decides for all faces whether they are mirrored, None draws it.

        Raises MienError when there are no stills or real faces, or more processes than windows in a batch: each process
        must have motion to learn from.
        """
        if config.processes > config.sequences_per_batch:
            raise MienError(
                f"{config.processes} processes cannot share {config.sequences_per_batch} windows a batch; "
                "take fewer `processes` or more `sequences_per_batch`"
            )
        self.config, self.mirrored = config, mirrored
        self.process, self.processes = 0, 1
        self.stills = Shards(Path(config.stills))
        folder = faces_folder(config.faces)
        mark = "" if folder is None else faces_fingerprint(folder)
        self._fingerprints = {"stills": self.stills.fingerprint(), "faces": mark}
        self.pairs = None if folder is None else _pair_drawer(folder, config)

    @cached_property
    def sequences(self) -> Shards:
        """The windows; opened when they join, so that they can be rendered while landmarks are learnt."""
        return Shards(Path(self.config.sequences), _WINDOW)

    def fingerprints(self, step: int) -> dict[str, str]:
        """Fingerprints of the data that the first `step` steps drew from, by the field that names their folder."""
        windows = {"sequences": self.sequences.fingerprint()} if step > self.config.landmark_steps else {}
        return {**self._fingerprints, **windows}

    def share(self, process: int, processes: int) -> "BatchSource":
        """The same source for one of several processes: every n-th image, so that each process gets an equal share."""
        source = copy(self)
        source.process, source.processes = process, processes
        return source

    def __getitem__(self, step: int) -> Batch:
        import cv2

        cv2.setNumThreads(0)
        config, own = self.config, slice(self.process, None, self.processes)
        rng = np.random.default_rng([config.seed, step, self.process])
        landmarks_only = step < config.landmark_steps
        stills = np.arange(config.batch if landmarks_only else config.stills_per_batch)[own]
        windows = np.arange(0 if landmarks_only else config.sequences_per_batch)[own]
        pairs = np.arange(0 if self.pairs is None else config.faces_per_batch)[own]
        known_stills = stills < (0 if landmarks_only else config.known_stills)
        known_windows = windows < config.known_sequences
        samples = [_rendered(rng, self.stills, known=k, mirrored=self.mirrored) for k in known_stills]
        samples += [_rendered(rng, self.sequences, known=k, mirrored=self.mirrored) for k in known_windows]
        rows = samples + [sample.rest for sample in samples if sample.rest is not None]
        drawn = [] if self.pairs is None else [self.pairs.draw(rng, mirrored=self.mirrored) for _ in pairs]
        rows += [_face(view) for views in ([p.one for p in drawn], [p.other for p in drawn]) for view in views]
        return Batch(
            crops=_joined([row.crops for row in rows]),
            steps=_joined([row.steps for row in rows])[:, None],
            landmarks=_joined([row.landmarks for row in rows]),
            trust=_joined([row.trust for row in rows]),
            seen=_joined([row.seen for row in rows]),
            still_weights=_stack([s.weights[0] for s in samples[: len(stills)]], (0, len(spec.CHANNELS))),
            window_weights=_stack([s.weights for s in samples[len(stills) :]], (0, _WINDOW, len(spec.CHANNELS))),
            known=torch.from_numpy(np.concatenate([known_stills, known_windows])),
            pair_kind=torch.tensor([pair.kind for pair in drawn], dtype=torch.int64),
            pair_measures=_stack([pair.measures for pair in drawn], (0, len(MEASURES))),
            pair_change=_stack([pair.change for pair in drawn], (0, len(spec.CHANNELS))),
            pair_beside=torch.tensor([pair.beside for pair in drawn], dtype=torch.bool),
            pair_at_rest=torch.tensor([pair.at_rest for pair in drawn], dtype=torch.bool).reshape(-1, 2),
            pair_into_camera=torch.tensor([pair.into_camera for pair in drawn], dtype=torch.bool).reshape(-1, 2),
            pair_gaze=_stack([pair.gaze for pair in drawn], (0, 2, 2)),
            pair_in_sight=torch.tensor([pair.in_sight for pair in drawn], dtype=torch.bool).reshape(-1, 2),
            other_from_one=_stack([pair.other_from_one for pair in drawn], (0, 2, 3)),
        )


def _pair_drawer(folder: Path, config: CaptureConfig) -> PairDrawer:
    mover = FaceMover.of(LandmarkRig.from_arrays(landmark_rig()))
    return PairDrawer(open_faces(folder, held_out=False), mover, config.moved_share)


@dataclass(frozen=True, kw_only=True)
class _Views:
    """One sample as the net sees it: T frames of a window, or one image."""

    crops: np.ndarray
    landmarks: np.ndarray
    trust: np.ndarray
    steps: np.ndarray = field(default_factory=lambda: np.full(1, spec.USUAL_STEP))
    seen: np.ndarray = field(default_factory=lambda: np.ones((1, len(spec.REGIONS))))
    weights: np.ndarray = field(default_factory=lambda: np.zeros((1, len(spec.CHANNELS))))
    rest: "_Views | None" = None


def _rendered(rng: np.random.Generator, shards: Shards, *, known: bool, mirrored: bool | None) -> _Views:
    """A random sample, with the same performer at rest when `known`."""
    sample = shards[int(rng.integers(len(shards)))]
    view = sample_view(rng, mirrored=mirrored)
    # A held box moves little from frame to frame: a tenth of a pixel to half of one, as O-Net's points do.
    shifts = rng.normal(0, rng.uniform(0.0, 0.4), (len(sample.crops), 2))
    crops = [view.crop(image, shift) for image, shift in zip(sample.crops, shifts, strict=True)]
    landmarks = view.points(sample.landmarks) + shifts[:, None]
    visible = sample.visible[:, list(spec.LAYOUT.mirror)] if view.mirrored else sample.visible
    crops, patch = photometric(rng, crops)
    covered, share = covered_share(patch, landmarks)
    return _Views(
        crops=np.stack(crops),
        steps=np.diff(sample.times, prepend=sample.times[0] - spec.USUAL_STEP),
        landmarks=landmarks,
        trust=LANDMARK_TRUST * np.where(visible & (covered == 0), 1.0, HIDDEN_TRUST),
        seen=sample.seen * (1.0 - share),
        weights=sample.weights[:, list(spec.MIRROR)] if view.mirrored else sample.weights,
        rest=_rest(rng, sample, mirrored=view.mirrored) if known else None,
    )


def _rest(rng: np.random.Generator, sample: Sample, *, mirrored: bool) -> _Views:
    """The sample's performer at rest; mirrored with the sample, as one side of a face is not the other."""
    view = sample_view(rng, mirrored=mirrored)
    return _Views(
        crops=np.stack(photometric(rng, [view.crop(sample.rest)], patches=False)[0]),
        landmarks=view.points(sample.rest_landmarks)[None],
        trust=LANDMARK_TRUST[None],
    )


def _face(view: FaceView) -> _Views:
    return _Views(crops=view.crop[None], landmarks=view.landmarks[None], trust=view.trust[None], seen=view.seen[None])


def _joined(rows: list[np.ndarray]) -> Tensor:
    """Frames of all rows; uint8 stays, the rest is float32."""
    whole = np.concatenate(rows)
    return torch.from_numpy(whole if whole.dtype == np.uint8 else whole.astype(np.float32))


def _stack(rows: list[np.ndarray], empty: tuple[int, ...]) -> Tensor:
    return torch.from_numpy(np.stack(rows).astype(np.float32)) if rows else torch.zeros(empty)
