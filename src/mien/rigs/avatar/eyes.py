"""The colours of a person's eyes in photos: of the irises, and of the white beside them."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from mien.rigs.avatar.photo import Photo, linear

__all__ = ["eye_colors"]

_RING = (0.5, 0.85)
"""Radii of the ring of the iris that is looked at, relative to the iris: outside of the pupil, inside of the limbus."""
_WHITE = 1.25
"""Distance from the iris's centre, relative to its radius, from which the white of the eye is looked at."""
_PIXELS = 12
"""Least number of pixels that show a colour."""
_SMALLEST = 4.0
"""Least radius of an iris [px] that shows a colour."""
_LIT = 0.35
"""Height over the iris's centre, relative to its radius, above which lid and lashes shade the eye."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Eye:
    """Pixels of one eye."""

    colors: Float[np.ndarray, "P 3"]
    """Linear."""
    away: Float[np.ndarray, "P"]
    """Distance from the iris's centre, relative to its radius."""


def eye_colors(photos: list[Photo]) -> tuple[Float[np.ndarray, "3"] | None, Float[np.ndarray, "3"] | None]:
    """(linear colour of the irises, that of the white of the eyes); None where the photos are too small to show it.

    The upper part of the eye is left out, because lid and lashes shade it. Of the iris the brightest pixels, which
    mirror lamps, are left out; of the white the darker half, which lies in the shadow of the lids.
    """
    eyes = [eye for photo in photos for side in ("right", "left") if (eye := _eye(photo, side)) is not None]
    if not eyes:
        return None, None
    colors = np.concatenate([eye.colors for eye in eyes])
    away = np.concatenate([eye.away for eye in eyes])
    iris = colors[(away > _RING[0]) & (away < _RING[1])]
    white = colors[away > _WHITE]
    return _middle(iris, 0.15, 0.75), _middle(white, 0.5, 0.95)


def _middle(colors: np.ndarray, low: float, high: float) -> Float[np.ndarray, "3"] | None:
    """Median of the colours between two quantiles of brightness."""
    if len(colors) < _PIXELS:
        return None
    bright = colors @ [0.2126, 0.7152, 0.0722]
    return np.median(colors[(bright >= np.quantile(bright, low)) & (bright <= np.quantile(bright, high))], axis=0)


def _eye(photo: Photo, side: str) -> _Eye | None:
    import cv2

    groups = photo.layout.groups
    if f"iris_rim_{side}" not in groups:
        return None
    rim, lids = (photo.landmarks[list(groups[f"{name}_{side}"])] for name in ("iris_rim", "eye"))
    if not (np.isfinite(rim).all() and np.isfinite(lids).all()):
        return None
    height, width = photo.image.shape[:2]
    centre = rim.mean(axis=0)
    radius = float(np.linalg.norm(rim - centre, axis=1).mean())
    low = np.clip(np.floor(lids.min(axis=0)).astype(int), 0, [width, height])
    high = np.clip(np.ceil(lids.max(axis=0)).astype(int) + 1, 0, [width, height])
    if radius < _SMALLEST or (high <= low).any():
        return None
    y, x = np.mgrid[low[1] : high[1], low[0] : high[0]]
    inside = np.zeros(x.shape, np.uint8)
    cv2.fillPoly(inside, [np.rint(lids - low).astype(np.int32)], 1)
    inside = cv2.erode(inside, np.ones((3, 3), np.uint8)) > 0
    lit = inside & (y > centre[1] - _LIT * radius)
    away = np.hypot(x - centre[0], y - centre[1]) / radius
    return _Eye(colors=linear(photo.image[low[1] : high[1], low[0] : high[0]][lit]), away=away[lit])
