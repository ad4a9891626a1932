"""Any glTF or VRM whose morph targets carry ARKit names, as a `Rig`.

All meshes of the scene are merged, also those without morph targets (hair, teeth, body). Node transforms and the
skin's bind pose are applied, so that vertices stand where a viewer shows them, and metres become millimetres. glTF
and VRM 1.0 face +Z like mien; VRM 0.x faces -Z and is turned, as is any file whose left eye joint lies at smaller X
than its right one. The file's origin is kept (at the feet of most bodies).

Joints are those of `mien.rigs.joints`; every other bone's influence goes to its nearest ancestor among them, and what
hangs on none goes to a joint "root". Vertex group "head": what the head, jaw or eyes carry, or any ARKit shape moves.
Textures and default morph weights are ignored. Landmarks are not known.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mien.core.channels import ARKIT
from mien.core.mesh import Mesh, Part, Topology
from mien.core.rig import Joint, Rig
from mien.io.gltf.document import GltfDocument, read_glb
from mien.io.gltf.rig import SOURCE_VERTEX, srgb_from_linear
from mien.rigs.joints import PARENTS, find_joints
from mien.rigs.names import NameReport, normalise
from mien.rigs.vrm import expressions

__all__ = ["load_glb", "name_report"]

LIMIT = 4 * 2**30
"""Most bytes the shapes may take [S, V, 3] float32; a small file can claim any number of empty targets."""
_FARTHEST = 1e4
"""Coordinates [m] beyond this are damage, and would not survive float32 in millimetres."""
_ORDER = ("root", "neck", "head", "jaw", "eyeLeft", "eyeRight")
_ON_HEAD = ("head", "jaw", "eyeLeft", "eyeRight")
_EYE_TURN = 0.5
"""Mean displacement [mm] of an eye joint's vertices by the eyeLook shapes above which the shapes turn the eye."""


@dataclass
class _Piece:
    """One primitive (or several that share their vertices), in the scene's frame [m]."""

    positions: np.ndarray
    targets: dict[str, np.ndarray]
    """Raw target name -> displacements [V, 3]."""
    joints: np.ndarray
    """Weights on `_ORDER`, [V, 6]."""
    uv: np.ndarray | None
    color: np.ndarray | None
    """Linear RGB [V, 3]."""
    source: np.ndarray | None
    """Rig vertex each vertex copies, in files that mien wrote."""
    runs: list[tuple[Part, np.ndarray]] = field(default_factory=list[tuple[Part, np.ndarray]])
    """Materials and their triangles."""


def load_glb(path: str | Path) -> Rig:
    """Load a .glb, .vrm or .gltf as a rig.

    Raises:
        MienError: not readable, no mesh, no morph targets, or none that carries an ARKit name.
    """
    document = read_glb(path)
    pieces, found = _pieces(document), find_joints(document)
    raw = list(dict.fromkeys(name for piece in pieces for name in piece.targets))
    if not raw:
        document.fail("no morph targets, so this face cannot move; export it with its blendshapes")
    report = normalise(raw)
    if not report.arkit:
        document.fail(f"none of its {len(raw)} morph targets has an ARKit name (the first is '{raw[0]}'); rename them")
    return _assemble(document, pieces, report, found)


def name_report(path: str | Path) -> NameReport:
    """How the shape names of a file are understood; raises MienError when it is not readable."""
    document = read_glb(path)
    return normalise([name for mesh in document.items("meshes") for name in _target_names(document, mesh)])


def _target_names(document: GltfDocument, mesh: dict[str, Any]) -> list[str]:
    primitives = _primitives(document, mesh)
    count = max((len(_list(p.get("targets"))) for p in primitives), default=0)
    names = document.target_names(mesh, count)
    if names is not None:
        return names
    return [f"morph_{i}" for i in range(count)]


def _primitives(document: GltfDocument, mesh: dict[str, Any]) -> list[dict[str, Any]]:
    primitives = mesh.get("primitives")
    if not isinstance(primitives, list) or not all(isinstance(p, dict) for p in primitives):
        document.fail("damaged glTF, a mesh has no primitives")
    return primitives


def _pieces(document: GltfDocument) -> list[_Piece]:
    world = document.world_matrices()
    owner = _owners(document, find_joints(document))
    out: list[_Piece] = []
    for index in _scene_nodes(document):
        node = document.item("nodes", index)
        if "mesh" not in node:
            continue
        mesh = document.item("meshes", node["mesh"])
        names = _target_names(document, mesh)
        shared: dict[str, _Piece] = {}
        for primitive in _primitives(document, mesh):
            if primitive.get("mode", 4) != 4:  # points and lines are no surface; strips are rare in faces
                continue
            attributes, targets = _dict(primitive.get("attributes")), _list(primitive.get("targets"))
            key = repr((sorted(attributes.items(), key=str), targets))
            if key not in shared:
                shared[key] = _piece(document, index, attributes, targets, names, world, owner)
                out.append(shared[key])
            piece = shared[key]
            piece.runs.append((_part(document, primitive, mesh), _triangles(document, primitive, piece)))
    if not any(piece.runs for piece in out):
        document.fail("no triangles; a rig needs a mesh")
    return out


def _scene_nodes(document: GltfDocument) -> list[int]:
    """Nodes of the default scene in order; every node when there is no scene."""
    scenes = document.items("scenes")
    nodes = document.items("nodes")
    if not scenes:
        return list(range(len(nodes)))
    document.parents()  # refuses cycles before we walk
    scene = document.item("scenes", document.json.get("scene", 0))
    out: list[int] = []
    waiting = list(reversed(document.indices(scene.get("nodes", []), "nodes")))
    while waiting:
        index = waiting.pop()
        out.append(index)
        if len(out) > len(nodes):
            document.fail("damaged glTF, a scene lists a node twice")
        waiting += reversed(document.indices(nodes[index].get("children", []), "nodes"))
    return out


def _piece(
    document: GltfDocument,
    node: int,
    attributes: dict[str, Any],
    targets: list[Any],
    names: list[str],
    world: np.ndarray,
    owner: np.ndarray,
) -> _Piece:
    positions = document.accessor(attributes.get("POSITION"), kind="VEC3").astype(np.float32)
    count = len(positions)
    if len(targets) * count * 12 > LIMIT:
        document.fail(f"{len(targets)} morph targets of {count} vertices are too many; reduce the mesh")
    matrices, joints = _placement(document, node, attributes, count, world, owner)
    moved = np.einsum("vij,vj->vi", matrices[:, :3, :3], positions) + matrices[:, :3, 3]
    _check_size(document, moved, "vertex")
    deltas: dict[str, np.ndarray] = {}
    for name, target in zip(names, targets, strict=False):
        accessor = _dict(target).get("POSITION")
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
    return _Piece(moved.astype(np.float32), deltas, joints, uv, color, source)


def _check_size(document: GltfDocument, values: np.ndarray, what: str) -> None:
    if np.abs(values).max() > _FARTHEST:
        document.fail(f"a {what} reaches farther than {_FARTHEST:.0f} m; the file is damaged")


def _placement(
    document: GltfDocument,
    node: int,
    attributes: dict[str, Any],
    count: int,
    world: np.ndarray,
    owner: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """(world_from_vertex [V, 4, 4] at bind pose, weights on `_ORDER` [V, 6])."""
    item = document.item("nodes", node)
    weights = np.zeros((count, len(_ORDER)), np.float32)
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
    loose = total <= 1e-6  # a vertex without weights stays where its node puts it
    blended[loose], weights[loose, owner[node]] = world[node], 1
    total[loose] = 1
    return blended / total[:, None, None], (weights / total[:, None]).astype(np.float32)


def _owners(document: GltfDocument, found: dict[str, int]) -> np.ndarray:
    """For every node the place in `_ORDER` of its nearest ancestor (or itself) that is a joint of ours."""
    parents = document.parents()
    owner = np.full(len(document.items("nodes")), -1)
    for name, node in found.items():
        owner[node] = _ORDER.index(name)
    for index in range(len(owner)):
        chain: list[int] = []
        node: int | None = index
        while node is not None and owner[node] < 0:
            chain.append(node)
            node = parents.get(node)
        owner[chain] = 0 if node is None else owner[node]
    return owner


def _triangles(document: GltfDocument, primitive: dict[str, Any], piece: _Piece) -> np.ndarray:
    count = len(piece.positions)
    if "indices" in primitive:
        corners = document.accessor(primitive["indices"], kind="SCALAR").astype(np.int64)
    else:
        corners = np.arange(count)
    if len(corners) % 3 or corners.max() >= count:
        document.fail(f"triangle indices do not fit the {count} vertices")
    return corners.reshape(-1, 3)


def _part(document: GltfDocument, primitive: dict[str, Any], mesh: dict[str, Any]) -> Part:
    name = str(mesh.get("name", "mesh"))
    if "material" not in primitive:
        return Part(name=name, start=0, stop=0)
    material = document.item("materials", primitive["material"])
    surface = _dict(material.get("pbrMetallicRoughness"))
    color = document.numbers(surface.get("baseColorFactor", [1, 1, 1, 1]), 4, "baseColorFactor")[:3]
    red, green, blue = srgb_from_linear(color).tolist()
    rough = document.numbers([surface.get("roughnessFactor", 1.0)], 1, "roughnessFactor")[0]
    return Part(
        name=str(material.get("name", name)),
        start=0,
        stop=0,
        color=(red, green, blue),
        roughness=float(np.clip(rough, 0, 1)),
    )


def _assemble(document: GltfDocument, pieces: list[_Piece], report: NameReport, found: dict[str, int]) -> Rig:
    pieces = [_merged_seams(document, piece) for piece in pieces]
    starts = np.cumsum([0, *(len(piece.positions) for piece in pieces)])
    vertices = np.concatenate([piece.positions for piece in pieces]) * np.float32(1000)
    names = tuple(dict.fromkeys(report.names[name] for piece in pieces for name in piece.targets))
    if len(names) * len(vertices) * 12 > LIMIT:
        document.fail(f"{len(names)} morph targets of {len(vertices)} vertices are too many; reduce the mesh")
    shapes = np.zeros((len(names), len(vertices), 3), np.float32)
    for piece, start in zip(pieces, starts, strict=False):
        for raw, shift in piece.targets.items():
            shapes[names.index(report.names[raw]), start : start + len(shift)] += shift * np.float32(1000)
    names, shapes = expressions(document, names, shapes, {name: report.names[name] for name in report.names})
    joints, weights = _joints(document, pieces, found)
    if _faces_away(document, joints):
        turn = np.array([-1, 1, -1], np.float32)  # half a turn about Y
        vertices, shapes = vertices * turn, shapes * turn
        joints = tuple(
            Joint(name=j.name, position=(-j.position[0], j.position[1], -j.position[2]), parent=j.parent)
            for j in joints
        )
    weights = _without_turned_eyes(names, shapes, joints, weights)
    topology = _topology(pieces, starts, _head(names, shapes, joints, weights))
    return Rig(
        name=document.path.stem,
        neutral=Mesh(vertices=vertices, topology=topology),
        shape_names=names,
        shapes=shapes,
        joints=joints,
        joint_weights=weights if joints else None,
        colors=_colors(pieces),
        licence=_licence(document),
    )


def _merged_seams(document: GltfDocument, piece: _Piece) -> _Piece:
    """Undo the splitting at texture seams that mien's writer did; other files are left as they are."""
    if piece.source is None:
        return piece
    source = piece.source.astype(np.int64)
    count = int(source.max()) + 1
    if (source < 0).any() or (source != piece.source).any() or len(np.unique(source)) != count:
        return piece
    first = np.full(count, -1)
    first[source[::-1]] = np.arange(len(source))[::-1]
    if not np.array_equal(piece.positions[first][source], piece.positions):
        return piece
    return _Piece(
        positions=piece.positions[first],
        targets={name: shift[first] for name, shift in piece.targets.items()},
        joints=piece.joints[first],
        uv=piece.uv,
        color=None if piece.color is None else piece.color[first],
        source=source,
        runs=piece.runs,
    )


def _topology(pieces: list[_Piece], starts: np.ndarray, head: np.ndarray) -> Topology:
    triangles: list[np.ndarray] = []
    corners: list[np.ndarray] = []
    parts: list[Part] = []
    uvs: list[np.ndarray] = []
    done = uv_start = 0
    for piece, start in zip(pieces, starts, strict=False):
        written = len(piece.positions) if piece.source is None else len(piece.source)
        for part, run in piece.runs:
            own = run if piece.source is None or written == len(piece.positions) else piece.source[run]
            triangles.append((own + start).astype(np.int32))
            corners.append((run + uv_start).astype(np.int32))
            parts.append(
                Part(name=part.name, start=done, stop=done + len(run), color=part.color, roughness=part.roughness)
            )
            done += len(run)
        uvs.append(np.zeros((written, 2), np.float32) if piece.uv is None else piece.uv)
        uv_start += written
    uv = None
    if any(piece.uv is not None for piece in pieces):
        uv = np.concatenate(uvs)
        uv = np.stack([uv[:, 0], 1 - uv[:, 1]], axis=1)
    split = uv is not None and len(uv) != starts[-1]
    return Topology(
        triangles=np.concatenate(triangles),
        uv=uv,
        uv_triangles=np.concatenate(corners) if split else None,
        parts=tuple(parts),
        groups={"head": head},
    )


def _joints(
    document: GltfDocument, pieces: list[_Piece], found: dict[str, int]
) -> tuple[tuple[Joint, ...], np.ndarray]:
    """Joints at rest [mm] and vertex weights on them; none when the file has no head joint."""
    weights = np.concatenate([piece.joints for piece in pieces])
    if "head" not in found:
        return (), np.zeros((len(weights), 0), np.float32)
    world = document.world_matrices()
    rooted = bool(weights[:, 0].any())
    kept = [name for name in _ORDER if name in found or (name == "root" and rooted)]
    joints: list[Joint] = []
    for name in kept:
        place = (0.0, 0.0, 0.0) if name == "root" else tuple((world[found[name], :3, 3] * 1000).tolist())
        parent = PARENTS.get(name)
        if parent not in kept:
            parent = "root" if rooted and name != "root" else None
        joints.append(Joint(name=name, position=place, parent=parent))
    return tuple(joints), weights[:, [_ORDER.index(name) for name in kept]]


def _faces_away(document: GltfDocument, joints: tuple[Joint, ...]) -> bool:
    at = {joint.name: joint.position for joint in joints}
    if "eyeLeft" in at and "eyeRight" in at:
        return at["eyeLeft"][0] < at["eyeRight"][0]
    return "VRM" in _dict(document.json.get("extensions"))


def _without_turned_eyes(
    names: tuple[str, ...], shapes: np.ndarray, joints: tuple[Joint, ...], weights: np.ndarray
) -> np.ndarray:
    """Give the eyes' vertices to the head where eyeLook shapes turn them already, so that gaze is not applied twice."""
    order = [joint.name for joint in joints]
    for side in ("Left", "Right"):
        if f"eye{side}" not in order:
            continue
        eye = order.index(f"eye{side}")
        members = weights[:, eye] > 0.5
        looks = [s for s, name in enumerate(names) if name.startswith("eyeLook") and name.endswith(side)]
        if not members.any() or not looks:
            continue
        if np.linalg.norm(shapes[looks][:, members], axis=-1).mean(axis=1).max() > _EYE_TURN:
            weights = weights.copy()
            weights[:, order.index("head")] += weights[:, eye]
            weights[:, eye] = 0
    return weights


def _head(names: tuple[str, ...], shapes: np.ndarray, joints: tuple[Joint, ...], weights: np.ndarray) -> np.ndarray:
    arkit = [s for s, name in enumerate(names) if name in ARKIT]
    inside = (np.abs(shapes[arkit]) > 1e-3).any(axis=(0, 2))
    own = [j for j, joint in enumerate(joints) if joint.name in _ON_HEAD]
    if own:
        inside |= weights[:, own].sum(axis=1) > 0.5
    return np.flatnonzero(inside)


def _colors(pieces: list[_Piece]) -> np.ndarray | None:
    if all(piece.color is None for piece in pieces):
        return None
    linear = [np.ones((len(p.positions), 3)) if p.color is None else p.color for p in pieces]
    return srgb_from_linear(np.concatenate(linear)).astype(np.float32)


def _licence(document: GltfDocument) -> str:
    extensions = _dict(document.json.get("extensions"))
    meta = _dict(_dict(extensions.get("VRMC_vrm")).get("meta")) or _dict(_dict(extensions.get("VRM")).get("meta"))
    for value in (meta.get("licenseUrl"), meta.get("licenseName"), _dict(document.json.get("asset")).get("copyright")):
        if isinstance(value, str) and value:
            return value
    return ""


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
