"""Which of MediaPipe's 478 points of a face becomes which one when the picture is mirrored."""

import numpy as np
from jaxtyping import Int

__all__ = ["mirror_order"]

_MIDDLE = (
    0, 1, 2, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 94, 151, 152, 164, 168, 175, 195, 197, 199, 200,
)  # fmt: skip
"""Points in the middle of the face."""
_LEFT = 248
"""The first point of the subject's left side. The points of the left side come in the order of those of the right."""
_IRISES = (473, 476, 475, 474, 477, 468, 471, 470, 469, 472)
"""What points 468 to 477 become: the centre of an iris and four points on its rim, of the right eye and of the left."""


def mirror_order() -> Int[np.ndarray, "478"]:
    """For each point the point on the other side of the face.

    Of points 0 to 467 it is the point whose place in MediaPipe's canonical face model is the mirror image. The model is
    in face_landmarker.task (geometry_pipeline_metadata_landmarks.binarypb), and exactly symmetric.
    """
    order = np.arange(478)
    right = np.setdiff1d(np.arange(_LEFT), _MIDDLE)
    left = _LEFT + np.arange(len(right))
    order[right], order[left] = left, right
    order[468:] = _IRISES
    return order
