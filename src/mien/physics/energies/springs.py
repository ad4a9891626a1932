"""Uniaxial elements with biphasic stiffness: skin that stretches easily at first and hardly beyond a knee.

E = 1/2 k l0^2 (e^2 + (ratio - 1) h(e - knee)) with the strain e = l / l0 - 1 and `hinge` h: up to the knee the element
is a linear spring, beyond it `ratio` times as stiff, after the discrete uniaxial elements of Lee, Terzopoulos and
Waters ("Realistic modeling for facial animation", 1995, section 3). The knee is rounded, so that the energy is twice
differentiable. Collagen straightens at about 25 % of strain in their element and here.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numba import njit

from mien.physics.energies.term import assemble, hinge, outer

__all__ = ["Springs"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Springs:
    """Springs between pairs of vertices."""

    ends: Int[np.ndarray, "E 2"]
    """The two vertices of each element."""
    rest: Float[np.ndarray, "E"]
    """Lengths without force [mm]."""
    stiffness: Float[np.ndarray, "E"]
    """Stiffness k below the knee [N/mm]."""
    ratio: float = 2.0
    """Stiffness beyond the knee over that below."""
    knee: float = 0.25
    """Strain of the knee."""
    width: float = 0.05
    """Half the interval of strain in which the stiffness changes."""

    def add(self, positions: Float[np.ndarray, "N 3"], gradient: Float[np.ndarray, "N 3"]) -> float:
        """See `Term.add`."""
        return _add(positions, self.ends, self.rest, self.stiffness, self.ratio, self.knee, self.width, gradient)

    def hessian(self, positions: Float[np.ndarray, "N 3"]) -> Any:
        """See `Term.hessian`."""
        along = positions[self.ends[:, 1]] - positions[self.ends[:, 0]]
        length = np.linalg.norm(along, axis=1)
        along /= length[:, None]
        strain = length / self.rest - 1
        bends = np.array([hinge(float(e) - self.knee, self.width) for e in strain]).reshape(-1, 3)
        force = self.stiffness * self.rest * (strain + (self.ratio - 1) / 2 * bends[:, 1])
        slope = self.stiffness * (1 + (self.ratio - 1) / 2 * bends[:, 2])
        across = (force / length)[:, None, None]
        block = (slope[:, None, None] - across) * outer(along, along) + across * np.eye(3)
        blocks = np.stack([np.stack([block, -block], axis=1), np.stack([-block, block], axis=1)], axis=1)
        return assemble(self.ends, blocks, len(positions))


@njit(cache=True)
def _add(x, ends, rest, stiffness, ratio, knee, width, gradient):  # pyright: ignore
    total = 0.0
    for e in range(len(ends)):
        i, j = ends[e, 0], ends[e, 1]
        dx, dy, dz = x[j, 0] - x[i, 0], x[j, 1] - x[i, 1], x[j, 2] - x[i, 2]
        length = np.sqrt(dx * dx + dy * dy + dz * dz)
        if length == 0.0:
            return np.inf
        strain = length / rest[e] - 1.0
        value, slope, _ = hinge(strain - knee, width)
        total += 0.5 * stiffness[e] * rest[e] * rest[e] * (strain * strain + (ratio - 1.0) * value)
        force = stiffness[e] * rest[e] * (strain + 0.5 * (ratio - 1.0) * slope) / length
        gradient[i, 0] -= force * dx
        gradient[i, 1] -= force * dy
        gradient[i, 2] -= force * dz
        gradient[j, 0] += force * dx
        gradient[j, 1] += force * dy
        gradient[j, 2] += force * dz
    return total
