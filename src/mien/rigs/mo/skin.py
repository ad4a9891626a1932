"""Mo's skin: structured rings at eyes and mouth, graded triangles between them, a lofted neck; mirrored from the left.

The head is visible completely from one inner point, so its triangles are the convex hull of the directions of its
vertices (the Delaunay triangulation on the sphere), with edges flipped where the surface is at a grazing angle to the
ray; the holes inside the rings and the neck are left out.
"""

import numpy as np

from mien.rigs.mo.creases import beside_creases, crease_points
from mien.rigs.mo.piece import Piece, Sheet, grid
from mien.rigs.mo.rings import CONTACT, eye_rings, mouth_rings
from mien.rigs.mo.sculpt import EYE_CENTRE, ORIGIN, march, settle

__all__ = ["NECK_STEPS", "make_skin"]

NECK_STEPS = 18
"""Intervals of half the neck's loop."""
_FIRST_LOOP = ((0, -100, 34), (46, -80, -18), (0, -68, -84))
"""Front, side and back of the loop [mm] between the head's triangulation and the loft of the neck."""
_LAST_LOOP = ((0, -144, 6), (58, -144, -36), (0, -144, -80))
_SIZES: tuple[tuple[tuple[float, float, float], float, float], ...] = (
    ((0, -30, 82), 1.9, 0.16),  # nose tip and nostrils
    ((9, -31, 73), 1.9, 0.16),
    ((4.9, -36, 77), 1.5, 0.20),
    ((0, 0, 66), 3.0, 0.18),
    ((34, 0, 66), 2.6, 0.17),
    ((0, -57, 72), 3.0, 0.17),
    ((30, 30, 60), 4.2, 0.16),
    ((0, -84, 66), 4.2, 0.15),
    ((0, -98, 36), 5.5, 0.16),
    ((0, 60, 60), 6.5, 0.14),
)
"""(point [mm], edge length near it [mm], growth of the edge length with distance)."""


def _size(p: np.ndarray) -> np.ndarray:
    options = [at + grow * np.linalg.norm(p - np.asarray(centre), axis=-1) for centre, at, grow in _SIZES]
    return np.minimum(0.80 * np.min(options, axis=0), 15.0)


def _loop(points: tuple[tuple[float, float, float], ...]) -> np.ndarray:
    """Half of a closed loop through front, side and back, [NECK_STEPS + 1, 3]."""
    front, side, back = (np.asarray(p, float) for p in points)
    a = np.linspace(0, np.pi, NECK_STEPS + 1)[:, None]
    middle = (front + back) / 2
    out = middle + (front - back) / 2 * np.cos(a) + (side - middle) * np.sin(a) * [1, 0, 0]
    out[:, 1] += (side[1] - middle[1]) * np.sin(a[:, 0]) ** 2
    out[:, 2] += (side[2] - middle[2]) * np.sin(a[:, 0]) ** 2
    out[[0, -1], 0] = 0.0
    return out


def _midline(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Points on the symmetry plane between two vertices, spaced by the local edge length, without the ends."""
    first, last = (float(np.arctan2(p[1] - ORIGIN[1], p[2] - ORIGIN[2])) for p in (start, end))
    if start[1] > -60 and last < first:  # over the crown
        last += 2 * np.pi
    angles = np.linspace(first, last, 1500)
    rays = np.stack([0 * angles, np.sin(angles), np.cos(angles)], 1)
    path = march(np.tile(ORIGIN, (len(rays), 1)), rays)
    lengths = np.linalg.norm(np.diff(path, axis=0), axis=1)
    density = np.append(0, np.cumsum(lengths / _size((path[1:] + path[:-1]) / 2)))
    count = int(np.round(density[-1]))
    at = np.interp(np.linspace(0, density[-1], count + 1)[1:-1], density, np.arange(len(path)))
    out = path[np.round(at).astype(int)]
    out[:, 0] = 0.0
    return out


def _scatter(fixed: np.ndarray, loop: np.ndarray, holes: list[np.ndarray]) -> np.ndarray:
    """Free vertices, placed by dart throwing in a fixed order (Fibonacci directions, shuffled by the golden ratio)."""
    count = 40000
    i = np.arange(count)
    z = 1 - 2 * (i + 0.5) / count
    turn = i * np.pi * (3 - np.sqrt(5))
    rays = np.stack([np.abs(np.sqrt(1 - z * z) * np.cos(turn)), np.sqrt(1 - z * z) * np.sin(turn), z], 1)
    rays = rays[np.argsort((i * 0.6180339887498949) % 1.0, kind="stable")]
    # surfaces at a grazing angle to the rays, such as the underside of the nose, need additional darts
    nose = np.array([4.0, -16.5, 78.0]) + np.stack(
        [9 * rays[:3000, 0] - 4.0, 4 * rays[:3000, 1], 0 * rays[:3000, 2]], 1
    )
    rays = np.concatenate([rays, nose / np.linalg.norm(nose, axis=1, keepdims=True)])
    # above the neck's loop: compare elevations at the same azimuth
    below = loop - ORIGIN
    azimuth = np.arctan2(below[:, 0], below[:, 2])
    elevation = np.arctan2(below[:, 1], np.hypot(below[:, 0], below[:, 2]))
    limit = np.interp(np.arctan2(rays[:, 0], rays[:, 2]), azimuth, elevation)
    ok = np.arcsin(np.clip(rays[:, 1], -1, 1)) > limit + 0.03
    for hole in holes:
        ok &= ~_within(rays, hole)
    rays = rays[ok]
    points = march(np.tile(ORIGIN, (len(rays), 1)), rays)
    size = _size(points)
    ok = points[:, 0] > 0.5 * size
    points, size = points[ok], size[ok]
    taken = np.concatenate([fixed, np.empty((len(points), 3))])
    filled = len(fixed)
    for p, h in zip(points, size, strict=True):
        near = taken[:filled] - p
        if np.min(np.einsum("ij,ij->i", near, near)) > (0.80 * h) ** 2:
            taken[filled] = p
            filled += 1
    return taken[len(fixed) : filled]


def _within(rays: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """True for directions inside a closed ring of directions, in the gnomonic projection about the ring's middle."""
    axis = polygon.mean(axis=0) / np.linalg.norm(polygon.mean(axis=0))
    u = np.cross([0.0, 1.0, 0.0], axis)
    u /= np.linalg.norm(u)
    frame = np.stack([u, np.cross(axis, u)], axis=1)
    flat, ring = (d @ frame / np.maximum(d @ axis, 1e-6)[:, None] for d in (rays, polygon))
    inside = np.zeros(len(rays), bool)
    for a, b in zip(ring, np.roll(ring, -1, axis=0), strict=True):
        crosses = (a[1] > flat[:, 1]) != (b[1] > flat[:, 1])
        rise = b[1] - a[1] if b[1] != a[1] else 1e-12
        inside ^= crosses & (flat[:, 0] < a[0] + (flat[:, 1] - a[1]) / rise * (b[0] - a[0]))
    return inside & (rays @ axis > 0)


class _Half:
    """The left half under construction: vertices and named rows of indices."""

    def __init__(self) -> None:
        self.vertices = np.empty((0, 3))
        self.labels: dict[str, np.ndarray] = {}

    def add(self, points: np.ndarray) -> np.ndarray:
        start = len(self.vertices)
        self.vertices = np.concatenate([self.vertices, points])
        return np.arange(start, len(self.vertices))

    def add_rings(self, name: str, upper: list[np.ndarray], lower: list[np.ndarray], shared: list[int]) -> None:
        """Add rows of vertices above and below; the columns in `shared` belong to both and are added once."""
        tops, bottoms = [], []
        for up, down in zip(upper, lower, strict=True):
            top = self.add(up)
            own = np.ones(len(down), bool)
            own[shared] = False
            bottom = np.empty(len(down), int)
            bottom[own], bottom[~own] = self.add(down[own]), top[~own]
            tops.append(top)
            bottoms.append(bottom)
        self.labels[f"{name}_upper"], self.labels[f"{name}_lower"] = np.array(tops), np.array(bottoms)

    def ring(self, name: str, row: int = -1) -> np.ndarray:
        """One ring as a row of indices: closed for the eye, open for the mouth (from the midline to the midline)."""
        upper, lower = self.labels[f"{name}_upper"][row], self.labels[f"{name}_lower"][row]
        return np.concatenate([upper, lower[::-1][1:]])


def _rays(points: np.ndarray) -> np.ndarray:
    d = points - ORIGIN
    return d / np.linalg.norm(d, axis=1, keepdims=True)


def _hull(half: _Half, free: np.ndarray, holes: list[np.ndarray]) -> np.ndarray:
    """Triangles over the `free` vertices (outer rings, midline, scattered, neck loop) and their mirror images."""
    from scipy.spatial import ConvexHull

    rays = _rays(half.vertices[free])
    side = np.flatnonzero(rays[:, 0] > 1e-6)
    both = np.concatenate([rays, rays[side] * [-1, 1, 1]])
    tri = ConvexHull(both).simplices.astype(int)
    tri = np.concatenate([tri[(tri < len(free)).all(axis=1)], _straddled(tri, rays[:, 0] > 1e-6, len(free))])
    a, b, c = (both[tri[:, k]] for k in range(3))
    turned = np.einsum("ij,ij->i", np.cross(b - a, c - a), a) < 0
    tri[turned] = tri[turned][:, ::-1]
    keep = np.ones(len(tri), bool)
    for hole in holes:
        on = np.isin(free, hole)
        keep &= ~on[tri].all(axis=1)
    tri = tri[keep]
    # the order of the triangles must not depend on the library
    tri = np.array([np.roll(t, -int(np.argmin(t))) for t in tri])
    return free[tri[np.lexsort(tri.T[::-1])]]


def _flipped(v: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """The triangles with edges flipped until no opposite angles sum to over 180 degrees: Delaunay on the surface.

    The Delaunay triangulation of directions has slivers where the surface is at a grazing angle to the directions.
    """
    triangles = triangles.copy()
    for _ in range(30):
        ends = np.concatenate([triangles[:, [1, 2]], triangles[:, [2, 0]], triangles[:, [0, 1]]])
        owner, tip = np.tile(np.arange(len(triangles)), 3), triangles.T.ravel()
        edges, at, uses = np.unique(np.sort(ends, axis=1), axis=0, return_inverse=True, return_counts=True)
        order = np.argsort(at, kind="stable")
        first = np.cumsum(uses) - uses
        inner = np.flatnonzero(uses == 2)
        one, two = order[first[inner]], order[first[inner] + 1]
        (i, j), a, b = ends[one].T, tip[one], tip[two]
        angles = _angle(v, a, i, j) + _angle(v, b, i, j)
        bad = np.flatnonzero(angles > np.pi + 1e-3)
        known = {(int(p), int(q)) for p, q in edges}
        touched = np.zeros(len(triangles), bool)
        flips = 0
        for k in bad[np.argsort(-angles[bad], kind="stable")].tolist():
            pair = owner[one[k]], owner[two[k]]
            made = np.array([[a[k], i[k], b[k]], [b[k], j[k], a[k]]])
            new = (int(min(a[k], b[k])), int(max(a[k], b[k])))
            if touched[list(pair)].any() or new in known or not _alike(v, triangles[list(pair)], made):
                continue
            triangles[list(pair)] = made
            touched[list(pair)] = True
            known.add(new)
            flips += 1
        if not flips:
            break
    return triangles


def _angle(v: np.ndarray, at: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    p, q = v[i] - v[at], v[j] - v[at]
    return np.arctan2(np.linalg.norm(np.cross(p, q), axis=1), np.einsum("ij,ij->i", p, q))


def _alike(v: np.ndarray, old: np.ndarray, new: np.ndarray) -> bool:
    """Whether both new triangles face the same way as the old ones."""
    before, after = (np.cross(v[t[:, 1]] - v[t[:, 0]], v[t[:, 2]] - v[t[:, 0]]) for t in (old, new))
    return bool((after @ before.sum(axis=0) > 0).all())


def _straddled(triangles: np.ndarray, left: np.ndarray, count: int) -> np.ndarray:
    """Left halves (middle, left, middle) of the quads whose diagonal crosses the symmetry plane."""
    ends: dict[int, list[int]] = {}
    for corners in triangles[(triangles >= count).any(axis=1)].tolist():
        own = [c for c in corners if c < count and left[c]]
        middle = [c for c in corners if c < count and not left[c]]
        if len(own) == len(middle) == 1:
            ends.setdefault(own[0], []).extend(middle)
    return np.array([[pair[0], own, pair[1]] for own, pair in ends.items() if len(pair) == 2], int).reshape(-1, 3)


def _relax(half: _Half, triangles: np.ndarray, free: np.ndarray, rounds: int) -> None:
    """Even out the triangles: free vertices step to the mean of their neighbours, then back onto the skin."""
    from scipy.sparse import csr_matrix

    count = len(half.vertices)
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    edges = np.unique(np.concatenate([edges, edges[:, ::-1]]), axis=0)
    near = csr_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(count, count))
    degree = np.maximum(np.asarray(near.sum(axis=1)).ravel(), 1)
    middle = half.vertices[:, 0] == 0.0
    for _ in range(rounds):
        step = near @ half.vertices / degree[:, None] - half.vertices
        moved = half.vertices[free] + 0.5 * step[free]
        moved[middle[free], 0] = 0.0
        moved = settle(moved)
        moved[middle[free], 0] = 0.0
        half.vertices[free] = np.round(moved, 6)  # rounding gives all machines the same result


def make_skin() -> Piece:
    """The skin with mouth cavity and insides of the lids; labels have the rings' rows (left side, inner to outer)."""
    half = _Half()
    half.add_rings("eye", *eye_rings(), shared=[0, -1])
    half.add_rings("mouth", *mouth_rings(), shared=[-1])
    first = march(np.tile(ORIGIN, (NECK_STEPS + 1, 1)), _rays(_loop(_FIRST_LOOP)))
    first[[0, -1], 0] = 0.0
    rows = [first]
    last, bend = _loop(_LAST_LOOP), _loop(((0, -104, 8), (36, -104, -26), (0, -104, -74)))
    for s in np.linspace(0, 1, 9)[1:]:
        row = settle((1 - s) ** 2 * first + 2 * s * (1 - s) * bend + s**2 * last)
        row[[0, -1], 0] = 0.0
        rows.append(row)
    half.labels["neck"] = np.array([half.add(row) for row in rows])
    eye, mouth, loop = half.ring("eye")[:-1], half.ring("mouth"), half.labels["neck"][0]
    v = half.vertices
    over, under = _midline(v[mouth[0]], v[loop[-1]]), _midline(v[mouth[-1]], v[loop[0]])
    middle = np.concatenate([half.add(over[~beside_creases(over)]), half.add(under)])
    outer = np.concatenate([eye, mouth, loop, middle, half.add(crease_points())])
    mouth_ring = np.concatenate([v[mouth], v[mouth[1:-1]][::-1] * [-1, 1, 1]])
    scattered = half.add(_scatter(half.vertices[outer], v[loop], [_rays(v[eye]), _rays(mouth_ring)]))
    free = np.concatenate([outer, scattered])
    loose = np.concatenate([middle, scattered])
    neck = grid(half.labels["neck"])
    for rounds in (6, 5):
        hull = _hull(half, free, [eye, mouth, loop])
        _relax(half, np.concatenate([hull, neck]), loose, rounds)
    hull = _hull(half, free, [eye, mouth, loop])
    neck = _facing(half.vertices, neck, np.array([0.0, -130, -32]))
    hull = _flipped(half.vertices, hull)
    _relax(half, np.concatenate([hull, neck]), np.concatenate([half.labels["neck"][:-1].ravel(), loose]), 6)
    hull = _flipped(half.vertices, hull)
    return _mirrored(half, np.concatenate([hull, neck, *_strips(half)]))


def _strips(half: _Half) -> list[np.ndarray]:
    upper, lower = half.labels["eye_upper"], half.labels["eye_lower"]
    lids = [_facing(half.vertices, grid(rows), EYE_CENTRE, grid(rows[-4:])) for rows in (upper, lower)]
    upper, lower = half.labels["mouth_upper"], half.labels["mouth_lower"]
    inside = np.array([0.0, -58.0, 30.0])
    lips = [_facing(half.vertices, grid(rows), inside, grid(rows[-4:])) for rows in (upper, lower)]
    throat = _facing(half.vertices, grid(np.array([upper[0], lower[0]])), np.array([0.0, -60.0, 0.0]))
    return [*lids, *lips, throat]


def _facing(v: np.ndarray, triangles: np.ndarray, centre: np.ndarray, judge: np.ndarray | None = None) -> np.ndarray:
    """The triangles, reversed if `judge` (a part of the same strip) faces `centre`."""
    a, b, c = (v[(triangles if judge is None else judge)[:, k]] for k in range(3))
    outward = np.einsum("ij,ij->i", np.cross(b - a, c - a), a - centre).sum()
    return triangles if outward > 0 else triangles[:, ::-1]


def _mirrored(half: _Half, triangles: np.ndarray) -> Piece:
    """Both halves, welded on the symmetry plane."""
    v = half.vertices
    # the lips' midline columns belong to the plane as well
    for side in ("upper", "lower"):
        v[half.labels[f"mouth_{side}"][:, 0], 0] = 0.0
    used = np.zeros(len(v), bool)
    used[triangles.ravel()] = True
    assert used.all(), f"{(~used).sum()} unused vertices"
    own = np.flatnonzero(v[:, 0] != 0.0)
    other = np.arange(len(v))
    other[own] = len(v) + np.arange(len(own))
    mirror = np.concatenate([other, own])
    vertices = np.concatenate([v, v[own] * [-1, 1, 1]])
    return Piece(
        name="skin",
        vertices=vertices,
        triangles=np.concatenate([triangles, other[triangles][:, ::-1]]),
        mirror=mirror,
        color=(0.96, 0.76, 0.64),
        tint=np.ones((len(vertices), 3)),
        roughness=0.55,
        labels=half.labels,
        sheets=_sheets(half.labels, mirror),
    )


def _sheets(labels: dict[str, np.ndarray], mirror: np.ndarray) -> list[Sheet]:
    """The sheets of the skin that is not visible from inside the head: neck, mouth cavity, throat, insides of lids."""
    neck = labels["neck"]  # from the front to the back; the tube is cut at the back
    around = np.concatenate([mirror[neck[:, ::-1]], neck[:, 1:-1]], axis=1)
    across = {
        s: np.concatenate([mirror[rows[:, ::-1]], rows[:, 1:]], axis=1)
        for s in ("upper", "lower")
        for rows in [labels[f"mouth_{s}"]]
    }
    inside = [Sheet(rows=rows[: CONTACT + 1]) for rows in across.values()]
    lids = [rows[:5] for s in ("upper", "lower") for rows in (labels[f"eye_{s}"], mirror[labels[f"eye_{s}"]])]
    throat = np.stack([across["upper"][0], across["lower"][0]])
    return [Sheet(rows=around, closed=True), *inside, Sheet(rows=throat), *(Sheet(rows=rows) for rows in lids)]
