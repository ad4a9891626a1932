"""The folds of mo's forehead: furrows of raised brows and one beside each lowered brow, and vertices along them."""

import numpy as np
from jaxtyping import Bool, Float

from mien.rigs.mo.sculpt import march

__all__ = ["beside_creases", "crease_points", "forehead_depth", "frown_depth"]

_LOWEST, _SPACING, _COUNT = 34.5, 7.2, 3
"""Height of the lowest furrow on the symmetry plane [mm], distance between furrows [mm], and their number."""
_ROW = _SPACING / 3
_COLUMNS = np.linspace(0, 36, 9)
_FROWN_LOW, _FROWN_HIGH, _FROWN_WIDTH = 9.0, 32.0, 2.3
"""Heights of the ends of the furrow between the brows, and the distance of its flanks from it [mm]."""


def forehead_depth(x: Float[np.ndarray, "N"], y: Float[np.ndarray, "N"]) -> Float[np.ndarray, "N"]:
    """Relative depth of the forehead's furrows at (x, y) [mm] seen from the front: 1 in the furrows, -0.5 on the ridges
    between them, 0 elsewhere."""
    across = (y - _bow(x) - _LOWEST) / _SPACING
    inside = (across > -0.5) & (across < _COUNT - 0.5)
    return np.interp(np.abs(across - np.rint(across)), (0, 1 / 3, 0.5), (1.0, -0.45, -0.5)) * inside


def frown_depth(x: Float[np.ndarray, "N"], y: Float[np.ndarray, "N"]) -> Float[np.ndarray, "N"]:
    """Relative depth of the furrow beside the left brow: 1 in the furrow, -0.5 on its flanks, 0 elsewhere."""
    along = np.sin(np.pi * np.clip((y - _FROWN_LOW) / (_FROWN_HIGH - _FROWN_LOW), 0, 1))
    return along * np.interp(np.abs(x - _frown_line(y)) / _FROWN_WIDTH, (0, 1, 2), (1.0, -0.5, 0.0))


def crease_points() -> Float[np.ndarray, "N 3"]:
    """Vertices of the left half in rows along the furrows and their flanks, so that folds run along edges."""
    heights = _LOWEST + _ROW * np.arange(-1, 3 * _COUNT - 1)
    x, y = (a.ravel() for a in np.meshgrid(_COLUMNS, heights))
    tall = np.arange(_FROWN_LOW + 1, _FROWN_HIGH, 3.4)
    frown = [np.stack([_frown_line(tall) + side * _FROWN_WIDTH, tall], 1) for side in (-1, 0, 1)]
    flat = np.concatenate([np.stack([x, y + _bow(x)], 1), *frown])
    start = np.concatenate([flat, np.full((len(flat), 1), 160.0)], axis=1)
    out = march(start, np.tile([0.0, 0.0, -1.0], (len(flat), 1)), outward=False)
    out[flat[:, 0] == 0.0, 0] = 0.0
    return np.round(out, 6)


def beside_creases(points: Float[np.ndarray, "N 3"]) -> Bool[np.ndarray, "N"]:
    """True for points of the symmetry plane in the range where `crease_points` has rows."""
    low, high = _LOWEST - 2 * _ROW, _LOWEST + (_COUNT - 1) * _SPACING + 2 * _ROW
    return (points[:, 2] > 0) & (points[:, 1] > low) & (points[:, 1] < high)


def _bow(x: np.ndarray) -> np.ndarray:
    """Height of a furrow at x above its height on the symmetry plane [mm]; furrows follow the arch of the brows."""
    return 1.8 * np.sin(np.pi * np.clip(np.abs(x) / 48, 0, 1))


def _frown_line(y: np.ndarray) -> np.ndarray:
    return 5.2 + 0.05 * (y - 10)
