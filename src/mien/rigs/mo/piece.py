"""A separately modelled, mirror-symmetric piece of the head."""

from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float, Int

__all__ = ["Piece", "Sheet", "grid", "mirror_by_position", "ring_strip"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Sheet:
    """Rows of vertices whose triangles unroll flat: a strip, a tube, or a disc. An island of the texture."""

    rows: Int[np.ndarray, "R N"]
    """A row of one vertex repeated is a point."""
    closed: bool = False
    """The last column meets the first: a tube, cut open there."""
    polar: bool = False
    """Closed rows are circles around the first one."""
    triangles: tuple[int, int] | None = None
    """Run of the piece's triangles; all of them when two sides do not share their vertices."""

    def shifted(self, vertices: int, triangles: int) -> "Sheet":
        """The same sheet of a piece that comes after so many vertices and triangles."""
        run = self.triangles and (self.triangles[0] + triangles, self.triangles[1] + triangles)
        return replace(self, rows=self.rows + vertices, triangles=run)


@dataclass(kw_only=True)
class Piece:
    """Vertices, triangles and colours of one piece, with the vertex each vertex becomes in the mirror x -> -x."""

    name: str
    vertices: Float[np.ndarray, "V 3"]
    """[mm]."""
    triangles: Int[np.ndarray, "F 3"]
    mirror: Int[np.ndarray, "V"]
    color: tuple[float, float, float]
    """Base colour, sRGB."""
    tint: Float[np.ndarray, "V 3"]
    """Multiplies the base colour."""
    roughness: float = 0.6
    labels: dict[str, np.ndarray] = field(default_factory=dict[str, np.ndarray])
    """Named vertex indices: the rows of structured rings, in order."""
    sheets: list[Sheet] = field(default_factory=list[Sheet])
    """How it unrolls for the texture; triangles on none are taken as seen from the front (skin: from within)."""


def ring_strip(a: Int[np.ndarray, "N"], b: Int[np.ndarray, "N"], *, closed: bool = False) -> Int[np.ndarray, "F 3"]:
    """Triangles between two rows of vertices; seen from the side where a -> b runs to the left of the row's sense."""
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
    """The vertex at each vertex's mirrored position; for pieces without coincident vertices."""
    from scipy.spatial import KDTree

    distance, at = KDTree(vertices).query(vertices * [-1, 1, 1])
    if np.max(distance) > 1e-3 or len(np.unique(at)) != len(vertices):
        raise AssertionError(f"not symmetric: {np.max(distance):.4f} mm")
    return np.asarray(at)
