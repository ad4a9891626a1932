"""What every energy term has, and what their Hessians and smooth penalties share."""

from typing import Any, Protocol

import numpy as np
from jaxtyping import Float, Int
from numba import njit

__all__ = ["Term", "assemble", "hinge", "outer"]


class Term(Protocol):
    """One energy of positions x [mm], in mJ (N mm); its gradient is in N and its Hessian in N/mm."""

    def add(self, positions: Float[np.ndarray, "N 3"], gradient: Float[np.ndarray, "N 3"]) -> float:
        """Add the gradient at `positions` to `gradient`, and return the energy; infinite where it is undefined."""
        ...

    def hessian(self, positions: Float[np.ndarray, "N 3"]) -> Any:
        """The Hessian at `positions`, a sparse [3 N, 3 N] matrix in the order x0 y0 z0 x1 ..."""
        ...


@njit(cache=True)
def hinge(t: float, width: float) -> tuple[float, float, float]:
    """The square of the positive part of `t`, rounded within `width` of 0 so that it is twice differentiable.

    Returns value, first and second derivative: 0 below -width, (t + w)^3 / (6 w) around 0, t^2 + w^2 / 3 above.
    """
    if t <= -width:
        return 0.0, 0.0, 0.0
    if t >= width:
        return t * t + width * width / 3.0, 2.0 * t, 2.0
    s = t + width
    return s * s * s / (6.0 * width), s * s / (2.0 * width), s / width


def outer(a: Float[np.ndarray, "*batch 3"], b: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3 3"]:
    """The outer products of two batches of vectors."""
    return a[..., :, None] * b[..., None, :]


def assemble(index: Int[np.ndarray, "E K"], blocks: Float[np.ndarray, "E K K 3 3"], count: int) -> Any:
    """The sparse [3 N, 3 N] matrix of elements of K vertices each, N = `count`; blocks of shared vertices add up."""
    from scipy.sparse import coo_matrix

    rows = 3 * index[:, :, None, None, None] + np.arange(3)[:, None]
    columns = 3 * index[:, None, :, None, None] + np.arange(3)
    rows, columns = np.broadcast_to(rows, blocks.shape), np.broadcast_to(columns, blocks.shape)
    entries = (blocks.reshape(-1), (rows.reshape(-1), columns.reshape(-1)))
    return coo_matrix(entries, shape=(3 * count, 3 * count)).tocsr()
