"""Mo's texture coordinates: every piece in its own rectangle of the unit square, what is round cut open at the back."""

import numpy as np
from jaxtyping import Float, Int

from mien.rigs.mo.piece import Piece
from mien.rigs.mo.sculpt import ORIGIN

__all__ = ["unwrap"]

_ROUND = {"skin": ORIGIN, "hair": np.array([0.0, 26.0, -16.0])}
"""Pieces seen whole from a point: azimuth over elevation. The others are taken as seen from the front."""
_BAND = 0.24
"""Height of the row of small pieces below the skin."""
_GAP = 0.008


def unwrap(pieces: list[Piece]) -> tuple[Float[np.ndarray, "U 2"], Int[np.ndarray, "F 3"]]:
    """(coordinates, v upwards; indices into them per corner of all triangles in the pieces' order)."""
    small = [p.name for p in pieces if p.name != "skin"]
    tables, corners, count = [], [], 0
    for p in pieces:
        flat = _round(p, _ROUND[p.name]) if p.name in _ROUND else p.vertices[p.triangles][..., :2].copy()
        low, high = flat.min(axis=(0, 1)), flat.max(axis=(0, 1))
        unit = (flat - low) / np.where(high > low, high - low, 1.0)
        if p.name == "skin":
            place, size = np.array([0.0, _BAND]), np.array([1.0, 1.0 - _BAND])
        else:
            place, size = np.array([small.index(p.name) / len(small), 0.0]), np.array([1 / len(small), _BAND])
        inside = place + _GAP / 2 + unit * (size - _GAP)
        rows = np.concatenate([p.triangles.reshape(-1, 1), np.rint(inside.reshape(-1, 2) * 65535)], axis=1)
        own, at = np.unique(rows.astype(np.int64), axis=0, return_inverse=True)
        tables.append(own[:, 1:] / 65535)
        corners.append(at.reshape(-1, 3) + count)
        count += len(own)
    return np.concatenate(tables), np.concatenate(corners)


def _round(piece: Piece, origin: np.ndarray) -> Float[np.ndarray, "F 3 2"]:
    """Azimuth and elevation [rad] of the corners; each triangle whole, on its own side of the cut at the back."""
    ray = piece.vertices - origin
    ray /= np.linalg.norm(ray, axis=1, keepdims=True)
    azimuth = np.arctan2(ray[:, 0], ray[:, 2])[piece.triangles]
    middle = ray[piece.triangles].mean(axis=1)
    centre = np.arctan2(middle[:, 0], middle[:, 2])[:, None]
    azimuth = centre + (azimuth - centre + np.pi) % (2 * np.pi) - np.pi
    return np.stack([azimuth, np.arcsin(np.clip(ray[:, 1], -1, 1))[piece.triangles]], axis=-1)
