"""Express: from a neutral and a timeline to a `MeshSequence`. Needs no torch."""

from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Float

from mien.core import ARKIT, Clip, Mesh, MeshSequence, MienError, Rig, Topology
from mien.rigs.bounded import SolveSettings, solve
from mien.rigs.ict_topology import FACE, VERTICES
from mien.runtime import Bundle, Stream, open_session
from mien.systems.express import spec
from mien.systems.express.runtime.identity_code import IdentityCode, LocalShape
from mien.systems.express.runtime.other_topology import OtherTopologyFace
from mien.systems.express.runtime.timeline import Timeline
from mien.systems.express.runtime.wrinkles import REGIONS, Wrinkles

__all__ = ["Express"]

_LONGEST = 600.0
"""Longest sequence [s] that is held in memory at once (2 GB at 30 frames a second); stream longer ones."""


class Express:
    """The express system. Keeps state between frames, so it serves one thread only."""

    def __init__(self, bundle: Bundle | str | Path | None = None, *, threads: int = 1) -> None:
        """Load the network; by default the one that ships with mien. Raises MienError when there is none."""
        if not isinstance(bundle, Bundle):
            bundle = Bundle.load("express" if bundle is None else bundle)
        if bundle.manifest.name != "express":
            raise MienError(f"{bundle.path}: a bundle of '{bundle.manifest.name}', not of 'express'")
        arrays = bundle.arrays
        self.expressions = bundle.manifest.channels
        """Names of the columns of a label signal."""
        self.topology = Topology(triangles=arrays["triangles"])
        """Topology of neutrals and results: ICT-FaceKit's face region in the bundle that ships."""
        self.mean: Float[np.ndarray, "V 3"] = arrays["mean"]
        """Mean neutral of the training subjects [mm], used when no neutral is given."""
        code = IdentityCode(kept=arrays["code_kept"], mean=arrays["code_mean"], basis=arrays["code_basis"])
        self._code = code
        self._knows_identity = any(feed.name == "code" for feed in bundle.manifest.inputs)
        self._local = LocalShape(self.mean, self.topology.triangles)
        self._session = open_session(bundle, threads=threads)

    def stream(
        self, neutral: Float[np.ndarray, "V 3"] | Mesh, signal: Iterable[Float[np.ndarray, "K"]]
    ) -> Iterator[Float[np.ndarray, "V 3"]]:
        """Vertices [mm] frame by frame at `spec.FPS`, one for each row of the label signal; for a full ICT head, all of
        its vertices. Raises MienError as `generate` does."""
        given = self._checked(neutral)
        vertices = given[: len(self.mean)]
        fixed = self.person(vertices)
        stream = Stream(self._session)
        for row in signal:
            label = np.asarray(row, np.float32)
            if label.shape != (len(self.expressions),) or not np.isfinite(label).all():
                raise MienError(f"a row of the signal must be {len(self.expressions)} numbers, one per expression")
            moved = stream.step({"label": label[None], **fixed})["displacements"][0]
            yield given + (moved if len(given) == len(moved) else self.whole(moved))

    def generate(
        self,
        neutral: Float[np.ndarray, "V 3"] | Mesh,
        timeline: Timeline | str,
        *,
        fps: float = spec.FPS,
        duration: float | None = None,
    ) -> MeshSequence:
        """The whole sequence from time 0, `duration` seconds long (by default to the timeline's end and 0.2 s more).

        `neutral` is the face at rest [mm] on `topology`, or a full ICT-FaceKit head: the other parts (teeth, tongue,
        eyes, the back) of a head follow the face, and the sequence has all its vertices. Raises MienError for another
        topology, positions that are not finite, a timeline that cannot be read, or a sequence too long to hold.
        """
        timeline = Timeline.parse(timeline) if isinstance(timeline, str) else timeline
        if not (np.isfinite(fps) and fps > 0):
            raise MienError(f"the frame rate must be positive, not {fps}")
        length = timeline.duration + 0.2 if duration is None else duration
        if not 0 <= length <= _LONGEST:
            raise MienError(
                f"a sequence of {length:g} s cannot be made at once; give at most {_LONGEST:g} s, or stream it"
            )
        steps = np.arange(int(np.ceil(length * spec.FPS)) + 1) / spec.FPS
        made = np.stack(list(self.stream(neutral, timeline.signal(steps, self.expressions))))
        times = np.arange(int(np.floor(length * fps + 1e-9)) + 1) / fps
        topology = self.topology if made.shape[1] == len(self.mean) else self._rig.neutral.topology
        return MeshSequence(times=steps, vertices=made, topology=topology).at(times)

    def clip(self, sequence: MeshSequence) -> Clip:
        """The 52 ARKit weights that explain a generated sequence best, relative to its first frame, for any rig.

        Raises MienError when the network's topology is not ICT-FaceKit's, or its assets are missing.
        """
        moved = (sequence.vertices - sequence.vertices[0])[:, : len(self.mean)]
        if len(self.mean) != FACE:
            raise MienError(
                "this network was not trained on ICT-FaceKit's face, so its movement cannot become ARKit weights"
            )
        return Clip(times=sequence.times, weights=self._weights(moved), channels=ARKIT, source="mien express")

    def wrinkles(self, sequence: MeshSequence) -> Float[np.ndarray, "T R"]:
        """How much of each wrinkle map shows in a generated sequence, in the order of `wrinkles.REGIONS`.

        Raises MienError as `clip` does.
        """
        count = len(self.mean)
        if count != FACE:
            raise MienError("this network was not trained on ICT-FaceKit's face, so there are no wrinkle regions")
        shapes = {
            name: self._shapes[ARKIT.index(name), :count] for region in REGIONS.values() for name in region.shapes
        }
        face = sequence.vertices[:, :count]
        return Wrinkles(face[0], self.topology.triangles, shapes)(face)

    def other_topology(self, mesh: Mesh, landmarks: dict[int, int] | None = None) -> OtherTopologyFace:
        """A face of another topology: generate for its `neutral`; its `sequence` transfers the result to the mesh.

        `landmarks` map numbers of iBUG 68 points to vertices; by default the face is found by shape. Raises MienError
        when ICT-FaceKit's head does not fit the mesh, or the network's topology is not ICT-FaceKit's.
        """
        if len(self.mean) != FACE:
            raise MienError("this network was not trained on ICT-FaceKit's face, so it cannot animate another topology")
        return OtherTopologyFace(self._rig, FACE, mesh, landmarks)

    def person(self, neutral: Float[np.ndarray, "V 3"]) -> dict[str, np.ndarray]:
        """The network's inputs for a face: its code and local shape by name, or {} for a network that uses neither."""
        if not self._knows_identity:
            return {}
        return {"code": self._code(neutral)[None], "shape": self._local(neutral)[None]}

    def whole(self, moved: Float[np.ndarray, "V 3"]) -> Float[np.ndarray, "W 3"]:
        """Displacements of a full ICT head from those of its face; the rest of the head moves by the weights that fit
        the face."""
        weights = self._weights(moved[None])[0]
        return np.concatenate([moved, np.tensordot(weights, self._shapes[:, len(moved) :], axes=1)])

    @cached_property
    def _rig(self) -> Rig:
        from mien.rigs.ict import load_ict

        return load_ict()

    @cached_property
    def _shapes(self) -> Float[np.ndarray, "52 V 3"]:
        """Shapes of the whole head, in the order of ARKit's channels."""
        return self._rig.basis()

    @cached_property
    def _face(self) -> tuple[Float[np.ndarray, "52 N"], Float[np.ndarray, "52 52"]]:
        """The shapes of the face alone, flat, and their products [mm^2]."""
        flat = np.ascontiguousarray(self._shapes[:, : len(self.mean)]).reshape(len(ARKIT), -1)
        return flat, (flat @ flat.T).astype(np.float64)

    def _weights(self, moved: Float[np.ndarray, "T V 3"]) -> Float[np.ndarray, "T 52"]:
        """Weights of ARKit's channels that explain displacements of the face [mm] best, each frame by itself."""
        flat, gram = self._face
        products = (moved.reshape(len(moved), -1) @ flat.T).astype(np.float64)
        return solve(gram, products, _BOUNDED).astype(np.float32)

    def _checked(self, neutral: np.ndarray | Mesh) -> np.ndarray:
        vertices = np.asarray(neutral.vertices if isinstance(neutral, Mesh) else neutral, np.float32)
        count = len(self.mean)
        whole = vertices.shape == (VERTICES, 3) and count == FACE
        if vertices.shape != (count, 3) and not whole:
            raise MienError(
                f"the neutral has {len(vertices)} vertices, this network's topology has {count}: use "
                "`transfer`, or make shapes for your face with `mien rig transfer` and retarget `clip` to them"
            )
        if not np.isfinite(vertices).all():
            raise MienError("the neutral has a vertex that is no number; repair the mesh first")
        stretch = self._edge_length(vertices) / self._edge_length(self.mean)
        if not 1 / _ODD < stretch < _ODD:
            raise MienError(
                f"the neutral's edges are {stretch:.3g} times as long as the mean face's: its vertices are in another "
                "order, or it is not in millimetres"
            )
        return vertices

    def _edge_length(self, vertices: np.ndarray) -> float:
        """Median length of the triangles' first edges [mm]."""
        a, b = self.topology.triangles[:, 0], self.topology.triangles[:, 1]
        return float(np.median(np.linalg.norm(vertices[a] - vertices[b], axis=1)))


_BOUNDED = SolveSettings(ridge=1e-3, sparsity=0.0, symmetry=0.0, smoothness=0.0)
"""Only bounds and a ridge penalty, which keeps the weights of two similar shapes from growing against each other."""
_ODD = 3.0
"""Largest ratio of edge lengths to the mean face's: heads differ far less; those of a shuffled mesh are some twenty
times as long, and those of a mesh in centimetres a tenth."""
