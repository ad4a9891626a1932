"""Boxes of faces [px]: x0, y0, x1, y1 in the coordinates of pixel centres (the image's outer edge is at -0.5)."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

__all__ = ["Detection", "box_iou", "offset_boxes", "pair_iou", "square_boxes", "suppress"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Detection:
    """One face in one image."""

    box: Float[np.ndarray, "4"]
    """x0, y0, x1, y1 [px]."""
    score: float
    """Face probability in [0, 1]."""
    five_points: Float[np.ndarray, "5 2"]
    """The points of `landmarks.FIVE` [px]."""


def square_boxes(boxes: Float[np.ndarray, "*batch 4"]) -> Float[np.ndarray, "*batch 4"]:
    """Square boxes with the same centres; their side is the longer side of each box."""
    low, high = boxes[..., :2], boxes[..., 2:]
    centre = (low + high) / 2
    half = (high - low).max(axis=-1, keepdims=True) / 2
    return np.concatenate([centre - half, centre + half], axis=-1)


def offset_boxes(boxes: Float[np.ndarray, "N 4"], offsets: Float[np.ndarray, "N 4"]) -> Float[np.ndarray, "N 4"]:
    """Boxes refined by a network's offsets: each edge moves by its offset times the box's width or height."""
    sides = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
    return boxes + offsets * sides


def box_iou(box: Float[np.ndarray, "4"], boxes: Float[np.ndarray, "N 4"]) -> Float[np.ndarray, "N"]:
    """Intersection over union of one box with each of `boxes`."""
    overlap, area, areas = _overlap(box, boxes)
    return overlap / np.maximum(area + areas - overlap, 1e-9)


def pair_iou(one: Float[np.ndarray, "4"], other: Float[np.ndarray, "4"]) -> float:
    """Intersection over union of two boxes; ten times as fast as `box_iou` with one box."""
    (a0, b0, a1, b1), (c0, d0, c1, d1) = one.tolist(), other.tolist()
    overlap = max(min(a1, c1) - max(a0, c0), 0.0) * max(min(b1, d1) - max(b0, d0), 0.0)
    return overlap / max((a1 - a0) * (b1 - b0) + (c1 - c0) * (d1 - d0) - overlap, 1e-9)


def suppress(
    boxes: Float[np.ndarray, "N 4"], scores: Float[np.ndarray, "N"], limit: float, *, over_smaller: bool = False
) -> Int[np.ndarray, "K"]:
    """Greedy non-maximum suppression: indices of the kept boxes, best score first.

    A box is dropped when its overlap with a better box exceeds `limit`. The overlap is the intersection over the union
    or, with `over_smaller`, over the smaller of the two areas (as in Zhang et al. 2016 after the last network).
    """
    order = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while len(order):
        best, order = order[0], order[1:]
        kept.append(int(best))
        overlap, area, areas = _overlap(boxes[best], boxes[order])
        whole = np.minimum(area, areas) if over_smaller else area + areas - overlap
        order = order[overlap <= limit * whole]
    return np.array(kept, np.int64)


def _overlap(box: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
    low = np.maximum(box[:2], boxes[:, :2])
    high = np.minimum(box[2:], boxes[:, 2:])
    overlap = np.maximum(high - low, 0).prod(axis=1)
    return overlap, float((box[2:] - box[:2]).prod()), (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
