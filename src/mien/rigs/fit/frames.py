"""Which frames of a take show best whose face it is: confident, calm, and from different sides."""

import numpy as np
from jaxtyping import Float, Int

from mien.core import ARKIT
from mien.core.transforms import angles_from_quaternion

__all__ = ["choose_frames"]

_WIDEST = np.radians([45.0, 30.0, 45.0])
"""Yaw, pitch, roll beyond which half a face is hidden and landmarks are guessed; the training data ends there too."""
_APART = np.radians(2.0)
"""Frames nearer than this in head angle show the same view again, with the same errors."""
_CALM = 0.5
"""Share of the frames, those with the least expression, that are chosen from."""
_CONFIDENT = 0.9
"""Detector confidence of a face that is whole and upright; a half hidden one lies below."""
_SKIN = [c for c, name in enumerate(ARKIT) if not name.startswith("eyeLook")]


def choose_frames(
    rotation: Float[np.ndarray, "T 4"],
    weights: Float[np.ndarray, "T 52"],
    confidence: Float[np.ndarray, "T"],
    count: int = 12,
) -> Int[np.ndarray, "K"]:
    """Indices of at most `count` frames, in order; empty when no frame shows a face.

    The calmest frame first, then always the one whose head angles are farthest from those chosen. A head that holds
    still gives few frames: more of one view would repeat its errors.

    Args:
        rotation: `camera_from_head` of each frame, NaN where there is no face.
        weights: captured expression.
        confidence: of the detector, 0 where there is no face.
        count: most frames wanted.
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
