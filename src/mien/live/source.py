"""`Source`: a provider of the frames of a live performance."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from mien.io.video import Frame

__all__ = ["Source", "open_source"]


class Source(Protocol):
    """Frames in the order of their times, as they arrive; a context manager that releases its device at the end."""

    def __enter__(self) -> "Source":
        """The source itself."""
        ...

    def __exit__(self, *_: object) -> None:
        """Release the device or file."""
        ...

    def __iter__(self) -> Iterator[Frame]:
        """The frames until there are no more."""
        ...


def open_source(name: str) -> Source:
    """A source by name: a webcam's number ("0"), the address of a stream, or a video file.

    A video file is not played in real time: its frames come as fast as they are processed, with the times that the file
    states. Raises MienError when the webcam, stream or file cannot be opened.
    """
    if name.isascii() and name.isdecimal():
        from mien.live.webcam import Webcam

        return Webcam(int(name))
    if "://" in name:
        from mien.live.webcam import Webcam

        return Webcam(name)
    from mien.io.video import open_frames

    return open_frames(Path(name))
