"""`run`: captures the frames of a source and sends the poses to sinks."""

from collections.abc import Sequence
from contextlib import ExitStack
from time import perf_counter
from typing import Protocol

import numpy as np
from jaxtyping import Float, UInt8

from mien.core import Pose
from mien.live.sink import Sink
from mien.live.source import Source

__all__ = ["FrameCapture", "run"]


class FrameCapture(Protocol):
    """A capture that turns each frame into a pose and may use the frames before it."""

    def frame(self, image: UInt8[np.ndarray, "H W 3"], time: float, /) -> Pose:
        """The pose at `time` [s], which increases from call to call; `Pose.lost` when there is no face."""
        ...


def run(
    source: Source, capture: FrameCapture, sinks: Sequence[Sink], *, seconds: float | None = None
) -> Float[np.ndarray, "T"]:
    """Send the pose of every frame to every sink; return the time that the capture of each frame took [ms].

    The performance ends when the source has no more frames, when a frame's time exceeds `seconds`, or by Ctrl-C, which
    raises no exception. Source and sinks are closed in every case; exceptions of the source, the capture or a sink are
    passed on.
    """
    milliseconds: list[float] = []
    with ExitStack() as stack:
        for sink in reversed(sinks):
            stack.callback(sink.close)
        try:
            with source as frames:
                for frame in frames:
                    if seconds is not None and frame.time > seconds:
                        break
                    start = perf_counter()
                    pose = capture.frame(frame.image, frame.time)
                    milliseconds.append((perf_counter() - start) * 1e3)
                    for sink in sinks:
                        sink.send(pose)
        except KeyboardInterrupt:
            pass
    return np.array(milliseconds)
