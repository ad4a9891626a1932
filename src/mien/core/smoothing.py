"""Less tremble in a `Clip`: the one-euro filter for live use, and a pass that looks ahead for recordings.

Both work on what animates a rig - weights, the head's rotation and translation, gaze - at the clip's own time stamps,
which may be irregular. The one-euro filter is Casiez, Roussel and Vogel, "1 Euro Filter: A Simple Speed-based Low-pass
Filter for Noisy Input in Interactive Systems" (CHI 2012): a low-pass whose cutoff rises with the signal's speed, so
that rest is quiet and motion is prompt. The paper's gain, dt / (dt + tau), depends on the frame rate at a fixed cutoff;
here it is 1 - exp(-dt / tau), which agrees to first order and makes a held input settle alike at every rate.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float

from mien.core.clip import Clip

__all__ = ["Cutoff", "FilterState", "Smoother", "Smoothing", "filter_step", "smooth", "smooth_ahead"]


@dataclass(frozen=True, kw_only=True)
class Cutoff:
    """How a one-euro filter trades tremble for lag; its cutoff is `rest + slope * speed`."""

    rest: float
    """Cutoff of a still signal [Hz]."""
    slope: float
    """Growth of the cutoff with speed [Hz per unit a second]."""
    speed: float = 10.0
    """Cutoff of the low-pass on the speed itself [Hz]. The paper's 1 Hz is for hands; a blink would be over by then."""

    def __post_init__(self) -> None:
        if not (self.rest > 0 and self.slope >= 0 and self.speed > 0):
            raise ValueError(f"cutoffs are positive frequencies: {self}")


@dataclass(frozen=True, kw_only=True)
class Smoothing:
    """The cutoffs of everything in a clip.

    On a steady ramp the filter is off by speed / (2 pi cutoff), never more than 1 / (2 pi slope): 0.008 of a weight,
    0.5 degrees, 1.6 mm, at any speed. On real takes (benchmarks/capture_time.py) weights keep a quarter of their
    tremble, blinks lose at most 0.3 % of their height, and curves come 0.5 ms late (median; 2.9 the worst).
    """

    weights: Cutoff = field(default_factory=lambda: Cutoff(rest=1.0, slope=20.0))
    """Speed in weight units a second; a blink reaches 10."""
    rotation: Cutoff = field(default_factory=lambda: Cutoff(rest=1.0, slope=20.0))
    """Speed in radians a second."""
    translation: Cutoff = field(default_factory=lambda: Cutoff(rest=1.0, slope=0.1))
    """Speed in millimetres a second."""
    gaze: Cutoff = field(default_factory=lambda: Cutoff(rest=1.0, slope=20.0))
    """Speed in radians a second; a saccade reaches 5."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FilterState:
    """All that a one-euro filter remembers."""

    time: float
    """Of the last sample [s]."""
    raw: Float[np.ndarray, "*shape"]
    """The last sample as it came."""
    value: Float[np.ndarray, "*shape"]
    """The last sample filtered: the filter's output."""
    velocity: Float[np.ndarray, "*shape"]
    """Filtered derivative of `raw` [1/s]."""


def filter_step(
    state: FilterState | None, time: float, raw: Float[np.ndarray, "*shape"], cutoff: Cutoff, *, axis: int | None = None
) -> FilterState | None:
    """One sample of a one-euro filter; the output is `.value`.

    `axis` is the axis whose length is the speed, for vectors; None filters each number by its own. A sample that is not
    finite gives None, and the filter starts anew with the next one. Raises ValueError when time does not grow.
    """
    raw = np.asarray(raw, np.float64)
    if not np.isfinite(raw).all():
        return None
    if state is None:
        return FilterState(time=time, raw=raw, value=raw, velocity=np.zeros_like(raw))
    step = time - state.time
    if not step > 0:
        raise ValueError(f"time must grow from sample to sample: {state.time} s, then {time} s")
    velocity = state.velocity + _gain(step, cutoff.speed) * ((raw - state.raw) / step - state.velocity)
    speed = np.abs(velocity) if axis is None else np.linalg.norm(velocity, axis=axis, keepdims=True)
    value = state.value + _gain(step, cutoff.rest + cutoff.slope * speed) * (raw - state.value)
    return FilterState(time=time, raw=raw, value=value, velocity=velocity)


def _gain(step: float, cutoff: float | np.ndarray) -> np.ndarray:
    """Share of the way to a held input that a first-order low-pass goes in `step` seconds."""
    return -np.expm1(-2.0 * np.pi * step * np.asarray(cutoff))


def _rotation_step(state: FilterState | None, time: float, raw: np.ndarray, cutoff: Cutoff) -> FilterState | None:
    """`filter_step` on the sphere of quaternions, whatever their signs."""
    raw = np.asarray(raw, np.float64)
    if state is not None and float(raw @ state.value) < 0:
        raw = -raw
    # A quaternion moves at half the angular velocity.
    moved = filter_step(state, time, raw, replace(cutoff, slope=2.0 * cutoff.slope), axis=-1)
    return None if moved is None else replace(moved, value=moved.value / np.linalg.norm(moved.value))


class Smoother:
    """The one-euro filter on a live performance, frame by frame. `reset` between performances."""

    def __init__(self, smoothing: Smoothing | None = None) -> None:
        self.smoothing = smoothing or Smoothing()
        self.reset()

    def reset(self) -> None:
        """Forget every frame so far."""
        self._states: dict[str, FilterState | None] = {}

    def step(
        self,
        time: float,
        weights: Float[np.ndarray, "C"],
        *,
        rotation: Float[np.ndarray, "4"] | None = None,
        translation: Float[np.ndarray, "3"] | None = None,
        gaze: Float[np.ndarray, "2 2"] | None = None,
    ) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None, np.ndarray | None]:
        """(weights, rotation, translation, gaze) of the frame at `time` [s], filtered; None stays None.

        A frame without a face (not finite) comes back as it is, and the filter starts anew behind it. Weights stay
        within the range of the frames so far, and the type of each array is kept.
        """
        own = self.smoothing
        return (
            self._filtered("weights", time, weights, own.weights, None),
            None if rotation is None else self._filtered("rotation", time, rotation, own.rotation, -1),
            None if translation is None else self._filtered("translation", time, translation, own.translation, -1),
            None if gaze is None else self._filtered("gaze", time, gaze, own.gaze, -1),
        )

    def _filtered(self, name: str, time: float, raw: np.ndarray, cutoff: Cutoff, axis: int | None) -> np.ndarray:
        state = self._states.get(name)
        if name == "rotation":
            state = _rotation_step(state, time, raw, cutoff)
        else:
            state = filter_step(state, time, raw, cutoff, axis=axis)
        self._states[name] = state
        return raw if state is None else state.value.astype(raw.dtype)


def smooth(clip: Clip, smoothing: Smoothing | None = None) -> Clip:
    """The clip as a live one-euro filter leaves it: no frame knows a later one, so quick motion comes a little late."""
    return _with(clip, _run(clip.times, _parts(clip), smoothing))


def smooth_ahead(clip: Clip, smoothing: Smoothing | None = None) -> Clip:
    """The clip filtered forwards, then backwards: no delay, and less tremble than `smooth`; needs the whole clip.

    Of the passes that were measured on real takes (mean tremble at rest, largest loss of a blink's height) this one was
    kept: 2e-5, 0.5 %. A Gaussian of 30 ms: 1.2e-4, 38 %; a local parabola over 60 ms: 6e-5, 49 %; a Gaussian of 100 ms
    in time and 0.03 in value: 8e-6, 7 %; unfiltered: 6.5e-4.
    """
    forwards = _run(clip.times, _parts(clip), smoothing)
    backwards = _run(-clip.times[::-1], [None if part is None else part[::-1] for part in forwards], smoothing)
    return _with(clip, [None if part is None else part[::-1] for part in backwards])


_Parts = list[np.ndarray | None]


def _parts(clip: Clip) -> _Parts:
    return [clip.weights, clip.head_rotation, clip.head_translation, clip.gaze]


def _run(times: np.ndarray, parts: _Parts, smoothing: Smoothing | None) -> _Parts:
    smoother = Smoother(smoothing)
    results = [None if part is None else part.copy() for part in parts]
    for t, time in enumerate(times):
        weights, rotation, translation, gaze = (None if part is None else part[t] for part in parts)
        assert weights is not None
        row = smoother.step(float(time), weights, rotation=rotation, translation=translation, gaze=gaze)
        for result, value in zip(results, row, strict=True):
            if result is not None:
                result[t] = value
    return results


def _with(clip: Clip, parts: _Parts) -> Clip:
    weights, rotation, translation, gaze = parts
    assert weights is not None
    if {"mouthClose", "jawOpen"} <= set(clip.channels):
        # Each channel has its own cutoff, so a corrective can outrun what it corrects; it must not where it did not.
        close, jaw = clip.channels.index("mouthClose"), clip.channels.index("jawOpen")
        kept = clip.weights[:, close] <= clip.weights[:, jaw]
        weights[kept, close] = np.minimum(weights[kept, close], weights[kept, jaw])
    return replace(clip, weights=weights, head_rotation=rotation, head_translation=translation, gaze=gaze)
