"""Where a face's mouth is, whatever its shapes are called: the lips are where skin that touches comes apart.

Faces of different proportions do not lie on each other by shape alone: a stylised chin lies where a human lip is. Eyes
are known by joints or blinks; these points are what the lower half of a face is laid on.
"""

import numpy as np
from jaxtyping import Float, Int

from mien.core.rig import Rig
from mien.rigs.check import FaceFrame
from mien.rigs.retarget.surface import Surface

__all__ = ["lip_points"]

_INNER = (60, 64, 62, 66)
"""iBUG 68: corners (the subject's right, left), middle of the upper and lower lip, all on the lip line."""
_LOW, _HIGH, _WIDE = -2.2, -0.5, 0.9
"""Where a mouth may be, from the middle between the eyes [eye distances]."""
_GAP = 0.07
"""Points of both lips lie within this at rest [eye distances]: 4 mm, lips slightly open."""
_PARTED, _TORN = 0.05, 3.0
"""They come apart by at least this [eye distances], and by this many times their distance: skin stretches less."""
_FRONT = 0.08
"""Lips lie at most this far behind the foremost skin at their place [eye distances]; the lining of a mouth does not."""
_FEWEST = 8
"""Pairs that make a lip line."""


def lip_points(rig: Rig, surface: Surface, frame: FaceFrame) -> Float[np.ndarray, "4 3"] | None:
    """Places at rest [mm] of the right and left corner, upper and lower middle of the lip line; None if not found.

    From what its shapes part, and else from its landmarks: found in the same way on two faces, they err alike.
    `surface` is its skin.
    """
    pairs = _parting(rig, surface, frame)
    found = _along(surface.vertices[pairs], frame.unit) if len(pairs) >= _FEWEST else None
    anchors = rig.landmarks.get("ibug68")
    if found is None and anchors is not None:
        return anchors.positions(rig.neutral.vertices.astype(float))[list(_INNER)]
    return found


def _along(points: Float[np.ndarray, "P 2 3"], unit: float) -> Float[np.ndarray, "4 3"] | None:
    """Ends and middle of the line that pairs (upper, lower) make; None where it is no mouth.

    `unit` is the distance of the eyes.
    """
    middle = points.mean(axis=1)
    order = np.argsort(middle[:, 0])
    edge = max(2, len(order) // 20)
    right, left = middle[order[:edge]].mean(axis=0), middle[order[-edge:]].mean(axis=0)
    width = left[0] - right[0]
    central = np.abs(middle[:, 0] - (left[0] + right[0]) / 2) < 0.15 * width
    if not central.any() or width < 0.2 * unit:
        return None
    return np.stack([right, left, points[central, 0].mean(axis=0), points[central, 1].mean(axis=0)])


def _parting(rig: Rig, surface: Surface, frame: FaceFrame) -> Int[np.ndarray, "P 2"]:
    """Pairs of the surface's vertices (of the upper lip, of the lower lip) that lie together and come apart."""
    from scipy.spatial import KDTree

    offset = (surface.vertices - frame.centre) / frame.unit
    near = np.flatnonzero((np.abs(offset[:, 0]) < _WIDE) & (offset[:, 1] > _LOW) & (offset[:, 1] < _HIGH))
    if not len(near) or not len(rig.shapes):
        return np.zeros((0, 2), int)
    pairs = near[KDTree(offset[near]).query_pairs(_GAP, output_type="ndarray")]
    pairs = pairs[_foremost(offset[near], offset[pairs].mean(axis=1))]
    apart, rise = np.zeros(len(pairs)), np.zeros(len(pairs))
    for shape in rig.shapes:
        gap = (shape[surface.origin[pairs[:, 0]]] - shape[surface.origin[pairs[:, 1]]]).astype(float) / frame.unit
        length = np.linalg.norm(gap, axis=1)
        wider = length > apart
        apart[wider], rise[wider] = length[wider], gap[wider, 1]
    rest = np.linalg.norm(offset[pairs[:, 0]] - offset[pairs[:, 1]], axis=1)
    found = (apart > _PARTED) & (apart > _TORN * rest)
    return np.where((rise > 0)[:, None], pairs, pairs[:, ::-1])[found]


def _foremost(offset: Float[np.ndarray, "N 3"], places: Float[np.ndarray, "P 3"]) -> np.ndarray:
    """Which places have no skin in front of them."""
    from scipy.spatial import KDTree

    around = KDTree(offset[:, :2]).query_ball_point(places[:, :2], _GAP)
    front = np.array([offset[at, 2].max() if at else -np.inf for at in around])
    return places[:, 2] > front - _FRONT
