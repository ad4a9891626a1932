"""Ambient occlusion of the skin per vertex, for any expression: a baked neutral and a change per channel."""

import zipfile
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import Float

from mien.core import ARKIT
from mien.synth.body import body

__all__ = ["occlusion"]

_VERSION = 2
_DIRECTIONS = 44


def occlusion() -> tuple[Float[np.ndarray, "V"], Float[np.ndarray, "52 V"]]:
    """Openness to the sky of directions at rest, and its change at full weight of each channel.

    Baked once on the mean identity (some seconds) and cached in the user's cache.
    """
    return _load()


@lru_cache(maxsize=1)
def _load() -> tuple[np.ndarray, np.ndarray]:
    from platformdirs import user_cache_dir

    path = Path(user_cache_dir("mien")) / f"ict-occlusion-{_VERSION}.npz"
    if path.is_file():
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                return stored["rest"], stored["change"].astype(np.float32)
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            pass  # a damaged cache is baked again
    from mien.io.atomic import write_whole

    rest, change = _bake()
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_whole(path) as temporary, temporary.open("wb") as file:
        np.savez(file, rest=rest, change=change.astype(np.float16))
    return rest, change


def _bake() -> tuple[np.ndarray, np.ndarray]:
    from mien.synth.performer import Performer
    from mien.synth.renderer import renderer
    from mien.synth.shape import Normals

    b, performer = body(), Performer(np.zeros(1, np.float32))
    weights = np.vstack([np.zeros((1, len(ARKIT))), np.eye(len(ARKIT))]).astype(np.float32)
    vertices = performer.perform(weights).vertices
    directions = _sphere(_DIRECTIONS)
    count = len(b.parts["face"]) + len(b.parts["head_neck"])
    triangles = b.shaded[:count]
    normals = Normals()
    values = np.stack([renderer().openness(v, normals(v), triangles, directions) for v in vertices])
    return values[0], values[1:] - values[0]


def _sphere(count: int) -> Float[np.ndarray, "D 3"]:
    """Even directions by the golden angle, a few degrees apart."""
    k = np.arange(count) + 0.5
    y = 1 - 2 * k / count
    angle = np.pi * (1 + np.sqrt(5)) * k
    r = np.sqrt(1 - y * y)
    return np.stack([r * np.cos(angle), y, r * np.sin(angle)], axis=1)
