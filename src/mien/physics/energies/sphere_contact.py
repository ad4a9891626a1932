"""Contact of vertices with spheres: eyeballs with their corneas, and the skull near each vertex.

E = 1/2 k h(r - |x - c|) with `hinge` h: nothing outside the sphere, a spring inside. A skull is met by every vertex as
the sphere that osculates it below that vertex at rest; the radius of a flat or hollow place is large.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numba import njit

from mien.physics.energies.term import assemble, hinge, outer

__all__ = ["SphereContact"]


@dataclass(frozen=True, kw_only=True, eq=False)
class SphereContact:
    """Pairs of a vertex and a sphere that it stays out of."""

    index: Int[np.ndarray, "C"]
    """The vertices."""
    centers: Float[np.ndarray, "C 3"]
    """Centres c [mm]; overwritten when bones move."""
    radii: Float[np.ndarray, "C"]
    """Radii r [mm], at which the force begins."""
    stiffness: Float[np.ndarray, "C"]
    """Stiffness k [N/mm]."""
    width: float = 0.05
    """Half the distance over which the force begins [mm]."""

    def add(self, positions: Float[np.ndarray, "N 3"], gradient: Float[np.ndarray, "N 3"]) -> float:
        """See `Term.add`."""
        return _add(positions, self.index, self.centers, self.radii, self.stiffness, self.width, gradient)

    def hessian(self, positions: Float[np.ndarray, "N 3"]) -> Any:
        """See `Term.hessian`."""
        away = positions[self.index] - self.centers
        distance = np.linalg.norm(away, axis=1)
        away /= distance[:, None]
        bends = np.array([hinge(float(t), self.width) for t in self.radii - distance]).reshape(-1, 3)
        along = self.stiffness * bends[:, 2] / 2
        across = -(self.stiffness * bends[:, 1] / 2 / distance)[:, None, None]
        blocks = (along[:, None, None] - across) * outer(away, away) + across * np.eye(3)
        return assemble(self.index[:, None], blocks[:, None, None], len(positions))

    def depth(self, positions: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "C"]:
        """How far each vertex is inside its sphere [mm]; 0 outside."""
        return np.maximum(self.radii - np.linalg.norm(positions[self.index] - self.centers, axis=1), 0.0)


@njit(cache=True)
def _add(x, index, centers, radii, stiffness, width, gradient):  # pyright: ignore
    total = 0.0
    for c in range(len(index)):
        i = index[c]
        dx, dy, dz = x[i, 0] - centers[c, 0], x[i, 1] - centers[c, 1], x[i, 2] - centers[c, 2]
        square = dx * dx + dy * dy + dz * dz
        reach = radii[c] + width
        if square >= reach * reach:
            continue
        distance = np.sqrt(square)
        value, slope, _ = hinge(radii[c] - distance, width)
        total += 0.5 * stiffness[c] * value
        force = -0.5 * stiffness[c] * slope / max(distance, 1e-9)
        gradient[i, 0] += force * dx
        gradient[i, 1] += force * dy
        gradient[i, 2] += force * dz
    return total
