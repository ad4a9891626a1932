"""A summary of a rig's contents: shapes, joints, landmarks, size."""

from dataclasses import dataclass

import numpy as np

from mien.core.channels import ARKIT
from mien.core.rig import Rig

__all__ = ["RigInfo", "rig_info"]


@dataclass(frozen=True, kw_only=True)
class RigInfo:
    """A summary of a rig's contents."""

    name: str
    vertices: int
    triangles: int
    arkit: tuple[str, ...]
    """ARKit shapes that the rig has, in the order of ARKIT."""
    missing: tuple[str, ...]
    """ARKit shapes that the rig lacks."""
    still: tuple[str, ...]
    """ARKit shapes of the rig that move no vertex."""
    other: tuple[str, ...]
    """Shapes with other names."""
    correctives: tuple[str, ...]
    """The rule of each corrective: "jawOpen x mouthSmileLeft", "mouthClose over jawOpen"."""
    joints: tuple[str, ...]
    skinned: bool
    """Whether the rig has skinning weights."""
    size: tuple[float, float, float]
    """Width, height, depth of the whole rig [mm]."""
    head_size: tuple[float, float, float] | None
    """Width, height, depth of the vertex group "head" [mm]; None when there is no such group."""
    landmarks: dict[str, int]
    """Layout name -> number of points."""
    identity_modes: int
    parts: tuple[str, ...]
    """Names of the parts, which have one material each."""
    licence: str


def rig_info(rig: Rig) -> RigInfo:
    """Summarise `rig`, as `mien rig info` prints it."""
    names = set(rig.shape_names)
    moving = {name for name, shape in zip(rig.shape_names, rig.shapes, strict=True) if shape.any()}
    head = rig.neutral.topology.groups.get("head")
    return RigInfo(
        name=rig.name,
        vertices=len(rig.neutral.vertices),
        triangles=len(rig.neutral.topology.triangles),
        arkit=tuple(name for name in ARKIT if name in names),
        missing=tuple(name for name in ARKIT if name not in names),
        still=tuple(name for name in ARKIT if name in names - moving),
        other=tuple(name for name in rig.shape_names if name not in ARKIT),
        correctives=tuple(
            (" over " if corrective.rule == "excess" else " x ").join(corrective.channels)
            for corrective in rig.correctives
        ),
        joints=tuple(joint.name for joint in rig.joints),
        skinned=rig.joint_weights is not None,
        size=_extent(rig.neutral.vertices),
        head_size=None if head is None or not len(head) else _extent(rig.neutral.vertices[head]),
        landmarks={name: anchors.layout.count for name, anchors in rig.landmarks.items()},
        identity_modes=0 if rig.identity_modes is None else len(rig.identity_modes),
        parts=tuple(part.name for part in rig.neutral.topology.parts),
        licence=rig.licence,
    )


def _extent(vertices: np.ndarray) -> tuple[float, float, float]:
    x, y, z = (vertices.max(axis=0) - vertices.min(axis=0)).tolist()
    return x, y, z
