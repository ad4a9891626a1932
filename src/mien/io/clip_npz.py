"""Clips as .npz: every field of a clip, bit-exact, lost frames included."""

from pathlib import Path

import numpy as np

from mien.core.clip import Clip
from mien.core.errors import MienError
from mien.io import npz

__all__ = ["VERSION", "read", "write"]

VERSION = 2
"""Version 2 adds `eye_torsion` and `visibility`; files of version 1, which lack them, still load."""
_KIND = "mien.clip"
_TAILS: dict[str, tuple[int, ...]] = {
    "head_rotation": (4,),
    "head_translation": (3,),
    "gaze": (2, 2),
    "eye_torsion": (2,),
    "confidence": (),
    "visibility": (3,),
}
"""Optional array -> its shape after the frame axis."""


def write(clip: Clip, path: Path) -> None:
    """Write `clip`; raises MienError when the path cannot be written."""
    arrays = {"times": np.asarray(clip.times, np.float64), "weights": clip.weights}
    arrays |= {name: value for name in _TAILS if (value := getattr(clip, name)) is not None}
    npz.save(path, _KIND, VERSION, {"channels": list(clip.channels), "source": clip.source}, arrays)


def read(path: Path) -> Clip:
    """Read a file that `write` wrote; raises MienError when it is missing, damaged or of another kind."""
    meta, arrays = npz.load(path, _KIND, VERSION, "clip")
    channels, source = meta.get("channels"), meta.get("source")
    if not isinstance(source, str) or not isinstance(channels, list):
        raise MienError(f"{path} is damaged: channels or source are missing")
    names = tuple(str(name) for name in channels)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    missing = [name for name in ("times", "weights") if name not in arrays]
    if missing:
        raise MienError(f"{path} is damaged: the array '{missing[0]}' is missing")
    frames = arrays["times"].shape[0] if arrays["times"].ndim == 1 else -1
    shapes = {"times": (frames,), "weights": (frames, len(names))}
    shapes |= {name: (frames, *tail) for name, tail in _TAILS.items()}
    for name, value in arrays.items():
        if name not in shapes or value.shape != shapes[name] or value.dtype.kind != "f":
            raise MienError(f"{path} is damaged: the array '{name}' has shape {value.shape} and type {value.dtype}")
    optional = {name: arrays.get(name) for name in _TAILS}
    return Clip(times=arrays["times"], weights=arrays["weights"], channels=names, source=source, **optional)
