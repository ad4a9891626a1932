"""The aligned crop: where the template says, to a fraction of a pixel, at any scale."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.core import FIVE, MienError
from mien.track.align import TEMPLATE, align_matrix, warp

similarity = st.tuples(st.floats(0.2, 6), st.floats(-3.1, 3.1), st.floats(-500, 500), st.floats(-500, 500))


def apply(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    return points @ matrix[:, :2].T + matrix[:, 2]


def moved(points: np.ndarray, how: tuple[float, float, float, float]) -> np.ndarray:
    scale, angle, x, y = how
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return scale * points @ turn.T + (x, y)


def test_the_template_is_what_the_data_format_states() -> None:
    right, left, nose, mouth_right, mouth_left = TEMPLATE
    assert left[0] - right[0] == pytest.approx(0.34)
    assert (right[1], left[1]) == (0.34, 0.34)
    assert mouth_right[1] - right[1] == pytest.approx(1.1 * 0.34)
    np.testing.assert_allclose(nose, [0.5, 0.54])
    assert (mouth_left - mouth_right)[0] == pytest.approx(2 * 0.145)
    mirrored = TEMPLATE[list(FIVE.mirror)] * (-1, 1) + (1, 0)
    np.testing.assert_allclose(mirrored, TEMPLATE, atol=1e-12)


@given(how=similarity, size=st.integers(16, 512), margin=st.integers(0, 64))
def test_it_inverts_any_similarity(how: tuple[float, float, float, float], size: int, margin: int) -> None:
    five = moved(100 * TEMPLATE, how)
    target = TEMPLATE * size + margin - 0.5
    np.testing.assert_allclose(apply(align_matrix(five, size, margin), five), target, atol=1e-6 * size)


@settings(max_examples=50)
@given(seed=st.integers(0, 10_000))
def test_it_is_the_least_squares_similarity(seed: int) -> None:
    rng = np.random.default_rng(seed)
    five = 100 * TEMPLATE + rng.normal(0, 8, (5, 2))
    matrix = align_matrix(five, 128)
    np.testing.assert_allclose(matrix[0, 0], matrix[1, 1])
    np.testing.assert_allclose(matrix[0, 1], -matrix[1, 0])
    # Normal equations of x' = a x - b y + c, y' = b x + a y + d, solved by an independent solver.
    x, y = five.T
    one, zero = np.ones(5), np.zeros(5)
    design = np.concatenate([np.stack([x, -y, one, zero], 1), np.stack([y, x, zero, one], 1)])
    a, b, c, d = np.linalg.lstsq(design, (TEMPLATE * 128 - 0.5).T.ravel(), rcond=None)[0]
    np.testing.assert_allclose(matrix, [[a, -b, c], [b, a, d]], atol=1e-8)


@pytest.mark.parametrize("five", [np.ones((5, 2)), np.full((5, 2), np.nan)])
def test_points_without_extent_are_refused(five: np.ndarray) -> None:
    with pytest.raises(MienError, match="five points"):
        align_matrix(five, 128)


def ramps() -> np.ndarray:
    """Red is the column less 128, green the row less 128, dithered so that rounding has no preferred direction."""
    columns, rows = np.meshgrid(np.arange(512) - 128, np.arange(512) - 128)
    value = np.stack([columns, rows, np.zeros((512, 512))], axis=-1)
    value = value + np.random.default_rng(0).uniform(-1.5, 1.5, value.shape)
    return np.clip(value, 0, 255).round().astype(np.uint8)


RAMPS = ramps()


@settings(max_examples=40, deadline=None)
@given(scale=st.floats(0.25, 1.5), angle=st.floats(0.05, 0.3), x=st.floats(-5, 5), y=st.floats(-5, 5))
def test_warp_puts_every_pixel_where_the_matrix_says(scale: float, angle: float, x: float, y: float) -> None:
    # The ramps tell the position that each crop pixel was taken from; half a block lost in averaging would show as
    # 0.5 px or 1.5 px. OpenCV rounds halves up in each halving: 1/8 of a grey level each. Without a little rotation all
    # pixels would be rounded alike.
    size = 40
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    matrix = np.array([[cos, -sin, 0], [sin, cos, 0]])
    matrix[:, 2] = (size - 1) / 2 - matrix[:, :2] @ (255.3 + x, 250.8 + y)
    crop = warp(RAMPS, matrix, size)
    grid = np.stack(np.meshgrid(np.arange(size), np.arange(size)), axis=-1).reshape(-1, 2)
    source = (grid - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
    error = crop.reshape(-1, 3)[:, :2] + 128.0 - source
    assert np.abs(error).max() < 2
    assert np.abs(error.mean(axis=0)).max() < 0.45


def test_the_margin_only_adds_a_border() -> None:
    image = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    five = moved(90 * TEMPLATE, (1.0, 0.2, 150, 80))
    inner = warp(image, align_matrix(five, 128), 128)
    outer = warp(image, align_matrix(five, 128, margin=16), 160)
    assert np.abs(outer[16:-16, 16:-16].astype(int) - inner).max() <= 2


def test_minification_averages_instead_of_skipping() -> None:
    noise = np.clip(128 + np.random.default_rng(0).normal(0, 20, (1000, 1000, 3)), 0, 255).round().astype(np.uint8)
    for minify, most in ((2.0, 10.0), (4.0, 5.5), (8.0, 3.0)):
        matrix = np.array([[1 / minify, 0, -20.3], [0, 1 / minify, -21.7]])
        assert warp(noise, matrix, 60).std() < most


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (3, 5), (2000, 2)])
def test_outside_the_frame_its_edge_goes_on(shape: tuple[int, int]) -> None:
    image = np.full((*shape, 3), 77, np.uint8)
    for scale in (0.05, 1.0, 20.0):
        for shift in (-1e4, 0.0, 1e4):
            crop = warp(image, np.array([[scale, 0, shift], [0, scale, shift]]), 32)
            assert crop.shape == (32, 32, 3)
            assert (crop == 77).all()
