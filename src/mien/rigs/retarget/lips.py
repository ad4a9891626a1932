"""Locates a rig's mouth independently of shape names: the lips are where skin that touches at rest comes apart.

Faces of different proportions cannot be aligned by their surface alone: a stylised chin may lie at the height of a
human lip. Eyes are located by joints or blinks; the points of this module align the lower half of the face.
"""

import numpy as np
from jaxtyping import Float, Int

from mien.core.rig import Rig
from mien.rigs.check import FaceFrame
from mien.rigs.retarget.surface import Surface

__all__ = ["lip_points"]

_INNER = (60, 64, 62, 66)
"""Points of iBUG 68 on the lip line: corners (the subject's right, left), middle of the upper and of the lower lip."""
_LOW, _HIGH, _WIDE = -2.2, -0.5, 0.9
"""Lowest and highest height and largest lateral distance of a mouth from the middle between the eyes [eye
distances]."""
_GAP = 0.07
"""Largest distance at rest between paired points of the two lips [eye distances]: 4 mm, lips slightly open."""
_PARTED, _TORN = 0.05, 3.0
"""Least distance to which paired points come apart, in eye distances and as a multiple of their distance at rest, by
which skin does not stretch."""
_FRONT = 0.08
"""Largest distance of the lips behind the foremost skin [eye distances]; the lining of a mouth lies deeper."""
_FEWEST = 8
"""Least number of pairs that form a lip line."""


def lip_points(rig: Rig, surface: Surface, frame: FaceFrame) -> Float[np.ndarray, "4 3"] | None:
    """Positions at rest [mm] of the right and left corner, upper and lower middle of the lip line; None if not found.

    They are found by the pairs of points that the rig's shapes move apart, and else by its landmarks: points that are
    found by the same method on two faces have similar errors. `surface` is the rig's skin.
    """
    pairs = _parting(rig, surface, frame)
    found = _along(surface.vertices[pairs], frame.unit) if len(pairs) >= _FEWEST else None
    anchors = rig.landmarks.get("ibug68")
    if found is None and anchors is not None:
        return anchors.positions(rig.neutral.vertices.astype(float))[list(_INNER)]
    return found


def _along(points: Float[np.ndarray, "P 2 3"], unit: float) -> Float[np.ndarray, "4 3"] | None:
    """Ends and middle of the line of pairs (upper, lower); None when the line is no mouth.

    `unit` is the distance of the eyes [mm].
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
    """Pairs of vertices (of the upper lip, of the lower lip) that lie together at rest and come apart in a shape."""
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
    """True for positions without skin in front of them."""
    from scipy.spatial import KDTree

    around = KDTree(offset[:, :2]).query_ball_point(places[:, :2], _GAP)
    front = np.array([offset[at, 2].max() if at else -np.inf for at in around])
    return places[:, 2] > front - _FRONT
