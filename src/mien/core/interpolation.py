"""Values between samples in time: where a time falls, and what lies there."""

import numpy as np
from jaxtyping import Float, Int

__all__ = ["between", "places"]


def places(
    times: Float[np.ndarray, "T"], wanted: Float[np.ndarray, "S"]
) -> tuple[Int[np.ndarray, "S"], Float[np.ndarray, "S"]]:
    """(sample before each wanted time, share of the way to the next one in [0, 1)); the ends hold.

    `times` increase strictly and are at least one. A wanted time that is a sample's own has the share 0.
    """
    low = np.clip(np.searchsorted(times, wanted, side="right") - 1, 0, len(times) - 1)
    high = np.minimum(low + 1, len(times) - 1)
    step = times[high] - times[low]
    share = np.where(step > 0, (wanted - times[low]) / np.where(step > 0, step, 1.0), 0.0)
    return low, np.clip(share, 0.0, 1.0)


def between(
    values: Float[np.ndarray, "T *rest"],
    low: Int[np.ndarray, "S"],
    high: Int[np.ndarray, "S"],
    share: Float[np.ndarray, "S"],
) -> Float[np.ndarray, "S *rest"]:
    """Linear interpolation of rows, in the values' own type; where the share is 0 the row itself, whatever follows."""
    part = share.reshape(-1, *[1] * (values.ndim - 1)).astype(values.dtype)
    first, second = values[low], values[high]
    return np.where(part == 0, first, first * (1 - part) + second * part)
