"""`mien live`: records a performance in front of a webcam as a clip."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import tyro

from mien.cli.face_options import FaceOptions
from mien.core import Clip, MienError, Pose

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["main", "run"]

_SHOWN = 8
"""How many channels are shown on the terminal: the strongest ones of the current frame."""
_EVERY = 3
"""Frames between two updates of the terminal: ten updates a second look continuous."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Record a live performance until Ctrl-C ends it.

    The curves are smoothed, and the face at rest becomes zero: look into the camera with a resting face for the first
    two seconds. The recording is written when the performance ends.
    """

    source: tyro.conf.Positional[str] = "0"
    """The webcam's number, counted from 0; the address of a stream (rtsp://...); or a video file, which is captured as
    if it were live."""
    out: Annotated[tyro.conf.UseAppendAction[tuple[Path, ...]], tyro.conf.arg(metavar="FILE")] = ()
    """A file to write (.csv, .glb, .usd, .npz); repeat the option for several files. [default: live.csv]"""
    seconds: float | None = None
    """Length of the recording [s]. Ctrl-C ends the recording at any time."""
    rig: str = "mo"
    """The head in .glb and .usd outputs: mo, ict, or a .glb, .vrm or .usd file with ARKit shapes."""
    neutral: Literal["auto", "off"] = "auto"
    """auto: the resting face of the first two seconds becomes zero from then on; off: all weights are left
    unchanged."""
    smooth: Literal["off", "live", "ahead"] = "live"
    """The filter against jitter: none (off), the one-euro filter while recording (live), or a filter over the whole
    recording at its end that adds no delay (ahead)."""
    capture: tyro.conf.OmitArgPrefixes[FaceOptions] = field(default_factory=FaceOptions)


def main(arguments: list[str]) -> None:
    """Parse the command line and record."""
    run(tyro.cli(Options, prog="mien live", args=arguments))


def run(options: Options) -> None:
    """Record one performance.

    Raises MienError before recording when an output cannot be written, and after recording when no face was seen.
    """
    from mien.cli.outputs import check_output
    from mien.cli.summary import summarise
    from mien.core.smoothing import smooth_ahead
    from mien.io.formats import needs_rig
    from mien.live.recording import Recording
    from mien.live.run import run as perform
    from mien.live.source import open_source
    from mien.rigs.load import load_rig
    from mien.systems.capture.runtime.live_capture import REST_SECONDS, LiveCapture

    if options.seconds is not None and not (math.isfinite(options.seconds) and options.seconds > 0):
        raise MienError(f"--seconds is how long to record, more than 0; not {options.seconds}")
    outs = options.out or (Path("live.csv"),)
    for path in outs:
        check_output(path, Clip, never=[options.source])
    rig = load_rig(options.rig) if options.rig != "mo" or any(needs_rig(path) for path in outs) else None
    capture = options.capture.open(mirror=False)
    rest = None if options.neutral == "off" else REST_SECONDS
    live = LiveCapture(capture, smooth=options.smooth == "live", rest=rest)
    recording = Recording(source=_name(options.source))
    source = open_source(options.source)
    milliseconds = perform(source, live, [recording, *_screens()], seconds=options.seconds)
    clip = recording.clip()
    if not clip.seen.any():
        raise MienError(f"{recording.source}: no face seen; sit in front of the camera, in light, and look into it")
    if options.smooth == "ahead":
        clip = smooth_ahead(clip)
    for path in outs:
        clip.save(path, rig=rig)
    summarise(recording.source, clip, milliseconds, outs)


def _name(source: str) -> str:
    return f"webcam {source}" if source.isdecimal() else Path(source).name


def _screens() -> list["_Screen"]:
    """A sink for the terminal, or none when standard error is no terminal."""
    from rich.console import Console

    screen = Console(stderr=True)
    return [_Screen(screen)] if screen.is_terminal else []


class _Screen:
    """A sink that shows the strongest channels of the current frame on a terminal."""

    def __init__(self, screen: Any) -> None:
        from rich.live import Live

        self._live = Live(console=screen, transient=True, auto_refresh=False)
        self._live.start()
        self._count = 0

    def send(self, pose: Pose) -> None:
        if self._count % _EVERY == 0:
            self._live.update(_status(pose), refresh=True)
        self._count += 1

    def close(self) -> None:
        self._live.stop()


def _status(pose: Pose) -> "Table":
    from mien.cli.display import bar, table

    out = table(f"{pose.time:6.1f} s, Ctrl-C ends" + ("" if pose.seen else ": no face"), "channel", "weight", "")
    if pose.seen:
        for c in np.argsort(-pose.weights)[:_SHOWN]:
            out.add_row(pose.channels[c], f"{pose.weights[c]:.2f}", bar(float(pose.weights[c])))
    return out
