"""Primitives of a glTF scene, at the positions where a viewer shows them, before they are merged into a rig."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mien.core.mesh import Part
from mien.io.gltf.document import GltfDocument
from mien.io.gltf.rig import SOURCE_VERTEX
from mien.rigs.readers.gltf.looks import as_dict, part_of

__all__ = ["LIMIT", "ORDER", "Piece", "as_list", "check_claims", "pieces_of", "target_names"]

LIMIT = 2**30
"""Largest size of the shapes [S, V, 3] float32 [bytes]: 900 shapes of 100,000 vertices. Without a limit a small file
could state any number of empty targets, or show one mesh any number of times."""
_FARTHEST = 1e4
"""Coordinates beyond this [m] count as damage, because float32 would not resolve them in millimetres."""
ORDER = ("root", "neck", "head", "jaw", "eyeLeft", "eyeRight")
"""Joints that vertices are skinned to; "root" is for vertices that are bound to none of the others."""


@dataclass
class Piece:
    """One primitive (or several that share their vertices), in the scene's frame [m]."""

    positions: np.ndarray
    targets: dict[str, np.ndarray]
    """Shape name -> displacements [V, 3]."""
    joints: np.ndarray
    """Skinning weights on `ORDER`, [V, 6]."""
    uv: np.ndarray | None
    color: np.ndarray | None
    """Linear RGB [V, 3]."""
    source: np.ndarray | None
    """The rig's vertex that each vertex copies, in files that mien wrote."""
    runs: list[tuple[Part, np.ndarray]] = field(default_factory=list[tuple[Part, np.ndarray]])
    """Materials and their triangles."""


def pieces_of(document: GltfDocument, joints: dict[str, int], shapes: list[list[str]]) -> list[Piece]:
    """All primitives of the default scene in its axes [m]; `joints` maps mien's joints to nodes.

    `shapes` has the shape names of each mesh's targets; targets with the same name are summed.
    """
    world = document.world_matrices()
    owner = _owners(document, joints)
    out: list[Piece] = []
    for index in _scene_nodes(document):
        node = document.item("nodes", index)
        if "mesh" not in node:
            continue
        mesh = document.item("meshes", node["mesh"])
        names = shapes[node["mesh"]]
        shared: dict[str, Piece] = {}
        for primitive in _primitives(document, mesh):
            if primitive.get("mode", 4) != 4:  # points and lines are no surface, and strips are rare in faces
                continue
            attributes, targets = as_dict(primitive.get("attributes")), as_list(primitive.get("targets"))
            key = repr((sorted(attributes.items(), key=str), targets))
            if key not in shared:
                shared[key] = _piece(document, index, attributes, targets, names, world, owner)
                out.append(shared[key])
            piece = shared[key]
            piece.runs.append(
                (part_of(document, primitive, mesh, piece.uv is not None), _triangles(document, primitive, piece))
            )
    if not any(piece.runs for piece in out):
        document.fail("no triangles; a rig needs a mesh")
    return out


def check_claims(document: GltfDocument) -> None:
    """Refuse a scene whose vertices, shapes and triangles would be larger than `LIMIT`, judged by the JSON alone."""
    of_mesh = [
        sum(_claimed(document, primitive) for primitive in _primitives(document, mesh))
        for mesh in document.items("meshes")
    ]
    nodes = document.items("nodes")
    shown = [nodes[index]["mesh"] for index in _scene_nodes(document) if "mesh" in nodes[index]]
    total = sum(of_mesh[mesh] for mesh in shown if isinstance(mesh, int) and 0 <= mesh < len(of_mesh))
    if total > LIMIT:
        document.fail(f"its meshes need {total / 2**30:.3g} GiB, more than {LIMIT // 2**30}; reduce them")


def _claimed(document: GltfDocument, primitive: dict[str, Any]) -> int:
    """Size of a primitive's vertices, shapes and triangles [bytes], as its accessors state it."""
    accessors = document.items("accessors")

    def count(index: Any) -> int:
        found = accessors[index].get("count") if isinstance(index, int) and 0 <= index < len(accessors) else 0
        return max(found, 0) if isinstance(found, int) else 0

    moved = 1 + len(as_list(primitive.get("targets")))
    return 12 * moved * count(as_dict(primitive.get("attributes")).get("POSITION")) + 8 * count(
        primitive.get("indices")
    )


def _scene_nodes(document: GltfDocument) -> list[int]:
    """Nodes of the default scene in order; every node when there is no scene."""
    scenes = document.items("scenes")
    nodes = document.items("nodes")
    if not scenes:
        return list(range(len(nodes)))
    document.parents()  # refuses cycles, which would make the loop below endless
    scene = document.item("scenes", document.json.get("scene", 0))
    out: dict[int, None] = {}
    waiting = list(reversed(document.indices(scene.get("nodes", []), "nodes")))
    while waiting:
        index = waiting.pop()
        if index in out:
            document.fail(f"damaged glTF, the scene lists node {index} twice")
        out[index] = None
        waiting += reversed(document.indices(nodes[index].get("children", []), "nodes"))
    return list(out)


def _piece(
    document: GltfDocument,
    node: int,
    attributes: dict[str, Any],
    targets: list[Any],
    names: list[str],
    world: np.ndarray,
    owner: np.ndarray,
) -> Piece:
    positions = document.accessor(attributes.get("POSITION"), kind="VEC3").astype(np.float32)
    count = len(positions)
    matrices, joints = _placement(document, node, attributes, count, world, owner)
    moved = np.einsum("vij,vj->vi", matrices[:, :3, :3], positions) + matrices[:, :3, 3]
    _check_size(document, moved, "vertex")
    deltas: dict[str, np.ndarray] = {}
    for name, target in zip(names, targets, strict=False):
        accessor = as_dict(target).get("POSITION")
        if accessor is None:
            continue
        shift = document.accessor(accessor, kind="VEC3", count=count).astype(np.float32)
        turned = np.einsum("vij,vj->vi", matrices[:, :3, :3], shift)
        _check_size(document, turned, "morph target")
        turned = turned.astype(np.float32)
        deltas[name] = deltas[name] + turned if name in deltas else turned
    uv = color = source = None
    if "TEXCOORD_0" in attributes:
        uv = document.accessor(attributes["TEXCOORD_0"], kind="VEC2", count=count)
    if "COLOR_0" in attributes:
        color = document.accessor(attributes["COLOR_0"], count=count)
        if color.ndim != 2 or color.shape[1] < 3:
            document.fail("COLOR_0 is not VEC3 or VEC4")
        color = color[:, :3]
    if SOURCE_VERTEX in attributes:
        source = document.accessor(attributes[SOURCE_VERTEX], kind="SCALAR", count=count)
    return Piece(moved.astype(np.float32), deltas, joints, uv, color, source)


def _check_size(document: GltfDocument, values: np.ndarray, what: str) -> None:
    if np.abs(values).max() > _FARTHEST:
        document.fail(f"a {what} is farther away than {_FARTHEST:.0f} m; the file is damaged")


def _placement(
    document: GltfDocument,
    node: int,
    attributes: dict[str, Any],
    count: int,
    world: np.ndarray,
    owner: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """(world_from_vertex [V, 4, 4] at the bind pose, skinning weights on `ORDER` [V, 6])."""
    item = document.item("nodes", node)
    weights = np.zeros((count, len(ORDER)), np.float32)
    if "skin" not in item or "JOINTS_0" not in attributes:
        weights[:, owner[node]] = 1
        return np.broadcast_to(world[node], (count, 4, 4)), weights
    skin = document.item("skins", item["skin"])
    bones = document.indices(skin.get("joints"), "nodes")
    bind = np.tile(np.eye(4), (len(bones), 1, 1))
    if "inverseBindMatrices" in skin:
        bind = document.accessor(skin["inverseBindMatrices"], kind="MAT4", count=len(bones)).astype(np.float64)
    matrices = world[bones] @ bind
    blended, total = np.zeros((count, 4, 4)), np.zeros(count)
    for index in range(8):
        if f"JOINTS_{index}" not in attributes:
            break
        which = document.accessor(attributes[f"JOINTS_{index}"], kind="VEC4", count=count)
        share = document.accessor(attributes.get(f"WEIGHTS_{index}"), kind="VEC4", count=count).astype(np.float64)
        if which.dtype.kind != "u" or which.max() >= len(bones):
            document.fail(f"JOINTS_{index} names joints beyond the skin's {len(bones)}")
        for k in range(4):
            blended += share[:, k, None, None] * matrices[which[:, k]]
            np.add.at(weights, (np.arange(count), owner[bones][which[:, k]]), share[:, k])
        total += share.sum(axis=1)
    loose = total <= 1e-6  # a vertex without skinning weights follows its mesh's node
    blended[loose], weights[loose, owner[node]] = world[node], 1
    total[loose] = 1
    return blended / total[:, None, None], (weights / total[:, None]).astype(np.float32)


def _owners(document: GltfDocument, found: dict[str, int]) -> np.ndarray:
    """For every node the index in `ORDER` of its nearest ancestor, or itself, that is one of mien's joints."""
    parents = document.parents()
    owner = np.full(len(document.items("nodes")), -1)
    for name, node in found.items():
        owner[node] = ORDER.index(name)
    for index in range(len(owner)):
        chain: list[int] = []
        node: int | None = index
        while node is not None and owner[node] < 0:
            chain.append(node)
            node = parents.get(node)
        owner[chain] = 0 if node is None else owner[node]
    return owner


def _triangles(document: GltfDocument, primitive: dict[str, Any], piece: Piece) -> np.ndarray:
    count = len(piece.positions)
    if "indices" in primitive:
        corners = document.accessor(primitive["indices"], kind="SCALAR").astype(np.int64)
    else:
        corners = np.arange(count)
    if len(corners) % 3 or corners.max() >= count:
        document.fail(f"triangle indices do not fit the {count} vertices")
    return corners.reshape(-1, 3)


def _primitives(document: GltfDocument, mesh: dict[str, Any]) -> list[dict[str, Any]]:
    primitives = mesh.get("primitives")
    if not isinstance(primitives, list) or not all(isinstance(p, dict) for p in primitives):
        document.fail("damaged glTF, a mesh has no primitives")
    return primitives


def target_names(document: GltfDocument, mesh: dict[str, Any]) -> list[str]:
    """Raw names of a mesh's morph targets; `morph_0`... when the file names none."""
    primitives = _primitives(document, mesh)
    count = max((len(as_list(p.get("targets"))) for p in primitives), default=0)
    names = document.target_names(mesh, count)
    if names is not None:
        return names
    return [f"morph_{i}" for i in range(count)]


def as_list(value: Any) -> list[Any]:
    """`value` if it is a JSON list, else an empty one."""
    return value if isinstance(value, list) else []
