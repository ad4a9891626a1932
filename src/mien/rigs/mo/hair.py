"""Mo's ears and hair: an auricle over its own plane, and a volume of clumped locks over the skull."""

import numpy as np

from mien.rigs.mo.parts import paired
from mien.rigs.mo.piece import Piece, grid
from mien.rigs.mo.sculpt import march

__all__ = ["make_ears", "make_hair"]

_EAR_CENTRE = np.array([77.2, -9.0, -14.0])
_HAIR_ORIGIN = np.array([0.0, 26.0, -16.0])
_COLUMNS, _ROWS = 90, 15
_PART = -0.62
"""Azimuth of the parting [rad] from the front, to the subject's right."""


def make_ears() -> Piece:
    """Auricles: a rim, a fold, a bowl and a lobe as heights over an egg-shaped plane; closed by a back."""
    segments = 22
    turn = np.arange(segments) / segments * 2 * np.pi
    c, s = np.cos(turn), np.sin(turn)
    outline = np.stack([np.where(c > 0, 15.5, 9.0) * c + 2.0 * s, np.where(s > 0, 25.0, 22.0) * s], axis=1)
    behind = np.clip(0.35 + 0.9 * c + 0.55 * s, 0, 1)  # where there is a rim: back and top
    lobe = np.clip(-s - 0.55, 0, 1) * 2
    rows = []
    for share in (0.0, 0.22, 0.40, 0.52, 0.62, 0.72, 0.82, 0.91, 1.0):
        rim = 3.4 * np.exp(-(((share - 0.93) / 0.10) ** 2)) * behind
        fold = 3.2 * np.exp(-(((share - 0.60) / 0.10) ** 2)) * np.clip(0.15 + c + 0.2 * s, 0, 1)
        tragus = 3.6 * np.exp(-(((share - 0.80) / 0.2) ** 2)) * np.exp(-(((turn - 1.08 * np.pi) / 0.4) ** 2))
        bowl = -4.6 * np.exp(-((share / 0.42) ** 2))
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
    depth = np.concatenate([np.clip(0.93 + h / 40, 0.78, 1.0) for _, h in rows])
    tint = np.stack([depth**0.4, depth**1.3, depth**1.35], axis=1)
    tint[-3 * segments :] = 1.0
    tint[: 2 * segments] *= np.repeat([[0.45, 0.32, 0.30], [0.80, 0.68, 0.66]], segments, axis=0)  # the canal
    return paired("ears", np.concatenate(vertices), grid(index, closed=True)[:, ::-1], (0.96, 0.75, 0.64), tint, 0.55)


def _edge(turn: np.ndarray) -> np.ndarray:
    """Polar angle [rad] from straight up at which the hair ends, by azimuth from the front."""
    # hairline, temple, sideburn, over the ear, behind it, nape
    stops = np.radians([0, 24, 44, 58, 68, 76, 83, 93, 104, 116, 134, 180])
    ends = np.radians([57, 58, 61, 69, 86, 106, 100, 90, 94, 112, 121, 125])
    from scipy.interpolate import PchipInterpolator

    return PchipInterpolator(stops, ends)(np.abs(turn))


def make_hair() -> Piece:
    """Short hair in rounded locks, parted on the right and swept to the left: the one piece that is not symmetric.

    It never moves, so it is its own mirror image as far as shapes are concerned.
    """
    turn = (np.arange(_COLUMNS) - _COLUMNS // 2) / _COLUMNS * 2 * np.pi
    away = np.tanh(2.2 * np.sin(turn - _PART))  # +1 to the left of the parting, -1 to its right
    front = np.clip(np.cos(turn), 0, 1) ** 1.5
    crest = np.exp(-(((turn - _PART - 0.95) / 0.85) ** 2))
    parting = np.exp(-(((turn - _PART) / 0.13) ** 2))
    end = _edge(turn) + np.radians(7.0) * np.exp(-(((turn - 0.45) / 0.34) ** 2)) - np.radians(4.0) * parting
    rows, tints = [], []
    for q in [*np.linspace(0, 1, _ROWS) ** 0.9, 0.975]:
        under = q == 0.975
        # locks are combed away from the parting: the farther forward, the more they lean
        flow = (4.2 * min(q, 1.0) - 1.4) * away * (0.25 + 0.75 * front)
        lock = np.abs(np.cos(6.5 * turn + flow)) ** 0.6
        strand = np.abs(np.cos(20.5 * turn + 2.2 * flow))
        polar = (end + np.radians(5.0) * (lock - 0.65) * (0.25 + 0.75 * front)) * q
        ray = np.stack([np.sin(polar) * np.sin(turn), np.cos(polar), np.sin(polar) * np.cos(turn)], axis=1)
        skin = march(np.tile(_HAIR_ORIGIN, (len(ray), 1)), ray)
        cropped = 1 - 0.72 * (1 - front) * np.clip((q - 0.30) / 0.6, 0, 1) ** 1.2  # short at the sides and the nape
        body = 12.0 * cropped + 12.0 * crest * front * np.exp(-(((q - 0.68) / 0.30) ** 2))
        body = body - 6.0 * parting * front * min(1.0, 1.6 * q)
        round_off = np.sqrt(np.clip(1 - (max(q - 0.72, 0) / 0.292) ** 2, 0, 1))
        fade = np.clip((q - 0.12) / 0.5, 0, 1) * cropped
        groove = (3.4 * (lock - 0.7) + 1.2 * (strand - 0.6)) * fade
        thick = (body + groove) * round_off + 1.6 + 0.8 * front
        rows.append(skin + ray * np.where(under, 0.3, thick)[:, None])
        shade = (1 - fade * (0.26 * (1 - lock) + 0.12 * (1 - strand))) * (0.78 + 0.22 * round_off)
        tints.append(shade[:, None] * np.ones(3))
    top = rows[0].mean(axis=0)
    vertices = np.concatenate([[top], *rows[1:]])
    index = 1 + np.arange((len(rows) - 1) * _COLUMNS).reshape(len(rows) - 1, _COLUMNS)
    fan = np.stack([np.zeros(_COLUMNS, int), index[0], np.roll(index[0], -1)], axis=1)
    return Piece(
        name="hair",
        vertices=vertices,
        triangles=np.concatenate([fan, grid(index, closed=True)[:, ::-1]]),
        mirror=np.arange(len(vertices)),
        color=(0.40, 0.235, 0.15),
        tint=np.concatenate([tints[0][:1], *tints[1:]]),
        roughness=0.68,
    )
