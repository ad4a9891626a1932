"""A rig with somebody's identity: `Rig.with_identity`, and the joints moved with the face around them."""

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from mien.core import Joint, Rig

__all__ = ["head_position", "person"]

_REACH = 40.0
"""How far around a joint's nearest vertices its displacement is averaged [mm]: about half a skull's depth, so that a
joint inside follows what surrounds it and not one side."""


def person(rig: Rig, identity: Float[np.ndarray, "M"]) -> Rig:
    """The rig with this identity, its joints moved: eyes to their eyeballs' centres, others with what surrounds them.

    An eye joint follows the sphere that fits its sclera (vertex groups "sclera_left" and "sclera_right") where the rig
    has these. Raises MienError when the rig has no identity modes.
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
    """Where the head joint is [mm]; the origin for a rig without one."""
    return next((np.array(joint.position) for joint in rig.joints if joint.name == "head"), np.zeros(3))


def _displacement(place: np.ndarray, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Mean displacement of the vertices around a place, nearer ones more."""
    far = np.linalg.norm(before - place, axis=1)
    share = np.exp(-0.5 * ((far - far.min()) / _REACH) ** 2)
    return share @ (after - before) / share.sum()


def _sphere(points: Float[np.ndarray, "P 3"]) -> Float[np.ndarray, "3"]:
    """Centre of the sphere that fits points best (linear least squares)."""
    system = np.column_stack([2 * points, np.ones(len(points))])
    return np.linalg.lstsq(system, (points**2).sum(1), rcond=None)[0][:3]
