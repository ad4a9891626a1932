"""Selects the frames of a take that show the performer's identity best: confident, little expression, many views."""

import numpy as np
from jaxtyping import Float, Int

from mien.core import ARKIT
from mien.core.transforms import angles_from_quaternion

__all__ = ["choose_frames"]

_WIDEST = np.radians([45.0, 30.0, 45.0])
"""Largest yaw, pitch, roll of a chosen frame: beyond it half the face is hidden, so that its landmarks are inaccurate,
and the training data ends there, too."""
_APART = np.radians(2.0)
"""Smallest difference of head angle between chosen frames: closer frames show the same view, with the same errors."""
_CALM = 0.5
"""Share of the frames, those with the least expression, from which frames are chosen."""
_CONFIDENT = 0.9
"""Least detector confidence of a chosen frame: that of a fully visible, upright face; half hidden faces have less."""
_SKIN = [c for c, name in enumerate(ARKIT) if not name.startswith("eyeLook")]


def choose_frames(
    rotation: Float[np.ndarray, "T 4"],
    weights: Float[np.ndarray, "T 52"],
    confidence: Float[np.ndarray, "T"],
    count: int = 12,
) -> Int[np.ndarray, "K"]:
    """Indices of at most `count` frames, in order; empty when no frame shows a face.

    The frame with the least expression is chosen first, then repeatedly the frame whose head angles are farthest from
    those chosen. A still head gives few frames, because more frames of one view would repeat its errors.

    Args:
        rotation: `camera_from_head` of each frame, NaN where there is no face.
        weights: captured expression.
        confidence: detector confidence, 0 where there is no face.
        count: largest number of frames to choose.
    """
    angles = angles_from_quaternion(rotation)
    effort = np.where(np.isfinite(weights[:, _SKIN]), weights[:, _SKIN], np.inf).sum(axis=1)
    seen = np.flatnonzero((confidence > 0) & np.isfinite(angles).all(axis=1) & np.isfinite(effort))
    for good in ((np.abs(angles) <= _WIDEST).all(axis=1), np.asarray(confidence) >= _CONFIDENT):
        kept = seen[np.asarray(good)[seen]]
        seen = kept if len(kept) else seen
    if not len(seen):
        return seen
    calm = seen[effort[seen] <= np.quantile(effort[seen], _CALM)]
    chosen = [int(calm[effort[calm].argmin()])]
    apart = np.linalg.norm(angles[calm] - angles[chosen[0]], axis=1)
    while len(chosen) < count and apart.max() >= _APART:
        chosen.append(int(calm[apart.argmax()]))
        apart = np.minimum(apart, np.linalg.norm(angles[calm] - angles[chosen[-1]], axis=1))
    return np.sort(np.array(chosen))
