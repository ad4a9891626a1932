"""MediaPipe's Face Landmarker as a teacher: the points of every frame by itself, each the mean of four views.

In video the landmarker filters its points, which come late then; so each frame is a picture of its own, seen as it is,
turned by 6 degrees both ways, and mirrored. The mean over the views jitters less, and their spread says where a label
is wrong.
"""

from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from mien.core import ARKIT
from mien.core.channels import mirrored
from mien.systems.capture.evaluation.mediapipe import arkit, open_landmarker, tasks_of
from mien.systems.capture.evaluation.teacher_labels import TeacherLabels
from mien.systems.capture.evaluation.teacher_mirror import mirror_order

__all__ = ["Look", "Teacher"]

Look = tuple[Float[np.ndarray, "478 3"], Float[np.ndarray, "478"], Float[np.ndarray, "4 4"], Float[np.ndarray, "52"]]
"""Points, spread, pose and ARKit weights of one picture, as in `TeacherLabels`."""

_TURNS = (0.0, 6.0, -6.0)
"""Degrees by which the views are turned; the first one gives the pose."""
_POINTS = 478
_OUTER_EYES = (33, 263)
_LEAST = 0.3
"""Confidence from which a face counts as found, lower than MediaPipe's own 0.5: wrong labels show by their spread."""


class _View(NamedTuple):
    """What the landmarker sees in one view: points [478, 3], ARKit weights [52], pose [4, 4]."""

    points: np.ndarray
    weights: np.ndarray
    pose: np.ndarray


class Teacher:
    """The landmarker, labelling frame by frame; a context manager, since it holds threads of its own."""

    def __init__(self, model: Path, *, mirror_image: bool = True) -> None:
        """`model` is a face_landmarker.task; without `mirror_image` there are the three other views alone.

        Raises MienError when the model or the package is not there.
        """
        self._mirror = mirror_image
        options = {"min_face_detection_confidence": _LEAST, "min_face_presence_confidence": _LEAST}
        self._landmarker = open_landmarker(
            tasks_of(model), model, "IMAGE", output_facial_transformation_matrixes=True, **options
        )

    def __enter__(self) -> "Teacher":
        return self

    def __exit__(self, *_: object) -> None:
        self._landmarker.close()

    def clip(self, video: Path) -> TeacherLabels:
        """Labels of every frame of a video; raises MienError when it cannot be read."""
        from mien.io.video import open_video

        with open_video(video) as frames:
            rows = [self.look(frame.image) for frame in frames]
        points, spread, pose, weights = (np.array(column) for column in zip(*rows, strict=True))
        return TeacherLabels(points=points, spread=spread, pose=pose, weights=weights, frames=np.arange(len(rows)))

    def look(self, image: UInt8[np.ndarray, "H W 3"]) -> Look:
        """What the views of a picture show together; NaN where one of them shows no face."""
        views = [self._view(image, turn) for turn in _TURNS]
        if self._mirror:
            views.append(self._mirror_image(image))
        seen = [view for view in views if view is not None]
        if len(seen) < len(views):
            return (
                np.full((_POINTS, 3), np.nan),
                np.full(_POINTS, np.nan),
                np.full((4, 4), np.nan),
                np.full(len(ARKIT), np.nan),
            )
        points, weights = np.stack([view.points for view in seen]), np.stack([view.weights for view in seen])
        apart = np.linalg.norm(points[0, _OUTER_EYES[0], :2] - points[0, _OUTER_EYES[1], :2])
        spread = np.sqrt(points.var(axis=0)[:, :2].mean(axis=1)) / apart
        return points.mean(axis=0), spread, seen[0].pose, weights.mean(axis=0)

    def _mirror_image(self, image: np.ndarray) -> _View | None:
        """What the mirror image shows, with points [px of the image] and weights of the side that the image has."""
        seen = self._view(image[:, ::-1], 0.0)
        if seen is None:
            return None
        points = seen.points[mirror_order()]
        points[:, 0] = image.shape[1] - 1 - points[:, 0]
        return _View(points, seen.weights[[ARKIT.index(mirrored(name)) for name in ARKIT]], seen.pose)

    def _view(self, image: np.ndarray, turn: float) -> _View | None:
        """What the image shows when it is turned by so many degrees, with points [px of the image as it is]."""
        import cv2

        mediapipe: Any = import_module("mediapipe")
        height, width = image.shape[:2]
        matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), turn, 1.0)
        turned = cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE) if turn else image
        picture = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(turned))
        answer = self._landmarker.detect(picture)
        if not answer.face_landmarks:
            return None
        points = np.array([[p.x * width - 0.5, p.y * height - 0.5, p.z * width] for p in answer.face_landmarks[0]])
        back = cv2.invertAffineTransform(matrix)
        points[:, :2] = points[:, :2] @ back[:, :2].T + back[:, 2]
        return _View(points, arkit(answer.face_blendshapes[0]), np.array(answer.facial_transformation_matrixes[0]))
