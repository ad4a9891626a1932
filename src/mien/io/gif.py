"""Animated GIFs with one palette for all pictures, made by FFmpeg's palettegen and paletteuse through PyAV."""

# pyright: reportUnknownMemberType=false
# As in `video`: PyAV's type annotations are incomplete.

from collections.abc import Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from mien.core.errors import MienError
from mien.io.atomic import write_whole

__all__ = ["write_gif"]

_CLOCK = 100
"""Ticks per second: GIF states delays in hundredths of a second."""


def write_gif(
    path: str | Path, images: Sequence[UInt8[np.ndarray, "H W 3"]], *, delay: int = 5, colors: int = 128
) -> None:
    """Write RGB images that play in a loop.

    Args:
        path: the .gif to write.
        images: all of one size.
        delay: how long each image is shown [1/100 s]; browsers slow down delays under 2.
        colors: entries of the palette, at most 256; fewer make a smaller file.

    Raises:
        MienError: another extension, no images, images of different sizes, or a path that cannot be written.
    """
    import av

    path = Path(path)
    if path.suffix.lower() != ".gif":
        raise MienError(f"{path}: an animated picture is written as .gif; name it so")
    if not images or len({image.shape for image in images}) > 1:
        raise MienError(f"cannot write {path}: a .gif needs at least one picture, and all of one size")
    height, width = images[0].shape[:2]
    with write_whole(path) as temporary, av.open(str(temporary), "w", format="gif", options={"loop": "0"}) as file:
        stream: Any = file.add_stream("gif", rate=Fraction(_CLOCK, delay))
        stream.width, stream.height, stream.pix_fmt = width, height, "pal8"
        stream.codec_context.time_base = Fraction(1, _CLOCK)
        for number, frame in enumerate(_reduced(images, colors)):
            frame.pts, frame.time_base = number * delay, Fraction(1, _CLOCK)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))


def _reduced(images: Sequence[np.ndarray], colors: int) -> list[Any]:
    """The pictures reduced to one palette made for them, dithered against banding."""
    from av import VideoFrame
    from av.error import FFmpegError
    from av.filter import Graph

    height, width = images[0].shape[:2]
    graph: Any = Graph()
    source = graph.add_buffer(width=width, height=height, format="rgb24", time_base=Fraction(1, _CLOCK))
    split = graph.add("split")
    palette = graph.add("palettegen", f"max_colors={colors}:reserve_transparent=0")
    use = graph.add("paletteuse", "dither=bayer:bayer_scale=4:diff_mode=rectangle")
    sink = graph.add("buffersink")
    for one, other in ((source, split), (palette, None), (use, sink)):
        if other is not None:
            one.link_to(other)
    split.link_to(use, 0, 0)
    split.link_to(palette, 1, 0)
    palette.link_to(use, 0, 1)
    graph.configure()
    for number, image in enumerate(images):
        frame = VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        frame.pts, frame.time_base = number, Fraction(1, _CLOCK)
        source.push(frame)
    source.push(None)
    out: list[Any] = []
    with suppress(FFmpegError):  # PyAV raises at the end of the output, too
        while True:
            out.append(sink.pull())
    return out
