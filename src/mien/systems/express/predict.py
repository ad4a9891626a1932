"""Expressing: a neutral and a timeline in, a `MeshSequence` out. Needs no torch."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float

from mien.core import Mesh, MeshSequence, MienError, Topology
from mien.runtime import Bundle, Stream, open_session
from mien.systems.express import spec
from mien.systems.express.identity import IdentityCode
from mien.systems.express.timeline import Timeline

__all__ = ["Express"]

_LONGEST = 600.0
"""Longest sequence [s] that is held in memory at once (2 GB at 30 frames a second); stream longer ones."""


class Express:
    """The express system. Keeps state between frames; not for two threads at once."""

    def __init__(self, bundle: Bundle | str | Path | None = None, *, threads: int = 1) -> None:
        """Load the network; the one that ships with mien by default. Raises MienError when there is none."""
        if not isinstance(bundle, Bundle):
            bundle = Bundle.load("express" if bundle is None else bundle)
        if bundle.manifest.name != "express":
            raise MienError(f"{bundle.path}: a bundle of '{bundle.manifest.name}', not of 'express'")
        arrays = bundle.arrays
        self.expressions = bundle.manifest.channels
        """Rows of a label signal."""
        self.topology = Topology(triangles=arrays["triangles"])
        """Of every neutral and result: ICT-FaceKit's face region in the bundle that ships."""
        self.mean: Float[np.ndarray, "V 3"] = arrays["mean"]
        """Mean neutral of the training subjects [mm], for want of another face."""
        code = IdentityCode(kept=arrays["code_kept"], mean=arrays["code_mean"], basis=arrays["code_basis"])
        self._code = code if any(feed.name == "code" for feed in bundle.manifest.inputs) else None
        self._session = open_session(bundle, threads=threads)

    def stream(
        self, neutral: Float[np.ndarray, "V 3"] | Mesh, signal: Iterable[Float[np.ndarray, "K"]]
    ) -> Iterator[Float[np.ndarray, "V 3"]]:
        """Vertices [mm] frame by frame at `spec.FPS`, as rows of the label signal come in. Raises MienError as
        `generate` does."""
        vertices = self._checked(neutral)
        fixed = {} if self._code is None else {"code": self._code(vertices)[None]}
        stream = Stream(self._session)
        for row in signal:
            label = np.asarray(row, np.float32)
            if label.shape != (len(self.expressions),) or not np.isfinite(label).all():
                raise MienError(f"a row of the signal must be {len(self.expressions)} numbers, one per expression")
            yield vertices + stream.step({"label": label[None], **fixed})["displacements"][0]

    def generate(
        self,
        neutral: Float[np.ndarray, "V 3"] | Mesh,
        timeline: Timeline | str,
        *,
        fps: float = spec.FPS,
        duration: float | None = None,
    ) -> MeshSequence:
        """The whole sequence from time 0, `duration` seconds long (by default to the timeline's end and 0.2 s more).

        `neutral` is the face at rest [mm] on `topology`; of a full ICT head the face region is taken. Raises MienError
        for another topology, positions that are no numbers, a timeline that cannot be read, or a sequence too long to
        hold.
        """
        timeline = Timeline.parse(timeline) if isinstance(timeline, str) else timeline
        if not (np.isfinite(fps) and fps > 0):
            raise MienError(f"the frame rate must be positive, not {fps}")
        length = timeline.duration + 0.2 if duration is None else duration
        if not 0 <= length <= _LONGEST:
            raise MienError(f"a sequence of {length:g} s cannot be made at once; at most {_LONGEST:g} s, or stream it")
        steps = np.arange(int(np.ceil(length * spec.FPS)) + 1) / spec.FPS
        made = np.stack(list(self.stream(neutral, timeline.signal(steps, self.expressions))))
        times = np.arange(int(np.floor(length * fps + 1e-9)) + 1) / fps
        return MeshSequence(times=times, vertices=_between(made, times * spec.FPS), topology=self.topology)

    def _checked(self, neutral: np.ndarray | Mesh) -> np.ndarray:
        vertices = np.asarray(neutral.vertices if isinstance(neutral, Mesh) else neutral, np.float32)
        count = len(self.mean)
        if vertices.ndim == 2 and vertices.shape == (_FULL_ICT, 3) and count == _FACE_ICT:
            vertices = vertices[:count]
        if vertices.shape != (count, 3):
            raise MienError(
                f"the neutral has shape {vertices.shape}, the network knows ({count}, 3): "
                "bring it to ICT-FaceKit's topology first"
            )
        if not np.isfinite(vertices).all():
            raise MienError("the neutral has a vertex that is no number; repair the mesh first")
        return vertices


_FULL_ICT, _FACE_ICT = 26719, 9409


def _between(made: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Frames at fractional places, linearly."""
    low = np.minimum(np.floor(at + 1e-6).astype(int), len(made) - 1)
    high = np.minimum(low + 1, len(made) - 1)
    share = np.clip(at - low, 0.0, 1.0).astype(np.float32)[:, None, None]
    return made[low] * (1 - share) + made[high] * share
