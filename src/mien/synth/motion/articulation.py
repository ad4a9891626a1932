"""The mouth of a speaker: visemes blended by dominance functions, with inertia and guaranteed closures.

Coarticulation follows Cohen & Massaro 1993, "Modeling coarticulation in synthetic visual speech": each sound has a
target for each articulator and a dominance that decays to both sides, and an articulator's weight is the mean of the
targets by dominance. Articulators are separate, so that /k/ keeps a tongue and leaves the lips to its neighbours. A
mean never quite closes the lips, so the closures of p, b, m and the lip on the teeth of f, v are set afterwards.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from jaxtyping import Float

from mien.core import VisemeTrack
from mien.synth.motion.groups import AT, COUNT, expand
from mien.synth.motion.ramps import pulse

__all__ = ["RATE", "Articulation", "articulate", "closures"]

RATE = 120.0
"""Samples per second at which inertia is computed."""


@dataclass(frozen=True, kw_only=True)
class Articulation:
    """How one speaker moves the mouth."""

    strength: float = 1.0
    """Factor on all targets: over 1 is clear speech, under 1 mumbling."""
    jaw: float = 1.0
    """Further factor on the opening of the jaw."""
    rounding: float = 1.0
    """Further factor on funnel and pucker."""
    spread: float = 1.0
    """Further factor on stretched, raised and lowered lips."""
    reach: float = 1.0
    """Factor on how far a sound's dominance extends in time: over 1 sounds blend more."""
    asymmetry: float = 0.0
    """Share by which the left side of the mouth moves more than the right, in [-1, 1]."""
    inhale: float = 1.0
    """How far the lips part before the first sound; 1 is as far as GRID's speakers do."""


_INHALE = "inhale"
"""Between a silence and the first sound the lips part: people breathe in before they speak."""
_INHALE_TIME = 0.5
"""Seconds before a first sound in which the lips are parted, as in GRID's recordings."""

_TARGETS: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "sil": {},
        _INHALE: {"jawOpen": 0.11, "mouthLowerDown": 0.12, "mouthUpperUp": 0.08, "mouthPucker": 0.15},
        "PP": {"jawOpen": 0.05, "mouthPucker": 0.10},
        "FF": {"jawOpen": 0.06, "mouthUpperUp": 0.15, "mouthDimple": 0.10},
        "TH": {"jawOpen": 0.10, "mouthLowerDown": 0.20, "mouthUpperUp": 0.10, "tongueOut": 0.30},
        "DD": {"jawOpen": 0.11, "mouthLowerDown": 0.22, "mouthUpperUp": 0.10, "mouthStretch": 0.03, "tongueOut": 0.04},
        "kk": {"jawOpen": 0.15, "mouthLowerDown": 0.20, "mouthUpperUp": 0.10},
        "CH": {"jawOpen": 0.05, "mouthFunnel": 0.36, "mouthPucker": 0.30, "mouthLowerDown": 0.12, "mouthUpperUp": 0.08},
        "SS": {"jawOpen": 0.06, "mouthLowerDown": 0.30, "mouthUpperUp": 0.20, "mouthStretch": 0.24},
        "nn": {"jawOpen": 0.11, "mouthLowerDown": 0.22, "mouthUpperUp": 0.10, "tongueOut": 0.04},
        "RR": {"jawOpen": 0.05, "mouthFunnel": 0.14, "mouthPucker": 0.50, "mouthLowerDown": 0.03},
        "aa": {"jawOpen": 0.36, "mouthLowerDown": 0.28, "mouthUpperUp": 0.18, "mouthStretch": 0.10},
        "E": {"jawOpen": 0.33, "mouthLowerDown": 0.32, "mouthUpperUp": 0.22, "mouthStretch": 0.30, "mouthSmile": 0.06},
        "ih": {"jawOpen": 0.17, "mouthLowerDown": 0.32, "mouthUpperUp": 0.24, "mouthStretch": 0.30, "mouthSmile": 0.08},
        "oh": {"jawOpen": 0.22, "mouthFunnel": 0.36, "mouthPucker": 0.35},
        "ou": {"jawOpen": 0.03, "mouthFunnel": 0.10, "mouthPucker": 0.85},
    }
)
"""Sound -> stem -> weight that running speech tends to. The poses of `core.visemes` show a sound held by itself; speech
moves less: the lips of /u/ and /w/ nearly meet, and an open vowel parts them by an eighth of the distance of the eyes.
Openings and widths agree with those that MediaPipe sees in six speakers of GRID (Cooke et al. 2006), who were looked
at while the table was written."""

_ARTICULATORS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "jaw": ("jawOpen",),
        "lips": ("mouthLowerDown", "mouthUpperUp"),
        "rounding": ("mouthFunnel", "mouthPucker"),
        "spread": ("mouthStretch", "mouthSmile", "mouthDimple"),
        "tongue": ("tongueOut",),
    }
)
"""Articulator -> stems of its channels; what only a closure moves (press, roll, mouthClose) is set with the closure."""

_OPENING = {"PP": 2.0, "FF": 1.6, "ou": 1.6, "kk": 0.5, "nn": 0.5, "DD": 0.6, "TH": 0.6}
_WIDTH = {"ou": 2.0, "oh": 1.6, "CH": 1.4, "ih": 1.2, "E": 1.2, "PP": 0.4, "FF": 0.6, "kk": 0.15, "nn": 0.2, "DD": 0.2,
          "TH": 0.3, "SS": 0.5, "sil": 0.6, _INHALE: 0.6}  # fmt: skip
_DOMINANCE: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {"jaw": _OPENING, "lips": _OPENING, "rounding": _WIDTH, "spread": _WIDTH, "tongue": {"TH": 2.0}}
)
"""Dominance of a sound over its neighbours in each articulator; 1 where none is stated."""


@dataclass(frozen=True, kw_only=True)
class _Course:
    """How an articulator's dominance rises and falls in time [s]."""

    before: float
    """Time in which dominance falls to 1/e before the sound."""
    after: float
    """The same after the sound."""
    inset: float
    """How far within the sound's edges dominance begins to fall."""
    inertia: float
    """Standard deviation of the bell-shaped velocity with which the articulator moves."""


_VERTICAL = _Course(before=0.05, after=0.04, inset=0.05, inertia=0.02)
_SIDEWAYS = _Course(before=0.08, after=0.08, inset=0.02, inertia=0.03)
_COURSE: Mapping[str, _Course] = MappingProxyType(
    {"jaw": _VERTICAL, "lips": _VERTICAL, "rounding": _SIDEWAYS, "spread": _SIDEWAYS, "tongue": _VERTICAL}
)
"""Rounding begins earlier than the jaw (Cohen & Massaro 1993). A jaw's opening takes 100 to 150 ms."""

_CLOSE, _PART = 0.065, 0.070
"""Seconds in which lips close for p, b, m and part again: about 60 to 80 ms (Löfqvist & Gracco 1997)."""
_OPEN_LIPS = tuple(AT[name] for stem in ("mouthFunnel", "mouthUpperUp", "mouthLowerDown", "tongueOut")
                   for name in expand(stem))  # fmt: skip


def articulate(
    track: VisemeTrack, times: Float[np.ndarray, "T"], how: Articulation | None = None
) -> Float[np.ndarray, "T 52"]:
    """ARKit weights of the mouth while it says `track`, at `times` [s], evenly or unevenly spaced."""
    how = how or Articulation()
    times = np.asarray(times, float)
    clock = np.arange(np.floor(times[0] * RATE) - RATE, np.ceil(times[-1] * RATE) + RATE + 1) / RATE
    weights = np.zeros((len(clock), COUNT))
    sounds = _sounds(track, how)
    for articulator, stems in _ARTICULATORS.items():
        gain = how.strength * {"jaw": how.jaw, "rounding": how.rounding}.get(articulator, how.spread)
        share = _share(articulator, sounds, clock, how.reach)
        for stem in stems:
            targets = np.array([_TARGETS[name].get(stem, 0.0) for name in sounds.names]) * sounds.strength * gain
            weights[:, [AT[name] for name in expand(stem)]] = (share @ targets)[:, None]
    at = np.stack([np.interp(times, clock, column) for column in weights.T], axis=1)
    labial, teeth = closures(track, times)
    return _seal(_tuck(_lean(np.clip(at, 0.0, 1.0), how.asymmetry), teeth), labial)


def closures(
    track: VisemeTrack, times: Float[np.ndarray, "T"]
) -> tuple[Float[np.ndarray, "T"], Float[np.ndarray, "T"]]:
    """(closure of the lips for p, b, m, lower lip on the teeth for f, v), each [T] in [0, 1], at `times` [s].

    The lips are closed from the sound's start to three quarters of the sound, and at least 45 ms.
    """
    out: list[np.ndarray] = []
    for viseme in ("PP", "FF"):
        at = np.flatnonzero([name == viseme for name in track.visemes])
        hold = np.maximum(0.75 * (track.ends[at] - track.starts[at]), 0.045)
        held = pulse(np.asarray(times, float)[:, None], track.starts[at] - _CLOSE, _CLOSE, hold, _PART)
        out.append(held.max(axis=1) if len(at) else np.zeros(len(times)))
    return out[0], out[1]


@dataclass(frozen=True, eq=False)
class _Sounds:
    """Sounds that fill all time: those of a track, and silences and breaths between them."""

    names: tuple[str, ...]
    starts: np.ndarray
    ends: np.ndarray
    strength: np.ndarray


_SHORT = 0.03
"""Gaps between sounds up to this length [s] are no silence."""


def _sounds(track: VisemeTrack, how: Articulation) -> _Sounds:
    rows: list[tuple[str, float, float, float]] = [("sil", -np.inf, -np.inf, 1.0)]
    own = np.ones(len(track)) if track.strength is None else track.strength
    for name, begins, end, level in zip(track.visemes, track.starts, track.ends, own, strict=True):
        silent = rows.pop() if rows[-1][0] == "sil" else None
        since, start = (silent[1] if silent else rows[-1][2]), float(begins)
        if name == "sil":
            start = since if silent else start
        elif start - since > _SHORT:
            breath = max(since + 0.2, start - _INHALE_TIME) if start - since > _INHALE_TIME / 2 else start
            rows.append(("sil", since, breath, 1.0))
            if breath < start:
                rows.append((_INHALE, breath, start, how.inhale / max(how.strength, 1e-6)))
        rows.append((name, start, float(end), float(level)))
    rows.append(("sil", rows.pop()[1] if rows[-1][0] == "sil" else rows[-1][2], np.inf, 1.0))
    names, starts, ends, strength = zip(*rows, strict=True)
    return _Sounds(names, np.array(starts), np.array(ends), np.array(strength))


def _share(articulator: str, sounds: _Sounds, clock: np.ndarray, reach: float) -> Float[np.ndarray, "T N"]:
    """Share of each sound in an articulator's place over time, with inertia: dominances divided by their sum."""
    from scipy.ndimage import gaussian_filter1d  # pyright: ignore[reportMissingTypeStubs]

    course, table = _COURSE[articulator], _DOMINANCE[articulator]
    alpha = np.array([table.get(name, 1.0) for name in sounds.names])
    inset = np.nan_to_num(np.minimum((sounds.ends - sounds.starts) / 2, course.inset))
    early, late = sounds.starts + inset - clock[:, None], clock[:, None] - (sounds.ends - inset)
    far = np.maximum(early / course.before, late / course.after)
    dominance = alpha * np.exp(-np.maximum(far, 0.0) / reach) + 1e-12
    share = dominance / dominance.sum(axis=1, keepdims=True)
    return gaussian_filter1d(share, course.inertia * RATE, axis=0, mode="nearest")


def _lean(weights: np.ndarray, asymmetry: float) -> np.ndarray:
    """The mouth's left channels times 1 + a / 2, the right ones times 1 - a / 2."""
    weights = weights.copy()
    for name, column in AT.items():
        if name.startswith("mouth") and name.endswith(("Left", "Right")):
            weights[:, column] *= 1 + asymmetry / 2 * (1 if name.endswith("Left") else -1)
    return weights


def _seal(weights: np.ndarray, closure: Float[np.ndarray, "T"]) -> np.ndarray:
    """Close the lips where `closure` is 1, whatever the other weights are: the jaw rises, mouthClose cancels what is
    left of its opening, and lips are pressed and rolled in."""
    jaw = AT["jawOpen"]
    weights[:, jaw] *= 1.0 - 0.7 * closure
    weights[:, AT["mouthClose"]] = closure * weights[:, jaw]
    weights[:, _OPEN_LIPS] *= (1.0 - closure)[:, None]
    for stem, level in (("mouthPress", 0.35), ("mouthRollLower", 0.18), ("mouthRollUpper", 0.18)):
        for name in expand(stem):
            weights[:, AT[name]] = np.maximum(weights[:, AT[name]], level * closure)
    return weights


def _tuck(weights: np.ndarray, teeth: Float[np.ndarray, "T"]) -> np.ndarray:
    """Bring the lower lip to the upper teeth where `teeth` is 1: jaw up, lower lip rolled in, upper lip raised."""
    jaw = AT["jawOpen"]
    weights[:, jaw] *= 1.0 - teeth
    weights[:, jaw] += 0.08 * teeth
    for name in expand("mouthLowerDown"):
        weights[:, AT[name]] *= 1.0 - 0.9 * teeth
    for name in expand("mouthUpperUp"):
        weights[:, AT[name]] = weights[:, AT[name]] * (1.0 - teeth) + 0.25 * teeth
    for stem, level in (("mouthRollLower", 0.5), ("mouthDimple", 0.1)):
        for name in expand(stem):
            weights[:, AT[name]] = np.maximum(weights[:, AT[name]], level * teeth)
    weights[:, AT["mouthFunnel"]] *= 1.0 - teeth
    return weights
