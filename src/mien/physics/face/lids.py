"""Lids: each tarsal plate turns about the axis through the corners of the eye and slides on sclera and cornea."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

__all__ = ["Eye", "Lids", "find_eye"]

_CORNEA = np.array([1.0 / 15.4, 0.1 / 15.4, 8.5 / 15.4])
"""Centre of the cornea from the centre of the sclera, in radii of the sclera, for the subject's left eye; measured on
ICT-FaceKit (sclera (31.1, 36.0, 79.0) mm with a radius of 15.4 mm, cornea (32.1, 36.1, 87.5) mm)."""
_CORNEA_RADIUS = 9.0 / 15.4
_MEETING = 0.12
"""Height of the line where closed lids meet, as a share of the opening above the lower lid: the lower lid rises little
(Evinger, Manning and Sibony 1991)."""
_SQUINT = 0.40
"""Share of the opening that the lower lid rises at full AU7."""
_WIDE = np.radians(11.0)
"""Turn of the upper lid at full AU5; the levator lifts a lid by some 3 mm beyond its place at rest."""
_PLATE, _SKIN = np.radians(26.0), np.radians(14.0)
"""Height of the moving skin above the edge of the upper lid, and below that of the lower lid, as angles at the eye."""
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
    upper: Float[np.ndarray, "L"]
    """How far each belongs to the upper lid, 0 or 1, between them at the corners."""
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
        edge: Int[np.ndarray, "B"],
        skin: Float[np.ndarray, "N 3"],
        fascia: Float[np.ndarray, "N 3"],
    ) -> "Lids":
        """The lids around an eye whose edge is the loop `edge` of the skin's vertices."""
        loop = skin[edge]
        inner, outer = loop[np.abs(loop[:, 0]).argmin()], loop[np.abs(loop[:, 0]).argmax()]
        left, right = (outer, inner) if outer[0] > inner[0] else (inner, outer)
        axis = (left - right) / np.linalg.norm(left - right)
        along, angle = _cylinder(skin, eye.center, axis)
        a, b = along[edge], angle[edge]
        line = np.interp(a, [(right - eye.center) @ axis, (left - eye.center) @ axis], [0.0, 0.0])
        ends = [(p - eye.center) @ axis for p in (right, left)]
        corner = _cylinder(np.stack([right, left]), eye.center, axis)[1]
        line = np.interp(a, ends, corner)
        tops, lows = b >= line, b <= line
        top, low = _curve(a[tops], b[tops], along), _curve(a[lows], b[lows], along)
        within = (along > ends[0] - 6.0) & (along < ends[1] + 6.0)
        fade = np.clip(1 - np.maximum(ends[0] - along, along - ends[1]) / 6.0, 0.0, 1.0)
        above, below = (angle - top) / _PLATE, (low - angle) / _SKIN
        middle = (top + low) / 2
        upper = np.clip(0.5 + (angle - middle) / np.maximum(top - low, 0.05), 0.0, 1.0)
        beyond = np.where(angle >= middle, above, below)
        share = _fall(np.maximum(beyond, 0.0)) * fade
        near = np.linalg.norm(skin - eye.center, axis=1) < 2.0 * eye.radius
        chosen = np.flatnonzero(within & near & (share > 0) & (skin[:, 2] > eye.center[2]))
        members = np.concatenate([chosen, len(skin) + chosen])
        points = np.concatenate([skin[chosen], fascia[chosen]])
        gap = eye.gap(points)
        thick = np.concatenate([np.linalg.norm(skin[chosen] - fascia[chosen], axis=1), np.zeros(len(chosen))])
        return cls(
            eye=eye,
            members=members,
            share=np.tile(share[chosen], 2),
            upper=np.tile(upper[chosen], 2),
            points=points,
            axis=axis,
            opening=np.tile(np.maximum(top - low, 0.0)[chosen], 2),
            clear=np.minimum(_CLEAR + thick, gap),
        )

    def targets(self, blink: float, squint: float, wide: float) -> Float[np.ndarray, "L 3"]:
        """Where the plates hold the lids' vertices [mm]; the controls are in [0, 1]."""
        rise = self.opening * min(_MEETING * blink + _SQUINT * squint, 1.0)
        lowest = rise - self.opening  # turn of the upper lid at which it meets the lower one
        fall = np.maximum(-(1 - _MEETING) * self.opening * blink + _WIDE * wide * (1 - blink), lowest)
        turn = self.share * np.where(self.upper >= 0.5, fall, rise)
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
