"""Drawn faces, and a landmarker that finds them under the name of MediaPipe, which comes with no extra of mien.

A face is two bright discs, the outer corners of its eyes, on a dark ground. `Landmarker` measures the discs in whatever
picture it gets and answers as MediaPipe's Face Landmarker does, so that everything of mien around it runs for real.
"""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from mien.core import ARKIT
from mien.systems.capture.evaluation.teacher_mirror import mirror_order

EYES = (33, 263)
"""MediaPipe's points at the outer corners of the right and left eye."""


Colour = tuple[int, int, int]
GROUND: Colour = (40, 20, 0)
"""Red, green, blue behind the faces."""


def template() -> np.ndarray:
    """478 points of a symmetric face whose eyes are 1 apart, x to the image's right, y down, about their middle."""
    points = np.random.default_rng(0).uniform((-1, -0.8, -0.5), (1, 1.4, 0.5), (478, 3))
    points = (points + points[mirror_order()] * (-1, 1, 1)) / 2
    points[EYES[0]], points[EYES[1]] = (-0.5, 0, 0), (0.5, 0, 0)
    return points


def landmarks(right: np.ndarray, left: np.ndarray) -> np.ndarray:
    """The points [478, 3] px of a face whose eyes lie at two points [px]."""
    across = left - right
    flat = template()
    out = (right + left) / 2 + flat[:, :1] * across + flat[:, 1:2] * (-across[1], across[0])
    return np.concatenate([out, flat[:, 2:] * np.linalg.norm(across)], axis=1)


def draw(
    width: int, height: int, *faces: tuple[float, float, float], ground: Colour = GROUND, wink: float = 1.0
) -> np.ndarray:
    """A picture of faces (x and y of the right eye, distance of the eyes); `wink` is the size of the left eye."""
    picture = np.full((height, width, 3), ground, np.uint8)
    for x, y, apart in faces:
        for k, size in ((0, 1.0), (1, wink)):
            middle = (round(16 * (x + k * apart)), round(16 * y))
            cv2.circle(picture, middle, round(16 * 0.12 * size * apart), (250, 250, 250), -1, cv2.LINE_AA, shift=4)
    return picture


def write(path: Path, picture: np.ndarray) -> Path:
    """Write an RGB picture into a folder that is made when it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture[..., ::-1])
    return path


def discs(picture: np.ndarray) -> list[tuple[np.ndarray, float]]:
    """(middle [px], area [px]) of the two largest discs, from the image's left to its right; fewer when there are."""
    bright = np.clip(picture.max(axis=2).astype(float) - 60, 0, None)
    count, label = cv2.connectedComponents((bright > 60).astype(np.uint8))
    found: list[tuple[np.ndarray, float]] = []
    for k in range(1, count):
        spot = bright * cv2.dilate((label == k).astype(np.uint8), np.ones((5, 5), np.uint8))
        y, x = np.indices(spot.shape)
        found.append((np.array([(x * spot).sum(), (y * spot).sum()]) / spot.sum(), float(spot.sum())))
    found = sorted(found, key=lambda disc: -disc[1])[:2]
    return sorted(found, key=lambda disc: disc[0][0])


class Landmarker:
    """Stands in for `mediapipe.tasks.python.vision.FaceLandmarker`."""

    def __init__(self) -> None:
        self.looks = 0

    def detect(self, picture: Any) -> SimpleNamespace:
        """What MediaPipe answers, as far as mien reads it."""
        self.looks += 1
        seen = discs(picture.data)
        if len(seen) < 2:
            return SimpleNamespace(face_landmarks=[], face_blendshapes=[], facial_transformation_matrixes=[])
        (right, right_area), (left, left_area) = seen
        height, width = picture.data.shape[:2]
        points = (landmarks(right, left) + np.array((0.5, 0.5, 0))) / (width, height, width)
        whole, roll = right_area + left_area, np.arctan2(*(left - right)[::-1])
        scores = dict.fromkeys((name for name in ARKIT if name != "tongueOut"), 0.0) | {"_neutral": 0.9}
        scores |= {"eyeWideRight": right_area / whole, "eyeWideLeft": left_area / whole, "jawOpen": abs(roll)}
        pose = np.eye(4)
        pose[:2, :2] = [[np.cos(roll), np.sin(roll)], [-np.sin(roll), np.cos(roll)]]
        return SimpleNamespace(
            face_landmarks=[[SimpleNamespace(x=x, y=y, z=z) for x, y, z in points]],
            face_blendshapes=[[SimpleNamespace(category_name=name, score=score) for name, score in scores.items()]],
            facial_transformation_matrixes=[pose],
        )

    def close(self) -> None:
        """Nothing is held."""


def install(monkeypatch: pytest.MonkeyPatch) -> Landmarker:
    """Let `import mediapipe` give the landmarker of drawn faces, whether or not MediaPipe is installed."""
    landmarker = Landmarker()
    vision = SimpleNamespace(
        FaceLandmarker=SimpleNamespace(create_from_options=lambda _: landmarker),
        FaceLandmarkerOptions=lambda **options: options,
        RunningMode=SimpleNamespace(IMAGE="IMAGE", VIDEO="VIDEO"),
    )
    modules: dict[str, dict[str, Any]] = {
        "mediapipe": {
            "Image": lambda image_format, data: SimpleNamespace(data=data),
            "ImageFormat": SimpleNamespace(SRGB=1),
        },
        "mediapipe.tasks": {},
        "mediapipe.tasks.python": {"vision": vision, "BaseOptions": lambda **options: options},
    }
    for name, content in modules.items():
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    return landmarker
