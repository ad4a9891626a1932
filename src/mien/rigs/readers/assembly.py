"""Assembles the pieces of a file's scene (a glTF's primitives, a USD's meshes) into one `Rig`.

Metres become millimetres. A file whose left eye joint lies at smaller X than its right one is turned to face +Z. Joints
are those of `mien.rigs.readers.gltf.joints`, and "root" for vertices that are bound to none of them. The vertex group
"head" has the vertices that are bound to head, jaw or eyes, or that any ARKit shape moves.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import NoReturn

import numpy as np
from jaxtyping import UInt8

from mien.core.channels import ARKIT
from mien.core.mesh import Mesh, Part, Topology
from mien.core.rig import Corrective, Joint, Rig
from mien.io.gltf.rig import srgb_from_linear
from mien.rigs.readers.gltf.joints import PARENTS
from mien.rigs.readers.gltf.pieces import LIMIT, ORDER, Piece

__all__ = ["Source", "assembled", "shapes_by_name"]

_ON_HEAD = ("head", "jaw", "eyeLeft", "eyeRight")
_EYE_TURN = 0.5
"""Mean displacement [mm] of an eye joint's vertices by the eyeLook shapes above which these shapes turn the eye."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """The information in a file besides its meshes."""

    name: str
    licence: str
    places: dict[str, np.ndarray]
    """Joint -> its position at rest in the scene [m]; those of `mien.rigs.readers.gltf.joints` that were found."""
    faces_away: bool = False
    """Whether faces of this format look along -Z when no eye joints show their direction."""
    textures: dict[str, UInt8[np.ndarray, "H W C"]] = field(default_factory=dict[str, np.ndarray])
    """The pictures that parts show, by the names in the parts; a part whose picture is missing loses its texture."""
    correctives: tuple[Corrective, ...] = ()
    """Rules of the shapes that are correctives; rules without a shape in the meshes are ignored."""


def shapes_by_name(pieces: list[Piece], fail: Callable[[str], NoReturn]) -> tuple[tuple[str, ...], np.ndarray]:
    """(names, displacements [S, V, 3] mm) over all pieces; shapes with the same name become one."""
    starts = np.cumsum([0, *(len(piece.positions) for piece in pieces)])
    names = tuple(dict.fromkeys(name for piece in pieces for name in piece.targets))
    if len(names) * int(starts[-1]) * 12 > LIMIT:
        fail(f"{len(names)} morph targets of {starts[-1]} vertices are too many; reduce the mesh")
    shapes = np.zeros((len(names), int(starts[-1]), 3), np.float32)
    for piece, start in zip(pieces, starts, strict=False):
        for name, shift in piece.targets.items():
            shapes[names.index(name), start : start + len(shift)] += shift * np.float32(1000)
    return names, shapes


def assembled(source: Source, pieces: list[Piece], names: tuple[str, ...], shapes: np.ndarray) -> Rig:
    """The rig of `pieces`, with the shape names `names` and displacements `shapes` [mm]."""
    starts = np.cumsum([0, *(len(piece.positions) for piece in pieces)])
    vertices = np.concatenate([piece.positions for piece in pieces]) * np.float32(1000)
    joints, weights = _joints(source.places, pieces)
    if _faces_away(source, joints):
        turn = np.array([-1, 1, -1], np.float32)  # half a turn about Y
        vertices, shapes = vertices * turn, shapes * turn
        joints = tuple(
            Joint(name=j.name, position=(-j.position[0], j.position[1], -j.position[2]), parent=j.parent)
            for j in joints
        )
    weights = _without_turned_eyes(names, shapes, joints, weights)
    names, shapes, correctives, corrective_shapes = _correctives(source.correctives, names, shapes)
    topology = _topology(pieces, starts, _head(names, shapes, joints, weights), source.textures)
    return Rig(
        name=source.name,
        neutral=Mesh(vertices=vertices, topology=topology),
        shape_names=names,
        shapes=shapes,
        correctives=correctives,
        corrective_shapes=corrective_shapes if correctives else None,
        joints=joints,
        joint_weights=weights if joints else None,
        colors=_colors(pieces),
        licence=source.licence,
    )


def _correctives(
    listed: Sequence[Corrective], names: tuple[str, ...], shapes: np.ndarray
) -> tuple[tuple[str, ...], np.ndarray, tuple[Corrective, ...], np.ndarray]:
    """(names and shapes of the channels, the correctives, their shapes)."""
    by_name = {corrective.name: corrective for corrective in listed}
    found = tuple(by_name[name] for name in names if name in by_name)
    if not found:
        return names, shapes, (), shapes[:0]
    apart = np.array([name in by_name for name in names])
    return tuple(name for name in names if name not in by_name), shapes[~apart], found, shapes[apart]


def _topology(pieces: list[Piece], starts: np.ndarray, head: np.ndarray, textures: dict[str, np.ndarray]) -> Topology:
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
            shown = part.texture if part.texture in textures else ""
            parts.append(replace(part, start=done, stop=done + len(run), texture=shown))
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
        textures=textures if uv is not None else {},
    )


def _joints(places: dict[str, np.ndarray], pieces: list[Piece]) -> tuple[tuple[Joint, ...], np.ndarray]:
    """Joints at rest [mm] and the skinning weights; no joints when the file has no head joint."""
    weights = np.concatenate([piece.joints for piece in pieces])
    if "head" not in places:
        return (), np.zeros((len(weights), 0), np.float32)
    rooted = bool(weights[:, 0].any())
    kept = [name for name in ORDER if name in places or (name == "root" and rooted)]
    joints: list[Joint] = []
    for name in kept:
        place = (0.0, 0.0, 0.0) if name == "root" else tuple((places[name] * 1000).tolist())
        parent = PARENTS.get(name)
        if parent not in kept:
            parent = "root" if rooted and name != "root" else None
        joints.append(Joint(name=name, position=place, parent=parent))
    return tuple(joints), weights[:, [ORDER.index(name) for name in kept]]


def _faces_away(source: Source, joints: tuple[Joint, ...]) -> bool:
    at = {joint.name: joint.position for joint in joints}
    if "eyeLeft" in at and "eyeRight" in at:
        return at["eyeLeft"][0] < at["eyeRight"][0]
    return source.faces_away


def _without_turned_eyes(
    names: tuple[str, ...], shapes: np.ndarray, joints: tuple[Joint, ...], weights: np.ndarray
) -> np.ndarray:
    """Skin the eyes' vertices to the head when eyeLook shapes turn them, so that gaze is not applied twice."""
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
