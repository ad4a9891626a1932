"""A sink that keeps a live performance, to be saved as a clip."""

from mien.core import Clip, Pose

__all__ = ["Recording"]


class Recording:
    """Keeps every pose that it is sent, frames without a face included."""

    def __init__(self, source: str = "live") -> None:
        """`source` is what the clip will name as its origin."""
        self.source = source
        self._poses: list[Pose] = []

    def __len__(self) -> int:
        return len(self._poses)

    def send(self, pose: Pose) -> None:
        """Keep a pose. Poses have the same channels, and their times grow."""
        self._poses.append(pose)

    def close(self) -> None:
        """Nothing to let go of: what was recorded stays."""

    def clip(self) -> Clip:
        """What was recorded so far. Raises ValueError when channels differ or times do not grow."""
        return Clip.from_poses(self._poses, source=self.source)
