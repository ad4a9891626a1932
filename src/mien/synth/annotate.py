"""The truth of a rendered frame: landmarks, their visibility, head pose, gaze, and the hidden share of each region."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial.transform import Rotation

from mien.core import IBUG68, MIEN198, Camera
from mien.core.landmarks import MOUTH_CORNERS
from mien.synth.performer import Performance, Performer
from mien.synth.renderer import Picture, Pose

__all__ = ["Truth", "annotate", "true_five"]

_TOLERANCE = 4.0
"""A point this far behind the nearest surface still counts as visible [mm]: landmarks lie on edges, where depth varies
much within one sample of a slanted surface."""

_NOSE_TIP = IBUG68.groups["nose_bridge"][-1]

_DARK = 0.5
"""Opacity from which a lens hides the eye behind it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Truth:
    """One frame's annotation."""

    landmarks: Float[np.ndarray, "198 2"]
    """Points of mien198 in pixels of the image; mien70 comes first."""
    visible: Bool[np.ndarray, "198"]
    weights: Float[np.ndarray, "52"]
    quaternion: Float[np.ndarray, "4"]
    """Head rotation, camera_from_head, xyzw."""
    translation: Float[np.ndarray, "3"]
    """Head joint in the camera frame [mm]."""
    gaze: Float[np.ndarray, "2 2"]
    hidden: Float[np.ndarray, "3"]
    """Share of the points of eyes, brows and mouth that are covered."""


def annotate(
    performer: Performer, pose: Pose, performance: Performance, frame: int, camera: Camera, picture: Picture,
    weights: Float[np.ndarray, "52"], lenses: float = 0.0,
) -> Truth:  # fmt: skip
    """The truth of a picture of `pose`; `lenses` is the opacity of glasses before the eyes."""
    in_head = performer.landmarks(pose.vertices.astype(np.float64))
    points = in_head @ pose.rotation.T + pose.translation
    pixels = camera.project(points)
    visible = _seen(pixels, -points[:, 2], picture)
    for k, side in enumerate(("left", "right")):
        iris = [*MIEN198.groups[f"iris_{side}"], *MIEN198.groups[f"iris_rim_{side}"]]
        visible[iris] &= _between_lids(in_head[iris] - pose.eyes[k], pose.lid_curves[k])
        # Lenses are blended and leave no depth, but dark ones hide the eyes.
        visible[[*iris, *MIEN198.groups[f"eye_{side}"]]] &= lenses < _DARK
    hidden = []
    for region, ids in performer.body.probes.items():
        p = pose.vertices[ids] @ pose.rotation.T + pose.translation
        covered = 1.0 - _seen(camera.project(p), -p[:, 2], picture).mean()
        hidden.append(max(covered, lenses) if region == "eyes" and lenses >= _DARK else covered)
    return Truth(
        landmarks=pixels,
        visible=visible,
        weights=weights,
        quaternion=Rotation.from_matrix(pose.rotation).as_quat(),
        translation=pose.translation,
        gaze=performance.gaze[frame],
        hidden=np.array(hidden),
    )


def _between_lids(points: Float[np.ndarray, "N 3"], curves: Float[np.ndarray, "2 3"]) -> Bool[np.ndarray, "N"]:
    """Whether points of an eyeball are between the lids, which hide an iris well before the depth buffer shows it."""
    azimuth = np.arctan2(points[:, 0], points[:, 2])
    elevation = np.arctan2(points[:, 1], np.hypot(points[:, 0], points[:, 2]))
    upper, lower = curves @ np.stack([np.ones_like(azimuth), azimuth, azimuth**2])
    return (elevation <= upper) & (elevation >= lower)


def true_five(landmarks: Float[np.ndarray, "L 2"]) -> Float[np.ndarray, "5 2"]:
    """The five points of `landmarks.FIVE` from mien70 or mien198: means of lids, nose tip, mouth corners."""
    right, left = (IBUG68.take(landmarks, f"eye_{side}").mean(0) for side in ("right", "left"))
    return np.stack([right, left, landmarks[_NOSE_TIP], *landmarks[list(MOUTH_CORNERS)]])


def _seen(pixels: np.ndarray, depth: np.ndarray, picture: Picture) -> Bool[np.ndarray, "N"]:
    """Depth test against the 3x3 samples round each point: visible if it is not behind the farthest of them."""
    height, width = picture.depth.shape
    at = np.floor((pixels + 0.5) * picture.scale).astype(int)
    inside = ((at >= 1) & (at < np.array([width, height]) - 1)).all(axis=1)
    at = np.clip(at, 1, np.array([width, height]) - 2)
    farthest = np.full(len(at), -np.inf)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            farthest = np.maximum(farthest, picture.depth[at[:, 1] + dy, at[:, 0] + dx])
    return inside & (depth <= farthest + _TOLERANCE)
