"""Live Link Face: the names of its 61 values, their order, and the signs of its angles.

The app's recordings (`mien.io.livelink_csv`) and its UDP stream hold the same values in two different orders: left and
right of jaw and mouth are swapped between them.

Angles [rad]. With X to the subject's left, Y up and Z out of the face:

* eyes: rotation = Rx(pitch) Ry(-yaw) Rz(roll), so yaw + looks to the subject's right and pitch + looks down. This is
  measured: in two recordings of the app (7,839 frames) the angles correlate with the eyeLook channels with |r| > 0.995,
  and with these signs and this order every frame has no torsion, to 5e-8 rad.
* head: yaw + turns to the subject's left, pitch + lifts the nose, roll + tilts counter-clockwise in an unmirrored
  image, in mien's order of angles. These signs are not measured, because no recording with head motion was available,
  and Epic documents none; two independent public programs agree on them (one sends MediaPipe's pose to Unreal, the
  other applies the app's stream to VRM avatars with the measured eye signs). If a head turns the wrong way, check these
  signs first.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from mien.core.channels import ARKIT
from mien.core.clip import Clip
from mien.core.pose import Pose
from mien.core.transforms import angles_from_quaternion, quaternion_from_angles

__all__ = ["ANGLES", "NAMES", "UDP_NAMES", "gaze_of", "head_rotation_of", "pose_values", "values_of"]

ANGLES: tuple[str, ...] = (
    "HeadYaw", "HeadPitch", "HeadRoll", "LeftEyeYaw", "LeftEyePitch", "LeftEyeRoll",
    "RightEyeYaw", "RightEyePitch", "RightEyeRoll",
)  # fmt: skip
"""The nine angles after the 52 channels."""

NAMES: tuple[str, ...] = (*(name[0].upper() + name[1:] for name in ARKIT), *ANGLES)
"""Names of the 61 values in the order of a recording's columns."""

_SWAPPED = {"JawRight": "JawLeft", "JawLeft": "JawRight", "MouthRight": "MouthLeft", "MouthLeft": "MouthRight"}
UDP_NAMES: tuple[str, ...] = tuple(_SWAPPED.get(name, name) for name in NAMES)
"""Names of the 61 values in the order of the app's UDP stream, as PyLiveLinkFace's FaceBlendShape lists them: left
before right also for jaw and mouth."""

_HEAD_SIGNS = np.array([1.0, 1.0, -1.0])


def values_of(clip: Clip, names: Sequence[str] = NAMES) -> Float[np.ndarray, "T 61"]:
    """A clip's values in the order of `names`.

    Channels and angles that the clip lacks are zero; values that are NaN in the clip stay NaN.
    """
    weights = np.asarray(clip.with_channels(ARKIT).weights, np.float64)
    values = np.concatenate([weights, _angles(clip)], axis=1)
    return values[:, [NAMES.index(name) for name in names]]


def pose_values(pose: Pose, names: Sequence[str] = UDP_NAMES) -> Float[np.ndarray, "61"]:
    """The values of one pose in the order of `names`, as `values_of` returns them for a clip."""
    return values_of(Clip.from_poses([pose]), names)[0]


def head_rotation_of(angles: Float[np.ndarray, "T 3"]) -> Float[np.ndarray, "T 4"]:
    """`camera_from_head` quaternions (xyzw) from Live Link's head yaw, pitch and roll; rows of NaN stay so."""
    out = np.full((len(angles), 4), np.nan)
    seen = np.isfinite(angles).all(axis=1)
    out[seen] = quaternion_from_angles(angles[seen] * _HEAD_SIGNS)
    return out


def gaze_of(angles: Float[np.ndarray, "T 6"]) -> tuple[Float[np.ndarray, "T 2 2"], Float[np.ndarray, "T 2"]]:
    """(gaze, eye torsion) as in a `Clip`, from Live Link's yaw, pitch and roll of the left and then the right eye."""
    both = np.stack([_gaze(angles[:, :3]), _gaze(angles[:, 3:])], axis=1)
    return both[..., :2], both[..., 2]


def _angles(clip: Clip) -> np.ndarray:
    """The nine angles [rad], shape [T, 9]."""
    out = np.zeros((len(clip), 9))
    if clip.head_rotation is not None:
        out[:, :3] = angles_from_quaternion(clip.head_rotation) * _HEAD_SIGNS
    if clip.gaze is not None:
        torsion = np.zeros((len(clip), 2)) if clip.eye_torsion is None else clip.eye_torsion
        for eye in range(2):
            start = 3 + 3 * eye
            out[:, start : start + 3] = _eye_angles(clip.gaze[:, eye], torsion[:, eye])
    return out


def _eye_angles(gaze: np.ndarray, torsion: np.ndarray) -> np.ndarray:
    """Live Link's (yaw, pitch, roll) from mien's gaze (yaw, pitch) and torsion.

    mien's eye rotation is Ry(yaw) Rx(-pitch) Rz(torsion), Live Link's is Rx(pitch) Ry(-yaw) Rz(roll); the angles of one
    follow from the matrix entries of the other.
    """
    (sin_y, sin_x, sin_z), (cos_y, cos_x, cos_z) = (
        f(np.stack([gaze[:, 0], -gaze[:, 1], torsion])) for f in (np.sin, np.cos)
    )
    yaw = np.arcsin(sin_y * cos_x)
    pitch = np.arctan2(sin_x, cos_y * cos_x)
    roll = np.arctan2(cos_y * sin_z - sin_y * sin_x * cos_z, cos_y * cos_z + sin_y * sin_x * sin_z)
    return np.stack([-yaw, pitch, roll], axis=1)


def _gaze(angles: np.ndarray) -> np.ndarray:
    """mien's (yaw, pitch, torsion) from Live Link's (yaw, pitch, roll); the inverse of `_eye_angles`."""
    (sin_y, sin_x, sin_z), (cos_y, cos_x, cos_z) = (
        f(np.stack([-angles[:, 0], angles[:, 1], angles[:, 2]])) for f in (np.sin, np.cos)
    )
    pitch = -np.arcsin(sin_x * cos_y)
    yaw = np.arctan2(sin_y, cos_x * cos_y)
    torsion = np.arctan2(cos_z * sin_x * sin_y + sin_z * cos_x, cos_z * cos_x - sin_z * sin_x * sin_y)
    return np.stack([yaw, pitch, torsion], axis=1)
