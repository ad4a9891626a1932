"""The verb `muscle`: from a clip to a simulated face that its muscles move."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float

from mien.core import Clip, MeshSequence, MienError, Rig, Topology
from mien.io.atomic import write_whole
from mien.physics.face.dynamics import follow
from mien.physics.face.face import Face, build_face
from mien.physics.face.inverse import activations, respond
from mien.physics.solver import Settings

__all__ = ["Performance", "load_identities", "muscle", "perform", "write_activations"]

_STEPS = 25
"""Most steps of the solver in one frame, which starts from the frame before."""
_UNSHOWN = ("tongueOut", "cheekPuff")


@dataclass(eq=False)
class Performance:
    """A take as activations, and the frames of the simulated face that they move."""

    face: Face
    clip: Clip
    """The take, with lost frames filled."""
    activations: Float[np.ndarray, "T C"]
    """Controls of every frame, after activation dynamics."""
    steps: int = _STEPS
    diverged: list[float] = field(default_factory=list[float])
    """Times of the frames whose simulation failed [s]; such a frame shows the last good state."""

    @property
    def unused(self) -> tuple[str, ...]:
        """Channels of the take that move and that no muscle can show: the tongue's and the air's in the cheeks."""
        at = {name: i for i, name in enumerate(self.clip.channels)}
        return tuple(c for c in _UNSHOWN if c in at and self.clip.weights[:, at[c]].max(initial=0.0) > 0.05)

    @property
    def topology(self) -> Topology:
        """The topology of the frames, that of the rig."""
        return self.face.rig.neutral.topology

    def frames(self) -> Iterator[Float[np.ndarray, "V 3"]]:
        """Vertices of every frame in order [mm], with gaze and head rotation."""
        state, settings = self.face.state(), Settings(iterations=self.steps, tolerance=0.02)
        self.diverged.clear()
        for number, controls in enumerate(self.activations):
            self.face.solve(state, controls, Settings() if number == 0 else settings)
            if state.diverged:
                self.diverged.append(float(self.clip.times[number]))
            vertices = self.face.vertices(state).astype(np.float32)
            yield self.face.rig.pose(vertices, self.face.rig.rotations(self.clip, number))

    def sequence(self) -> MeshSequence:
        """All frames as a mesh sequence."""
        frames = np.stack(list(self.frames()))
        return MeshSequence(times=self.clip.times, vertices=frames, topology=self.topology)


def muscle(take: Clip | str | Path, rig: Rig | str | Path = "ict", *, dynamics: bool = True) -> MeshSequence:
    """A take performed by the muscles of a simulated face: what `mien muscle TAKE` writes.

    Args:
        take: a clip, or a file that `Clip.load` reads; an OpenFace 2 .csv holds action units.
        rig: "ict", or an identity of it as a `Rig`, or a file that `mien fit` wrote (.npz).
        dynamics: whether activations follow with the delay of muscles (10 ms rising, 40 ms falling).

    Raises MienError when the take cannot be read or is empty, or the rig is not an identity of ICT-FaceKit.
    """
    return perform(take, rig, dynamics=dynamics).sequence()


def perform(take: Clip | str | Path, rig: Rig | str | Path = "ict", *, dynamics: bool = True) -> Performance:
    """Like `muscle`, which documents the arguments and errors, but its frames are simulated one by one when read."""
    clip = take if isinstance(take, Clip) else Clip.load(take)
    if not len(clip):
        raise MienError("the take has no frames")
    if not clip.seen.any():
        raise MienError("no frame of the take shows a face")
    mean, own = load_identities(rig)
    face = build_face(own, mean)
    clip = clip.filled()
    excited = activations(face, clip, respond(face))
    if dynamics:
        for frame in range(1, len(excited)):
            excited[frame] = follow(
                excited[frame - 1], excited[frame], float(clip.times[frame] - clip.times[frame - 1])
            )
    return Performance(face=face, clip=clip, activations=excited)


def load_identities(rig: Rig | str | Path) -> tuple[Rig, Rig]:
    """ICT-FaceKit's mean face, and the identity that `rig` names; raises MienError when it is no identity of it."""
    from mien.rigs.fit.store import load_identity
    from mien.rigs.ict import load_ict
    from mien.rigs.ict_topology import VERTICES

    mean = load_ict()
    if isinstance(rig, Rig):
        if len(rig.neutral.vertices) != VERTICES:
            raise MienError(f"rig '{rig.name}' is no identity of ICT-FaceKit; muscles move only those so far")
        return mean, rig
    if str(rig) == "ict":
        return mean, mean
    if Path(rig).suffix.lower() != ".npz":
        raise MienError(f"muscles move only 'ict' and identities of it (.npz of `mien fit`) so far, not '{rig}'")
    identity = load_identity(rig)
    if identity.rig != "ict":
        raise MienError(f"{rig} is an identity of the rig '{identity.rig}'; muscles move only those of 'ict' so far")
    return mean, mean.with_identity(identity.coefficients)


def write_activations(path: Path, performance: Performance) -> None:
    """Write the activations as .csv: a column of times [s], then one for each muscle and actuator of the jaw."""
    lines = [",".join(("time", *performance.face.controls))]
    for time, row in zip(performance.clip.times, performance.activations, strict=True):
        lines.append(",".join([f"{time:.6f}", *(f"{value:.5f}" for value in row)]))
    with write_whole(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
