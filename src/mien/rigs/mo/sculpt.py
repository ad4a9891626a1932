"""Mo's head as a signed distance field: smooth unions of simple bodies, in millimetres.

y = 0 is the line of the eyes, +x the subject's left, +z out of the face. The blends are polynomial smooth minima
(Quilez 2013); the result is a bound of the distance, so surfaces are found by damped marching.
"""

import numpy as np
from jaxtyping import Float

__all__ = ["EYE_CENTRE", "EYE_RADIUS", "LID", "ORIGIN", "gradient", "head", "march", "settle"]

EYE_CENTRE = np.array([34.5, 0.0, 46.0])
"""Centre of the left eyeball [mm]; the right one is its mirror image."""
EYE_RADIUS = 20.5
LID = 1.8
"""Distance of the outer lid surface from the eyeball [mm]: a lid that rotates by 45 degrees along a straight path (a
blendshape is linear) comes 1.5 mm closer half-way and still clears the eyeball."""
ORIGIN = np.array([0.0, -18.0, -2.0])
"""Point from which the head's skin is visible completely: every ray from it meets the skin once."""

_ARRIVED = 1e-8
"""Step length below which marching ends [mm]."""


def _ellipsoid(p: np.ndarray, centre: tuple[float, float, float], radii: tuple[float, float, float]) -> np.ndarray:
    q = p - np.asarray(centre)
    r = np.asarray(radii)
    k0 = np.linalg.norm(q / r, axis=-1)
    k1 = np.linalg.norm(q / r**2, axis=-1)
    return k0 * (k0 - 1) / np.maximum(k1, 1e-9)


def _capsule(p: np.ndarray, a: tuple[float, ...], b: tuple[float, ...], ra: float, rb: float) -> np.ndarray:
    start, along = np.asarray(a), np.asarray(b) - np.asarray(a)
    t = np.clip((p - start) @ along / (along @ along), 0, 1)
    return np.linalg.norm(p - start - t[..., None] * along, axis=-1) - (ra + (rb - ra) * t)


def _join(a: np.ndarray, b: np.ndarray, k: float) -> np.ndarray:
    h = np.maximum(k - np.abs(a - b), 0) / k
    return np.minimum(a, b) - h * h * k / 4


def _carve(a: np.ndarray, b: np.ndarray, k: float) -> np.ndarray:
    return -_join(-a, b, k)


def head(points: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch"]:
    """Signed distance bound [mm] of the bald head and neck, negative inside, and symmetric in x by construction."""
    p = np.array(points, float)
    p[..., 0] = np.abs(p[..., 0])
    d = _ellipsoid(p, (0, 36, -16), (77, 78, 90))
    d = _join(d, _ellipsoid(p, (0, -8, 6), (69, 70, 61)), 24)
    d = _join(d, _ellipsoid(p, (0, -54, 22), (50, 38, 44)), 26)  # jaw
    d = _join(d, _ellipsoid(p, (0, -80.5, 55), (14, 11.5, 12.5)), 22)  # chin
    d = _join(d, _ellipsoid(p, (36, -34, 38), (23, 21, 22)), 22)  # cheeks
    d = _join(d, _capsule(p, (0, -95, -24), (0, -165, -38), 31, 38), 18)  # neck
    d = _join(d, _ellipsoid(p, (0, -172, -40), (84, 30, 42)), 34)  # shoulders begin
    d = _carve(d, _ellipsoid(p, (34, 2, 76), (23, 18, 18)), 18)  # eye sockets
    d = _join(d, _ellipsoid(p, (0, -56, 50), (23, 17, 21)), 14)  # muzzle
    d = _join(d, _capsule(p, (13, 25, 58), (44, 27, 42), 8, 6), 18)  # brow ridge
    d = _join(d, np.linalg.norm(p - EYE_CENTRE, axis=-1) - (EYE_RADIUS + LID), 6.0)  # lids over the eyeball
    nose = _capsule(p, (0, 10, 63), (0, -22, 77), 5.5, 7.0)
    nose = _join(nose, _ellipsoid(p, (0, -27, 81), (10.0, 8.8, 9.5)), 8)
    nose = _join(nose, _ellipsoid(p, (9.0, -29.5, 73.5), (5.6, 5.6, 7.0)), 6)
    d = _join(d, nose, 9)
    return _carve(d, _ellipsoid(p, (4.9, -36.4, 77.6), (2.9, 3.4, 3.5)), 1.8)  # nostrils


def gradient(points: Float[np.ndarray, "*batch 3"], step: float = 0.05) -> Float[np.ndarray, "*batch 3"]:
    """Unit outward direction of the field, by central differences."""
    out = np.empty_like(points, dtype=float)
    for k in range(3):
        h = np.zeros(3)
        h[k] = step
        out[..., k] = head(points + h) - head(points - h)
    return out / np.maximum(np.linalg.norm(out, axis=-1, keepdims=True), 1e-12)


def march(
    start: Float[np.ndarray, "N 3"], direction: Float[np.ndarray, "N 3"], *, outward: bool = True, steps: int = 160
) -> Float[np.ndarray, "N 3"]:
    """First point of the skin along rays that start inside and go out, or start outside and go in."""
    direction = direction / np.linalg.norm(direction, axis=-1, keepdims=True)
    t = np.zeros(len(direction))
    sign = -1.0 if outward else 1.0
    under_way = np.arange(len(t))
    for _ in range(steps):
        step = 0.7 * sign * head(start[under_way] + t[under_way, None] * direction[under_way])
        t[under_way] += step
        under_way = under_way[np.abs(step) > _ARRIVED]
        if not len(under_way):
            break
    return start + t[:, None] * direction


def settle(points: Float[np.ndarray, "N 3"], level: Float[np.ndarray, "N"] | float = 0.0) -> Float[np.ndarray, "N 3"]:
    """Points moved along the field's gradient until their signed distance is `level` [mm]."""
    p = np.array(points, float)
    for _ in range(12):
        p -= 0.8 * (head(p) - level)[:, None] * gradient(p)
    return p
