"""Mesh sequences as .mdd (LightWave's MDD; read by Blender's Mesh Cache modifier, MotionBuilder, Maya, Houdini).

Layout, big-endian: number of frames, number of vertices, the time of every frame [s] as float32, then x y z as float32
for every vertex of every frame.
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

__all__ = ["read", "stream"]


def stream(
    path: Path, topology: Topology, times: Float[np.ndarray, "T"]
) -> AbstractContextManager[Callable[[np.ndarray], None]]:
    """Write frame by frame; raises MienError when the file cannot be written."""

    def header(points: int) -> bytes:
        return struct.pack(">ii", len(times), points) + times.astype(">f4").tobytes()

    return stream_cache(path, topology, header, ">f4")


def read(path: Path) -> MeshSequence:
    """Read an .mdd with the topology of the .obj beside it; raises MienError when it is missing, cut off or damaged."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MienError(f"cannot read {path}: {error.strerror}") from error
    count, points = struct.unpack_from(">ii", data) if len(data) >= 8 else (0, 0)
    if count < 1 or points < 1 or len(data) != 8 + 4 * count + 12 * count * points:
        raise MienError(f"{path} is cut off or no .mdd file: its size is not that of {count} frames of {points} points")
    times = np.frombuffer(data, ">f4", count, 8).astype(np.float64)
    vertices = np.frombuffer(data, ">f4", offset=8 + 4 * count).reshape(count, points, 3).astype(np.float32)
    return assemble(path, times, vertices)
