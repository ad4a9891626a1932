"""Speech-like mouths: a sequence of visemes blended by dominance functions, with full lip closures."""

import numpy as np

from mien.core.visemes import VISEMES, arkit_from_visemes
from mien.synth.motion.groups import AT
from mien.synth.motion.ramps import pulse

__all__ = ["close_lips", "speech_track"]

_VOWELS = ("aa", "E", "ih", "oh", "ou")
_CONSONANTS = tuple(name for name in VISEMES if name not in (*_VOWELS, "sil"))
# Shares of the consonant classes (PP p/b/m, FF f/v, TH, DD t/d, kk k/g, CH, SS, nn n/l, RR): of the order of running
# English, with more closures and funnels, which captures often get wrong.
_CONSONANT_SHARES = np.array([0.20, 0.08, 0.06, 0.18, 0.09, 0.07, 0.12, 0.13, 0.07])


_TABLE = arkit_from_visemes(np.eye(len(VISEMES))).astype(float)
_ROW = {name: row for row, name in enumerate(VISEMES)}
_STRENGTH = np.array([{"sil": 0.8, "PP": 3.0, "FF": 2.0, "CH": 1.5, "ou": 1.3}.get(name, 0.8) for name in VISEMES])
"""Dominance of a viseme over its neighbours: labials and rounded sounds keep their shape, and sounds of the tongue
adapt."""
_OPEN_LIPS = [
    AT[c]
    for c in (
        "mouthFunnel",
        "mouthUpperUpLeft",
        "mouthUpperUpRight",
        "mouthLowerDownLeft",
        "mouthLowerDownRight",
        "tongueOut",
    )
]


def _phones(rng: np.random.Generator, start: float, end: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(viseme rows, centres [s], durations [s]) of phrases of consonant-vowel syllables with pauses between."""
    rate = rng.uniform(3.0, 6.5)  # Syllables per second: slow, clear speech to fast conversation.
    rows: list[int] = []
    durations: list[float] = []
    clock = start
    while clock < end:
        names: list[str] = []
        for _ in range(int(rng.integers(3, 12))):
            names.append(_CONSONANTS[rng.choice(len(_CONSONANTS), p=_CONSONANT_SHARES)])
            names.append(_VOWELS[rng.integers(len(_VOWELS))])
            if rng.random() < 0.3:
                names.append(_CONSONANTS[rng.choice(len(_CONSONANTS), p=_CONSONANT_SHARES)])
        names.append("sil")
        lengths = rng.lognormal(0.0, 0.25, len(names)) / (2.3 * rate)
        lengths[-1] = rng.uniform(0.15, 0.8)
        rows += [_ROW[name] for name in names]
        durations += lengths.tolist()
        clock += float(lengths.sum())
    spans = np.array(durations)
    return np.array(rows), start + np.cumsum(spans) - spans / 2, spans


def speech_track(rng: np.random.Generator, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(weights [T, 52], lip closure [T] in [0, 1]) of speech-like motion over `times` [T].

    Dominance functions after Cohen & Massaro 1993 ("Modeling coarticulation in synthetic visual speech"): every
    viseme's influence decays smoothly with time and the weights are the mean of shapes by influence. A mean never
    quite closes lips, so closures of p/b/m are returned as well, for `close_lips` after everything else is mixed.
    """
    rows, centres, spans = _phones(rng, float(times[0]) - rng.uniform(1.0, 3.0), float(times[-1]) + 0.5)
    near = (centres > times[0] - 1.0) & (centres < times[-1] + 1.0)
    rows, centres, spans = rows[near], centres[near], spans[near]
    reach = np.maximum(spans, 0.06) * 0.55
    influence = _STRENGTH[rows] * np.exp(-0.5 * ((times[:, None] - centres) / reach) ** 2) + 1e-9
    effort = rng.uniform(0.45, 1.4)
    shapes = _TABLE[rows] * np.exp(0.15 * rng.standard_normal((len(rows), 1))) * effort
    weights = influence @ shapes / influence.sum(axis=1, keepdims=True)
    weights[:, AT["jawOpen"]] *= rng.uniform(0.6, 1.3)
    labial = rows == _ROW["PP"]
    hold = np.clip(0.5 * spans[labial], 0.02, 0.12)
    # Lips need some 60 ms to close and to part (p/b/m closures last 60-120 ms in all).
    rise = 0.06
    closed = pulse(times[:, None], centres[labial] - hold / 2 - rise, rise, hold, rise)
    closure = closed.max(axis=1) if labial.any() else np.zeros(len(times))
    return weights, closure


def close_lips(weights: np.ndarray, closure: np.ndarray) -> np.ndarray:
    """Close the lips where `closure` [T] is 1, whatever the other weights are: [T, 52] -> [T, 52].

    The jaw rises, mouthClose cancels the remaining opening, press and roll seal the lips, and shapes that open them are
    removed.
    """
    weights = weights.copy()
    jaw, shut = AT["jawOpen"], AT["mouthClose"]
    weights[:, jaw] *= 1.0 - 0.7 * closure
    weights[:, shut] = np.maximum(weights[:, shut], closure * weights[:, jaw])
    weights[:, _OPEN_LIPS] *= (1.0 - closure)[:, None]
    for name in ("mouthPressLeft", "mouthPressRight"):
        weights[:, AT[name]] = np.maximum(weights[:, AT[name]], 0.35 * closure)
    for name in ("mouthRollLower", "mouthRollUpper"):
        weights[:, AT[name]] = np.maximum(weights[:, AT[name]], 0.18 * closure)
    return weights
