"""`mien capture`: videos and pictures into clips."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import tyro

from mien.core import Clip, MienError, Rig

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mien.io.video import Frame
    from mien.systems.capture.predict import Capture, CaptureResult

__all__ = ["main", "moved", "run"]

MOVED = 0.1
"""A channel moved when its weight covers at least this range; jitter on a still face stays well below."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Capture a performance from each video or picture.

    Writes Live Link Face curves (.csv), a head that performs them (.glb), or arrays (.npz), by the extension.
    """

    inputs: tyro.conf.Positional[tuple[Path, ...]]
    """Videos or pictures; a picture becomes a clip of one frame."""
    out: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """A file to write, once per file; {name} stands for the input's name. [default: {name}.csv]"""
    rig: str = "mo"
    """The head in .glb outputs and the preview: mo, ict, or a .glb/.vrm file with ARKit shapes."""
    preview: Annotated[str | None, tyro.conf.arg(metavar="FILE.mp4")] = None
    """A video to write: the input with its landmarks, the rig performing, the strongest curves."""
    face: int = 0
    """Which face when there are several: 0 is the largest."""
    backend: Literal["onnx", "ncnn"] = "onnx"
    """What runs the networks."""
    bundle: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """A trained bundle in place of the one that ships with mien."""


def main(arguments: list[str]) -> None:
    """Parse the command line and capture."""
    run(tyro.cli(Options, prog="mien capture", args=arguments))


def run(options: Options) -> None:
    """Capture every input; raises MienError before any work when an output cannot be written."""
    from mien.cli.outputs import check_clip_format, check_writable, expand

    if not options.inputs:
        raise MienError("no video given; usage: mien capture VIDEO --out take.csv")
    if options.face < 0:
        raise MienError(f"--face counts from 0, the largest; {options.face} is none")
    outs = options.out or ("{name}.csv",)
    previews = () if options.preview is None else (options.preview,)
    paths = expand((*outs, *previews), options.inputs)
    for own in paths:
        for path in own[: len(outs)]:
            check_clip_format(path)
        if previews and own[-1].suffix.lower() != ".mp4":
            raise MienError(f"{own[-1]}: a preview is an .mp4 video; name it so")
        for path in own:
            check_writable(path)
    wants_rig = bool(previews) or any(path.suffix.lower() == ".glb" for own in paths for path in own)
    rig = _load_rig(options.rig) if wants_rig or options.rig != "mo" else None
    capture = _open(options)
    for source, own in zip(options.inputs, paths, strict=True):
        result = capture_one(capture, source)
        for path in own[: len(outs)]:
            save(result.clip, path, rig)
        if previews and rig is not None:
            preview(source, result, own[-1], rig)
        summarise(source, result, own)


def _load_rig(name: str) -> Rig:
    from mien import rigs

    return rigs.load(name)


def _open(options: Options) -> "Capture":
    from mien.runtime import Bundle
    from mien.systems.capture.predict import Capture

    bundle = None if options.bundle is None else Bundle.load(options.bundle)
    return Capture(bundle, backend=options.backend, face=options.face)


def capture_one(capture: "Capture", source: Path) -> "CaptureResult":
    """Capture one input behind a progress bar; raises MienError when no frame has a face."""
    from mien.cli.display import progress_bar

    with progress_bar(source.name) as advance:
        return capture.video(source, progress=advance)


def save(clip: Clip, path: Path, rig: Rig | None) -> None:
    """Write the clip by its extension; a .glb carries the rig."""
    if path.suffix.lower() == ".glb":
        clip.save(path, rig=rig)
    else:
        clip.save(path)


def preview(source: Path, result: "CaptureResult", path: Path, rig: Rig) -> None:
    """Write the preview behind a progress bar: the source is read once more, its frames are the clip's."""
    from mien.cli.display import progress_bar
    from mien.io.video import VideoWriter
    from mien.viewer.preview import Preview

    clip, landmarks = result.clip, result.track.landmarks
    frames, width, height, fps = _open_frames(source)
    composer = Preview(rig, width, height, clip.channels)
    with progress_bar(path.name) as advance, VideoWriter(path, composer.width, composer.height, fps) as writer:
        for row, frame in enumerate(frames):
            seen = bool(clip.seen[row])
            image = composer.compose(
                frame.image,
                landmarks[row] if seen and landmarks is not None else None,
                rig.perform(clip, row) if seen else None,
                clip.weights[row] if seen else None,
            )
            writer.write(image, frame.time)
            advance(row + 1, len(clip))


def _open_frames(source: Path) -> tuple["Iterable[Frame]", int, int, float]:
    """(frames, width, height, nominal frames a second) of a video, or of a picture shown for a second."""
    from mien.io.video import Frame, is_image, open_video, read_image

    if is_image(source):
        image = read_image(source)
        return [Frame(index=0, time=0.0, image=image)], image.shape[1], image.shape[0], 1.0
    video = open_video(source)
    return video, video.width, video.height, video.fps_nominal or 30.0


def moved(clip: Clip) -> list[tuple[str, float, float]]:
    """(channel, lowest, highest) of the channels that moved, widest range first; in a clip of one frame, from 0."""
    weights = clip.weights[clip.seen]
    low = weights.min(axis=0) if len(weights) > 1 else np.zeros(weights.shape[1])
    high = weights.max(axis=0)
    order = np.argsort(low - high, kind="stable")
    return [(clip.channels[c], float(low[c]), float(high[c])) for c in order if high[c] - low[c] >= MOVED]


def summarise(source: Path, result: "CaptureResult", paths: list[Path]) -> None:
    """Print what was seen and written."""
    from mien.cli.display import bar, console, table

    clip, milliseconds = result.clip, result.milliseconds
    channels = moved(clip)
    frames = table(str(source), "", "")
    frames.show_header = False
    frames.add_row("frames", f"{len(clip)} in {clip.duration:.2f} s")
    frames.add_row("frames without a face", str(int((~clip.seen).sum())))
    frames.add_row("ms per frame", f"{np.median(milliseconds):.2f} median, {np.percentile(milliseconds, 99):.2f} p99")
    frames.add_row("channels that moved", f"{len(channels)} of {len(clip.channels)}")
    screen = console()
    screen.print(frames)
    if channels:
        curves = table("Widest curves", "channel", "lowest", "highest", "")
        curves.columns[-1].justify = "left"
        for name, low, high in channels[:8]:
            curves.add_row(name, f"{low:.2f}", f"{high:.2f}", " " * len(bar(low)) + bar(high - low))
        screen.print(curves)
    for path in paths:
        screen.print(f"wrote {path}", markup=False)
