"""`mien capture`: videos and pictures into clips."""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import tyro

from mien.core import Camera, Clip, MienError, Rig

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mien.core import LandmarkLayout
    from mien.io.video import Frame
    from mien.systems.capture.perform import Neutral
    from mien.systems.capture.predict import Capture, CaptureResult

__all__ = ["main", "moved", "run"]

MOVED = 0.1
"""A channel moved when its weight covers at least this range; jitter on a still face stays well below."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Capture a performance from each video or picture.

    Writes Live Link Face curves (.csv), a head that performs them (.glb, .usd), or arrays (.npz), by the extension.
    """

    inputs: tyro.conf.Positional[tuple[Path, ...]]
    """Videos or pictures; a picture becomes a clip of one frame. `webcam` or `webcam1` records live until Ctrl-C."""
    out: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """A file to write, once per file; {name} stands for the input's name. [default: {name}.csv]"""
    rig: str = "mo"
    """The head in .glb and .usd outputs and the preview: mo, ict, or a .glb/.vrm/.usd file with ARKit shapes."""
    preview: Annotated[str | None, tyro.conf.arg(metavar="FILE.mp4")] = None
    """A video to write: the input with its landmarks, the rig performing, the strongest curves."""
    face: int = 0
    """Which face when there are several: 0 is the largest."""
    backend: Literal["onnx", "ncnn"] = "onnx"
    """What runs the networks."""
    bundle: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """A trained bundle in place of the one that ships with mien."""
    identity: Annotated[Path | None, tyro.conf.arg(metavar="FILE.npz")] = None
    """The performer's face, from `mien fit`, for head pose and distance in millimetres; without, a mean face."""
    focal: float | None = None
    """Focal length of the camera [px of the video], for head pose and distance; without, a usual webcam's."""
    neutral: Annotated[str, tyro.conf.arg(metavar="auto|off|FRAME")] = "auto"
    """The face at rest, which reads as zero: found in the take, not calibrated, or a frame counted from 0."""
    smooth: Literal["auto", "off", "live", "ahead"] = "auto"
    """Less tremble: the one-euro filter as live use has it, or a pass that looks ahead and has no delay.
    auto is live for a webcam and off for files."""
    fast: bool = False
    """Look at each face once, as with a webcam, and not at its mirror image too: 0.6 ms a frame less."""
    seconds: float | None = None
    """Ends a webcam's recording after so long; Ctrl-C ends it at any time."""


def main(arguments: list[str]) -> None:
    """Parse the command line and capture."""
    run(tyro.cli(Options, prog="mien capture", args=arguments))


def run(options: Options) -> None:
    """Capture every input; raises MienError before any work when an output cannot be written."""
    from mien.cli.live import webcam_of
    from mien.cli.outputs import expand
    from mien.io import formats
    from mien.io.atomic import check_writable

    if not options.inputs:
        raise MienError("no video given; usage: mien capture VIDEO --out take.csv")
    if options.face < 0:
        raise MienError(f"--face counts from 0, the largest; {options.face} is none")
    Camera.guess(1, 1, options.focal)  # raises when it is no length
    neutral = _neutral(options.neutral)
    _check_live(options, neutral)
    outs = options.out or ("{name}.csv",)
    previews = () if options.preview is None else (options.preview,)
    paths = expand((*outs, *previews), options.inputs)
    for own in paths:
        for path in own[: len(outs)]:
            formats.check_output(path, Clip)
        if previews and own[-1].suffix.lower() != ".mp4":
            raise MienError(f"{own[-1]}: a preview is an .mp4 video; name it so")
        for path in own[len(outs) :]:
            check_writable(path)
    wants_rig = bool(previews) or any(formats.needs_rig(path) for own in paths for path in own)
    rig = _load_rig(options.rig) if wants_rig or options.rig != "mo" else None
    capture = _open(options)
    for source, own in zip(options.inputs, paths, strict=True):
        device = webcam_of(source)
        if device is not None:
            clip, milliseconds = _live(capture, device, options, neutral)
        else:
            result = capture_one(capture, source, neutral)
            clip, milliseconds = _finished(result, options, neutral), result.milliseconds
        for path in own[: len(outs)]:
            clip.save(path, rig=rig)
        if previews and rig is not None and device is None:
            preview(source, replace(result, clip=clip), own[-1], rig)
        summarise(source, clip, milliseconds, own)


def _check_live(options: Options, neutral: "Neutral") -> None:
    """Raise MienError for what a webcam cannot do."""
    from mien.cli.live import webcam_of

    if options.seconds is not None and not options.seconds > 0:
        raise MienError(f"--seconds is how long to record, more than 0; not {options.seconds}")
    if all(webcam_of(source) is None for source in options.inputs):
        if options.seconds is not None:
            raise MienError("--seconds ends a webcam's recording; a file is captured whole")
        return
    if options.preview is not None:
        raise MienError("a webcam's pictures are not kept: record a video for --preview")
    if isinstance(neutral, int):
        raise MienError("--neutral FRAME is for files; before a webcam rest for two seconds, or say --neutral off")


def _live(capture: "Capture", device: int, options: Options, neutral: "Neutral") -> tuple[Clip, np.ndarray]:
    from mien.cli.live import record_webcam
    from mien.core.smoothing import smooth_ahead
    from mien.systems.capture.runtime.live_capture import LiveCapture

    smooth = options.smooth in ("auto", "live")
    live = LiveCapture(capture, smooth=smooth, rest=None if neutral == "off" else 2.0)
    clip, milliseconds = record_webcam(live, device, options.seconds)
    return (smooth_ahead(clip) if options.smooth == "ahead" else clip), milliseconds


def _finished(result: "CaptureResult", options: Options, neutral: "Neutral") -> Clip:
    from mien.systems.capture.perform import finish

    return finish(result, neutral=neutral, smoothing="off" if options.smooth == "auto" else options.smooth)


def _neutral(text: str) -> "Neutral":
    """`--neutral`; raises MienError when it is neither a word nor a frame."""
    words: dict[str, Neutral] = {"auto": "auto", "off": "off"}
    if text in words:
        return words[text]
    if not (text.isascii() and text.isdecimal()):
        raise MienError(f"--neutral is auto, off, or a frame counted from 0; '{text}' is none of them")
    return int(text)


def _load_rig(name: str) -> Rig:
    from mien.rigs.load import load_rig

    return load_rig(name)


def _open(options: Options) -> "Capture":
    from mien.cli.live import webcam_of
    from mien.runtime import Bundle
    from mien.systems.capture.predict import Capture

    bundle = Bundle.load(options.bundle or "capture")
    person = _person(options.identity, bundle.manifest.layout)
    mirror = not options.fast and all(webcam_of(source) is None for source in options.inputs)
    capture = Capture(bundle, backend=options.backend, face=options.face, person=person, mirror=mirror)
    capture.camera = partial(Camera.guess, focal=options.focal)
    return capture


def _person(path: Path | None, layout: "LandmarkLayout") -> np.ndarray | None:
    """The landmarks at rest of a fitted face; raises MienError when the file is none or lacks the layout."""
    from mien.rigs.fit import load_identity

    if path is None:
        return None
    landmarks = load_identity(path).landmarks.get(layout.name)
    if landmarks is None or landmarks.shape != (layout.count, 3):
        raise MienError(f"{path} has no landmarks '{layout.name}'; run this version's mien fit again")
    return landmarks


def capture_one(capture: "Capture", source: Path, neutral: "Neutral" = "off") -> "CaptureResult":
    """Capture one input behind a progress bar; raises MienError when no frame has a face."""
    from mien.cli.display import progress_bar

    with progress_bar(source.name) as advance:
        return capture.video(source, neutral=neutral, progress=advance)


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
                clip.visibility[row] if seen and clip.visibility is not None else None,
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


def summarise(source: Path, clip: Clip, milliseconds: np.ndarray, paths: list[Path]) -> None:
    """Print what was seen and written."""
    from mien.cli.display import bar, console, table

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
