"""A sink that records a live performance as a clip."""

from mien.core import Clip, Pose

__all__ = ["Recording"]


class Recording:
    """Records every pose that is sent to it, frames without a face included."""

    def __init__(self, source: str = "live") -> None:
        """`source` becomes the `source` of the recorded clip."""
        self.source = source
        self._poses: list[Pose] = []

    def __len__(self) -> int:
        return len(self._poses)

    def send(self, pose: Pose) -> None:
        """Record a pose. All poses must have the same channels and increasing times; `clip` checks that."""
        self._poses.append(pose)

    def close(self) -> None:
        """Do nothing: the recorded poses are kept."""

    def clip(self) -> Clip:
        """The performance recorded so far. Raises ValueError when channels differ or times do not increase."""
        return Clip.from_poses(self._poses, source=self.source)
