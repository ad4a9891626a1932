"""mien's landmarks on ICT-FaceKit: at vertices, on paths between vertices, and at points of regions."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int

from mien.core.landmarks import MIEN70, MIEN198, LandmarkAnchors

__all__ = ["EYE_RADIUS", "IRIS_RADIUS", "dense_anchors", "edge_paths"]

EYE_RADIUS = 16.0
"""Radius of ICT-FaceKit's eyeballs [mm]; a real one has 12."""
IRIS_RADIUS = 5.85
"""Radius of the limbus [mm]: half the mean white-to-white distance of adults (Ruefer, Schroeder and
Erb, "White-to-white corneal diameter", Cornea 24, 2005: 11.7 mm)."""

_REACH = 60.0
"""Largest length of a path between neighbouring landmarks [mm]; farther vertices are not searched."""

_RIGHT: dict[str, tuple[tuple[float, float], ...]] = {
    "brow_lower_right": ((-57.6, 48.6), (-49.2, 53.6), (-37.5, 55.0), (-24.1, 53.7), (-12.0, 52.2)),
    "nose_side_right": ((-9.5, 28.0), (-12.0, 17.0), (-15.5, 6.5), (-17.6, -4.0)),
    "nostril_right": ((-14.9, -6.2), (-10.0, -2.7), (-4.9, -6.0), (-9.5, -8.2)),
    "cheek_right": ((-60.0, 15.0), (-48.0, 16.0), (-34.0, 12.0), (-55.0, -5.0), (-42.0, -2.0), (-45.0, -25.0)),
    "under_eye_right": ((-44.0, 25.0), (-33.0, 23.0), (-22.0, 24.5)),
    "smile_fold_right": ((-22.5, -7.0), (-27.5, -17.0), (-31.5, -29.0)),
    "forehead_right": ((-42.0, 74.0), (-18.0, 75.0), (-45.0, 86.0), (-20.0, 91.0)),
}
_MIDDLE: dict[str, tuple[tuple[float, float], ...]] = {
    "forehead": ((0.0, 56.0), (0.0, 75.0), (0.0, 92.0)),
    "chin": ((-13.0, -60.0), (0.0, -62.0), (13.0, -60.0), (0.0, -51.0)),
    "philtrum": ((-4.0, -19.5), (0.0, -18.5), (4.0, -19.5)),
}
"""(x, y) [mm] on the neutral as seen from the front, measured in a rendered image of it: creases, rims and middles of
regions. The left side mirrors the right side."""


def dense_anchors(
    sparse: LandmarkAnchors,
    vertices: Float[np.ndarray, "V 3"],
    skin: Int[np.ndarray, "F 3"],
    eyes: dict[str, tuple[Int[np.ndarray, "E 3"], np.ndarray, np.ndarray]],
) -> LandmarkAnchors:
    """The anchors of mien198 on the neutral, from those of mien70 (four vertices each).

    `skin` has the triangles of the face; `eyes` has, for "right" and "left", the triangles of the sclera, the
    eyeball's centre and its optical axis. Points of lids, lips and jaw lie on paths of mesh edges between mien70's
    points.
    """
    layout = MIEN198
    indices, weights = np.zeros((layout.count, 4), int), np.zeros((layout.count, 4))
    indices[: MIEN70.count], weights[: MIEN70.count] = sparse.indices, sparse.weights
    twin = _twins(vertices, skin)

    def put(point: int, at: np.ndarray, share: np.ndarray) -> None:
        indices[point, : len(at)], weights[point, : len(at)] = at, share

    def put_pair(point: int, at: np.ndarray, share: np.ndarray) -> None:
        put(point, at, share)
        if layout.mirror[point] != point:
            put(layout.mirror[point], twin[at], share)

    runs = [run for run in _runs() if run[1] < layout.mirror[run[1]]]
    ends = indices[np.array([(run[0], run[-1]) for run in runs]), 0]
    for run, path in zip(runs, edge_paths(vertices, skin, ends), strict=True):
        for k, point in enumerate(run[1:-1], start=1):
            put_pair(point, *_along(vertices, path, k / (len(run) - 1)))
    front = np.array([0.0, 0.0, 1.0])
    for group, places in (*_RIGHT.items(), *_MIDDLE.items()):
        for point, (x, y) in zip(layout.groups[group], places, strict=True):
            at, share = _pierced(vertices, skin, np.array([x, y, 0.0]), front)
            (put_pair if group in _RIGHT else put)(point, at, share)
    for side, (sclera, centre, axis) in eyes.items():
        for point, ray in zip(layout.groups[f"iris_rim_{side}"], _rim(axis, side), strict=True):
            put(point, *_pierced(vertices, sclera, centre, ray))
    return LandmarkAnchors(layout=layout, indices=indices, weights=weights)


def edge_paths(
    vertices: Float[np.ndarray, "V 3"], triangles: Int[np.ndarray, "F 3"], ends: Int[np.ndarray, "N 2"]
) -> list[Int[np.ndarray, "_"]]:
    """For each pair of vertices the shortest path between them along the triangles' edges, both ends included."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import dijkstra

    edges = np.vstack([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    lengths = np.linalg.norm(np.diff(vertices[edges], axis=1)[:, 0], axis=1)
    count = int(triangles.max()) + 1
    graph = coo_matrix((lengths, (edges[:, 0], edges[:, 1])), shape=(count, count)).tocsr()
    before = dijkstra(graph, False, ends[:, 1], return_predecessors=True, limit=_REACH)[1]
    paths: list[np.ndarray] = []
    for (start, end), back in zip(ends.tolist(), before, strict=True):
        path = [start]
        while path[-1] != end:
            path.append(int(back[path[-1]]))
        paths.append(np.array(path))
    return paths


def _runs() -> Iterator[tuple[int, ...]]:
    """Runs of the layout's curves: each from a point of mien70 over new points to the next point of mien70."""
    for name in ("eye_right", "lips_outer", "lips_inner", "jaw"):
        curve = MIEN198.groups[name]
        if name in MIEN198.closed:
            curve = (*curve, curve[0])
        old = [k for k, point in enumerate(curve) if point < MIEN70.count]
        yield from (curve[a : b + 1] for a, b in pairwise(old) if b > a + 1)


def _along(vertices: np.ndarray, path: np.ndarray, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and weights of the point at a fraction `share` of a path's length."""
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(vertices[path], axis=0), axis=1))])
    k = int(np.clip(np.searchsorted(length, share * length[-1], side="right") - 1, 0, len(path) - 2))
    part = (share * length[-1] - length[k]) / (length[k + 1] - length[k])
    return path[k : k + 2], np.array([1 - part, part])


def _pierced(
    vertices: np.ndarray, triangles: np.ndarray, origin: np.ndarray, direction: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Corners and barycentric weights of the last triangle that a ray passes through."""
    across = np.linalg.svd(direction[None])[2][1:]  # the plane perpendicular to the ray, in which it is a point
    flat = (vertices - origin) @ across.T
    a, b, c = (flat[triangles[:, k]] for k in range(3))
    shares = np.stack([_area(b, c), _area(c, a), _area(a, b)], axis=1)
    total = shares.sum(axis=1)
    shares /= np.where(total == 0, 1.0, total)[:, None]
    hit = np.flatnonzero((total != 0) & (shares >= -1e-9).all(axis=1))
    depth = np.einsum("fk,fk->f", (vertices[triangles[hit]] - origin) @ direction, shares[hit])
    last = hit[depth.argmax()]
    return triangles[last], shares[last]


def _area(p: Float[np.ndarray, "F 2"], q: Float[np.ndarray, "F 2"]) -> Float[np.ndarray, "F"]:
    return p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]


def _rim(axis: np.ndarray, side: str) -> Float[np.ndarray, "4 3"]:
    """Directions from an eyeball's centre to its limbus: outer, upper, inner, lower."""
    outer = np.cross([0.0, 1.0, 0.0], axis) * (1 if side == "left" else -1)
    outer /= np.linalg.norm(outer)
    upper = np.cross(axis, outer) * (1 if side == "left" else -1)
    angle = IRIS_RADIUS / EYE_RADIUS
    return np.cos(angle) * axis + np.sin(angle) * np.stack([outer, upper, -outer, -upper])


def _twins(vertices: np.ndarray, skin: np.ndarray) -> Int[np.ndarray, "W"]:
    """For each vertex of the skin the vertex at its mirror image (the face's topology is symmetric)."""
    from scipy.spatial import KDTree

    face = vertices[: int(skin.max()) + 1]
    return np.asarray(KDTree(face).query(face * (-1, 1, 1))[1])
