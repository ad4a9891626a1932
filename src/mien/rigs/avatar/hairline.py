"""The hairline as directions from the middle of the head."""

import numpy as np
from jaxtyping import Float

__all__ = ["FRONT", "HEAD_CENTRE", "directions", "scalp_margin"]

HEAD_CENTRE = np.array([0.0, 40.0, 0.0])
"""Origin of the directions of the scalp [mm, rig frame]."""

FRONT = float(np.radians(40))
"""Elevation of the hairline over the middle of the forehead [rad] when no photo shows it."""
_AZIMUTHS = np.radians([0, 22, 38, 50, 58, 66, 72, 96, 112, 140, 180])
_HEIGHTS = np.radians([40, 39, 36, 26, 8, -4, 10, 10, -20, -40, -46])
"""Elevation of the hairline over the azimuth (0 in front, pi at the nape): high over the forehead, a sideburn before
the ear, over the ear, down to the nape."""


def directions(points: Float[np.ndarray, "N 3"]) -> tuple[Float[np.ndarray, "N"], Float[np.ndarray, "N"]]:
    """(azimuth, elevation) of points seen from the middle of the head [rad]."""
    x, y, z = (points - HEAD_CENTRE).T
    return np.arctan2(x, z), np.arctan2(y, np.hypot(x, z))


def scalp_margin(points: Float[np.ndarray, "N 3"], front: float = FRONT) -> Float[np.ndarray, "N"]:
    """How far points of the head lie above the hairline [rad]; negative below it.

    `front` is the elevation of the hairline over the middle of the forehead [rad]; the temples follow it.
    """
    azimuth, elevation = directions(points)
    heights = _HEIGHTS + (front - FRONT) * np.interp(_AZIMUTHS, np.radians([38, 66]), [1.0, 0.0])
    return elevation - np.interp(np.abs(azimuth), _AZIMUTHS, heights)
