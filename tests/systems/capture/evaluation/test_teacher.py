"""The teacher's views of one picture agree when they are mapped back to it rightly, and only then."""

from pathlib import Path

import numpy as np
import pytest
from tests.drawn_faces import EYES, GROUND, Colour, draw, install, landmarks

from mien.core import ARKIT
from mien.systems.capture.evaluation.face_measures import MEDIAPIPE
from mien.systems.capture.evaluation.teacher import Teacher
from mien.systems.capture.evaluation.teacher_labels import read_labels
from mien.systems.capture.evaluation.teacher_mirror import mirror_order


@pytest.fixture
def teacher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Teacher:
    install(monkeypatch)
    (tmp_path / "drawn.task").write_bytes(b"model")
    return Teacher(tmp_path / "drawn.task")


@pytest.mark.parametrize("ground", [GROUND, (0, 0, 0)])
def test_four_views_of_a_face_are_one_face(teacher: Teacher, ground: Colour) -> None:
    picture = draw(301, 220, (120.3, 90.6, 70.0), ground=ground)
    points, spread, pose, _ = teacher.look(picture)
    truth = landmarks(np.array([120.3, 90.6]), np.array([190.3, 90.6]))
    np.testing.assert_allclose(points[:, :2], truth[:, :2], atol=0.15)
    np.testing.assert_allclose(points[:, 2], truth[:, 2], atol=0.5)
    assert spread.max() < 0.003
    np.testing.assert_allclose(pose, np.eye(4), atol=0.01)


def test_weights_are_the_mean_with_the_mirror_images_sides_exchanged(teacher: Teacher) -> None:
    weights = teacher.look(draw(300, 220, (120.0, 90.0, 70.0), wink=0.5))[3]
    right, left = (weights[ARKIT.index(f"eyeWide{side}")] for side in ("Right", "Left"))
    # The landmarker answers jawOpen by how far the face is turned [rad]: two of four views are, by 6 degrees.
    assert weights[ARKIT.index("jawOpen")] == pytest.approx(np.radians(3), rel=0.05)
    assert right == pytest.approx(0.8, abs=0.03) and left == pytest.approx(0.2, abs=0.03)


def test_spread_is_the_standard_deviation_of_an_axis_over_the_eyes_distance(
    teacher: Teacher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One view of four lies 4 px further right: a deviation of 4 * sqrt(3) / 4 px in x and of 0 in y."""
    see = teacher._mirror_image

    def moved(image: np.ndarray) -> object:
        seen = see(image)
        assert seen is not None
        return seen._replace(points=seen.points + np.array((4.0, 0.0, 0.0)))

    monkeypatch.setattr(teacher, "_mirror_image", moved)
    spread = teacher.look(draw(300, 220, (120.0, 90.0, 70.0)))[1]
    np.testing.assert_allclose(spread, np.sqrt(3) / np.sqrt(2) / 70, atol=0.002)


def test_a_face_that_one_view_lacks_is_none(teacher: Teacher) -> None:
    points, *rest = teacher.look(draw(300, 200, (3.0, 195.0, 70.0)))  # turned, an eye leaves the picture
    assert all(np.isnan(values).all() for values in (points, *rest))


def test_the_mirrored_points_are_those_of_the_other_side(assets: Path) -> None:
    order = mirror_order()
    assert (order[order] == np.arange(478)).all()
    assert order[list(EYES)].tolist() == list(EYES)[::-1]
    for right in (name for name in MEDIAPIPE if name.endswith("right")):
        assert set(order[list(MEDIAPIPE[right])]) == set(MEDIAPIPE[right.replace("right", "left")])
    labels = read_labels(assets / "real" / "labels" / "london.npz")
    face = np.nanmean(labels.frontal()[labels.clear], axis=0)  # the mean of many people is symmetric
    face = (face - face[list(EYES)].mean(axis=0)) / np.linalg.norm(face[EYES[0]] - face[EYES[1]])
    assert np.linalg.norm(face[order] * (-1, 1) - face, axis=1).max() < 0.02
    nearest = np.linalg.norm((face * (-1, 1))[:, None] - face[None], axis=2).argmin(axis=1)
    assert (nearest == order).mean() > 0.9
