"""Rotations, head angles and gaze, in mien's frames.

Head frame: +X the subject's left, +Y up, +Z out of the face. Camera frame: +X image right, +Y up, +Z towards the
viewer (as OpenGL), so `camera_from_head` is the identity for a face that looks straight into the camera.
Angles: yaw + turns the nose to image right, pitch + lifts the nose, roll + tilts the head clockwise in the image.
"""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from mien.core.channels import ARKIT, index

if TYPE_CHECKING:
    from scipy.spatial.transform import Rotation  # pyright: ignore[reportMissingTypeStubs]

__all__ = [
    "GAZE_LIMITS",
    "PUPIL_ARM",
    "angles_from_quaternion",
    "gaze_from_weights",
    "quaternion_from_angles",
    "slerp",
    "weights_from_gaze",
]

GAZE_LIMITS = {"In": np.radians(32.0), "Out": np.radians(32.0), "Up": np.radians(25.0), "Down": np.radians(30.0)}
"""Eye rotation [rad] at weight 1 of an eyeLook channel: mien's convention, which `rigs.ict` and `synth` use.

ICT-FaceKit's eyeLook shapes move lids and lashes only, and no eyeball. "Down" is consistent with them: the upper lid's
margin turns by 25 degrees about the eye's centre, and it follows the eye nearly one to one downwards; upwards it turns
by 12, about half of the eye's rotation. The sideways shapes give no angle.
"""
PUPIL_ARM = 10.5
"""Distance of the pupil, as it is seen through the cornea, from the centre that an adult's eye turns about [mm]: 13.5
to the cornea's front less 3 (Fry and Hill, "The center of rotation of the eye", 1962)."""


def _rotation() -> "type[Rotation]":
    # scipy.spatial takes 0.1 s to import, a third of mien's import budget, so it is imported at first use.
    from scipy.spatial.transform import Rotation  # pyright: ignore[reportMissingTypeStubs]

    return Rotation


def quaternion_from_angles(angles: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 4"]:
    """`camera_from_head` quaternion (xyzw) from (yaw, pitch, roll) [rad], applied in the order roll, pitch, yaw."""
    yaw, pitch, roll = np.moveaxis(np.asarray(angles, float), -1, 0)
    flat = np.stack([yaw, -pitch, -roll], axis=-1).reshape(-1, 3)
    return _rotation().from_euler("YXZ", flat).as_quat().reshape(*np.shape(yaw), 4)


def angles_from_quaternion(quaternion: Float[np.ndarray, "*batch 4"]) -> Float[np.ndarray, "*batch 3"]:
    """(yaw, pitch, roll) [rad] from a `camera_from_head` quaternion (xyzw); the inverse of `quaternion_from_angles`."""
    quaternion = np.asarray(quaternion, float)
    flat = quaternion.reshape(-1, 4)
    seen = np.isfinite(flat).all(axis=1)
    angles = np.full((len(flat), 3), np.nan)
    if seen.any():
        angles[seen] = _rotation().from_quat(flat[seen]).as_euler("YXZ") * (1.0, -1.0, -1.0)
    return angles.reshape(*quaternion.shape[:-1], 3)


def slerp(
    start: Float[np.ndarray, "N 4"], end: Float[np.ndarray, "N 4"], share: Float[np.ndarray, "N"]
) -> Float[np.ndarray, "N 4"]:
    """Unit quaternions at a fraction `share` in [0, 1] of the shortest rotation from `start` to `end` (Shoemake 1985).

    At share 0 the result is exactly `start`. Rows that are not finite stay so.
    """
    start, end = np.asarray(start, float), np.asarray(end, float)
    cosine = (start * end).sum(axis=1)
    end = np.where(cosine[:, None] < 0, -end, end)
    angle = np.arccos(np.clip(np.abs(cosine), 0.0, 1.0))
    sine = np.sin(angle)
    near = sine < 1e-6  # both are nearly the same rotation, where the limit of the two factors is linear
    safe = np.where(near, 1.0, sine)
    first = np.where(near, 1.0 - share, np.sin((1.0 - share) * angle) / safe)
    second = np.where(near, share, np.sin(share * angle) / safe)
    moved = first[:, None] * start + second[:, None] * end
    return np.where(share[:, None] == 0, start, moved / np.linalg.norm(moved, axis=1, keepdims=True))


def gaze_from_weights(weights: Float[np.ndarray, "*batch 52"]) -> Float[np.ndarray, "*batch 2 2"]:
    """Gaze of the (left, right) eye as (yaw, pitch) [rad] in the head frame, from the eight eyeLook channels."""
    at = index(ARKIT)

    def turn(name: str, side: str) -> np.ndarray:
        return np.asarray(weights[..., at[f"eyeLook{name}{side}"]] * GAZE_LIMITS[name])

    # Towards the subject's left (+X), the left eye looks "out" and the right eye looks "in".
    left = np.stack([turn("Out", "Left") - turn("In", "Left"), turn("Up", "Left") - turn("Down", "Left")], -1)
    right = np.stack([turn("In", "Right") - turn("Out", "Right"), turn("Up", "Right") - turn("Down", "Right")], -1)
    return np.stack([left, right], axis=-2)


def weights_from_gaze(gaze: Float[np.ndarray, "*batch 2 2"]) -> Float[np.ndarray, "*batch 52"]:
    """The eight eyeLook channels (others zero) from gaze [rad]; the inverse of `gaze_from_weights`."""
    at = index(ARKIT)
    weights = np.zeros((*gaze.shape[:-2], len(ARKIT)), np.float32)
    for eye, side, left_is in ((0, "Left", "Out"), (1, "Right", "In")):
        right_is = "In" if left_is == "Out" else "Out"
        for name, angle in (
            (left_is, gaze[..., eye, 0]),
            (right_is, -gaze[..., eye, 0]),
            ("Up", gaze[..., eye, 1]),
            ("Down", -gaze[..., eye, 1]),
        ):
            weights[..., at[f"eyeLook{name}{side}"]] = np.clip(angle / GAZE_LIMITS[name], 0.0, 1.0)
    return weights
