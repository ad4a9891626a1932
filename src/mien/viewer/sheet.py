"""Contact sheet of a rig (three views, six basic expressions, visemes, every channel at 1, and its correctives), and
the pictures of a turntable."""

from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from mien.core.channels import ARKIT, index
from mien.core.clip import Clip
from mien.core.rig import Corrective, Rig
from mien.core.visemes import VISEMES, arkit_from_visemes
from mien.viewer.paint import Painter
from mien.viewer.preview import readable

__all__ = ["EXPRESSIONS", "contact_sheet", "expression_weights", "turntable"]


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
    rig: Rig,
    *,
    visemes: Sequence[str] = VISEMES,
    cell: int = 160,
    columns: int = 9,
    background: tuple[int, int, int] = (52, 56, 65),
) -> UInt8[np.ndarray, "H W 3"]:
    """Three views, six expressions, visemes, all channels that the rig has, and the effects of its correctives.

    Args:
        rig: any rig.
        visemes: names of `core.visemes.VISEMES` to show, with weights of `arkit_from_visemes`; none for no such row.
        cell: side of the small pictures [px].
        columns: number of small pictures in a row.
        background: colour of the background, RGB.
    """
    width = cell * columns

    def painter(side: int, **options: Any) -> Painter:
        return Painter(rig, side, side, background=background, glow=False, **options)

    views = [painter(width // 3, yaw=yaw).draw(rig.neutral.vertices) for yaw in (0.0, 0.7, 1.5)]
    near, small = (painter(side, fill=0.92, face=True) for side in (width // 6, cell))

    def posed(of: Rig, draw: Painter, weights: Float[np.ndarray, "52"], name: str) -> np.ndarray:
        return _label(draw.draw(of.perform(Clip(times=np.zeros(1), weights=weights[None]), 0)), name)

    def single(name: str) -> np.ndarray:
        return expression_weights({name: 1.0})

    spoken = zip(visemes, arkit_from_visemes(np.eye(len(visemes)), visemes), strict=True)
    own = [name for name in ARKIT if name in rig.shape_names]
    bare = replace(rig, correctives=(), corrective_shapes=None)
    pairs = [
        posed(of, small, _driven(corrective), "corrected" if of is rig else _meeting(corrective))
        for corrective in rig.correctives
        for of in (bare, rig)
    ]
    sections = {
        f"{rig.name}: {len(rig.neutral.vertices):,} vertices, {len(own)} of {len(ARKIT)} ARKit shapes": (views, 3),
        "expressions": ([posed(rig, near, expression_weights(w), name) for name, w in EXPRESSIONS.items()], 6),
        "visemes": ([posed(rig, small, weights, name) for name, weights in spoken], columns),
        "shapes": ([posed(rig, small, single(name), readable(name)) for name in own], columns),
        "correctives": (pairs, columns - columns % 2),
    }
    rows: list[np.ndarray] = []
    for title, (cells, across) in sections.items():
        if cells:
            rows.append(_heading(title, width, cell, background))
        for start in range(0, len(cells), across):
            rows.append(_fill(np.concatenate(cells[start : start + across], axis=1), width, background))
    return np.concatenate(rows)


def turntable(
    rig: Rig, *, side: int = 288, frames: int = 36, background: tuple[int, int, int] = (52, 56, 65)
) -> list[UInt8[np.ndarray, "H W 3"]]:
    """Pictures of the rig at rest, turned once about its vertical axis; `side` is that of the pictures [px]."""
    angles = np.arange(frames) * 2 * np.pi / frames
    return [
        Painter(rig, side, side, yaw=float(yaw), background=background, glow=False).draw(rig.neutral.vertices)
        for yaw in angles
    ]


def _driven(corrective: Corrective) -> Float[np.ndarray, "52"]:
    """Channel weights at which the corrective's weight is 1."""
    channels = corrective.channels[:1] if corrective.rule == "excess" else corrective.channels
    return expression_weights({name: 1.0 for name in channels if name in ARKIT})


def _meeting(corrective: Corrective) -> str:
    """The channels that a corrective is for, in words: "eye blink L + wide L"."""
    first, *others = (readable(name) for name in corrective.channels)
    region = first.partition(" ")[0] + " "
    return (" over " if corrective.rule == "excess" else " + ").join([first, *(o.removeprefix(region) for o in others)])


def _heading(text: str, width: int, cell: int, background: tuple[int, int, int]) -> np.ndarray:
    import cv2

    image = np.full((max(cell // 5, 12), width, 3), background, np.uint8)
    size = 0.5 * cell / 160
    cv2.putText(
        image,
        text,
        (cell // 16, round(0.7 * image.shape[0])),
        cv2.FONT_HERSHEY_SIMPLEX,
        size,
        (235, 238, 245),
        1,
        cv2.LINE_AA,
    )
    return image


def _fill(row: np.ndarray, width: int, background: tuple[int, int, int]) -> np.ndarray:
    out = np.full((row.shape[0], width, 3), background, np.uint8)
    out[:, : row.shape[1]] = row
    return out


def _label(image: np.ndarray, text: str) -> np.ndarray:
    import cv2

    size = 0.36 * image.shape[1] / 160
    image[-round(0.1 * image.shape[0]) :] = image[-round(0.1 * image.shape[0]) :] // 4  # a dark strip below the text
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
