"""Exercises of the face: one channel or action unit after another by itself, up to its full range."""

import numpy as np

from mien.synth.motion.groups import AT, COUNT, UNITS, expand
from mien.synth.motion.plausible import TONGUE_NEEDS
from mien.synth.motion.ramps import pulse

__all__ = ["calisthenics_track", "draw_units", "unit_weights"]

_PREFERRED = {
    name: share
    for share, stems in (
        (4.5, ("tongueOut",)),
        (3.6, ("jawLeft", "jawRight")),
        (2.8, ("mouthLeft", "mouthRight")),
        (2.6, ("mouthClose",)),
        (2.2, ("cheekPuff",)),
        (1.8, ("jawForward", "eyeWide")),
        (1.6, ("jawOpen", "mouthRollUpper", "mouthRollLower", "mouthShrugUpper", "mouthPress")),
        (1.5, ("mouthFunnel", "mouthPucker", "eyeLookUp")),
        (1.3, ("mouthFrown",)),
        (1.2, ("noseSneer",)),
    )
    for stem in stems
    for name in expand(stem)
}
"""Preference for channels that constraints often remove or expressions rarely use, set so that each channel is active
in at least 8 % of stills, and the tongue, which hides a lip, in 5 %."""

_PREFERENCE = np.array([np.mean([_PREFERRED.get(name, 1.0) for name in unit]) for unit in UNITS])
_SHARES = _PREFERENCE / _PREFERENCE.sum()
_RARE = np.array([2.5 if {"mouthClose", "cheekPuff"} & {*unit} else 1.0 for unit in UNITS])
_TRACK_SHARES = _RARE * _SHARES**1.6 / (_RARE * _SHARES**1.6).sum()
"""Shares in windows, where other sources cover the common channels: the preference is stronger, and strongest for what
no other source has, which are puffed cheeks and an open jaw behind closed lips."""


def draw_units(rng: np.random.Generator, count: int, shares: np.ndarray = _SHARES) -> np.ndarray:
    """`count` different positions in `UNITS`, with rare channels preferred."""
    return rng.choice(len(UNITS), size=count, replace=False, p=shares)


def unit_weights(rng: np.random.Generator, unit: int, amplitude: float) -> np.ndarray:
    """[52] with one of `UNITS` on at `amplitude`; paired channels differ by a few percent."""
    weights = np.zeros(COUNT)
    names = UNITS[unit]
    for name in names:
        even = 1.0 if len(names) == 1 or name.startswith("eye") else 1.0 - 0.1 * rng.random()
        weights[AT[name]] = amplitude * even
    # Sealed lips over a wide open jaw are rare: mouthClose reaches 0.65 in the recorded takes.
    weights[AT["mouthClose"]] *= rng.uniform(0.4, 1.0)
    if "tongueOut" in names:
        weights[AT["jawOpen"]] *= rng.uniform(TONGUE_NEEDS, 1.0)
    return weights


def calisthenics_track(rng: np.random.Generator, times: np.ndarray) -> np.ndarray:
    """Single units one after another over `times` [T], [T, 52]; sometimes the next starts before the previous one
    ends."""
    weights = np.zeros((len(times), COUNT))
    clock = float(times[0]) - rng.uniform(0.0, 1.2)
    while clock < times[-1]:
        onset, offset = rng.uniform(0.15, 0.6), rng.uniform(0.15, 0.6)
        apex = 0.0 if rng.random() < 0.3 else rng.uniform(0.0, 0.8)
        amplitude = 1.0 if rng.random() < 0.4 else rng.uniform(0.25, 1.0)
        target = unit_weights(rng, int(draw_units(rng, 1, _TRACK_SHARES)[0]), amplitude)
        on = np.flatnonzero(target)
        shape = pulse(times, clock, onset, apex, offset)
        weights[:, on] = np.maximum(weights[:, on], shape[:, None] * target[on])
        clock += onset + apex + offset * rng.uniform(0.5, 1.3)
    return weights
