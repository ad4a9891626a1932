"""Resistance of a layer to bending: the squared Laplacian of its displacement, E = 1/2 tr(u^T B u).

B is sparse, symmetric and positive semidefinite (`bilaplacian`), u = x - x0. It is the thin plate energy of a surface
whose rest shape is curved, linearised (Botsch and Sorkine, "On linear variational surface deformation methods", 2008,
section 4).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numba import njit

__all__ = ["Bending", "bilaplacian", "cotangent_laplacian"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Bending:
    """The bending energy of all layers together, in compressed rows."""

    rest: Float[np.ndarray, "N 3"]
    """Positions x0 [mm]."""
    starts: Int[np.ndarray, "M"]
    """Start of each row, and one past the last (M = N + 1)."""
    columns: Int[np.ndarray, "Z"]
    """Column of each entry."""
    values: Float[np.ndarray, "Z"]
    """Entries of B [N/mm]."""

    @classmethod
    def of(cls, rest: Float[np.ndarray, "N 3"], matrix: Any) -> "Bending":
        """The energy of a sparse matrix B."""
        rows = matrix.tocsr()
        rows.sort_indices()
        return cls(
            rest=rest, starts=rows.indptr.astype(np.int64), columns=rows.indices.astype(np.int64), values=rows.data
        )

    def add(self, positions: Float[np.ndarray, "N 3"], gradient: Float[np.ndarray, "N 3"]) -> float:
        """See `Term.add`."""
        return _add(positions, self.rest, self.starts, self.columns, self.values, gradient)

    def hessian(self, positions: Float[np.ndarray, "N 3"]) -> Any:
        """See `Term.hessian`."""
        from scipy.sparse import csr_matrix, identity, kron

        count = len(positions)
        return kron(csr_matrix((self.values, self.columns, self.starts), shape=(count, count)), identity(3)).tocsr()


def cotangent_laplacian(vertices: Float[np.ndarray, "N 3"], triangles: Int[np.ndarray, "F 3"]) -> tuple[Any, Any]:
    """The cotangent Laplacian (positive semidefinite, [N, N]) and the areas of the vertices [mm^2].

    Cotangents are kept above 0.01, so that no obtuse triangle makes a weight negative.
    """
    from scipy.sparse import coo_matrix, diags

    count, x = len(vertices), vertices[triangles]
    rows, columns, values = [], [], []
    for k in range(3):
        i, j = triangles[:, (k + 1) % 3], triangles[:, (k + 2) % 3]
        u, v = x[:, (k + 1) % 3] - x[:, k], x[:, (k + 2) % 3] - x[:, k]
        doubled = np.linalg.norm(np.cross(u, v), axis=1)
        weight = np.maximum(0.5 * (u * v).sum(1) / np.maximum(doubled, 1e-12), 0.01)
        rows += [i, j]
        columns += [j, i]
        values += [weight, weight]
    off = coo_matrix(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape=(count, count)
    ).tocsr()
    area = np.linalg.norm(np.cross(x[:, 1] - x[:, 0], x[:, 2] - x[:, 0]), axis=1) / 2
    areas = np.bincount(triangles.reshape(-1), np.repeat(area / 3, 3), minlength=count)
    return diags(np.asarray(off.sum(axis=1)).ravel()) - off, areas


def bilaplacian(vertices: Float[np.ndarray, "N 3"], triangles: Int[np.ndarray, "F 3"]) -> Any:
    """L A^-1 L of a surface, [N, N] in 1/mm^2, with the Laplacian L and the areas A of its vertices."""
    from scipy.sparse import diags

    laplacian, areas = cotangent_laplacian(vertices, triangles)
    return (laplacian @ diags(1 / np.maximum(areas, 1e-9)) @ laplacian).tocsr()


@njit(cache=True)
def _add(x, rest, starts, columns, values, gradient):  # pyright: ignore
    total = 0.0
    moved = x - rest
    for i in range(len(starts) - 1):
        fx = fy = fz = 0.0
        for k in range(starts[i], starts[i + 1]):
            j, w = columns[k], values[k]
            fx += w * moved[j, 0]
            fy += w * moved[j, 1]
            fz += w * moved[j, 2]
        total += 0.5 * (fx * moved[i, 0] + fy * moved[i, 1] + fz * moved[i, 2])
        gradient[i, 0] += fx
        gradient[i, 1] += fy
        gradient[i, 2] += fz
    return total
