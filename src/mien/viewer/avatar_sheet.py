"""The preview of an avatar: photos of the person, the head from all sides, and some expressions."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8

from mien.core.clip import Clip
from mien.core.rig import Rig
from mien.viewer.paint import Painter
from mien.viewer.sheet import EXPRESSIONS, expression_weights

__all__ = ["avatar_sheet"]

_VIEWS = (0.0, 0.6, -0.6, 1.5, np.pi)
"""Yaw of the pictures at rest [rad]: front, three-quarter views, profile, back."""
_FACES = ("blink", "joy", "surprise", "anger", "sadness")
_BLINK = {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}


def avatar_sheet(
    rig: Rig, photos: Sequence[UInt8[np.ndarray, "H W 3"]] = (), *, cell: int = 320
) -> UInt8[np.ndarray, "R C 3"]:
    """Two rows of pictures, a photo or two before them; `cell` is the side of a picture [px]."""
    views = [_draw(rig, cell, {}, yaw=yaw) for yaw in _VIEWS]
    faces = [_draw(rig, cell, _BLINK if name == "blink" else EXPRESSIONS[name], face=True) for name in _FACES]
    rows = [np.concatenate(views, axis=1), np.concatenate(faces, axis=1)]
    shown = [_fitted(photo, cell) for photo in photos[:2]]
    if shown:
        empty = np.full_like(shown[0], 52)
        shown = [*shown, empty][:2]
        rows = [np.concatenate([photo, row], axis=1) for photo, row in zip(shown, rows, strict=True)]
    return np.concatenate(rows)


def _draw(rig: Rig, cell: int, weights: dict[str, float], *, yaw: float = 0.0, face: bool = False) -> np.ndarray:
    painter = Painter(rig, cell, cell, yaw=yaw, face=face, fill=0.92, glow=False)
    return painter.draw(rig.perform(Clip(times=np.zeros(1), weights=expression_weights(weights)[None]), 0))


def _fitted(photo: np.ndarray, cell: int) -> np.ndarray:
    """The photo in a square, whole, on grey."""
    import cv2

    scale = cell / max(photo.shape[:2])
    height, width = (max(1, round(side * scale)) for side in photo.shape[:2])
    out = np.full((cell, cell, 3), 52, np.uint8)
    top, left = (cell - height) // 2, (cell - width) // 2
    out[top : top + height, left : left + width] = cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA)
    return out
