"""Crops by exact area, against a dense reference."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.core import MienError
from mien.track.sampling import area_crop, check_image, halved

RNG = np.random.default_rng(5)
NOISE = RNG.integers(0, 256, (230, 310, 3), dtype=np.uint8)


def overlap(low: float, high: float, size: int, count: int) -> np.ndarray:
    """[size, count]: how much of each of `count` pixels lies in each of `size` equal parts of low..high, sum 1.

    Pixels beyond the ends belong to the first and the last one: the edge is replicated.
    """
    edges = np.linspace(low, high, size + 1)
    pixels = np.arange(-60, count + 250)
    share = (
        np.clip(np.minimum(edges[1:, None], pixels + 0.5) - np.maximum(edges[:-1, None], pixels - 0.5), 0, None)
        / np.diff(edges)[:, None]
    )
    weights = np.zeros((size, count))
    np.add.at(weights.T, np.clip(pixels, 0, count - 1), share.T)
    return weights


def exact(image: np.ndarray, box: np.ndarray, size: int) -> np.ndarray:
    rows = overlap(box[1], box[3], size, image.shape[0])
    columns = overlap(box[0], box[2], size, image.shape[1])
    return np.einsum("yh,hwc,xw->yxc", rows, image.astype(float), columns, optimize=True)


boxes = st.tuples(st.floats(-40, 200), st.floats(-40, 130), st.floats(48, 220))


@settings(max_examples=12, deadline=None)
@given(where=boxes)
def test_it_is_the_mean_over_sub_pixel_areas(where: tuple[float, float, float]) -> None:
    x, y, side = where
    box = np.array([x, y, x + side, y + side])
    # A smooth image: the position of every area must be right to a fraction of a pixel (slope 0.8 and 1.1 per px).
    ramp = np.stack(
        np.broadcast_arrays(np.arange(310) * 0.8, np.arange(230)[:, None] * 1.1, np.zeros((230, 310))), axis=-1
    )
    ramp = (ramp + np.random.default_rng(0).uniform(-0.5, 0.5, ramp.shape)).round().clip(0, 255).astype(np.uint8)
    error = area_crop(ramp, box, 48) - exact(ramp, box, 48)
    assert np.abs(error).max() < 2
    assert np.abs(error.mean(axis=(0, 1))).max() < 0.4
    # White noise, the worst case: most of what the exact mean keeps is the same, and no more noise passes.
    found, expected = area_crop(NOISE, box, 48), exact(NOISE, box, 48)
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.65  # skipping pixels would leave 0.5 or less
    assert found.std() < 1.15 * expected.std()


def test_a_smaller_box_is_interpolated_between_pixel_centres() -> None:
    ramp = np.repeat((4 * np.arange(50, dtype=np.uint8))[None, :, None], 3, 2).repeat(50, 0)
    crop = area_crop(ramp, np.array([10.0, 10.0, 34.0, 34.0]), 48)
    np.testing.assert_allclose(crop[20, :, 0], 4 * (10 + (np.arange(48) + 0.5) / 2), atol=0.6)


def test_noise_is_averaged_away() -> None:
    flat = np.clip(128 + RNG.normal(0, 10, (400, 400, 3)), 0, 255).round().astype(np.uint8)
    # 48 px out of 384: 64 px each, so an eighth of the deviation, or less where areas share blocks.
    assert area_crop(flat, np.array([3.3, 5.1, 387.3, 389.1]), 48).std() < 10 / 8


def test_halving_is_the_mean_of_blocks() -> None:
    image = NOISE[:224, :304]
    blocks = image.reshape(56, 4, 76, 4, 3).mean(axis=(1, 3))
    assert np.abs(halved(image, 2) - blocks).max() <= 1.0
    assert halved(image, 0) is image


@pytest.mark.parametrize(
    "image",
    [np.zeros((4, 4, 3)), np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((0, 4, 3), np.uint8)],
)
def test_other_arrays_are_refused(image: np.ndarray) -> None:
    with pytest.raises(MienError, match="RGB uint8"):
        check_image(image)
