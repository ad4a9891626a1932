"""Mo's ears and hair: an auricle over its own plane, and a volume of clumped locks over the skull."""

import numpy as np

from mien.rigs.mo.parts import paired
from mien.rigs.mo.piece import Piece, grid, mirror_by_position
from mien.rigs.mo.sculpt import march

__all__ = ["make_ears", "make_hair"]

_EAR_CENTRE = np.array([71.5, -8.0, -12.0])
_HAIR_ORIGIN = np.array([0.0, 26.0, -16.0])
_COLUMNS, _ROWS = 56, 20


def make_ears() -> Piece:
    """Auricles: a rim, a fold, a bowl and a lobe as heights over an egg-shaped plane; closed by a back."""
    segments = 26
    turn = np.arange(segments) / segments * 2 * np.pi
    c, s = np.cos(turn), np.sin(turn)
    outline = np.stack([np.where(c > 0, 15.5, 9.0) * c + 2.0 * s, np.where(s > 0, 25.0, 22.0) * s], axis=1)
    behind = np.clip(0.35 + 0.9 * c + 0.55 * s, 0, 1)  # where there is a rim: back and top
    lobe = np.clip(-s - 0.55, 0, 1) * 2
    rows = []
    for share in (0.0, 0.18, 0.34, 0.46, 0.56, 0.66, 0.76, 0.86, 0.95, 1.0):
        rim = 3.4 * np.exp(-(((share - 0.93) / 0.10) ** 2)) * behind
        fold = 3.2 * np.exp(-(((share - 0.60) / 0.10) ** 2)) * np.clip(0.15 + c + 0.2 * s, 0, 1)
        tragus = 3.6 * np.exp(-(((share - 0.80) / 0.2) ** 2)) * np.exp(-(((turn - 1.08 * np.pi) / 0.4) ** 2))
        bowl = -6.5 * np.exp(-((share / 0.42) ** 2))
        dish = 2.5 * share**2 * behind - 1.5 * (1 - behind) * share**2
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
    index = np.arange(len(rows) * segments).reshape(len(rows), segments)
    depth = np.concatenate([np.clip(0.86 + h / 40, 0.68, 1.0) for _, h in rows])
    tint = np.stack([np.ones_like(depth), depth**1.4, depth**1.5], axis=1)
    return paired("ears", np.concatenate(vertices), grid(index, closed=True), (0.96, 0.74, 0.63), tint, 0.55)


def _edge(turn: np.ndarray) -> np.ndarray:
    """Polar angle [rad] from straight up at which the hair ends, by azimuth from the front."""
    stops = np.radians([0, 25, 45, 62, 74, 84, 100, 116, 135, 180])
    ends = np.radians([59, 62, 70, 84, 100, 101, 90, 108, 124, 127])
    from scipy.interpolate import PchipInterpolator

    return PchipInterpolator(stops, ends)(np.abs(turn))


def make_hair() -> Piece:
    """Short hair: locks that fall from the crown, a ragged fringe, short sides. Symmetric."""
    turn = (np.arange(_COLUMNS) - _COLUMNS // 2) / _COLUMNS * 2 * np.pi
    lock = 0.5 + 0.5 * np.cos(turn * 14)  # 14 locks around
    rows, tints = [], []
    share = np.linspace(0, 1, _ROWS) ** 0.9
    for q in [*share, 1.01, 0.94]:
        last = q > 1.0
        under = q == 0.94
        ragged = np.radians(5.5) * (lock - 0.5) * np.clip(np.cos(turn) + 0.4, 0.15, 1)
        polar = (_edge(turn) + ragged) * q
        swirl = turn + 0.0 * q
        ray = np.stack([np.sin(polar) * np.sin(swirl), np.cos(polar), np.sin(polar) * np.cos(swirl)], axis=1)
        skin = march(np.tile(_HAIR_ORIGIN, (len(ray), 1)), ray)
        front = np.clip(np.cos(turn), 0, 1) ** 2
        body = 13.0 + 6.0 * np.exp(-(((q - 0.72) / 0.3) ** 2)) * front - 5.0 * q * (1 - front)
        round_off = np.sqrt(np.clip(1 - (max(q - 0.72, 0) / 0.285) ** 2, 0, 1))
        groove = 3.6 * (lock - 0.6) * np.clip(q * 1.6 - 0.15, 0, 1) * (0.4 + 0.6 * round_off)
        thick = body * round_off + groove + 2.2
        if last:
            thick = np.full_like(turn, 0.4)
        if under:
            thick = np.full_like(turn, -4.0)
        rows.append(skin + ray * thick[:, None])
        tints.append((0.78 + 0.22 * lock * min(1.0, 2 * q))[:, None] * (np.ones(3) * (0.85 + 0.15 * round_off)))
    top = rows[0].mean(axis=0)
    rows[0][:] = top
    vertices = np.concatenate([[top], *rows[1:]])
    index = 1 + np.arange((len(rows) - 1) * _COLUMNS).reshape(len(rows) - 1, _COLUMNS)
    fan = np.stack([np.zeros(_COLUMNS, int), index[0], np.roll(index[0], -1)], axis=1)
    vertices[np.abs(vertices[:, 0]) < 1e-9, 0] = 0.0
    return Piece(
        name="hair",
        vertices=vertices,
        triangles=np.concatenate([fan, grid(index, closed=True)[:, ::-1]]),
        mirror=mirror_by_position(vertices),
        color=(0.34, 0.20, 0.13),
        tint=np.concatenate([tints[0][:1], *tints[1:]]),
        roughness=0.5,
    )
