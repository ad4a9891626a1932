"""`Sink`: a receiver of the poses of a live performance."""

from typing import Protocol

from mien.core import Pose

__all__ = ["Sink"]


class Sink(Protocol):
    """A receiver of every pose of a performance: a recording, a window, a program on the network."""

    def send(self, pose: Pose) -> None:
        """Receive the next pose; poses of frames without a face are sent, too (`Pose.seen` is False)."""
        ...

    def close(self) -> None:
        """End the performance; called once, also after an error."""
        ...
