"""`Pose`: one frame of a live performance."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from mien.core.channels import ARKIT
from mien.core.frame_fields import FRAME_FIELDS

__all__ = ["Pose"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Pose:
    """Expression weights, head pose and gaze at one time: one row of a `Clip`.

    A frame without a face has NaN weights and confidence 0 (`Pose.lost`). Wrong shapes raise ValueError.
    """

    time: float
    """Presentation time [s]."""
    weights: Float[np.ndarray, "C"]
    """Channel weights, nominally in [0, 1]; NaN when no face was seen."""
    channels: tuple[str, ...] = ARKIT
    """Names of the weights."""
    head_rotation: Float[np.ndarray, "4"] | None = None
    """`camera_from_head` quaternion, xyzw."""
    head_translation: Float[np.ndarray, "3"] | None = None
    """Head origin in the camera frame [mm]."""
    gaze: Float[np.ndarray, "2 2"] | None = None
    """(left, right) eye x (yaw, pitch) [rad] in the head frame."""
    eye_torsion: Float[np.ndarray, "2"] | None = None
    """Rotation of the (left, right) eye about its line of sight [rad]; None means none."""
    confidence: float | None = None
    """Tracking confidence in [0, 1]; 0 when no face was seen. None means that the frame is trusted."""
    visibility: Float[np.ndarray, "3"] | None = None
    """Visible share of each of `regions.REGIONS`, in [0, 1]; None when it is not known."""

    def __post_init__(self) -> None:
        if self.weights.shape != (len(self.channels),):
            raise ValueError(f"pose weights have shape {self.weights.shape}, not ({len(self.channels)} channels)")
        for name, shape in FRAME_FIELDS.items():
            value = getattr(self, name)
            if value is not None and np.shape(value) != shape:
                raise ValueError(f"pose {name} has shape {np.shape(value)}, not {shape}")

    @classmethod
    def lost(cls, time: float, channels: tuple[str, ...] = ARKIT) -> "Pose":
        """The pose at `time` [s] of a frame without a face."""
        return cls(time=time, weights=np.full(len(channels), np.nan, np.float32), channels=channels, confidence=0.0)

    @property
    def seen(self) -> bool:
        """True when a face was seen: positive confidence and finite weights."""
        return bool(np.isfinite(self.weights).all()) and (self.confidence is None or self.confidence > 0)
