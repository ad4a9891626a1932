"""Contact of the lips: which vertices of one lip lie opposite which triangles of the other."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from mien.physics.energies.surface_contact import SurfaceContact
from mien.physics.face.mesh import FaceMesh
from mien.rigs.decimate import closest_on_triangles

__all__ = ["Lips", "find_lips"]

_BAND = 16.0
"""Width of the lips, from their inner edge over the skin [mm]."""
_NEAR = 6.0
"""Vertices farther than this from the other lip cannot touch it in one solve [mm]."""
_CANDIDATES = 6
"""Triangles of the other lip that are compared for each vertex, by the distance of their middles."""
_REST_GAP = 0.1
"""A pair that touches at rest begins to push this far below its gap at rest [mm]."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Lips:
    """The skin of both lips."""

    vertices: tuple[Int[np.ndarray, "U"], Int[np.ndarray, "L"]]
    """Simulated vertices of the upper lip, and of the lower."""
    triangles: tuple[Int[np.ndarray, "A 3"], Int[np.ndarray, "B 3"]]
    """Triangles of the upper lip, and of the lower."""

    def contact(
        self, positions: Float[np.ndarray, "N 3"], rest: Float[np.ndarray, "N 3"], stiffness: float
    ) -> SurfaceContact:
        """The pairs at positions: every vertex of a lip that is near the other, with the nearest point there.

        A pair that is nearest to the side of a triangle and not in front of it is left out, as on the corners of the
        mouth, where the lips join.
        """
        from scipy.spatial import KDTree

        index, weights, normals = [], [], []
        for vertices, triangles in zip(self.vertices, reversed(self.triangles), strict=True):
            corners = positions[triangles]
            tree = KDTree(corners.mean(axis=1))
            found = tree.query(positions[vertices], k=_CANDIDATES, distance_upper_bound=3 * _NEAR)[1]
            found = np.where(found < len(triangles), found, 0)
            points = positions[vertices]
            share = closest_on_triangles(points[:, None], corners[found])
            nearest = np.einsum("vkc,vkcd->vkd", share, corners[found])
            apart = np.linalg.norm(points[:, None] - nearest, axis=2)
            best = apart.argmin(axis=1)
            rows = np.arange(len(vertices))
            chosen = found[rows, best]
            a, b, c = (corners[chosen][:, k] for k in range(3))
            normal = np.cross(b - a, c - a)
            normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
            ahead = np.abs(((points - nearest[rows, best]) * normal).sum(1))
            keep = (apart[rows, best] < _NEAR) & (ahead > 0.6 * apart[rows, best])
            index.append(np.column_stack([vertices, triangles[chosen]])[keep])
            weights.append(share[rows, best][keep])
            normals.append(normal[keep])
        every, shares = np.concatenate(index), np.concatenate(weights)
        x = rest[every]
        before = np.cross(x[:, 2] - x[:, 1], x[:, 3] - x[:, 1])
        before /= np.maximum(np.linalg.norm(before, axis=1, keepdims=True), 1e-9)
        gap = ((x[:, 0] - np.einsum("ck,ckd->cd", shares, x[:, 1:])) * before).sum(axis=1)
        return SurfaceContact(
            index=every,
            weights=shares,
            normals=np.concatenate(normals),
            floor=np.minimum(gap - _REST_GAP, 0.0),
            stiffness=stiffness,
        )


def find_lips(mean: Float[np.ndarray, "N 3"], mesh: FaceMesh) -> Lips:
    """The skin within reach of the inner edge of the mouth, divided at its corners, on the mean face."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import dijkstra

    loop = mesh.lips
    left, right = mean[loop, 0].argmax(), mean[loop, 0].argmin()
    first, last = sorted((int(left), int(right)))
    one = loop[first + 1 : last]
    two = np.concatenate([loop[last + 1 :], loop[:first]])
    high, low = (one, two) if mean[one, 1].mean() > mean[two, 1].mean() else (two, one)
    edges = np.concatenate([mesh.triangles[:, [0, 1]], mesh.triangles[:, [1, 2]], mesh.triangles[:, [2, 0]]])
    length = np.linalg.norm(mean[edges[:, 0]] - mean[edges[:, 1]], axis=1)
    graph = coo_matrix((length, (edges[:, 0], edges[:, 1])), shape=(len(mean), len(mean))).tocsr()

    def reach(sources: np.ndarray) -> np.ndarray:
        return np.asarray(dijkstra(graph, directed=False, indices=sources, min_only=True))

    upper, lower = reach(high), reach(low)
    within = np.minimum(upper, lower) < _BAND

    def part(mask: Bool[np.ndarray, "N"]) -> tuple[np.ndarray, np.ndarray]:
        return np.flatnonzero(mask), mesh.triangles[mask[mesh.triangles].all(axis=1)]

    a, b = part(within & (upper < lower - 1.0)), part(within & (lower < upper - 1.0))
    return Lips(vertices=(a[0], b[0]), triangles=(a[1], b[1]))
