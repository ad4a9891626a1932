"""`mien express`: turns a neutral face and a timeline of expressions into a mesh sequence."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import tyro

from mien.core import Clip, MeshSequence, MienError
from mien.systems.express.spec import TIMELINE

__all__ = ["main", "run"]


@dataclass(frozen=True, kw_only=True)
class Options:
    """Animate a neutral face: `mien express NEUTRAL.obj --timeline "happy 0.0-0.4-1.2-1.6 @0.8" --out x.glb`."""

    neutral: tyro.conf.Positional[str] = "mean"
    """The face at rest: an .obj, .ply, .glb, .vrm or .usd file, or "mean" for the average face. Without --transfer the
    file must have ICT-FaceKit's topology (the face region or the whole head)."""
    timeline: str = TIMELINE
    """The expressions to perform, each with four times [s] (onset, start of the apex, end of the apex, end) and an
    intensity. Several expressions are separated by ";"."""
    out: Path = Path("express.glb")
    """The mesh sequence to write: .glb, .usd, .pc2 or .mdd (with an .obj beside it), or .npz. A name without extension
    is a folder of .obj files."""
    fps: float = 30.0
    """Frame rate of the mesh sequence [frames per second]."""
    unit: Literal["mm", "cm", "m"] | None = None
    """Unit of the neutral's file. Without this option the unit of an .obj is inferred from its size, and a .ply is in
    mm."""
    transfer: bool = False
    """Accept a neutral of any topology: ICT-FaceKit's head is aligned with it, and that head's motion is transferred to
    the neutral."""
    landmarks: Annotated[Path | None, tyro.conf.arg(metavar="FILE.json")] = None
    """For --transfer: a file that gives the vertices of landmarks on the neutral, {"ibug68": {"30": vertex, ...}}.
    Without this option the face is found by its shape."""
    clip: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Also write the 52 ARKit weights that best reproduce the motion (.csv, .npz), which `mien retarget` applies to any
    rig."""
    wrinkles: Annotated[Path | None, tyro.conf.arg(metavar="FILE.csv")] = None
    """Also write the strength of each region's wrinkle normal map in every frame."""
    wrinkle_maps: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER")] = None
    """Also write the wrinkle normal maps: a .png for each region, in ICT-FaceKit's texture coordinates."""
    bundle: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """A trained bundle to use in place of the one that ships with mien."""


def main(arguments: list[str]) -> None:
    """Parse the command line and generate."""
    run(tyro.cli(Options, prog="mien express", args=arguments))


def run(options: Options) -> None:
    """Generate and write; raises MienError before any work when an output cannot be written."""
    from mien.systems.express.perform import perform
    from mien.systems.express.runtime.wrinkle_maps import write_maps
    from mien.systems.express.runtime.wrinkles import write_csv

    _check_outputs(options)
    done = perform(
        None if options.neutral == "mean" else options.neutral,
        options.timeline,
        fps=options.fps,
        unit=options.unit,
        transfer=options.transfer,
        landmarks=options.landmarks,
        bundle=options.bundle,
    )
    if options.wrinkle_maps:
        print(f"wrote {len(write_maps(options.wrinkle_maps))} normal maps into {options.wrinkle_maps}")
    if options.wrinkles:
        write_csv(options.wrinkles, done.face.times, done.wrinkles)
        print(f"wrote {options.wrinkles}")
    if options.clip:
        done.clip.save(options.clip)
        print(f"wrote {options.clip}")
    done.sequence.save(options.out)
    moved = np.linalg.norm(done.sequence.vertices - done.sequence.vertices[0], axis=2).mean(axis=1).max()
    print(f"{len(done.sequence.times)} frames, {done.sequence.times[-1]:.2f} s; mean displacement up to {moved:.2f} mm")
    print(f"wrote {options.out}")


def _check_outputs(options: Options) -> None:
    from mien.cli.outputs import check_output, check_suffix
    from mien.io.formats import needs_rig

    check_output(options.out, MeshSequence, never=[options.neutral, options.landmarks])
    if options.clip:
        if needs_rig(options.clip):
            raise MienError(f"{options.clip}: weights without a rig are written as .csv or .npz; name it so")
        check_output(options.clip, Clip)
    if options.wrinkles:
        check_suffix(options.wrinkles, (".csv",), "the wrinkle signal")
