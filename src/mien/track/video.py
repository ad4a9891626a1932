"""Tracks the faces of a whole video as `FaceTrack`s."""

from collections.abc import Iterable

import numpy as np

from mien.core.facetrack import FaceTrack
from mien.io.video import Frame
from mien.track.tracker import FaceTracker, TrackedFace

__all__ = ["track_video"]


def track_video(frames: Iterable[Frame], *, faces: int = 1, min_face: float = 40.0) -> list[FaceTrack]:
    """Follow up to `faces` faces (see `FaceTracker`); returns one `FaceTrack` per face, by id, each over all frames.

    The list is empty when no face was seen. Raises MienError when the detector's weights are missing.
    """
    tracker = FaceTracker(faces=faces, min_face=min_face)
    times: list[float] = []
    seen: dict[int, dict[int, TrackedFace]] = {}
    for row, frame in enumerate(frames):
        times.append(frame.time)
        for face in tracker.update(frame.image, frame.time):
            seen.setdefault(face.id, {})[row] = face
    return [_face_track(number, np.array(times), seen[number]) for number in sorted(seen)]


def _face_track(number: int, times: np.ndarray, seen: dict[int, TrackedFace]) -> FaceTrack:
    count = len(times)
    boxes, five_points = np.full((count, 4), np.nan), np.full((count, 5, 2), np.nan)
    confidence = np.zeros(count)
    for row, face in seen.items():
        boxes[row], five_points[row], confidence[row] = face.box, face.five_points, face.confidence
    return FaceTrack(id=number, times=times, boxes=boxes, five_points=five_points, confidence=confidence)
