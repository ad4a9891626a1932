"""`mien fit`: whose face is in these pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import tyro

from mien.core import Camera, Mesh, MienError, Rig

if TYPE_CHECKING:
    from mien.rigs.fit import Fit
    from mien.systems.capture.predict import Capture, CaptureResult

__all__ = ["Views", "gather", "main", "run", "views_of"]

_IDENTITY = ".npz"
"""Extension of an identity; others are a mesh's or a rig's."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Fit a head to photos and videos of one person.

    Writes the neutral (.obj, millimetres, ICT-FaceKit's topology), a rig with all its shapes (.glb, .usd), or the
    identity for `mien capture --identity` (.npz), by the extension.
    """

    inputs: tyro.conf.Positional[tuple[Path, ...]]
    """Pictures or videos of one person; several views are better than one."""
    out: tyro.conf.UseAppendAction[tuple[Path, ...]] = ()
    """A file to write, once per file. [default: neutral.obj]"""
    face: int = 0
    """Which face when there are several: 0 is the largest."""
    focal: float | None = None
    """Focal length of the camera [px], of all inputs; estimated when not given."""
    frames: int = 12
    """Most frames to take of each video."""
    bundle: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """A trained capture bundle in place of the one that ships with mien."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Views:
    """What is fitted: the chosen frames of one input."""

    source: Path
    camera: Camera
    landmarks: np.ndarray
    """[F, L, 2] px."""
    weights: np.ndarray
    """[F, 52] as captured."""
    codes: np.ndarray
    """[F, E] of the network, from which `identity.Readout` guesses who it is."""
    times: np.ndarray
    """[F] seconds."""


def main(arguments: list[str]) -> None:
    """Parse the command line and fit."""
    run(tyro.cli(Options, prog="mien fit", args=arguments))


def run(options: Options) -> None:
    """Fit one person; raises MienError before any work when an output cannot be written."""
    from mien.rigs.fit import fit_identity
    from mien.rigs.ict import load_ict
    from mien.runtime import Bundle
    from mien.systems.capture.predict import Capture
    from mien.systems.capture.runtime.identity_readout import Readout

    outs = options.out or (Path("neutral.obj"),)
    _check(options, outs)
    rig = load_ict()
    bundle = None if options.bundle is None else Bundle.load(options.bundle)
    capture = Capture(bundle, face=options.face, mirror=True)
    capture.camera = partial(Camera.guess, focal=options.focal)
    views = [gather(capture, source, options.frames, options.focal) for source in options.inputs]
    readout = Readout.from_arrays(capture.bundle.arrays)
    fit = fit_identity(
        np.concatenate([v.landmarks for v in views]),
        [v.camera for v in views],
        rig,
        capture.bundle.manifest.landmarks,
        expected=np.concatenate([v.weights for v in views]),
        camera_of=np.repeat(np.arange(len(views)), [len(v.times) for v in views]),
        guess=None if readout is None else readout.guess(np.concatenate([v.codes for v in views])),
        focal_known=options.focal is not None,
    )
    for path in outs:
        _save(fit, path)
    _summarise(fit, views, outs)


def _check(options: Options, outs: Sequence[Path]) -> None:
    from mien.io import formats
    from mien.io.atomic import check_writable

    if not options.inputs:
        raise MienError("no picture given; usage: mien fit PHOTO --out neutral.obj")
    if options.face < 0:
        raise MienError(f"--face counts from 0, the largest; {options.face} is none")
    if options.frames < 1:
        raise MienError(f"--frames is how many frames to use, at least 1; not {options.frames}")
    Camera.guess(1, 1, options.focal)  # raises when it is no length
    for path in outs:
        if not path.suffix:
            raise MienError(f"{path}: name it .obj (the neutral), .glb or .usd (a rig), or .npz (the identity)")
        if path.suffix.lower() == _IDENTITY:
            check_writable(path)
        else:
            formats.check_output(path, _kind(path))
        if any(path.resolve() == source.resolve() for source in options.inputs):
            raise MienError(f"{path} is an input and would be overwritten; choose another --out")


def _kind(path: Path) -> type[Mesh] | type[Rig]:
    """What is written under this name: the neutral alone, or a rig."""
    from mien.io import formats

    return Mesh if path.suffix.lower() in formats.suffixes(Mesh, writable=True) else Rig


def gather(capture: "Capture", source: Path, count: int, focal: float | None) -> Views:
    """Capture one input and choose its frames; raises MienError when it cannot be read or shows no face."""
    from mien.cli.display import progress_bar
    from mien.io.video import is_image, open_video, read_image

    with progress_bar(source.name) as advance:
        result = capture.video(source, progress=advance)
    if is_image(source):
        height, width = read_image(source).shape[:2]
    else:
        with open_video(source) as video:
            width, height = video.width, video.height
    return views_of(result, source, width, height, count, focal)


def views_of(
    result: "CaptureResult", source: Path, width: int, height: int, count: int, focal: float | None = None
) -> Views:
    """The frames of a captured input that show best whose face it is."""
    from mien.rigs.fit import choose_frames

    clip, landmarks = result.clip, result.track.landmarks
    if clip.head_rotation is None or clip.confidence is None or landmarks is None:
        raise ValueError("a capture has poses, confidence and landmarks")
    rows = choose_frames(clip.head_rotation, clip.weights, clip.confidence, count)
    return Views(
        source=source,
        camera=Camera.guess(width, height, focal),
        landmarks=landmarks[rows],
        weights=clip.weights[rows],
        codes=result.codes[rows, 0],  # the readout knows faces, not their mirror images
        times=clip.times[rows],
    )


def _save(fit: "Fit", path: Path) -> None:
    from mien.rigs.fit import save_identity

    if path.suffix.lower() == _IDENTITY:
        save_identity(fit, path)
    elif _kind(path) is Mesh:
        fit.rig.neutral.save(path)
    else:
        fit.rig.save(path)


def _summarise(fit: "Fit", views: Sequence[Views], outs: Sequence[Path]) -> None:
    """Print what was seen, fitted and written."""
    from mien.cli.display import console, table

    screen, first = console(), 0
    rows = table("Views", "input", "frames", "residual px", "focal px", "distance mm")
    for view in views:
        of = slice(first, first + len(view.times))
        first = of.stop
        rows.add_row(
            view.source.name,
            str(len(view.times)),
            f"{np.median(fit.residual[of]):.2f}",
            f"{fit.focal[of][0]:.0f}",
            f"{np.median(-fit.translation[of, 2]):.0f}",
        )
    screen.print(rows)
    strongest = np.argsort(-np.abs(fit.identity))[:3]
    told = ", ".join(f"{m} {fit.identity[m]:+.1f}" for m in strongest)
    ended = f"after {fit.steps} steps" if fit.converged else f"not converged in {fit.steps} steps"
    screen.print(f"eyes {fit.eye_distance:.1f} mm apart; strongest identity modes: {told}; {ended}")
    for path in outs:
        screen.print(f"wrote {path}", markup=False)
