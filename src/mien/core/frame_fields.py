"""The optional fields of one frame besides its weights: a `Clip` holds them for T frames, a `Pose` for one.

A field that is added to this table is checked, selected, interpolated, recorded and stored by all code that uses it.
"""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

import numpy as np
from jaxtyping import Float

__all__ = ["FRAME_FIELDS", "REST_ROTATION", "checked_times", "with_gaps"]

REST_ROTATION = (0.0, 0.0, 0.0, 1.0)
"""The quaternion (xyzw) of a head that is not turned."""

FRAME_FIELDS: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {
        "head_rotation": (4,),
        "head_translation": (3,),
        "gaze": (2, 2),
        "eye_torsion": (2,),
        "confidence": (),
        "visibility": (3,),
    }
)
"""Optional field -> its shape in one frame. `Clip` and `Pose` document the meaning of each field."""


def checked_times(times: Float[np.ndarray, "T"], owner: str) -> None:
    """Raise ValueError unless `times` are one-dimensional, finite and strictly increasing.

    `owner` is the name of the type that has the times, for messages.
    """
    if times.ndim != 1:
        raise ValueError(f"{owner} times have shape {times.shape}; they are one number per frame")
    if len(times) and not (np.isfinite(times).all() and (np.diff(times) > 0).all()):
        raise ValueError(f"{owner} times must be finite and strictly increasing")


def with_gaps(rows: Sequence[np.ndarray | float | None], shape: tuple[int, ...]) -> Float[np.ndarray, "T *shape"]:
    """One float64 array [T, *shape] from a value per frame; NaN where a frame has none."""
    out = np.full((len(rows), *shape), np.nan)
    for frame, value in _present(rows):
        out[frame] = value
    return out


def _present(rows: Sequence[np.ndarray | float | None]) -> Iterator[tuple[int, np.ndarray | float]]:
    return ((frame, value) for frame, value in enumerate(rows) if value is not None)
