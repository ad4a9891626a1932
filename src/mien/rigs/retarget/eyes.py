"""Corresponding points on the eyeballs, so that gaze can be retargeted to shapes that turn the eyes."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from mien.core.rig import Rig
from mien.core.transforms import GAZE_LIMITS
from mien.rigs.retarget.surface import eyeballs

__all__ = ["EyePairs", "eye_pairs", "turned_eyes"]

_MOST = 150
"""Points per eye, which give an eye about the weight of a lid."""
_TURNS = 0.3
"""Displacement of an eyeball by a shape [mm] above which the shape turns it."""


@dataclass(frozen=True, eq=False)
class EyePairs:
    """Points of both eyes' front halves that lie in the same direction from the eye's centre."""

    first: Int[np.ndarray, "N"]
    second: Int[np.ndarray, "N"]
    scale: Float[np.ndarray, "N"]
    """Ratio of the radius of the second rig's eye to that of the first's."""


def eye_pairs(first: Rig, second: Rig) -> EyePairs | None:
    """Pairs on the eyeballs; None unless both rigs have eye joints and round eyeballs, and the second's shapes turn the
    eyes."""
    own, other = eyeballs(first), eyeballs(second)
    at = {(rig, joint.name): np.asarray(joint.position) for rig in (first, second) for joint in rig.joints}
    rows: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for side in ("Left", "Right"):
        if side not in own or side not in other or (first, f"eye{side}") not in at or (second, f"eye{side}") not in at:
            continue
        if not second.shapes.size or np.abs(second.shapes[:, other[side]]).max() < _TURNS:
            continue  # joints turn this eye, and they take the gaze itself
        rays, radius = _rays(first, own[side], at[first, f"eye{side}"])
        target_rays, target_radius = _rays(second, other[side], at[second, f"eye{side}"])
        front = np.flatnonzero(target_rays[:, 2] > 0.3)
        front = front[:: max(1, len(front) // _MOST)]
        nearest = (target_rays[front] @ rays.T).argmax(axis=1)
        rows.append((own[side][nearest], other[side][front], np.full(len(front), target_radius / radius)))
    if not rows:
        return None
    return EyePairs(*(np.concatenate([row[k] for row in rows]) for k in range(3)))


def turned_eyes(
    rig: Rig, channels: tuple[str, ...], points: Int[np.ndarray, "N"], shapes: Float[np.ndarray, "C N 3"]
) -> Float[np.ndarray, "C N 3"]:
    """`shapes` at eyeball `points`; where they do not move the eyes, the motion of the eye joints at full eyeLook."""
    from scipy.spatial.transform import Rotation

    if np.abs(shapes).max(initial=0.0) >= _TURNS:
        return shapes
    out = shapes.copy()
    where = rig.neutral.vertices[points].astype(float)
    for side, sign in (("Left", 1), ("Right", -1)):
        centre = next((np.asarray(j.position) for j in rig.joints if j.name == f"eye{side}"), None)
        if centre is None:
            continue
        mine = (where[:, 0] * sign) > 0
        for name, axis in (("Out", (0, sign, 0)), ("In", (0, -sign, 0)), ("Up", (-1, 0, 0)), ("Down", (1, 0, 0))):
            if f"eyeLook{name}{side}" in channels:
                turn = Rotation.from_rotvec(np.array(axis) * GAZE_LIMITS[name])
                away = where[mine] - centre
                out[channels.index(f"eyeLook{name}{side}"), mine] = turn.apply(away) - away
    return out


def _rays(rig: Rig, members: np.ndarray, centre: np.ndarray) -> tuple[np.ndarray, float]:
    away = rig.neutral.vertices[members].astype(float) - centre
    radius = np.linalg.norm(away, axis=1, keepdims=True)
    return away / np.maximum(radius, 1e-6), float(np.median(radius))
