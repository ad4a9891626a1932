"""MeshSequence as .glb: the first frame, as few morph targets as reproduce every frame, and their weights over time.

The targets are principal components of the sequence about its first frame (Alexa & Mueller 2000, "Representing
Animations by Principal Components"), as many as leave no vertex of any frame farther than `ERROR_MM` from where it was.
Normals have targets too, fitted by least squares to the same weights, so that the light moves with the skin.
"""

from pathlib import Path
from typing import Any, cast

import numpy as np
from jaxtyping import Float

from mien import __version__
from mien.core.errors import MienError
from mien.core.mesh import MeshSequence, Topology, vertex_normals
from mien.io.gltf.builder import ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER, Builder
from mien.io.gltf.document import GltfDocument, read_glb

__all__ = ["ERROR_MM", "morph_basis", "read", "write"]

ERROR_MM = 0.02
"""Largest distance of a vertex from its place, over all frames [mm]: a fifth of a hair."""
_MM = np.float32(1e-3)
"""Metres per millimetre."""
_LARGEST = 2**31
"""Numbers of a sequence read at once."""

Json = dict[str, Any]


def morph_basis(
    moved: Float[np.ndarray, "T V 3"], error: float
) -> tuple[Float[np.ndarray, "T K"], Float[np.ndarray, "K V 3"]]:
    """Weights and targets, the fewest whose products leave no vertex farther than `error` from `moved`.

    Each target is scaled so that its weight is 1 at most.
    """
    flat = moved.reshape(len(moved), -1).astype(np.float64)
    values, vectors = np.linalg.eigh(flat @ flat.T)  # frames are fewer than coordinates
    order = np.argsort(values)[::-1]
    order = order[values[order] > max(float(values.max(initial=0.0)), 1e-12) * 1e-14]
    weights = vectors[:, order]
    low, high = 0, len(order)
    while low < high:
        middle = (low + high) // 2
        if _farthest(flat, weights[:, :middle]) <= 0.9 * error:  # float32 takes the rest
            high = middle
        else:
            low = middle + 1
    kept = weights[:, :low]
    scale = np.maximum(np.abs(kept).max(axis=0, initial=0.0), 1e-12)
    targets = (kept * scale).T @ flat
    return (kept / scale).astype(np.float32), targets.reshape(low, *moved.shape[1:]).astype(np.float32)


def _farthest(flat: np.ndarray, weights: np.ndarray) -> float:
    left = (flat - weights @ (weights.T @ flat)).reshape(-1, 3)
    return float(np.sqrt((left**2).sum(axis=1).max(initial=0.0)))


def write(sequence: MeshSequence, path: Path, *, error_mm: float = ERROR_MM) -> None:
    """Write `sequence`; raises MienError when it is empty, has positions that are no numbers, or cannot be written."""
    times, vertices = np.asarray(sequence.times, np.float64), np.asarray(sequence.vertices, np.float32)
    triangles = sequence.topology.triangles
    if not len(times) or not np.isfinite(vertices).all() or not len(triangles):
        raise MienError(
            f"cannot write {path}: the sequence has no frames, no triangles, or positions that are no numbers"
        )
    weights, targets = morph_basis(vertices - vertices[0], error_mm)
    if not len(targets):  # nothing moves: one target that does nothing keeps the times
        weights, targets = np.zeros((len(times), 1), np.float32), np.zeros_like(vertices[:1])
    builder = Builder(f"mien {__version__}")
    normals = _unit(vertex_normals(vertices[0], triangles))
    index_type = np.uint16 if vertices.shape[1] <= 0xFFFF else np.uint32
    primitive: Json = {
        "attributes": {
            "POSITION": builder.accessor(vertices[0] * _MM, target=ARRAY_BUFFER, bounds=True),
            "NORMAL": builder.accessor(normals, target=ARRAY_BUFFER),
        },
        "indices": builder.accessor(triangles.reshape(-1).astype(index_type), target=ELEMENT_ARRAY_BUFFER),
        "material": builder.add("materials", _MATERIAL),
    }
    mesh: Json = {"name": path.stem, "primitives": [primitive]}
    node = {"mesh": builder.add("meshes", mesh), "name": path.stem}
    builder.add("scenes", {"nodes": [builder.add("nodes", node)]})
    builder.json["scene"] = 0
    turned = np.stack([_unit(vertex_normals(frame, triangles)) - normals for frame in vertices])
    turns = np.linalg.pinv(weights.astype(np.float64)) @ turned.reshape(len(turned), -1)
    primitive["targets"] = [
        {"POSITION": builder.accessor(target * _MM, bounds=True), "NORMAL": builder.accessor(turn)}
        for target, turn in zip(targets, turns.reshape(targets.shape).astype(np.float32), strict=True)
    ]
    mesh["weights"] = [0.0] * len(targets)
    mesh["extras"] = {"targetNames": [f"component{k}" for k in range(len(targets))]}
    _animate(builder, times, weights)
    builder.write(path)


_MATERIAL: Json = {
    "name": "skin",
    "pbrMetallicRoughness": {"baseColorFactor": [0.6, 0.42, 0.34, 1.0], "metallicFactor": 0.0, "roughnessFactor": 0.6},
    "doubleSided": True,
}


def _animate(builder: Builder, times: np.ndarray, weights: np.ndarray) -> None:
    since = (times - times[0]).astype(np.float32)
    if (np.diff(since) <= 0).any():
        raise MienError("frames lie too close together for float32 seconds; write .npz instead")
    sampler = {
        "input": builder.accessor(since, bounds=True),
        "output": builder.accessor(np.ascontiguousarray(weights).reshape(-1)),
        "interpolation": "LINEAR",
    }
    channel = {"sampler": 0, "target": {"node": 0, "path": "weights"}}
    # glTF times start at 0 or later; where the sequence began is ours to remember.
    extras = {"mien": {"start": float(times[0])}}
    builder.add("animations", {"name": "sequence", "samplers": [sampler], "channels": [channel], "extras": extras})


def _unit(normals: np.ndarray) -> np.ndarray:
    out = np.asarray(normals, np.float64).copy()
    out[np.abs(out).max(axis=1) == 0] = (0, 0, 1)
    return (out / np.linalg.norm(out, axis=1, keepdims=True)).astype(np.float32)


def read(path: Path) -> MeshSequence:
    """The first mesh whose morph weights are animated, in its own coordinates times its node's transform, in mm.

    Linear weights only (cubic and stepped ones are a clip's: `Clip.load`). Raises MienError when there is none or the
    file is damaged.
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
    if len(primitives) != 1:
        document.fail(f"its animated mesh has {len(primitives)} primitives; a sequence has one, load it as a Clip")
    base, shapes, triangles = _geometry(document, primitives[0])
    times = document.accessor(sampler.get("input"), kind="SCALAR").astype(np.float64)
    if (np.diff(times) <= 0).any():
        document.fail("damaged glTF, animation times do not grow")
    weights = document.accessor(sampler.get("output"), kind="SCALAR", count=len(times) * len(shapes))
    if len(times) * base.size > _LARGEST:
        document.fail("too many frames to hold at once")
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


def _geometry(document: GltfDocument, primitive: Json) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Base [V, 3], targets [K, V, 3], triangles."""
    attributes = primitive.get("attributes")
    attributes = cast(Json, attributes) if isinstance(attributes, dict) else {}
    base = document.accessor(attributes.get("POSITION"), kind="VEC3")
    targets = [
        document.accessor(t.get("POSITION"), kind="VEC3", count=len(base)) for t in _objects(primitive.get("targets"))
    ]
    if not targets:
        document.fail("its animated mesh has no morph targets")
    corners = document.accessor(primitive["indices"], kind="SCALAR") if "indices" in primitive else np.arange(len(base))
    if (
        primitive.get("mode", 4) != 4
        or len(corners) % 3
        or corners.dtype.kind not in "iu"
        or corners.max() >= len(base)
    ):
        document.fail("damaged glTF, its animated mesh is not made of triangles")
    return base, np.stack(targets), corners.reshape(-1, 3).astype(np.int64)


def _objects(value: Any) -> list[Json]:
    items = cast(list[Any], value) if isinstance(value, list) else []
    return [cast(Json, item) for item in items if isinstance(item, dict)]
