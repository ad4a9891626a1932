"""Deforms the skin: some vertices are displaced, some are fixed, and the others follow as a thin plate (biharmonic)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from mien.core.mesh import vertex_normals
from mien.rigs.mo.piece import Piece
from mien.rigs.mo.rings import CONTACT, MOUTH_WIDTH
from mien.rigs.mo.sculpt import gradient, head

__all__ = ["Handles", "Skin", "hump", "ramp"]

Handles = list[tuple[np.ndarray, np.ndarray]]
"""Pairs (vertex indices [N], displacements [N, 3] mm)."""


def ramp(x: np.ndarray, low: float, high: float) -> np.ndarray:
    """Smooth step from 0 at `low` to 1 at `high` (either order)."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def hump(x: np.ndarray, centre: float, width: float) -> np.ndarray:
    """A bell curve of height 1."""
    return np.exp(-(((x - centre) / width) ** 2))


class Skin:
    """The skin with the data that shapes need: rows of both halves of the lips, normals, and the thin plate."""

    def __init__(self, piece: Piece) -> None:
        from scipy.sparse import csr_matrix, diags

        self.v = piece.vertices
        self.mirror = piece.mirror
        self.labels = piece.labels
        self.normals = vertex_normals(self.v, piece.triangles)
        self._factors: dict[bytes, Any] = {}
        count, tri = len(self.v), piece.triangles
        laplace = csr_matrix((count, count))
        mass = np.zeros(count)
        for k in range(3):
            i, j, o = tri[:, k], tri[:, (k + 1) % 3], tri[:, (k + 2) % 3]
            a, b = self.v[i] - self.v[o], self.v[j] - self.v[o]
            area = np.linalg.norm(np.cross(a, b), axis=1)
            cotangent = np.clip(np.einsum("ij,ij->i", a, b) / np.maximum(area, 1e-6), 0.05, 8.0) / 2
            half = csr_matrix((cotangent, (i, j)), shape=(count, count))
            laplace = laplace + half + half.T
            mass += np.bincount(i, area / 6, minlength=count)
        laplace = diags(np.asarray(laplace.sum(axis=1)).ravel()) - laplace
        self._plate = (laplace.T @ diags(1 / np.maximum(mass, 0.05)) @ laplace).tocsc()

    def lips(self, side: str, row: int) -> Int[np.ndarray, "N"]:
        """A whole row of the upper or lower lip, from the right to the left corner."""
        left = self.labels[f"mouth_{side}"][row]
        return np.concatenate([self.mirror[left][::-1], left[1:]])

    def along(self, indices: Int[np.ndarray, "N"]) -> Float[np.ndarray, "N"]:
        """x divided by the mouth's half width: -1 at the right corner, +1 at the left."""
        rest = self.v[self.lips("upper", CONTACT)]
        if len(indices) == len(rest):
            return np.clip(rest[:, 0] / rest[-1, 0], -1, 1)
        return np.clip(self.v[indices, 0] / MOUTH_WIDTH, -1, 1)

    def drag(self, handles: Handles, hold: Bool[np.ndarray, "V"]) -> Float[np.ndarray, "V 3"]:
        """Displacements of all vertices: as given at the handles, zero at `hold`, a thin plate between."""
        from scipy.sparse.linalg import splu

        field = np.zeros_like(self.v)
        fixed = hold.copy()
        for indices, moves in handles:
            field[indices] = moves
            fixed[indices] = True
        free = np.flatnonzero(~fixed)
        known = np.flatnonzero(fixed)
        right = -(self._plate[free][:, known] @ field[known])
        key = fixed.tobytes()
        if key not in self._factors:  # many shapes fix the same vertices
            self._factors[key] = splu(self._plate[free][:, free].tocsc())
        solved = self._factors[key].solve(np.ascontiguousarray(right))
        field[free] = solved
        return field

    def near(self, *spots: tuple[Sequence[float], float]) -> Bool[np.ndarray, "V"]:
        """True within the radius [mm] of any of the spots (centre, radius)."""
        inside = np.zeros(len(self.v), bool)
        for centre, radius in spots:
            inside |= np.linalg.norm(self.v - np.asarray(centre), axis=1) < radius
        return inside

    def bell(self, centre: Sequence[float], width: float) -> Float[np.ndarray, "V"]:
        """A bell of height 1 about a point; 0 inside the mouth and behind the lids."""
        r = np.linalg.norm(self.v - np.asarray(centre), axis=1)
        return np.exp(-((r / width) ** 2)) * ~self.hidden

    @property
    def hidden(self) -> Bool[np.ndarray, "V"]:
        """True for vertices inside the mouth or behind the lids."""
        out = np.zeros(len(self.v), bool)
        for name, rows in (("mouth_upper", CONTACT), ("mouth_lower", CONTACT), ("eye_upper", 4), ("eye_lower", 4)):
            inner = self.labels[name][:rows].ravel()
            out[inner] = out[self.mirror[inner]] = True
        return out

    def slide(self, indices: Int[np.ndarray, "N"], moves: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N 3"]:
        """`moves` corrected so that the vertices keep their height above the sculpted head, as skin slides on bone."""
        start = self.v[indices]
        goal = start + moves
        level = head(start)
        for _ in range(8):
            goal = goal - 0.8 * (head(goal) - level)[:, None] * gradient(goal)
        return goal - start
