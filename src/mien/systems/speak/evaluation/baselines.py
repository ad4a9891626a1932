"""What speak is compared with: viseme key poses joined by straight lines, as most lip-sync tools make them."""

import numpy as np
from jaxtyping import Float

from mien.core import VisemeTrack
from mien.core.visemes import VISEMES, arkit_from_visemes

__all__ = ["key_poses"]

_REST = 0.1
"""Time before the first sound and after the last in which the mouth comes from rest and returns to it [s]."""


def key_poses(track: VisemeTrack, times: Float[np.ndarray, "T"]) -> Float[np.ndarray, "T 52"]:
    """ARKit weights: each viseme's pose in the middle of its interval, linear between, rest in pauses."""
    keys: list[tuple[float, int]] = [(-np.inf, 0)]
    last = -np.inf
    for name, start, end in zip(track.visemes, track.starts, track.ends, strict=True):
        if start - last > 2 * _REST:
            if np.isfinite(last):
                keys.append((last + _REST, 0))
            keys.append((start - _REST, 0))
        keys.append(((start + end) / 2, VISEMES.index(name)))
        last = float(end)
    keys.append((last + _REST, 0))
    at = np.array([time for time, _ in keys[1:]])
    levels = np.eye(len(VISEMES))[[row for _, row in keys[1:]]]
    return arkit_from_visemes(np.stack([np.interp(times, at, column) for column in levels.T], axis=1))
