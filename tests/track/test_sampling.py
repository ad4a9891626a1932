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
    pixels = np.arange(-2 * count, 3 * count)
    share = (
        np.clip(np.minimum(edges[1:, None], pixels + 0.5) - np.maximum(edges[:-1, None], pixels - 0.5), 0, None)
        / np.diff(edges)[:, None]
    )
    weights = np.zeros((size, count))
    for pixel, column in zip(np.clip(pixels, 0, count - 1), share.T, strict=True):
        weights[:, pixel] += column
    return weights


def exact(image: np.ndarray, box: np.ndarray, size: int) -> np.ndarray:
    rows = overlap(box[1], box[3], size, image.shape[0])
    columns = overlap(box[0], box[2], size, image.shape[1])
    return np.einsum("yh,hwc,xw->yxc", rows, image.astype(float), columns, optimize=True)


@settings(max_examples=25, deadline=None)
@given(x=st.floats(-40, 250), y=st.floats(-40, 150), side=st.floats(48, 95.9))
def test_it_is_the_exact_mean_over_sub_pixel_areas(x: float, y: float, side: float) -> None:
    box = np.array([x, y, x + side, y + side])
    np.testing.assert_allclose(area_crop(NOISE, box, 48), exact(NOISE, box, 48), atol=1e-3)


@settings(max_examples=15, deadline=None)
@given(x=st.floats(-40, 90), y=st.floats(-40, 40), side=st.floats(96, 220))
def test_large_boxes_stay_within_the_halved_pixels_at_the_edges_of_areas(x: float, y: float, side: float) -> None:
    # Whole blocks are shared out at their edges; with white noise, the worst case, the error stays far below the
    # deviation of the exact means themselves, and a smooth image shows none.
    box = np.array([x, y, x + side, y + side])
    assert np.abs(area_crop(NOISE, box, 48) - exact(NOISE, box, 48)).std() < 0.7 * exact(NOISE, box, 48).std()
    ramp = np.repeat(np.linspace(0, 255, 310)[None, :, None], 3, 2).repeat(230, 0).round().astype(np.uint8)
    np.testing.assert_allclose(area_crop(ramp, box, 48), exact(ramp, box, 48), atol=0.75)


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
