"""Brow motion that is independent of mouth, lids and head pose.

In expressions, brows move together with lids and mouth (surprise raises all three, a blink frowns a little). A network
that learns these correlations predicts brows from the rest of the face; independent brows make it look at the brows.
"""

import numpy as np

from mien.synth.motion.groups import AT, COUNT
from mien.synth.motion.ramps import pulse

__all__ = ["brow_pose", "brow_track"]

_INNER, _OUTER, _DOWN = (
    ("browInnerUp",),
    ("browOuterUpLeft", "browOuterUpRight"),
    ("browDownLeft", "browDownRight"),
)
_PATTERNS: tuple[tuple[tuple[str, ...], float], ...] = (
    ((*_INNER, *_OUTER), 0.24),
    (_INNER, 0.15),
    (_OUTER, 0.10),
    (_DOWN, 0.21),
    ((*_INNER, *_DOWN), 0.07),  # AU1+4, grief
    (_OUTER[:1], 0.065),
    (_OUTER[1:], 0.065),
    (_DOWN[:1], 0.03),
    (_DOWN[1:], 0.03),
    ((_OUTER[0], _DOWN[1]), 0.02),
    ((_OUTER[1], _DOWN[0]), 0.02),
)
"""Channels that move together, and their share of draws; these are all patterns of the five channels."""
_SHARES = np.array([share for _, share in _PATTERNS])


def brow_pose(rng: np.random.Generator) -> np.ndarray:
    """[52] with one pattern of the brows on; the sides differ a little, and inner and outer parts are independent."""
    names, _ = _PATTERNS[rng.choice(len(_PATTERNS), p=_SHARES)]
    weights = np.zeros(COUNT)
    for stem in {name.removesuffix("Left").removesuffix("Right"): None for name in names}:
        amplitude = 1.0 if rng.random() < 0.25 else rng.uniform(0.1, 1.0)
        for name in (name for name in names if name.startswith(stem)):
            weights[AT[name]] = amplitude * (1.0 - 0.15 * rng.random())
    return weights


def brow_track(rng: np.random.Generator, times: np.ndarray) -> np.ndarray:
    """Brow patterns one after another over `times` [T], [T, 52]: from flashes of 0.2 s to long holds."""
    weights = np.zeros((len(times), COUNT))
    clock = float(times[0]) - rng.uniform(0.0, 1.5)
    while clock < times[-1]:
        onset, offset = rng.uniform(0.15, 0.5), rng.uniform(0.18, 0.7)
        apex = rng.uniform(0.0, 0.2) if rng.random() < 0.5 else rng.uniform(0.2, 1.5)
        weights = np.maximum(weights, pulse(times, clock, onset, apex, offset)[:, None] * brow_pose(rng))
        clock += onset + apex + offset * rng.uniform(0.6, 1.6)
    return weights
