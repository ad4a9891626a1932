"""The training rig reduced to its landmarks, for head pose at run time, and to the effect of its channels in mm."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from mien.core import LandmarkLayout
from mien.systems.capture import spec

__all__ = ["LandmarkRig", "landmark_rig", "vertex_gram"]


@dataclass(frozen=True, kw_only=True)
class LandmarkRig:
    """Mean face landmarks and how each channel moves them [mm], head frame with its origin at the head joint."""

    neutral: Float[np.ndarray, "L 3"]
    shapes: Float[np.ndarray, "A L 3"]
    """One displacement set per channel of `spec.CHANNELS`."""

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "LandmarkRig":
        """From a bundle's arrays; raises KeyError when they are missing."""
        return cls(neutral=arrays["landmarks_neutral"], shapes=arrays["landmarks_shapes"])

    def points(self, weights: Float[np.ndarray, "A"]) -> Float[np.ndarray, "L 3"]:
        """Landmarks [mm] of the mean face at these weights."""
        return self.neutral + (weights @ self.shapes.reshape(len(weights), -1)).reshape(self.neutral.shape)


def landmark_rig(layout: LandmarkLayout = spec.LAYOUT) -> dict[str, np.ndarray]:
    """The arrays of a bundle, made from ICT-FaceKit (`mien.rigs.ict`)."""
    from mien.rigs.ict import load_ict

    rig = load_ict()
    anchors = rig.landmarks[layout.name]
    head = next(np.asarray(joint.position) for joint in rig.joints if joint.name == "head")
    shapes = np.stack([anchors.positions(shape) for shape in rig.basis(spec.CHANNELS)])
    return {
        "landmarks_neutral": (anchors.positions(rig.neutral.vertices) - head).astype(np.float32),
        "landmarks_shapes": shapes.astype(np.float32),
    }


def vertex_gram() -> Float[np.ndarray, "A A"]:
    """The matrix G for which e' G e is the mean squared displacement [mm^2] of ICT-FaceKit's face vertices under a
    weight error e.

    With this loss an error counts by its effect on the face, and errors of channels with like effects can cancel out.
    """
    from mien.rigs.ict import load_ict

    rig = load_ict()
    face = rig.neutral.topology.groups["face"]
    basis = rig.basis(spec.CHANNELS)[:, face].reshape(len(spec.CHANNELS), -1)
    return (basis @ basis.T / len(face)).astype(np.float32)
