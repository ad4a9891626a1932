"""Calibration: one person's face at rest becomes zero, and their closed lids become one. Works on clips of any tracker.

A network's weights for a face at rest differ from person to person. `find_levels` finds the rest in a take (or is given
its frame), and `calibrate` subtracts it from each channel by a rising piecewise-linear map that keeps 0 and 1, so that
a weight means the same with and without calibration. Lids are scaled, never only offset: their open level is the rest,
their closed level is what this person's own blinks reach, and where no blink was seen they are left unchanged; other
trackers are known to lose blinks when they subtract a neutral (OpenFace#884, #940). Gaze is left unchanged, since it
has no rest.

Weights below zero count: a rest below zero is raised to zero, which needs the network's output before clipping.
"""

from collections import deque
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int

from mien.core import ARKIT, Clip, MienError
from mien.core.transforms import angles_from_quaternion

__all__ = [
    "Levels",
    "LiveCalibration",
    "Neutral",
    "calibrate",
    "find_blinks",
    "find_levels",
    "find_rest",
    "rest_frames",
]

Neutral = int | Literal["auto", "off"]
"""The index of the frame that shows the performer at rest, from 0; "auto": found in the take; "off": no calibration."""

LARGEST_OFFSET = 0.35
"""A rest further from zero than this is a held expression and no bias, so its channel is not calibrated."""
DEAD_ZONE = 0.02
"""A rest this near to zero counts as zero: it is below the spread between neutral frames of one person."""
BLINK_SECONDS = (0.03, 0.5)
"""Shortest and longest time [s] of a blink above half its height; whole ones take 0.1 to 0.4 s (Stern et al. 1984)."""
BLINK_HEIGHT = 0.2
"""Least rise of a blink over the open level; smaller rises are squints and glances down."""
CLOSED_ENOUGH = 0.9
"""Blinks that reach this weight count as closed, and the scale is not changed."""
REST_SHARE = 0.2
"""Share of the frontal, open-eyed frames that must be alike to count as a rest."""
FRONTAL = np.radians(20.0)
"""Head yaw and pitch within which a face is frontal, so that the bias comes from the person and not from the view."""
VISIBLE = 0.6
"""Least visibility of every region in a rest frame."""
LEAST_FRAMES = 20
"""Least number of candidate frames; with fewer, no expression can be said to recur, as in a single picture."""
_MOST_COMPARED = 400
"""Largest number of frames that are compared with one another, evenly chosen; the cost is quadratic."""

_LIDS = ("eyeBlinkLeft", "eyeBlinkRight")


@dataclass(frozen=True, kw_only=True, eq=False)
class Levels:
    """The values of a person's channels at rest and at their fullest. The identity when all are 0 and 1."""

    channels: tuple[str, ...]
    rest: Float[np.ndarray, "C"]
    """Weights that become 0; may be below zero for unclipped weights."""
    full: Float[np.ndarray, "C"]
    """Weights that become 1; differs from 1 for the lids only."""

    @classmethod
    def identity(cls, channels: tuple[str, ...] = ARKIT) -> "Levels":
        """Levels that change nothing but clip to [0, 1]."""
        return cls(channels=channels, rest=np.zeros(len(channels)), full=np.ones(len(channels)))

    def apply(self, weights: Float[np.ndarray, "*batch C"]) -> Float[np.ndarray, "*batch C"]:
        """Calibrated weights in [0, 1], of the same type; values that are not finite stay. `mouthClose` is at most
        `jawOpen`."""
        out = np.clip((weights - self.rest) / (self.full - self.rest), 0.0, 1.0).astype(weights.dtype)
        if {"mouthClose", "jawOpen"} <= set(self.channels):
            close, jaw = self.channels.index("mouthClose"), self.channels.index("jawOpen")
            out[..., close] = np.minimum(out[..., close], out[..., jaw])
        return out


def calibrate(clip: Clip, levels: Levels) -> Clip:
    """The clip calibrated with this person's levels. Raises ValueError when the channels differ."""
    if clip.channels != levels.channels:
        raise ValueError("the levels are of other channels than the clip's")
    return replace(clip, weights=levels.apply(clip.weights))


def find_levels(clip: Clip, neutral: int | None = None) -> Levels:
    """The person's levels, found in a take; its weights may be unclipped.

    `neutral` is the index of a frame at rest; when None, `find_rest` finds the rest. Without a rest, only lids that
    blinked are calibrated. Raises MienError when the frame is not in the clip or shows no face.
    """
    frames = rest_frames(clip, neutral)
    levels = Levels.identity(clip.channels)
    rest = np.median(clip.weights[frames], axis=0).astype(np.float64) if len(frames) else levels.rest
    offset = np.where((np.abs(rest) > DEAD_ZONE) & (np.abs(rest) <= LARGEST_OFFSET), rest, 0.0)
    offset[[name.startswith(("eyeLook", "eyeBlink")) for name in clip.channels]] = 0.0
    return _with_lids(replace(levels, rest=offset), clip)


def rest_frames(clip: Clip, neutral: int | None = None) -> Int[np.ndarray, "K"]:
    """The frame `neutral`, or the frames that `find_rest` finds when it is None; raises as `find_levels` does."""
    if neutral is None:
        return find_rest(clip)
    if not 0 <= neutral < len(clip):
        raise MienError(f"the neutral frame {neutral} is not in the clip; it has frames 0 to {len(clip) - 1}")
    if not clip.seen[neutral]:
        raise MienError(f"the neutral frame {neutral} shows no face; name another one")
    return np.array([neutral])


def _with_lids(levels: Levels, clip: Clip) -> Levels:
    """Levels whose lids go from this person's open eye to this person's closed eye; unchanged without a blink."""
    if not set(_LIDS) <= set(clip.channels):
        return levels
    closures = _closures(clip)
    if not len(closures) or not len(find_blinks(clip)):
        return levels
    rest, full = levels.rest.copy(), levels.full.copy()
    for name in _LIDS:
        curve, at = clip.curve(name), clip.channels.index(name)
        open_level = _open_level(curve[clip.seen])
        # Long closures count beside the blinks. The maximum is robust, as blinks may be partial and peaks outliers.
        closed = float(np.quantile([curve[first : last + 1].max() for first, last in closures], 0.9))
        if abs(open_level) > DEAD_ZONE and open_level <= LARGEST_OFFSET:
            rest[at] = open_level
        if open_level + BLINK_HEIGHT <= closed < CLOSED_ENOUGH:
            full[at] = closed
    return replace(levels, rest=rest, full=full)


def _open_level(curve: np.ndarray) -> float:
    """The weight of an open eye: the lower quartile, which a take with long closures does not move."""
    return float(np.quantile(curve, 0.25))


def find_blinks(clip: Clip) -> Int[np.ndarray, "K 2"]:
    """(first, last) frames, at half height, of the closures of both eyes that are as short as a blink."""
    closures = _closures(clip)
    inner = closures[(closures[:, 0] > 0) & (closures[:, 1] < len(clip) - 1)]
    lasting = clip.times[inner[:, 1] + 1] - clip.times[inner[:, 0]]
    whole = clip.seen[inner[:, 0] - 1] & clip.seen[inner[:, 1] + 1]
    return inner[whole & (lasting >= BLINK_SECONDS[0]) & (lasting <= BLINK_SECONDS[1])]


def _closures(clip: Clip) -> Int[np.ndarray, "K 2"]:
    """(first, last) frames, at half height, of all intervals in which both lids rise `BLINK_HEIGHT` over the open
    level."""
    if not clip.seen.any():
        return np.zeros((0, 2), np.int64)
    curve = np.where(clip.seen, np.mean([clip.curve(name) for name in _LIDS], axis=0), -np.inf)
    floor = _open_level(curve[clip.seen])
    above = np.concatenate([[False], curve >= floor + 0.5 * BLINK_HEIGHT, [False]]).astype(np.int8)
    found: list[tuple[int, int]] = []
    for first, end in zip(np.flatnonzero(np.diff(above) == 1), np.flatnonzero(np.diff(above) == -1), strict=True):
        peak = curve[first:end].max()
        if peak - floor >= BLINK_HEIGHT:
            high = first + np.flatnonzero(curve[first:end] >= floor + 0.5 * (peak - floor))
            found.append((int(high[0]), int(high[-1])))
    return np.array(found, np.int64).reshape(-1, 2)


def find_rest(clip: Clip) -> Int[np.ndarray, "K"]:
    """Frames of the face at rest: the expression that recurs most among frontal frames with open eyes and closed mouth.

    Each frame is rated by the distance to its nearest `REST_SHARE` of frames plus its own activity, both as means over
    channels; the best frame and its neighbours are the rest. Empty for a take that is too short.
    """
    # scipy.spatial costs 0.1 s to import.
    from scipy.spatial.distance import cdist  # pyright: ignore[reportMissingTypeStubs]

    frames = np.flatnonzero(_may_rest(clip))
    if len(frames) < LEAST_FRAMES:
        return np.zeros(0, np.int64)
    frames = frames[np.unique(np.linspace(0, len(frames) - 1, _MOST_COMPARED).round().astype(np.int64))]
    columns = [c for c, name in enumerate(clip.channels) if not name.startswith("eyeLook")]
    weights = clip.weights[frames][:, columns].astype(np.float64)
    apart = cdist(weights, weights, "cityblock") / len(columns)
    count = max(1, round(REST_SHARE * len(frames)))
    nearest = np.argsort(apart, axis=1, kind="stable")[:, :count]
    spread = np.take_along_axis(apart, nearest, axis=1).mean(axis=1)
    best = int(np.argmin(spread + np.abs(weights).mean(axis=1)))
    return np.sort(frames[nearest[best]])


def _may_rest(clip: Clip) -> Bool[np.ndarray, "T"]:
    """Visible, frontal, lids no lower and jaw no further open than halfway between this person's extremes."""
    may = clip.seen.copy()
    if clip.visibility is not None:
        may &= (np.nan_to_num(clip.visibility) >= VISIBLE).all(axis=1)
    if clip.head_rotation is not None:
        angles = np.abs(angles_from_quaternion(clip.head_rotation)[:, :2])
        frontal = may & (np.nan_to_num(angles, nan=np.inf) <= FRONTAL).all(axis=1)
        may = frontal if frontal.any() else may
    for names in (_LIDS, ("jawOpen",)):
        if not may.any() or not set(names) <= set(clip.channels):
            continue
        curve = np.mean([clip.curve(name) for name in names], axis=0)
        low, high = np.quantile(curve[may], [0.05, 0.95])
        may &= np.nan_to_num(curve, nan=np.inf) <= max(0.5 * (low + high), low + BLINK_HEIGHT / 2)
    return may


class LiveCalibration:
    """Calibration of a live performance: a rest from its first seconds, lids from the blinks seen so far."""

    def __init__(self, *, seconds: float = 2.0, memory: float = 30.0, channels: tuple[str, ...] = ARKIT) -> None:
        """`seconds` is the time that the performer rests at the start; blinks are remembered for `memory` seconds."""
        self._seconds, self._memory, self._channels = seconds, memory, channels
        self.reset()

    def reset(self) -> None:
        """Start anew, for another person or the same one."""
        self.levels = Levels.identity(self._channels)
        self._times: deque[float] = deque()
        self._weights: deque[np.ndarray] = deque()
        self._start: float | None = None
        self._rested = False
        self._looked = -np.inf

    def step(self, time: float, weights: Float[np.ndarray, "C"]) -> Float[np.ndarray, "C"]:
        """The frame at `time` [s] with the levels known by then; a frame without a face (not finite) passes through."""
        if not np.isfinite(weights).all():
            return weights
        self._start = time if self._start is None else self._start
        self._times.append(time)
        self._weights.append(np.array(weights))
        while self._rested and self._times[0] < time - self._memory:
            self._times.popleft()
            self._weights.popleft()
        if not self._rested and time - self._start >= self._seconds:
            self.levels, self._rested, self._looked = find_levels(self._clip()), True, time
        elif self._rested and time - self._looked >= 1.0:
            self.levels, self._looked = _with_lids(self.levels, self._clip()), time
        return self.levels.apply(weights)

    def _clip(self) -> Clip:
        return Clip(times=np.array(self._times), weights=np.array(self._weights), channels=self._channels)
