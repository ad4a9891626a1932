"""Reads videos and images, with the container's time stamps (PyAV, the FFmpeg libraries)."""

# pyright: reportUnknownMemberType=false
# PyAV's annotations leave the stream type of packets and the keyword arguments of add_stream unknown.

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8

from mien.core.errors import MienError

if TYPE_CHECKING:
    from av import VideoFrame, VideoStream
    from av.container import InputContainer

__all__ = ["Frame", "Picture", "Video", "is_image", "open_frames", "open_video", "read_image"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """One picture of a video."""

    index: int
    """Index of the frame among those that were read, from 0."""
    time: float
    """Presentation time [s] from the container; strictly increasing, the intervals may differ."""
    image: UInt8[np.ndarray, "H W 3"]
    """RGB, upright (the container's rotation is applied), C-contiguous."""


@dataclass(frozen=True, kw_only=True)
class Video:
    """A video that can be iterated any number of times, each time from its start; made by `open_video`."""

    path: Path
    width: int
    """Width of the upright picture [px]."""
    height: int
    """Height of the upright picture [px]."""
    fps_nominal: float
    """Frame rate that the container states, for progress bars only: times come from the frames. 0 when unknown."""
    frames_estimate: int
    """Number of frames that the container states, for progress bars only; 0 when unknown."""
    duration: float
    """Duration that the container states [s]; 0 when unknown."""

    def __enter__(self) -> "Video":
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing: no file is open between iterations; the context form marks where the video is used."""

    def __iter__(self) -> Iterator[Frame]:
        """The frames in order.

        A frame whose time stamp is not later than that of the frame before is left out, because no player shows it.
        Packets that cannot be decoded are skipped, as players do.

        Raises:
            MienError: no frame can be decoded, or the frames end long before the stated duration (a file cut short).
        """
        with _opened(self.path) as container:
            stream = _video_stream(container, self.path)
            last = -np.inf
            index = 0
            for picture in _pictures(container, stream):
                time = _time(picture, last, self.fps_nominal)
                if time <= last:
                    continue
                last = time
                yield Frame(index=index, time=time, image=_upright(picture))
                index += 1
            # `open_video` has checked that MP4 files are complete; their last frame may be shown for long.
            _check_end(self.path, index, last, None if "mp4" in container.format.name else _stream_end(stream))


@dataclass(frozen=True, kw_only=True, eq=False)
class Picture:
    """A still image as a video of one frame, shown for a second from time 0; made by `open_frames`."""

    path: Path
    image: UInt8[np.ndarray, "H W 3"]
    """RGB, upright."""
    fps_nominal: float = 1.0
    """Frame rate [frames per second]."""
    frames_estimate: int = 1
    """Number of frames."""
    duration: float = 0.0
    """Last time minus first [s]."""

    @property
    def width(self) -> int:
        """Width of the picture [px]."""
        return self.image.shape[1]

    @property
    def height(self) -> int:
        """Height of the picture [px]."""
        return self.image.shape[0]

    def __enter__(self) -> "Picture":
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing; the context form matches that of `Video`."""

    def __iter__(self) -> Iterator[Frame]:
        """The one frame."""
        yield Frame(index=0, time=0.0, image=self.image)


def open_frames(path: str | Path) -> Video | Picture:
    """The frames of a video, or of a still image as a video of one frame.

    Raises MienError when the file is neither, is missing or damaged.
    """
    if is_image(path):
        return Picture(path=Path(path), image=read_image(path))
    return open_video(path)


def open_video(path: str | Path) -> Video:
    """Check a video and decode its first frame, so that a bad file fails at once and not half way.

    Raises:
        MienError: the file is missing, not a video, cut short, or has only sound or no frame.
    """
    path = Path(path)
    _check_whole(path)
    with _opened(path) as container:
        stream = _video_stream(container, path)
        picture = next(_pictures(container, stream), None)
        if picture is None:
            raise MienError(f"{path} has no frame that can be decoded; check that it plays in a video player")
        height, width = _upright(picture).shape[:2]
        rate = stream.average_rate or stream.guessed_rate
        fps = float(rate) if rate else 0.0
        seconds = _seconds(stream, container)
        frames = stream.frames or round(seconds * fps)
    return Video(path=path, width=width, height=height, fps_nominal=fps, frames_estimate=frames, duration=seconds)


def _check_whole(path: Path) -> None:
    if path.is_dir():
        raise MienError(f"{path} is a folder, not a video; name a file")
    if not path.exists():
        raise MienError(f"{path} does not exist; check the name")
    if not os.access(path, os.R_OK):
        raise MienError(f"{path} cannot be read; check its permissions")
    if path.stat().st_size == 0:
        raise MienError(f"{path} is empty; copy or download it again")
    if _cut_short(path):
        raise MienError(f"{path} is cut short: it ends before its contents do; copy or download it again")


def _cut_short(path: Path) -> bool:
    """Whether an MP4 or QuickTime file ends inside one of its boxes (ISO/IEC 14496-12, 4.2).

    Decoders read such a file up to the cut without reporting an error.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        at = 0
        while at + 8 <= size:
            file.seek(at)
            head = file.read(16)
            length, kind = int.from_bytes(head[:4], "big"), head[4:8]
            if at == 0 and kind not in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
                return False  # not of this family
            if length == 1:  # a 64-bit length follows
                length = int.from_bytes(head[8:16], "big")
            if length == 0 or not kind.isalnum():  # the last box runs to the end; or bytes of no box follow it
                return False
            if length < 8:
                return False
            at += length
    return at > size


def _opened(path: Path) -> "InputContainer":
    import av
    from av.error import FFmpegError

    try:
        return av.open(str(path), metadata_errors="replace")
    except (FFmpegError, OSError, ValueError) as error:
        raise MienError(f"{path} is not a video that can be read, or it is cut short; convert it to MP4") from error


def _video_stream(container: "InputContainer", path: Path) -> "VideoStream":
    from av.stream import Disposition

    # The cover picture of a song is a video stream of one frame.
    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not streams:
        what = "only sound" if container.streams.audio else "no pictures"
        raise MienError(f"{path} holds {what}; give a file with video")
    stream = streams[0]
    # PyAV annotates codec_context as never None, but it is None when its FFmpeg has no decoder for the codec.
    if stream.codec_context is None:  # pyright: ignore[reportUnnecessaryComparison]
        raise MienError(f"{path} uses a video codec that cannot be decoded here; convert it to H.264 MP4")
    stream.thread_type = "AUTO"
    # Each decoding thread holds whole frames, of 50 MB each at 8K.
    stream.codec_context.thread_count = min(4, os.cpu_count() or 1)
    return stream


def _pictures(container: "InputContainer", stream: "VideoStream") -> "Iterator[VideoFrame]":
    from av.error import FFmpegError

    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except FFmpegError:  # the container is damaged from here on; `_check_end` decides whether enough was read
            return
        try:
            # The last packet is empty and flushes the decoder.
            yield from packet.decode()  # type: ignore[misc]  # of a video stream: only video frames
        except FFmpegError:
            continue


def _time(picture: "VideoFrame", last: float, fps: float) -> float:
    if picture.pts is not None and picture.time_base is not None:
        return float(picture.pts * picture.time_base)
    # Raw streams (.h264) have no time stamps: time can only come from their nominal rate.
    return 0.0 if last == -np.inf else last + 1.0 / (fps or 25.0)


def _upright(picture: "VideoFrame") -> np.ndarray:
    image = picture.to_ndarray(format="rgb24")
    turns = round(picture.rotation / 90) % 4  # the rotation is in degrees anticlockwise and makes the picture upright
    return np.ascontiguousarray(np.rot90(image, turns))  # PyAV pads the rows of some widths, too


def _seconds(stream: "VideoStream", container: "InputContainer") -> float:
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return (container.duration or 0) / 1e6


def _stream_end(stream: "VideoStream") -> float | None:
    """Time when the video stream should end [s], or None when the container states only its total duration.

    The total duration is no substitute, because the sound may be longer than the video.
    """
    if stream.duration is not None and stream.time_base is not None:
        return float(((stream.start_time or 0) + stream.duration) * stream.time_base)
    parts = stream.metadata.get("DURATION", "").split(":")  # Matroska: "00:00:05.120000000"
    try:
        return sum(float(part) * unit for part, unit in zip(parts, (3600, 60, 1), strict=True))
    except ValueError:
        return None


def _check_end(path: Path, count: int, last: float, end: float | None) -> None:
    if count == 0:
        raise MienError(f"{path} has no frame that can be decoded; check that it plays in a video player")
    # Edit lists, dropped last frames and rounded headers stay far below a tenth of the duration and below a second.
    if end is not None and end - last > max(1.0, 0.1 * end):
        raise MienError(f"{path} is cut short: pictures end at {last:.1f} s of {end:.1f} s; copy or download it again")


_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM", b"II*\x00", b"MM\x00*")


def is_image(path: str | Path) -> bool:
    """Whether a file begins like a JPEG, PNG, BMP, TIFF or WebP file; False when it cannot be read."""
    try:
        with Path(path).open("rb") as file:
            head = file.read(12)
    except OSError:
        return False
    return head.startswith(_SIGNATURES) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")


def read_image(path: str | Path) -> UInt8[np.ndarray, "H W 3"]:
    """Read a still image as RGB, rotated upright by its EXIF tag; transparency is dropped.

    Raises:
        MienError: the file is missing, not an image, or damaged.
    """
    import cv2

    path = Path(path)
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise MienError(f"{path} cannot be read: {error.strerror}; check the name") from error
    try:
        image = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
    except cv2.error as error:
        raise MienError(f"{path} is too large or damaged; save it again as PNG or JPEG") from error
    if image is None:
        raise MienError(f"{path} is not an image that can be read; save it as PNG or JPEG")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)
