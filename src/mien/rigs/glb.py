"""Any glTF or VRM whose morph targets carry ARKit names, as a `Rig`.

All meshes of the scene are merged, also those without morph targets (hair, teeth, body). Node transforms and the
skin's bind pose are applied, so that vertices stand where a viewer shows them, and metres become millimetres. glTF
and VRM 1.0 face +Z like mien; VRM 0.x faces -Z and is turned, as is any file whose left eye joint lies at smaller X
than its right one. The file's origin is kept (at the feet of most bodies).

Joints are those of `mien.rigs.joints`; every other bone's influence goes to its nearest ancestor among them, and what
hangs on none goes to a joint "root". Vertex group "head": what the head, jaw or eyes carry, or any ARKit shape moves.
Textures and default morph weights are ignored. Landmarks are not known.
"""

from pathlib import Path

import numpy as np

from mien.core.channels import ARKIT
from mien.core.mesh import Mesh, Part, Topology
from mien.core.rig import Joint, Rig
from mien.io.gltf.document import GltfDocument, read_glb
from mien.io.gltf.rig import srgb_from_linear
from mien.rigs.glb_pieces import LIMIT, ORDER, Piece, as_dict, pieces_of, target_names
from mien.rigs.joints import PARENTS, find_joints
from mien.rigs.names import NameReport, merged, normalise
from mien.rigs.vrm import expressions, named_binds

__all__ = ["load_glb", "name_report"]

_ON_HEAD = ("head", "jaw", "eyeLeft", "eyeRight")
_EYE_TURN = 0.5
"""Mean displacement [mm] of an eye joint's vertices by the eyeLook shapes above which the shapes turn the eye."""


def load_glb(path: str | Path, *, any_names: bool = False) -> Rig:
    """Load a .glb, .vrm or .gltf as a rig; with `any_names` also one whose shapes carry no ARKit names.

    Raises:
        MienError: not readable, no mesh, no morph targets, or none that carries an ARKit name.
    """
    document = read_glb(path)
    found = find_joints(document)
    raw = [target_names(document, mesh) for mesh in document.items("meshes")]
    reports = [normalise(names) for names in raw]
    shapes = [[report.names[name] for name in names] for names, report in zip(raw, reports, strict=True)]
    pieces = pieces_of(document, found, shapes)
    named = [name for piece in pieces for name in piece.targets]
    if not named:
        document.fail("no morph targets, so this face cannot move; export it with its blendshapes")
    if not (any_names or set(named) & set(ARKIT) or normalise(list(named_binds(document))).arkit):
        document.fail(
            f"none of its {len(set(named))} morph targets has an ARKit name (one is '{named[0]}'); rename them"
        )
    return _assemble(document, pieces, shapes, found)


def name_report(path: str | Path) -> NameReport:
    """How the shape names of a file are understood; raises MienError when it is not readable."""
    document = read_glb(path)
    return merged([normalise(target_names(document, mesh)) for mesh in document.items("meshes")])


def _assemble(document: GltfDocument, pieces: list[Piece], shapes_of: list[list[str]], found: dict[str, int]) -> Rig:
    pieces = [_merged_seams(document, piece) for piece in pieces]
    starts = np.cumsum([0, *(len(piece.positions) for piece in pieces)])
    vertices = np.concatenate([piece.positions for piece in pieces]) * np.float32(1000)
    names = tuple(dict.fromkeys(name for piece in pieces for name in piece.targets))
    if len(names) * len(vertices) * 12 > LIMIT:
        document.fail(f"{len(names)} morph targets of {len(vertices)} vertices are too many; reduce the mesh")
    shapes = np.zeros((len(names), len(vertices), 3), np.float32)
    for piece, start in zip(pieces, starts, strict=False):
        for name, shift in piece.targets.items():
            shapes[names.index(name), start : start + len(shift)] += shift * np.float32(1000)
    names, shapes = expressions(document, names, shapes, shapes_of)
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


def _merged_seams(document: GltfDocument, piece: Piece) -> Piece:
    """Undo the splitting at texture seams that mien's writer did; other files are left as they are."""
    if piece.source is None or np.abs(piece.source).max() >= 2**24:  # beyond that float32 skips integers
        return piece
    source = piece.source.astype(np.int64)
    count = int(source.max()) + 1
    if (source < 0).any() or (source != piece.source).any() or len(np.unique(source)) != count:
        return piece
    first = np.full(count, -1)
    first[source[::-1]] = np.arange(len(source))[::-1]
    if not np.array_equal(piece.positions[first][source], piece.positions):
        return piece
    return Piece(
        positions=piece.positions[first],
        targets={name: shift[first] for name, shift in piece.targets.items()},
        joints=piece.joints[first],
        uv=piece.uv,
        color=None if piece.color is None else piece.color[first],
        source=source,
        runs=piece.runs,
    )


def _topology(pieces: list[Piece], starts: np.ndarray, head: np.ndarray) -> Topology:
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


def _joints(document: GltfDocument, pieces: list[Piece], found: dict[str, int]) -> tuple[tuple[Joint, ...], np.ndarray]:
    """Joints at rest [mm] and vertex weights on them; none when the file has no head joint."""
    weights = np.concatenate([piece.joints for piece in pieces])
    if "head" not in found:
        return (), np.zeros((len(weights), 0), np.float32)
    world = document.world_matrices()
    rooted = bool(weights[:, 0].any())
    kept = [name for name in ORDER if name in found or (name == "root" and rooted)]
    joints: list[Joint] = []
    for name in kept:
        place = (0.0, 0.0, 0.0) if name == "root" else tuple((world[found[name], :3, 3] * 1000).tolist())
        parent = PARENTS.get(name)
        if parent not in kept:
            parent = "root" if rooted and name != "root" else None
        joints.append(Joint(name=name, position=place, parent=parent))
    return tuple(joints), weights[:, [ORDER.index(name) for name in kept]]


def _faces_away(document: GltfDocument, joints: tuple[Joint, ...]) -> bool:
    at = {joint.name: joint.position for joint in joints}
    if "eyeLeft" in at and "eyeRight" in at:
        return at["eyeLeft"][0] < at["eyeRight"][0]
    return "VRM" in as_dict(document.json.get("extensions"))


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


def _colors(pieces: list[Piece]) -> np.ndarray | None:
    if all(piece.color is None for piece in pieces):
        return None
    linear = [np.ones((len(p.positions), 3)) if p.color is None else p.color for p in pieces]
    return srgb_from_linear(np.concatenate(linear)).astype(np.float32)


def _licence(document: GltfDocument) -> str:
    extensions = as_dict(document.json.get("extensions"))
    meta = as_dict(as_dict(extensions.get("VRMC_vrm")).get("meta")) or as_dict(
        as_dict(extensions.get("VRM")).get("meta")
    )
    for value in (
        meta.get("licenseUrl"),
        meta.get("licenseName"),
        as_dict(document.json.get("asset")).get("copyright"),
    ):
        if isinstance(value, str) and value:
            return value
    return ""
