"""A rig with a person's identity: `Rig.with_identity`, with the joints moved along with the face around them."""

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from mien.core import Joint, Rig

__all__ = ["head_position", "person"]

_REACH = 40.0
"""Width of the neighbourhood over which a joint's displacement is averaged [mm]: about half a skull's depth, so that an
inner joint follows the vertices on all its sides."""


def person(rig: Rig, identity: Float[np.ndarray, "M"]) -> Rig:
    """The rig with this identity; eye joints move with the centres of the eyeballs, other joints with nearby vertices.

    The centre of an eyeball is that of the sphere fitted to its sclera (vertex groups "sclera_left" and "sclera_right")
    when the rig has these groups. Raises MienError when the rig has no identity modes.
    """
    moved = rig.with_identity(identity)
    before, after = (r.neutral.vertices.astype(np.float64) for r in (rig, moved))
    groups = rig.neutral.topology.groups
    joints: list[Joint] = []
    for joint in rig.joints:
        rest = np.array(joint.position)
        sclera = groups.get({"eyeLeft": "sclera_left", "eyeRight": "sclera_right"}.get(joint.name, ""))
        if sclera is not None:
            new = rest + _sphere(after[sclera]) - _sphere(before[sclera])
        else:
            new = rest + _displacement(rest, before, after)
        x, y, z = new.tolist()
        joints.append(replace(joint, position=(x, y, z)))
    return replace(moved, joints=tuple(joints))


def head_position(rig: Rig) -> Float[np.ndarray, "3"]:
    """Position of the head joint [mm]; the origin for a rig without one."""
    return next((np.array(joint.position) for joint in rig.joints if joint.name == "head"), np.zeros(3))


def _displacement(place: np.ndarray, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Mean displacement of the vertices around a point, weighted by their distance."""
    far = np.linalg.norm(before - place, axis=1)
    share = np.exp(-0.5 * ((far - far.min()) / _REACH) ** 2)
    return share @ (after - before) / share.sum()


def _sphere(points: Float[np.ndarray, "P 3"]) -> Float[np.ndarray, "3"]:
    """Centre of the sphere that fits the points best (linear least squares)."""
    system = np.column_stack([2 * points, np.ones(len(points))])
    return np.linalg.lstsq(system, (points**2).sum(1), rcond=None)[0][:3]
