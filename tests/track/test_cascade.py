"""The detector on real pictures."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from mien.io.video import Frame, read_image
from mien.track import Cascade
from mien.track.boxes import box_iou

# Face centres in multi_face.jpg, read by eye (+-15 px), largest face first.
FIVE_PEOPLE = [(735, 347), (583, 370), (364, 297), (262, 117), (476, 262)]


def test_five_people_are_five_faces(cascade: Cascade, assets: Path) -> None:
    image = read_image(assets / "video" / "multi_face.jpg")
    for min_face in (20.0, 40.0, 80.0):
        faces = cascade.detect(image, min_face)
        centres = np.array([(face.box[:2] + face.box[2:]) / 2 for face in faces])
        away = np.linalg.norm(centres[:, None] - np.array(FIVE_PEOPLE), axis=2)
        assert len(faces) == 5
        assert sorted(away.argmin(axis=1)) == [0, 1, 2, 3, 4]
        assert away.min(axis=1).max() < 20
        areas = [np.prod(face.box[2:] - face.box[:2]) for face in faces]
        assert areas == sorted(areas, reverse=True)


def test_small_faces_are_left_out_on_demand(cascade: Cascade, assets: Path) -> None:
    image = read_image(assets / "video" / "multi_face.jpg")
    assert cascade.detect(image, 400.0) == []


@pytest.mark.parametrize("shape", [(1, 1), (11, 11), (12, 12), (1, 4000), (13, 700)])
def test_tiny_images_have_no_face(cascade: Cascade, shape: tuple[int, int]) -> None:
    assert cascade.detect(np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)) == []


def test_noise_and_flat_images_have_no_face(cascade: Cascade) -> None:
    rng = np.random.default_rng(0)
    for image in (rng.integers(0, 256, (480, 640, 3), dtype=np.uint8), np.full((480, 640, 3), 200, np.uint8)):
        assert cascade.detect(image) == []


def test_an_8k_frame_gives_the_same_face(cascade: Cascade, still: np.ndarray) -> None:
    (face,) = cascade.detect(still)
    large = cv2.resize(still, (7680, 4320), interpolation=cv2.INTER_LINEAR)
    (found,) = cascade.detect(large)
    assert box_iou(face.box, found.box[None] / 12)[0] > 0.8
    eyes = np.linalg.norm(face.five_points[1] - face.five_points[0])
    assert np.abs(found.five_points / 12 - face.five_points).max() < 0.08 * eyes


def test_a_mirrored_image_gives_mirrored_points(cascade: Cascade, still: np.ndarray) -> None:
    (face,) = cascade.detect(still)
    (found,) = cascade.detect(still[:, ::-1])
    mirrored = found.five_points[[1, 0, 2, 4, 3]] * (-1, 1) + (still.shape[1] - 1, 0)
    eyes = np.linalg.norm(face.five_points[1] - face.five_points[0])
    assert np.abs(mirrored - face.five_points).max() < 0.1 * eyes


def test_no_face_where_there_is_none(cascade: Cascade, clip: Callable[[str], list[Frame]]) -> None:
    for frame in clip("no_face.mp4")[::6]:
        assert cascade.detect(frame.image) == []
