"""`run`: a live performance from a source, through a capture, into sinks."""

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
    """What turns a frame into a pose, knowing the frames before it."""

    def frame(self, image: UInt8[np.ndarray, "H W 3"], time: float, /) -> Pose:
        """The pose at `time` [s], which grows from call to call; `Pose.lost` without a face."""
        ...


def run(
    source: Source, capture: FrameCapture, sinks: Sequence[Sink], *, seconds: float | None = None
) -> Float[np.ndarray, "T"]:
    """Send the pose of every frame to every sink; return how long each frame took to capture [ms].

    Ends when the source has no more frames, when a frame's time is past `seconds`, or by Ctrl-C, which is how a
    performance is ended by hand and raises nothing. Source and sinks are closed whatever happens; what the source,
    the capture or a sink raises is raised here.
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
