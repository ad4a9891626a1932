import numpy as np
import torch

from mien.engine.landmark_losses import equivariance_loss, landmark_loss, transform_points


def test_landmark_loss_is_the_root_mean_square_distance_in_percent_of_the_crop() -> None:
    true = torch.zeros(1, 2, 2)
    predicted = torch.tensor([[[3.0, 4.0], [0.0, 0.0]]])
    one = torch.ones(1, 2)
    torch.testing.assert_close(landmark_loss(predicted, true, one, 128), torch.tensor(100 / 128 * (12.5 + 1e-4) ** 0.5))
    first = torch.tensor([[1.0, 0.0]])
    torch.testing.assert_close(landmark_loss(predicted, true, first, 128), torch.tensor(100 / 128 * (25 + 1e-4) ** 0.5))


def test_equivariance_is_zero_for_landmarks_that_move_with_the_view() -> None:
    rng = np.random.default_rng(0)
    matrix = torch.from_numpy(rng.normal(size=(3, 2, 3)).astype(np.float32))
    points = torch.rand(3, 5, 2) * 10
    moved = transform_points(points, matrix)
    expected = torch.einsum("nij,nlj->nli", matrix[:, :, :2], points) + matrix[:, None, :, 2]
    torch.testing.assert_close(moved, expected)
    floor = 100 / 128 * 1e-2  # the square root's epsilon
    same = equivariance_loss(points, moved, matrix, 128)
    torch.testing.assert_close(same, torch.tensor(floor))
    assert equivariance_loss(points, moved + 1, matrix, 128) > same
