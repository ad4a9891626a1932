"""Coarser meshes by quadric edge collapse, and the matrices that transfer values between the fine and coarse mesh.

The order of collapses follows Garland & Heckbert 1997. As in Ranjan et al. 2018 (CoMA, section 3.2) a collapse ends on
one of its two vertices, so the coarse vertices are a subset of the fine ones ("down" selects them), and "up" gives each
removed vertex barycentric weights on the coarse triangle nearest to it. Unlike in CoMA, that triangle is searched only
around the vertex that it collapsed into: where lips touch, the nearest triangle of all is on the other lip.
"""

import heapq
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

__all__ = ["Decimated", "Up", "closest_on_triangles", "decimate", "up_matrix", "upsampling"]

_BOUNDARY = 10.0
"""Weight of the planes that keep open borders (lips, lids, neck) in place against that of the surface."""
_FLIP = 0.1
"""Least cosine between a triangle's normals before and after a collapse."""
_EVENNESS = 1e-4
"""Share of squared edge length in the cost: on flat regions, where all quadrics are zero, short edges go first."""

Point = tuple[float, float, float]
Quadric = tuple[float, ...]
"""Upper triangle of a symmetric 4 x 4 matrix, row by row."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Decimated:
    """A coarser mesh whose vertices are some of the original ones."""

    kept: Int[np.ndarray, "N"]
    """Fine index of each coarse vertex, ascending: values go down by `fine[kept]`."""
    triangles: Int[np.ndarray, "G 3"]
    """In coarse indices."""
    owner: Int[np.ndarray, "V"]
    """Coarse vertex that each fine vertex collapsed into."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Up:
    """Barycentric interpolation of values to the fine mesh: `(coarse[index] * weight[..., None]).sum(1)`."""

    index: Int[np.ndarray, "V 3"]
    """Coarse vertices."""
    weight: Float[np.ndarray, "V 3"]
    """Barycentric: not negative, rows sum to 1; kept vertices have their own weight 1."""


def decimate(
    vertices: Float[np.ndarray, "V 3"],
    triangles: Int[np.ndarray, "F 3"],
    target: int,
    *,
    keep: Int[np.ndarray, "K"] | None = None,
    evenness: float = _EVENNESS,
) -> Decimated:
    """Collapse edges until `target` vertices are left; deterministic. The vertices of `keep` are never removed.

    `evenness` is the share of squared edge length in the cost of a collapse: the larger, the more equal the triangles.

    The surface keeps its topology, borders stay borders and no triangle flips, as long as `target` allows. Parts too
    small for `target` (a tooth, a row of lashes) are removed whole: each of their vertices is assigned to the nearest
    vertex of a larger part. Raises ValueError when `target` is not in 1..V.
    """
    if not 1 <= target <= len(vertices):
        raise ValueError(f"cannot keep {target} of {len(vertices)} vertices")
    vertices = np.asarray(vertices, np.float64)
    # Costs lose precision far from the origin.
    mesh = _Collapsing(vertices - vertices.mean(axis=0), np.asarray(triangles))
    mesh.evenness = evenness
    mesh.pinned = frozenset() if keep is None else frozenset(keep.tolist())
    mesh.absorb(*_small_parts(np.asarray(triangles), len(vertices), target))
    mesh.reduce(target)
    if mesh.alive > target and not mesh.pinned:
        mesh.merge(target)
    kept = np.array([v for v in range(len(vertices)) if mesh.into[v] == v], np.int64)
    new = np.full(len(vertices), -1, np.int64)
    new[kept] = np.arange(len(kept))
    owner = new[[mesh.root(v) for v in range(len(vertices))]]
    left = np.array([mesh.faces[f] for f in sorted(mesh.faces)], np.int64).reshape(-1, 3)
    return Decimated(kept=kept, triangles=new[left], owner=owner)


def upsampling(vertices: Float[np.ndarray, "V 3"], coarse: Decimated) -> Up:
    """Barycentric weights of every fine vertex on the nearest coarse triangle within two rings of its owner."""
    vertices = np.asarray(vertices, np.float64)
    count = len(coarse.kept)
    around = _triangles_around(coarse.triangles, count)
    index = np.repeat(coarse.owner[:, None], 3, axis=1)
    weight = np.zeros((len(vertices), 3))
    weight[:, 0] = 1.0
    corners = vertices[coarse.kept][coarse.triangles] if len(coarse.triangles) else np.zeros((0, 3, 3))
    for size in np.unique([len(a) for a in around]):
        owners = np.array([c for c in range(count) if len(around[c]) == size])
        rows = np.flatnonzero(np.isin(coarse.owner, owners))
        if not size or not len(rows):
            continue
        candidates = np.stack([around[c] for c in coarse.owner[rows]])
        barycentric = closest_on_triangles(vertices[rows][:, None], corners[candidates])
        points = np.einsum("rkc,rkcd->rkd", barycentric, corners[candidates])
        best = np.linalg.norm(points - vertices[rows][:, None], axis=2).argmin(axis=1)
        at = np.arange(len(rows))
        index[rows], weight[rows] = coarse.triangles[candidates[at, best]], barycentric[at, best]
    index[coarse.kept] = np.arange(count)[:, None]
    weight[coarse.kept] = (1.0, 0.0, 0.0)
    return Up(index=index, weight=weight)


def up_matrix(up: Up, coarse: int) -> Float[np.ndarray, "V N"]:
    """The weights `up` as a dense matrix, for tests and small meshes."""
    matrix = np.zeros((len(up.index), coarse))
    np.add.at(matrix, (np.arange(len(up.index))[:, None], up.index), up.weight)
    return matrix


def closest_on_triangles(
    points: Float[np.ndarray, "*batch 3"], corners: Float[np.ndarray, "*batch 3 3"]
) -> Float[np.ndarray, "*batch 3"]:
    """Barycentric weights of the point on each triangle that is nearest to the query point of the same row.

    The projection onto the plane where it lies inside, else the best of the three edges; a triangle without area is its
    three edges.
    """
    a, b, c = (corners[..., k, :] for k in range(3))
    ab, ac, ap = b - a, c - a, points - a
    d00, d01, d11 = _dot(ab, ab), _dot(ab, ac), _dot(ac, ac)
    d20, d21 = _dot(ap, ab), _dot(ap, ac)
    area = d00 * d11 - d01 * d01
    flat = area <= 1e-12 * np.maximum(d00 * d11, np.finfo(float).tiny)
    safe = np.where(flat, 1.0, area)
    v, w = (d11 * d20 - d01 * d21) / safe, (d00 * d21 - d01 * d20) / safe
    inside = ~flat & (v >= 0) & (w >= 0) & (v + w <= 1)
    best = np.stack(np.broadcast_arrays(1 - v - w, v, w), axis=-1)
    nearest = np.where(inside, -1.0, np.inf)
    for k in range(3):
        start, end = corners[..., k, :], corners[..., (k + 1) % 3, :]
        along = end - start
        t = np.clip(_dot(points - start, along) / np.maximum(_dot(along, along), np.finfo(float).tiny), 0.0, 1.0)
        distance = np.linalg.norm(start + t[..., None] * along - points, axis=-1)
        edge = np.zeros_like(best)
        edge[..., k], edge[..., (k + 1) % 3] = 1 - t, t
        closer = distance < nearest
        best = np.where(closer[..., None], edge, best)
        nearest = np.where(closer, distance, nearest)
    return best


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a * b).sum(-1)


def _triangles_around(triangles: np.ndarray, count: int) -> list[np.ndarray]:
    """Triangles that touch a vertex or one of its neighbours, per vertex."""
    touching: list[set[int]] = [set() for _ in range(count)]
    for f, corners in enumerate(triangles.tolist()):
        for v in corners:
            touching[v].add(f)
    faces = triangles.tolist()
    wide = [sorted({g for f in touching[v] for u in faces[f] for g in touching[u]}) for v in range(count)]
    return [np.array(w, np.int64) for w in wide]


class _Collapsing:
    """The mesh during decimation."""

    def __init__(self, vertices: np.ndarray, triangles: np.ndarray) -> None:
        self.points: list[Point] = [(x, y, z) for x, y, z in vertices.tolist()]
        self.faces: dict[int, tuple[int, int, int]] = {f: (a, b, c) for f, (a, b, c) in enumerate(triangles.tolist())}
        self.touching: list[set[int]] = [set() for _ in self.points]
        self.near: list[set[int]] = [set() for _ in self.points]
        for f, (a, b, c) in self.faces.items():
            for v, u, w in ((a, b, c), (b, c, a), (c, a, b)):
                self.touching[v].add(f)
                self.near[v].update((u, w))
        self.pinned: frozenset[int] = frozenset()
        self.evenness = _EVENNESS
        self.alive = len(self.points)
        self.into = list(range(self.alive))
        self.stamp = [0] * self.alive
        self.quadrics, self.area = _quadrics(vertices, triangles)

    def root(self, v: int) -> int:
        """The vertex that `v` has been collapsed into so far; `v` itself if none."""
        while self.into[v] != v:
            self.into[v] = self.into[self.into[v]]
            v = self.into[v]
        return v

    def absorb(self, parts: list[np.ndarray], others: np.ndarray) -> None:
        """Remove whole parts; each of their vertices is assigned to the nearest of `others`."""
        from scipy.spatial import KDTree

        points = np.array(self.points)
        tree = KDTree(points[others])
        for members in parts:
            for u, at in zip(members.tolist(), np.atleast_1d(tree.query(points[members])[1]).tolist(), strict=True):
                for f in self.touching[u]:
                    self.faces.pop(f, None)
                self.touching[u], self.near[u] = set(), set()
                self.into[u] = int(others[at])
                self.alive -= 1

    def reduce(self, target: int) -> None:
        """Collapse the cheapest allowed edge until `target` vertices are left or none is allowed."""
        heap = [self._entry(u, v) for u in range(len(self.points)) for v in self.near[u]]
        heapq.heapify(heap)
        while self.alive > target and heap:
            _, u, v, stamp = heapq.heappop(heap)
            if stamp != self.stamp[u] + self.stamp[v] or self.into[u] != u or self.into[v] != v:
                continue
            if not self._allowed(u, v):
                continue
            self._collapse(u, v)
            self.stamp[v] += 1
            for w in self.near[v]:
                heapq.heappush(heap, self._entry(v, w))
                heapq.heappush(heap, self._entry(w, v))

    def merge(self, target: int) -> None:
        """Collapse without regard to topology, least area times squared distance first; parts join others."""
        while self.alive > target:
            left = [v for v in range(len(self.points)) if self.into[v] == v]
            points = np.array([self.points[v] for v in left])
            place = {v: i for i, v in enumerate(left)}
            best = (np.inf, -1, -1)
            for i, u in enumerate(left):
                apart = ((points - points[i]) ** 2).sum(axis=1)
                apart[i] = np.inf
                near = [place[w] for w in sorted(self.near[u])]
                j = min(near, key=apart.__getitem__) if near else int(apart.argmin())
                best = min(best, (self.area[u] * float(apart[j]), u, left[j]))
            self._collapse(best[1], best[2])

    def _entry(self, u: int, v: int) -> tuple[float, int, int, int]:
        # Ties are broken by the vertex number: costs are rarely equal, and the same mesh must give the same result.
        x, y, z = self.points[v]
        a, b, c = self.points[u]
        squared = (a - x) ** 2 + (b - y) ** 2 + (c - z) ** 2
        cost = _evaluate(self.quadrics[u], x, y, z) + _evaluate(self.quadrics[v], x, y, z)
        cost = max(cost, 0.0) + self.evenness * squared * (self.area[u] + self.area[v])
        return cost, u, v, self.stamp[u] + self.stamp[v]

    def _allowed(self, u: int, v: int) -> bool:
        if u in self.pinned:
            return False
        shared = self.touching[u] & self.touching[v]
        common = self.near[u] & self.near[v]
        if len(common) != len(shared) or not 1 <= len(shared) <= 2:
            return False  # the link condition (Dey et al. 1999); a collapse that breaks it would pinch the surface
        if self._on_border(u) and not (len(shared) == 1 and self._on_border(v)):
            return False
        rest = self.touching[u] - shared
        # The remaining mesh must be a surface: an open part ends as a triangle, a closed one as a tetrahedron.
        if not rest and self.touching[v] == shared:
            return False
        if len(shared) == 2 and len(self.near[u] | self.near[v]) <= 4:
            return False
        return all(self._keeps_facing(f, u, v) for f in rest)

    def _on_border(self, v: int) -> bool:
        return len(self.near[v]) != len(self.touching[v])

    def _keeps_facing(self, f: int, u: int, v: int) -> bool:
        a, b, c = self.faces[f]
        n = _normal(self.points[a], self.points[b], self.points[c])
        m = _normal(*(self.points[v if w == u else w] for w in (a, b, c)))
        inner = n[0] * m[0] + n[1] * m[1] + n[2] * m[2]
        squares = (n[0] * n[0] + n[1] * n[1] + n[2] * n[2]) * (m[0] * m[0] + m[1] * m[1] + m[2] * m[2])
        return inner > _FLIP * squares**0.5

    def _collapse(self, u: int, v: int) -> None:
        kept = {frozenset(self.faces[f]) for f in self.touching[v] - self.touching[u]}
        for f in sorted(self.touching[u]):
            a, b, c = (v if w == u else w for w in self.faces[f])
            for w in self.faces[f]:
                if w != u:
                    self.touching[w].discard(f)
            if len({a, b, c}) < 3 or frozenset((a, b, c)) in kept:
                del self.faces[f]
                continue
            kept.add(frozenset((a, b, c)))
            self.faces[f] = (a, b, c)
            for w in (a, b, c):
                self.touching[w].add(f)
        for w in self.near[u]:
            self.near[w].discard(u)
            if w != v:
                self.near[w].add(v)
                self.near[v].add(w)
        self.touching[u], self.near[u] = set(), set()
        self.into[u] = v
        self.quadrics[v] = tuple(a + b for a, b in zip(self.quadrics[u], self.quadrics[v], strict=True))
        self.area[v] += self.area[u]
        self.alive -= 1


def _small_parts(triangles: np.ndarray, count: int, target: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Parts whose share of `target` is below a tetrahedron (the largest part never is), and all other vertices."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components

    first, second = triangles[:, [0, 1]].reshape(-1), triangles[:, [1, 2]].reshape(-1)
    graph = csr_matrix((np.ones(len(first)), (first, second)), shape=(count, count))
    number, label = connected_components(graph, directed=False)
    sizes = np.bincount(label)
    small = sizes * target < 4 * count
    small[sizes.argmax()] = False
    parts = [np.flatnonzero(label == k) for k in range(number) if small[k]]
    return parts, np.flatnonzero(~small[label])


def _normal(a: Point, b: Point, c: Point) -> Point:
    ux, uy, uz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    vx, vy, vz = c[0] - a[0], c[1] - a[1], c[2] - a[2]
    return uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx


def _evaluate(q: Quadric, x: float, y: float, z: float) -> float:
    """Weighted squared distance [unit^4] of a point from the planes of `q`."""
    xx, xy, xz, x1, yy, yz, y1, zz, z1, one = q
    return (xx * x + 2 * (xy * y + xz * z + x1)) * x + (yy * y + 2 * (yz * z + y1)) * y + (zz * z + 2 * z1) * z + one


def _quadrics(vertices: np.ndarray, triangles: np.ndarray) -> tuple[list[Quadric], list[float]]:
    """Quadrics of area-weighted planes and border walls (10 numbers, upper triangle) and areas, per vertex."""
    corners = vertices[triangles]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(normal, axis=1) / 2
    unit = normal / np.maximum(2 * area, np.finfo(float).tiny)[:, None]
    planes = [(unit, corners[:, 0], area / 3, triangles)]
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    face = np.tile(np.arange(len(triangles)), 3)
    _, inverse, counts = np.unique(np.sort(edges, axis=1), axis=0, return_inverse=True, return_counts=True)
    border = counts[inverse.reshape(-1)] == 1
    if border.any():
        along = vertices[edges[border, 1]] - vertices[edges[border, 0]]
        wall = np.cross(along, unit[face[border]])
        length = np.linalg.norm(wall, axis=1)
        wall = wall / np.maximum(length, np.finfo(float).tiny)[:, None]
        planes.append((wall, vertices[edges[border, 0]], _BOUNDARY * length**2, edges[border]))
    total = np.zeros((len(vertices), 10))
    for n, on, weight, members in planes:
        four = np.concatenate([n, -(n * on).sum(1, keepdims=True)], axis=1)
        upper = np.stack([four[:, i] * four[:, j] for i in range(4) for j in range(i, 4)], axis=1) * weight[:, None]
        for k in range(members.shape[1]):
            np.add.at(total, members[:, k], upper)
    size = np.bincount(triangles.reshape(-1), np.repeat(area / 3, 3), minlength=len(vertices))
    return [tuple(q) for q in total.tolist()], size.tolist()
