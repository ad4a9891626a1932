"""The verb `capture`: from a video to a finished clip: calibrated, with hidden regions held, and smoothed."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float

from mien.core import Camera, Clip, LandmarkLayout, MienError
from mien.core.smoothing import smooth as filtered
from mien.core.smoothing import smooth_ahead
from mien.runtime import Bundle
from mien.systems.capture.predict import Capture, CaptureResult
from mien.systems.capture.runtime.calibration import Neutral, calibrate, find_levels
from mien.systems.capture.runtime.hidden_regions import hold

__all__ = ["Neutral", "Smooth", "capture", "capture_take", "finish", "open_capture"]

Smooth = Literal["off", "live", "ahead"]
"""No filter; the one-euro filter of live capture; or a filter without delay that needs the whole take."""


def capture(
    source: str | Path,
    *,
    face: int = 0,
    backend: str = "onnx",
    bundle: Bundle | str | Path | None = None,
    identity: str | Path | None = None,
    focal: float | None = None,
    neutral: Neutral = "auto",
    smooth: Smooth = "off",
    mirror: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> Clip:
    """The performance in a video, or in a picture as a clip of one frame: what `mien capture` writes.

    Args:
        source: a video or a picture.
        face: which face to follow when there are several; 0 is the largest.
        backend: the runtime of the network: "onnx" or "ncnn".
        bundle: a trained bundle or its folder; None for the weights that ship with mien.
        identity: the performer's face, as `mien fit` writes it (.npz), for head pose and distance; a mean face if None.
        focal: focal length of the camera [px of the video], for head pose and distance; None for a usual webcam's.
        neutral: the face at rest, whose weights become zero: "auto" finds it in the take, "off" calibrates nothing, a
            number is the index of the frame that shows it, counted from 0.
        smooth: "off", "live" (the one-euro filter of live capture) or "ahead" (no delay, needs the whole take).
        mirror: whether each face is also read in its mirror image: more accurate, and slower by 0.6 ms a frame.
        progress: called after every frame with (frames done, estimated total).

    Raises MienError when a file cannot be read, no frame shows a face, or the neutral frame is not in the take.
    """
    opened = open_capture(face=face, backend=backend, bundle=bundle, identity=identity, focal=focal, mirror=mirror)
    return capture_take(opened, source, neutral=neutral, smooth=smooth, progress=progress).clip


def open_capture(
    *,
    face: int = 0,
    backend: str = "onnx",
    bundle: Bundle | str | Path | None = None,
    identity: str | Path | None = None,
    focal: float | None = None,
    mirror: bool = True,
    threads: int = 1,
) -> Capture:
    """A `Capture` for any number of takes of one performer and camera; the arguments are those of `capture`.

    `threads` are the CPU threads of the network. Raises MienError when a file cannot be read, or `face` or `focal` is
    out of range.
    """
    if face < 0:
        raise MienError(f"`face` counts from 0, which is the largest face; it cannot be {face}")
    Camera.guess(1, 1, focal)  # refuses an impossible focal length now instead of at the first frame
    loaded = bundle if isinstance(bundle, Bundle) else Bundle.load(bundle or "capture")
    person = None if identity is None else _landmarks_at_rest(Path(identity), loaded.manifest.layout)
    opened = Capture(loaded, backend=backend, face=face, threads=threads, mirror=mirror, person=person)
    opened.camera = partial(Camera.guess, focal=focal)
    return opened


def capture_take(
    capture: Capture,
    source: str | Path,
    *,
    neutral: Neutral = "auto",
    smooth: Smooth = "off",
    progress: Callable[[int, int], None] | None = None,
) -> CaptureResult:
    """Capture one take; `clip` of the result is finished, its other fields are the network's own.

    The arguments are those of `capture`, which raises the same errors.
    """
    result = capture.video(source, neutral=neutral, progress=progress)
    return replace(result, clip=finish(result, neutral=neutral, smoothing=smooth))


def finish(result: CaptureResult, *, neutral: Neutral = "auto", smoothing: Smooth = "off") -> Clip:
    """The finished clip of a captured take; with "off" twice and every region visible, it is `result.clip`.

    Raises MienError when the neutral frame is not in the take or shows no face.
    """
    clip = result.clip
    if neutral != "off":
        unclipped = replace(clip, weights=result.raw)
        clip = calibrate(unclipped, find_levels(unclipped, None if neutral == "auto" else neutral))
    clip = hold(clip)
    if smoothing == "off":
        return clip
    return filtered(clip) if smoothing == "live" else smooth_ahead(clip)


def _landmarks_at_rest(path: Path, layout: LandmarkLayout) -> Float[np.ndarray, "L 3"]:
    """The landmarks of a fitted face [mm]; raises MienError when the file is no such face or lacks the layout."""
    from mien.rigs.fit import load_identity

    landmarks = load_identity(path).landmarks.get(layout.name)
    if landmarks is None or landmarks.shape != (layout.count, 3):
        raise MienError(f"{path} has no landmarks '{layout.name}'; run this version's mien fit again")
    return landmarks
