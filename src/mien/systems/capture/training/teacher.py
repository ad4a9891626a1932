"""Running the teacher, MediaPipe's Face Landmarker, on renders, to learn how its points lie to mien's landmarks.

MediaPipe does not come with mien: `pip install mediapipe`, in an environment of its own if it wants other versions.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from mien.core import MienError
from mien.systems.capture.evaluation.rendered_takes import performed, stills
from mien.systems.capture.evaluation.teacher import Teacher
from mien.systems.capture.training.face_labels import label_files, read_labels
from mien.systems.capture.training.face_sets import set_of
from mien.systems.capture.training.teacher_points import HandMarks, TeacherMap, learn

__all__ = ["PEOPLE", "hand_marks", "learn_from_renders"]

PEOPLE = (200_000, 300_000)
"""Identity numbers of the people rendered: neither training's nor evaluation's."""
_STILLS = 4
"""Renders of each."""
_SEED = 77
_FAR = 0.04 / 2**0.5
"""Largest spread of a point, as a share of the eye corners' distance, of a face that is learnt from."""


def learn_from_renders(
    model: Path, people: int, faces: Path | None = None, progress: Callable[[int, int], None] | None = None
) -> TeacherMap:
    """The map that the teacher in the file `model` asks for, learnt on four renders of each of `people` people.

    `faces` is a folder of real faces whose hand marks are added. Raises MienError when MediaPipe or its model is not
    there, when the folder holds no labels, and when the teacher finds too few faces.
    """
    rows: list[tuple[np.ndarray, np.ndarray, int]] = []
    with Teacher(model, mirror_image=False) as teacher:  # the map that comes with mien was learnt without
        marks = None if faces is None else hand_marks(faces)
        for done, (picture, landmarks, identity) in enumerate(_renders(people), 1):
            points, spread, *_ = teacher.look(picture)
            if spread.max() < _FAR:  # NaN, where a view shows no face, is not
                rows.append((points, landmarks, identity))
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
        for row in np.flatnonzero(np.isfinite(labels.hand[:, 0, 0])).tolist():
            if not own.held_out(labels.stem(row)):
                points.append(labels.teacher.points[row])
                templates.append(labels.hand[row])
    return HandMarks(points=np.array(points), templates=np.array(templates)) if points else None
