"""Capturing as it happens: each frame comes back calibrated, held where hidden and smoothed, knowing no later one.

    live = LiveCapture()  # mien.io.webcam.Webcam gives the frames of a camera
    for frame in Webcam():  # or any other source of RGB images with growing times
        face = live.frame(frame.image, frame.time)
        if face is not None:
            send(face.weights, face.rotation, face.gaze)

The same parts that `finish` applies to a whole take, in the same order, each in its form that runs frame by frame.
"""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, UInt8

from mien.core import ARKIT, Clip
from mien.core.smoothing import Smoother, Smoothing
from mien.core.transforms import gaze_from_weights
from mien.systems.capture import spec
from mien.systems.capture.predict import Capture, CapturedFrame
from mien.systems.capture.runtime.calibration import LiveCalibration, rest_frames
from mien.systems.capture.runtime.hidden_regions import Holder

__all__ = ["LiveCapture", "LiveFrame", "Recording"]


@dataclass(frozen=True, kw_only=True, eq=False)
class LiveFrame:
    """One face, ready to drive a rig."""

    time: float
    """[s]"""
    weights: Float[np.ndarray, "52"]
    """In [0, 1], ARKit order."""
    rotation: Float[np.ndarray, "4"]
    """`camera_from_head`, xyzw."""
    translation: Float[np.ndarray, "3"]
    """Head joint in the camera frame [mm]."""
    gaze: Float[np.ndarray, "2 2"]
    """(left, right) eye x (yaw, pitch) [rad] in the head frame."""
    captured: CapturedFrame
    """The frame as the network saw it: landmarks, visibility, weights before calibration."""


class LiveCapture:
    """Frame-by-frame capture of one face. Keeps state between frames; not for two threads at once."""

    def __init__(
        self,
        capture: Capture | None = None,
        *,
        smoothing: Smoothing | None = None,
        smooth: bool = True,
        rest: float | None = 2.0,
        hold: bool = True,
    ) -> None:
        """Prepare.

        Args:
            capture: what captures; the weights that ship with mien when None.
            smoothing: cutoffs of the one-euro filter; the defaults bring curves 0.5 ms late (median).
            smooth: False leaves the filter out.
            rest: seconds at the start in which the performer rests, which then read as zero; None calibrates nothing.
                A network that takes the face at rest is shown it after half of them.
            hold: whether hidden regions keep their last trusted value.
        """
        self._capture = capture or Capture()
        self._smoother = Smoother(smoothing) if smooth else None
        self._meeting = 0.0 if rest is None or not self._capture.takes_rest else rest / 2
        self._calibration = None if rest is None else LiveCalibration(seconds=rest - self._meeting)
        self._holder = Holder() if hold else None
        self.reset()

    def reset(self) -> None:
        """Forget performer and past: to be called when another person sits down."""
        self._capture.reset()
        self._capture.rest = None
        self._met: list[tuple[float, CapturedFrame]] | None = [] if self._meeting else None
        for part in (self._smoother, self._calibration, self._holder):
            if part is not None:
                part.reset()

    def frame(self, image: UInt8[np.ndarray, "H W 3"], time: float) -> LiveFrame | None:
        """The face in the next frame, or None where there is none; `time` [s] grows from call to call.

        A face that was lost and found again starts the filter anew, but keeps its calibration.
        """
        captured = self._capture.frame(image, time)
        if captured is None:
            if self._smoother is not None:
                self._smoother.reset()
            return None
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
            assert rotation is not None and translation is not None and gaze is not None  # None only of None
            weights[_CLOSE] = min(weights[_CLOSE], weights[_OPEN])  # each channel has a cutoff of its own
        return LiveFrame(
            time=time, weights=weights, rotation=rotation, translation=translation, gaze=gaze, captured=captured
        )

    def _meet(self, met: "list[tuple[float, CapturedFrame]]", time: float, captured: CapturedFrame) -> None:
        """Show the network the performer at rest once their first frames are in: those that recur, or else all."""
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


@dataclass
class Recording:
    """Live frames kept as they come, lost ones included, to be saved as a clip."""

    source: str = "live"
    times: list[float] = field(default_factory=list[float])
    frames: list[LiveFrame | None] = field(default_factory=list["LiveFrame | None"])

    def add(self, time: float, frame: LiveFrame | None) -> None:
        """The frame at `time` [s]; times grow."""
        self.times.append(time)
        self.frames.append(frame)

    def clip(self) -> Clip:
        """What was recorded so far."""
        count, seen = len(self.frames), [t for t, frame in enumerate(self.frames) if frame is not None]
        kept = [frame for frame in self.frames if frame is not None]

        def column(rows: list[np.ndarray], *shape: int) -> np.ndarray:
            out = np.full((count, *shape), np.nan)
            if rows:
                out[seen] = rows
            return out

        confidence = np.zeros(count)
        confidence[seen] = [frame.captured.face.confidence for frame in kept]
        visible = [frame.captured.visibility for frame in kept]
        looked = [row for row in visible if row is not None]
        return Clip(
            times=np.array(self.times, np.float64),
            weights=column([frame.weights for frame in kept], len(ARKIT)).astype(np.float32),
            head_rotation=column([frame.rotation for frame in kept], 4),
            head_translation=column([frame.translation for frame in kept], 3),
            gaze=column([frame.gaze for frame in kept], 2, 2),
            confidence=confidence,
            visibility=column(looked, len(spec.REGIONS)) if looked and len(looked) == len(kept) else None,
            source=self.source,
        )
