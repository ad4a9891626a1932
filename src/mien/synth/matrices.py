"""Matrices between the head frame, the camera and GL's clip space."""

import numpy as np
from jaxtyping import Float

from mien.core import Camera

__all__ = ["clip_matrix", "data", "depth_range", "light_matrix", "rigid"]

_SHADOW_REACH = 165.0
"""Half side of the volume that the shadow map covers [mm], about the head."""
_SHADOW_MIDDLE = np.array([0.0, 10.0, 40.0])


def data(array: np.ndarray) -> bytes:
    """The array as bytes for a float uniform."""
    return np.ascontiguousarray(array, np.float32).tobytes()


def rigid(rotation: Float[np.ndarray, "3 3"], translation: Float[np.ndarray, "3"]) -> Float[np.ndarray, "4 4"]:
    """The matrix of a rigid motion."""
    out = np.eye(4)
    out[:3, :3], out[:3, 3] = rotation, translation
    return out


def depth_range(distance: float) -> tuple[float, float]:
    """Near and far plane [mm] for a head at the distance `distance` [mm]."""
    return max(distance - 300.0, 25.0), distance + 500.0


def clip_matrix(camera: Camera, near: float, far: float) -> Float[np.ndarray, "4 4"]:
    """Matrix from the camera frame to GL clip space, flipped so that the first row read back is the top of the
    image."""
    w, h, (cx, cy) = camera.width, camera.height, camera.centre
    out = np.zeros((4, 4))
    out[0, 0], out[0, 2] = 2 * camera.focal / w, -((2 * cx + 1) / w - 1)
    out[1, 1], out[1, 2] = -2 * camera.focal / h, -((2 * cy + 1) / h - 1)
    out[2, 2], out[2, 3] = -(far + near) / (far - near), -2 * far * near / (far - near)
    out[3, 2] = -1
    return out


def light_matrix(towards: Float[np.ndarray, "3"]) -> Float[np.ndarray, "4 4"]:
    """Matrix from the head frame to orthographic clip space seen from the direction `towards`."""
    helper = np.array([0.0, 1.0, 0.0]) if abs(towards[1]) < 0.9 else np.array([1.0, 0.0, 0.0])
    right = np.cross(helper, towards)
    right /= np.linalg.norm(right)
    up = np.cross(towards, right)
    out = np.eye(4)
    out[:3, :3] = np.stack([right, up, -towards]) / _SHADOW_REACH
    out[:3, 3] = -out[:3, :3] @ _SHADOW_MIDDLE
    return out
