"""Attachment of vertices to points of bone, or of a tarsal plate: E = 1/2 k |x - target|^2.

The targets move with the jaw and the lids.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numba import njit

from mien.physics.energies.term import assemble

__all__ = ["Ties"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Ties:
    """Springs of no length between vertices and given points."""

    index: Int[np.ndarray, "T"]
    """The vertices."""
    stiffness: Float[np.ndarray, "T"]
    """Stiffness k [N/mm]."""
    targets: Float[np.ndarray, "T 3"]
    """Where each vertex is held [mm]; overwritten when bones move."""

    def add(self, positions: Float[np.ndarray, "N 3"], gradient: Float[np.ndarray, "N 3"]) -> float:
        """See `Term.add`."""
        return _add(positions, self.index, self.stiffness, self.targets, gradient)

    def hessian(self, positions: Float[np.ndarray, "N 3"]) -> Any:
        """See `Term.hessian`."""
        blocks = self.stiffness[:, None, None] * np.eye(3)
        return assemble(self.index[:, None], blocks[:, None, None], len(positions))


@njit(cache=True)
def _add(x, index, stiffness, targets, gradient):  # pyright: ignore
    total = 0.0
    for t in range(len(index)):
        i = index[t]
        for d in range(3):
            gap = x[i, d] - targets[t, d]
            total += 0.5 * stiffness[t] * gap * gap
            gradient[i, d] += stiffness[t] * gap
    return total
