"""Two views of one real face: what the network is shown, and what it is asked for."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from mien.systems.capture import spec
from mien.systems.capture.config import CaptureConfig
from mien.systems.capture.data import Batch, BatchSource
from mien.systems.capture.model import CaptureNet, Encoded
from mien.systems.capture.train import image_losses
from mien.systems.capture.training.head_fit import Codes, head_losses


@pytest.fixture(scope="module")
def batches(smoke: CaptureConfig) -> list[Batch]:
    source = BatchSource(replace(smoke, portraits_per_batch=4))
    return [source[step] for step in range(4)]


def views(values: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """The first and the second view of each portrait."""
    one, other = values[-2 * len(batch.other_from_one) :].split(len(batch.other_from_one))
    return one, other


def test_the_second_view_shows_the_first_one_moved(batches: list[Batch]) -> None:
    moved, still = [], []
    for batch in batches:
        for one, other, matrix in zip(*views(batch.crops, batch), batch.other_from_one.numpy(), strict=True):
            warped = cv2.warpAffine(one.numpy(), matrix, (spec.CROP, spec.CROP), borderMode=cv2.BORDER_REPLICATE)
            edges = [cv2.Laplacian(x.astype(np.float32).mean(axis=2), cv2.CV_32F, ksize=5) for x in
                     (warped, one.numpy(), other.numpy())]  # fmt: skip
            moved.append(np.corrcoef(edges[0].ravel(), edges[2].ravel())[0, 1])
            still.append(np.corrcoef(edges[1].ravel(), edges[2].ravel())[0, 1])
        points, elsewhere = views(batch.landmarks, batch)
        expected = torch.einsum("nij,nlj->nli", batch.other_from_one[..., :2], points)
        torch.testing.assert_close(expected + batch.other_from_one[:, None, :, 2], elsewhere, atol=2e-3, rtol=0)
        assert (points - elsewhere).norm(dim=2).mean() > 1  # pixels: two views, not one
    assert np.median(moved) > np.median(still) + 0.2


def test_landmarks_that_move_with_the_view_cost_nothing_and_any_others_do(
    batches: list[Batch], smoke: CaptureConfig
) -> None:
    floor = smoke.consistency_weight * 100 / spec.CROP * 1e-2  # the square root's epsilon
    for batch in batches:
        logits = torch.zeros(len(batch.landmarks), len(spec.REGIONS))

        def cost(landmarks: torch.Tensor, batch: Batch = batch, logits: torch.Tensor = logits) -> float:
            seen = Encoded(code_NE=torch.zeros(0), landmarks_NL2=landmarks, seen_NR=logits)
            return float(image_losses(seen, batch, smoke)["equivariance"])

        count = len(batch.other_from_one)
        one, other = views(batch.landmarks, batch)
        rendered = batch.landmarks[: -2 * count]
        assert cost(batch.landmarks) == pytest.approx(floor, rel=0.05)
        for wrong in ((one, one), (other, other), (other, one)):
            assert cost(torch.cat([rendered, *wrong])) > 10 * floor
        assert cost(torch.cat([rendered + 5, one, other])) == pytest.approx(floor, rel=0.05)


def test_the_weights_of_two_views_are_asked_to_be_equal(smoke: CaptureConfig) -> None:
    torch.manual_seed(0)
    net, channels = CaptureNet(), len(spec.CHANNELS)
    one, other = torch.randn(2, 3, spec.CODE).unbind()
    still = {"still_NE": one, "still_rest_NE": one, "still_known_N1": torch.zeros(3, 1)}
    window = {"window_BTE": one[:1, None].repeat(1, 8, 1), "window_rest_BE": one[:1]}
    truth = {"still_weights_NA": torch.zeros(3, channels), "window_weights_BTA": torch.zeros(1, 8, channels)}
    scale, gram = torch.ones(channels), torch.zeros(channels, channels)

    def invariance(one: torch.Tensor, other: torch.Tensor) -> float:
        codes = Codes(**still, **window, **truth, window_known_B1=torch.zeros(1, 1), one_PE=one, other_PE=other)
        return float(head_losses(net, codes, scale, gram, smoke, 1.0)["invariance"])

    with torch.no_grad():
        assert invariance(one, one) < 1e-10
        assert invariance(one, other) == pytest.approx(invariance(other, one))
        known = torch.ones(3, 1)
        apart = [
            (net.weigh(a[:, None], b, known * k) - net.weigh(b[:, None], a, known * k)).square().mean()
            for a, b, k in ((one, other, 0.0), (one, other, 1.0))
        ]
        assert invariance(one, other) == pytest.approx(float(torch.stack(apart).mean()), rel=1e-4)
