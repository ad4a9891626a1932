"""Mesh sequences as .pc2 (3ds Max's Point Cache 2; read by Blender's Mesh Cache modifier, Cinema 4D, Houdini).

Layout, little-endian: "POINTCACHE2\\0", version 1, number of vertices, first frame, frames per sample, number of
samples, then x y z as float32 for every vertex of every sample. Times are in frames of a scene whose frame rate the
file does not state; mien assumes `SCENE_FPS`.
"""

import struct
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
from jaxtyping import Float

from mien.core.errors import MienError
from mien.core.mesh import MeshSequence, Topology
from mien.io.pointcache.base import assemble, stream_cache

__all__ = ["SCENE_FPS", "read", "stream"]

SCENE_FPS = 30.0
"""Frame rate of the scene that is assumed for a .pc2, in writing and in reading [frames per second]."""
_HEADER = struct.Struct("<12siiffi")
_MAGIC = b"POINTCACHE2\0"
_EVEN = 1e-3
"""Largest deviation from even spacing [frames], about the resolution of float32 after an hour."""


def stream(
    path: Path, topology: Topology, times: Float[np.ndarray, "T"]
) -> AbstractContextManager[Callable[[np.ndarray], None]]:
    """Write frame by frame.

    Raises MienError when the times are not evenly spaced (an .mdd keeps them) or the file cannot be written.
    """
    at = times * SCENE_FPS
    step = (at[-1] - at[0]) / (len(at) - 1) if len(at) > 1 else 1.0
    if np.abs(at - at[0] - step * np.arange(len(at))).max() > _EVEN:
        raise MienError(f"cannot write {path}: .pc2 holds evenly spaced frames only; write .mdd, .npz or .glb")

    def header(points: int) -> bytes:
        return _HEADER.pack(_MAGIC, 1, points, at[0], step, len(at))

    return stream_cache(path, topology, header, "<f4")


def read(path: Path) -> MeshSequence:
    """Read a .pc2 with the topology of the .obj beside it; raises MienError when it is missing, cut off or damaged."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MienError(f"cannot read {path}: {error.strerror}") from error
    if len(data) < _HEADER.size or data[:12] != _MAGIC:
        raise MienError(f"{path} is no .pc2 file")
    _, version, points, start, step, samples = _HEADER.unpack_from(data)
    if version != 1 or points < 1 or samples < 1 or not np.isfinite([start, step]).all() or step <= 0:
        raise MienError(f"{path} is damaged: its header has version {version}, {points} points, {samples} samples")
    if len(data) != _HEADER.size + 12 * points * samples:
        raise MienError(f"{path} is cut off or damaged: its size is not that of {samples} samples of {points} points")
    times = (float(start) + float(step) * np.arange(int(samples), dtype=np.float64)) / SCENE_FPS
    vertices = np.frombuffer(data, "<f4", offset=_HEADER.size).reshape(samples, points, 3).astype(np.float32)
    return assemble(path, times, vertices)
