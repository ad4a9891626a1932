"""Shape weights from motion: box-bounded least squares over a whole take at once.

Minimised over all frames t and shapes k, with 0 <= w <= limit and w_mouthClose <= w_jawOpen:

    1/2 |B w_t - m_t|^2                                      follow the motion m (B: the shapes' displacements)
    + ridge      1/2 sum_k g_k w_tk^2                        two equal shapes share a motion
    + sparsity   sum_k g_k w_tk                               few shapes (L1, as w >= 0)
    + symmetry   1/2 sum_pairs s_t g (w_tl - w_tr)^2          both sides equal, as far as the source's are (s_t)
    + smoothness 1/2 sum_k g_k c_t (w_tk - w_t-1,k)^2         no jumps between successive frames (c_t)

where g_k = |B_k|^2, so that every term is relative to the shape's own magnitude: a motion that one shape alone explains
gets a weight lower by `sparsity`. Only the K x K products B^T B and B^T m are needed. Solved by accelerated projected
gradients (Beck & Teboulle 2009) in the variables w sqrt(g), with a restart when the momentum points uphill (O'Donoghue
& Candes 2015).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from mien.core.channels import side_pairs

__all__ = ["SolveSettings", "solve"]


@dataclass(frozen=True, kw_only=True)
class SolveSettings:
    """Weights of the regularisation terms, the bound, and the stopping tolerance."""

    ridge: float = 1e-4
    """Weight of the squared weights, relative to g_k: two equal shapes then share a motion, with a unique solution."""
    sparsity: float = 0.03
    """Weight of the L1 term, relative to g_k: the amount by which a single shape's weight is reduced."""
    symmetry: float = 0.05
    """Weight of the squared difference between left and right shapes, relative to g_k."""
    smoothness: float = 0.1
    """Weight of the squared change between successive frames, relative to g_k."""
    limit: float = 1.0
    """Largest weight of a shape."""
    iterations: int = 600
    tolerance: float = 1e-5
    """The solver stops when no weight changes by more than this in one step."""


def solve(
    gram: Float[np.ndarray, "K K"],
    products: Float[np.ndarray, "T K"],
    settings: SolveSettings | None = None,
    *,
    names: Sequence[str] = (),
    symmetric: Float[np.ndarray, "T"] | None = None,
    times: Float[np.ndarray, "T"] | None = None,
) -> Float[np.ndarray, "T K"]:
    """Weights per frame from gram = B^T B and products = B^T m [mm^2]; shapes without motion keep the weight 0.

    `names` of the shapes determine left and right pairs and the bound on mouthClose; without them only the box applies.
    `symmetric` is the weight s_t of the symmetry in each frame. Without `times` frames are independent.
    """
    settings = settings or SolveSettings()
    strength = np.diag(gram)
    alive = strength > 1e-9 * max(strength.max(initial=0.0), 1e-30)
    scale = np.sqrt(np.where(alive, strength, 1.0))
    hessian = np.where(alive[:, None] & alive, gram / np.outer(scale, scale), 0.0) + settings.ridge * np.eye(len(scale))
    linear = np.where(alive, products / scale - settings.sparsity * scale, 0.0)
    sides = np.zeros_like(hessian)
    for left, right in side_pairs(names):
        # g of a pair is the geometric mean, so that only ratios of the scales remain in these variables.
        ratio = scale[right] / scale[left]
        sides[left, left] += ratio
        sides[right, right] += 1 / ratio
        sides[left, right] -= 1
        sides[right, left] -= 1
    sides *= settings.symmetry
    share = np.ones((len(linear), 1)) if symmetric is None else symmetric[:, None]
    steps = _steps(len(linear), times) * settings.smoothness
    jaw = _jaw(names)
    bound = float(np.linalg.eigvalsh(hessian + sides)[-1]) + 4 * float(steps.max(initial=0.0))
    value = np.zeros_like(linear)
    ahead, momentum = value, 1.0
    for _ in range(settings.iterations):
        slope = ahead @ hessian + share * (ahead @ sides) - linear
        jump = steps * np.diff(ahead, axis=0)
        slope[1:] += jump
        slope[:-1] -= jump
        moved = _allowed(ahead - slope / bound, scale, settings.limit, jaw)
        change = moved - value
        if float(np.abs(change / scale).max(initial=0.0)) < settings.tolerance:
            value = moved
            break
        following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        if float(((ahead - moved) * change).sum()) > 0:
            following, ahead = 1.0, moved
        else:
            ahead = moved + (momentum - 1) / following * change
        value, momentum = moved, following
    return np.where(alive, value / scale, 0.0)


def _steps(frames: int, times: Float[np.ndarray, "T"] | None) -> Float[np.ndarray, "S 1"]:
    """Weight c_t of the smoothness between frames: 1 at the usual interval, less over gaps."""
    if times is None or frames < 2:
        return np.zeros((max(frames - 1, 0), 1))
    interval = np.diff(times)
    return np.minimum(1.0, np.median(interval) / interval)[:, None]


def _jaw(names: Sequence[str]) -> tuple[int, int] | None:
    if "jawOpen" in names and "mouthClose" in names:
        return list(names).index("jawOpen"), list(names).index("mouthClose")
    return None


def _allowed(value: np.ndarray, scale: np.ndarray, limit: float, jaw: tuple[int, int] | None) -> np.ndarray:
    """Projection onto the box and mouthClose <= jawOpen, exact in the metric of the scaled variables."""
    if jaw is not None:
        opened, closed = (value[:, k] / scale[k] for k in jaw)
        a, b = scale[jaw[0]] ** 2, scale[jaw[1]] ** 2
        shared = (a * opened + b * closed) / (a + b)  # nearest point of the line where both are equal
        over = closed > opened
        value[over, jaw[0]] = shared[over] * scale[jaw[0]]
        value[over, jaw[1]] = shared[over] * scale[jaw[1]]
    return np.clip(value, 0.0, limit * scale)
