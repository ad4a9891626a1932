"""The verb `fit`: from pictures and videos of one person to the head of that person.

Capture finds the landmarks, and `rigs.fit` finds the identity.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from mien.core import Camera, MienError
from mien.io.video import open_frames
from mien.rigs.fit import Fit, choose_frames, fit_identity
from mien.rigs.ict import load_ict
from mien.runtime import Bundle
from mien.systems.capture.perform import open_capture
from mien.systems.capture.predict import CaptureResult
from mien.systems.capture.runtime.identity_readout import Readout

__all__ = ["PersonFit", "Views", "fit", "fit_person", "views_of"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Views:
    """The frames that were chosen from one picture or video."""

    source: Path
    camera: Camera
    landmarks: Float[np.ndarray, "F L 2"]
    """Landmarks of the network's layout [px]."""
    weights: Float[np.ndarray, "F 52"]
    """Expression weights as captured, in [0, 1]."""
    codes: Float[np.ndarray, "F E"]
    """`CapturedFrame.code` of each frame without its mirror image; `Readout` guesses the identity from them."""
    times: Float[np.ndarray, "F"]
    """Presentation times [s]."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PersonFit:
    """A fitted person and the frames that were used for it."""

    fit: Fit
    """The fit to the frames of `views`, one source after the other."""
    views: tuple[Views, ...]


def fit(
    sources: str | Path | Sequence[str | Path],
    *,
    face: int = 0,
    focal: float | None = None,
    frames: int = 12,
    bundle: Bundle | str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Fit:
    """The head of the one person in some pictures and videos: what `mien fit` writes.

    Args:
        sources: pictures or videos of one person; several views are better than one.
        face: which face to follow when there are several; 0 is the largest.
        focal: focal length of the camera [px], of all sources; estimated when None.
        frames: the largest number of frames that are used of each video.
        bundle: a trained capture bundle or its folder; None for the weights that ship with mien.
        progress: called after every frame with (frames done, estimated total), all sources together.

    Raises MienError when a source cannot be read or shows no face, or ICT-FaceKit is not installed.
    """
    return fit_person(sources, face=face, focal=focal, frames=frames, bundle=bundle, progress=progress).fit


def fit_person(
    sources: str | Path | Sequence[str | Path],
    *,
    face: int = 0,
    focal: float | None = None,
    frames: int = 12,
    bundle: Bundle | str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> PersonFit:
    """Like `fit`, which documents the arguments and errors; also returns the frames that were chosen."""
    paths = [Path(sources)] if isinstance(sources, str | Path) else [Path(source) for source in sources]
    if not paths:
        raise MienError("no picture given; name at least one picture or video of the person")
    if frames < 1:
        raise MienError(f"`frames` is how many frames to use of each video, at least 1; not {frames}")
    rig = load_ict()
    capture = open_capture(face=face, bundle=bundle, focal=focal)
    opened = [open_frames(path) for path in paths]
    total, done, views = sum(max(1, source.frames_estimate) for source in opened), 0, list[Views]()
    for path, source in zip(paths, opened, strict=True):
        result = capture.video(path, progress=_counted(progress, done, total))
        done += len(result.clip)
        views.append(views_of(result, path, source.width, source.height, frames, focal))
    readout = Readout.from_arrays(capture.bundle.arrays)
    found = fit_identity(
        np.concatenate([v.landmarks for v in views]),
        [v.camera for v in views],
        rig,
        capture.bundle.manifest.landmarks,
        expected=np.concatenate([v.weights for v in views]),
        camera_of=np.repeat(np.arange(len(views)), [len(v.times) for v in views]),
        guess=None if readout is None else readout.guess(np.concatenate([v.codes for v in views])),
        focal_known=focal is not None,
    )
    return PersonFit(fit=found, views=tuple(views))


def views_of(
    result: CaptureResult, source: Path, width: int, height: int, count: int, focal: float | None = None
) -> Views:
    """At most `count` frames of a captured source, those that show best whose face it is.

    `width` and `height` are the source's [px]. Raises ValueError for a result without pose, confidence or landmarks.
    """
    clip, landmarks = result.clip, result.track.landmarks
    if clip.head_rotation is None or clip.confidence is None or landmarks is None:
        raise ValueError("a capture has poses, confidence and landmarks")
    rows = choose_frames(clip.head_rotation, clip.weights, clip.confidence, count)
    return Views(
        source=source,
        camera=Camera.guess(width, height, focal),
        landmarks=landmarks[rows],
        weights=clip.weights[rows],
        codes=result.codes[rows, 0],  # the readout is learnt from faces that are not mirrored
        times=clip.times[rows],
    )


def _counted(progress: Callable[[int, int], None] | None, before: int, total: int) -> Callable[[int, int], None] | None:
    """Progress over all sources, where `before` frames of earlier sources are done."""
    return None if progress is None else lambda done, _: progress(before + done, max(total, before + done))
