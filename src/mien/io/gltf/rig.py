"""A rig as glTF: mesh with sparse morph targets, materials, vertex colours, joints and skin.

Units become metres; the axes of glTF and mien agree (right-handed, +Y up, face along +Z). The nodes are an armature
root, named after the rig, that holds the joints, and beside it the skinned mesh node, because a skinned node ignores
its place in the hierarchy. A rig without skinning weights has its mesh node below the head joint instead, so that the
head still turns.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mien import __version__
from mien.core.mesh import Part, Topology, vertex_normals
from mien.core.rig import Rig
from mien.io.gltf.builder import ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER, Builder
from mien.io.gltf.correctives import corrective_extras

__all__ = [
    "SOURCE_VERTEX",
    "RigNodes",
    "add_rig",
    "add_textures",
    "linear_from_srgb",
    "material",
    "split_seams",
    "srgb_from_linear",
    "write_rig",
]

MM = np.float32(1e-3)
"""Metres per millimetre."""
STILL = 1e-4
"""Displacements of at most this [mm] count as zero: a tenth of a micrometre, the float32 step of a position 1 m from
the origin. Scans have such noise on every vertex; leaving it out saves a quarter of ICT-FaceKit's file."""
SOURCE_VERTEX = "_SOURCE_VERTEX"
"""Vertex attribute of a mesh that is split at texture seams: the index of the rig's vertex that each vertex copies."""


@dataclass
class RigNodes:
    """Indices of the glTF objects that `add_rig` added."""

    mesh_node: int
    root: int
    """The armature root, or the mesh node when the rig has no joints."""
    joints: dict[str, int] = field(default_factory=dict[str, int])


def write_rig(rig: Rig, path: Path, *, morph_normals: bool = False) -> None:
    """Write `rig` at rest as .glb; `morph_normals` adds normal displacements (about twice the size)."""
    builder = Builder(f"mien {__version__}", rig.licence)
    add_rig(builder, rig, morph_normals=morph_normals)
    builder.write(path)


def add_rig(builder: Builder, rig: Rig, *, morph_normals: bool = False) -> RigNodes:
    """Add mesh, materials, joints and scene for `rig`."""
    source, triangles, uv = split_seams(rig.neutral.topology, len(rig.neutral.vertices))
    mesh = builder.add("meshes", _mesh(builder, rig, source, triangles, uv, morph_normals))
    node: dict[str, Any] = {"mesh": mesh, "name": f"{rig.name}_mesh"}
    mesh_node = builder.add("nodes", node)
    if not rig.joints:
        builder.add("scenes", {"nodes": [mesh_node]})
        builder.json["scene"] = 0
        return RigNodes(mesh_node, mesh_node)
    joints = _joints(builder, rig)
    tops = [joints[joint.name] for joint in rig.joints if joint.parent is None]
    root = builder.add("nodes", {"name": rig.name, "children": tops})
    if rig.joint_weights is not None:
        node["skin"] = _skin(builder, rig, joints)
    elif "head" in joints:
        head = next(joint for joint in rig.joints if joint.name == "head")
        builder.json["nodes"][joints["head"]].setdefault("children", []).append(mesh_node)
        node["translation"] = [-float(x) * float(MM) for x in head.position]
    unparented = rig.joint_weights is not None or "head" not in joints
    builder.add("scenes", {"nodes": [root, mesh_node] if unparented else [root]})
    builder.json["scene"] = 0
    return RigNodes(mesh_node, root, joints)


def split_seams(topology: Topology, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """(rig vertex of each written vertex, triangles on them, texture coordinates per written vertex).

    Vertices keep the rig's order and count unless texture coordinates differ between the corners that share them.
    """
    if topology.uv is None or topology.uv_triangles is None:
        return np.arange(count), topology.triangles, topology.uv
    corners = np.stack([topology.triangles.reshape(-1), topology.uv_triangles.reshape(-1)], axis=1).astype(np.int64)
    pairs, inverse = np.unique(corners, axis=0, return_inverse=True)
    # Vertices that belong to no triangle are kept, so that the index map covers the whole rig.
    lonely = np.setdiff1d(np.arange(count), pairs[:, 0])
    source = np.concatenate([pairs[:, 0], lonely])
    uv = np.concatenate([topology.uv[pairs[:, 1]], np.zeros((len(lonely), 2), topology.uv.dtype)])
    return source, inverse.reshape(-1, 3), uv


def _mesh(
    builder: Builder, rig: Rig, source: np.ndarray, triangles: np.ndarray, uv: np.ndarray | None, morph_normals: bool
) -> dict[str, Any]:
    vertices, topology = rig.neutral.vertices, rig.neutral.topology
    normals = vertex_normals(vertices, topology.triangles)

    def attribute(values: np.ndarray, kind: str = "f4", bounds: bool = False) -> int:
        return builder.accessor(np.asarray(values[source], np.dtype(kind)), target=ARRAY_BUFFER, bounds=bounds)

    attributes = {
        "POSITION": attribute(vertices * MM, bounds=True),
        "NORMAL": attribute(_unit(normals)),
    }
    if uv is not None:
        flipped = np.stack([uv[:, 0], 1 - uv[:, 1]], axis=1).astype(np.float32)  # glTF's v grows downwards
        attributes["TEXCOORD_0"] = builder.accessor(flipped, target=ARRAY_BUFFER)
    if rig.colors is not None:
        attributes["COLOR_0"] = attribute(linear_from_srgb(rig.colors))
    if rig.joint_weights is not None:
        influences, weights = _influences(rig.joint_weights)
        attributes["JOINTS_0"] = attribute(influences, "u1")
        attributes["WEIGHTS_0"] = attribute(weights)
    if len(source) != len(vertices):
        # glTF forbids uint32 attributes; float32 is exact up to 2^24 vertices.
        attributes[SOURCE_VERTEX] = attribute(np.arange(len(vertices)))
    every = [*rig.shapes, *(rig.corrective_shapes if rig.corrective_shapes is not None else ())]
    targets = [_target(builder, rig, shape, normals, source, morph_normals) for shape in every]
    parts = topology.parts or (Part(name=rig.name, start=0, stop=len(triangles)),)
    textures = add_textures(builder, topology)
    index_type = np.uint16 if len(source) <= 0xFFFF else np.uint32  # index 0xFFFF is reserved to restart strips
    primitives: list[dict[str, Any]] = []
    for part in parts:
        if part.stop <= part.start:
            continue
        corners = triangles[part.start : part.stop].reshape(-1).astype(index_type)
        primitive: dict[str, Any] = {
            "attributes": attributes,
            "indices": builder.accessor(corners, target=ELEMENT_ARRAY_BUFFER),
            "material": builder.add("materials", material(part, topology, textures)),
        }
        primitives.append(primitive | ({"targets": targets} if targets else {}))
    mesh: dict[str, Any] = {"name": rig.name, "primitives": primitives}
    names = [*rig.shape_names, *(corrective.name for corrective in rig.correctives)]
    return mesh | ({"extras": {"targetNames": names, **corrective_extras(rig)}} if targets else {})


def _target(
    builder: Builder, rig: Rig, shape: np.ndarray, normals: np.ndarray, source: np.ndarray, morph_normals: bool
) -> dict[str, int]:
    moving = np.abs(shape).max(axis=1) > STILL
    target = {"POSITION": builder.sparse((shape * MM)[source].astype(np.float32), moving[source])}
    if morph_normals:
        moved = vertex_normals(rig.neutral.vertices + shape, rig.neutral.topology.triangles)
        turn = np.where((moved != 0).any(axis=1, keepdims=True), moved - normals, 0).astype(np.float32)
        target["NORMAL"] = builder.sparse(turn[source], (np.abs(turn).max(axis=1) > 1e-6)[source])
    return target


def add_textures(builder: Builder, topology: Topology) -> dict[str, int]:
    """Add the textures that parts show; returns their names and indices."""
    names = dict.fromkeys(part.texture for part in topology.parts if part.texture)
    return {name: builder.picture(name, topology.textures[name]) for name in names}


def material(part: Part, topology: Topology, textures: dict[str, int]) -> dict[str, Any]:
    """The material of a part; `textures` are the indices that `add_textures` returned."""
    red, green, blue = linear_from_srgb(np.array(part.color)).tolist()
    surface: dict[str, Any] = {
        "baseColorFactor": [red, green, blue, float(part.opacity)],
        "metallicFactor": 0.0,
        "roughnessFactor": float(part.roughness),
    }
    cut = False
    if part.texture:
        surface["baseColorTexture"] = {"index": textures[part.texture]}
        picture = topology.textures[part.texture]
        cut = picture.shape[2] == 4 and bool(picture[..., 3].min() < 255)
    out: dict[str, Any] = {"name": part.name, "pbrMetallicRoughness": surface, "doubleSided": part.two_sided}
    if part.opacity < 1:
        return out | {"alphaMode": "BLEND"}
    return out | ({"alphaMode": "MASK"} if cut else {})  # needs no sorting, as hair that blends would


def _joints(builder: Builder, rig: Rig) -> dict[str, int]:
    at = {joint.name: np.asarray(joint.position, float) for joint in rig.joints}
    nodes: dict[str, int] = {}
    for joint in rig.joints:
        origin = at[joint.parent] if joint.parent is not None else np.zeros(3)
        offset = (at[joint.name] - origin) * float(MM)
        nodes[joint.name] = builder.add("nodes", {"name": joint.name, "translation": offset.tolist()})
    for joint in rig.joints:
        if joint.parent is not None:
            builder.json["nodes"][nodes[joint.parent]].setdefault("children", []).append(nodes[joint.name])
    return nodes


def _skin(builder: Builder, rig: Rig, joints: dict[str, int]) -> int:
    inverse = np.tile(np.eye(4, dtype=np.float32), (len(rig.joints), 1, 1))
    for j, joint in enumerate(rig.joints):
        inverse[j, 3, :3] = -np.asarray(joint.position) * float(MM)  # column-major: the translation is the last row
    return builder.add(
        "skins",
        {
            "name": rig.name,
            "joints": [joints[joint.name] for joint in rig.joints],
            "inverseBindMatrices": builder.accessor(inverse),
        },
    )


def _influences(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The four strongest joints per vertex and their weights, which sum to 1 in float32."""
    strongest = np.argsort(-weights, axis=1, kind="stable")[:, :4]
    picked = np.zeros((len(weights), 4), np.float64)
    joints = np.zeros((len(weights), 4), np.uint8)
    picked[:, : strongest.shape[1]] = np.take_along_axis(weights, strongest, axis=1)
    joints[:, : strongest.shape[1]] = strongest
    picked = np.where(picked > 1e-6, picked, 0)
    total = picked.sum(axis=1, keepdims=True)
    picked[total[:, 0] <= 0] = (1, 0, 0, 0)
    out = (picked / np.where(total > 0, total, 1)).astype(np.float32)
    out[:, 0] = 1 - out[:, 1:].sum(axis=1)
    return np.where(out > 0, joints, 0).astype(np.uint8), out


def _unit(normals: np.ndarray) -> np.ndarray:
    """Normals with the zero ones (vertices of no triangle) replaced by +Z, because glTF demands unit length."""
    zero = ~(np.abs(normals) > 0).any(axis=1)
    out = normals.astype(np.float64)
    out[zero] = (0, 0, 1)
    return out / np.linalg.norm(out, axis=1, keepdims=True)


def linear_from_srgb(color: np.ndarray) -> np.ndarray:
    """Linear light from sRGB, both in [0, 1] (IEC 61966-2-1)."""
    color = np.clip(np.asarray(color, np.float64), 0, 1)
    return np.where(color <= 0.04045, color / 12.92, ((color + 0.055) / 1.055) ** 2.4)


def srgb_from_linear(color: np.ndarray) -> np.ndarray:
    """sRGB from linear light, both in [0, 1]; the inverse of `linear_from_srgb`."""
    color = np.clip(np.asarray(color, np.float64), 0, 1)
    return np.where(color <= 0.0031308, color * 12.92, 1.055 * color ** (1 / 2.4) - 0.055)
