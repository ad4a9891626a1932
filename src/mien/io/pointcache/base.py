"""The mesh beside a point cache."""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from mien.core.errors import MienError
from mien.core.mesh import MeshSequence, Topology
from mien.io.obj import read_obj, write_obj

__all__ = ["assemble", "write_base"]


def write_base(sequence: MeshSequence, path: Path) -> None:
    """The first frame as .obj beside `path`; raises MienError for a sequence without frames or numbers."""
    if not len(sequence.times) or not np.isfinite(sequence.vertices).all():
        raise MienError(f"cannot write {path}: the sequence is empty or has positions that are no numbers")
    write_obj(path.with_suffix(".obj"), sequence.vertices[0], sequence.topology.triangles)


def assemble(path: Path, times: Float[np.ndarray, "T"], vertices: Float[np.ndarray, "T V 3"]) -> MeshSequence:
    """The sequence on the topology of the .obj beside `path`, without triangles when there is none.

    Raises MienError when times do not grow, positions are no numbers, or the .obj has another number of vertices.
    """
    if not np.isfinite(times).all() or (np.diff(times) <= 0).any() or not np.isfinite(vertices).all():
        raise MienError(f"{path} is damaged: its times do not grow, or a position is no number")
    triangles, beside = np.zeros((0, 3), np.int64), path.with_suffix(".obj")
    if beside.exists():
        base, triangles = read_obj(beside)
        if len(base) != vertices.shape[1]:
            raise MienError(
                f"{path} moves {vertices.shape[1]} vertices, {beside.name} has {len(base)}: they do not belong together"
            )
    return MeshSequence(times=times, vertices=vertices, topology=Topology(triangles=triangles))
