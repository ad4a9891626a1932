"""Linear interpolation between samples in time."""

import numpy as np
from jaxtyping import Float, Int

__all__ = ["between", "places"]


def places(
    times: Float[np.ndarray, "T"], wanted: Float[np.ndarray, "S"]
) -> tuple[Int[np.ndarray, "S"], Float[np.ndarray, "S"]]:
    """(index of the sample before each wanted time, fraction in [0, 1) of the way to the next sample).

    Wanted times beyond the ends are clamped to the first or last sample. `times` has at least one entry and is strictly
    increasing. A wanted time equal to a sample's time has the fraction 0.
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
    """Linear interpolation of rows, in the type of `values`; at fraction 0 the row itself, even if the next is NaN."""
    part = share.reshape(-1, *[1] * (values.ndim - 1)).astype(values.dtype)
    first, second = values[low], values[high]
    return np.where(part == 0, first, first * (1 - part) + second * part)
