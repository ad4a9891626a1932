"""`FaceTrack`: one face followed through a video."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

__all__ = ["FaceTrack"]


@dataclass(frozen=True, kw_only=True, eq=False)
class FaceTrack:
    """Where one face is in each frame of a video [px]; rows are NaN with confidence 0 where it is not seen."""

    id: int
    """Stable over the video; 0 is the first face found."""
    times: Float[np.ndarray, "T"]
    """Presentation times [s]."""
    boxes: Float[np.ndarray, "T 4"]
    """x0, y0, x1, y1 [px]."""
    five_points: Float[np.ndarray, "T 5 2"]
    """The points of `landmarks.FIVE` [px]."""
    confidence: Float[np.ndarray, "T"]
    """Face probability of the tracking net in [0, 1]."""
    landmarks: Float[np.ndarray, "T L 2"] | None = None
    """Dense landmarks [px] when a capture model has run."""
