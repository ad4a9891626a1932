"""A painted eye as a texture for ICT-FaceKit's eyeballs: white, iris and pupil by the angle from the eye's axis.

The rig's own iris meshes lie behind the sclera, which is opaque in every viewer without refraction, so that the iris is
painted on the sclera, as large as `IRIS_RADIUS` and about the corneal pole. Left and right eyeballs have mirrored
texture coordinates, so that both use one texture.
"""

import numpy as np
from jaxtyping import Float, Int, UInt8

from mien.rigs.ict_landmarks import EYE_RADIUS, IRIS_RADIUS
from mien.rigs.raster import chart

__all__ = ["IRIS_COLOR", "SCLERA_COLOR", "eye_texture"]

IRIS_COLOR = (0.36, 0.24, 0.15)
"""sRGB of the iris when none is given: brown, the eye colour of most people."""
SCLERA_COLOR = (0.82, 0.795, 0.78)
"""sRGB of the white of the eye."""
_SIDE = 512
_IRIS = IRIS_RADIUS / EYE_RADIUS
"""Angle of the limbus from the axis [rad], as at the landmarks of its rim."""
_PUPIL = 0.38
"""Radius of the pupil, as a share of the iris: 4.4 mm across, in room light (Watson & Yellott 2012)."""
_EDGE = 0.055
"""Softness of the limbus, as a share of the iris; that of a real eye is 0.6 mm wide."""
_PINK = np.array([0.74, 0.55, 0.52], np.float32)
"""sRGB of the white near the lids, where vessels show."""


def eye_texture(
    uv: Float[np.ndarray, "U 2"],
    triangles: Int[np.ndarray, "F 3"],
    toward: Float[np.ndarray, "U 3"],
    axis: Float[np.ndarray, "3"],
    iris: tuple[float, float, float] = IRIS_COLOR,
    sclera: tuple[float, float, float] = SCLERA_COLOR,
) -> UInt8[np.ndarray, "N N 3"]:
    """The texture of an eyeball, sRGB.

    Args:
        uv: texture coordinates of the sclera.
        triangles: triangles on `uv`.
        toward: unit vectors from the eyeball's centre to the points that have these coordinates.
        axis: the eye's optical axis, a unit vector.
        iris: sRGB of the iris's middle, in [0, 1].
        sclera: sRGB of the white, in [0, 1].
    """
    across = np.cross([0.0, 1.0, 0.0], axis)
    across /= np.linalg.norm(across)
    frame = np.stack([across, np.cross(axis, across), axis], axis=1)
    found = chart(uv, triangles, (toward @ frame).astype(np.float32), _SIDE, _SIDE)
    place = np.nan_to_num(found / np.linalg.norm(found, axis=2, keepdims=True), nan=0.0)
    angle = np.where(np.isfinite(found[..., 2]), np.arctan2(np.hypot(place[..., 0], place[..., 1]), place[..., 2]), 3.0)
    radius, turn = angle / _IRIS, np.arctan2(place[..., 1], place[..., 0])
    ball = _ball(angle, np.asarray(sclera, np.float32))
    ring = _iris(radius, turn, np.asarray(iris, np.float32))
    share = _step(1 + _EDGE, 1 - _EDGE, radius)[..., None]
    return np.rint(255 * np.clip(ball + share * (ring - ball), 0, 1)).astype(np.uint8)


def _ball(angle: np.ndarray, color: np.ndarray) -> np.ndarray:
    pink = 0.55 * _step(0.45, 1.2, angle)[..., None]
    return color + pink * (_PINK - color)


def _iris(radius: np.ndarray, turn: np.ndarray, color: np.ndarray) -> np.ndarray:
    """Fibres about the pupil, lighter inside, with a dark ring at the limbus and a black pupil."""
    rng = np.random.default_rng(7)
    fibres = np.zeros_like(radius)
    for count in (11, 17, 29, 47, 71):
        phase, bend = rng.uniform(0, 2 * np.pi), rng.uniform(-1.2, 1.2)
        fibres += np.sin(count * turn + phase + 6 * bend * radius) / 5
    inner = _step(0.72, 0.45, radius)
    light = 1 + 0.16 * fibres + 0.28 * inner - 0.55 * _step(0.78, 1.0, radius)
    painted = color * np.clip(light, 0.15, 1.6)[..., None]
    black = _step(_PUPIL + 0.05, _PUPIL - 0.03, radius)[..., None]
    return painted + black * (np.float32(0.02) - painted)


def _step(low: float, high: float, value: np.ndarray) -> np.ndarray:
    """0 below `low`, 1 above `high`, smooth between (reversed when `low` exceeds `high`)."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)
