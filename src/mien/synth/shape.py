"""Normals of the deformed skin, by one sparse product per frame."""

import numpy as np
from jaxtyping import Float

from mien.synth.body import body
from mien.synth.coarse import coarse

__all__ = ["Normals"]


class Normals:
    """Area-weighted vertex normals of the shaded parts; the others keep the neutral normals. Tables are built once."""

    def __init__(self) -> None:
        from scipy.sparse import csr_matrix

        self.body = body()
        # Only the vertices of drawn triangles need normals.
        self.triangles = self.body.corners[
            np.concatenate([coarse(self.body, "face"), coarse(self.body, "head_neck")])
        ].astype(np.int32)
        count = len(self.triangles)
        used = np.unique(self.triangles)
        self.rows = used
        new = np.full(len(self.body.neutral), -1)
        new[used] = np.arange(len(used))
        corner = new[self.triangles].reshape(-1)
        self.sum = csr_matrix(
            (np.ones(len(corner), np.float32), (corner, np.repeat(np.arange(count), 3))), shape=(len(used), count)
        )
        self.columns = [np.ascontiguousarray(self.triangles[:, k]) for k in range(3)]

    def __call__(self, vertices: Float[np.ndarray, "V 3"]) -> Float[np.ndarray, "V 3"]:
        """Unit normals [V, 3] float32."""
        x, y, z = (np.ascontiguousarray(vertices[:, k], np.float32) for k in range(3))
        a, b, c = self.columns
        ux, uy, uz = x[b] - x[a], y[b] - y[a], z[b] - z[a]
        vx, vy, vz = x[c] - x[a], y[c] - y[a], z[c] - z[a]
        face = np.stack([uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx], axis=1)
        total = self.sum @ face
        total /= np.maximum(np.sqrt(np.einsum("ij,ij->i", total, total)), 1e-9)[:, None]
        out = self.body.rest_normals.copy()
        out[self.rows] = total
        return out
