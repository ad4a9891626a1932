"""Mesh sequences as .npz: times, vertices [mm] and the whole topology, bit-exact."""

from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from jaxtyping import Float

from mien.core.errors import MienError
from mien.core.mesh import MeshSequence, Part, Topology
from mien.io import npz

__all__ = ["VERSION", "read", "stream"]

VERSION = 1
_KIND = "mien.mesh_sequence"


@contextmanager
def stream(path: Path, topology: Topology, times: Float[np.ndarray, "T"]) -> Generator[Callable[[np.ndarray], None]]:
    """Write frame by frame, float32 or float64; raises MienError when the path cannot be written."""
    arrays = {"times": times, "triangles": topology.triangles}
    if topology.uv is not None:
        arrays["uv"] = topology.uv
    if topology.uv_triangles is not None:
        arrays["uv_triangles"] = topology.uv_triangles
    # Group names are free text, so they are stored in the JSON and not as names of archive members.
    arrays |= {f"group_{i}": np.asarray(members) for i, members in enumerate(topology.groups.values())}
    arrays |= {f"texture_{i}": picture for i, picture in enumerate(topology.textures.values())}
    parts = [
        [p.name, p.start, p.stop, list(p.color), p.roughness, p.opacity, p.two_sided, p.texture] for p in topology.parts
    ]
    meta = {"groups": list(topology.groups), "parts": parts, "textures": list(topology.textures)}
    with npz.writing(path, _KIND, VERSION, meta, arrays) as archive, ExitStack() as open_member:
        files: list[IO[bytes]] = []

        def put(vertices: np.ndarray) -> None:
            if not files:
                shape = (len(times), *vertices.shape)
                files.append(open_member.enter_context(npz.streamed(archive, "vertices", shape, vertices.dtype)))
            files[0].write(vertices.tobytes())

        yield put


def read(path: Path) -> MeshSequence:
    """Read a file that `stream` wrote; raises MienError when it is missing, damaged or of another kind."""
    meta, arrays = npz.load(path, _KIND, VERSION, "mesh sequence")
    try:
        sequence = _sequence(meta, arrays)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise MienError(f"{path} is damaged: {error or 'an entry is missing'}") from error
    return sequence


def _sequence(meta: dict[str, Any], arrays: dict[str, np.ndarray]) -> MeshSequence:
    times, vertices, triangles = arrays["times"], arrays["vertices"], arrays["triangles"]
    if times.ndim != 1 or times.dtype.kind != "f" or not np.isfinite(times).all() or (np.diff(times) <= 0).any():
        raise ValueError("times must be finite and strictly increasing")
    if vertices.ndim != 3 or vertices.shape[0] != len(times) or vertices.shape[2] != 3 or vertices.dtype.kind != "f":
        raise ValueError(f"vertices have shape {vertices.shape}")
    count = vertices.shape[1]
    uv, uv_triangles = arrays.get("uv"), arrays.get("uv_triangles")
    if uv is not None and (uv.ndim != 2 or uv.shape[1] != 2 or uv.dtype.kind != "f"):
        raise ValueError(f"uv has shape {uv.shape}")
    _check_indices("triangles", triangles, (len(triangles), 3), count)
    if uv_triangles is not None:
        _check_indices("uv_triangles", uv_triangles, triangles.shape, 0 if uv is None else len(uv))
    groups = {str(name): arrays[f"group_{i}"] for i, name in enumerate(meta["groups"])}
    for name, members in groups.items():
        _check_indices(f"group '{name}'", members, (len(members),), count)
    parts = tuple(_part(*entry) for entry in meta["parts"])
    textures = {str(name): arrays[f"texture_{i}"] for i, name in enumerate(meta.get("textures", []))}
    topology = Topology(
        triangles=triangles, uv=uv, uv_triangles=uv_triangles, parts=parts, groups=groups, textures=textures
    )
    return MeshSequence(times=times, vertices=vertices, topology=topology)


def _part(
    name: str,
    start: int,
    stop: int,
    color: list[float],
    roughness: float,
    opacity: float = 1.0,
    two_sided: bool = False,
    texture: str = "",
) -> Part:
    """A part from its row; the rows of files that an earlier mien wrote end after the roughness."""
    red, green, blue = (float(value) for value in color)
    return Part(
        name=str(name),
        start=int(start),
        stop=int(stop),
        color=(red, green, blue),
        roughness=float(roughness),
        opacity=float(opacity),
        two_sided=bool(two_sided),
        texture=str(texture),
    )


def _check_indices(name: str, indices: np.ndarray, shape: tuple[int, ...], count: int) -> None:
    if indices.shape != shape or indices.dtype.kind not in "iu":
        raise ValueError(f"{name} have shape {indices.shape} and type {indices.dtype}")
    if indices.size and (indices.min() < 0 or indices.max() >= count):
        raise ValueError(f"{name} point outside of 0..{count - 1}")
