"""Two views of one real face: what the network is shown, and what it is asked for."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from mien.systems.capture import spec
from mien.systems.capture.config import CaptureConfig
from mien.systems.capture.data import Batch, BatchSource
from mien.systems.capture.model import Encoded
from mien.systems.capture.train import image_losses
from mien.systems.capture.training.real_pairs import PairKind


@pytest.fixture(scope="module")
def batches(smoke: CaptureConfig) -> list[Batch]:
    """Batches whose pairs are two views of one picture."""
    source = BatchSource(replace(smoke, faces_per_batch=4, moved_share=0.0))
    assert source.pairs is not None
    source.pairs.clips, source.pairs.beside_rest, source.pairs.others = [], [], []
    batches = [source[step] for step in range(4)]
    assert all((batch.pair_kind == PairKind.VIEWS).all() for batch in batches)
    return batches


def views(values: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """The first and the second view of each picture."""
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
