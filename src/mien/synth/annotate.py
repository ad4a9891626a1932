"""The truth of a rendered frame: landmarks, what can be seen, pose, gaze, and how much is covered."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial.transform import Rotation

from mien.core import Camera
from mien.synth.performer import Performance, Performer
from mien.synth.renderer import Picture, Pose

__all__ = ["Truth", "annotate", "true_five"]

_TOLERANCE = 4.0
"""A point this far behind the nearest surface still counts as seen [mm]: landmarks sit on edges, where a sample's
width of a slanted surface is deep."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Truth:
    """One frame's annotation."""

    landmarks: Float[np.ndarray, "70 2"]
    """mien70, px of the image."""
    visible: Bool[np.ndarray, "70"]
    weights: Float[np.ndarray, "52"]
    quaternion: Float[np.ndarray, "4"]
    """camera_from_head, xyzw."""
    translation: Float[np.ndarray, "3"]
    """mm."""
    gaze: Float[np.ndarray, "2 2"]
    hidden: Float[np.ndarray, "3"]
    """Share of the points of eyes, brows and mouth that something covers."""


def annotate(
    performer: Performer, pose: Pose, performance: Performance, frame: int, camera: Camera, picture: Picture,
    weights: Float[np.ndarray, "52"],
) -> Truth:  # fmt: skip
    """What is true of a picture of `pose`."""
    points = performer.landmarks(pose.vertices.astype(np.float64)) @ pose.rotation.T + pose.translation
    pixels = camera.project(points)
    visible = _seen(pixels, -points[:, 2], picture)
    # An iris is hidden by its lids well before the depth buffer says so: the pole must be in the opening.
    hidden = []
    for ids in performer.body.probes.values():
        p = pose.vertices[ids] @ pose.rotation.T + pose.translation
        hidden.append(1.0 - _seen(camera.project(p), -p[:, 2], picture).mean())
    return Truth(
        landmarks=pixels,
        visible=visible,
        weights=weights,
        quaternion=Rotation.from_matrix(pose.rotation).as_quat(),
        translation=pose.translation,
        gaze=performance.gaze[frame],
        hidden=np.array(hidden),
    )


def true_five(landmarks: Float[np.ndarray, "70 2"]) -> Float[np.ndarray, "5 2"]:
    """The five points of `landmarks.FIVE` from mien70: means of the eye contours, nose tip, mouth corners."""
    return np.stack([landmarks[36:42].mean(0), landmarks[42:48].mean(0), landmarks[30], landmarks[48], landmarks[54]])


def _seen(pixels: np.ndarray, depth: np.ndarray, picture: Picture) -> Bool[np.ndarray, "N"]:
    """Depth test against the 3x3 samples round each point: seen if it is not behind the farthest of them."""
    height, width = picture.depth.shape
    at = np.floor((pixels + 0.5) * picture.scale).astype(int)
    inside = ((at >= 1) & (at < np.array([width, height]) - 1)).all(axis=1)
    at = np.clip(at, 1, np.array([width, height]) - 2)
    farthest = np.full(len(at), -np.inf)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            farthest = np.maximum(farthest, picture.depth[at[:, 1] + dy, at[:, 0] + dx])
    return inside & (depth <= farthest + _TOLERANCE)
