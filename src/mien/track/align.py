"""Face crops: the similarity from the five points to a fixed template; `sampling.warp` applies it."""

import numpy as np
from jaxtyping import Float

from mien.core.errors import MienError
from mien.track.sampling import warp

__all__ = ["CROP", "MARGIN", "STORED", "TEMPLATE", "align_matrix", "warp"]

CROP = 128
"""Side of the aligned square crop that networks see [px]."""

MARGIN = 16
"""Border around the crop in stored training crops [px], which augmentation uses."""

STORED = CROP + 2 * MARGIN
"""Side of a stored training crop [px]."""

TEMPLATE: Float[np.ndarray, "5 2"] = np.array(
    [[0.33, 0.34], [0.67, 0.34], [0.5, 0.54], [0.355, 0.714], [0.645, 0.714]], np.float64
)
"""Positions of `landmarks.FIVE` in the crop, relative to its side (x right, y down, 0 at the crop's outer edge).

The eyes are 0.34 of the crop apart, so that cheeks, chin and raised brows of a turned head stay inside; the mouth is
1.1 eye distances below the eyes, which is the mean of the tracking network's five points on frontal portraits.
"""


def align_matrix(five_points: Float[np.ndarray, "5 2"], size: int, margin: int = 0) -> Float[np.ndarray, "2 3"]:
    """The least-squares similarity (rotation, scale, shift) from image px to crop px.

    With `margin`, the crop is `size + 2 * margin` px wide and its central `size` px are the crop without margin. This
    is the closed form of Umeyama 1991, "Least-squares estimation of transformation parameters", in the plane.

    Raises:
        MienError: the points are not finite or all equal.
    """
    points = np.asarray(five_points, np.float64)
    target = TEMPLATE * size + (margin - 0.5)  # pixel centres: the crop's outer edge is at -0.5 px
    source_mean, target_mean = points.mean(axis=0), target.mean(axis=0)
    px, py = (points - source_mean).T
    tx, ty = (target - target_mean).T
    spread = px @ px + py @ py
    if not (np.isfinite(spread) and spread > 0):
        raise MienError("the five points of a face must be finite and not all the same")
    a, b = (px @ tx + py @ ty) / spread, (px @ ty - py @ tx) / spread
    linear = np.array([[a, -b], [b, a]])
    return np.concatenate([linear, (target_mean - linear @ source_mean)[:, None]], axis=1)
