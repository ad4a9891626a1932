"""Crops of real pictures are those that stand in the test material; a face is found wherever it is in a picture."""

from pathlib import Path

import numpy as np
import pytest

from mien.io.video import read_image
from mien.systems.capture.evaluation.teacher import Look
from mien.systems.capture.training.face_crops import LARGEST, SIDE, crop_face, look_at_face
from mien.systems.capture.training.face_labels import pictures, read_labels
from mien.systems.capture.training.portraits import read_template
from mien.track.cascade import Cascade


def test_a_crop_of_a_large_face_is_square_around_it_and_small() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (1200, 1500, 3), np.uint8)
    points = np.array([[600.0, 500.0], [800.0, 740.0], [650.0, 600.0]])
    crop = crop_face(picture, points)
    assert crop.image.shape == (LARGEST, LARGEST, 3)
    inside = crop.points(points)
    middle, face = (inside.min(axis=0) + inside.max(axis=0)) / 2, np.ptp(inside[:, 1])
    assert face == pytest.approx(LARGEST / SIDE, rel=0.005)
    np.testing.assert_allclose(middle - (LARGEST - 1) / 2, (0, 0.12 * face), atol=0.5)


def test_a_small_picture_is_cut_and_not_enlarged() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (150, 120, 3), np.uint8)
    points = np.array([[30.0, 40.0], [90.0, 120.0]])
    crop = crop_face(picture, points)
    x, y = crop.corner
    np.testing.assert_array_equal(crop.image, picture[y : y + crop.image.shape[0], x : x + crop.image.shape[1]])
    np.testing.assert_allclose(crop.points(points) + crop.corner, points)
    assert (x, y) == (0, 0) and crop.image.shape == picture.shape, "it reaches no further than the picture"


def test_a_point_keeps_its_place_when_the_crop_is_made_smaller() -> None:
    """The middle of a bright square, measured in the crop, is where `points` says."""
    picture = np.zeros((1000, 1000, 3), np.uint8)
    picture[401:421, 621:641] = 255
    crop = crop_face(picture, np.array([[300.0, 300.0], [640.0, 640.0]]))
    assert crop.scale[0] < 0.5
    y, x = np.indices(crop.image.shape[:2])
    bright = crop.image[..., 0].astype(float)
    measured = np.array([(x * bright).sum(), (y * bright).sum()]) / bright.sum()
    np.testing.assert_allclose(measured, crop.points(np.array([630.5, 410.5])), atol=0.05)


def test_crops_and_hand_marks_are_those_of_the_real_faces(assets: Path) -> None:
    """The originals of the set canada are in the test material, and the crops and marks that were made of them."""
    labels = read_labels(assets / "real" / "labels" / "canada.npz")
    for row, there in pictures(assets / "real", labels):
        if row % 8:
            continue
        original = assets / "faces" / "webmorph_canada" / labels.files[row]
        picture = read_image(original)
        points = (labels.teacher.points[row, :, :2] + 0.5) * picture.shape[0] / there.shape[0] - 0.5
        crop = crop_face(picture, points)
        assert crop.image.shape == there.shape
        assert np.abs(crop.image.astype(int) - there).mean() < 2, "one JPEG apart"
        marks = crop.points(read_template(original.with_suffix(".tem")))
        np.testing.assert_allclose(marks, labels.hand[row], atol=0.11)


class FivePoints:
    """Looks at the largest face that the cascade finds, as a teacher would, and answers with a shape put on it."""

    def __init__(self, cascade: Cascade, picture: np.ndarray, points: np.ndarray) -> None:
        self._cascade = cascade
        self._five = cascade.detect(picture)[0].five_points
        self._points = points

    def look(self, image: np.ndarray) -> Look:
        """Points of the shape; NaN when the face is small in the image, as the landmarker finds no small faces."""
        none = np.full(478, np.nan), np.full((4, 4), np.nan), np.full(52, np.nan)
        found = [face for face in self._cascade.detect(image) if np.ptp(face.box[::2]) > 0.2 * image.shape[1]]
        if not found:
            return np.full((478, 3), np.nan), *none
        move = (found[0].five_points - self._five).mean(axis=0)
        return self._points + np.array((*move, 0.0)), *none


def test_a_small_face_is_found_where_it_is_and_of_two_faces_the_larger_one(assets: Path) -> None:
    labels = read_labels(assets / "real" / "labels" / "london.npz")
    faces = [picture for row, picture in pictures(assets / "real", labels) if row < 2]
    cascade = Cascade.load()
    teacher = FivePoints(cascade, faces[0], labels.teacher.points[0])
    wide = np.full((1100, 1900, 3), 128, np.uint8)
    assert look_at_face(wide, teacher, cascade) is None
    wide[600 : 600 + faces[0].shape[0], 1300 : 1300 + faces[0].shape[1]] = faces[0]
    half = faces[1][: faces[1].shape[0] // 2 * 2, : faces[1].shape[1] // 2 * 2]
    half = half.reshape(half.shape[0] // 2, 2, half.shape[1] // 2, 2, 3).mean(axis=(1, 3)).astype(np.uint8)
    wide[200 : 200 + half.shape[0], 300 : 300 + half.shape[1]] = half
    assert not np.isfinite(teacher.look(wide)[0]).any(), "in the whole picture the face is too small"
    seen = look_at_face(wide, teacher, cascade)
    assert seen is not None
    np.testing.assert_allclose(seen[0], labels.teacher.points[0] + np.array((1300, 600, 0)), atol=2)
