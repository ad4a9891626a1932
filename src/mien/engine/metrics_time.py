"""Figures of motion: how well weights follow the truth over time within takes; numpy only, like `metrics`.

N frames of several takes, one after the other; `take` [N] is the number of the take that each frame is of.
"""

import numpy as np
from jaxtyping import Float, Int

from mien.engine.metrics import pearson

__all__ = ["pearson_over_time", "velocity_error"]


def pearson_over_time(
    prediction: Float[np.ndarray, "N C"], truth: Float[np.ndarray, "N C"], take: Int[np.ndarray, "N"]
) -> Float[np.ndarray, "C"]:
    """Pearson correlation per channel of the motion within takes: both series less each take's mean.

    So a person's constant offset and the spread between takes do not count, but motion of a channel that should keep
    still does. NaN and 0 as in `metrics.pearson`.
    """
    return pearson(_centred(prediction, take), _centred(truth, take))


def _centred(values: np.ndarray, take: np.ndarray) -> np.ndarray:
    values = np.asarray(values, np.float64)
    _, at, counts = np.unique(take, return_inverse=True, return_counts=True)
    sums = np.zeros((len(counts), values.shape[1]))
    np.add.at(sums, at, values)
    return values - (sums / counts[:, None])[at]


def velocity_error(
    prediction: Float[np.ndarray, "N C"],
    truth: Float[np.ndarray, "N C"],
    times: Float[np.ndarray, "N"],
    take: Int[np.ndarray, "N"],
) -> float:
    """Error of the velocities as a share of the true motion: sum |v' - v| / sum |v| over all channels and neighbouring
    frames of a take (frames in order of time).

    0 is a perfect prediction, 1 a constant one, and more than 1 false motion; a channel that never moves adds its false
    motion. NaN when nothing moves. Raises ValueError when times do not grow within a take.
    """
    together = np.diff(np.asarray(take)) == 0
    step = np.diff(np.asarray(times, np.float64))[together, None]
    if not (step > 0).all():
        raise ValueError("the times of a take must grow from frame to frame")
    moved, wanted = (np.diff(np.asarray(w, np.float64), axis=0)[together] / step for w in (prediction, truth))
    total = np.abs(wanted).sum()
    return float(np.abs(moved - wanted).sum() / total) if total > 0 else float("nan")
