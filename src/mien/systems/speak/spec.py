"""Inputs and outputs of the speak network: visemes, face, eyes and head, in chunks; does not import torch."""

import numpy as np
from jaxtyping import Float

from mien.core import ARKIT, Clip, VisemeTrack
from mien.core.channels import index
from mien.core.transforms import angles_from_quaternion
from mien.core.visemes import VISEMES

__all__ = [
    "CHUNK",
    "CODES",
    "EYES",
    "FACE",
    "FPS",
    "HEAD",
    "LEVELS",
    "LOOK_AHEAD",
    "NOISE",
    "RESIDUAL",
    "SIGNALS",
    "STYLE",
    "STYLE_SECONDS",
    "Signals",
    "levels_of_track",
    "signals_of_clip",
    "signals_of_weights",
    "weights_of_signals",
]

FPS = 60
"""Frames per second of the network."""
CHUNK = 12
"""Frames in a chunk: the network takes and gives 0.2 s at a time."""
LOOK_AHEAD = 36
"""Frames of visemes that the network must see beyond the frame that it animates: 0.6 s. Lips part half a second before
the first word, and rounding begins up to 0.3 s before its vowel."""
STYLE = 16
"""Length of a style vector."""
STYLE_SECONDS = 8.0
"""Length of the windows from which a style is read [s]."""
RESIDUAL = 4
"""Length of the residual vector of a chunk."""

_FACE_STEMS = (
    "jawOpen", "mouthClose", "mouthFunnel", "mouthPucker", "mouthRollLower", "mouthRollUpper", "tongueOut",
    "browInnerUp", "mouthPress", "mouthStretch", "mouthSmile", "mouthDimple", "mouthLowerDown", "mouthUpperUp",
    "cheekSquint", "browOuterUp", "browDown",
)  # fmt: skip
FACE: tuple[str, ...] = tuple(
    name for stem in _FACE_STEMS for name in ARKIT if name in (stem, f"{stem}Left", f"{stem}Right")
)
"""Channels that follow from visemes and style."""
EYES: tuple[str, ...] = ("blink", "squint", "gaze_x", "gaze_y")
"""Signals of the eyes: closure of both lids, squint, gaze to the subject's left and up in eyeLook weights."""
HEAD: tuple[str, ...] = ("yaw", "pitch", "roll")
"""Angles of the head [rad]."""
SIGNALS: tuple[str, ...] = (*FACE, *EYES, *HEAD)
"""All signals of a performance."""

LEVELS = {"lids": (5, 5, 5), "gaze": (7, 7, 5), "head": (5, 5, 5, 5)}
"""Steps of each number of a chunk's code, for each of the three priors (finite scalar quantisation, Mentzer et al.
2023)."""
CODES = {name: int(np.prod(levels)) for name, levels in LEVELS.items()}
"""Number of codes of each prior."""
NOISE = sum(CODES.values())
"""Random numbers that decide a chunk's codes."""

Signals = Float[np.ndarray, "T S"]
"""`SIGNALS` over time."""

_AT = index(ARKIT)
_OVERSAMPLED = 4


def levels_of_track(track: VisemeTrack, frames: int, start: float = 0.0) -> Float[np.ndarray, "T 15"]:
    """Level of each viseme in each frame, the mean over the frame's time, so that times between frames count."""
    fine = start + (np.arange(frames * _OVERSAMPLED) + 0.5) / (FPS * _OVERSAMPLED) - 0.5 / FPS
    return track.levels(fine).reshape(frames, _OVERSAMPLED, len(VISEMES)).mean(axis=1)


def signals_of_clip(clip: Clip) -> Signals:
    """The signals of a clip at `FPS`; the head's angles about their mean, zero for a clip without a head."""
    times = clip.times[0] + np.arange(int(clip.duration * FPS + 1e-6) + 1) / FPS
    filled = clip.with_channels(ARKIT).filled().at(times)
    head = None if filled.head_rotation is None else angles_from_quaternion(filled.head_rotation)
    return signals_of_weights(filled.weights, head)


def signals_of_weights(weights: Float[np.ndarray, "T 52"], angles: Float[np.ndarray, "T 3"] | None) -> Signals:
    """The signals of ARKit weights at `FPS` and of head angles [rad], which are taken about their mean."""
    w = {name: weights[:, _AT[name]] for name in ARKIT}
    x = (w["eyeLookOutLeft"] - w["eyeLookInLeft"] + w["eyeLookInRight"] - w["eyeLookOutRight"]) / 2
    y = (w["eyeLookUpLeft"] - w["eyeLookDownLeft"] + w["eyeLookUpRight"] - w["eyeLookDownRight"]) / 2
    blink = (w["eyeBlinkLeft"] + w["eyeBlinkRight"]) / 2
    squint = (w["eyeSquintLeft"] + w["eyeSquintRight"]) / 2
    angles = np.zeros((len(weights), 3)) if angles is None else angles
    eyes = np.stack([blink, squint, x, y], axis=1)
    face = weights[:, [_AT[name] for name in FACE]]
    return np.concatenate([face, eyes, angles - angles.mean(axis=0)], axis=1).astype(np.float32)


def weights_of_signals(signals: Signals) -> Float[np.ndarray, "T 52"]:
    """ARKit weights of a performance's signals, clipped to [0, 1]; mouthClose never exceeds jawOpen."""
    weights = np.zeros((len(signals), len(ARKIT)), np.float32)
    weights[:, [_AT[name] for name in FACE]] = signals[:, : len(FACE)]
    blink, squint, x, y = signals[:, len(FACE) : len(FACE) + len(EYES)].T
    for side, out in (("Left", 1.0), ("Right", -1.0)):
        weights[:, _AT[f"eyeBlink{side}"]] = blink
        weights[:, _AT[f"eyeSquint{side}"]] = squint
        weights[:, _AT[f"eyeLookOut{side}"]] = out * x
        weights[:, _AT[f"eyeLookIn{side}"]] = -out * x
        weights[:, _AT[f"eyeLookUp{side}"]] = y
        weights[:, _AT[f"eyeLookDown{side}"]] = -y
    weights = np.clip(weights, 0.0, 1.0)
    close, jaw = _AT["mouthClose"], _AT["jawOpen"]
    weights[:, close] = np.minimum(weights[:, close], weights[:, jaw])
    return weights
