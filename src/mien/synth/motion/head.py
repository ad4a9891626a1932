"""Head motion: a resting pose, slow sway, nods and shakes, all band-limited."""

import numpy as np

from mien.synth.motion.ramps import band_limited

__all__ = ["ANGLE_LIMITS", "head_track", "resting_angles"]

ANGLE_LIMITS = np.radians([65.0, 42.0, 42.0])
"""Limits of (yaw, pitch, roll), approached smoothly. Beyond about 65 degrees of yaw one eye is hidden and O-Net
fails."""


def _soft_limit(angles: np.ndarray) -> np.ndarray:
    return ANGLE_LIMITS * np.tanh(angles / ANGLE_LIMITS)


def resting_angles(rng: np.random.Generator) -> np.ndarray:
    """(yaw, pitch, roll) [rad] about which a performance moves: mostly towards the camera, a quarter anywhere in
    range."""
    if rng.random() < 0.72:
        return np.radians(rng.standard_normal(3) * (11.0, 8.0, 5.0))
    return np.radians(rng.uniform(-1, 1, 3) * (50.0, 30.0, 28.0))


def head_track(rng: np.random.Generator, times: np.ndarray, *, speaking: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """(angles [T, 3] yaw/pitch/roll rad, translation [T, 3] mm about the start) over `times` [T]."""
    liveliness = rng.lognormal(0.0, 0.6)
    spread = np.radians([5.0, 3.5, 2.5]) * liveliness
    sway = np.stack([band_limited(rng, times, 0.08, 1.6) * s for s in spread], axis=1)
    angles = resting_angles(rng) + sway
    if rng.random() < (0.5 if speaking else 0.2):
        # Nods (pitch) and shakes (yaw) have 1-3.5 Hz and a varying amplitude.
        axis, degrees = int(rng.choice(3, p=(0.35, 0.5, 0.15))), rng.uniform(2.0, 10.0)
        swell = np.clip(0.5 + band_limited(rng, times, 0.15, 0.5, 3) * 0.5, 0.0, 1.0)
        angles[:, axis] += (
            np.radians(degrees) * swell * np.sin(2 * np.pi * (rng.uniform(1.0, 3.5) * times + rng.random()))
        )
    drift = [band_limited(rng, times, 0.08, 1.0) * mm * liveliness for mm in (5.0, 3.0, 8.0)]
    return _soft_limit(angles), np.stack(drift, axis=1)
