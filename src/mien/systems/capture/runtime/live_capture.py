"""Live capture: each frame becomes a calibrated and smoothed pose with hidden regions held, computed from that frame
and the frames before it alone.

    live = LiveCapture()
    with Webcam() as frames:  # mien.live.webcam, or any other source of RGB images whose times grow
        for frame in frames:
            pose = live.frame(frame.image, frame.time)
            if pose.seen:
                send(pose)

The steps are those that `perform.finish` applies to a whole take, in the same order, each in its form for one frame at
a time. `mien.live.run` drives them from a source into sinks.
"""

from dataclasses import replace

import numpy as np
from jaxtyping import UInt8

from mien.core import ARKIT, Clip, Pose
from mien.core.smoothing import Smoother, Smoothing
from mien.core.transforms import gaze_from_weights
from mien.systems.capture.predict import Capture, CapturedFrame
from mien.systems.capture.runtime.calibration import LiveCalibration, rest_frames
from mien.systems.capture.runtime.hidden_regions import Holder

__all__ = ["REST_SECONDS", "LiveCapture"]

REST_SECONDS = 2.0
"""Time that a performer rests before a live performance, by default [s]."""


class LiveCapture:
    """Frame-by-frame capture of one face. Keeps state between frames, so it serves one thread only."""

    def __init__(
        self,
        capture: Capture | None = None,
        *,
        smoothing: Smoothing | None = None,
        smooth: bool = True,
        rest: float | None = REST_SECONDS,
        hold: bool = True,
    ) -> None:
        """Set up live capture.

        Args:
            capture: the capture system to use; None for the weights that ship with mien.
            smoothing: cutoffs of the one-euro filter; the defaults bring curves 0.5 ms late (median).
            smooth: whether the filter is used.
            rest: seconds at the start in which the performer rests; these frames read as zero. None: no calibration.
                A network with a stored rest is given it after half of these seconds.
            hold: whether hidden regions keep their last trusted value.
        """
        self._capture = capture or Capture()
        self._smoother = Smoother(smoothing) if smooth else None
        self._meeting = 0.0 if rest is None or not self._capture.takes_rest else rest / 2
        self._calibration = None if rest is None else LiveCalibration(seconds=rest - self._meeting)
        self._holder = Holder() if hold else None
        self.reset()

    def reset(self) -> None:
        """Forget the performer and all frames; call this when another person sits down."""
        self._capture.reset()
        self._capture.rest = None
        self.captured: CapturedFrame | None = None
        """The network's output for the last frame: landmarks, visibility, weights before calibration; None without a
        face."""
        self._met: list[tuple[float, CapturedFrame]] | None = [] if self._meeting else None
        for part in (self._smoother, self._calibration, self._holder):
            if part is not None:
                part.reset()

    def frame(self, image: UInt8[np.ndarray, "H W 3"], time: float) -> Pose:
        """The face in the next frame, or `Pose.lost` where there is none; `time` [s] must grow from call to call.

        A face that was lost and found again starts the filter anew, but keeps its calibration.
        """
        captured = self.captured = self._capture.frame(image, time)
        if captured is None:
            if self._smoother is not None:
                self._smoother.reset()
            return Pose.lost(time)
        weights = captured.weights
        if self._met is not None:
            self._meet(self._met, time, captured)
        elif self._calibration is not None:
            weights = self._calibration.step(time, captured.raw)
        if self._holder is not None and captured.visibility is not None:
            weights = self._holder.step(time, weights, captured.visibility)
        gaze = gaze_from_weights(weights)
        rotation, translation = captured.rotation, captured.translation
        if self._smoother is not None:
            weights, rotation, translation, gaze = self._smoother.step(
                time, weights, rotation=rotation, translation=translation, gaze=gaze
            )
            assert rotation is not None and translation is not None and gaze is not None  # None only if the argument is
            weights[_CLOSE] = min(weights[_CLOSE], weights[_OPEN])  # their filters have different cutoffs
        return replace(
            captured.pose(time), weights=weights, head_rotation=rotation, head_translation=translation, gaze=gaze
        )

    def _meet(self, met: "list[tuple[float, CapturedFrame]]", time: float, captured: CapturedFrame) -> None:
        """Store the rest once the performer's first frames are there: the recurring ones, or else all of them."""
        met.append((time, captured))
        if time - met[0][0] < self._meeting:
            return
        frames = [frame for _, frame in met]
        seen = [frame.visibility for frame in frames if frame.visibility is not None]
        clip = Clip(
            times=np.array([time for time, _ in met]),
            weights=np.stack([frame.raw for frame in frames]),
            head_rotation=np.stack([frame.rotation for frame in frames]),
            visibility=np.stack(seen) if len(seen) == len(frames) else None,
        )
        found, codes = rest_frames(clip), np.stack([frame.code for frame in frames])
        self._capture.rest, self._met = codes[found if len(found) else slice(None)].mean(axis=0), None


_CLOSE, _OPEN = ARKIT.index("mouthClose"), ARKIT.index("jawOpen")
