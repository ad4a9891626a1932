"""Keyframed expressions: prototypes as FACS describes them, blended, asymmetric, with onset, apex and offset."""

from dataclasses import dataclass

import numpy as np

from mien.core.channels import ARKIT, side_pairs
from mien.synth.motion.groups import AT, COUNT, MIRROR, expand
from mien.synth.motion.ramps import pulse

__all__ = ["EMOTIONS", "EXPRESSIONS", "expression_apex", "expression_track"]

Range = tuple[float, float]

EMOTIONS: tuple[str, ...] = ("happiness", "sadness", "surprise", "fear", "anger", "disgust")
"""The six basic emotions (Ekman 1992)."""

EXPRESSIONS: dict[str, dict[str, Range]] = {
    # The prototypes' action units: Ekman & Friesen's EMFACS combinations as tabled by Du, Tao & Martinez (PNAS 2014).
    "happiness": {"mouthSmile": (0.5, 1.0), "cheekSquint": (0.2, 0.9), "eyeSquint": (0.1, 0.5), "jawOpen": (0.0, 0.3),
                  "mouthUpperUp": (0.0, 0.4), "mouthDimple": (0.0, 0.3), "mouthLowerDown": (0.0, 0.3)},
    "sadness": {"browInnerUp": (0.4, 1.0), "browDown": (0.0, 0.4), "mouthFrown": (0.3, 1.0),
                "mouthShrugLower": (0.1, 0.8), "eyeSquint": (0.0, 0.4), "eyeLookDown": (0.0, 0.4),
                "mouthRollLower": (0.0, 0.2)},
    "surprise": {"browInnerUp": (0.5, 1.0), "browOuterUp": (0.5, 1.0), "eyeWide": (0.3, 1.0), "jawOpen": (0.2, 0.9),
                 "mouthFunnel": (0.0, 0.4)},
    "fear": {"browInnerUp": (0.5, 1.0), "browOuterUp": (0.1, 0.7), "browDown": (0.0, 0.4), "eyeWide": (0.4, 1.0),
             "mouthStretch": (0.3, 1.0), "jawOpen": (0.0, 0.6), "mouthLowerDown": (0.1, 0.6)},
    "anger": {"browDown": (0.5, 1.0), "eyeWide": (0.0, 0.6), "eyeSquint": (0.1, 0.6), "mouthPress": (0.2, 1.0),
              "noseSneer": (0.0, 0.6), "jawForward": (0.0, 0.6), "mouthRollLower": (0.0, 0.3),
              "mouthFrown": (0.0, 0.4)},
    "disgust": {"noseSneer": (0.5, 1.0), "mouthUpperUp": (0.3, 1.0), "browDown": (0.2, 0.7),
                "cheekSquint": (0.2, 0.7), "mouthFrown": (0.0, 0.5), "mouthShrugLower": (0.0, 0.6),
                "eyeSquint": (0.1, 0.5), "jawOpen": (0.0, 0.2)},
    "contempt": {"mouthDimpleLeft": (0.3, 1.0), "mouthSmileLeft": (0.2, 0.7), "mouthPressLeft": (0.0, 0.4),
                 "eyeSquint": (0.0, 0.3)},
    "pain": {"browDown": (0.4, 1.0), "cheekSquint": (0.4, 1.0), "eyeSquint": (0.4, 1.0), "noseSneer": (0.2, 0.8),
             "mouthUpperUp": (0.1, 0.7), "eyeBlink": (0.0, 0.9), "mouthStretch": (0.0, 0.6)},
    "laugh": {"mouthSmile": (0.6, 1.0), "jawOpen": (0.3, 0.9), "cheekSquint": (0.5, 1.0), "eyeSquint": (0.2, 0.7),
              "mouthUpperUp": (0.1, 0.6), "mouthLowerDown": (0.1, 0.5), "browInnerUp": (0.0, 0.3)},
    "scream": {"jawOpen": (0.7, 1.0), "mouthStretch": (0.3, 0.9), "mouthUpperUp": (0.1, 0.7),
               "mouthLowerDown": (0.2, 0.8), "eyeWide": (0.0, 0.8), "browDown": (0.0, 0.7),
               "browInnerUp": (0.0, 0.6)},
    "yawn": {"jawOpen": (0.7, 1.0), "mouthFunnel": (0.1, 0.5), "eyeBlink": (0.3, 1.0), "browInnerUp": (0.0, 0.6),
             "eyeSquint": (0.0, 0.4), "mouthStretch": (0.0, 0.3)},
    "kiss": {"mouthPucker": (0.6, 1.0), "mouthFunnel": (0.0, 0.4), "eyeBlink": (0.0, 0.6), "mouthPress": (0.0, 0.2)},
    "pout": {"mouthShrugLower": (0.5, 1.0), "mouthPucker": (0.2, 0.7), "mouthShrugUpper": (0.2, 0.8),
             "browDown": (0.0, 0.6), "mouthFrown": (0.0, 0.5)},
    "teeth": {"mouthUpperUp": (0.4, 1.0), "mouthLowerDown": (0.4, 1.0), "mouthStretch": (0.1, 0.7),
              "jawOpen": (0.0, 0.15), "noseSneer": (0.0, 0.4)},
    "snarl": {"noseSneerLeft": (0.6, 1.0), "mouthUpperUpLeft": (0.5, 1.0), "cheekSquintLeft": (0.2, 0.8),
              "noseSneerRight": (0.0, 0.3), "browDown": (0.1, 0.8), "eyeSquintLeft": (0.1, 0.5)},
    "sceptic": {"browOuterUpLeft": (0.5, 1.0), "browInnerUp": (0.0, 0.4), "browDownRight": (0.2, 0.9),
                "eyeSquintRight": (0.0, 0.5), "mouthLeft": (0.0, 0.5), "mouthPress": (0.0, 0.4)},
    "puffed": {"cheekPuff": (0.5, 1.0), "mouthPress": (0.1, 0.6), "mouthPucker": (0.0, 0.4),
               "browInnerUp": (0.0, 0.4)},
    "lips_in": {"mouthRollLower": (0.5, 1.0), "mouthRollUpper": (0.3, 1.0), "mouthPress": (0.1, 0.7),
                "jawOpen": (0.0, 0.15), "mouthClose": (0.0, 0.1), "mouthDimple": (0.0, 0.4)},
    "lip_bite": {"mouthRollLower": (0.5, 1.0), "mouthUpperUp": (0.1, 0.4), "jawOpen": (0.05, 0.2),
                 "browInnerUp": (0.0, 0.5)},
    "jaw_aside": {"jawLeft": (0.4, 1.0), "jawOpen": (0.0, 0.5), "mouthLeft": (0.0, 0.6)},
    "mouth_aside": {"mouthLeft": (0.5, 1.0), "mouthPucker": (0.0, 0.5), "mouthDimpleLeft": (0.0, 0.5),
                    "jawLeft": (0.0, 0.3)},
    "chew": {"jawOpen": (0.1, 0.4), "mouthClose": (0.1, 0.4), "jawLeft": (0.1, 0.6), "mouthPress": (0.0, 0.5),
             "cheekPuff": (0.0, 0.4)},
    "underbite": {"jawForward": (0.5, 1.0), "jawOpen": (0.0, 0.3), "mouthLowerDown": (0.0, 0.5),
                  "mouthShrugLower": (0.0, 0.4)},
    "concentration": {"browDown": (0.3, 1.0), "eyeSquint": (0.2, 0.8), "mouthPress": (0.2, 0.9),
                      "mouthRollLower": (0.0, 0.4)},
    "shrug": {"mouthFrown": (0.3, 0.9), "mouthShrugLower": (0.5, 1.0), "mouthShrugUpper": (0.2, 0.8),
              "browInnerUp": (0.2, 0.8), "browOuterUp": (0.2, 0.9)},
    "sleepy": {"eyeBlink": (0.3, 0.8), "browInnerUp": (0.0, 0.5), "jawOpen": (0.0, 0.1)},
    "squeezed_shut": {"eyeBlink": (0.8, 1.0), "eyeSquint": (0.4, 1.0), "cheekSquint": (0.3, 1.0),
                      "browDown": (0.2, 0.9), "noseSneer": (0.0, 0.7)},
    "brow_flash": {"browInnerUp": (0.5, 1.0), "browOuterUp": (0.6, 1.0), "eyeWide": (0.0, 0.6)},
    "stare": {"eyeWide": (0.5, 1.0), "browDown": (0.0, 0.7), "mouthPress": (0.0, 0.4)},
    "funnel": {"mouthFunnel": (0.5, 1.0), "jawOpen": (0.1, 0.5), "mouthPucker": (0.0, 0.4)},
    "polite_smile": {"mouthSmile": (0.2, 0.6), "mouthPress": (0.0, 0.4), "mouthDimple": (0.1, 0.6)},
}  # fmt: skip
"""Expression -> channel stem -> range of its amplitude at the apex (uniform); one-sided expressions are mirrored half
the time."""

_NAMES = tuple(EXPRESSIONS)
_COLUMNS: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]] = {}


@dataclass(frozen=True)
class _Timing:
    """Seconds of a phase: log-normal median and sigma, and bounds."""

    median: float
    sigma: float
    low: float
    high: float

    def draw(self, rng: np.random.Generator) -> float:
        return float(np.clip(self.median * np.exp(self.sigma * rng.standard_normal()), self.low, self.high))


ONSET = _Timing(0.40, 0.5, 0.15, 1.2)
"""Spontaneous smiles take 0.4-0.7 s to rise (Schmidt, Cohn & Tian 2003), startles and flashes less. The least of 0.15 s
limits the peak rate of a full rise to 12.5 / s, that of the fastest mouth and brow movement in the takes."""
APEX = _Timing(0.60, 0.8, 0.0, 4.0)
OFFSET = _Timing(0.55, 0.5, 0.18, 1.8)
"""According to the same source, offsets are slower than onsets."""
GAP = _Timing(0.35, 0.8, 0.0, 3.0)


def _compiled(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(columns, side-shared draw index, low, high): both sides of a stem have the same amplitude."""
    if name not in _COLUMNS:
        rows = [
            (AT[channel], draw, low, high)
            for draw, (stem, (low, high)) in enumerate(EXPRESSIONS[name].items())
            for channel in expand(stem)
        ]
        columns, draws, lows, highs = zip(*rows, strict=True)
        _COLUMNS[name] = (np.array(columns), np.array(draws), np.array(lows), np.array(highs))
    return _COLUMNS[name]


def _prototype(rng: np.random.Generator, name: str) -> np.ndarray:
    columns, draws, low, high = _compiled(name)
    weights = np.zeros(COUNT)
    weights[columns] = low + (high - low) * rng.random(len(EXPRESSIONS[name]))[draws]
    return weights[MIRROR] if rng.random() < 0.5 else weights


def expression_apex(rng: np.random.Generator, *, emotions_only: bool = False) -> np.ndarray:
    """One expression at its apex, [52]: a prototype, or a blend of two or three, often asymmetric."""
    names = EMOTIONS if emotions_only else _NAMES
    weights = _prototype(rng, names[rng.integers(len(names))])
    if rng.random() < 0.45:
        # Blend: the second expression replaces or joins a share of the first, as in compound emotions.
        other = _prototype(rng, _NAMES[rng.integers(len(_NAMES))]) * rng.uniform(0.3, 1.0)
        weights = np.maximum(weights * rng.uniform(0.4, 1.0), other)
    weights = weights * (rng.uniform(0.35, 1.0) if rng.random() < 0.5 else 1.0)
    weights = weights * np.exp(0.12 * rng.standard_normal(COUNT))
    return np.clip(weights * _sides(rng), 0.0, 1.0)


def _sides(rng: np.random.Generator) -> np.ndarray:
    """Per-channel gain of an asymmetric face: usually a few percent between the sides, sometimes one side nearly
    off."""
    kind = rng.random()
    weaker = rng.uniform(0.85, 1.0) if kind < 0.7 else rng.uniform(0.0, 0.85)
    gain = np.ones(COUNT)
    gain[_LEFT if rng.random() < 0.5 else _RIGHT] = weaker
    return gain


_LEFT = np.array([k for k, _ in side_pairs(ARKIT) if not ARKIT[k].startswith(("eyeBlink", "eyeLook"))])
_RIGHT = MIRROR[_LEFT]


def expression_track(rng: np.random.Generator, times: np.ndarray) -> np.ndarray:
    """A sequence of expressions over `times` [T], [T, 52]; the window starts anywhere in it."""
    weights = np.zeros((len(times), COUNT))
    # The start is up to one whole expression early, so that short windows show every phase as often as long ones.
    clock = float(times[0]) - rng.uniform(0.0, 2.5)
    while clock < times[-1]:
        onset, apex, offset = ONSET.draw(rng), APEX.draw(rng), OFFSET.draw(rng)
        target = expression_apex(rng)
        # Channels differ by +-60 ms in start and by 20 % in the duration of ramps.
        lag = 0.03 * rng.standard_normal(COUNT)
        lag = (lag + lag[MIRROR]) / np.sqrt(2)
        stretch = np.exp(0.1 * rng.standard_normal(COUNT))
        stretch = np.sqrt(stretch * stretch[MIRROR])
        on = np.flatnonzero(target > 0)
        shape = pulse(
            times[:, None], clock + lag[on], np.maximum(onset * stretch[on], ONSET.low), apex, offset * stretch[on]
        )
        weights[:, on] = np.maximum(weights[:, on], target[on] * shape)
        # The next expression often begins before the end of this one.
        clock += onset + apex + (offset * rng.uniform(0.2, 1.0) if rng.random() < 0.6 else offset + GAP.draw(rng))
    return weights
