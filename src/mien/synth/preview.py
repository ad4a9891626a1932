"""Contact sheets of a training set, for visual inspection."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from mien.core import MienError
from mien.io.atomic import write_whole
from mien.synth.dataset import ShardSettings, make_shard
from mien.track.align import CROP, MARGIN

__all__ = ["contact_sheet"]

_TILE = 192
_STILLS_PER_CAST = 2


def contact_sheet(path: Path, seed: int, rows: int, columns: int) -> None:
    """Write a PNG or JPEG of rows x columns aligned crops, as the network gets them; every other one with landmarks.

    Green points are visible, red ones are hidden. Two neighbours show the same performer. Raises MienError for an empty
    sheet, a path that cannot be written, or a machine without EGL.
    """
    import cv2

    if rows < 1 or columns < 1:
        raise MienError(f"a contact sheet needs at least one row and one column, not {rows} x {columns}")
    settings = ShardSettings(seed=seed, per_shard=rows * columns, frames=1, identities=(0, 100_000))
    arrays = make_shard(0, settings, stills_per_cast=_STILLS_PER_CAST)
    tiles = [_tile(arrays, n, marked=n % _STILLS_PER_CAST == 1) for n in range(rows * columns)]
    sheet = np.vstack([np.hstack(tiles[r * columns : (r + 1) * columns]) for r in range(rows)])
    path = Path(path)
    if path.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise MienError(f"cannot write {path}: name a .png or .jpg file")
    with write_whole(path) as temporary:
        cv2.imwrite(str(temporary), sheet[..., ::-1])


def _tile(arrays: dict[str, np.ndarray], n: int, *, marked: bool) -> UInt8[np.ndarray, "N N 3"]:
    import cv2

    within = slice(MARGIN, MARGIN + CROP)
    inner = arrays["crops"][n, 0, within, within]
    tile = cv2.resize(inner, (_TILE, _TILE), interpolation=cv2.INTER_CUBIC)
    if marked:
        scale = _TILE / inner.shape[0]
        for point, visible in zip(arrays["landmarks"][n, 0], arrays["landmarks_visible"][n, 0], strict=True):
            x, y = (point - MARGIN + 0.5) * scale - 0.5
            cv2.circle(tile, (round(float(x)), round(float(y))), 1, (0, 255, 0) if visible else (255, 40, 40), -1)
    return np.asarray(tile, np.uint8)
