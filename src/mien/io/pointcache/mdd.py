"""MeshSequence as .mdd (LightWave's MDD; Blender's Mesh Cache modifier, MotionBuilder, Maya, Houdini).

Big-endian: frames, vertices, the time of every frame [s] as float32, then x y z float32 of every vertex of every frame.
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
    """Write frames as they come; raises MienError when the file cannot be written."""

    def header(points: int) -> bytes:
        return struct.pack(">ii", len(times), points) + times.astype(">f4").tobytes()

    return stream_cache(path, topology, header, ">f4")


def read(path: Path) -> MeshSequence:
    """Read an .mdd, with the topology of the .obj beside it; raises MienError when missing, cut off or damaged."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MienError(f"cannot read {path}: {error.strerror}") from error
    count, points = struct.unpack_from(">ii", data) if len(data) >= 8 else (0, 0)
    if count < 1 or points < 1 or len(data) != 8 + 4 * count + 12 * count * points:
        raise MienError(f"{path} is no .mdd file, or cut off: its size does not fit {count} frames of {points} points")
    times = np.frombuffer(data, ">f4", count, 8).astype(np.float64)
    vertices = np.frombuffer(data, ">f4", offset=8 + 4 * count).reshape(count, points, 3).astype(np.float32)
    return assemble(path, times, vertices)
