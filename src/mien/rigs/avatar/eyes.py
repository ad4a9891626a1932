"""The colour of a person's irises in photos."""

import numpy as np
from jaxtyping import Float

from mien.rigs.avatar.photo import Photo, linear

__all__ = ["iris_color"]

_RING = (0.5, 0.85)
"""Radii of the ring of the iris that is looked at, as shares of the iris: outside of the pupil, inside of the limbus."""
_PIXELS = 12
"""Least number of pixels of the ring."""
_SMALLEST = 4.0
"""Least radius of an iris [px] that shows a colour."""


def iris_color(photos: list[Photo]) -> Float[np.ndarray, "3"] | None:
    """The irises' colour in the photos, linear, brightened as under the skin's light; None when too few pixels show it.

    The upper third is left out, because lid and lashes shade it, and the brightest pixels, which mirror lamps.
    """
    found: list[np.ndarray] = []
    for photo in photos:
        for side in ("right", "left"):
            groups = photo.layout.groups
            if f"iris_rim_{side}" not in groups:
                continue
            rim = photo.landmarks[list(groups[f"iris_rim_{side}"])]
            lids = photo.landmarks[list(groups[f"eye_{side}"])]
            if np.isfinite(rim).all() and np.isfinite(lids).all():
                found.append(_ring(photo, rim, lids))
    colors = np.concatenate(found) if found else np.zeros((0, 3))
    if len(colors) < _PIXELS:
        return None
    bright = colors @ [0.2126, 0.7152, 0.0722]
    kept = colors[(bright >= np.quantile(bright, 0.15)) & (bright <= np.quantile(bright, 0.75))]
    return np.median(kept, axis=0)


def _ring(photo: Photo, rim: np.ndarray, lids: np.ndarray) -> np.ndarray:
    import cv2

    height, width = photo.image.shape[:2]
    centre = rim.mean(axis=0)
    radius = float(np.linalg.norm(rim - centre, axis=1).mean())
    if radius < _SMALLEST:
        return np.zeros((0, 3))
    low = np.maximum(np.floor(centre - radius).astype(int), 0)
    high = np.minimum(np.ceil(centre + radius).astype(int) + 1, [width, height])
    if (high <= low).any():
        return np.zeros((0, 3))
    y, x = np.mgrid[low[1] : high[1], low[0] : high[0]]
    away = np.hypot(x - centre[0], y - centre[1]) / radius
    inside = np.zeros(x.shape, np.uint8)
    cv2.fillPoly(inside, [np.rint(lids - low).astype(np.int32)], 1)
    inside = cv2.erode(inside, np.ones((3, 3), np.uint8))
    chosen = (away > _RING[0]) & (away < _RING[1]) & (inside > 0) & (y > centre[1] - 0.35 * radius)
    return linear(photo.image[low[1] : high[1], low[0] : high[0]][chosen])
