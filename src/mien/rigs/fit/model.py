"""The model of a fit: a rig's landmarks as a linear function of identity and expression, projected by a camera.

Parameters are in the order (identity modes, log focal length per camera), shared by all frames, and (rotation,
translation, 52 weights) of each frame.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from mien.core import MienError, Rig
from mien.core.landmarks import LandmarkLayout

__all__ = ["POSE", "FaceModel", "project", "turn_matrix"]

POSE = 6
"""Pose parameters of a frame: a rotation vector [rad] applied after the present rotation, and a translation [mm]."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FaceModel:
    """The landmarks of a rig as a linear function of identity and expression."""

    layout: LandmarkLayout
    neutral: Float[np.ndarray, "L 3"]
    """Landmarks of the mean face in the rig frame [mm]."""
    modes: Float[np.ndarray, "M L 3"]
    """Displacement of the landmarks per standard deviation of an identity mode [mm]."""
    shapes: Float[np.ndarray, "52 L 3"]
    """Displacement of the landmarks by each ARKit channel at 1 [mm]; zero for channels that the rig lacks."""

    @classmethod
    def of(cls, rig: Rig, layout: str) -> "FaceModel":
        """The model of one of the rig's landmark layouts; raises MienError when the rig lacks it or has no modes."""
        if rig.identity_modes is None:
            raise MienError(f"rig '{rig.name}' has no identity modes; fit with the rig 'ict'")
        anchors = rig.landmarks.get(layout)
        if anchors is None:
            raise MienError(
                f"rig '{rig.name}' has no landmarks '{layout}'; it has: {', '.join(rig.landmarks) or 'none'}"
            )
        return cls(
            layout=anchors.layout,
            neutral=anchors.positions(rig.neutral.vertices).astype(np.float64),
            modes=anchors.positions(rig.identity_modes).astype(np.float64),
            shapes=anchors.positions(rig.basis()).astype(np.float64),
        )

    def points(self, identity: Float[np.ndarray, "M"], weights: Float[np.ndarray, "F 52"]) -> np.ndarray:
        """Landmarks [F, L, 3] in the rig frame [mm]."""
        own = self.neutral + np.tensordot(identity, self.modes, axes=1)
        return own + np.tensordot(weights, self.shapes, axes=1)


def project(
    seen: Float[np.ndarray, "*batch 3"], focal: Float[np.ndarray, "*focals"]
) -> tuple[Float[np.ndarray, "*batch 2"], Float[np.ndarray, "*batch 2 3"]]:
    """Image positions of camera-frame points, relative to the principal point with y up [px], and derivatives [px/mm].

    Points behind the camera are projected as if they were just in front of it: their large error rejects the step.
    """
    depth = np.maximum(-seen[..., 2], 1.0)
    scale = focal / depth
    image = seen[..., :2] * scale[..., None]
    derivative = np.zeros((*image.shape, 3))
    derivative[..., 0, 0] = derivative[..., 1, 1] = scale
    derivative[..., 2] = image / depth[..., None]
    return image, derivative


def turn_matrix(vector: Float[np.ndarray, "F 3"]) -> Float[np.ndarray, "F 3 3"]:
    """Rotation matrices of rotation vectors [rad]."""
    from scipy.spatial.transform import Rotation

    return Rotation.from_rotvec(vector).as_matrix()
