"""Writes videos with given time stamps, and sound (PyAV, the FFmpeg libraries)."""

# pyright: reportUnknownMemberType=false
# PyAV's annotations leave the keyword arguments of add_stream unknown.

from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import numpy as np
from jaxtyping import UInt8

from mien.core.errors import MienError
from mien.io.atomic import write_whole
from mien.io.sound import Sound

__all__ = ["VideoWriter"]

_PIECE = 1024
"""Samples of a packet of AAC."""


class VideoWriter:
    """Writes H.264 (yuv420p, BT.709) with given time stamps; the file appears whole when the context ends, or never.

    The container follows from the extension: .mp4, .mov (time stamps in 1/90000 s) or .mkv (in 1/1000 s). Odd sizes are
    extended by one row or column, because 4:2:0 chroma needs even sizes.
    """

    _CLOCK = 90_000
    """Ticks per second, the usual MPEG clock: frames at 24, 25, 30, 60 and 30000/1001 fps last whole ticks."""

    def __init__(self, path: str | Path, width: int, height: int, fps: float, *, sound: Sound | None = None) -> None:
        """Prepare to write.

        Args:
            path: the file to write.
            width: of the images [px].
            height: of the images [px].
            fps: nominal frame rate for players that need one; it also gives the duration of the last frame.
            sound: sound to write beside the pictures (AAC), on their clock: its `start` is a time of theirs.

        Raises:
            MienError: the extension is another one, or a size or rate is not positive.
        """
        self._path = Path(path)
        if self._path.suffix.lower() not in (".mp4", ".mov", ".mkv"):
            raise MienError(f"cannot write a video as '{self._path.suffix}'; use .mp4, .mov or .mkv")
        if width < 1 or height < 1 or not fps > 0:
            raise MienError(f"a video of {width}x{height} px at {fps} fps cannot be written; all must be positive")
        self._width, self._height, self._fps = width, height, fps
        self._last = -1
        self._sound, self._voice = sound, None
        self._stack = ExitStack()

    def __enter__(self) -> "VideoWriter":
        import av

        with ExitStack() as stack:
            temporary = stack.enter_context(write_whole(self._path))
            # MP4 stores the first frame's time in ticks of the movie's clock, which are 1/1000 s by default.
            clock = {} if self._path.suffix.lower() == ".mkv" else {"movie_timescale": str(self._CLOCK)}
            self._container = stack.enter_context(av.open(str(temporary), "w", options=clock))
            rate = Fraction(self._fps).limit_denominator(1001)
            stream = self._container.add_stream("libx264", rate=rate, options={"crf": "18", "preset": "veryfast"})
            stream.width, stream.height = self._width + self._width % 2, self._height + self._height % 2
            stream.pix_fmt = "yuv420p"
            stream.codec_context.time_base = Fraction(1, self._CLOCK)
            stream.codec_context.colorspace = stream.codec_context.color_primaries = 1
            stream.codec_context.color_trc = stream.codec_context.color_range = 1
            self._stream = stream
            if self._sound is not None:
                self._voice = self._container.add_stream("aac", rate=self._sound.rate, layout="mono")
            self._stack = stack.pop_all()
        return self

    def write(self, image: UInt8[np.ndarray, "H W 3"], time: float) -> None:
        """Append an RGB image that is shown from `time` [s] on; times must increase and start at 0 or later.

        Raises:
            MienError: the image has another size, or the time does not increase.
        """
        from av import VideoFrame
        from av.video.reformatter import ColorRange, Colorspace

        if image.shape != (self._height, self._width, 3):
            raise MienError(f"an image of shape {image.shape} does not fit a video of {self._width}x{self._height} px")
        stamp = round(time * self._CLOCK)
        if stamp <= self._last:
            raise MienError(f"a frame at {time} s cannot follow one at {self._last / self._CLOCK} s; sort the frames")
        self._last = stamp
        if self._width % 2 or self._height % 2:
            image = np.pad(image, ((0, self._height % 2), (0, self._width % 2), (0, 0)), mode="edge")
        picture = VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24").reformat(
            format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
        )
        picture.pts, picture.time_base = stamp, Fraction(1, self._CLOCK)
        self._container.mux(self._stream.encode(picture))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._stack.__exit__(kind, error, trace)  # deletes the unfinished file
            return
        with self._stack:
            if self._last < 0:
                raise MienError(f"cannot write {self._path}: no frame was given; write at least one")
            self._container.mux(self._stream.encode(None))
            self._write_sound()

    def _write_sound(self) -> None:
        from av import AudioFrame

        if self._sound is None or self._voice is None:
            return
        samples, rate = self._sound.samples, self._sound.rate
        for at in range(0, len(samples), _PIECE):
            piece = np.ascontiguousarray(samples[None, at : at + _PIECE], np.float32)
            frame = AudioFrame.from_ndarray(piece, format="fltp", layout="mono")
            frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
            frame.pts = at + round(self._sound.start * rate)
            self._container.mux(self._voice.encode(frame))
        self._container.mux(self._voice.encode(None))
