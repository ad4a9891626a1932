"""`Clip`: expression weights, head pose and gaze over time, from any source."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from mien.core import files
from mien.core.channels import ARKIT
from mien.core.errors import MienError
from mien.core.frame_fields import FRAME_FIELDS, REST_ROTATION, checked_times, with_gaps
from mien.core.interpolation import between, places
from mien.core.pose import Pose
from mien.core.transforms import slerp

__all__ = ["Clip"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Clip:
    """Expression weights, head pose and gaze over time. Frames without a face have confidence 0 and NaN weights.

    Wrong shapes, and times that do not increase, raise ValueError.
    """

    times: Float[np.ndarray, "T"]
    """Presentation times [s], float64, strictly increasing; the intervals may differ."""
    weights: Float[np.ndarray, "T C"]
    """Channel weights, nominally in [0, 1] (recordings may exceed 1)."""
    channels: tuple[str, ...] = ARKIT
    """Names of the weights' columns."""
    head_rotation: Float[np.ndarray, "T 4"] | None = None
    """`camera_from_head` quaternions, xyzw."""
    head_translation: Float[np.ndarray, "T 3"] | None = None
    """Head origin in the camera frame [mm]."""
    gaze: Float[np.ndarray, "T 2 2"] | None = None
    """(left, right) eye x (yaw, pitch) [rad] in the head frame."""
    eye_torsion: Float[np.ndarray, "T 2"] | None = None
    """Rotation of the (left, right) eye about its line of sight [rad]; None means none. Only recordings have it."""
    confidence: Float[np.ndarray, "T"] | None = None
    """Tracking confidence in [0, 1]; 0 where no face was seen. None means that every frame is trusted."""
    visibility: Float[np.ndarray, "T 3"] | None = None
    """Visible share of each of `regions.REGIONS`, in [0, 1]; None when it is not known. Only captured clips have it."""
    source: str = ""
    """Where the clip came from: a file name, a device, a generator's seed."""

    def __post_init__(self) -> None:
        frames = len(self.times)
        checked_times(self.times, "clip")
        if self.weights.shape != (frames, len(self.channels)):
            raise ValueError(
                f"clip weights have shape {self.weights.shape}, not ({frames} times, {len(self.channels)} channels)"
            )
        for name, value in self._fields().items():
            if len(value) != frames:
                raise ValueError(f"clip {name} has {len(value)} frames, not {frames}")
            if value.shape[1:] != FRAME_FIELDS[name]:
                raise ValueError(f"clip {name} has shape {value.shape}, not {(frames, *FRAME_FIELDS[name])}")

    def _fields(self) -> dict[str, np.ndarray]:
        """The optional fields that the clip has, by name."""
        return {name: value for name in FRAME_FIELDS if (value := getattr(self, name)) is not None}

    @classmethod
    def from_poses(cls, poses: Sequence[Pose], *, source: str = "", channels: tuple[str, ...] = ARKIT) -> "Clip":
        """The clip of a live performance, lost frames included; `channels` are the clip's channels without any poses.

        An optional field that some of the poses with a face lack is left out of the clip, because its values in those
        frames are unknown. Raises ValueError when poses have different channels or their times do not increase.
        """
        names = poses[0].channels if poses else channels
        if any(pose.channels != names for pose in poses):
            raise ValueError("the poses of one clip must have the same channels")
        seen = [pose for pose in poses if pose.seen]
        fields = {
            name: with_gaps([getattr(pose, name) if pose.seen else None for pose in poses], shape)
            for name, shape in FRAME_FIELDS.items()
            if seen and all(getattr(pose, name) is not None for pose in seen)
        }
        trust = [1.0 if pose.confidence is None else pose.confidence for pose in poses]
        fields["confidence"] = np.where([pose.seen for pose in poses], trust, 0.0)
        weights = with_gaps([pose.weights if pose.seen else None for pose in poses], (len(names),))
        return cls(
            times=np.array([pose.time for pose in poses], np.float64),
            weights=weights.astype(np.float32),
            channels=names,
            source=source,
            **fields,
        )

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

    def pose(self, frame: int) -> Pose:
        """One frame of the clip."""
        fields: dict[str, Any] = {name: value[frame] for name, value in self._fields().items()}
        if "confidence" in fields:
            fields["confidence"] = float(fields["confidence"])
        return Pose(time=float(self.times[frame]), weights=self.weights[frame], channels=self.channels, **fields)

    def at(self, times: Float[np.ndarray, "S"]) -> "Clip":
        """The clip at other, strictly increasing times [s], interpolated linearly, and along the shortest rotation.

        Before the first frame and after the last one the clip holds its value. A time between a frame with a face and
        one without becomes a lost frame: NaN, and confidence 0. Raises ValueError for a clip without frames.
        """
        times = np.asarray(times, np.float64)
        if not len(self):
            raise ValueError("a clip without frames has no values at other times")
        low, share = places(self.times, times)
        high = np.minimum(low + 1, len(self) - 1)
        both = self.seen[low] & (self.seen[high] | (share == 0))
        fields = {name: between(value, low, high, share) for name, value in self._fields().items()}
        if self.head_rotation is not None:
            fields["head_rotation"] = slerp(self.head_rotation[low], self.head_rotation[high], share)
        confidence = fields.pop("confidence", None)
        if confidence is not None or not both.all():
            confidence = np.where(both, 1.0 if confidence is None else confidence, 0.0)
        weights = np.where(both[:, None], between(self.weights, low, high, share), np.nan).astype(self.weights.dtype)
        return replace(self, times=times, weights=weights, confidence=confidence, **fields)

    def filled(self) -> "Clip":
        """The clip with every lost frame replaced by the last frame with a face, or by the first one before that.

        A clip without any face becomes neutral.
        """
        if self.seen.all():
            return self
        if not self.seen.any():
            still = {name: np.zeros_like(value) for name, value in self._fields().items() if name in _MOTION}
            if self.head_rotation is not None:
                still["head_rotation"] = np.tile(REST_ROTATION, (len(self), 1))
            return replace(self, weights=np.zeros_like(self.weights), **still)
        last = np.maximum.accumulate(np.where(self.seen, np.arange(len(self)), -1))
        source = np.where(last < 0, np.argmax(self.seen), last)
        return self._rows(source, times=self.times, confidence=self.confidence)

    def select(self, rows: Bool[np.ndarray, "T"]) -> "Clip":
        """The frames where `rows` is true, at their own times."""
        at = np.flatnonzero(rows)
        return self._rows(at, times=self.times[at], confidence=None if self.confidence is None else self.confidence[at])

    def _rows(self, at: Int[np.ndarray, "S"], *, times: np.ndarray, confidence: np.ndarray | None) -> "Clip":
        fields = {name: value[at] for name, value in self._fields().items()} | {"confidence": confidence}
        return replace(self, times=times, weights=self.weights[at], **fields)

    def with_channels(self, channels: tuple[str, ...]) -> "Clip":
        """The clip with other channels: those it lacks are zero (NaN in lost frames), those not named are dropped."""
        at = {name: i for i, name in enumerate(self.channels)}
        absent = np.where(np.isfinite(self.weights).all(axis=1), 0.0, np.nan)
        columns = [self.weights[:, at[name]] if name in at else absent.astype(self.weights.dtype) for name in channels]
        weights = np.stack(columns, axis=1) if columns else np.zeros((len(self), 0), self.weights.dtype)
        return replace(self, weights=weights, channels=tuple(channels))

    def save(self, path: str | Path, **options: Any) -> None:
        """Write the format of the path's extension, whole or not at all; `rig=` is for formats that contain a rig.

        Raises MienError when the extension is unknown, the format needs a rig and none is given, or the path cannot be
        written.
        """
        files.write(path, self, **options)

    @classmethod
    def load(cls, path: str | Path) -> "Clip":
        """Read a file, whose format follows from its extension and contents; raises MienError when it is no clip."""
        return files.read(path, cls)


_MOTION = ("head_rotation", "head_translation", "gaze", "eye_torsion")
"""The fields that describe motion; confidence and visibility describe how well it was seen."""
