"""`mien express`: a neutral face and a timeline of expressions into a mesh sequence."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import tyro

from mien.core import Mesh, MienError, Topology

if TYPE_CHECKING:
    from mien.core import MeshSequence
    from mien.systems.express.predict import Express

__all__ = ["main", "run"]


@dataclass(frozen=True, kw_only=True)
class Options:
    """Animate a neutral face: `mien express NEUTRAL.obj --timeline "happy 0.0-0.4-1.2-1.6 @0.8" --out x.glb`."""

    neutral: tyro.conf.Positional[str] = "mean"
    """The face at rest: an .obj or .ply on ICT-FaceKit's topology (face region or whole head), or "mean" for the
    average face."""
    timeline: str = "happy 0.1-0.5-1.2-1.6 @0.8"
    """Expressions with onset, apex, end of the apex and end [s], and an intensity; several parted by ";"."""
    out: Path = Path("express.glb")
    """The mesh sequence: .glb, .usd, .pc2 or .mdd (with an .obj beside), .npz; a folder of .obj without extension."""
    fps: float = 30.0
    """Frames a second."""
    unit: Literal["mm", "cm", "m"] | None = None
    """Unit of the neutral's file; by default it follows from its size (a .ply is in mm)."""
    transfer: bool = False
    """The neutral is of another topology: lay ICT-FaceKit's head under it, and carry that person's movement over."""
    landmarks: Annotated[Path | None, tyro.conf.arg(metavar="FILE.json")] = None
    """For --transfer: where points are on the neutral, {"ibug68": {"30": vertex, ...}}; else it is found by shape."""
    clip: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Also write the 52 ARKit weights that explain the movement (.csv, .npz), for `mien retarget` onto any rig."""
    wrinkles: Annotated[Path | None, tyro.conf.arg(metavar="FILE.csv")] = None
    """Also write how far the wrinkle normal map of each region shows in every frame."""
    wrinkle_maps: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER")] = None
    """Also write those maps: a .png for each region, in ICT-FaceKit's uvs."""
    bundle: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """A trained bundle in place of the one that ships with mien."""


def main(arguments: list[str]) -> None:
    """Parse the command line and generate."""
    run(tyro.cli(Options, prog="mien express", args=arguments))


def run(options: Options) -> None:
    """Generate and write; raises MienError before any work when an output cannot be written."""
    from mien.rigs.transfer.transfer import read_landmarks
    from mien.systems.express.predict import Express
    from mien.systems.express.runtime.timeline import Timeline

    _check_outputs(options)
    timeline = Timeline.parse(options.timeline)
    neutral = _neutral(options)
    express = Express(options.bundle)
    other = None
    if options.wrinkle_maps:
        _write_maps(options.wrinkle_maps)
    if options.transfer and neutral is not None:
        other = express.other_topology(
            neutral, None if options.landmarks is None else read_landmarks(options.landmarks)
        )
    start = express.mean if neutral is None else neutral if other is None else other.neutral
    sequence = express.generate(start, timeline, fps=options.fps)
    if options.wrinkles:
        _write_wrinkles(options.wrinkles, express, sequence)
    if options.clip:
        express.clip(sequence).save(options.clip)
        print(f"wrote {options.clip}")
    if other is not None:
        sequence = other.sequence(sequence)
    sequence.save(options.out)
    moved = np.linalg.norm(sequence.vertices - sequence.vertices[0], axis=2)
    print(
        f"{len(sequence.times)} frames, {timeline.duration:.2f} s; mean displacement up to {moved.mean(1).max():.2f} mm"
    )
    print(f"wrote {options.out}")


def _check_outputs(options: Options) -> None:
    from mien.cli.outputs import check_clip_format, check_writable, needs_rig
    from mien.core import MeshSequence
    from mien.io import formats

    known = formats.suffixes(MeshSequence, writable=True)
    if options.out.suffix.lower() not in known:
        names = ", ".join(extension or "a folder" for extension in known)
        raise MienError(f"{options.out}: a mesh sequence is written as one of: {names}")
    if options.transfer and options.neutral == "mean":
        raise MienError("--transfer brings movement to your own mesh: give its file as NEUTRAL")
    if not options.out.suffix and options.out.exists():
        raise MienError(f"{options.out} is there already; delete it or choose another name for the folder")
    check_writable(options.out if options.out.suffix else options.out.parent / f"{options.out.name}.obj")
    if options.clip:
        check_clip_format(options.clip)
        if needs_rig(options.clip):
            raise MienError(f"{options.clip}: weights alone are written as .csv or .npz")
        check_writable(options.clip)
    if options.wrinkles:
        if options.wrinkles.suffix.lower() != ".csv":
            raise MienError(f"{options.wrinkles}: wrinkle signals are written as .csv")
        check_writable(options.wrinkles)


def _neutral(options: Options) -> Mesh | None:
    """None for the average face."""
    from mien.rigs.readers.obj import UNITS, load_obj
    from mien.systems.express.training.scan_folders import read_mesh

    path = Path(options.neutral)
    if options.neutral == "mean":
        return None
    if path.suffix.lower() == ".obj":
        return load_obj(path, options.unit)
    if path.suffix.lower() != ".ply":
        raise MienError(f"{path}: a neutral is an .obj or .ply file, or 'mean'")
    vertices, triangles = read_mesh(path)
    scaled = (vertices * UNITS[options.unit or "mm"]).astype(np.float32)
    return Mesh(vertices=scaled, topology=Topology(triangles=triangles))


def _write_maps(folder: Path) -> None:
    from mien.systems.express.runtime.wrinkle_maps import write_maps

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MienError(f"cannot make the folder {folder}: {error.strerror}; choose another place") from error
    print(f"wrote {len(write_maps(folder))} normal maps into {folder}")


def _write_wrinkles(path: Path, express: "Express", sequence: "MeshSequence") -> None:
    from mien.systems.express.runtime.wrinkles import write_csv

    write_csv(path, sequence.times, express.wrinkles(sequence))
    print(f"wrote {path}")
