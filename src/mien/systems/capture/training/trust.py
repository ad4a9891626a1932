"""How much each landmark counts in training, and which landmarks tell that a region is covered."""

import numpy as np
from jaxtyping import Float

from mien.core.regions import region_points
from mien.engine.photometric import Patch
from mien.systems.capture import spec

__all__ = ["BROWS", "HIDDEN_TRUST", "LANDMARK_TRUST", "covered_share"]

HIDDEN_TRUST = 0.3
"""A point that something hides is a guess: it counts less, but enough to be guessed well."""
_EDGELESS = {
    "jaw": 0.4,
    "chin": 0.4,
    "nose_side": 0.4,
    "cheek": 0.2,
    "under_eye": 0.2,
    "smile_fold": 0.2,
    "forehead": 0.2,
}


def _landmark_trust() -> np.ndarray:
    """Points on an outline slide along it, points on skin within it: their errors are the largest and say least."""
    trust = np.ones(spec.LAYOUT.count, np.float32)
    for group, points in spec.LAYOUT.groups.items():
        trust[list(points)] = _EDGELESS.get(group.removesuffix("_right").removesuffix("_left"), 1.0)
    return trust


LANDMARK_TRUST: Float[np.ndarray, "L"] = _landmark_trust()
BROWS = sorted(point for group, points in spec.LAYOUT.groups.items() if group.startswith("brow") for point in points)
"""The landmarks of both brows."""
_REGION_POINTS = list(region_points(spec.LAYOUT).values())


def covered_share(
    patch: Patch | None, landmarks: Float[np.ndarray, "T L 2"]
) -> tuple[Float[np.ndarray, "T L"], Float[np.ndarray, "T R"]]:
    """Which landmarks [px] lie behind the patch, 1 or 0, and which share of each of `spec.REGIONS` does."""
    covered = np.zeros(landmarks.shape[:-1]) if patch is None else patch.covers(landmarks).astype(np.float64)
    return covered, np.stack([covered[:, points].mean(axis=1) for points in _REGION_POINTS], axis=1)
