"""Face crops: a similarity from the five points to a fixed template, and the warp that follows it."""

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from mien.core.errors import MienError
from mien.track.sampling import halved

__all__ = ["TEMPLATE", "align_matrix", "warp"]

TEMPLATE: Float[np.ndarray, "5 2"] = np.array(
    [[0.33, 0.34], [0.67, 0.34], [0.5, 0.54], [0.355, 0.714], [0.645, 0.714]], np.float64
)
"""Where `landmarks.FIVE` lie in the crop, as a share of its side (x right, y down, 0 at the crop's outer edge).

The eyes are 0.34 of the crop apart, so that cheeks, chin and raised brows of a turned head stay inside; the mouth is
1.1 eye distances below them, the mean of the five points that the tracking net gives on frontal portraits.
"""

_MINIFY_LIMIT = 1.5
"""Image pixels per crop pixel beyond which bilinear sampling (2x2 taps) skips pixels and sensor noise aliases."""


def align_matrix(five_points: Float[np.ndarray, "5 2"], size: int, margin: int = 0) -> Float[np.ndarray, "2 3"]:
    """The least-squares similarity (rotation, scale, shift) that takes image px to crop px.

    With `margin`, the crop is `size + 2 * margin` px wide and its central `size` px are the crop without margin.
    Closed form of Umeyama 1991, "Least-squares estimation of transformation parameters", in the plane.

    Raises:
        MienError: the points are not finite or all the same.
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


def warp(image: UInt8[np.ndarray, "H W 3"], matrix: Float[np.ndarray, "2 3"], size: int) -> UInt8[np.ndarray, "S S 3"]:
    """The crop of `size` px that `matrix` (image px -> crop px) cuts out; the frame's edge is replicated outwards.

    Before minification the region is averaged over whole blocks of 2, 4, 8, ... px. The blocks lie on the image's own
    grid, so that a face at rest is filtered alike in every frame. Only the region the crop covers is read.
    """
    matrix = np.asarray(matrix, np.float64)
    minify = 1.0 / max(np.sqrt(abs(np.linalg.det(matrix[:, :2]))), 1e-9)
    halvings = int(np.ceil(np.log2(minify / _MINIFY_LIMIT)))
    if halvings > 0:
        image, matrix = _averaged(image, matrix, size, halvings)
    return np.asarray(
        cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8
    )


def _averaged(image: np.ndarray, matrix: np.ndarray, size: int, halvings: int) -> tuple[np.ndarray, np.ndarray]:
    """The region under the crop, averaged in blocks of 2^halvings px, and the matrix from it to the crop."""
    block = 2**halvings
    height, width = image.shape[:2]
    corners = np.array([[0, 0], [size, 0], [0, size], [size, size]], np.float64) - 0.5
    inside = (corners - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
    # One block more on each side feeds the bilinear taps at the crop's edge.
    low = np.floor(inside.min(axis=0) / block).astype(int) - 1
    high = np.ceil(inside.max(axis=0) / block).astype(int) + 1
    blocks = np.array([width, height]) // block
    if (blocks == 0).any():  # an image smaller than one block: nothing to average
        return image, matrix
    low = np.clip(low, 0, blocks - 1)
    high = np.clip(high, low + 1, blocks)
    (x0, y0), (x1, y1) = low * block, high * block
    small = halved(image[y0:y1, x0:x1], halvings)
    # Pixel i of the small image is the mean of block i: its centre lies (block - 1) / 2 px after the block's first px.
    centre = low * block + (block - 1) / 2
    return small, np.concatenate([matrix[:, :2] * block, (matrix[:, :2] @ centre + matrix[:, 2])[:, None]], axis=1)
