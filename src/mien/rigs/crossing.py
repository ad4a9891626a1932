"""Intersections of two surfaces: pairs of crossing triangles, and their depth."""

import numpy as np
from jaxtyping import Bool, Float, Int

__all__ = ["crossings"]

_TOUCH = 1e-9
"""Barycentric tolerance [-]: edges that only touch a triangle do not cross it."""


def crossings(
    vertices: Float[np.ndarray, "V 3"], first: Int[np.ndarray, "A 3"], second: Int[np.ndarray, "B 3"]
) -> tuple[Int[np.ndarray, "N 2"], Float[np.ndarray, "N"]]:
    """Pairs (row of `first`, row of `second`) of triangles that cross, and the depths of the crossings [mm].

    Two triangles cross when an edge of one passes through the other (Moeller & Trumbore 1997). The depth is the smaller
    of the distances by which each triangle reaches behind the other's plane. Triangles with a common vertex and
    coplanar triangles are left out.
    """
    v = np.asarray(vertices, float)
    a, b = v[first], v[second]
    low_a, high_a, low_b, high_b = a.min(axis=1), a.max(axis=1), b.min(axis=1), b.max(axis=1)
    near = np.ones((len(a), len(b)), bool)
    for k in range(3):
        near &= (low_a[:, None, k] <= high_b[None, :, k]) & (high_a[:, None, k] >= low_b[None, :, k])
    i, j = np.nonzero(near)
    apart = (first[i][:, :, None] != second[j][:, None, :]).all(axis=(1, 2))
    i, j = i[apart], j[apart]
    hit = np.zeros(len(i), bool)
    for k in range(3):
        hit |= _pierces(a[i, k], a[i, (k + 1) % 3], b[j]) | _pierces(b[j, k], b[j, (k + 1) % 3], a[i])
    i, j = i[hit], j[hit]
    return np.stack([i, j], axis=1), np.minimum(_behind(a[i], b[j]), _behind(b[j], a[i]))


def _behind(points: np.ndarray, triangle: np.ndarray) -> Float[np.ndarray, "N"]:
    """Largest distance of each row's points behind the plane of the row's triangle."""
    normal = np.cross(triangle[:, 1] - triangle[:, 0], triangle[:, 2] - triangle[:, 0])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    level = np.einsum("npd,nd->np", points - triangle[:, :1], normal)
    return np.maximum(-level.min(axis=1, initial=0.0), 0.0)


def _pierces(start: np.ndarray, end: np.ndarray, triangle: np.ndarray) -> Bool[np.ndarray, "N"]:
    """Whether the segment passes through the interior of the triangle, row by row."""
    along = end - start
    e, f = triangle[:, 1] - triangle[:, 0], triangle[:, 2] - triangle[:, 0]
    across = np.cross(along, f)
    scale = np.einsum("nd,nd->n", e, across)
    slanted = np.abs(scale) > 1e-12
    inverse = 1 / np.where(slanted, scale, 1.0)
    from_corner = start - triangle[:, 0]
    u = inverse * np.einsum("nd,nd->n", from_corner, across)
    turned = np.cross(from_corner, e)
    w = inverse * np.einsum("nd,nd->n", along, turned)
    t = inverse * np.einsum("nd,nd->n", f, turned)
    inside = (u > _TOUCH) & (w > _TOUCH) & (u + w < 1 - _TOUCH)
    return slanted & inside & (t > _TOUCH) & (t < 1 - _TOUCH)
