"""The measures that expression weights make on the mean face, differentiable: `evaluation.face_measures` in torch.

Shapes: N images, A channels, L landmarks.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from mien.systems.capture.evaluation.face_measures import measure_rows
from mien.systems.capture.runtime.landmark_rig import landmark_rig

__all__ = ["MeanFace", "measures_of_points"]


@dataclass(frozen=True)
class MeanFace:
    """Landmarks of the mean face at rest, seen from in front, and how channels move them [mm]."""

    neutral_L2: Tensor
    shapes_AL2: Tensor

    @classmethod
    def load(cls, device: torch.device | str = "cpu") -> "MeanFace":
        """The mean face of the training rig; needs ICT-FaceKit (`mien assets get ict`)."""
        arrays = landmark_rig()
        neutral, shapes = (torch.from_numpy(arrays[f"landmarks_{name}"][..., :2]) for name in ("neutral", "shapes"))
        return cls(neutral.to(device), shapes.to(device))

    def measures(self, weights_NA: Tensor) -> Tensor:
        """[N, 6] `face_measures.MEASURES` of the mean face under these weights."""
        return measures_of_points(self.neutral_L2 + torch.einsum("na,alc->nlc", weights_NA, self.shapes_AL2))


def measures_of_points(points_NL2: Tensor) -> Tensor:
    """[N, 6] `face_measures.MEASURES` of points in a layout of mien's, seen from in front, y up."""
    return torch.stack(measure_rows(points_NL2), dim=1)
