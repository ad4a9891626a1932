"""MTCNN's cascade, which detects every face in one image.

In Zhang et al. 2016, P-Net proposes windows on every level of an image pyramid, and R-Net and O-Net reject and refine
them. The cascade runs when a face must be found; `FaceTracker` then follows the face with O-Net alone, which is some
thirty times cheaper.
"""

from typing import TYPE_CHECKING

import cv2
import numpy as np
from jaxtyping import UInt8

from mien.track.boxes import Detection, offset_boxes, square_boxes, suppress
from mien.track.mtcnn import net_session
from mien.track.onet import ONet, log_odds
from mien.track.sampling import check_image

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

__all__ = ["Cascade"]

_CELL, _STRIDE = 12, 2
"""Side of P-Net's window and the step between windows [px]."""
_SCALE = 0.709
"""Scale between pyramid levels: about the square root of a half, which halves the area (Zhang et al. 2016)."""
_THRESHOLDS = (0.6, 0.7, 0.8)
"""Least face probability after P-Net, R-Net and O-Net: the values of the published detector."""
_SMALLEST_SHARE = 1 / 48
"""Size of the smallest face that is searched, as a share of the image's longer side: 40 px in 1920, 160 px in 8K. It
bounds the work of P-Net."""
_MOST_PROPOSALS = 300
"""Largest number of windows that R-Net gets, best first; real frames have some 20 to 150, noise or foliage has
thousands."""


class Cascade:
    """The full detector. It keeps no state between calls; an instance must not be used by two threads at once."""

    def __init__(self, pnet: "InferenceSession", rnet: "InferenceSession", onet: ONet) -> None:
        self._pnet = pnet
        self._rnet = rnet
        self._onet = onet

    @classmethod
    def load(cls) -> "Cascade":
        """Open the three networks, converting them first if needed; raises MienError when the weights are missing."""
        return cls(net_session("pnet"), net_session("rnet"), ONet.load())

    def detect(self, image: UInt8[np.ndarray, "H W 3"], min_face: float = 40.0) -> list[Detection]:
        """All faces whose side is at least `min_face` px (in large images at least 1/48 of the longer side).

        Somewhat smaller faces may be found, too, because the limit only sets the finest pyramid level. Faces are sorted
        by area, the largest first. Raises MienError when the image is not RGB uint8.
        """
        check_image(image)
        proposals = self._propose(image, max(min_face, _CELL, max(image.shape[:2]) * _SMALLEST_SHARE))
        kept = self._refine(image, proposals)
        faces = self._onet.refine_many(image, kept, _THRESHOLDS[2])
        if not faces:
            return []
        boxes = np.stack([face.box for face in faces])
        best = suppress(boxes, np.array([face.score for face in faces]), 0.7, over_smaller=True)
        return sorted((faces[i] for i in best), key=lambda face: -float((face.box[2:] - face.box[:2]).prod()))

    def _propose(self, image: np.ndarray, min_face: float) -> np.ndarray:
        """Square boxes [N,4] from P-Net on every level of the pyramid."""
        height, width = image.shape[:2]
        scale = _CELL / min_face
        found: list[np.ndarray] = []
        scores: list[np.ndarray] = []
        base = image
        while min(height, width) * scale >= _CELL:
            size = (round(width * scale), round(height * scale))
            level = cv2.resize(base, size, interpolation=cv2.INTER_AREA)
            if base is image:
                base = level  # later levels are made from the first, which may be ten times smaller than the image
            boxes, score = self._windows(level)
            keep = suppress(boxes, score, 0.5)
            shrink = np.array([width / size[0], height / size[1]] * 2)
            found.append((boxes[keep] + 0.5) * shrink - 0.5)
            scores.append(score[keep])
            scale *= _SCALE
        if not found:
            return np.zeros((0, 4))
        boxes, score = np.concatenate(found), np.concatenate(scores)
        return square_boxes(boxes[suppress(boxes, score, 0.7)[:_MOST_PROPOSALS]])

    def _windows(self, level: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Boxes [N,4] in the level's px and log odds [N] of the windows that look like a face."""
        heads = np.asarray(self._pnet.run(("heads",), {"image": level[None].astype(np.float32)})[0])[0]
        row, column = np.nonzero(heads[..., 4] > log_odds(_THRESHOLDS[0]))
        found = heads[row, column].astype(np.float64)
        best = np.argsort(-found[:, 4], kind="stable")[: 4 * _MOST_PROPOSALS]  # suppression has quadratic cost
        found = found[best]
        corner = np.stack([column[best], row[best]], axis=1) * float(_STRIDE) - 0.5
        return offset_boxes(np.concatenate([corner, corner + _CELL], axis=1), found[:, :4]), found[:, 4]

    def _refine(self, image: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        """The square boxes that R-Net keeps, refined."""
        crops = [_rough_crop(image, box, 24) for box in boxes]
        inside = [i for i, crop in enumerate(crops) if crop is not None]
        if not inside:
            return np.zeros((0, 4))
        batch = np.stack([crop for crop in crops if crop is not None]).astype(np.float32)
        heads = np.asarray(self._rnet.run(("heads",), {"image": batch})[0], np.float64)
        keep = heads[:, 4] > log_odds(_THRESHOLDS[1])
        refined = offset_boxes(boxes[inside][keep], heads[keep, :4])
        return square_boxes(refined[suppress(refined, heads[keep, 4], 0.7)])


def _rough_crop(image: np.ndarray, box: np.ndarray, size: int) -> np.ndarray | None:
    """The crop at `box`, rounded to whole pixels, and resized; None outside the image.

    Rounding is harmless, because R-Net only rejects windows.
    """
    height, width = image.shape[:2]
    x0, y0, x1, y1 = (int(n) for n in np.round(box + 0.5))
    left, top, right, bottom = max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)
    if right <= left or bottom <= top:
        return None
    region = image[top:bottom, left:right]
    if (left, top, right, bottom) != (x0, y0, x1, y1):
        region = cv2.copyMakeBorder(region, top - y0, y1 - bottom, left - x0, x1 - right, cv2.BORDER_REPLICATE)
    return cv2.resize(region, (size, size), interpolation=cv2.INTER_AREA)
