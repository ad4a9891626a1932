"""The options of every command that captures a face: which face, by which network, of whom, through which lens."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

if TYPE_CHECKING:
    from mien.systems.capture.predict import Capture

__all__ = ["FaceOptions"]


@dataclass(frozen=True, kw_only=True)
class FaceOptions:
    """How the face is captured."""

    face: int = 0
    """Which face to follow when there are several: 0 is the largest, 1 the second largest."""
    backend: Literal["onnx", "ncnn"] = "onnx"
    """The library that runs the networks."""
    bundle: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """A trained bundle to use in place of the one that ships with mien."""
    identity: Annotated[Path | None, tyro.conf.arg(metavar="FILE.npz")] = None
    """The shape of the performer's face, written by `mien fit`, used to compute head pose and distance. Without this
    option a mean face is used."""
    focal: float | None = None
    """Focal length of the camera [px of the video], used to compute head pose and distance. Without this option the
    focal length of a typical webcam is used."""

    def open(self, *, mirror: bool) -> "Capture":
        """The capture that these options describe; `mirror` and errors are those of `open_capture`."""
        from mien.systems.capture.perform import open_capture

        return open_capture(
            face=self.face,
            backend=self.backend,
            bundle=self.bundle,
            identity=self.identity,
            focal=self.focal,
            mirror=mirror,
        )
