"""Measures of generated speech against true speech, on the built-in head's landmarks; numpy only.

Lengths are those of the head "mo" [mm]; all measures take ARKit weights and the signals of `spec.SIGNALS`.
"""

from functools import cache

import numpy as np
from jaxtyping import Bool, Float

from mien.core import VisemeTrack
from mien.engine.metrics import events
from mien.systems.speak import spec

__all__ = [
    "BANDS",
    "blinks",
    "closed_events",
    "head_bands",
    "lip_gap",
    "lip_vertex_error",
    "shut",
    "statistics",
    "upper_dynamics",
]

_LIPS = slice(48, 68)
_INNER = ((61, 67), (62, 66), (63, 65))
_UPPER = slice(17, 48)
CLOSED = 0.5
"""Gap of the inner lips, over that at rest, under which they are closed [mm of the head mo]: a twentieth of a jaw's
opening in speech."""
WITHIN = 2 / 30
"""Two frames of 30 in a second: how far a closure may lie from its sound [s]."""
BANDS = ((0.1, 0.5), (0.5, 1.0), (1.0, 2.0), (2.0, 4.0))
"""Bands of head movement [Hz]."""


@cache
def _landmarks() -> tuple[np.ndarray, np.ndarray]:
    """(points at rest [70, 3], movement by each channel [52, 70, 3]) of mo [mm]."""
    from mien.rigs.load import load_rig

    mo = load_rig("mo")
    anchors = mo.landmarks["mien70"]
    return anchors.positions(mo.neutral.vertices), np.stack([anchors.positions(shape) for shape in mo.basis()])


def _points(weights: Float[np.ndarray, "T 52"], part: slice) -> Float[np.ndarray, "T P 3"]:
    rest, moved = _landmarks()
    return rest[part] + np.tensordot(weights, moved[:, part], axes=1)


def lip_vertex_error(made: Float[np.ndarray, "T 52"], true: Float[np.ndarray, "T 52"]) -> float:
    """LVE [mm^2]: the largest squared distance of a lip landmark in each frame, mean over frames (Richard et al. 2021,
    "MeshTalk")."""
    far = ((_points(made, _LIPS) - _points(true, _LIPS)) ** 2).sum(axis=2)
    return float(far.max(axis=1).mean())


def upper_dynamics(made: Float[np.ndarray, "T 52"], true: Float[np.ndarray, "T 52"]) -> Float[np.ndarray, "P"]:
    """Per landmark of brows and eyes: the standard deviation over time of its distance from rest, true less made [mm].

    FDD (Xing et al. 2023, "CodeTalker") is the mean of it, signed; the mean of its size is given beside.
    """
    rest, _ = _landmarks()
    spread = [np.linalg.norm(_points(w, _UPPER) - rest[_UPPER], axis=2).std(axis=0) for w in (true, made)]
    return spread[0] - spread[1]


def lip_gap(weights: Float[np.ndarray, "T 52"]) -> Float[np.ndarray, "T"]:
    """Mean gap of the inner lips over that at rest [mm]."""
    points, (rest, _) = _points(weights, slice(0, 68)), _landmarks()
    gap = np.mean([np.linalg.norm(points[:, a] - points[:, b], axis=1) for a, b in _INNER], axis=0)
    return gap - np.mean([np.linalg.norm(rest[a] - rest[b]) for a, b in _INNER])


def shut(
    gap: Float[np.ndarray, "T"], times: Float[np.ndarray, "T"], track: VisemeTrack, closed: float, within: float
) -> Bool[np.ndarray, "K"]:
    """Whether the gap falls under `closed` during each p, b, m of a track, or `within` [s] of it."""
    at = [k for k, name in enumerate(track.visemes) if name == "PP" and track.ends[k] < times[-1]]
    near = [(times >= track.starts[k] - within) & (times <= track.ends[k] + within) for k in at]
    return np.array([bool(gap[rows].min() < closed) for rows in near if rows.any()], bool)


def closed_events(
    weights: Float[np.ndarray, "T 52"], times: Float[np.ndarray, "T"], track: VisemeTrack
) -> Bool[np.ndarray, "K"]:
    """`shut` on the head mo."""
    return shut(lip_gap(weights), times, track, CLOSED, WITHIN)


def blinks(signals: spec.Signals) -> tuple[float, float]:
    """(blinks a minute, their median duration [s] between the half-closed points; NaN without any)."""
    lids = signals[:, len(spec.FACE)]
    found = events(lids, on=0.6, off=0.5)
    lengths = (found[:, 1] - found[:, 0] + 1) / spec.FPS
    return len(found) / (len(signals) / spec.FPS / 60), float(np.median(lengths)) if len(found) else float("nan")


def head_bands(signals: spec.Signals) -> Float[np.ndarray, "B"]:
    """Standard deviation of the head's angles in each of `BANDS`, over the three angles together [degrees]."""
    angles = np.degrees(signals[:, -len(spec.HEAD) :].astype(np.float64))
    angles = (angles - angles.mean(axis=0)) * np.hanning(len(angles))[:, None]
    power = (np.abs(np.fft.rfft(angles, axis=0)) ** 2).sum(axis=1) / len(angles) ** 2
    hertz = np.fft.rfftfreq(len(angles), 1 / spec.FPS)
    return np.sqrt([power[(hertz >= low) & (hertz < high)].sum() for low, high in BANDS])


def statistics(signals: spec.Signals) -> Float[np.ndarray, "D"]:
    """What tells speakers apart without any network: mean, spread and speed of every signal."""
    return np.concatenate([signals.mean(axis=0), signals.std(axis=0), np.diff(signals, axis=0).std(axis=0) * 10])
