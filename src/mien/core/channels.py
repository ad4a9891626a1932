"""Expression channel vocabularies: the 52 ARKit names, and their conversion to and from FACS action units."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from jaxtyping import Float

__all__ = [
    "ARKIT",
    "AU_INTENSITY_MAX",
    "AU_TO_ARKIT",
    "arkit_from_aus",
    "aus_from_arkit",
    "index",
    "mirrored",
    "side_pairs",
]

ARKIT: tuple[str, ...] = (
    "eyeBlinkLeft", "eyeLookDownLeft", "eyeLookInLeft", "eyeLookOutLeft", "eyeLookUpLeft", "eyeSquintLeft",
    "eyeWideLeft", "eyeBlinkRight", "eyeLookDownRight", "eyeLookInRight", "eyeLookOutRight", "eyeLookUpRight",
    "eyeSquintRight", "eyeWideRight", "jawForward", "jawRight", "jawLeft", "jawOpen", "mouthClose", "mouthFunnel",
    "mouthPucker", "mouthRight", "mouthLeft", "mouthSmileLeft", "mouthSmileRight", "mouthFrownLeft",
    "mouthFrownRight", "mouthDimpleLeft", "mouthDimpleRight", "mouthStretchLeft", "mouthStretchRight",
    "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthPressLeft", "mouthPressRight",
    "mouthLowerDownLeft", "mouthLowerDownRight", "mouthUpperUpLeft", "mouthUpperUpRight", "browDownLeft",
    "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight", "cheekPuff", "cheekSquintLeft",
    "cheekSquintRight", "noseSneerLeft", "noseSneerRight", "tongueOut",
)  # fmt: skip
"""Apple's 52 face tracking coefficients in the order of the Live Link Face CSV header (mien's canonical order)."""

AU_INTENSITY_MAX = 5.0
"""FACS intensity E (maximum) on the numeric 0-5 scale (Ekman, Friesen & Hager 2002)."""

_AU_PAIRS: dict[str, tuple[str, ...]] = {
    "AU1": ("browInnerUp",),
    "AU2": ("browOuterUpLeft", "browOuterUpRight"),
    "AU4": ("browDownLeft", "browDownRight"),
    "AU5": ("eyeWideLeft", "eyeWideRight"),
    "AU6": ("cheekSquintLeft", "cheekSquintRight"),
    "AU7": ("eyeSquintLeft", "eyeSquintRight"),
    "AU9": ("noseSneerLeft", "noseSneerRight"),
    "AU10": ("mouthUpperUpLeft", "mouthUpperUpRight"),
    "AU12": ("mouthSmileLeft", "mouthSmileRight"),
    "AU14": ("mouthDimpleLeft", "mouthDimpleRight"),
    "AU15": ("mouthFrownLeft", "mouthFrownRight"),
    "AU16": ("mouthLowerDownLeft", "mouthLowerDownRight"),
    "AU17": ("mouthShrugLower",),
    "AU18": ("mouthPucker",),
    "AU19": ("tongueOut",),
    "AU20": ("mouthStretchLeft", "mouthStretchRight"),
    "AU22": ("mouthFunnel",),
    "AU24": ("mouthPressLeft", "mouthPressRight"),
    "AU26": ("jawOpen",),
    "AU28": ("mouthRollLower", "mouthRollUpper"),
    "AU29": ("jawForward",),
    "AU30L": ("jawLeft",),
    "AU30R": ("jawRight",),
    "AU34": ("cheekPuff",),
    "AU45": ("eyeBlinkLeft", "eyeBlinkRight"),
    "AU61": ("eyeLookOutLeft", "eyeLookInRight"),
    "AU62": ("eyeLookInLeft", "eyeLookOutRight"),
    "AU63": ("eyeLookUpLeft", "eyeLookUpRight"),
    "AU64": ("eyeLookDownLeft", "eyeLookDownRight"),
}
AU_TO_ARKIT: Mapping[str, tuple[str, ...]] = MappingProxyType(_AU_PAIRS)
"""FACS action unit -> the ARKit channels it drives (left and right together; AU61/62 turn to the subject's left/right).

Channels that no action unit drives (mouthClose, mouthLeft/Right, mouthShrugUpper) become zero.
"""


def index(channels: Sequence[str]) -> dict[str, int]:
    """Channel name -> position."""
    return {name: i for i, name in enumerate(channels)}


def mirrored(name: str) -> str:
    """The channel of the other side (`jawLeft` for `jawRight` and back); a central channel is its own mirror."""
    if name.endswith("Left"):
        return name[: -len("Left")] + "Right"
    if name.endswith("Right"):
        return name[: -len("Right")] + "Left"
    return name


def side_pairs(names: Sequence[str]) -> list[tuple[int, int]]:
    """Positions of (left, right) pairs of channels; directions of the whole face (jawLeft, mouthRight) are no pairs."""
    at = index(names)
    return [
        (i, at[mirrored(name)])
        for name, i in at.items()
        if name.endswith("Left") and name not in ("jawLeft", "mouthLeft") and mirrored(name) in at
    ]


def arkit_from_aus(
    aus: Float[np.ndarray, "*batch A"], names: Sequence[str], *, side: str = "both"
) -> Float[np.ndarray, "*batch 52"]:
    """ARKit weights in [0, 1] from action unit intensities in [0, 5]; `names` labels the last axis ("AU12").

    `side` is "both", "Left" or "Right" and restricts paired units. Unknown units raise KeyError.
    """
    weights = np.zeros((*aus.shape[:-1], len(ARKIT)), np.float32)
    at = index(ARKIT)
    for a, name in enumerate(names):
        for channel in AU_TO_ARKIT[name]:
            paired = channel.endswith(("Left", "Right")) and name not in ("AU30L", "AU30R", "AU61", "AU62")
            if paired and side != "both" and not channel.endswith(side):
                continue
            level = np.clip(aus[..., a] / AU_INTENSITY_MAX, 0.0, 1.0)
            weights[..., at[channel]] = np.maximum(weights[..., at[channel]], level)
    return weights


def aus_from_arkit(weights: Float[np.ndarray, "*batch 52"], names: Sequence[str]) -> Float[np.ndarray, "*batch A"]:
    """Action unit intensities in [0, 5] from ARKit weights: the mean over the channels a unit drives."""
    at = index(ARKIT)
    columns = [weights[..., [at[c] for c in AU_TO_ARKIT[name]]].mean(axis=-1) for name in names]
    return np.stack(columns, axis=-1).astype(np.float32) * np.float32(AU_INTENSITY_MAX)
