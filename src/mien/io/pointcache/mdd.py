"""MeshSequence as .mdd (LightWave's MDD; Blender's Mesh Cache modifier, MotionBuilder, Maya, Houdini).

Big-endian: frames, vertices, the time of every frame [s] as float32, then x y z float32 of every vertex of every frame.
"""

import struct
from pathlib import Path

import numpy as np

from mien.core.errors import MienError
from mien.core.mesh import MeshSequence
from mien.io.atomic import write_whole
from mien.io.pointcache.base import assemble, write_base

__all__ = ["read", "write"]


def write(sequence: MeshSequence, path: Path) -> None:
    """Write `sequence`; raises MienError when it cannot be written."""
    write_base(sequence, path)
    count, points = sequence.vertices.shape[:2]
    with write_whole(path) as temporary, temporary.open("wb") as file:
        file.write(struct.pack(">ii", count, points))
        file.write(np.asarray(sequence.times, ">f4").tobytes())
        for frame in sequence.vertices:
            file.write(np.ascontiguousarray(frame, ">f4").tobytes())


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
