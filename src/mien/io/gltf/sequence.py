"""Mesh sequences as .glb: the first frame, the fewest morph targets that reproduce all frames, and their weights.

The targets are those of `mien.io.gltf.morph_basis` relative to the first frame, as many as are needed so that no vertex
of any frame is off by more than `ERROR_MM`. The normals have targets, too, fitted by least squares to the same weights,
so that shading follows the motion.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, cast

import numpy as np
from jaxtyping import Float

from mien import __version__
from mien.core.errors import MienError
from mien.core.mesh import MeshSequence, Topology, vertex_normals
from mien.io.atomic import check_writable
from mien.io.gltf.builder import ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER, Builder
from mien.io.gltf.document import GltfDocument, read_glb
from mien.io.gltf.morph_basis import BLOCK, morph_basis
from mien.io.gltf.rig import SOURCE_VERTEX, add_textures, material, split_seams

__all__ = ["ERROR_MM", "read", "stream"]

ERROR_MM = 0.02
"""Largest error of a vertex's position, over all frames [mm]."""
_MM = np.float32(1e-3)
"""Metres per millimetre."""
_LARGEST = 2**31
"""Most numbers that a sequence may hold to be read."""

Json = dict[str, Any]


@contextmanager
def stream(path: Path, topology: Topology, times: Float[np.ndarray, "T"]) -> Generator[Callable[[np.ndarray], None]]:
    """Write frame by frame; the frames are stored in a temporary file beside `path` until the last one has come.

    Memory holds the morph targets and a few frames. Raises MienError when the mesh has no triangles, the times are too
    close together, or the file cannot be written.
    """
    if not len(topology.triangles):
        raise MienError(f"cannot write {path}: a .glb needs triangles, and the mesh has none")
    since = (times - times[0]).astype(np.float32)
    if (np.diff(since) <= 0).any():
        raise MienError(f"cannot write {path}: frames lie too close together for float32 seconds; write .npz instead")
    check_writable(path)
    with TemporaryFile(dir=path.resolve().parent, prefix=".mien-") as file:
        shapes: list[tuple[int, ...]] = []

        def put(vertices: np.ndarray) -> None:
            shapes.append(vertices.shape)
            file.write(vertices.astype(np.float32).tobytes())

        yield put
        file.flush()
        frames = np.memmap(file, np.float32, "r", shape=(len(times), *shapes[0]))
        _write(path, topology, frames, since, float(times[0]))


def _write(path: Path, topology: Topology, frames: np.ndarray, since: np.ndarray, start: float) -> None:
    """Write `frames`, which may be mapped from a file; `since` are seconds after the first frame's time `start`."""
    rest = np.array(frames[0])
    weights, targets = morph_basis(frames, rest, ERROR_MM)
    if not len(targets):  # without motion one target of zeros is needed to hold the times
        weights, targets = np.zeros((len(since), 1), np.float32), np.zeros_like(frames[:1], subok=False)
    builder = Builder(f"mien {__version__}")
    normals = _unit(vertex_normals(rest, topology.triangles))
    source, primitives = _primitives(builder, topology, rest, normals)
    mesh: Json = {"name": path.stem, "primitives": primitives}
    node = {"mesh": builder.add("meshes", mesh), "name": path.stem}
    builder.add("scenes", {"nodes": [builder.add("nodes", node)]})
    builder.json["scene"] = 0
    turns = _turns(frames, weights, normals, topology.triangles)
    moved = [
        {"POSITION": builder.accessor(target[source] * _MM, bounds=True), "NORMAL": builder.accessor(turn[source])}
        for target, turn in zip(targets, turns, strict=True)
    ]
    for primitive in primitives:
        primitive["targets"] = moved
    mesh["weights"] = [0.0] * len(targets)
    mesh["extras"] = {"targetNames": [f"component{k}" for k in range(len(targets))]}
    _animate(builder, since, start, weights)
    builder.write(path)


def _primitives(
    builder: Builder, topology: Topology, rest: np.ndarray, normals: np.ndarray
) -> tuple[np.ndarray, list[Json]]:
    """(the sequence's vertex of each written one, a primitive per part); one of skin colour for a mesh without parts.

    Vertices are split at texture seams only when a part shows a texture.
    """
    textured = any(part.texture for part in topology.parts)
    source, triangles, uv = np.arange(len(rest)), topology.triangles, None
    if textured:
        source, triangles, uv = split_seams(topology, len(rest))
    attributes = {
        "POSITION": builder.accessor(rest[source] * _MM, target=ARRAY_BUFFER, bounds=True),
        "NORMAL": builder.accessor(normals[source], target=ARRAY_BUFFER),
    }
    if uv is not None:
        flipped = np.stack([uv[:, 0], 1 - uv[:, 1]], axis=1).astype(np.float32)  # glTF's v grows downwards
        attributes["TEXCOORD_0"] = builder.accessor(flipped, target=ARRAY_BUFFER)
    if len(source) != len(rest):
        attributes[SOURCE_VERTEX] = builder.accessor(source.astype(np.float32), target=ARRAY_BUFFER)
    textures = add_textures(builder, topology)
    index_type = np.uint16 if len(source) <= 0xFFFF else np.uint32

    def primitive(corners: np.ndarray, look: Json) -> Json:
        indices = builder.accessor(corners.reshape(-1).astype(index_type), target=ELEMENT_ARRAY_BUFFER)
        return {"attributes": attributes, "indices": indices, "material": builder.add("materials", look)}

    parts = [part for part in topology.parts if part.stop > part.start]
    if not parts:
        return source, [primitive(triangles, _MATERIAL)]
    return source, [primitive(triangles[p.start : p.stop], material(p, topology, textures)) for p in parts]


def _turns(frames: np.ndarray, weights: np.ndarray, normals: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Displacements of the normals [K, V, 3] that fit the frames' normals best, by least squares."""
    inverse = np.linalg.pinv(weights.astype(np.float64))
    turns = np.zeros((len(inverse), normals.size))
    for start in range(0, len(frames), BLOCK):
        block = frames[start : start + BLOCK]
        turned = np.stack([_unit(vertex_normals(frame, triangles)) - normals for frame in block])
        turns += inverse[:, start : start + len(block)] @ turned.reshape(len(block), -1)
    return turns.reshape(-1, *normals.shape).astype(np.float32)


_MATERIAL: Json = {
    "name": "skin",
    "pbrMetallicRoughness": {"baseColorFactor": [0.6, 0.42, 0.34, 1.0], "metallicFactor": 0.0, "roughnessFactor": 0.6},
    "doubleSided": True,
}


def _animate(builder: Builder, since: np.ndarray, start: float, weights: np.ndarray) -> None:
    sampler = {
        "input": builder.accessor(since, bounds=True),
        "output": builder.accessor(np.ascontiguousarray(weights).reshape(-1)),
        "interpolation": "LINEAR",
    }
    channel = {"sampler": 0, "target": {"node": 0, "path": "weights"}}
    # glTF times must not be negative, so the start of the sequence is stored in the extras.
    extras = {"mien": {"start": start}}
    builder.add("animations", {"name": "sequence", "samplers": [sampler], "channels": [channel], "extras": extras})


def _unit(normals: np.ndarray) -> np.ndarray:
    out = np.asarray(normals, np.float64).copy()
    out[np.abs(out).max(axis=1) == 0] = (0, 0, 1)
    return (out / np.linalg.norm(out, axis=1, keepdims=True)).astype(np.float32)


def read(path: Path) -> MeshSequence:
    """The first mesh whose morph weights are animated, with its node's transform applied, in mm.

    Only weights with linear interpolation are read (cubic and stepped ones by `Clip.load`). Raises MienError when there
    is no such mesh, or the file is damaged.
    """
    document = read_glb(path)
    for animation in document.items("animations"):
        for channel in _objects(animation.get("channels")):
            target = channel.get("target")
            if isinstance(target, dict) and cast(Json, target).get("path") == "weights":
                return _sequence(document, animation, channel, cast(Json, target))
    return document.fail("no mesh in it is animated by morph targets")


def _sequence(document: GltfDocument, animation: Json, channel: Json, target: Json) -> MeshSequence:
    samplers, at = _objects(animation.get("samplers")), channel.get("sampler")
    if not isinstance(at, int) or not 0 <= at < len(samplers):
        document.fail("damaged glTF, an animation channel has no sampler")
    sampler = samplers[at]
    if sampler.get("interpolation", "LINEAR") != "LINEAR":
        document.fail("its morph weights are not linear in time; load it as a Clip")
    node = document.item("nodes", target.get("node"))
    primitives = _objects(document.item("meshes", node.get("mesh")).get("primitives"))
    shared = {repr((p.get("attributes"), p.get("targets"))) for p in primitives}
    if len(shared) != 1:
        document.fail(f"the {len(primitives)} parts of its animated mesh share no vertices; load it as a Clip")
    base, shapes, triangles = _geometry(document, primitives)
    times = document.accessor(sampler.get("input"), kind="SCALAR").astype(np.float64)
    if (np.diff(times) <= 0).any():
        document.fail("damaged glTF, animation times do not increase")
    weights = document.accessor(sampler.get("output"), kind="SCALAR", count=len(times) * len(shapes))
    if len(times) * base.size > _LARGEST:
        document.fail("too many frames to hold in memory; split the sequence")
    vertices = base + np.tensordot(weights.reshape(len(times), len(shapes)), shapes, axes=1)
    world = document.world_matrices()[int(target["node"])]
    vertices = (vertices.astype(np.float64) @ world[:3, :3].T + world[:3, 3]) / float(_MM)
    extras = animation.get("extras")
    own = cast(Json, extras).get("mien") if isinstance(extras, dict) else None
    start = cast(Json, own).get("start", 0.0) if isinstance(own, dict) else 0.0
    start = float(document.numbers([start], 1, "extras.mien.start")[0])
    return MeshSequence(
        times=times + start, vertices=vertices.astype(np.float32), topology=Topology(triangles=triangles)
    )


def _geometry(document: GltfDocument, primitives: list[Json]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Base [V, 3], targets [K, V, 3], triangles, with vertices that mien's writer split at seams merged again."""
    attributes = primitives[0].get("attributes")
    attributes = cast(Json, attributes) if isinstance(attributes, dict) else {}
    base = document.accessor(attributes.get("POSITION"), kind="VEC3")
    targets = [
        document.accessor(t.get("POSITION"), kind="VEC3", count=len(base))
        for t in _objects(primitives[0].get("targets"))
    ]
    if not targets:
        document.fail("its animated mesh has no morph targets")
    corners = np.concatenate([_corners(document, primitive, len(base)) for primitive in primitives])
    shapes, triangles = np.stack(targets), corners.reshape(-1, 3)
    if SOURCE_VERTEX not in attributes:
        return base, shapes, triangles
    source = document.accessor(attributes[SOURCE_VERTEX], kind="SCALAR", count=len(base)).astype(np.int64)
    first = np.full(max(int(source.max()) + 1, 1), -1)
    if source.min() < 0 or len(first) > len(base):
        document.fail("damaged glTF, its split vertices do not belong to a mesh")
    first[source[::-1]] = np.arange(len(source))[::-1]
    if (first < 0).any():
        document.fail("damaged glTF, its split vertices do not belong to a mesh")
    return base[first], shapes[:, first], source[triangles]


def _corners(document: GltfDocument, primitive: Json, count: int) -> np.ndarray:
    """The vertex of each corner of a primitive's triangles."""
    corners = document.accessor(primitive["indices"], kind="SCALAR") if "indices" in primitive else np.arange(count)
    if primitive.get("mode", 4) != 4 or len(corners) % 3 or corners.dtype.kind not in "iu" or corners.max() >= count:
        document.fail("damaged glTF, its animated mesh is not made of triangles")
    return corners.astype(np.int64)


def _objects(value: Any) -> list[Json]:
    items = cast(list[Any], value) if isinstance(value, list) else []
    return [cast(Json, item) for item in items if isinstance(item, dict)]
