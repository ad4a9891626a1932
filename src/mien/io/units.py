"""Units of length in files that state none."""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from mien.core.errors import MienError

__all__ = ["UNITS", "in_millimetres", "millimetres_per"]

UNITS = {"mm": 1.0, "cm": 10.0, "m": 1000.0}
"""Millimetres per unit."""
_FARTHEST = 1e7
"""Coordinates beyond this [mm] count as damage; float32 no longer resolves a millimetre there."""
_SMALLEST = {"m": 0.1, "cm": 10.0, "mm": 100.0}
"""Unit -> smallest plausible extent of a face or a bust in that unit; the largest is one metre."""


def millimetres_per(path: Path, vertices: Float[np.ndarray, "V 3"], unit: str | None) -> float:
    """Millimetres per unit of a file's coordinates; without `unit` it is inferred from the largest extent of the mesh.

    A face or a bust is 0.1 to 1 m large: an extent from 0.1 to 1 is in metres, from 10 to 100 in centimetres, from 100
    to 1000 in millimetres. Raises MienError when the unit is unknown, or the extent lies in none of these ranges.
    """
    if unit is not None:
        if unit not in UNITS:
            raise MienError(f"{path}: there is no unit '{unit}'; use one of: {', '.join(UNITS)}")
        return UNITS[unit]
    extent = float(np.ptp(vertices, axis=0).max())
    for name, low in _SMALLEST.items():
        if low <= extent < 1000 / UNITS[name]:
            return UNITS[name]
    raise MienError(f"{path}: {extent:.3g} units large, which is no head in m, cm or mm; state its `unit`")


def in_millimetres(path: Path, vertices: Float[np.ndarray, "V 3"], scale: float) -> Float[np.ndarray, "V 3"]:
    """`vertices` times `scale` as float32 [mm]; raises MienError when a coordinate is not finite or too large."""
    if not np.isfinite(vertices).all():
        raise MienError(f"{path}: a vertex is not a number; export it again")
    farthest = float(np.abs(vertices).max(initial=0.0)) * scale
    if farthest > _FARTHEST:
        raise MienError(f"{path}: a vertex lies {farthest / 1e6:.3g} km away; export it again")
    return (vertices * scale).astype(np.float32)
