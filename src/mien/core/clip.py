"""`Clip`: what a performance is made of, whatever it came from."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from mien.core import formats
from mien.core.channels import ARKIT
from mien.core.errors import MienError

__all__ = ["Clip"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Clip:
    """Expression weights, head pose and gaze over time. Frames without a face have confidence 0 and NaN weights."""

    times: Float[np.ndarray, "T"]
    """Presentation times [s], float64, strictly increasing; the steps may differ."""
    weights: Float[np.ndarray, "T C"]
    """Channel weights, nominally in [0, 1] (recordings may exceed 1)."""
    channels: tuple[str, ...] = ARKIT
    head_rotation: Float[np.ndarray, "T 4"] | None = None
    """`camera_from_head` quaternions, xyzw."""
    head_translation: Float[np.ndarray, "T 3"] | None = None
    """Head origin in the camera frame [mm]."""
    gaze: Float[np.ndarray, "T 2 2"] | None = None
    """(left, right) eye x (yaw, pitch) [rad] in the head frame."""
    eye_torsion: Float[np.ndarray, "T 2"] | None = None
    """Turn of the (left, right) eye about its own line of sight [rad]; None is none. Only recordings carry it."""
    confidence: Float[np.ndarray, "T"] | None = None
    """In [0, 1]; 0 where no face was seen. None means every frame is trusted."""
    visibility: Float[np.ndarray, "T 3"] | None = None
    """How much of the (eyes, brows, mouth) is in sight, in [0, 1]; None where nobody looked. Only captures carry it."""
    source: str = ""
    """Where it came from: a file name, a device, a generator's seed."""

    def __post_init__(self) -> None:
        frames = len(self.times)
        if self.weights.shape != (frames, len(self.channels)):
            raise MienError(
                f"clip weights have shape {self.weights.shape}, not ({frames} times, {len(self.channels)} channels)"
            )
        for name in ("head_rotation", "head_translation", "gaze", "eye_torsion", "confidence", "visibility"):
            value = getattr(self, name)
            if value is not None and len(value) != frames:
                raise MienError(f"clip {name} has {len(value)} frames, not {frames}")
        if frames and not (np.isfinite(self.times).all() and (np.diff(self.times) > 0).all()):
            raise MienError("clip times must be finite and strictly increasing")

    def __len__(self) -> int:
        return len(self.times)

    @property
    def seen(self) -> Bool[np.ndarray, "T"]:
        """True where a face was seen: positive confidence and finite weights."""
        finite = np.asarray(np.isfinite(self.weights).all(axis=1))
        return finite if self.confidence is None else np.logical_and(finite, self.confidence > 0)

    @property
    def duration(self) -> float:
        """Last time minus first [s]; 0 for fewer than two frames."""
        return float(self.times[-1] - self.times[0]) if len(self) > 1 else 0.0

    def curve(self, channel: str) -> Float[np.ndarray, "T"]:
        """One channel's weights; raises MienError when the clip lacks it."""
        if channel not in self.channels:
            raise MienError(f"the clip has no channel '{channel}'")
        return self.weights[:, self.channels.index(channel)]

    def filled(self) -> "Clip":
        """Gaps closed by holding the last seen frame (the first seen one before that); neutral if none was seen."""
        if self.seen.all():
            return self
        if not self.seen.any():
            count = len(self)
            return replace(
                self,
                weights=np.zeros_like(self.weights),
                head_rotation=None if self.head_rotation is None else np.tile([0.0, 0, 0, 1], (count, 1)),
                head_translation=None if self.head_translation is None else np.zeros((count, 3)),
                gaze=None if self.gaze is None else np.zeros((count, 2, 2)),
                eye_torsion=None if self.eye_torsion is None else np.zeros((count, 2)),
            )
        last = np.maximum.accumulate(np.where(self.seen, np.arange(len(self)), -1))
        source = np.where(last < 0, np.argmax(self.seen), last)
        return self._rows(source, times=self.times, confidence=self.confidence)

    def select(self, rows: Bool[np.ndarray, "T"]) -> "Clip":
        """The frames where `rows` is true, at their own times."""
        at = np.flatnonzero(rows)
        return self._rows(at, times=self.times[at], confidence=None if self.confidence is None else self.confidence[at])

    def _rows(self, at: np.ndarray, *, times: np.ndarray, confidence: np.ndarray | None) -> "Clip":
        def take(value: np.ndarray | None) -> np.ndarray | None:
            return None if value is None else value[at]

        return replace(
            self,
            times=times,
            weights=self.weights[at],
            head_rotation=take(self.head_rotation),
            head_translation=take(self.head_translation),
            gaze=take(self.gaze),
            eye_torsion=take(self.eye_torsion),
            visibility=take(self.visibility),
            confidence=confidence,
        )

    def with_channels(self, channels: tuple[str, ...]) -> "Clip":
        """The clip on another channel list: channels it lacks are zero (NaN where the frame is), others are dropped."""
        at = {name: i for i, name in enumerate(self.channels)}
        absent = np.where(np.isfinite(self.weights).all(axis=1), 0.0, np.nan)
        columns = [self.weights[:, at[name]] if name in at else absent.astype(self.weights.dtype) for name in channels]
        weights = np.stack(columns, axis=1) if columns else np.zeros((len(self), 0), self.weights.dtype)
        return replace(self, weights=weights, channels=tuple(channels))

    def save(self, path: str | Path, **options: Any) -> None:
        """Write by the file's extension (".csv", ".glb" with `rig=`, ".npz"), whole or not at all. Raises MienError."""
        formats.write(path, self, **options)

    @classmethod
    def load(cls, path: str | Path) -> "Clip":
        """Read by the file's extension; raises MienError when the file is not a clip."""
        return formats.read(path, cls)
