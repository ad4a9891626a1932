"""The verb `express`: a neutral face and a timeline of expressions into a mesh sequence, on the neutral's own mesh."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Float

from mien.core import Clip, Mesh, MeshSequence, MienError, Topology
from mien.runtime import Bundle
from mien.systems.express.predict import Express
from mien.systems.express.runtime.timeline import Timeline
from mien.systems.express.spec import TIMELINE

__all__ = ["Expressed", "express", "perform", "read_neutral"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Expressed:
    """A generated sequence, and what else can be read off it."""

    sequence: MeshSequence
    """On the mesh of the neutral that was given."""
    face: MeshSequence
    """The same movement on the network's topology; `sequence` itself unless the neutral has another one."""
    network: Express

    @cached_property
    def clip(self) -> Clip:
        """The 52 ARKit weights that explain the movement, for any other rig; raises MienError as `Express.clip`."""
        return self.network.clip(self.face)

    @cached_property
    def wrinkles(self) -> Float[np.ndarray, "T R"]:
        """How much of each region's wrinkle map shows, in [0, 1], in the order of `wrinkles.REGIONS`."""
        return self.network.wrinkles(self.face)


def express(
    neutral: str | Path | Mesh | Float[np.ndarray, "V 3"] | None = None,
    timeline: Timeline | str = TIMELINE,
    *,
    fps: float = 30.0,
    unit: str | None = None,
    transfer: bool = False,
    landmarks: str | Path | None = None,
    bundle: Bundle | str | Path | None = None,
) -> MeshSequence:
    """Expressions on a neutral face: what `mien express` writes.

    Args:
        neutral: the face at rest, a file (.obj, .ply), a mesh or its vertices [mm]; the average face when None. It is
            on ICT-FaceKit's topology (face region or whole head), or of any other with `transfer`.
        timeline: expressions with onset, apex, end of the apex and end [s], and an intensity; several parted by ";".
        fps: frames a second.
        unit: unit of the neutral's file ("mm", "cm", "m"); when None it follows from the file's size, and a .ply is
            in mm.
        transfer: whether the neutral is of another topology: ICT-FaceKit's head is laid under it, and that person's
            movement is carried over.
        landmarks: for `transfer`, a .json file of where points are on the neutral; found by shape when None.
        bundle: a trained bundle or its folder; the weights that ship with mien when None.

    Raises MienError when a file or the timeline cannot be read, or the neutral does not fit.
    """
    return perform(
        neutral, timeline, fps=fps, unit=unit, transfer=transfer, landmarks=landmarks, bundle=bundle
    ).sequence


def perform(
    neutral: str | Path | Mesh | Float[np.ndarray, "V 3"] | None = None,
    timeline: Timeline | str = TIMELINE,
    *,
    fps: float = 30.0,
    unit: str | None = None,
    transfer: bool = False,
    landmarks: str | Path | None = None,
    bundle: Bundle | str | Path | None = None,
) -> Expressed:
    """As `express`, which states the arguments and errors, with weights and wrinkles of the same movement."""
    from mien.rigs.transfer.transfer import read_landmarks

    if transfer and neutral is None:
        raise MienError("`transfer` brings movement to a mesh of your own: give that mesh as the neutral")
    if landmarks is not None and not transfer:
        raise MienError("`landmarks` say where points are on a neutral of another topology: use them with `transfer`")
    timeline = Timeline.parse(timeline) if isinstance(timeline, str) else timeline
    mesh = read_neutral(neutral, unit) if isinstance(neutral, str | Path) else neutral
    points = None if landmarks is None else read_landmarks(landmarks)
    network = Express(bundle)
    if mesh is None:
        mesh = network.mean
    if not transfer:
        made = network.generate(mesh, timeline, fps=fps)
        return Expressed(sequence=made, face=made, network=network)
    if not isinstance(mesh, Mesh):
        raise ValueError("a neutral of another topology is a Mesh: its vertices alone say nothing of its triangles")
    other = network.other_topology(mesh, points)
    face = network.generate(other.neutral, timeline, fps=fps)
    return Expressed(sequence=other.sequence(face), face=face, network=network)


def read_neutral(path: str | Path, unit: str | None = None) -> Mesh:
    """A face at rest from an .obj or .ply file [mm]; raises MienError when it is none.

    `unit` is the file's; when None that of an .obj follows from its size, and a .ply is in millimetres.
    """
    from mien.rigs.readers.obj import UNITS, load_obj
    from mien.systems.express.training.scan_folders import read_mesh

    path = Path(path)
    if path.suffix.lower() == ".obj":
        return load_obj(path, unit)
    if path.suffix.lower() != ".ply":
        raise MienError(f"{path}: a neutral is an .obj or .ply file")
    vertices, triangles = read_mesh(path)
    scaled = (vertices * UNITS[unit or "mm"]).astype(np.float32)
    return Mesh(vertices=scaled, topology=Topology(triangles=triangles))
