"""Ambient occlusion per vertex: the share of the directions from which light reaches it.

Each direction is a picture of depths, and a vertex is lit from there when nothing lies nearer (Pharr & Green 2004,
"Ambient Occlusion", GPU Gems 17, with depth maps in place of rays). A face moves, so several poses are looked at, and
the most open one counts: the inside of a mouth is as dark as it is when it is seen, and darker with depth.
"""

from weakref import WeakKeyDictionary

import numpy as np
from jaxtyping import Float, Int

from mien.core.mesh import vertex_normals
from mien.core.rig import Rig
from mien.rigs.raster import Camera, Raster

__all__ = ["openness"]

_DIRECTIONS = 48
_SIDE = 192
"""Side of a depth picture [px]: on a head 2 mm each."""
_LIFT, _SLACK = 1.2, 1.5
"""How far a point is lifted off its surface, and how much nearer than the point another surface must lie to hide it
[texels of the depth pictures], because a texel has one depth."""
_DARKEST = 0.04
"""Openness of a point that no light reaches directly, as light is reflected between surfaces."""
_SPREAD = 0.85
"""Exponent on the visible share; light that is reflected between surfaces makes half-open places lighter."""
_POSES: tuple[dict[str, float], ...] = (
    {},
    {"jawOpen": 0.8, "eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0},
    {
        "jawOpen": 0.4,
        **dict.fromkeys(("mouthSmileLeft", "mouthSmileRight", "mouthUpperUpLeft", "mouthUpperUpRight"), 0.8),
        **dict.fromkeys(("mouthLowerDownLeft", "mouthLowerDownRight"), 0.6),
    },
)
"""Channel weights of the poses in which light is looked for: at rest, mouth open and eyes closed, teeth bared."""
_known: "WeakKeyDictionary[Rig, np.ndarray]" = WeakKeyDictionary()


def openness(rig: Rig, triangles: Int[np.ndarray, "F 3"], within: Float[np.ndarray, "P 3"]) -> Float[np.ndarray, "V"]:
    """Openness of every vertex in [0, 1], computed once for each rig.

    `triangles` are those that hide light; `within` are points of the head [mm], because of a whole person only what is
    near the head is seen closely enough.
    """
    if rig not in _known:
        low, high = within.min(axis=0), within.max(axis=0)
        radius = 0.5 * float(np.linalg.norm(high - low)) or 1.0
        poses = [weights for weights in _POSES if not weights or set(weights) & set(rig.shape_names)]
        found = [_visible(_posed(rig, weights), rig, triangles, (low + high) / 2, radius) for weights in poses]
        _known[rig] = (_DARKEST + (1 - _DARKEST) * np.max(found, axis=0) ** _SPREAD).astype(np.float32)
    return _known[rig]


def _posed(rig: Rig, weights: dict[str, float]) -> np.ndarray:
    return np.asarray(rig.evaluate(np.array(list(weights.values()), np.float32), tuple(weights)), np.float32)


def _visible(vertices: np.ndarray, rig: Rig, triangles: np.ndarray, centre: np.ndarray, radius: float) -> np.ndarray:
    normals = vertex_normals(vertices, rig.neutral.topology.triangles)
    away = 40.0 * radius  # far enough that the directions of a picture are nearly parallel
    camera = Camera(width=_SIDE, height=_SIDE, focal=0.49 * _SIDE * away / radius, near=0.5 * away, far=2.0 * away)
    texel, raster = away / camera.focal, Raster(camera)
    seen, total = np.zeros(len(vertices), np.float32), np.zeros(len(vertices), np.float32)
    for direction in _sphere(_DIRECTIONS):
        turn = _towards(direction)
        points = (vertices - centre).astype(np.float32) @ turn
        points[:, 2] -= away
        depth = raster.empty_depth()
        raster.depth(points, triangles, depth)
        turned = normals @ turn
        lifted = points + _LIFT * texel * turned
        pixel = np.rint(lifted[:, :2] * (camera.focal / -lifted[:, 2:]) * (1, -1) + (_SIDE / 2 - 0.5)).astype(int)
        beyond = ((pixel < 0) | (pixel >= _SIDE)).any(axis=1)
        x, y = np.clip(pixel, 0, _SIDE - 1).T
        weight = np.maximum(turned[:, 2], 0)
        seen += weight * (beyond | (-lifted[:, 2] <= depth[y, x] + _SLACK * texel))
        total += weight
    return np.where(total > 0, seen / np.maximum(total, 1e-6), 1.0)


def _towards(direction: np.ndarray) -> np.ndarray:
    """Rotation for row vectors whose z axis is `direction`."""
    side = np.cross([0.0, 1.0, 0.0] if abs(direction[1]) < 0.9 else [1.0, 0.0, 0.0], direction)
    side /= np.linalg.norm(side)
    return np.stack([side, np.cross(direction, side), direction], axis=1).astype(np.float32)


def _sphere(count: int) -> Float[np.ndarray, "D 3"]:
    """Evenly distributed directions by the golden angle."""
    k = np.arange(count) + 0.5
    y = 1 - 2 * k / count
    angle = np.pi * (1 + np.sqrt(5)) * k
    r = np.sqrt(1 - y * y)
    return np.stack([r * np.cos(angle), y, r * np.sin(angle)], axis=1)
