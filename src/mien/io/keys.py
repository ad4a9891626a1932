"""Clip values for animated files: without gaps, with continuous quaternions, and with eye rotations from gaze."""

import numpy as np
from jaxtyping import Float

from mien.core.channels import ARKIT
from mien.core.clip import Clip
from mien.core.rig import Rig
from mien.core.transforms import gaze_from_weights, quaternion_from_angles

__all__ = ["EYES", "PASCAL", "continuous", "eye_rotations", "held"]

EYES = ("eyeLeft", "eyeRight")
"""The eye joints, in the order of a clip's gaze."""
PASCAL = {name[0].upper() + name[1:]: name for name in ARKIT}
"""PascalCase ARKit name, as Live Link and many exporters write it -> mien's name of the channel."""


def held(values: Float[np.ndarray, "T ..."]) -> Float[np.ndarray, "T ..."]:
    """The values with every row that is not finite replaced by the last finite row.

    Rows before the first finite one are replaced by it; without any finite row all become zero.
    """
    finite = np.isfinite(values.reshape(len(values), -1)).all(axis=1)
    if not finite.any():
        return np.zeros_like(values)
    last = np.maximum.accumulate(np.where(finite, np.arange(len(values)), -1))
    return values[np.where(last < 0, np.argmax(finite), last)]


def continuous(quaternions: Float[np.ndarray, "T 4"]) -> Float[np.ndarray, "T 4"]:
    """Unit float32 quaternions whose signs let neighbours interpolate the shortest way; zeros become the identity."""
    length = np.linalg.norm(quaternions, axis=1, keepdims=True)
    unit = np.where(length > 0, quaternions / np.where(length > 0, length, 1), (0, 0, 0, 1.0))
    flips = np.cumprod(np.where((unit[1:] * unit[:-1]).sum(axis=1) < 0, -1.0, 1.0))
    unit[1:] *= flips[:, None]
    return unit.astype(np.float32)


def eye_rotations(rig: Rig, clip: Clip) -> dict[str, Float[np.ndarray, "T 4"]]:
    """Rotation of each eye joint with skinned vertices, from gaze or the eyeLook channels, as in `Rig.perform`."""
    if rig.joint_weights is None:
        return {}
    order = [joint.name for joint in rig.joints]
    eyes = [e for e, name in enumerate(EYES) if name in order and rig.joint_weights[:, order.index(name)].any()]
    if not eyes:
        return {}
    gaze = held(clip.gaze if clip.gaze is not None else gaze_from_weights(clip.with_channels(ARKIT).weights))
    still = np.zeros((len(clip), 1))
    return {
        EYES[eye]: continuous(quaternion_from_angles(np.concatenate([gaze[:, eye], still], axis=1))) for eye in eyes
    }
