"""A fitted person as .npz: the identity, and the landmarks of the face at rest, which head pose is computed from."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float

from mien.core import MienError
from mien.io import npz
from mien.rigs.fit.identity import Fit
from mien.rigs.fit.person import head_position

__all__ = ["Identity", "load_identity", "save_identity"]

_KIND, _VERSION = "mien.identity", 1
_FARTHEST = 1000.0
"""Largest plausible distance of a landmark from the head joint [mm]."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Identity:
    """The identity of one person."""

    rig: str
    """Name of the rig whose identity modes the coefficients belong to."""
    coefficients: Float[np.ndarray, "M"]
    """Identity coefficients, in standard deviations."""
    landmarks: dict[str, Float[np.ndarray, "L 3"]] = field(default_factory=dict[str, np.ndarray])
    """Name of a landmark layout -> its points on the face at rest, relative to the head joint [mm]."""


def save_identity(fit: Fit, path: Path) -> None:
    """Write the identity of a fit; raises MienError when the path cannot be written."""
    rig = fit.rig
    head = head_position(rig)
    landmarks = {
        f"landmarks_{name}": (anchors.positions(rig.neutral.vertices) - head).astype(np.float32)
        for name, anchors in rig.landmarks.items()
    }
    frames = {
        "weights": fit.weights,
        "rotation": fit.rotation,
        "translation": fit.translation,
        "focal": fit.focal,
        "reprojected": fit.reprojected,
        "residual": fit.residual,
    }
    npz.save(path, _KIND, _VERSION, {"rig": rig.name}, {"identity": fit.identity, **landmarks, **frames})


def load_identity(path: str | Path) -> Identity:
    """Read a file that `save_identity` wrote; raises MienError when it is missing, damaged or of another kind."""
    path = Path(path)
    meta, arrays = npz.load(path, _KIND, _VERSION, "fitted face (from mien fit)")
    landmarks = {key.removeprefix("landmarks_"): a for key, a in arrays.items() if key.startswith("landmarks_")}
    coefficients = arrays.get("identity", np.full(1, np.nan))
    for array, last in ((coefficients, None), *((a, 3) for a in landmarks.values())):
        flat = array.ndim == 1 if last is None else array.ndim == 2 and array.shape[1] == last
        if array.dtype.kind != "f" or not flat or not (np.abs(array) < _FARTHEST).all():
            raise MienError(f"{path} is damaged; run mien fit again")
    return Identity(rig=str(meta.get("rig")), coefficients=coefficients, landmarks=landmarks)
