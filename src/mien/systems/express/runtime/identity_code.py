"""The identity-aware decoder's inputs for a neutral: its shape as a whole and around each vertex. Needs no torch."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from mien.core.mesh import vertex_normals

__all__ = ["IdentityCode", "LocalShape"]


@dataclass(frozen=True, kw_only=True, eq=False)
class IdentityCode:
    """A neutral's shape as a few numbers of zero mean and unit variance over the training subjects."""

    kept: Int[np.ndarray, "M"]
    """Vertices whose positions are used."""
    mean: Float[np.ndarray, "M*3"]
    basis: Float[np.ndarray, "M*3 E"]

    @classmethod
    def fit(cls, neutrals: Float[np.ndarray, "S V 3"], kept: Int[np.ndarray, "M"], size: int) -> "IdentityCode":
        """Principal components of the training subjects' neutrals at `kept`; zeros beyond the number of subjects."""
        rows = neutrals[:, kept].reshape(len(neutrals), -1).astype(np.float64)
        mean = rows.mean(axis=0)
        _, scale, axes = np.linalg.svd(rows - mean, full_matrices=False)
        deviation = scale[:size] / np.sqrt(len(rows))
        # A component in which nobody differs (the last of few subjects) would amplify noise.
        basis = np.where(deviation > 1e-3, axes[:size].T / np.maximum(deviation, 1e-3), 0.0)
        basis = np.pad(basis, ((0, 0), (0, size - basis.shape[1])))
        return cls(kept=kept, mean=mean.astype(np.float32), basis=basis.astype(np.float32))

    def __call__(self, neutral: Float[np.ndarray, "V 3"]) -> Float[np.ndarray, "E"]:
        """Code of a neutral, clipped at three deviations, beyond which no training subject was seen."""
        code = (neutral[self.kept].reshape(-1) - self.mean) @ self.basis
        return np.clip(code, -3.0, 3.0).astype(np.float32)


class LocalShape:
    """How a neutral differs from the mean face around each vertex.

    Nine values are the deformation gradient less the identity (Sumner & Popovic 2004, section 3: stretch and turn of
    the surface there), and three are the height above the mean along its normal, at three levels of smoothing [3 mm].
    """

    ROUNDS = (2, 10, 32)
    """Rings of smoothing; 32 are about a cheek on ICT's face. The gradient uses the second entry: displacements that it
    alone transforms then err by 0.072 mm, by 0.103 with the first and by 0.157 untransformed (six people's apexes)."""

    def __init__(self, mean: Float[np.ndarray, "V 3"], triangles: Int[np.ndarray, "F 3"]) -> None:
        from scipy.sparse import csr_matrix, identity

        mean, count = np.asarray(mean, np.float64), len(mean)
        self.mean, self.triangles = mean, triangles
        self.normals = vertex_normals(mean, triangles)
        frames, area = _frames(mean, triangles)
        flat = area <= 1e-9 * area.mean()
        frames[flat] = np.eye(3)
        self._inverse = np.linalg.inv(frames)
        corner = (np.where(flat, 0.0, area).repeat(3), (triangles.reshape(-1), np.arange(len(triangles)).repeat(3)))
        spread = csr_matrix(corner, shape=(count, len(triangles)))
        self._spread = csr_matrix(spread.multiply(1.0 / np.maximum(spread.sum(axis=1), 1e-12)))
        edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
        ones = np.ones(len(edges))
        near = csr_matrix((ones, (edges[:, 0], edges[:, 1])), shape=(count, count))
        near = ((near + near.T) > 0).astype(np.float64) + identity(count)
        self._ring = csr_matrix(near.multiply(1.0 / near.sum(axis=1)))

    def __call__(self, neutral: Float[np.ndarray, "V 3"]) -> Float[np.ndarray, "V 12"]:
        """Local shape of a neutral [mm]; each value is clipped at 3, beyond which no training subject was seen."""
        neutral = np.asarray(neutral, np.float64)
        gradient = _frames(neutral, self.triangles)[0] @ self._inverse - np.eye(3)
        near = self._spread @ gradient.reshape(-1, 9)
        out = ((neutral - self.mean) * self.normals).sum(axis=1) / 3.0
        columns, done = [], 0
        for _ in range(self.ROUNDS[1]):
            near = self._ring @ near
        for rounds in self.ROUNDS:
            for _ in range(rounds - done):
                out = self._ring @ out
            columns, done = [*columns, out], rounds
        return np.clip(np.column_stack([near, *columns]), -3.0, 3.0).astype(np.float32)


def _frames(vertices: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two edges of each triangle and its normal with length sqrt(twice the area), in columns; and twice the area."""
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    normal = np.cross(b - a, c - a)
    area = np.linalg.norm(normal, axis=1)
    return np.stack([b - a, c - a, normal / np.sqrt(np.maximum(area, 1e-12))[:, None]], axis=2), area
