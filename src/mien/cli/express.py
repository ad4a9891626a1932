"""`mien express`: a neutral face and a timeline of expressions into a mesh sequence."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import tyro

from mien.core import MienError

if TYPE_CHECKING:
    from mien.systems.express.predict import Express

__all__ = ["main", "run"]


@dataclass(frozen=True, kw_only=True)
class Options:
    """Animate a neutral face: `mien express NEUTRAL.obj --timeline "happy 0.0-0.4-1.2-1.6 @0.8" --out x.npz`."""

    neutral: tyro.conf.Positional[str] = "mean"
    """The face at rest: an .obj or .ply on ICT-FaceKit's topology, or "mean" for the average face."""
    timeline: str = "happy 0.1-0.5-1.2-1.6 @0.8"
    """Expressions with onset, apex, end of the apex and end [s], and an intensity; several parted by ";"."""
    out: Path = Path("express.npz")
    """File to write; its extension says how."""
    fps: float = 30.0
    """Frames a second."""
    unit_mm: float = 1.0
    """Millimetres per unit of the neutral's file (10 for ICT-FaceKit's own files)."""
    bundle: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """A trained bundle in place of the one that ships with mien."""


def main(arguments: list[str]) -> None:
    """Parse the command line and generate."""
    run(tyro.cli(Options, prog="mien express", args=arguments))


def run(options: Options) -> None:
    """Generate and write; raises MienError before any work when the output cannot be written."""
    from mien.cli.outputs import check_writable
    from mien.core import MeshSequence, formats
    from mien.systems.express.predict import Express
    from mien.systems.express.timeline import Timeline

    known = formats.extensions(MeshSequence, writable=True)
    if options.out.suffix.lower() not in known:
        raise MienError(f"{options.out}: a mesh sequence is written as one of: {', '.join(known)}")
    check_writable(options.out)
    timeline = Timeline.parse(options.timeline)
    express = Express(options.bundle)
    sequence = express.generate(_neutral(options, express), timeline, fps=options.fps)
    sequence.save(options.out)
    moved = np.linalg.norm(sequence.vertices - sequence.vertices[0], axis=2)
    print(
        f"{len(sequence.times)} frames, {timeline.duration:.2f} s; mean displacement up to {moved.mean(1).max():.2f} mm"
    )
    print(f"wrote {options.out}")


def _neutral(options: Options, express: "Express") -> np.ndarray:
    from mien.systems.express.folders import read_mesh

    if options.neutral == "mean":
        return express.mean
    path = Path(options.neutral)
    if path.suffix.lower() not in {".obj", ".ply"}:
        raise MienError(f"{path}: a neutral is an .obj or .ply file, or 'mean'")
    return read_mesh(path)[0] * options.unit_mm
