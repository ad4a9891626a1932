"""The simulated surface: a coarser, exactly symmetric mesh of ICT-FaceKit's narrow face region.

Half the face is decimated and mirrored, so every left vertex has a right twin. Its vertices are vertices of the rig,
the same ones for every identity. All vertices on the edges of lids and lips are kept.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from mien.core import MienError, Rig
from mien.rigs.decimate import decimate
from mien.rigs.ict_topology import VERTICES

__all__ = ["FaceMesh", "border_loops", "face_mesh"]

_MIDDLE = 0.02
"""Vertices nearer to the plane of symmetry than this are on it [mm]; ICT-FaceKit is symmetric to 0.05 mm, its middle
vertices to 0.001."""
_LID_RINGS = 3
"""Rows of vertices around the edges of the lids that are kept: up to the visible edge, where the lids must meet."""
_EVENNESS = 0.01
"""`decimate`'s evenness. Its default leaves triangles of 20 mm on the forehead, where the brows have to move, and 1 mm
in the nostrils; this value leaves 9 and 2 mm."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FaceMesh:
    """Vertices of the rig that are simulated, and the triangles between them."""

    vertices: Int[np.ndarray, "N"]
    """Vertex of the rig of each simulated vertex."""
    triangles: Int[np.ndarray, "F 3"]
    """In simulated vertices, anticlockwise seen from outside."""
    twin: Int[np.ndarray, "N"]
    """Simulated vertex on the other side; a vertex of the middle is its own twin."""
    lips: Int[np.ndarray, "B"]
    """The loop of vertices on the inner edge of the lips, in order."""
    lids: dict[str, Int[np.ndarray, "_"]]
    """Side ("left", "right") -> the loop of vertices on the edge of the lids, in order."""
    outline: Int[np.ndarray, "C"]
    """The outer border, in order."""


def face_mesh(mean: Rig, count: int) -> FaceMesh:
    """The surface of about `count` vertices, decimated on the neutral of `mean`, ICT-FaceKit's mean face.

    Raises MienError when the rig has not ICT-FaceKit's topology.
    """
    if len(mean.neutral.vertices) != VERTICES or "face_narrow" not in mean.neutral.topology.groups:
        raise MienError(f"rig '{mean.name}' has not ICT-FaceKit's topology, which the simulated face is built on")
    narrow = len(mean.neutral.topology.groups["face_narrow"])
    x = np.asarray(mean.neutral.vertices[:narrow], np.float64)
    triangles = np.asarray(mean.neutral.topology.triangles)
    triangles = triangles[(triangles < narrow).all(axis=1)]
    twin = _twins(x)
    side = np.where(twin == np.arange(narrow), 0, np.sign(x[:, 0])).astype(int)
    half = triangles[(side[triangles] >= 0).all(axis=1)]
    used = np.unique(half)
    local = np.full(narrow, -1)
    local[used] = np.arange(len(used))
    inner = [loop for loop in border_loops(triangles) if len(loop) < 100]
    eyes = [loop for loop in inner if x[loop, 1].mean() > 0]
    inner += [_around(triangles, loop, _LID_RINGS) for loop in eyes]
    keep = local[np.intersect1d(np.concatenate(inner), used)]
    target = max((count + int((side[used] == 0).sum()) // 3) // 2, len(keep))
    coarse = decimate(x[used], local[half], target, keep=keep, evenness=_EVENNESS)
    left, faces = used[coarse.kept], coarse.triangles
    right = twin[left[side[left] != 0]]
    vertices = np.concatenate([left, right])
    place = np.full(narrow, -1)
    place[vertices] = np.arange(len(vertices))
    other = place[twin[vertices]]
    every = np.concatenate([faces, other[faces][:, ::-1]])
    return _named(x, vertices, every, other)


def _around(triangles: np.ndarray, start: np.ndarray, rings: int) -> np.ndarray:
    """Vertices within some edges of a set of vertices."""
    inside = np.zeros(int(triangles.max()) + 1, bool)
    inside[start] = True
    for _ in range(rings):
        inside[triangles[inside[triangles].any(axis=1)]] = True
    return np.flatnonzero(inside)


def _named(x: np.ndarray, vertices: np.ndarray, triangles: np.ndarray, twin: np.ndarray) -> FaceMesh:
    loops = sorted(border_loops(triangles), key=lambda loop: -len(loop))
    middle = {len(loop): x[vertices[loop]].mean(axis=0) for loop in loops}
    outline = max(loops, key=lambda loop: float(np.ptp(x[vertices[loop], 1])))
    rest = [loop for loop in loops if loop is not outline]
    lips = min(rest, key=lambda loop: float(x[vertices[loop], 1].mean()))
    eyes = [loop for loop in rest if loop is not lips]
    if len(eyes) != 2 or not middle:
        raise MienError("the face has no two eyes and a mouth; is the rig ICT-FaceKit?")
    left = max(eyes, key=lambda loop: float(x[vertices[loop], 0].mean()))
    right = next(loop for loop in eyes if loop is not left)
    return FaceMesh(
        vertices=vertices,
        triangles=triangles,
        twin=twin,
        lips=lips,
        lids={"left": left, "right": right},
        outline=outline,
    )


def _twins(x: Float[np.ndarray, "V 3"]) -> Int[np.ndarray, "V"]:
    from scipy.spatial import KDTree

    found = KDTree(x).query(x * [-1, 1, 1])[1]
    found = np.where(np.abs(x[:, 0]) < _MIDDLE, np.arange(len(x)), found)
    if (found[found] != np.arange(len(x))).any():
        raise MienError("the face is not symmetric; the simulated face is built on ICT-FaceKit's mean face")
    return found


def border_loops(triangles: Int[np.ndarray, "F 3"]) -> list[Int[np.ndarray, "_"]]:
    """The closed borders of a surface, each as its vertices in order."""
    edges: Iterable[tuple[int, int]] = map(
        tuple, np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]).tolist()
    )
    every = set(edges)
    following = {a: b for a, b in sorted(every) if (b, a) not in every}
    loops, seen = [], set[int]()
    for start in following:
        loop = []
        at = start
        while at not in seen:
            seen.add(at)
            loop.append(at)
            at = following[at]
        if loop:
            loops.append(np.array(loop))
    return loops
