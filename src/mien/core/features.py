"""`Features`: named vectors per frame that one system computes and another one uses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from mien.core.errors import MienError
from mien.core.frame_fields import checked_times
from mien.core.interpolation import between, places

__all__ = ["Features"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Features:
    """Vectors over time by name ("weights", "code", "audio"), all at the same times.

    A row that is not known is NaN. Wrong shapes, and times that do not increase, raise ValueError.
    """

    times: Float[np.ndarray, "T"]
    """Presentation times [s], strictly increasing."""
    values: Mapping[str, Float[np.ndarray, "T _"]]
    """Name -> one vector per frame; the vectors of different names may differ in length."""
    source: str = ""
    """Where the features came from: a file name, a network and its version."""

    def __post_init__(self) -> None:
        checked_times(self.times, "features")
        for name, value in self.values.items():
            if value.ndim != 2 or len(value) != len(self.times):
                raise ValueError(f"features '{name}' have shape {value.shape}, not [{len(self.times)}, D]")

    def __len__(self) -> int:
        return len(self.times)

    def joined(self, names: Sequence[str]) -> Float[np.ndarray, "T D"]:
        """The vectors of `names`, concatenated in that order; raises MienError when one is missing."""
        missing = [name for name in names if name not in self.values]
        if missing:
            there = ", ".join(self.values) or "none"
            raise MienError(f"there are no features '{missing[0]}'; there are: {there}")
        return np.concatenate([self.values[name] for name in names], axis=1)

    def at(self, times: Float[np.ndarray, "S"]) -> "Features":
        """The features at other times [s], interpolated linearly and held beyond the ends.

        Raises ValueError for features without frames.
        """
        times = np.asarray(times, np.float64)
        if not len(self):
            raise ValueError("features without frames have no values at other times")
        low, share = places(self.times, times)
        high = np.minimum(low + 1, len(self) - 1)
        values = {name: between(value, low, high, share) for name, value in self.values.items()}
        return replace(self, times=times, values=values)
