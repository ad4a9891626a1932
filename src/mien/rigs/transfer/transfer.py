"""Shapes for a new face by deformation transfer (Sumner & Popovic 2004).

In each shape a triangle of the source is transformed by a 3x3 matrix Q (its deformation gradient, with the unit normal
as third edge). The target's vertices are the least-squares solution in which every triangle is transformed by the Q of
the source triangles matched to it. The paper's fourth vertex of every triangle is free and absorbs the normal's part of
the residual completely, so it is left out here; the terms are weighted by area, so the matrix is the cotangent
Laplacian (Botsch, Sumner, Pauly & Gross 2006), factorised once for all shapes.

Three things are added to the paper: every vertex is pulled weakly to the position that the source's displacement would
give it, because gradients do not fix the position of the face; points that meet on the source (the lids of a blink)
meet on the target; and pieces that are not connected to the skin (teeth, eyes, tongue, lashes) follow nearby vertices
of the source, rigidly when the source's piece is rigid.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from mien.core.errors import MienError
from mien.core.landmarks import LandmarkAnchors
from mien.core.mesh import Mesh
from mien.core.rig import Joint, Rig
from mien.rigs.transfer.match import Match, matched
from mien.rigs.transfer.pieces import Ball, Pieces, balls, lifted
from mien.rigs.transfer.poisson import Poisson

__all__ = ["read_landmarks", "transfer"]

_MEETING = "eyeBlink"
"""Prefix of the shapes in which meeting points must meet: the lids. Other shapes close a gap only in combination
(mouthClose with jawOpen)."""


def transfer(
    source: Rig, neutral: Mesh | Rig, *, name: str = "transferred", landmarks: dict[int, int] | None = None
) -> Rig:
    """A rig on `neutral` with every shape of `source`, and its joints.

    A neutral that is a rig keeps its joints, skinning, colours, landmarks, and the shapes whose names the source lacks.

    Meshes of the same topology correspond by vertex. Otherwise the source is fitted onto the target, from `landmarks`
    (number of an iBUG 68 point -> vertex of `neutral`) if they are given, else by shape alone, which needs an upright
    face that looks along +Z. Raises MienError when there is no good fit.
    """
    target = _target(neutral, name, source)
    match = matched(source, _unparted(target), landmarks)
    solver, pieces = Poisson(source, match), Pieces(match)
    places = {joint.name: _place(match, joint.position) for joint in source.joints}
    places |= {joint.name: joint.position for joint in target.joints}
    eyes = balls(match, places)
    places |= {joint: (float(x), float(y), float(z)) for joint, ball in eyes.items() for x, y, z in [ball.centre]}
    shapes = np.zeros((len(source.shapes), len(target.neutral.vertices), 3), np.float32)
    for s, (shape_name, shape) in enumerate(zip(source.shape_names, source.shapes, strict=True)):
        moved = solver.shape(shape, meet=shape_name.startswith(_MEETING))
        shapes[s] = pieces.move(shape, lifted(match.skin.vertices, moved, eyes))
    # Correctives are not transferred: the transfer depends on the pose (lids meet, and are lifted off the eyeballs), so
    # a transferred corrective would correct faults of another rig. The channels are complete without correctives.
    joints = tuple(replace(joint, position=places[joint.name]) for joint in source.joints)
    weights = None if source.joint_weights is None else _skinned(source, pieces, eyes)
    if target.joints:
        joints, weights = _with_eyes(target, source, joints, eyes)
    own = [s for s, shape_name in enumerate(target.shape_names) if shape_name not in source.shape_names]
    return replace(
        target,
        name=name,
        shape_names=(*source.shape_names, *(target.shape_names[s] for s in own)),
        shapes=np.concatenate([shapes, target.shapes[own]]),
        correctives=(),
        corrective_shapes=None,
        identity_modes=None,
        joints=joints,
        joint_weights=weights,
        landmarks={layout: _anchors(match, anchors) for layout, anchors in source.landmarks.items()} | target.landmarks,
    )


def _target(neutral: Mesh | Rig, name: str, source: Rig) -> Rig:
    """The neutral as a rig, with the licences of both."""
    if isinstance(neutral, Mesh):
        none = np.zeros((0, len(neutral.vertices), 3), np.float32)
        return Rig(name=name, neutral=neutral, shape_names=(), shapes=none, licence=source.licence)
    both = dict.fromkeys(text for text in (neutral.licence, source.licence) if text)
    return replace(neutral, licence="; ".join(both))


def _unparted(target: Rig) -> Rig:
    """The target without the group "head", so that a whole body is matched and its rest does not follow the cut."""
    topology = target.neutral.topology
    groups = {group: members for group, members in topology.groups.items() if group != "head"}
    mesh = Mesh(vertices=target.neutral.vertices, topology=replace(topology, groups=groups))
    return replace(target, neutral=mesh)


def _with_eyes(
    target: Rig, source: Rig, joints: tuple[Joint, ...], eyes: dict[str, Ball]
) -> tuple[tuple[Joint, ...], Float[np.ndarray, "V J"] | None]:
    """The target's joints and skinning weights, with eyeballs bound as in the source: to eye joints or to the head."""
    names = [joint.name for joint in target.joints]
    if target.joint_weights is None or "head" not in names:
        return target.joints, target.joint_weights
    new = tuple(replace(joint, parent="head") for joint in joints if joint.name in eyes and joint.name not in names)
    names += [joint.name for joint in new]
    weights = np.pad(target.joint_weights, ((0, 0), (0, len(new))))
    for j, joint in enumerate(source.joints):
        if joint.name in eyes:
            turned = source.joint_weights is not None and bool(source.joint_weights[:, j].any())
            weights[eyes[joint.name].members] = 0  # eyes are turned by shapes or by joints, never by both
            weights[eyes[joint.name].members, names.index(joint.name if turned else "head")] = 1
    return (*target.joints, *new), weights


def _skinned(source: Rig, pieces: Pieces, eyes: dict[str, Ball]) -> Float[np.ndarray, "V J"]:
    """Skinning weights; an eyeball is skinned to its joint alone when the source's eyeball is."""
    assert source.joint_weights is not None
    weights = pieces.joint_weights(source.joint_weights)
    for j, joint in enumerate(source.joints):
        if joint.name in eyes and source.joint_weights[:, j].any():
            weights[eyes[joint.name].members] = np.eye(len(source.joints), dtype=np.float32)[j]
    return weights


def read_landmarks(path: str | Path) -> dict[int, int]:
    """Read a landmark file: JSON, {"ibug68": {"30": vertex, "36": vertex, ...}}, with at least three points.

    Raises MienError when the file is not readable or not such a file.
    """
    import json

    path = Path(path)
    try:
        points = json.loads(path.read_text(encoding="utf-8"))["ibug68"]
        found = {int(number): int(vertex) for number, vertex in points.items()}
    except OSError as error:
        raise MienError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise MienError(f'{path}: landmarks are JSON, {{"ibug68": {{"30": vertex, ...}}}}') from None
    if len(found) < 3 or not all(0 <= number < 68 for number in found):
        raise MienError(f"{path}: landmarks need at least three of the points 0 to 67")
    return found


def _place(match: Match, position: tuple[float, float, float]) -> tuple[float, float, float]:
    """Position of a joint on the target, moved by the mean motion of the source's vertices about it."""
    point = np.asarray(position, float)
    vertices = match.source.neutral.vertices.astype(float)
    near = np.argsort(((vertices - point) ** 2).sum(axis=1))[:200]
    shift = (match.fitted[near] - match.similarity(vertices[near])).mean(axis=0)
    x, y, z = (match.similarity(point) + shift).tolist()
    return x, y, z


def _anchors(match: Match, anchors: LandmarkAnchors) -> LandmarkAnchors:
    """The landmarks at the target's nearest vertices."""
    from scipy.spatial import KDTree

    vertices: Float[np.ndarray, "V 3"] = match.target.neutral.vertices.astype(float)
    near = np.asarray(KDTree(vertices).query(anchors.positions(match.fitted))[1])
    return LandmarkAnchors(layout=anchors.layout, indices=near[:, None], weights=np.ones((len(near), 1)))
