"""A separately modelled, mirror-symmetric piece of the head."""

from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float, Int

__all__ = ["Piece", "Sheet", "grid", "mirror_by_position", "ring_strip"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Sheet:
    """Rows of vertices whose triangles unroll into a flat island of the texture: a strip, a tube, or a disc."""

    rows: Int[np.ndarray, "R N"]
    """Vertex indices of each row; a row that repeats one vertex is a point."""
    closed: bool = False
    """Whether the last column is connected to the first: a tube, which is cut open there."""
    polar: bool = False
    """Whether the closed rows are circles around the first row: a disc."""
    triangles: tuple[int, int] | None = None
    """Range of the piece's triangles to search for those of the sheet, needed when two sheets share their vertices."""

    def shifted(self, vertices: int, triangles: int) -> "Sheet":
        """The same sheet with indices increased by numbers of vertices and triangles."""
        run = self.triangles and (self.triangles[0] + triangles, self.triangles[1] + triangles)
        return replace(self, rows=self.rows + vertices, triangles=run)


@dataclass(kw_only=True)
class Piece:
    """Vertices, triangles and colours of one piece, with each vertex's partner in the mirror image x -> -x."""

    name: str
    vertices: Float[np.ndarray, "V 3"]
    """Vertex positions [mm]."""
    triangles: Int[np.ndarray, "F 3"]
    mirror: Int[np.ndarray, "V"]
    color: tuple[float, float, float]
    """Base colour, sRGB in [0, 1]."""
    tint: Float[np.ndarray, "V 3"]
    """Factor on the base colour."""
    roughness: float = 0.6
    labels: dict[str, np.ndarray] = field(default_factory=dict[str, np.ndarray])
    """Named vertex indices: the rows of structured rings, in order."""
    sheets: list[Sheet] = field(default_factory=list[Sheet])
    """The sheets that unroll for the texture; other triangles are projected from the front (of the skin, from inside
    the head)."""


def ring_strip(a: Int[np.ndarray, "N"], b: Int[np.ndarray, "N"], *, closed: bool = False) -> Int[np.ndarray, "F 3"]:
    """Triangles between two rows of vertices, facing the side from which b lies to the left of a along the rows."""
    if closed:
        a, b = np.append(a, a[0]), np.append(b, b[0])
    quads = np.stack([a[:-1], a[1:], b[1:], b[:-1]], axis=1)
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    keep = (triangles[:, 0] != triangles[:, 1]) & (triangles[:, 1] != triangles[:, 2])
    return triangles[keep & (triangles[:, 0] != triangles[:, 2])]


def grid(rows: Int[np.ndarray, "R N"], *, closed: bool = False) -> Int[np.ndarray, "F 3"]:
    """Triangles over a grid of vertex indices; `closed` joins the last column to the first."""
    return np.concatenate([ring_strip(rows[i], rows[i + 1], closed=closed) for i in range(len(rows) - 1)])


def mirror_by_position(vertices: Float[np.ndarray, "V 3"]) -> Int[np.ndarray, "V"]:
    """The index of the vertex at each vertex's mirrored position, for pieces without coincident vertices."""
    from scipy.spatial import KDTree

    distance, at = KDTree(vertices).query(vertices * [-1, 1, 1])
    if np.max(distance) > 1e-3 or len(np.unique(at)) != len(vertices):
        raise AssertionError(f"not symmetric: {np.max(distance):.4f} mm")
    return np.asarray(at)
