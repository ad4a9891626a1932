"""Running the teacher, MediaPipe's Face Landmarker, on renders, to learn how its points lie to mien's landmarks.

MediaPipe does not come with mien: `pip install mediapipe`, in an environment of its own if it wants other versions.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from mien.core import MienError
from mien.systems.capture.evaluation.mediapipe import open_mediapipe
from mien.systems.capture.evaluation.rendered_takes import performed, stills
from mien.systems.capture.training.face_labels import label_files, read_labels
from mien.systems.capture.training.face_sets import set_of
from mien.systems.capture.training.teacher_points import OUTER_EYES, HandMarks, TeacherMap, learn

__all__ = ["PEOPLE", "Teacher", "hand_marks", "learn_from_renders", "taught"]

PEOPLE = (200_000, 300_000)
"""Identity numbers of the people rendered: neither training's nor evaluation's."""
_STILLS = 4
"""Renders of each."""
_SEED = 77
_TURN = 6.0
"""Degrees that a picture is turned by, both ways, beside the picture as it is."""
_FAR = 0.04
"""Largest spread of a point, as a share of the eye corners' distance, of a face that is learnt from."""


class Teacher(Protocol):
    """Anything that gives the 478 points."""

    def points(self, image: UInt8[np.ndarray, "H W 3"]) -> Float[np.ndarray, "478 3"] | None:
        """Of a picture [px]; None where no face is found."""
        ...


def taught(
    teacher: Teacher, picture: UInt8[np.ndarray, "H W 3"]
) -> tuple[Float[np.ndarray, "478 3"], Float[np.ndarray, "478"]] | None:
    """The teacher's points [px] of a picture, a mean over the picture as it is and turned both ways, and their standard
    deviation as a share of the distance of the outer eye corners; None where it finds no face in one of these."""
    height, width = picture.shape[:2]
    views: list[np.ndarray] = []
    for angle in (0.0, _TURN, -_TURN):
        matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, 1.0)
        turned = cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE) if angle else picture
        points = teacher.points(np.asarray(turned, np.uint8))
        if points is None:
            return None
        back = cv2.invertAffineTransform(matrix)
        points[:, :2] = points[:, :2] @ back[:, :2].T + back[:, 2]
        views.append(points)
    right, left = OUTER_EYES
    mean, deviation = np.mean(views, axis=0), np.linalg.norm(np.std(views, axis=0)[:, :2], axis=1)
    return mean, deviation / np.linalg.norm(mean[left, :2] - mean[right, :2])


def learn_from_renders(
    model: Path, people: int, faces: Path | None = None, progress: Callable[[int, int], None] | None = None
) -> TeacherMap:
    """The map that the teacher in the file `model` asks for, learnt on four renders of each of `people` people.

    `faces` is a folder of real faces whose hand marks are added. Raises MienError when MediaPipe or its model is not
    there, when the folder holds no labels, and when the teacher finds too few faces.
    """
    rows: list[tuple[np.ndarray, np.ndarray, int]] = []
    with closing(open_mediapipe(model)) as teacher:
        marks = None if faces is None else hand_marks(faces)
        for done, (picture, landmarks, identity) in enumerate(_renders(people), 1):
            found = taught(teacher, picture)
            if found is not None and found[1].max() < _FAR:
                rows.append((found[0], landmarks, identity))
            if progress:
                progress(done, people * _STILLS)
    try:
        points, truth, identity = (np.array(column) for column in zip(*rows, strict=True))
        return learn(points, truth, identity, marks)
    except ValueError as error:
        raise MienError(f"the teacher finds {len(rows)} faces in the renders: too few; raise `people`") from error


def _renders(people: int) -> Iterator[tuple[np.ndarray, np.ndarray, int]]:
    """(picture, landmarks [px], identity) of people with nothing before their faces."""
    identities = np.random.default_rng(_SEED).permutation(np.arange(*PEOPLE))
    for take in performed(_SEED, identities.tolist(), people, stills(_STILLS), bare=True):
        for shown in take.frames:
            assert shown.landmarks is not None  # the training rig has them
            yield shown.image, shown.landmarks, take.identity


def hand_marks(folder: Path) -> HandMarks | None:
    """The faces marked by hand of people that are trained on; None when nobody is. MienError without labels."""
    points, templates = [], []
    for path in label_files(folder):
        labels = read_labels(path)
        own = set_of(labels.folder)
        people = sorted({own.person(labels.stem(row)) for row in range(len(labels.points))})
        for row in np.flatnonzero(np.isfinite(labels.hand[:, 0, 0])):
            person = own.person(labels.stem(int(row)))
            if not own.held_out(person, people.index(person)):
                points.append(labels.points[row])
                templates.append(labels.hand[row])
    return HandMarks(points=np.array(points), templates=np.array(templates)) if points else None
