"""Regions of ICT-FaceKit's skin that a texture treats differently, as weights per vertex of the skin."""

import numpy as np
from jaxtyping import Float

from mien.core import Rig
from mien.rigs.ict_topology import FACE, SKIN

__all__ = ["bare_points", "border_fade", "hairy", "lids", "step"]

_FADE = 16.0
"""Distance from the border of the face's chart over which the photo gives way to the filled skin [mm]."""
_OVAL = (64.0, 84.0)
"""Half axes of the oval of the face, where no hair of the head lies [mm]."""
_BLINK = (3.0, 5.5)
"""Displacement by a blink from which skin belongs to the folding lid, in part and wholly [mm]."""
_BARE = ("cheek_right", "cheek_left", "nose_side_right", "nose_side_left", "philtrum", "chin", "forehead")
"""Landmark groups on bare skin."""


def step(low: float, high: float, value: np.ndarray) -> np.ndarray:
    """0 below `low`, 1 above `high`, smooth between; reversed when `low` exceeds `high`."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def lids(rig: Rig) -> Float[np.ndarray, "S"]:
    """1 on the skin of the lids that folds away when the eyes are open, 0 elsewhere.

    A photo of open eyes shows that skin as a strip of few pixels, which lashes cross: closed, it would be smeared.
    """
    moved = np.linalg.norm(rig.shape("eyeBlinkLeft") + rig.shape("eyeBlinkRight"), axis=1)[:SKIN]
    return step(*_BLINK, moved)


def bare_points(rig: Rig) -> Float[np.ndarray, "P 3"]:
    """Points of bare skin on the rig at rest: cheeks, nose, chin, the middle of the forehead."""
    anchors = rig.landmarks["mien198"]
    members = [k for name in _BARE for k in anchors.layout.groups[name]]
    return anchors.positions(rig.neutral.vertices)[members]


def border_fade(rig: Rig) -> Float[np.ndarray, "S"]:
    """0 outside of the face's chart and at its border, 1 well inside."""
    from scipy.spatial import KDTree

    topology = rig.neutral.topology
    face, rest = (
        np.unique(topology.triangles[part.start : part.stop])
        for part in topology.parts
        if part.name in ("face", "head_neck")
    )
    rim = rig.neutral.vertices[np.intersect1d(face, rest)]
    away = np.asarray(KDTree(rim).query(rig.neutral.vertices[:SKIN])[0])
    out = step(1.0, _FADE, away)
    out[FACE:] = 0.0
    return out


def hairy(rig: Rig) -> Float[np.ndarray, "S"]:
    """Where hair of the head or clothes may cover the skin: 0 inside the oval of the face, 1 outside."""
    marks = rig.landmarks["ibug68"].positions(rig.neutral.vertices)
    brows, nose = marks[17:27, 1].mean(), marks[33, 1]
    x, y = rig.neutral.vertices[:SKIN, 0], rig.neutral.vertices[:SKIN, 1]
    oval = np.hypot(x / _OVAL[0], (y - nose) / _OVAL[1])
    return np.maximum(step(0.85, 1.1, oval), step(brows + 14, brows + 32, y))
