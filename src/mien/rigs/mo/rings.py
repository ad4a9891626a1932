"""The rings of vertices around the left eye's opening and the left half of the mouth."""

import numpy as np
from jaxtyping import Float

from mien.rigs.mo.sculpt import EYE_CENTRE, EYE_RADIUS, LID, gradient, march, settle

__all__ = [
    "BORDER",
    "CONTACT",
    "EYE_STEPS",
    "LINING",
    "MOUTH_STEPS",
    "MOUTH_WIDTH",
    "RED",
    "closing_line",
    "eye_rings",
    "lip_line",
    "mouth_rings",
    "on_lid",
    "ring_parameter",
]

EYE_STEPS = 21
"""Number of intervals of a lid's margin, from corner to corner."""
MOUTH_STEPS = 15
"""Number of intervals of half a lip, from the midline to the corner."""
LINING, CONTACT, BORDER = 5, 8, 12
"""Rows of `mouth_rings`: the first row behind the lips (earlier rows line the cavity), the row where the lips meet, and
the row at the border of their red."""
RED = {CONTACT: 0.0, CONTACT + 1: 0.46, CONTACT + 2: 1.0, CONTACT + 3: 1.6, BORDER: 2.0}
"""Row of the lips -> its outward position: 0 where the lips meet, 1 on the ridge, 2 at the border."""
MOUTH_WIDTH = 22.0
"""Half width of the mouth [mm]."""
_THROAT = 13.0
"""Depth (z) of the mouth's last row [mm]."""
_INNER, _OUTER = -16.4, 18.8
"""x of the lids' corners from the eye's centre [mm]."""


def _corner_line(s: np.ndarray) -> np.ndarray:
    """Elevation [rad] of the line between the corners of the eye; the outer corner is higher."""
    return np.radians(-4.0 + 6.5 * s)


def _skew(s: np.ndarray, peak: float) -> np.ndarray:
    """A hump over [0, 1], 0 at the ends, 1 at `peak`."""
    warped = s ** (np.log(0.5) / np.log(peak))
    return np.sin(np.pi * warped)


def on_lid(x: np.ndarray, angle: np.ndarray, radius: float) -> Float[np.ndarray, "N 3"]:
    """Points on a sphere of `radius` about the eye's centre, at `x` along the lids' axis and rotated up by `angle`."""
    arm = np.sqrt(np.maximum(radius**2 - x**2, 1e-9))
    return np.stack([x, arm * np.sin(angle), arm * np.cos(angle)], axis=-1)


def closing_line(s: np.ndarray) -> np.ndarray:
    """Elevation [rad] of the line where the lids meet: low, since the upper lid moves farther."""
    return _corner_line(s) - np.radians(14.0) * _skew(s, 0.5)


def ring_parameter() -> Float[np.ndarray, "N"]:
    """Position of a lid's vertices from the inner corner (0) to the outer (1), denser at the corners."""
    s = 0.5 - 0.5 * np.cos(np.pi * (0.12 + 0.76 * np.linspace(0, 1, EYE_STEPS + 1)))
    return (s - s[0]) / (s[-1] - s[0])


def eye_rings() -> tuple[list[np.ndarray], list[np.ndarray]]:
    """(upper, lower) rows of the left eye's rings, each [EYE_STEPS + 1, 3], inner to outer corner.

    Rows 0-2 lie under the lid (deepest first), row 3 is the margin's inner edge, row 4 the outer edge, the rest skin.
    """
    s = ring_parameter()
    x = _INNER + (_OUTER - _INNER) * s
    margins = (
        _corner_line(s) + np.radians(30.5) * _skew(s, 0.47) ** 0.60,
        _corner_line(s) - np.radians(26.0) * _skew(s, 0.54) ** 0.66,
    )
    radius = EYE_RADIUS + LID
    out: list[list[np.ndarray]] = []
    for side, angle in zip((1.0, -1.0), margins, strict=True):
        edge = on_lid(x, angle, radius)
        flat = _unroll(edge)
        away = np.stack([flat[:, 0] / 17.0**2, (flat[:, 1]) / 12.0**2], axis=1)
        away[:, 1] = np.where(np.abs(away[:, 1]) < 1e-9, 0, away[:, 1])
        away /= np.linalg.norm(away, axis=1, keepdims=True)
        nasal = 1 - 0.7 * np.clip(-away[:, 0], 0, 1) ** 1.3
        rows = [_roll(flat + 9.0 * away) * (EYE_RADIUS + 0.5), _roll(flat + 5.5 * away) * (EYE_RADIUS + 0.5)]
        rows += [_roll(flat + 2.0 * away) * (EYE_RADIUS + 0.4), _roll(flat + 0.15 * away) * (EYE_RADIUS + 0.35), edge]
        for offset in (1.1, 2.4, 4.0, 5.8) if side > 0 else (1.1, 2.6, 4.8, 7.5):
            ray = _roll(flat + offset * nasal[:, None] * away)
            # the point where the ray leaves the head is not used: towards the nose it is far from the lid
            far = np.linalg.norm(rows[-1], axis=1, keepdims=True)
            skin = settle(EYE_CENTRE + ray * far) - EYE_CENTRE
            if offset < 3:  # the margin itself stays on the lid's sphere
                skin += (ray * radius - skin) * (1 - offset / 3.5)
            rows.append(skin)
        out.append([row + EYE_CENTRE for row in rows])
    for upper, lower in zip(*out, strict=True):  # corners are shared
        upper[[0, -1]] = lower[[0, -1]] = (upper[[0, -1]] + lower[[0, -1]]) / 2
    return out[0], out[1]


def _unroll(points: np.ndarray) -> np.ndarray:
    """Azimuthal equidistant map of directions about +z, in mm at the lid's radius."""
    d = points / np.linalg.norm(points, axis=1, keepdims=True)
    flat = np.hypot(d[:, 0], d[:, 1])
    angle = np.arctan2(flat, d[:, 2])
    return d[:, :2] / np.maximum(flat, 1e-12)[:, None] * angle[:, None] * (EYE_RADIUS + LID)


def _roll(flat: np.ndarray) -> np.ndarray:
    """Directions of the points of the map; the inverse of `_unroll`."""
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    angle = length / (EYE_RADIUS + LID)
    return np.concatenate([flat / np.maximum(length, 1e-12) * np.sin(angle), np.cos(angle)], axis=1)


def lip_line(x: np.ndarray) -> np.ndarray:
    """Height [mm] of the line where the lips meet: a slight bow with raised corners, for a friendly face at rest."""
    t = np.abs(x) / MOUTH_WIDTH
    return -57.5 - 0.8 * np.cos(np.pi * np.clip(t * 1.6, 0, 1)) + 2.5 * t**2.5


def _borders(t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Heights of the upper and lower lip's red above the lip line [mm] at t = |x| / half width."""
    taper = np.clip(1 - t**3, 0, 1) ** 0.7
    bow = 1 + 0.16 * np.exp(-(((t - 0.2) / 0.14) ** 2)) - 0.10 * np.exp(-((t / 0.09) ** 2))
    return 5.4 * taper * bow, 7.4 * np.clip(1 - t**3, 0, 1) ** 0.75


def mouth_rings() -> tuple[list[np.ndarray], list[np.ndarray]]:
    """(upper, lower) rows of half the mouth's rings, each [MOUTH_STEPS + 1, 3], midline to left corner.

    Rows go from the throat through the cavity (from `LINING` on behind the lips) to where the lips meet (`CONTACT`),
    over the red of the lips to its `BORDER` and onto the skin.
    """
    t = np.sin(0.5 * np.pi * np.linspace(0, 1, MOUTH_STEPS + 1)) ** 0.92
    x = MOUTH_WIDTH * t
    line = lip_line(x)
    corner = t**6  # sideways displacement of a row at the corner
    both: list[list[np.ndarray]] = []
    for side, height in zip((1.0, -1.0), _borders(t), strict=True):
        swell = np.clip(1 - t**2, 0, 1) ** 0.6
        full = 1.7 if side > 0 else 2.5
        contact = _front(np.stack([x, line], 1), -2.0 + 0.2 * t)
        rows = [contact]
        ridge = {0.24: 0.62, 0.52: 1.0, 0.8: 0.72}
        for share in (0.24, 0.52, 0.8, 1.0):
            level = ridge[share] * full * swell if share in ridge else 0.25 * swell
            push = 2.0 * share**1.1
            rows.append(_front(np.stack([x + push * corner, line + side * share * height], 1), level))
        away = _outward(x, side * (height + 2.0))
        for offset, level in ((2.4, 0.0), (5.2, 0.0 if side < 0 else 0.3), (9.0, 0.1)):
            at = rows[4][:, :2] + away * offset
            rows.append(_front(at, level * swell))
        both.append([*_inside(contact, side, t), *rows])
    for upper, lower in zip(*both, strict=True):
        upper[-1] = lower[-1] = (upper[-1] + lower[-1]) / 2
        upper[0, 0] = lower[0, 0] = 0.0
    return both[0], both[1]


def _outward(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    away = np.stack([x / 30.0**2, y / 16.0**2], axis=1)
    away[-1] = (1.0, 0.0)
    return away / np.linalg.norm(away, axis=1, keepdims=True)


def _inside(contact: np.ndarray, side: float, t: np.ndarray) -> list[np.ndarray]:
    """Rows behind the lips, throat first. Columns are dense at the lips' corner and evened out farther inside, where
    they would make slivers."""
    even = np.linspace(0, 1, len(t))
    rows = []
    for lift, back, share in ((0.15, 3.0, 0.1), (2.2, 6.5, 0.25), (7.5, 8.0, 0.45)):
        s = (1 - share) * t + share * even
        along = np.stack([np.interp(s, t, contact[:, k]) for k in range(3)], axis=1)
        rows.append(along + np.stack([0 * s, side * lift * np.clip(1 - s**4, 0, 1), -back * (1 - 0.4 * s)], 1))
    front = rows[-1][:, 2]
    for k, (width, lift, share) in enumerate(
        ((23.6, 11.5, 0.7), (24, 13.2, 1), (22.5, 13, 1), (18, 10.5, 1), (14, 7, 1))
    ):
        s = (1 - share) * t + share * even
        y = -59.0 - 0.75 * k + side * lift * np.clip(1 - s**3, 0, 1)
        rows.append(np.stack([width * s, y, front + (k + 1) / 5 * (_THROAT - front)], 1))
    return rows[::-1]


def _front(xy: np.ndarray, level: np.ndarray | float) -> np.ndarray:
    """The skin's points seen from the front at (x, y), raised by `level` [mm] along the field's gradient."""
    start = np.concatenate([xy, np.full((len(xy), 1), 160.0)], axis=1)
    points = march(start, np.tile([0.0, 0.0, -1.0], (len(xy), 1)), outward=False)
    return points + gradient(points) * np.broadcast_to(np.asarray(level, float), len(xy))[:, None]
