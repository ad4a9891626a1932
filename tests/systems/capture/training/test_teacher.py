from pathlib import Path

import numpy as np
import pytest

from mien.core import MienError
from mien.systems.capture.training.teacher import hand_marks, learn_from_renders, taught
from mien.systems.capture.training.teacher_points import OUTER_EYES


class Lamp:
    """A teacher whose every point lies on the brightest spot but for the eye corners, 30 px to its sides."""

    def points(self, image: np.ndarray) -> np.ndarray | None:
        weight = image[..., 0].astype(np.float64) ** 2
        if weight.max() < 100:
            return None
        y, x = np.mgrid[: image.shape[0], : image.shape[1]]
        spot = np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()
        points = np.zeros((478, 3))
        points[:, :2] = spot
        right, left = OUTER_EYES
        points[right, 0] -= 30
        points[left, 0] += 30
        return points


def lamp(x: float, y: float) -> np.ndarray:
    rows, columns = np.mgrid[:120, :160]
    spot = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 18)
    return np.repeat((255 * spot)[..., None], 3, axis=2).astype(np.uint8)


def test_the_mean_of_turned_views_is_back_in_the_picture_and_what_does_not_turn_along_spreads() -> None:
    found = taught(Lamp(), lamp(60, 45))
    assert found is not None
    points, spread = found
    right, left = OUTER_EYES
    others = np.setdiff1d(np.arange(478), OUTER_EYES)
    np.testing.assert_allclose(points[others, :2], np.tile([60, 45], (476, 1)), atol=0.2)
    assert spread[others].max() < 0.005
    # The corners stay level in turned views: turned back, they are 30 px from the spot at 0, 6 and -6 degrees.
    angles = np.radians([0, 6, -6])
    expected = np.hypot(np.std(30 * np.cos(angles)), np.std(30 * np.sin(angles)))
    size = points[left, 0] - points[right, 0]
    np.testing.assert_allclose(spread[[right, left]], expected / size, rtol=0.05)
    assert taught(Lamp(), np.zeros((120, 160, 3), np.uint8)) is None


def test_hand_marks_are_those_of_people_that_are_trained_on(assets: Path) -> None:
    marks = hand_marks(assets / "real")
    assert marks is not None and len(marks.points) == len(marks.templates) == 122 - 41
    assert np.isfinite(marks.templates).all()


def test_without_the_teachers_model_there_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(MienError, match=r"gone\.task.*face_landmarker\.task"):
        learn_from_renders(tmp_path / "gone.task", 20)
