"""Hold what is hidden: channels of a hidden region keep their last trusted value, then go to rest.

A region is hidden when the network's visibility falls under `HIDDEN` and trusted again from `TRUSTED` on; between the
two it keeps its status. Hidden channels keep their value for `HOLD` seconds (a passing hand, a flicker of the light)
and then go to rest exponentially; when the region is visible again they return to the captured values without a jump.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float

from mien.core import ARKIT, Clip
from mien.core.regions import HIDDEN, REGIONS, region_of
from mien.core.transforms import gaze_from_weights

__all__ = ["Holder", "hold"]

TRUSTED = 0.7
"""A little above `HIDDEN`; the gap keeps the status of a region at the border from flickering."""
HOLD = 0.5
"""Seconds that a value is held unchanged: longer than a blink and than most hands take to pass."""
RELAX = 1.0
"""Time constant of going to rest [s]: slow enough not to look like a movement of the performer."""
RETURN = 0.08
"""Time constant of returning to the captured values [s]: as fast as a blink opens."""


@dataclass(kw_only=True)
class _Region:
    columns: Bool[np.ndarray, "C"]
    trusted: np.ndarray
    """The last output while the region was visible; rest before the first."""
    excess: np.ndarray
    """Output less captured value at the moment the region became visible again."""
    hidden: bool = False
    since: float = -np.inf
    """When the region became hidden or visible [s]."""


class Holder:
    """Holds hidden regions frame by frame; call `reset` between performances."""

    def __init__(self, *, channels: tuple[str, ...] = ARKIT, rest: Float[np.ndarray, "C"] | None = None) -> None:
        """`rest` holds the weights that hidden channels go to; zeros when None, as for calibrated weights."""
        self._channels = channels
        self._rest = np.zeros(len(channels)) if rest is None else np.asarray(rest, np.float64)
        self.reset()

    def reset(self) -> None:
        """Forget every frame so far."""
        names = [region_of(name) for name in self._channels]
        self._regions: list[_Region] = []
        for region in REGIONS:
            columns = np.array([name == region for name in names], bool)
            rest = self._rest[columns]
            self._regions.append(_Region(columns=columns, trusted=rest, excess=np.zeros_like(rest)))

    def step(
        self, time: float, weights: Float[np.ndarray, "C"], visibility: Float[np.ndarray, "R"]
    ) -> Float[np.ndarray, "C"]:
        """The frame at `time` [s]; `visibility` follows `regions.REGIONS`. A frame without a face (NaN) passes."""
        if not (np.isfinite(weights).all() and np.isfinite(visibility).all()):
            return weights
        out = weights.copy()
        for region, seen in zip(self._regions, visibility, strict=True):
            out[region.columns] = self._held(region, time, weights[region.columns].astype(np.float64), float(seen))
        if {"mouthClose", "jawOpen"} <= set(self._channels):  # both relax independently, but one corrects the other
            close, jaw = (self._channels.index(name) for name in ("mouthClose", "jawOpen"))
            out[close] = min(out[close], out[jaw])
        return out

    def _held(self, region: _Region, time: float, value: np.ndarray, seen: float) -> np.ndarray:
        rest = self._rest[region.columns]
        if region.hidden and seen >= TRUSTED:
            shown = self._relaxed(region, time, rest)
            region.hidden, region.since, region.excess = False, time, shown - value
        elif not region.hidden and seen < HIDDEN:
            region.hidden, region.since = True, time
        if region.hidden:
            return self._relaxed(region, time, rest)
        # The clip to [0, 1] is needed: while `excess` fades, a captured value that falls would take the sum below 0.
        region.trusted = np.clip(value + region.excess * np.exp(-(time - region.since) / RETURN), 0.0, 1.0)
        return region.trusted

    @staticmethod
    def _relaxed(region: _Region, time: float, rest: np.ndarray) -> np.ndarray:
        over = max(0.0, time - region.since - HOLD)
        return rest + (region.trusted - rest) * np.exp(-over / RELAX)


def hold(clip: Clip, *, rest: Float[np.ndarray, "C"] | None = None) -> Clip:
    """The clip with its hidden regions held, and gaze with the eyes; the same clip when it has no visibility."""
    if clip.visibility is None:
        return clip
    holder = Holder(channels=clip.channels, rest=rest)
    weights = clip.weights.copy()
    for t, time in enumerate(clip.times):
        weights[t] = holder.step(float(time), clip.weights[t], clip.visibility[t])
    gaze = clip.gaze
    if gaze is not None:
        gaze = gaze_from_weights(replace(clip, weights=weights).with_channels(ARKIT).weights)
    return replace(clip, weights=weights, gaze=gaze)
