"""O-Net on a given box: the refined box, the face probability and the five points, in about half a millisecond."""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Float32, UInt8

from mien.track.boxes import Detection, offset_boxes, square_boxes
from mien.track.mtcnn import net_session
from mien.track.sampling import area_crop

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

__all__ = ["ONet"]


class ONet:
    """MTCNN's last net. One instance serves one thread of frames; it keeps no state between calls."""

    size = 48
    """Side of the net's window [px]."""

    def __init__(self, session: "InferenceSession") -> None:
        self._session = session

    @classmethod
    def load(cls) -> "ONet":
        """Open the net, converting it first if needed; raises MienError when the weights are missing."""
        return cls(net_session("onet"))

    def refine(
        self, image: UInt8[np.ndarray, "H W 3"], box: Float[np.ndarray, "4"], threshold: float = 0.5
    ) -> Detection | None:
        """The face at `box` [px] (made square first), or None when its probability is below `threshold`.

        A box that does not meet the image, or is smaller than 2 px, has no face.
        """
        square = square_boxes(np.asarray(box, np.float64))
        if not _usable(image, square):
            return None
        offsets, points, scores = self._run(area_crop(image, square, self.size)[None])
        if scores[0] < threshold:
            return None
        return _decode(square, offsets[0], points[0], float(scores[0]))

    def refine_many(
        self, image: UInt8[np.ndarray, "H W 3"], boxes: Float[np.ndarray, "N 4"], threshold: float
    ) -> list[Detection]:
        """The faces among `boxes` (made square first) whose probability reaches `threshold`, in the same order."""
        squares = square_boxes(np.asarray(boxes, np.float64))
        squares = squares[[_usable(image, square) for square in squares]]
        if not len(squares):
            return []
        offsets, points, scores = self._run(np.stack([area_crop(image, box, self.size) for box in squares]))
        return [
            _decode(squares[i], offsets[i], points[i], float(scores[i])) for i in np.flatnonzero(scores >= threshold)
        ]

    def _run(self, crops: Float32[np.ndarray, "N 48 48 3"]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        offsets, points, scores = self._session.run(("offsets", "points", "score"), {"image": crops})
        return np.asarray(offsets, np.float64), np.asarray(points, np.float64), np.asarray(scores)


def _decode(square: np.ndarray, offsets: np.ndarray, points: np.ndarray, score: float) -> Detection:
    side = square[2] - square[0]
    five = square[:2] + points.reshape(2, 5).T * side
    return Detection(box=offset_boxes(square[None], offsets[None])[0], score=score, five_points=five)


def _usable(image: np.ndarray, square: np.ndarray) -> bool:
    """Whether the box is finite, meets the image and has a side between 2 px and twice the image's longer side."""
    height, width = image.shape[:2]
    side = square[2] - square[0]
    return bool(
        2 <= side <= 2 * max(height, width)  # False for NaN
        and square[2] > 0
        and square[3] > 0
        and square[0] < width - 1
        and square[1] < height - 1
    )
