"""Boxes: overlap, squares, suppression."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mien.track.boxes import box_iou, offset_boxes, pair_iou, square_boxes, suppress

corners = arrays(np.float64, (8, 2), elements=st.floats(0, 100))
sides = arrays(np.float64, (8, 2), elements=st.floats(1, 50))


@given(corners=corners, sides=sides)
def test_squares_keep_centre_and_longer_side(corners: np.ndarray, sides: np.ndarray) -> None:
    boxes = np.concatenate([corners, corners + sides], axis=1)
    squares = square_boxes(boxes)
    np.testing.assert_allclose((squares[:, 2:] - squares[:, :2]).T, np.stack([sides.max(axis=1)] * 2), atol=1e-9)
    np.testing.assert_allclose(squares[:, :2] + squares[:, 2:], boxes[:, :2] + boxes[:, 2:], atol=1e-9)


@given(corners=corners, sides=sides)
def test_overlap_is_symmetric_and_one_with_itself(corners: np.ndarray, sides: np.ndarray) -> None:
    boxes = np.concatenate([corners, corners + sides], axis=1)
    table = np.stack([box_iou(box, boxes) for box in boxes])
    np.testing.assert_allclose(table, [[pair_iou(a, b) for a in boxes] for b in boxes], atol=1e-12)
    np.testing.assert_allclose(table, table.T, atol=1e-12)
    np.testing.assert_allclose(np.diag(table), 1, atol=1e-9)
    assert ((table >= 0) & (table <= 1 + 1e-12)).all()


def test_overlap_of_known_boxes() -> None:
    boxes = np.array([[0.0, 0, 2, 2], [1, 1, 3, 3], [5, 5, 6, 6]])
    np.testing.assert_allclose(box_iou(boxes[0], boxes), [1, 1 / 7, 0])
    np.testing.assert_allclose(offset_boxes(boxes[:1], np.array([[0.5, 0, -0.5, 0.25]])), [[1, 0, 1, 2.5]])


@pytest.mark.parametrize("over_smaller", [False, True])
@given(corners=corners, sides=sides, seed=st.integers(0, 99))
def test_suppression_keeps_the_best_and_explains_the_rest(
    over_smaller: bool, corners: np.ndarray, sides: np.ndarray, seed: int
) -> None:
    boxes = np.concatenate([corners, corners + sides], axis=1)
    scores = np.random.default_rng(seed).permutation(8).astype(float)
    kept = suppress(boxes, scores, 0.3, over_smaller=over_smaller)

    def overlap(i: int, j: int) -> float:
        size = np.maximum(np.minimum(boxes[i, 2:], boxes[j, 2:]) - np.maximum(boxes[i, :2], boxes[j, :2]), 0).prod()
        areas = sides[i].prod(), sides[j].prod()
        return float(size / (min(areas) if over_smaller else sum(areas) - size))

    assert (np.diff(scores[kept]) < 0).all()
    assert kept[0] == scores.argmax()
    for i in range(8):
        better = [overlap(i, int(j)) for j in kept if scores[j] > scores[i]]
        if i in kept:
            assert all(value <= 0.3 + 1e-9 for value in better)
        else:
            assert any(value > 0.3 - 1e-9 for value in better)


def test_nothing_in_nothing_out() -> None:
    assert len(suppress(np.zeros((0, 4)), np.zeros(0), 0.5)) == 0
