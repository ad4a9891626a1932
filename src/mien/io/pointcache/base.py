"""What both point cache formats share: writing frame by frame, and the .obj that holds the topology."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from jaxtyping import Float

from mien.core.errors import MienError
from mien.core.mesh import Mesh, MeshSequence, Topology
from mien.io import formats, obj
from mien.io.atomic import write_whole

__all__ = ["assemble", "stream_cache"]


@contextmanager
def stream_cache(
    path: Path, topology: Topology, header: Callable[[int], bytes], dtype: str
) -> Generator[Callable[[np.ndarray], None]]:
    """Write `header(number of vertices)` and then the positions of each frame, as `dtype`.

    The first frame is also written as .obj beside `path`. Raises MienError when a file cannot be written.
    """
    first: list[np.ndarray] = []
    with write_whole(path) as temporary:
        with temporary.open("wb") as file:

            def put(vertices: np.ndarray) -> None:
                if not first:
                    first.append(vertices.copy())
                    file.write(header(len(vertices)))
                file.write(np.ascontiguousarray(vertices, dtype).tobytes())

            yield put
        base = Mesh(vertices=first[0], topology=Topology(triangles=topology.triangles))
        obj.write(base, path.with_suffix(formats.OBJ))


def assemble(path: Path, times: Float[np.ndarray, "T"], vertices: Float[np.ndarray, "T V 3"]) -> MeshSequence:
    """The sequence with the topology of the .obj beside `path`, or without triangles when there is no .obj.

    Raises MienError when times do not increase, positions are not finite, or the .obj has another number of vertices.
    """
    if not np.isfinite(times).all() or (np.diff(times) <= 0).any() or not np.isfinite(vertices).all():
        raise MienError(f"{path} is damaged: its times do not increase, or a position is not a number")
    triangles, beside = np.zeros((0, 3), np.int64), path.with_suffix(formats.OBJ)
    if beside.exists():
        base = obj.read(beside, "mm", points=True)
        triangles = base.topology.triangles
        if len(base.vertices) != vertices.shape[1]:
            raise MienError(
                f"{path} moves {vertices.shape[1]} vertices, {beside.name} has {len(base.vertices)}: "
                "they do not belong together"
            )
    return MeshSequence(times=times, vertices=vertices, topology=Topology(triangles=triangles))
