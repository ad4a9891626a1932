"""`FaceTrack`: one face followed through a video."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

__all__ = ["FaceTrack"]


@dataclass(frozen=True, kw_only=True, eq=False)
class FaceTrack:
    """The position of one face in each frame of a video [px]; frames without the face have NaN and confidence 0."""

    id: int
    """Number of the face, the same in every frame; 0 is the first face found."""
    times: Float[np.ndarray, "T"]
    """Presentation times [s]."""
    boxes: Float[np.ndarray, "T 4"]
    """Bounding boxes: x0, y0, x1, y1 [px]."""
    five_points: Float[np.ndarray, "T 5 2"]
    """The points of `landmarks.FIVE` [px]."""
    confidence: Float[np.ndarray, "T"]
    """Face probability in [0, 1] from the tracking network."""
    landmarks: Float[np.ndarray, "T L 2"] | None = None
    """Dense landmarks [px], present when a capture network has run."""
