"""The verb `express`: from a neutral face and a timeline to a mesh sequence on the neutral's own mesh."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Float

from mien.core import Clip, Mesh, MeshSequence, MienError
from mien.runtime import Bundle
from mien.systems.express.predict import Express
from mien.systems.express.runtime.timeline import Timeline
from mien.systems.express.spec import TIMELINE

__all__ = ["Expressed", "express", "perform"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Expressed:
    """A generated sequence, with the weights and wrinkles that follow from it."""

    sequence: MeshSequence
    """The sequence on the mesh of the given neutral."""
    face: MeshSequence
    """The same movement on the network's topology; `sequence` itself unless the neutral has another topology."""
    network: Express

    @cached_property
    def clip(self) -> Clip:
        """The 52 ARKit weights that explain the movement, for any rig; raises MienError as `Express.clip` does."""
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
        neutral: the face at rest, a file that `Mesh.load` reads, a mesh or its vertices [mm]; the mean face when
            None. It is on ICT-FaceKit's topology (face region or whole head), or of any other with `transfer`.
        timeline: expressions with onset, apex, end of the apex and end [s], and an intensity; ";" separates several.
        fps: frames per second.
        unit: unit of the neutral's file ("mm", "cm", "m"); None guesses it from the mesh's size; a .ply is in mm.
        transfer: whether the neutral has another topology: ICT-FaceKit's head is fitted to it, and that person's
            movement is transferred to the neutral.
        landmarks: for `transfer`, a .json file with landmarks on the neutral; None finds the face by shape.
        bundle: a trained bundle or its folder; None for the weights that ship with mien.

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
    """Like `express`, which documents the arguments and errors; the result also gives the movement's weights and
    wrinkles."""
    from mien.rigs.transfer.transfer import read_landmarks

    if transfer and neutral is None:
        raise MienError("`transfer` brings movement to a mesh of your own; give that mesh as the neutral")
    if landmarks is not None and not transfer:
        raise MienError("`landmarks` are those of a neutral of another topology; use them with `transfer`")
    timeline = Timeline.parse(timeline) if isinstance(timeline, str) else timeline
    mesh = Mesh.load(neutral, unit=unit) if isinstance(neutral, str | Path) else neutral
    points = None if landmarks is None else read_landmarks(landmarks)
    network = Express(bundle)
    if mesh is None:
        mesh = network.mean
    if not transfer:
        made = network.generate(mesh, timeline, fps=fps)
        return Expressed(sequence=made, face=made, network=network)
    if not isinstance(mesh, Mesh):
        raise ValueError("a neutral of another topology must be a Mesh, since vertices alone have no triangles")
    other = network.other_topology(mesh, points)
    face = network.generate(other.neutral, timeline, fps=fps)
    return Expressed(sequence=other.sequence(face), face=face, network=network)
