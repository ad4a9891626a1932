"""Mo's ears and hair: auricles as height fields over a plane, and a cap of hair with locks over the skull."""

import numpy as np

from mien.rigs.mo.parts import paired
from mien.rigs.mo.piece import Piece, Sheet, grid
from mien.rigs.mo.sculpt import gradient, march

__all__ = ["make_ears", "make_hair"]

_EAR_CENTRE = np.array([77.2, -9.0, -14.0])
_HAIR_ORIGIN = np.array([0.0, 26.0, -16.0])
_COLUMNS, _ROWS = 60, 10
_STATIONS, _SIDES = 8, 6
_PART = -0.62
"""Azimuth of the parting [rad] from the front, to the subject's right."""
_LOCKS: tuple[tuple[tuple[tuple[float, float, float], ...], float], ...] = (
    (((-35, 40, 6), (-24, 54, 13), (-8, 66, 12), (8, 76, 4)), 24),  # fringe, swept to the left
    (((-31, 33, 8), (-8, 47, 17), (14, 62, 15), (29, 75, 5)), 28),
    (((-27, 26, 9), (8, 40, 19), (33, 57, 16), (48, 74, 5)), 30),
    (((-22, 18, 10), (25, 32, 18), (54, 52, 14), (66, 77, 4)), 30),
    (((-10, 9, 10), (50, 26, 16), (76, 52, 9), (82, 80, 3)), 26),
    (((-38, 38, 5), (-44, 52, 10), (-51, 65, 8), (-55, 77, 3)), 22),  # to the right
    (((-42, 28, 7), (-57, 42, 13), (-67, 61, 9), (-72, 83, 3)), 26),
    (((-50, 16, 8), (-78, 34, 10), (-88, 58, 7), (-86, 84, 2)), 26),
    (((172, 28, 6), (152, 16, 14), (112, 10, 18), (84, 16, 20)), 22),  # crown
    (((80, 62, 6), (80, 80, 8), (76, 96, 5), (71, 108, 0.5)), 20),  # before the ears
    (((-80, 62, 6), (-80, 80, 8), (-77, 96, 5), (-72, 107, 0.5)), 20),
    (((110, 30, 8), (113, 56, 10), (117, 84, 7), (123, 112, 1)), 26),  # back
    (((143, 32, 8), (147, 62, 10), (151, 94, 7), (156, 126, 1)), 28),
    (((176, 34, 8), (180, 66, 10), (181, 98, 7), (178, 132, 1)), 28),
    (((-148, 32, 8), (-148, 62, 10), (-151, 94, 7), (-157, 127, 1)), 28),
    (((-113, 30, 8), (-115, 56, 10), (-119, 84, 7), (-125, 114, 1)), 26),
)
"""((azimuth [deg], angle from straight up [deg], height above the skin [mm]) from root to tip, width [mm])."""

_Strand = tuple[np.ndarray, np.ndarray, np.ndarray, Sheet]
"""(vertices, triangles, shade, the sheet of its texture coordinates)."""


def make_ears() -> Piece:
    """Both auricles: rim, fold, bowl and lobe as heights over an egg-shaped plane, closed by a back."""
    segments = 22
    turn = np.arange(segments) / segments * 2 * np.pi
    c, s = np.cos(turn), np.sin(turn)
    outline = np.stack([np.where(c > 0, 15.5, 9.0) * c + 2.0 * s, np.where(s > 0, 25.0, 22.0) * s], axis=1)
    behind = np.clip(0.35 + 0.9 * c + 0.55 * s, 0, 1)  # where there is a rim: back and top
    lobe = np.clip(-s - 0.55, 0, 1) * 2
    rows = []
    for share in (0.0, 0.22, 0.40, 0.52, 0.62, 0.72, 0.82, 0.91, 1.0):
        rim = 4.4 * np.exp(-(((share - 0.93) / 0.10) ** 2)) * behind
        fold = 4.0 * np.exp(-(((share - 0.60) / 0.10) ** 2)) * np.clip(0.15 + c + 0.2 * s, 0, 1)
        tragus = 5.0 * np.exp(-(((share - 0.80) / 0.2) ** 2)) * np.exp(-(((turn - 1.08 * np.pi) / 0.4) ** 2))
        bowl = -6.5 * np.exp(-((share / 0.42) ** 2))
        dish = 2.5 * share**2 * behind - 5.0 * (1 - behind) * share**2
        rows.append((share, rim * (1 - 0.6 * lobe) + fold * (1 - lobe) + tragus + bowl + dish + 1.5 * lobe))
    edge = rows[-1][1]
    rows += [(1.03, edge - 2.2), (0.97, edge - 4.6), (0.75, 0 * c - 7.0), (0.5, 0 * c - 15.0)]
    normal = np.array([0.86, 0.0, 0.51])
    back = np.array([0.51, 0.0, -0.86])
    up = np.array([0.0, 0.985, -0.17])
    vertices = []
    for share, height in rows:
        flat = outline * share + (1 - share) * np.array([-1.0, -3.0])
        vertices.append(_EAR_CENTRE + flat[:, :1] * back + flat[:, 1:] * up + height[:, None] * normal)
    vertices[0] = vertices[0].mean(axis=0, keepdims=True)  # the canal's one vertex
    index = np.arange(1, 1 + (len(rows) - 1) * segments).reshape(-1, segments)
    fan = np.stack([np.zeros(segments, int), np.roll(index[0], -1), index[0]], axis=1)
    depth = np.concatenate([np.clip(0.93 + h / 40, 0.78, 1.0) for _, h in rows])
    tint = np.stack([depth**0.4, depth**1.3, depth**1.35], axis=1)
    tint[-3 * segments :] = 1.0
    tint[: 2 * segments] *= np.repeat([[0.45, 0.32, 0.30], [0.80, 0.68, 0.66]], segments, axis=0)  # the canal
    tint = tint[segments - 1 :]
    triangles = np.concatenate([fan, grid(index, closed=True)])[:, ::-1]
    disc = Sheet(rows=np.concatenate([np.zeros((1, segments), int), index]), closed=True, polar=True)
    return paired("ears", np.concatenate(vertices), triangles, (0.96, 0.75, 0.64), tint, 0.55, [disc])


def _edge(turn: np.ndarray) -> np.ndarray:
    """Polar angle [rad] from straight up at which the hair ends, by azimuth from the front."""
    # hairline, temple, sideburn, over the ear, behind it, nape
    stops = np.radians([0, 24, 44, 58, 68, 76, 83, 93, 104, 116, 134, 180])
    ends = np.radians([57, 58, 61, 69, 86, 106, 100, 90, 94, 112, 121, 125])
    from scipy.interpolate import PchipInterpolator

    return PchipInterpolator(stops, ends)(np.abs(turn))


def make_hair() -> Piece:
    """Short hair, parted on the right and swept to the left: a cap and locks.

    It is not symmetric, but it never moves, so its vertices can be their own mirror images for shapes.
    """
    pieces = [_cap(), *(_lock(*lock) for lock in _LOCKS)]
    starts = np.cumsum([0, *(len(vertices) for vertices, *_ in pieces)])
    vertices = np.concatenate([vertices for vertices, *_ in pieces])
    return Piece(
        name="hair",
        vertices=vertices,
        triangles=np.concatenate([t + start for (_, t, *_), start in zip(pieces, starts, strict=False)]),
        mirror=np.arange(len(vertices)),
        color=(0.47, 0.28, 0.18),
        tint=np.concatenate([shade for _, _, shade, _ in pieces])[:, None] * np.ones(3),
        roughness=0.55,
        sheets=[sheet.shifted(int(start), 0) for (*_, sheet), start in zip(pieces, starts, strict=False)],
    )


def _skull(azimuth: np.ndarray, polar: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(points of the skin, rays from inside the skull to them) at angles [rad] from the front and from straight up."""
    ray = np.stack([np.sin(polar) * np.sin(azimuth), np.cos(polar), np.sin(polar) * np.cos(azimuth)], axis=1)
    return march(np.tile(_HAIR_ORIGIN, (len(ray), 1)), ray), ray


def _cap() -> _Strand:
    """The hair that covers the skull."""
    turn = (np.arange(_COLUMNS) - _COLUMNS // 2) / _COLUMNS * 2 * np.pi
    front = np.clip(np.cos(turn), 0, 1) ** 1.5
    parting = np.exp(-(((turn - _PART) / 0.16) ** 2))
    end = _edge(turn)
    rows, shades = [], []
    for q in [*np.linspace(0, 1, _ROWS) ** 0.9, 0.97]:
        under = q == 0.97
        lock = np.abs(np.cos(7.5 * turn + 1.5 * q)) ** 0.7
        skin, ray = _skull(turn, end * q)
        cropped = 1 - 0.66 * (1 - front) * np.clip((q - 0.30) / 0.6, 0, 1) ** 1.2  # short at the sides and the nape
        fade = np.clip((q - 0.15) / 0.5, 0, 1) * cropped
        body = 11.0 * cropped - 5.0 * parting * front * min(1.0, 1.6 * q) + 2.4 * (lock - 0.7) * fade
        round_off = np.sqrt(np.clip(1 - (max(q - 0.66, 0) / 0.345) ** 2, 0, 1))
        rows.append(skin + ray * np.where(under, 0.2, body * round_off + 0.9)[:, None])
        shades.append((1 - 0.22 * fade * (1 - lock)) * (0.66 + 0.14 * round_off))
    index = 1 + np.arange((len(rows) - 1) * _COLUMNS).reshape(len(rows) - 1, _COLUMNS)
    fan = np.stack([np.zeros(_COLUMNS, int), index[0], np.roll(index[0], -1)], axis=1)
    vertices = np.concatenate([[rows[0].mean(axis=0)], *rows[1:]])
    shade = np.concatenate([shades[0][:1], *shades[1:]])
    disc = Sheet(rows=np.concatenate([np.zeros((1, _COLUMNS), int), index]), closed=True, polar=True)
    return vertices, np.concatenate([fan, grid(index, closed=True)[:, ::-1]]), shade, disc


def _lock(path: tuple[tuple[float, float, float], ...], width: float) -> _Strand:
    """A lock of hair with a flat side towards the head and a pointed tip."""
    from scipy.interpolate import PchipInterpolator

    s = np.sin(0.5 * np.pi * np.linspace(0, 1, _STATIONS + 1)) ** 1.15
    azimuth, polar, lift = PchipInterpolator(np.linspace(0, 1, len(path)), np.array(path))(s).T
    skin, _ = _skull(np.radians(azimuth), np.radians(polar))
    normal = gradient(skin)
    middle = skin + lift[:, None] * normal
    along = np.gradient(middle, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    across = np.cross(normal, along)
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    normal = np.cross(along, across)
    half = 0.5 * width * PchipInterpolator((0, 0.2, 0.5, 0.8, 1), (0.55, 0.92, 1.0, 0.68, 0.04))(s)
    turn = np.arange(_SIDES) / _SIDES * 2 * np.pi + np.pi / 2
    c, n = np.cos(turn), np.sin(turn)
    tall = np.where(n > 0, 0.52, 0.34) * n
    rows = middle[:, None] + half[:, None, None] * (c[:, None] * across[:, None] + tall[:, None] * normal[:, None])
    index = np.arange(rows.shape[0] * _SIDES).reshape(-1, _SIDES)
    shade = np.outer(0.86 + 0.14 * s, np.where(n > 0.8, 1.0, np.where(n > 0, 0.88, 0.62)))
    return rows.reshape(-1, 3), grid(index, closed=True), np.clip(shade.ravel(), 0, 1), Sheet(rows=index, closed=True)
