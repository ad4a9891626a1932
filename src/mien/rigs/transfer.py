"""Shapes for a new face by deformation transfer (Sumner & Popovic 2004).

Each triangle of the source turns and stretches by a 3x3 matrix Q (its deformation gradient, with the unit normal as
third edge). The target's vertices are those whose triangles follow the Q of the source triangles that lie on them,
in the least-squares sense. The paper's fourth vertex of every triangle is free and takes up the normal's part of the
residual whole, so it is left out here, which leaves one unknown per vertex; the terms are weighted by area, so the
matrix is the cotangent Laplacian (Botsch, Sumner, Pauly & Gross 2006), factorised once for all shapes.

Added to the paper: a weak pull of every vertex to the place that the source's displacement alone would give it
(gradients know nothing of where a face sits, and would let it drift); what meets on the source (the lids of a blink)
meets on the target; and pieces apart from the skin (teeth, eyes, tongue, lashes) follow what lies near them on the
source, stiff where the source is.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from mien.core.errors import MienError
from mien.core.landmarks import LandmarkAnchors
from mien.core.mesh import Mesh
from mien.core.rig import Rig
from mien.rigs.transfer_match import Match, matched
from mien.rigs.transfer_pieces import Ball, Pieces, balls, lifted
from mien.rigs.transfer_poisson import Poisson

__all__ = ["read_landmarks", "transfer"]

_MEETING = "eyeBlink"
"""Shapes in which what meets must meet: lids. Others bring parts together only beside others (mouthClose, jawOpen)."""


def transfer(source: Rig, neutral: Mesh, *, name: str = "transferred", landmarks: dict[int, int] | None = None) -> Rig:
    """A rig on `neutral` with every shape of `source`, and its joints.

    Meshes of the same topology correspond by vertex. Otherwise the source is fitted onto the target, from `landmarks`
    (number of an iBUG 68 point -> vertex of `neutral`) if they are given, else by shape alone, which needs a face that
    looks along +Z and is upright. Raises MienError when there is no good fit.
    """
    target = Rig(
        name=name,
        neutral=neutral,
        shape_names=(),
        shapes=np.zeros((0, len(neutral.vertices), 3), np.float32),
        licence=source.licence,
    )
    match = matched(source, target, landmarks)
    solver, pieces = Poisson(source, match), Pieces(match)
    places = {joint.name: _place(match, joint.position) for joint in source.joints}
    eyes = balls(match, places)
    places |= {joint: (float(x), float(y), float(z)) for joint, ball in eyes.items() for x, y, z in [ball.centre]}
    shapes = np.zeros((len(source.shapes), len(neutral.vertices), 3), np.float32)
    for s, (shape_name, shape) in enumerate(zip(source.shape_names, source.shapes, strict=True)):
        moved = solver.shape(shape, meet=shape_name.startswith(_MEETING))
        shapes[s] = pieces.move(shape, lifted(match.skin.vertices, moved, eyes))
    # What the transfer does depends on the pose (lids meet, lifted off the eyeballs), so a corrective is not made by
    # itself: it would correct another rig's faults. The channels are complete without.
    return replace(
        target,
        shape_names=source.shape_names,
        shapes=shapes,
        joints=tuple(replace(joint, position=places[joint.name]) for joint in source.joints),
        joint_weights=None if source.joint_weights is None else _skinned(source, pieces, eyes),
        landmarks={layout: _anchors(match, anchors) for layout, anchors in source.landmarks.items()},
    )


def _skinned(source: Rig, pieces: Pieces, eyes: dict[str, Ball]) -> Float[np.ndarray, "V J"]:
    """Joint weights; an eyeball hangs on its joint alone where the source's does, too."""
    assert source.joint_weights is not None
    weights = pieces.joint_weights(source.joint_weights)
    for j, joint in enumerate(source.joints):
        if joint.name in eyes and source.joint_weights[:, j].any():
            weights[eyes[joint.name].members] = np.eye(len(source.joints), dtype=np.float32)[j]
    return weights


def read_landmarks(path: str | Path) -> dict[int, int]:
    """A landmark file: JSON, {"ibug68": {"30": vertex, "36": vertex, ...}}, at least three. Raises MienError."""
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
    """A joint's place: moved as the source's vertices about it are, on average."""
    point = np.asarray(position, float)
    vertices = match.source.neutral.vertices.astype(float)
    near = np.argsort(((vertices - point) ** 2).sum(axis=1))[:200]
    shift = (match.fitted[near] - match.similarity(vertices[near])).mean(axis=0)
    x, y, z = (match.similarity(point) + shift).tolist()
    return x, y, z


def _anchors(match: Match, anchors: LandmarkAnchors) -> LandmarkAnchors:
    """Landmarks on the target's nearest vertices."""
    from scipy.spatial import KDTree

    vertices: Float[np.ndarray, "V 3"] = match.target.neutral.vertices.astype(float)
    near = np.asarray(KDTree(vertices).query(anchors.positions(match.fitted))[1])
    return LandmarkAnchors(layout=anchors.layout, indices=near[:, None], weights=np.ones((len(near), 1)))
