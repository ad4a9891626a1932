"""`mien capture webcam`: what happens before the camera, until Ctrl-C."""

import re
from collections.abc import Iterable
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from mien.core import ARKIT, Clip, MienError

if TYPE_CHECKING:
    from rich.table import Table

    from mien.io.video import Frame
    from mien.systems.capture.runtime.live_capture import LiveCapture, LiveFrame

__all__ = ["record", "record_webcam", "webcam_of"]

_SHOWN = 8
"""Channels on the screen: the strongest of the moment."""


def webcam_of(source: Path) -> int | None:
    """Which webcam an input means ("webcam", "webcam1", ...), or None for a file, also one of that name."""
    found = re.fullmatch(r"webcam(\d{0,3})", str(source))
    return None if found is None or source.exists() else int(found[1] or 0)


def record_webcam(live: "LiveCapture", device: int, seconds: float | None) -> tuple[Clip, np.ndarray]:
    """(clip, milliseconds of each frame) of a webcam, until Ctrl-C or for `seconds`; MienError without a face."""
    from mien.io.webcam import Webcam

    with Webcam(device) as frames:
        return record(live, frames, f"webcam {device}", seconds)


def record(
    live: "LiveCapture", frames: Iterable["Frame"], source: str, seconds: float | None
) -> tuple[Clip, np.ndarray]:
    """The same of any frames as they come."""
    from rich.console import Console
    from rich.live import Live

    from mien.systems.capture.runtime.live_capture import Recording

    recording, milliseconds = Recording(source=source), list[float]()
    screen = Console(stderr=True)
    try:
        with Live(console=screen, transient=True, auto_refresh=False) if screen.is_terminal else _Silent() as shown:
            for frame in frames:
                if seconds is not None and frame.time > seconds:
                    break
                start = perf_counter()
                seen = live.frame(frame.image, frame.time)
                milliseconds.append((perf_counter() - start) * 1e3)
                recording.add(frame.time, seen)
                if frame.index % 3 == 0:  # ten pictures a second are enough for the eye
                    shown.update(_status(frame.time, seen), refresh=True)
    except KeyboardInterrupt:
        pass  # how a performance ends; what was recorded is kept
    clip = recording.clip()
    if not clip.seen.any():
        raise MienError(f"{source}: no face seen; sit before the camera, in light, and look into it")
    return clip, np.array(milliseconds)


def _status(time: float, seen: "LiveFrame | None") -> "Table":
    from mien.cli.display import bar, table

    out = table(f"{time:6.1f} s, Ctrl-C ends" + ("" if seen else ": no face"), "channel", "weight", "")
    if seen is not None:
        for c in np.argsort(-seen.weights)[:_SHOWN]:
            out.add_row(ARKIT[c], f"{seen.weights[c]:.2f}", bar(float(seen.weights[c])))
    return out


class _Silent:
    """Stands for the screen where there is none."""

    def __enter__(self) -> "_Silent":
        return self

    def __exit__(self, *_: object) -> None: ...

    def update(self, _: "Table", *, refresh: bool) -> None: ...
