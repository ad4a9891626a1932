"""One picture that shows what a rig can do: three views, six basic expressions, every channel at 1."""

from types import MappingProxyType

import numpy as np
from jaxtyping import Float, UInt8

from mien.core.channels import ARKIT, index
from mien.core.clip import Clip
from mien.core.rig import Rig
from mien.viewer.paint import Painter
from mien.viewer.preview import readable

__all__ = ["EXPRESSIONS", "contact_sheet", "expression_weights"]


def _both(**weights: float) -> dict[str, float]:
    return {f"{name}{side}": value for name, value in weights.items() for side in ("Left", "Right")}


EXPRESSIONS = MappingProxyType(
    {
        "joy": {**_both(mouthSmile=1.0, cheekSquint=0.7, eyeSquint=0.3, mouthUpperUp=0.2), "jawOpen": 0.25},
        "sadness": {**_both(mouthFrown=0.8, eyeLookDown=0.4), "browInnerUp": 0.9, "mouthShrugLower": 0.4},
        "anger": {**_both(browDown=1.0, noseSneer=0.4, mouthPress=0.7, eyeSquint=0.5, mouthFrown=0.4)},
        "surprise": {**_both(browOuterUp=0.9, eyeWide=1.0), "browInnerUp": 0.8, "jawOpen": 0.7, "mouthFunnel": 0.2},
        "fear": {**_both(browDown=0.3, eyeWide=0.8, mouthStretch=0.8), "browInnerUp": 1.0, "jawOpen": 0.3},
        "disgust": {**_both(noseSneer=1.0, mouthUpperUp=0.6, browDown=0.6, eyeSquint=0.5, mouthFrown=0.3)},
    }
)
"""The six basic emotions as channel weights, after the action units of EMFACS (Friesen & Ekman 1983)."""


def expression_weights(weights: dict[str, float]) -> Float[np.ndarray, "52"]:
    """A weight vector in ARKit order; raises KeyError for a channel that is not ARKit's."""
    at = index(ARKIT)
    out = np.zeros(len(ARKIT), np.float32)
    for name, value in weights.items():
        out[at[name]] = value
    return out


def contact_sheet(
    rig: Rig, *, cell: int = 160, columns: int = 9, background: tuple[int, int, int] = (52, 56, 65)
) -> UInt8[np.ndarray, "H W 3"]:
    """Three views, six expressions and all channels that the rig has; `cell` is the side of the small pictures [px]."""
    width = cell * columns
    neutral = rig.neutral.vertices
    third = width // 3
    views = [
        Painter(rig, third, third, yaw=yaw, background=background, glow=False).draw(neutral) for yaw in (0.0, 0.7, 1.5)
    ]
    rows = [_fill(np.concatenate(views, axis=1), width, background)]
    sixth = width // 6
    near = Painter(rig, sixth, sixth, fill=0.92, face=True, background=background, glow=False)
    faces = [_label(near.draw(_posed(rig, weights)), name) for name, weights in EXPRESSIONS.items()]
    rows.append(_fill(np.concatenate(faces, axis=1), width, background))
    own = [name for name in ARKIT if name in rig.shape_names]
    small = Painter(rig, cell, cell, fill=0.92, face=True, background=background, glow=False)
    cells = [_label(small.draw(_posed(rig, {name: 1.0})), readable(name)) for name in own]
    for start in range(0, len(cells), columns):
        rows.append(_fill(np.concatenate(cells[start : start + columns], axis=1), width, background))
    return np.concatenate(rows)


def _posed(rig: Rig, weights: dict[str, float]) -> np.ndarray:
    clip = Clip(times=np.zeros(1), weights=expression_weights(weights)[None])
    return rig.perform(clip, 0)


def _fill(row: np.ndarray, width: int, background: tuple[int, int, int]) -> np.ndarray:
    out = np.full((row.shape[0], width, 3), background, np.uint8)
    out[:, : row.shape[1]] = row
    return out


def _label(image: np.ndarray, text: str) -> np.ndarray:
    import cv2

    size = 0.36 * image.shape[1] / 160
    image[-round(0.1 * image.shape[0]) :] = image[-round(0.1 * image.shape[0]) :] // 4  # a dark strip to read it on
    cv2.putText(
        image,
        text,
        (5, image.shape[0] - round(0.033 * image.shape[0])),
        cv2.FONT_HERSHEY_SIMPLEX,
        size,
        (235, 238, 245),
        1,
        cv2.LINE_AA,
    )
    return image
