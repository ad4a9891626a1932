import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from mien.systems.capture import losses


def test_landmark_loss_is_the_root_mean_square_distance_in_percent_of_the_crop() -> None:
    true = torch.zeros(1, 2, 2)
    predicted = torch.tensor([[[3.0, 4.0], [0.0, 0.0]]])
    one = torch.ones(1, 2)
    torch.testing.assert_close(
        losses.landmark_loss(predicted, true, one, 128), torch.tensor(100 / 128 * (12.5 + 1e-4) ** 0.5)
    )
    first = torch.tensor([[1.0, 0.0]])
    torch.testing.assert_close(
        losses.landmark_loss(predicted, true, first, 128), torch.tensor(100 / 128 * (25 + 1e-4) ** 0.5)
    )


@given(st.floats(-1, 1), st.floats(-1, 1))
def test_velocity_ignores_offsets_and_acceleration_ignores_ramps(offset: float, slope: float) -> None:
    true = torch.rand(2, 8, 3)
    scale = torch.tensor([1.0, 2.0, 3.0])
    ramp = offset + slope * torch.arange(8.0)[None, :, None]
    assert losses.velocity_loss(true + offset, true, scale) < 1e-10
    torch.testing.assert_close(
        losses.velocity_loss(true + ramp, true, scale), torch.tensor(slope**2 * 2.0), atol=1e-5, rtol=1e-4
    )
    assert losses.acceleration_loss(true + ramp, true, scale) < 1e-9


def test_consistency_is_zero_for_landmarks_that_move_with_the_view() -> None:
    rng = np.random.default_rng(0)
    matrix = torch.from_numpy(rng.normal(size=(3, 2, 3)).astype(np.float32))
    points = torch.rand(3, 5, 2) * 10
    moved = losses.transform_points(points, matrix)
    expected = torch.einsum("nij,nlj->nli", matrix[:, :, :2], points) + matrix[:, None, :, 2]
    torch.testing.assert_close(moved, expected)
    weights, scale = torch.rand(3, 4), torch.ones(4)
    floor = 100 / 128 * 1e-2  # the square root's epsilon
    same = losses.consistency_loss(points, moved, matrix, weights, weights, scale, 128)
    torch.testing.assert_close(same, torch.tensor(floor))
    assert losses.consistency_loss(points, moved + 1, matrix, weights, weights, scale, 128) > same
    assert losses.consistency_loss(points, moved, matrix, weights, weights + 0.1, scale, 128) > same
