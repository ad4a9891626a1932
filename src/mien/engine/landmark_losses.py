"""Losses on landmarks, shared by every network that predicts them.

Shapes: N images, L landmarks.
"""

import torch
from torch import Tensor

__all__ = ["equivariance_loss", "landmark_loss", "transform_points"]


def landmark_loss(predicted_NL2: Tensor, true_NL2: Tensor, weight_NL: Tensor, crop: int) -> Tensor:
    """Root mean square distance per image in percent of the side `crop` [px]; `weight_NL` is 0 for unknown points."""
    square_NL = (predicted_NL2 - true_NL2).square().sum(-1) * weight_NL
    mean_N = square_NL.sum(1) / weight_NL.sum(1).clamp_min(1e-6)
    return (mean_N + 1e-4).sqrt().mean() * (100.0 / crop)


def transform_points(points_NL2: Tensor, matrix_N23: Tensor) -> Tensor:
    """The points of each image moved by the image's own affine map."""
    return points_NL2 @ matrix_N23[:, :, :2].transpose(1, 2) + matrix_N23[:, None, :, 2]


def equivariance_loss(
    landmarks_NL2: Tensor, other_landmarks_NL2: Tensor, other_from_one_N23: Tensor, crop: int
) -> Tensor:
    """`landmark_loss` between the landmarks of two views of one real image; the landmarks must move with the view.

    `other_from_one_N23` maps the first view's pixels to the second's. Both views are mirrored or neither is.
    """
    moved_NL2 = transform_points(landmarks_NL2, other_from_one_N23)
    one = torch.ones(moved_NL2.shape[:2], device=moved_NL2.device)
    return landmark_loss(other_landmarks_NL2, moved_NL2, one, crop)
