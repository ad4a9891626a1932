"""`mien muscle`: performs a take by the muscles of a simulated face; `mien muscle show` draws the muscles."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from mien.core import MeshSequence, MienError

__all__ = ["main", "run", "show"]


@dataclass(frozen=True, kw_only=True)
class Options:
    """Perform a take by muscles: `mien muscle take.csv --rig ict --out x.glb`. `mien muscle show` draws them instead.

    The take's weights become activations of 26 pairs of muscles and a jaw, which move a simulated face of soft tissue.
    """

    take: tyro.conf.Positional[Path]
    """A clip: Live Link Face .csv, OpenFace 2 .csv with action units, .npz, or an animated .glb or .usd."""
    rig: str = "ict"
    """The face: "ict", ICT-FaceKit's mean face, or an identity of it (.npz from `mien fit`)."""
    out: Path = Path("muscle.glb")
    """The mesh sequence to write: .glb, .usd, .pc2 or .mdd (with an .obj beside it), or .npz. A name without extension
    is a folder of .obj files."""
    activations: Annotated[Path | None, tyro.conf.arg(metavar="FILE.csv")] = None
    """Also write the activation of every muscle and of the jaw in every frame."""
    dynamics: bool = True
    """Let activations follow with the delay of muscles: 10 ms when they rise, 40 ms when they fall."""


@dataclass(frozen=True, kw_only=True)
class ShowOptions:
    """Draw the muscles over the face as coloured strips, and the face that each muscle makes alone."""

    out: Path = Path("muscles.png")
    """The picture to write."""
    rig: str = "ict"
    """The face: "ict", ICT-FaceKit's mean face, or an identity of it (.npz from `mien fit`)."""
    level: float = 0.7
    """Activation of the single muscles, from 0 to 1."""


def main(arguments: list[str]) -> None:
    """Parse the command line, and perform a take or draw the muscles."""
    if arguments[:1] == ["show"]:
        show(tyro.cli(ShowOptions, prog="mien muscle show", args=arguments[1:]))
    else:
        run(tyro.cli(Options, prog="mien muscle", args=arguments))


def run(options: Options) -> None:
    """Perform one take; raises MienError before any work when an output cannot be written."""
    from mien.cli.outputs import check_output, check_suffix
    from mien.io.sequences import open_sequence
    from mien.physics.face.perform import perform, write_activations

    check_output(options.out, MeshSequence, never=[options.take, options.rig])
    if options.activations:
        check_suffix(options.activations, (".csv",), "the activations")
    done = perform(options.take, options.rig, dynamics=options.dynamics)
    with open_sequence(options.out, done.topology, done.clip.times) as out:
        for vertices in done.frames():
            out.write(vertices)
    if options.activations:
        write_activations(options.activations, done)
        print(f"wrote {options.activations}")
    if done.diverged:
        print(f"{len(done.diverged)} frames failed and show the last good one, first at {done.diverged[0]:.3f} s")
    for channel in done.unused:
        print(f"no muscle shows {channel}")
    print(f"{len(done.clip)} frames; wrote {options.out}")


def show(options: ShowOptions) -> None:
    """Draw the sheet of muscles; raises MienError before any work when it cannot be written."""
    from mien.cli.outputs import check_suffix, write_picture
    from mien.physics.face.face import build_face
    from mien.physics.face.perform import load_identities
    from mien.physics.face.sheet import muscle_sheet

    check_suffix(options.out, (".png", ".jpg"), "the sheet")
    if not 0 <= options.level <= 1:
        raise MienError("`level` is an activation, from 0 to 1")
    mean, own = load_identities(options.rig)
    write_picture(options.out, muscle_sheet(build_face(own, mean), level=options.level))
    print(f"wrote {options.out}")
