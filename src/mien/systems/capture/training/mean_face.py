"""The measures that expression weights make on the mean face, differentiable: `evaluation.face_measures` in torch.

Shapes: N images, A channels, L landmarks.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from mien.systems.capture.evaluation.face_measures import IBUG
from mien.systems.capture.runtime.landmark_rig import landmark_rig

__all__ = ["MeanFace", "measures_of_points"]


@dataclass(frozen=True)
class MeanFace:
    """Landmarks of the mean face at rest, seen from in front, and how channels move them [mm]."""

    neutral_L2: Tensor
    shapes_AL2: Tensor

    @classmethod
    def load(cls, device: torch.device | str = "cpu") -> "MeanFace":
        """Of the training rig; needs ICT-FaceKit."""
        arrays = landmark_rig()
        neutral, shapes = (torch.from_numpy(arrays[f"landmarks_{name}"][..., :2]) for name in ("neutral", "shapes"))
        return cls(neutral.to(device), shapes.to(device))

    def measures(self, weights_NA: Tensor) -> Tensor:
        """[N, 6] `face_measures.MEASURES` of the mean face under these weights."""
        return measures_of_points(self.neutral_L2 + torch.einsum("na,alc->nlc", weights_NA, self.shapes_AL2))


def measures_of_points(points_NL2: Tensor) -> Tensor:
    """[N, 6] `face_measures.MEASURES` of points in a layout of mien's, seen from in front, y up."""

    def middle(*names: str) -> Tensor:
        return points_NL2[:, [point for name in names for point in IBUG[name]]].mean(dim=1)

    def apart(first: Tensor, second: Tensor) -> Tensor:
        return ((first - second).square().sum(-1) + 1e-8).sqrt()  # whose gradient is finite where lids meet

    eyes, inner, lips, mouth = (
        points_NL2[:, list(IBUG[name])] for name in ("outer_eyes", "inner_eyes", "lips", "mouth")
    )
    size = apart(eyes[:, 0], eyes[:, 1])
    corner = mouth[..., 1] - lips[..., 1].mean(dim=1, keepdim=True)
    brow = (middle("brow_right")[:, 1] + middle("brow_left")[:, 1]) / 2
    lids = [
        apart(middle(f"upper_lid_{side}"), middle(f"lower_lid_{side}")) / apart(eyes[:, k], inner[:, k])
        for k, side in enumerate(("right", "left"))
    ]
    rows = [
        apart(lips[:, 0], lips[:, 1]) / size,
        apart(mouth[:, 0], mouth[:, 1]) / size,
        corner.sum(dim=1) / size,
        (corner[:, 1] - corner[:, 0]) / size,
        (brow - middle("outer_eyes", "inner_eyes")[:, 1]) / size,
        (lids[0] + lids[1]) / 2,
    ]
    return torch.stack(rows, dim=1)
