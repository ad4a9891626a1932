"""Contact of vertices with triangles that lie opposite them: the lips, and any two surfaces that meet.

E = 1/2 k h(floor - gap) with `hinge` h and gap = n . (x - sum_j b_j x_j): the vertex stays on its side of the plane of
the triangle, or as far behind it as it is at rest. Pairs, weights b and normals n are found before a solve and kept
during it, so that the energy is one function of the positions and falls monotonically.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numba import njit

from mien.physics.energies.term import assemble, hinge, outer

__all__ = ["SurfaceContact"]


@dataclass(frozen=True, kw_only=True, eq=False)
class SurfaceContact:
    """Pairs of a vertex and a point of an opposite triangle."""

    index: Int[np.ndarray, "C 4"]
    """The vertex, then the corners of the triangle."""
    weights: Float[np.ndarray, "C 3"]
    """Barycentric weights b of the nearest point."""
    normals: Float[np.ndarray, "C 3"]
    """Unit normals n, which point to the vertex's side."""
    floor: Float[np.ndarray, "C"]
    """Gap at which the force begins [mm], 0 or, for vertices that are behind the plane at rest, less."""
    stiffness: float = 1.0
    """Stiffness k [N/mm]."""
    width: float = 0.05
    """Half the distance over which the force begins [mm]."""

    def add(self, positions: Float[np.ndarray, "N 3"], gradient: Float[np.ndarray, "N 3"]) -> float:
        """See `Term.add`."""
        return _add(positions, self.index, self.weights, self.normals, self.floor, self.stiffness, self.width, gradient)

    def gaps(self, positions: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "C"]:
        """Distance of each vertex from the plane of its triangle [mm]; negative behind it."""
        x = positions[self.index]
        return ((x[:, 0] - np.einsum("ck,ckd->cd", self.weights, x[:, 1:])) * self.normals).sum(1)

    def hessian(self, positions: Float[np.ndarray, "N 3"]) -> Any:
        """See `Term.hessian`."""
        bends = np.array([hinge(float(t), self.width) for t in self.floor - self.gaps(positions)]).reshape(-1, 3)
        share = np.concatenate([np.ones((len(self.index), 1)), -self.weights], axis=1)
        block = outer(self.normals, self.normals) * (self.stiffness * bends[:, 2] / 2)[:, None, None]
        blocks = (share[:, :, None] * share[:, None, :])[..., None, None] * block[:, None, None]
        return assemble(self.index, blocks, len(positions))


@njit(cache=True)
def _add(x, index, weights, normals, floor, stiffness, width, gradient):  # pyright: ignore
    total = 0.0
    for c in range(len(index)):
        gap = 0.0
        for d in range(3):
            point = x[index[c, 0], d]
            for k in range(3):
                point -= weights[c, k] * x[index[c, k + 1], d]
            gap += point * normals[c, d]
        value, slope, _ = hinge(floor[c] - gap, width)
        if slope == 0.0:
            continue
        total += 0.5 * stiffness * value
        force = -0.5 * stiffness * slope
        for d in range(3):
            gradient[index[c, 0], d] += force * normals[c, d]
            for k in range(3):
                gradient[index[c, k + 1], d] -= force * weights[c, k] * normals[c, d]
    return total
