"""A performer: from ARKit weights to the vertices of one identity's head, with contact of lids and lips.

Linear shapes alone do not meet exactly: a blink leaves a gap on one face and passes through the lower lid on another,
and with eyeSquint it overshoots. Contact is therefore solved here, for each column of the lids and lips.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from mien.core import ARKIT, MIEN198
from mien.core.transforms import PUPIL_ARM, gaze_from_weights
from mien.rigs.ict_landmarks import EYE_RADIUS, IRIS_RADIUS
from mien.synth.body import LID_COLUMNS, Body, Lids, body, smoothstep

__all__ = ["BROW_POINTS", "Performance", "Performer", "identity_coefficients"]

_LID_OVERLAP = np.radians(1.6 + 2.0 * np.abs(np.linspace(-1, 1, LID_COLUMNS)) ** 4)
"""How far closed lids pass each other [rad] per column, 0.4 mm in the middle, 1 mm at the corners: more than a lid's
triangles deviate between two vertices."""
_LID_CLEARANCE = 0.75
"""Least distance of lids from the eyeball [mm]: a lid is about a millimetre thick, and its triangles cut the curve."""
_LIPS_AT_REST = 0.6
"""Height between the marked lip lines when the lips touch behind them [mm]; 0.8 on ICT's own closed neutral."""
_ROLLS = tuple(ARKIT.index(c) for c in ("mouthRollLower", "mouthRollUpper", "mouthPressLeft", "mouthPressRight"))
_IRISES = tuple((68 + k, [*MIEN198.groups[f"iris_rim_{side}"]]) for k, side in enumerate(("right", "left")))
BROW_POINTS = [
    i for name in ("brow_right", "brow_left", "brow_lower_right", "brow_lower_left") for i in MIEN198.groups[name]
]
"""mien198's points on the brows, in the order of `brows.brow_anchors`."""
_LIP_COLUMNS = np.linspace(-0.92, 0.92, 13)


def identity_coefficients(seed: int, number: int, modes: int = 100) -> Float[np.ndarray, "M"]:
    """Identity coefficients of performer `number`: standard normal as ICT-FaceKit documents, clipped at 2.5 sigma."""
    rng = np.random.default_rng([0x1D, seed, number])
    return np.clip(rng.normal(size=modes), -2.5, 2.5).astype(np.float32)


@dataclass(frozen=True, kw_only=True, eq=False)
class Performance:
    """A performer's geometry in T frames, in the head frame."""

    vertices: Float[np.ndarray, "T V 3"]
    gaze: Float[np.ndarray, "T 2 2"]
    """Gaze (left, right) x (yaw, pitch) [rad]."""
    axes: Float[np.ndarray, "T 2 3"]
    """Unit optical axis of each eyeball."""
    mouth_gap: Float[np.ndarray, "T"]
    """Largest height between the lip lines beyond rest [mm]."""

    def frames(self, start: int, stop: int) -> "Performance":
        """The frames `start` to `stop - 1`."""
        at = slice(start, stop)
        return Performance(
            vertices=self.vertices[at], gaze=self.gaze[at], axes=self.axes[at], mouth_gap=self.mouth_gap[at]
        )


class Performer:
    """One identity. `perform` has no side effects."""

    def __init__(self, coefficients: Float[np.ndarray, "M"], *, iris_radius: float = IRIS_RADIUS) -> None:
        self.iris_radius = iris_radius
        """Radius of the limbus, along the eyeball [mm]."""
        self.brows: tuple[Int[np.ndarray, "20 3"], Float[np.ndarray, "20 3"]] | None = None
        """Vertices and weights of `BROW_POINTS` on the painted hair; None uses the rig's anchors."""
        self.body: Body = body()
        flat = coefficients.astype(np.float32) @ self.body.modes[: len(coefficients)]
        self.neutral: Float[np.ndarray, "V 3"] = self.body.neutral + flat.reshape(-1, 3)
        self.eyes = np.stack([_sphere_centre(self.neutral[lids.sclera]) for lids in self.body.lids])
        """Eyeball centres (left, right) [mm]."""
        # The poles are mien70's irises, right then left, so that paint and landmark share one axis.
        poles = self.landmarks(self.neutral)[[69, 68]] - self.eyes
        self.rest_axes = poles / np.linalg.norm(poles, axis=1, keepdims=True)
        """Optical axes (left, right) at rest."""
        self._profiles = [self._profile(k) for k in range(2)]
        lips = self.body.lips
        self._half_mouth = float(np.abs(self.neutral[lips.upper, 0] - self.neutral[lips.upper, 0].mean()).max())

    @property
    def eye_distance(self) -> float:
        """Distance of the eyeball centres [mm]."""
        return float(np.linalg.norm(self.eyes[0] - self.eyes[1]))

    def landmarks(self, vertices: Float[np.ndarray, "*batch V 3"]) -> Float[np.ndarray, "*batch 198 3"]:
        """mien198 on given vertices; mien70 comes first."""
        points = np.einsum("...lkd,lk->...ld", vertices[..., self.body.landmarks, :], self.body.landmark_weights)
        for pole, rim in _IRISES:  # the rig's anchors are those of a mean iris
            centre = points[..., [pole], :]
            points[..., rim, :] = centre + (points[..., rim, :] - centre) * (self.iris_radius / IRIS_RADIUS)
        if self.brows is not None:
            points[..., BROW_POINTS, :] = np.einsum("...lkd,lk->...ld", vertices[..., self.brows[0], :], self.brows[1])
        return points

    def perform(self, weights: Float[np.ndarray, "T 52"]) -> Performance:
        """Vertices for each row of weights in [0, 1]; pupils move as those of eyes that turn by the gaze of the eyeLook
        channels (`PUPIL_ARM`)."""
        weights = np.asarray(weights, np.float32)
        open_eyed = weights.copy()
        open_eyed[:, [lids.blink for lids in self.body.lids]] = 0
        out = self.neutral + (open_eyed @ self.body.basis).reshape(len(weights), -1, 3)
        gaze = gaze_from_weights(weights.astype(np.float64))
        axes = np.empty((len(weights), 2, 3))
        for k, lids in enumerate(self.body.lids):
            turns = _gaze_matrices(gaze[:, k])
            axes[:, k] = turns @ self.rest_axes[k]
            out[:, lids.sclera] = (
                np.einsum("tij,vj->tvi", turns, self.neutral[lids.sclera] - self.eyes[k]) + self.eyes[k]
            )
            self._close_lids(out, lids, k, weights[:, lids.blink])
            self._clear_eyeball(out, lids, k, axes[:, k])
            self._meet_at_corners(out, lids, k, weights[:, lids.blink])
        gap = self._seal_lips(out, weights)
        return Performance(vertices=out.astype(np.float32), gaze=gaze, axes=axes, mouth_gap=gap)

    def _close_lids(self, out: np.ndarray, lids: Lids, eye: int, blink: np.ndarray) -> None:
        """Add the blink, scaled per column so that at 1 the lids close exactly, whatever the other shapes are."""
        shape = self.body.basis[lids.blink].reshape(-1, 3)
        centre = self.eyes[eye]
        upper, lower = out[:, lids.upper] - centre, out[:, lids.lower] - centre
        azimuth = np.arctan2(*(self.neutral[lids.upper] - centre)[:, [0, 2]].T)
        # Corners are left out, as the lids are joined there.
        first, last = np.quantile(azimuth, [0.03, 0.97])
        columns = np.linspace(first, last, LID_COLUMNS)

        margins = ((upper, lids.upper), (lower, lids.lower))

        def gap(scale: np.ndarray) -> np.ndarray:
            heights = []
            for points, index in margins:
                s = _columns_at(columns, scale, _azimuth(self.neutral[index] - centre))
                heights.append(_resample(points + s[..., None] * shape[index], columns))
            return heights[0] - heights[1]

        none = np.zeros((len(out), LID_COLUMNS))
        rest, full = gap(none), gap(none + 1)
        closing = (rest + _LID_OVERLAP) / np.maximum(rest - full, 1e-3)
        closing = np.clip(closing, -0.5, 2.2)
        left = gap(closing) + _LID_OVERLAP  # the path is not straight: one more secant step
        closing = np.clip(closing + left / np.maximum(rest - full, 1e-3), -0.5, 2.5)
        amount = np.where(rest < 0, closing, blink[:, None] * np.maximum(closing, 0))
        at = _columns_at(columns, amount, _azimuth(self.neutral[lids.skin] - centre))
        out[:, lids.skin] += at[..., None] * shape[lids.skin]

    def _meet_at_corners(self, out: np.ndarray, lids: Lids, eye: int, blink: np.ndarray) -> None:
        """Close the margins near the corners, which the blink shape does not reach."""
        upper, lower = out[:, lids.upper[1:-1]] - self.eyes[eye], out[:, lids.lower] - self.eyes[eye]
        closed = smoothstep(0.7, 1.0, blink)
        for t in np.flatnonzero(closed):
            azimuth, height = _azimuth(lower[t]), _elevation(lower[t])
            order = np.argsort(azimuth)
            own = _azimuth(upper[t])
            above = _elevation(upper[t]) - np.interp(own, azimuth[order], height[order])
            down = np.clip(above + np.radians(3.2), 0, 0.18) * closed[t] * np.linalg.norm(upper[t], axis=1)
            out[t, lids.upper[1:-1], 1] -= down
            out[t, lids.upper[1:-1], 2] += 0.3 * down

    def _profile(self, eye: int) -> tuple[np.ndarray, np.ndarray]:
        """Eyeball radius as a function of the cosine of the angle from its axis."""
        points = self.neutral[self.body.lids[eye].sclera] - self.eyes[eye]
        radius = np.linalg.norm(points, axis=1)
        cosine = points @ self.rest_axes[eye] / radius
        edges = np.cos(np.radians([180, 60, 50, 40, 32, 26, 20, 14, 8, 0]))
        bins = np.digitize(cosine, edges[1:-1])
        values = np.array(
            [radius[bins == b].max() if (bins == b).any() else radius.max() for b in range(len(edges) - 1)]
        )
        values[1:-1] = np.maximum(values[1:-1], (values[:-2] + values[2:]) / 2)
        return (edges[1:] + edges[:-1]) / 2, values

    def _clear_eyeball(self, out: np.ndarray, lids: Lids, eye: int, axes: np.ndarray) -> None:
        """Push lids out of the eyeball: the straight path of a blink cuts the sphere, and the cornea bulges in the
        direction of gaze."""
        rows = out[:, lids.skin] - self.eyes[eye]
        radius = np.linalg.norm(rows, axis=-1)
        cosine = np.einsum("tkd,td->tk", rows, axes) / radius
        need = np.interp(cosine, *self._profiles[eye]) + _LID_CLEARANCE
        rest = np.linalg.norm(self.neutral[lids.skin] - self.eyes[eye], axis=-1)
        # Skin that lies inside the ball's radius at rest is the pocket behind the lids, which does not move.
        push = np.where((rest > need.min() - 1.3) & (rows[..., 2] > 0), np.maximum(need / radius, 1.0), 1.0)
        out[:, lids.skin] = rows * push[..., None] + self.eyes[eye]

    def _seal_lips(self, out: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Separate lips that penetrate each other and close the gap at rest; returns the open height [mm]."""
        lips = self.body.lips
        rolls = np.einsum(
            "tr,rkd->tkd",
            weights[:, _ROLLS],
            self.body.basis[list(_ROLLS)].reshape(len(_ROLLS), -1, 3)[:, np.r_[lips.upper, lips.lower]],
        )
        count = len(lips.upper)
        upper, lower = out[:, lips.upper] - rolls[:, :count], out[:, lips.lower] - rolls[:, count:]
        middle = self.neutral[lips.upper, 0].mean()
        columns = _LIP_COLUMNS * self._half_mouth
        natural = self._lip_gap(upper, lower, middle, columns)
        neutral = self._lip_gap(self.neutral[None, lips.upper], self.neutral[None, lips.lower], middle, columns)
        wanted = _LIPS_AT_REST + _soft_positive(natural - neutral)
        fade = 1 - np.abs(_LIP_COLUMNS) ** 6
        delta = (wanted - natural) * fade
        at = _columns_at(columns, delta, self.neutral[lips.skin, 0] - middle)
        # Beyond the corners nothing moves.
        at = at * np.clip(1.25 - 0.8 * np.abs((self.neutral[lips.skin, 0] - middle) / self._half_mouth) ** 4, 0, 1)
        out[:, lips.skin, 1] += 0.5 * at * lips.follow
        return np.maximum(wanted.max(axis=1) - _LIPS_AT_REST, 0)

    @staticmethod
    def _lip_gap(upper: np.ndarray, lower: np.ndarray, middle: float, columns: np.ndarray) -> np.ndarray:
        rows = []
        for u, low in zip(upper, lower, strict=True):
            scale = np.abs(u[:, 0] - u[:, 0].mean()).max() / max(columns[-1] / 0.92, 1e-6)
            x = u[:, 0].mean() + columns * scale
            rows.append(np.interp(x, u[:, 0], u[:, 1]) - np.interp(x, low[:, 0], low[:, 1]))
        return np.stack(rows)


def _soft_positive(x: np.ndarray, width: float = 0.25) -> np.ndarray:
    """max(x, 0), smoothed over `width` [mm] and exactly 0 at rest."""
    return np.maximum(x - width, 0) + np.clip(x, 0, width) ** 2 / (2 * width) + np.where(x > width, width / 2, 0)


def _azimuth(points: np.ndarray) -> np.ndarray:
    return np.arctan2(points[..., 0], points[..., 2])


def _elevation(points: np.ndarray) -> np.ndarray:
    return np.arctan2(points[..., 1], np.hypot(points[..., 0], points[..., 2]))


def _resample(points: Float[np.ndarray, "T P 3"], columns: np.ndarray) -> np.ndarray:
    """Elevation [rad] of a margin at given azimuths."""
    azimuth = _azimuth(points)
    height = _elevation(points)
    rows = []
    for a, h in zip(azimuth, height, strict=True):
        order = np.argsort(a)
        rows.append(np.interp(columns, a[order], h[order]))
    return np.stack(rows)


def _columns_at(columns: np.ndarray, values: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Linear interpolation of [T, K] values over uniform columns at positions [P], constant beyond the ends -> [T,
    P]."""
    place = np.clip((x - columns[0]) / (columns[1] - columns[0]), 0, len(columns) - 1.000001)
    low = place.astype(int)
    part = place - low
    return values[:, low] * (1 - part) + values[:, low + 1] * part


def _gaze_matrices(gaze: Float[np.ndarray, "T 2"]) -> Float[np.ndarray, "T 3 3"]:
    """Rotation matrices of the rig's eyeball for a gaze (yaw, pitch) [rad]: by yaw about +Y, then pitch (up
    positive), each smaller than the gaze's, so that the pupil moves as far as a real one's.

    The rig's eyeballs are half as large again as real ones. Turned by the gaze itself they moved the pupil 1.5 times as
    far, and a network that learnt from such renders saw real eyes move too little.
    """
    from scipy.spatial.transform import Rotation

    turn = np.arcsin(PUPIL_ARM / EYE_RADIUS * np.sin(gaze))
    return Rotation.from_euler("YX", np.stack([turn[:, 0], -turn[:, 1]], axis=1)).as_matrix()


def _sphere_centre(points: np.ndarray) -> np.ndarray:
    points = points.astype(np.float64)
    system = np.column_stack([2 * points, np.ones(len(points))])
    return np.linalg.lstsq(system, (points**2).sum(1), rcond=None)[0][:3]
