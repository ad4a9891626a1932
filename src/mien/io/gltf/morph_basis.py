"""The fewest morph targets that reproduce every frame of a sequence, found without holding the sequence in memory.

The targets are principal components of the frames relative to a rest mesh (Alexa & Mueller 2000, "Representing
Animations by Principal Components"). They are found in three steps over blocks of frames, which may lie in a file:

1. A basis grows: for each block, the strongest directions of the residual are added until no vertex is farther than a
   tenth of the error from its position. In the end the basis reproduces every frame to that tenth.
2. The principal components are computed from the frames' coordinates in the basis, which are few numbers per frame.
3. The smallest number of components that keeps every vertex of every frame within the error is found by bisection,
   where each trial is a pass over the frames.

Memory holds the basis, a few blocks and the weights, and never all frames.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

__all__ = ["BLOCK", "morph_basis"]

BLOCK = 32
"""Frames that are processed together."""
_SHARE = 0.1
"""Fraction of the error that the basis of the first step may leave."""
_ROUNDING = 0.9
"""Fraction of the error that the chosen components may leave; the rest is for float32 rounding in files."""


def morph_basis(
    frames: Float[np.ndarray, "T V 3"], rest: Float[np.ndarray, "V 3"], error: float
) -> tuple[Float[np.ndarray, "T K"], Float[np.ndarray, "K V 3"]]:
    """(weights, targets): the fewest targets with which no vertex of any frame is off by more than `error`.

    A frame is `rest` plus its weights times the targets. `frames` may be mapped from a file. Each target is scaled so
    that its weight is at most 1.
    """
    basis = _grown(frames, rest, _SHARE * error)
    inside = np.concatenate([moved @ basis.T for moved in _blocks(frames, rest)])
    values, vectors = np.linalg.eigh(inside.T @ inside)
    order = np.argsort(values)[::-1]
    weights, components = inside @ vectors[:, order], vectors[:, order].T @ basis
    low, high = 0, len(order)
    while low < high:
        middle = (low + high) // 2
        if _farthest(frames, rest, weights[:, :middle], components[:middle]) <= _ROUNDING * error:
            high = middle
        else:
            low = middle + 1
    scale = np.maximum(np.abs(weights[:, :low]).max(axis=0, initial=0.0), 1e-12)
    targets = components[:low] * scale[:, None]
    return (weights[:, :low] / scale).astype(np.float32), targets.reshape(low, *rest.shape).astype(np.float32)


def _blocks(frames: np.ndarray, rest: np.ndarray) -> Iterator[np.ndarray]:
    """Displacements of a few frames at a time, [B, 3 V] in float64."""
    flat = rest.reshape(-1).astype(np.float64)
    for start in range(0, len(frames), BLOCK):
        block = frames[start : start + BLOCK]
        yield block.reshape(len(block), -1).astype(np.float64) - flat


def _grown(frames: np.ndarray, rest: np.ndarray, error: float) -> np.ndarray:
    """Orthonormal rows [K, 3 V] whose span reproduces every frame to within `error`."""
    basis = np.zeros((0, rest.size))
    for moved in _blocks(frames, rest):
        left = moved - (moved @ basis.T) @ basis
        if _largest(left) <= error:
            continue
        left -= (left @ basis.T) @ basis  # a second time, because rounding leaves a part of the basis in the rows
        values, vectors = np.linalg.eigh(left @ left.T)
        kept = np.flatnonzero(values > values[-1] * 1e-12)[::-1]
        directions = (vectors[:, kept] / np.sqrt(values[kept])).T @ left
        inside = left @ directions.T
        count = next((k for k in range(1, len(kept)) if _largest(left - inside[:, :k] @ directions[:k]) <= error), None)
        basis = np.concatenate([basis, directions[: count or len(kept)]])
    return basis


def _farthest(frames: np.ndarray, rest: np.ndarray, weights: np.ndarray, components: np.ndarray) -> float:
    """Largest distance of a vertex from its reconstruction by the components, over all frames."""
    far, start = 0.0, 0
    for moved in _blocks(frames, rest):
        far = max(far, _largest(moved - weights[start : start + len(moved)] @ components))
        start += len(moved)
    return far


def _largest(rows: np.ndarray) -> float:
    """Length of the longest displacement in rows of x y z x y z ..."""
    return float(np.sqrt((rows.reshape(-1, 3) ** 2).sum(axis=1).max(initial=0.0)))
