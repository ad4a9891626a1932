"""Lids: each tarsal plate turns about the axis through the corners of the eye and slides on sclera and cornea."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

__all__ = ["Eye", "Lids", "find_eye"]

_CORNEA = np.array([1.0 / 15.4, 0.1 / 15.4, 8.5 / 15.4])
"""Centre of the cornea from the centre of the sclera, in radii of the sclera, for the subject's left eye; measured on
ICT-FaceKit (sclera (31.1, 36.0, 79.0) mm with a radius of 15.4 mm, cornea (32.1, 36.1, 87.5) mm)."""
_CORNEA_RADIUS = 9.0 / 15.4
_MEETING = 0.12
"""Height of the line where closed lids meet, as a share of the opening above the lower lid: the lower lid rises little
(Evinger, Manning and Sibony 1991)."""
_OVERLAP = 1.04
"""The upper lid turns a little farther than to the lower one, so that soft edges leave no slit."""
_SQUINT = 0.40
"""Share of the opening that the lower lid rises at full AU7."""
_WIDE = np.radians(11.0)
"""Turn of the upper lid at full AU5; the levator lifts a lid by some 3 mm beyond its place at rest."""
_PLATE, _SKIN = np.radians(20.0), np.radians(14.0)
"""Height of the moving skin above the edge of the upper lid, and below that of the lower lid, as angles at the eye."""
_LOOSE = 2.0
"""Height of the thin, loose skin, relative to that of the skin which moves with a plate."""
_MARGIN = 0.12
"""Share of that height next to the edge which moves as far as the edge itself."""
_BESIDE = 6.0
"""How far beside the corners of the eye the skin moves with the lids [mm]."""
_CLEAR = 0.3
"""Least distance of the inner layer from the eyeball [mm], the tear film and conjunctiva."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Eye:
    """An eyeball as two spheres."""

    center: Float[np.ndarray, "3"]
    radius: float
    """Of the sclera [mm]."""
    cornea: Float[np.ndarray, "3"]
    """Centre of the cornea's sphere [mm]."""
    cornea_radius: float

    def outside(self, points: Float[np.ndarray, "N 3"], clear: Float[np.ndarray, "N"]) -> Float[np.ndarray, "N 3"]:
        """Points moved out of both spheres along the rays from the eye's centre, to a distance of `clear` [mm]."""
        ray = points - self.center
        length = np.linalg.norm(ray, axis=1)
        ray /= length[:, None]
        toward = self.cornea - self.center
        along = ray @ toward
        inside = along**2 - toward @ toward + (self.cornea_radius + clear) ** 2
        reach = np.where(inside > 0, along + np.sqrt(np.maximum(inside, 0.0)), 0.0)
        return self.center + ray * np.maximum(length, np.maximum(self.radius + clear, reach))[:, None]

    def gap(self, points: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N"]:
        """Distance of points from the nearer sphere [mm], negative inside."""
        sclera = np.linalg.norm(points - self.center, axis=1) - self.radius
        return np.minimum(sclera, np.linalg.norm(points - self.cornea, axis=1) - self.cornea_radius)


def find_eye(sclera: Float[np.ndarray, "E 3"], side: str) -> Eye:
    """The spheres of an eyeball; the sclera's is fitted to its vertices."""
    system = np.column_stack([2 * sclera, np.ones(len(sclera))])
    solved = np.linalg.lstsq(system, (sclera**2).sum(axis=1), rcond=None)[0]
    center = solved[:3]
    radius = float(np.sqrt(solved[3] + center @ center))
    offset = radius * _CORNEA * ([1, 1, 1] if side == "left" else [-1, 1, 1])
    return Eye(center=center, radius=radius, cornea=center + offset, cornea_radius=radius * _CORNEA_RADIUS)


@dataclass(frozen=True, kw_only=True, eq=False)
class Lids:
    """The moving skin of one eye's two lids."""

    eye: Eye
    members: Int[np.ndarray, "L"]
    """Simulated vertices, in both layers."""
    share: Float[np.ndarray, "L"]
    """How far each goes with the plate: 1 at the edge of a lid, 0 at the end of its skin."""
    loose: Float[np.ndarray, "N"]
    """How far every simulated skin vertex is part of the thin, loose skin around the eye, 0 to 1."""
    upper: Bool[np.ndarray, "L"]
    """Whether each belongs to the upper lid."""
    points: Float[np.ndarray, "L 3"]
    """Positions at rest [mm]."""
    axis: Float[np.ndarray, "3"]
    """Unit vector through the corners of the eye, to the subject's left."""
    opening: Float[np.ndarray, "L"]
    """Angle between the edges of the two lids at each vertex's place along the axis [rad]."""
    clear: Float[np.ndarray, "L"]
    """Distance from the eyeball that each keeps [mm]."""

    @classmethod
    def find(
        cls,
        eye: Eye,
        upper: Float[np.ndarray, "P 3"],
        lower: Float[np.ndarray, "Q 3"],
        skin: Float[np.ndarray, "N 3"],
        fascia: Float[np.ndarray, "N 3"],
    ) -> "Lids":
        """The lids around an eye, from points on the visible edges of both, from corner to corner of the eye [mm].

        The skin behind an edge, which folds back to the eyeball, goes with it like the skin in front.
        """
        left, right = upper[upper[:, 0].argmax()], upper[upper[:, 0].argmin()]
        axis = (left - right) / np.linalg.norm(left - right)
        along, angle = _cylinder(skin, eye.center, axis)
        top, low = (_curve(*_cylinder(edge, eye.center, axis), along) for edge in (upper, lower))
        ends = [float((p - eye.center) @ axis) for p in (right, left)]
        fade = _fall(np.maximum(ends[0] - along, along - ends[1]) / _BESIDE)
        middle = (top + low) / 2
        above, below = (angle - top) / _PLATE, (low - angle) / _SKIN
        # an edge is where two lids part, and behind it the skin of both lids folds back: the higher is the upper lid's
        beyond = np.maximum(np.where(angle >= middle, above, below) - _MARGIN, 0.0)
        share = _fall(beyond) * fade
        near = np.linalg.norm(skin - eye.center, axis=1) < 2.0 * eye.radius
        chosen = np.flatnonzero(near & (share > 0) & (skin[:, 2] > eye.center[2]))
        points = np.concatenate([skin[chosen], fascia[chosen]])
        thick = np.concatenate([np.linalg.norm(skin[chosen] - fascia[chosen], axis=1), np.zeros(len(chosen))])
        return cls(
            eye=eye,
            members=np.concatenate([chosen, len(skin) + chosen]),
            share=np.tile(share[chosen], 2),
            loose=_fall(beyond / _LOOSE) * fade,
            upper=np.tile(angle >= middle, 2)[np.concatenate([chosen, len(skin) + chosen])],
            points=points,
            axis=axis,
            opening=np.tile(np.maximum(top - low, 0.0)[chosen], 2),
            clear=np.minimum(_CLEAR + thick, eye.gap(points)),
        )

    def targets(self, blink: float, squint: float, wide: float) -> Float[np.ndarray, "L 3"]:
        """Where the plates hold the lids' vertices [mm]; the controls are in [0, 1]."""
        rise = self.opening * min(_MEETING * blink + _SQUINT * squint, 1.0)
        lowest = rise - _OVERLAP * self.opening  # turn of the upper lid at which it meets the lower one
        fall = np.maximum(-_OVERLAP * (1 - _MEETING) * self.opening * blink + _WIDE * wide * (1 - blink), lowest)
        turn = self.share * np.where(self.upper, fall, rise)
        arm = self.points - self.eye.center
        along = (arm @ self.axis)[:, None] * self.axis
        angle = -turn[:, None]  # a positive turn about the axis lowers the front
        turned = along + np.cos(angle) * (arm - along) + np.sin(angle) * np.cross(self.axis, arm)
        return self.eye.outside(self.eye.center + turned, self.clear)


def _cylinder(points: np.ndarray, center: np.ndarray, axis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Place along the axis [mm] and angle about it [rad], 0 straight ahead, positive upwards."""
    arm = points - center
    ahead = np.array([0.0, 0.0, 1.0]) - axis[2] * axis
    ahead /= np.linalg.norm(ahead)
    up = np.cross(ahead, axis)
    return arm @ axis, np.arctan2(arm @ up, arm @ ahead)


def _curve(along: np.ndarray, angle: np.ndarray, at: np.ndarray) -> np.ndarray:
    order = np.argsort(along)
    return np.interp(at, along[order], angle[order])


def _fall(t: np.ndarray) -> np.ndarray:
    """1 at 0, 0 from 1 on, smooth, flat at both ends."""
    t = np.clip(t, 0.0, 1.0)
    return 1 - t * t * (3 - 2 * t)
