"""Vertex colours of mo's skin: red lips, blush, and dark places that light does not reach."""

import numpy as np
from jaxtyping import Float

from mien.rigs.mo.deform import Skin
from mien.rigs.mo.rings import CONTACT, RED
from mien.rigs.mo.sculpt import EYE_CENTRE

__all__ = ["skin_tint"]


def skin_tint(skin: Skin) -> Float[np.ndarray, "V 3"]:
    """Factors on the skin's base colour; 1 is bare skin."""
    v = skin.v
    p = v * [1, 1, 1]
    p[:, 0] = np.abs(p[:, 0])
    tint = np.ones((len(v), 3))

    def stain(weight: np.ndarray, color: tuple[float, float, float]) -> None:
        tint[:] = tint * (1 - weight[:, None] * (1 - np.asarray(color)))

    def spot(centre: tuple[float, float, float], radius: float, power: float = 2.0) -> np.ndarray:
        return np.exp(-((np.linalg.norm(p - centre, axis=1) / radius) ** power))

    stain(0.60 * spot((41, -33, 56), 17), (1.0, 0.79, 0.79))  # cheeks
    stain(0.55 * spot((0, -27, 90), 9), (1.0, 0.80, 0.77))  # tip of the nose
    stain(0.35 * spot((0, -84, 68), 12), (1.0, 0.85, 0.83))  # chin
    stain(0.40 * spot((34, 18, 62), 12), (0.95, 0.85, 0.83))  # under the brow
    stain(1.0 * spot((4.9, -35.2, 77.4), 2.7, 4.0), (0.36, 0.17, 0.15))  # nostrils
    stain(0.45 * (1 - np.clip((v[:, 1] + 128) / 34, 0, 1)) * (v[:, 1] < -94), (0.94, 0.86, 0.84))  # neck
    for side in ("upper", "lower"):
        red = (0.87, 0.61, 0.61) if side == "upper" else (0.93, 0.67, 0.66)
        for row, weight in zip(RED, (1.0, 1.0, 1.0, 0.8, 0.35), strict=True):
            at = skin.lips(side, row)
            t = np.abs(skin.along(at))
            amount = weight * (1 - 0.6 * t**6)
            deep = {CONTACT: 0.76, CONTACT + 1: 0.93}.get(row, 1.0)
            tint[at] = tint[at] * (1 - amount[:, None] * (1 - np.asarray(red) * deep))
        for row, level in enumerate((0.07, 0.10, 0.13, 0.17, 0.22, 0.32, 0.42, 0.55)):
            tint[skin.lips(side, row)] = np.array([1.0, 0.50, 0.50]) * level
    for side in ("upper", "lower"):
        rows = skin.labels[f"eye_{side}"]
        for row, color in ((4, (0.80, 0.60, 0.57)), (5, (0.95, 0.84, 0.81)), (3, (0.80, 0.52, 0.50))):
            for at in (rows[row], skin.mirror[rows[row]]):
                tint[at] = color
        for row in (0, 1, 2):
            for at in (rows[row], skin.mirror[rows[row]]):
                tint[at] = (0.55, 0.36, 0.34)
    crease = skin.labels["eye_upper"]  # the fold above the upper lid
    for row, weight in ((6, 0.25), (7, 0.75), (8, 0.35)):
        along = np.sin(np.pi * np.linspace(0.04, 0.96, crease.shape[1])) ** 0.6
        for at in (crease[row], skin.mirror[crease[row]]):
            tint[at] *= 1 - (weight * along)[:, None] * (1 - np.array([0.82, 0.62, 0.58]))
    near_lid = np.linalg.norm(p - EYE_CENTRE, axis=1)
    stain(0.12 * np.exp(-(((near_lid - 23.5) / 3.0) ** 2)) * (v[:, 1] < -6), (0.92, 0.82, 0.82))
    return np.clip(tint, 0, 1)
