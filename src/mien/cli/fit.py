"""`mien fit`: fits a head to photos and videos of one person."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import tyro

from mien.core import Camera, Mesh, MienError, Rig

if TYPE_CHECKING:
    from mien.rigs.fit import Fit
    from mien.systems.capture.fit import PersonFit

__all__ = ["main", "run"]

_IDENTITY = ".npz"
"""Extension of an identity file; a mesh or a rig has other extensions."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Fit a head to photos and videos of one person.

    The extension of an output decides what is written: the face at rest (.obj, in millimetres, on ICT-FaceKit's
    topology), a rig with all its shapes (.glb, .usd), or the identity that `mien capture` uses for head pose and
    distance (.npz).
    """

    inputs: tyro.conf.Positional[tuple[Path, ...]]
    """Pictures or videos of one person. Several views make a better head than one."""
    out: Annotated[tyro.conf.UseAppendAction[tuple[Path, ...]], tyro.conf.arg(metavar="FILE")] = ()
    """A file to write; repeat the option for several files. [default: neutral.obj]"""
    face: int = 0
    """Which face to follow when there are several: 0 is the largest, 1 the second largest."""
    focal: float | None = None
    """Focal length of the camera [px], the same for all inputs. Without this option it is estimated."""
    frames: int = 12
    """The largest number of frames to take from each video."""
    bundle: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """A trained capture bundle to use in place of the one that ships with mien."""


def main(arguments: list[str]) -> None:
    """Parse the command line and fit."""
    run(tyro.cli(Options, prog="mien fit", args=arguments))


def run(options: Options) -> None:
    """Fit one person; raises MienError before any work when an output cannot be written."""
    from mien.cli.display import progress_bar
    from mien.systems.capture.fit import fit_person

    outs = options.out or (Path("neutral.obj"),)
    _check(options, outs)
    with progress_bar("frames") as advance:
        person = fit_person(
            options.inputs,
            face=options.face,
            focal=options.focal,
            frames=options.frames,
            bundle=options.bundle,
            progress=advance,
        )
    for path in outs:
        _save(person.fit, path)
    _summarise(person, outs)


def _check(options: Options, outs: Sequence[Path]) -> None:
    from mien.cli.outputs import check_output
    from mien.io.atomic import check_writable

    if not options.inputs:
        raise MienError("no picture given; usage: mien fit PHOTO --out neutral.obj")
    Camera.guess(1, 1, options.focal)  # raises when it is no length
    for path in outs:
        if not path.suffix:
            raise MienError(f"{path}: name it .obj (the neutral), .glb or .usd (a rig), or .npz (the identity)")
        if any(path.resolve() == source.resolve() for source in options.inputs):
            raise MienError(f"{path} is an input and would be overwritten; choose another --out")
        if path.suffix.lower() == _IDENTITY:
            check_writable(path)
        else:
            check_output(path, _kind(path))


def _kind(path: Path) -> type[Mesh] | type[Rig]:
    """The type that is written to this path: the face at rest alone, or a rig."""
    from mien.io.formats import suffixes

    return Mesh if path.suffix.lower() in suffixes(Mesh, writable=True) else Rig


def _save(fit: "Fit", path: Path) -> None:
    from mien.rigs.fit import save_identity

    if path.suffix.lower() == _IDENTITY:
        save_identity(fit, path)
    elif _kind(path) is Mesh:
        fit.rig.neutral.save(path)
    else:
        fit.rig.save(path)


def _summarise(person: "PersonFit", outs: Sequence[Path]) -> None:
    """Print the views, the result of the fit, and the files that were written."""
    from mien.cli.display import console, table

    fit, screen, first = person.fit, console(), 0
    rows = table("Views", "input", "frames", "residual px", "focal px", "distance mm")
    for view in person.views:
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
    modes = ", ".join(f"{m} {fit.identity[m]:+.1f}" for m in strongest)
    ended = f"after {fit.steps} steps" if fit.converged else f"not converged in {fit.steps} steps"
    screen.print(f"eyes {fit.eye_distance:.1f} mm apart; strongest identity modes: {modes}; {ended}")
    for path in outs:
        screen.print(f"wrote {path}", markup=False)
