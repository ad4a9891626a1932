"""The network at run time: from an aligned crop, with or without its mirror image, to weights, landmarks and
visibility.

The mean of a face's output and its mirror image's is more accurate than either, as their errors are only partly the
same; it costs a second run of the network, so capture of files uses it and live capture does not.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from mien.core.channels import mirrored
from mien.runtime import Bundle, Stream, open_session
from mien.systems.capture import spec

__all__ = ["Answer", "Network"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Answer:
    """The network's output for one crop, or the mean of those for the crop and its mirror image."""

    weights: Float[np.ndarray, "A"]
    """Weights of the manifest's channels, not clipped."""
    landmarks: Float[np.ndarray, "L 2"]
    """Landmarks in pixels of the crop."""
    code: Float[np.ndarray, "K E"]
    """The temporal head's input for this crop and, with K = 2, for its mirror image."""
    seen: Float[np.ndarray, "R"] | None
    """Visibility of each of `spec.REGIONS` in [0, 1]; None from a network without this output."""


class Network:
    """A bundle's network with the states of the previous frames. Serves one thread only."""

    def __init__(self, bundle: Bundle, *, backend: str = "onnx", threads: int = 1, mirror: bool = False) -> None:
        """Open the network; `mirror` also reads mirror images. Raises MienError when the bundle is damaged."""
        self._manifest = bundle.manifest
        session = open_session(bundle, backend, threads)
        self._streams = [Stream(session) for _ in range(2 if mirror else 1)]
        channels = bundle.manifest.channels
        self._other_side = [channels.index(mirrored(name)) for name in channels]
        self._other_point = list(bundle.manifest.layout.mirror)

    def reset(self) -> None:
        """Forget the previous frames, for a new video."""
        for stream in self._streams:
            stream.reset()

    def step(
        self,
        crop: UInt8[np.ndarray, "S S 3"],
        *,
        step: float | None = None,
        rest: Float[np.ndarray, "K E"] | None = None,
    ) -> Answer:
        """The output for the next crop.

        `step` is the time since the face's last frame [s], None at its first; `rest` is `Answer.code` of the same face
        at rest, or the mean of several.
        """
        said, codes = [], []
        for look, stream in enumerate(self._streams):
            image = crop[:, ::-1] if look else crop
            outputs = stream.step(self._inputs(image, step, None if rest is None else rest[look]))
            said.append(self._turned(outputs) if look else _plain(outputs))
            past = stream.state["code_past"][0]  # of the last `spec.PAST` frames
            codes.append(past[-(len(past) // spec.PAST) :])
        weights, landmarks, seen = (_mean(parts) for parts in zip(*said, strict=True))
        assert weights is not None and landmarks is not None  # every network of this system gives them
        return Answer(weights=weights, landmarks=landmarks, seen=seen, code=np.stack(codes))

    def _inputs(self, crop: np.ndarray, step: float | None, rest: np.ndarray | None) -> dict[str, np.ndarray]:
        """The inputs of the graph. Networks before bundle version 2 take neither the time step nor the stored rest."""
        shapes = {given.name: given.shape for given in self._manifest.inputs}
        values: dict[str, np.ndarray | float] = {
            "crop": crop.transpose(2, 0, 1),
            "fresh": float(step is None),
            "step": spec.USUAL_STEP if step is None else step,
            "rest": 0.0 if rest is None else rest,
            "known": float(rest is not None),
        }
        return {name: np.full(shape, values[name], np.float32) for name, shape in shapes.items()}

    def _turned(self, outputs: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """The output for a mirror image, with left and right exchanged."""
        weights, points, seen = _plain(outputs)
        return weights[self._other_side], ((spec.CROP - 1, 0) + points * (-1, 1))[self._other_point], seen


def _plain(outputs: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    points = outputs["landmarks"][0].reshape(-1, 2).astype(np.float64)
    return outputs["weights"][0], points, outputs["seen"][0] if "seen" in outputs else None


def _mean(parts: Sequence[np.ndarray | None]) -> np.ndarray | None:
    known = [part for part in parts if part is not None]
    return sum(known[1:], known[0]) / len(known) if known else None
