"""Writes mesh sequences frame by frame: no writer holds more than a few frames, so a sequence may exceed memory.

    with open_sequence("take.mdd", topology, times) as out:
        for vertices in frames:
            out.write(vertices)

`MeshSequence.save` uses the same writers.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from errno import ENOSPC
from pathlib import Path

import numpy as np
from jaxtyping import Float

from mien.core.errors import MienError
from mien.core.frame_fields import checked_times
from mien.core.mesh import MeshSequence, Topology
from mien.io import formats

__all__ = ["SequenceWriter", "open_sequence", "save"]


class SequenceWriter:
    """Writes the frames of one mesh sequence in order."""

    def __init__(self, path: Path, topology: Topology, count: int, put: Callable[[np.ndarray], None]) -> None:
        self._path, self._topology, self._count, self._put = path, topology, count, put
        self._written = 0
        self._like: tuple[tuple[int, ...], np.dtype] | None = None
        """Shape and type of the first frame, which all other frames must have."""

    def write(self, vertices: Float[np.ndarray, "V 3"]) -> None:
        """Write the next frame [mm].

        Raises:
            ValueError: there are more frames than times, the shape is not [V, 3] or not that of the first frame, or
                triangles refer to missing vertices.
            MienError: a position is not finite, or the file cannot be written.
        """
        if self._written == self._count:
            raise ValueError(f"{self._path}: there are {self._count} times, and this is one frame more")
        frame = np.asarray(vertices)
        if self._like is None:
            if frame.ndim != 2 or frame.shape[1:] != (3,):
                raise ValueError(f"frame 0 has shape {frame.shape}, not [V, 3]")
            self._topology.check_vertices(len(frame))
            self._like = frame.shape, np.dtype(np.float64 if frame.dtype == np.float64 else np.float32)
        if frame.shape != self._like[0]:
            raise ValueError(f"frame {self._written} has shape {frame.shape}, not {self._like[0]} as the first frame")
        if not np.isfinite(frame).all():
            raise MienError(f"cannot write {self._path}: frame {self._written} has positions that are not finite")
        self._put(frame.astype(self._like[1], copy=False))
        self._written += 1

    def check_whole(self) -> None:
        """Raise ValueError when frames are missing."""
        if self._written < self._count:
            raise ValueError(f"{self._path}: there are {self._count} times, but {self._written} frames were written")


@contextmanager
def open_sequence(path: str | Path, topology: Topology, times: Float[np.ndarray, "T"]) -> Generator[SequenceWriter]:
    """A writer that takes one frame per time [s], in the format of the path's extension.

    The file appears when the block ends; when the block raises, no file is written.

    Raises:
        ValueError: times that do not increase strictly, or fewer or more frames than times.
        MienError: the extension is unknown, there are no times, the format cannot hold the times, or the path cannot
            be written.
    """
    path, times = Path(path), np.asarray(times, np.float64)
    checked_times(times, "mesh sequence")
    row = formats.writer(path, MeshSequence)
    if not len(times):
        raise MienError(f"cannot write {path}: the sequence has no frames")
    try:
        with row.function(row.stream)(path, topology, times) as put:
            out = SequenceWriter(path, topology, len(times), put)
            yield out
            out.check_whole()
    except OSError as error:
        if error.errno != ENOSPC:
            raise
        raise MienError(f"cannot write {path}: {error.strerror}; make room or choose another place") from error


def save(sequence: MeshSequence, path: str | Path) -> None:
    """Write a whole sequence; raises MienError when it cannot be written."""
    with open_sequence(path, sequence.topology, sequence.times) as out:
        for vertices in sequence.vertices:
            out.write(vertices)
