"""O-Net on a given box: a refined box, the face probability and the five points, in a third of a millisecond."""

import math
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, UInt8

from mien.track.boxes import Detection
from mien.track.mtcnn import net_session
from mien.track.sampling import area_crop

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

__all__ = ["ONet", "log_odds"]

_SIZE = 48
"""Side of the network's window [px]."""


def log_odds(probability: float) -> float:
    """The log odds log(p / (1 - p)) of a probability p, which is what the networks output."""
    return math.log(probability / (1 - probability)) if 0 < probability < 1 else math.inf * (probability - 0.5)


class ONet:
    """MTCNN's last network. It keeps no state between calls; an instance must not be used by two threads at once."""

    def __init__(self, session: "InferenceSession") -> None:
        self._session = session

    @classmethod
    def load(cls) -> "ONet":
        """Open the network, converting it first if needed; raises MienError when the weights are missing."""
        return cls(net_session("onet"))

    def refine(
        self, image: UInt8[np.ndarray, "H W 3"], box: Float[np.ndarray, "4"], threshold: float = 0.5
    ) -> Detection | None:
        """The face at `box` [px] (made square first), or None when its probability is below `threshold`.

        A box that does not overlap the image, or is smaller than 2 px, has no face.
        """
        square = _usable(image, box)
        if square is None:
            return None
        crop = area_crop(image, square, _SIZE)
        heads = np.asarray(self._session.run(("heads",), {"image": crop[None]})[0])
        return _decoded(square, heads[0], threshold)

    def refine_many(
        self, image: UInt8[np.ndarray, "H W 3"], boxes: Float[np.ndarray, "N 4"], threshold: float
    ) -> list[Detection]:
        """The faces among `boxes` (made square first) whose probability reaches `threshold`, in the same order."""
        squares = [square for box in boxes if (square := _usable(image, box)) is not None]
        if not squares:
            return []
        crops = np.stack([area_crop(image, square, _SIZE) for square in squares])
        heads = np.asarray(self._session.run(("heads",), {"image": crops})[0])
        faces = [_decoded(square, row, threshold) for square, row in zip(squares, heads, strict=True)]
        return [face for face in faces if face is not None]


def _decoded(square: np.ndarray, heads: np.ndarray, threshold: float) -> Detection | None:
    """The face in a row of the network's output (4 offsets, 5 x and 5 y of points, log odds); None below threshold."""
    score = 1.0 / (1.0 + math.exp(-min(max(float(heads[14]), -50.0), 50.0)))
    if score < threshold:
        return None
    side = square[2] - square[0]
    shares = heads[:14].astype(np.float64) * side
    return Detection(box=square + shares[:4], score=score, five_points=square[:2] + shares[4:].reshape(2, 5).T)


def _usable(image: np.ndarray, box: np.ndarray) -> np.ndarray | None:
    """The box made square, or None unless it is finite, overlaps the image and is at least 2 px and at most twice the
    image's longer side large."""
    height, width = image.shape[:2]
    x0, y0, x1, y1 = np.asarray(box, np.float64).tolist()
    half = max(x1 - x0, y1 - y0) / 2
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    if not 1 <= half <= max(height, width):  # also catches NaN
        return None
    if not (-half < x < width - 1 + half and -half < y < height - 1 + half):
        return None
    return np.array([x - half, y - half, x + half, y + half])
