"""What is in and on mo's skin: eyeballs, teeth, tongue, brows, lashes. Left-hand pieces are mirrored."""

from itertools import pairwise

import numpy as np
from jaxtyping import Float

from mien.rigs.mo.piece import Piece, grid, mirror_by_position
from mien.rigs.mo.sculpt import EYE_CENTRE, EYE_RADIUS, gradient, march

__all__ = [
    "IRIS_ANGLE",
    "make_brows",
    "make_catchlights",
    "make_eyeballs",
    "make_lashes",
    "make_teeth",
    "make_tongue",
    "paired",
    "tongue_height",
]

IRIS_ANGLE = np.radians(27.0)
_EYE_RINGS = np.radians([4, 8, 10.6, 11.6, 13.6, 16.5, 19.5, 22.5, 25, 26.6, 28.4, 33, 42, 55, 74])
_LIMBUS = 9
"""Ring of the iris's rim."""
_EYE_SEGMENTS = 44
_CATCHLIGHTS = (((-0.24, 0.30), 4.0), ((0.20, -0.24), 1.6))
"""The lamp's mirror image on a cornea: x and y of its direction from the eye's centre, radius [deg]."""


def paired(
    name: str,
    vertices: Float[np.ndarray, "V 3"],
    triangles: np.ndarray,
    color: tuple[float, float, float],
    tint: np.ndarray | None = None,
    roughness: float = 0.6,
) -> Piece:
    """A piece of two mirrored halves from its left one."""
    count = len(vertices)
    tint = np.ones((count, 3)) if tint is None else tint
    return Piece(
        name=name,
        vertices=np.concatenate([vertices, vertices * [-1, 1, 1]]),
        triangles=np.concatenate([triangles, triangles[:, ::-1] + count]),
        mirror=np.concatenate([np.arange(count) + count, np.arange(count)]),
        color=color,
        tint=np.concatenate([tint, tint]),
        roughness=roughness,
    )


def make_eyeballs() -> Piece:
    """Spheres about their axis +z: dense rings at pupil and iris; the first vertex of each is the pupil's centre."""
    turn = np.arange(_EYE_SEGMENTS) / _EYE_SEGMENTS * 2 * np.pi
    rings = [[(0.0, 0.0, 1.0)]]
    for angle in _EYE_RINGS:
        c, s = np.cos(angle), np.sin(angle)
        rings.append([(s * np.cos(t), s * np.sin(t), c) for t in turn])
    d = np.concatenate([np.array(r) for r in rings])
    rows = 1 + np.arange(len(_EYE_RINGS) * _EYE_SEGMENTS).reshape(len(_EYE_RINGS), -1)
    fan = np.stack([np.zeros(_EYE_SEGMENTS, int), rows[0], np.roll(rows[0], -1)], axis=1)
    triangles = np.concatenate([fan, grid(rows, closed=True)[:, ::-1]])
    angle = np.arccos(np.clip(d[:, 2], -1, 1))
    piece = paired("eyeballs", d * EYE_RADIUS + EYE_CENTRE, triangles, (1.0, 1.0, 1.0), _eye_tint(angle, d), 0.12)
    quarter = np.arange(4) * (_EYE_SEGMENTS // 4)
    piece.labels["limbus"] = rows[_LIMBUS, quarter]  # of the left eye: outer, upper, inner, lower
    return piece


def make_catchlights() -> Piece:
    """White caps just off the eyeballs that hang on the head: a lamp's image stays in place when the eye turns.

    Drawn, not left to the viewer's light: an eye without one looks dead. Both eyes see the same lamp, so these are
    not mirror images; they never move and count as their own.
    """
    segments = 14
    turn = np.arange(segments) / segments * 2 * np.pi
    vertices, triangles = [], []
    for side in (1.0, -1.0):
        for (x, y), radius in _CATCHLIGHTS:
            axis = np.array([x, y, np.sqrt(1 - x * x - y * y)])
            right = np.cross([0.0, 1.0, 0.0], axis)
            right /= np.linalg.norm(right)
            rim = np.cos(turn)[:, None] * right + np.sin(turn)[:, None] * np.cross(axis, right)
            r = np.radians(radius)
            cap = np.concatenate([[axis], axis * np.cos(r) + rim * np.sin(r)])
            first = sum(len(v) for v in vertices)
            spokes = first + 1 + np.arange(segments)
            triangles.append(np.stack([np.full(segments, first), spokes, np.roll(spokes, -1)], axis=1))
            vertices.append(EYE_CENTRE * [side, 1, 1] + cap * (EYE_RADIUS + 0.2))
    all_vertices = np.concatenate(vertices)
    return Piece(
        name="catchlights",
        vertices=all_vertices,
        triangles=np.concatenate(triangles),
        mirror=np.arange(len(all_vertices)),
        color=(1.0, 1.0, 1.0),
        tint=np.ones((len(all_vertices), 3)),
        roughness=0.3,
    )


def _eye_tint(angle: np.ndarray, d: np.ndarray) -> np.ndarray:
    degrees = np.degrees(angle)
    stops = [0, 10.7, 11.5, 13.6, 16.5, 22.5, 25, 26.7, 28.5, 45, 80]
    red = [0.02, 0.02, 0.26, 0.58, 0.52, 0.36, 0.20, 0.13, 0.93, 0.91, 0.80]
    green = [0.02, 0.02, 0.15, 0.38, 0.31, 0.20, 0.11, 0.08, 0.92, 0.88, 0.66]
    blue = [0.03, 0.03, 0.06, 0.16, 0.12, 0.08, 0.06, 0.06, 0.91, 0.85, 0.62]
    tint = np.stack([np.interp(degrees, stops, c) for c in (red, green, blue)], axis=1)
    around = np.arctan2(d[:, 1], d[:, 0])
    iris = (degrees > 11) & (degrees < 26)
    fibres = 1 + 0.13 * np.cos(11 * around + 0.7) + 0.09 * np.cos(19 * around + 2.1)
    low = 1.0 - 0.62 * d[:, 1] / np.sin(IRIS_ANGLE)  # light gathers low in an iris
    shadow = 1 - 0.30 * np.clip((d[:, 1] - 0.20) / 0.30, 0, 1)  # of the upper lid and its lashes
    return np.clip(tint * np.where(iris, fibres * low, shadow)[:, None], 0, 1)


def _teeth_columns() -> tuple[np.ndarray, np.ndarray]:
    """Positions along the arch in (-1, 1) and how far each stands out: 0 between teeth, 1 on them."""
    widths = np.array([1.25, 1.0, 0.95, 0.9, 0.9, 0.9])
    edges = np.append(0, np.cumsum(widths)) / widths.sum()
    at, out = [], []
    for a, b in pairwise(edges.tolist()):
        for f, h in ((0.0, 0.0), (0.25, 0.9), (0.75, 0.9)):
            at.append(a + f * (b - a))
            out.append(h)
    at.append(1.0)
    out.append(0.0)
    left, height = np.array(at), np.array(out)
    return np.concatenate([-left[:0:-1], left]), np.concatenate([height[:0:-1], height])


def _arch(u: np.ndarray, width: float, front: float, deep: float) -> np.ndarray:
    """x, z along a dental arch (half an ellipse's arc)."""
    a = u * np.radians(84.0)
    return np.stack([width * np.sin(a), front - deep * (1 - np.cos(a))], axis=1)


def make_teeth(front: float) -> Piece:
    """Upper and lower teeth with gums, `front` [mm] the z of the upper incisors."""
    u, out = _teeth_columns()
    rows: list[np.ndarray] = []
    tints: list[np.ndarray] = []
    gum, tooth, shade = np.array([0.80, 0.45, 0.45]), np.array([1.0, 0.985, 0.95]), np.array([0.70, 0.62, 0.55])
    for side, biting, offset in ((1.0, -59.6, 0.0), (-1.0, -58.4, -2.4)):
        flat = _arch(u, 20.0 + 0.35 * offset, front + offset, 27.0)
        normal = np.stack([np.sin(u * 1.36), np.cos(u * 1.36)], axis=1)
        edge = biting + side * (0.55 * (1 - out) + 1.2 * u**2)
        tall = (7.6 if side > 0 else 6.6) - 1.5 * u**2 - 2.0 * u**8
        layout = ((14.0, -0.6, 0), (9.0, 0.5, 0), (7.8, 0.7, 0), (6.9, 0.35, 1), (3.0, 0.75, 2), (0.6, 0.35, 2))
        layout += ((0.0, -0.6, 2), (0.4, -2.0, 2), (9.0, -3.2, 1))
        for up, push, kind in layout:
            y = edge + side * up * tall / 7.6 + (side * 1.2 * (1 - out) * (-1 if 6 < up < 8 else 0))
            stand = push + (0.8 * (out - 1) if kind == 2 else 0)
            xz = flat + normal * np.broadcast_to(stand, len(u))[:, None]
            rows.append(np.stack([xz[:, 0], y, xz[:, 1]], axis=1))
            tone = gum if kind == 0 else (shade if kind == 1 else tooth)
            tints.append(np.where((kind == 2) & (out == 0), 0.80, 1.0)[:, None] * tone)
    count, half = len(u), len(rows) // 2
    index = np.arange(len(rows) * count).reshape(len(rows), count)
    triangles = np.concatenate([grid(index[:half])[:, ::-1], grid(index[half:])])
    vertices = np.concatenate(rows)
    return Piece(
        name="teeth",
        vertices=vertices,
        triangles=triangles,
        mirror=mirror_by_position(vertices),
        color=(0.95, 0.94, 0.90),
        tint=np.concatenate(tints),
        roughness=0.3,
        labels={
            "upper": index[:half].ravel(),
            "lower": index[half:].ravel(),
            "crowns": index[[r for r in range(len(rows)) if 3 <= r % half < 8]].ravel(),
            "gums": index[[r for r in range(len(rows)) if r % half <= 3 or r % half == 8]].ravel(),
        },
    )


def tongue_height(along: np.ndarray | float) -> np.ndarray:
    """Height [mm] of the tongue's middle from root (0) to tip (1): so high that it can leave between the teeth."""
    return -70.0 + 10.5 * np.clip(2.2 * np.asarray(along), 0, 1)


def make_tongue() -> Piece:
    """A rounded tongue that rests behind the upper teeth; label "along" is 0 at the root, 1 at the tip."""
    segments, stations = 14, 13
    rows = []
    s = np.linspace(0, 1, stations)
    turn = np.arange(segments) / segments * 2 * np.pi + np.pi / 2
    for t in s:
        width = 13.0 * np.sqrt(max(1 - (max(t - 0.35, 0) / 0.66) ** 2.4, 0.0)) * (0.85 + 0.15 * min(t / 0.3, 1)) + 0.3
        thick = 5.5 * np.sqrt(max(1 - (max(t - 0.2, 0) / 0.81) ** 2, 0.0)) + 0.2
        across, up = np.cos(turn), np.sin(turn)
        groove = -1.3 * np.exp(-((across / 0.28) ** 2)) * (up > 0) * np.sin(np.pi * min(1.0, t * 1.05))
        y = (3.0 * np.sin(np.pi * t) + thick * up + groove) * (1 - 0.25 * t) + tongue_height(t)
        rows.append(np.stack([width * across, y, np.full(segments, 20.0 + 34.5 * t)], axis=1))
    index = np.arange(stations * segments).reshape(stations, segments)
    tip = len(index) * segments
    fan = np.stack([index[-1], np.roll(index[-1], -1), np.full(segments, tip)], axis=1)
    vertices = np.concatenate([*rows, [[0.0, float(tongue_height(1.0)), 55.1]]])
    along = np.append(np.repeat(s, segments), 1.0)
    tint = (0.80 + 0.20 * along)[:, None] * np.ones(3)
    return Piece(
        name="tongue",
        vertices=vertices,
        triangles=np.concatenate([grid(index, closed=True), fan]),
        mirror=mirror_by_position(vertices),
        color=(0.86, 0.47, 0.47),
        tint=tint,
        roughness=0.45,
        labels={"along": along},
    )


def make_brows() -> Piece:
    """Soft ribbons on the brow ridge, thick inside and tapering out."""
    s = np.linspace(0, 1, 15)
    x = 11.5 + 37.0 * s
    y = 22.5 + 6.5 * np.sin(np.pi * (0.12 + 0.60 * s)) - 2.2
    tall = 3.1 * np.clip(np.sin(np.pi * np.clip(s * 0.88 + 0.12, 0, 1)) ** 0.55, 0.08, None) * (1.05 - 0.45 * s)
    tall[:3] *= [0.35, 0.80, 0.95]
    rows = []
    for across, lift in ((-1.0, -0.6), (-0.72, 1.2), (0.0, 2.0), (0.72, 1.2), (1.0, -0.6)):
        lean = 1.4 * across * (1 - s)  # the inner end leans up
        flat = np.stack([x - 0.5 * lean, y + across * tall], axis=1)
        start = np.concatenate([flat, np.full((len(flat), 1), 160.0)], axis=1)
        skin = march(start, np.tile([0.0, 0.0, -1.0], (len(flat), 1)), outward=False)
        rows.append(skin + gradient(skin) * (lift * np.where((s == 0) | (s == 1), 0.25, 1.0))[:, None])
    index = np.arange(5 * len(s)).reshape(5, len(s))
    fray = 0.9 + 0.1 * np.cos(np.arange(5 * len(s)) * 2.4)
    return paired("brows", np.concatenate(rows), grid(index), (0.23, 0.14, 0.10), fray[:, None] * np.ones(3), 0.8)


def make_lashes(margin: Float[np.ndarray, "N 3"]) -> Piece:
    """A dark ridge along the upper lid's edge, longer towards the outer corner; row by row like the margin."""
    s = np.linspace(0, 1, len(margin))
    out = margin - EYE_CENTRE
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    length = 0.5 + 2.6 * np.sin(np.pi * np.clip(0.05 + 0.85 * s, 0, 1)) ** 0.8 * (0.35 + 0.65 * s)
    length[[0, -1]] *= [0.2, 0.75]
    sweep = np.stack([0.75 * s**2, 0.55 + 0.1 * s, 0.35 - 0 * s], axis=1) + 0.5 * out
    sweep /= np.linalg.norm(sweep, axis=1, keepdims=True)
    low = margin - 0.5 * out
    rows = [low, margin + 0.35 * out + [0, 0.9, 0] * np.sin(np.pi * s)[:, None], margin + sweep * length[:, None]]
    index = np.arange(3 * len(margin)).reshape(3, -1)
    ridge = np.concatenate([grid(index), grid(index[[2, 0]])])
    return paired(
        "lashes", np.concatenate(rows), np.concatenate([ridge, ridge[:, ::-1]]), (0.10, 0.06, 0.05), None, 0.7
    )
