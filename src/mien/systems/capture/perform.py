"""From what the network said of a whole take to the clip an animator gets: calibrated, held where hidden, smoothed."""

from dataclasses import replace
from typing import Literal

from mien.core import Clip
from mien.core.smoothing import smooth, smooth_ahead
from mien.systems.capture.predict import CaptureResult
from mien.systems.capture.runtime.calibration import Neutral, calibrate, find_levels
from mien.systems.capture.runtime.hidden_regions import hold

__all__ = ["Neutral", "Smooth", "finish"]

Smooth = Literal["off", "live", "ahead"]
"""No filter; the one-euro filter as live use has it; or a pass without delay that knows the whole take."""


def finish(result: CaptureResult, *, neutral: Neutral = "auto", smoothing: Smooth = "off") -> Clip:
    """The clip of a captured take; with "off" twice and every region in sight, it is `result.clip`.

    Raises MienError when the neutral frame is not in the take or shows no face.
    """
    clip = result.clip
    if neutral != "off":
        unclipped = replace(clip, weights=result.raw)
        clip = calibrate(unclipped, find_levels(unclipped, None if neutral == "auto" else neutral))
    clip = hold(clip)
    if smoothing == "off":
        return clip
    return smooth(clip) if smoothing == "live" else smooth_ahead(clip)
