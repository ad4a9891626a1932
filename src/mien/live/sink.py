"""`Sink`: where the poses of a live performance go."""

from typing import Protocol

from mien.core import Pose

__all__ = ["Sink"]


class Sink(Protocol):
    """Takes every pose of a performance: a recording, a window, a program that listens on the network."""

    def send(self, pose: Pose) -> None:
        """Take the next pose; frames without a face come too (`Pose.seen` is False)."""
        ...

    def close(self) -> None:
        """The performance is over; called once, also after an error."""
        ...
