"""Mo's texture coordinates: islands that unroll the sheets of every piece, packed without overlap.

The skin of the head is mapped by azimuth and elevation about an inner point, cut open at the back, with the crown as an
island of its own.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from mien.rigs.mo.piece import Piece, Sheet
from mien.rigs.mo.sculpt import ORIGIN

__all__ = ["unwrap"]

_SKIN_HEIGHT = 0.46
"""Share of the texture's height that the skin of the head takes, over the whole width."""
_GAP = 0.005
"""Gap between islands: five pixels of a texture of 1024 pixels."""
_CROWN = np.radians(68.0)
"""Elevation above which the crown is an island of its own, because azimuths are distorted around the pole. Hair covers
the crown."""
_DENSITY = {"hair": 0.55, "crown": 0.5}
"""Texels per millimetre, relative to the other packed islands."""
_MEAN_RADIUS = 78.0
"""Mean radius of the head [mm]."""


@dataclass
class _Island:
    triangles: Int[np.ndarray, "N"]
    """Indices among the triangles of all pieces."""
    flat: Float[np.ndarray, "N 3 2"]
    """Flat positions of the triangles' corners [mm], from (0, 0)."""


def unwrap(pieces: list[Piece]) -> tuple[Float[np.ndarray, "U 2"], Int[np.ndarray, "F 3"]]:
    """(texture coordinates, v upwards; indices into them for the corners of all triangles in the pieces' order)."""
    islands: list[_Island] = []
    starts = np.cumsum([0, *(len(p.triangles) for p in pieces)]).tolist()
    for p, start in zip(pieces, starts, strict=False):
        own = [_Island(at + start, flat * _DENSITY.get(p.name, 1.0)) for at, flat in _unrolled(p)]
        islands += own
    big = islands.pop(0)  # the head's skin
    flat = np.empty((starts[-1], 3, 2))
    flat[big.triangles] = [0, 1 - _SKIN_HEIGHT] + big.flat * [1, _SKIN_HEIGHT] / big.flat.max(axis=(0, 1))
    sizes = np.array([island.flat.max(axis=(0, 1)) for island in islands])
    places, scale = _packed(sizes, 1 - _SKIN_HEIGHT - _GAP)
    for island, place in zip(islands, places, strict=True):
        flat[island.triangles] = place + island.flat * scale
    vertex = np.concatenate([p.triangles + at for p, at in zip(pieces, _before(pieces), strict=True)])
    rows = np.concatenate([vertex.reshape(-1, 1), np.rint(flat.reshape(-1, 2) * 65535)], axis=1)
    own, at = np.unique(rows.astype(np.int64), axis=0, return_inverse=True)
    return own[:, 1:] / 65535, at.reshape(-1, 3)


def _packed(sizes: Float[np.ndarray, "N 2"], height: float) -> tuple[Float[np.ndarray, "N 2"], float]:
    """(lower left corners of boxes that are packed on shelves, highest first, in a strip of width 1; the largest scale
    that fits)."""
    order = np.argsort(-sizes[:, 1], kind="stable")
    places = np.empty_like(sizes)

    def fill(scale: float) -> float:
        """The height that the boxes take at this scale."""
        x, y, tall = _GAP, _GAP, 0.0
        for k in order.tolist():
            wide, high = (scale * sizes[k]).tolist()
            if x + wide + _GAP > 1:
                x, y, tall = _GAP, y + tall + _GAP, 0.0
            places[k] = x, y
            x, tall = x + wide + _GAP, max(tall, high)
        return y + tall + _GAP

    low, high = 0.0, 1 / float(sizes[:, 0].max())
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if fill(middle) <= height else (low, middle)
    fill(low)
    return places, low


def _before(pieces: list[Piece]) -> list[int]:
    return np.cumsum([0, *(len(p.vertices) for p in pieces)])[:-1].tolist()


def _unrolled(piece: Piece) -> list[tuple[np.ndarray, np.ndarray]]:
    """Islands of a piece, that of the head's skin first: (triangles, their corners [N, 3, 2] in mm from (0, 0))."""
    left = np.ones(len(piece.triangles), bool)
    out: list[tuple[np.ndarray, np.ndarray]] = []
    for sheet in piece.sheets:
        at = np.flatnonzero(left & _on(sheet, piece))
        left[at] = False
        out.append((at, _rolled_out(sheet, piece, at)))
    rest = np.flatnonzero(left)
    if piece.name == "skin":
        out = [*_head(piece, rest), *out]
    elif len(rest):
        out.append((rest, piece.vertices[piece.triangles[rest]][..., :2]))
    return [(at, flat - flat.min(axis=(0, 1))) for at, flat in out if len(at)]


def _on(sheet: Sheet, piece: Piece) -> np.ndarray:
    """True for the piece's triangles between two rows of the sheet."""
    row = np.full(len(piece.vertices), -9)
    row[sheet.rows] = np.arange(len(sheet.rows))[:, None]
    corners = row[piece.triangles]
    out = (corners >= 0).all(axis=1) & (np.ptp(corners, axis=1) <= 1)
    if sheet.triangles is not None:
        out[: sheet.triangles[0]] = out[sheet.triangles[1] :] = False
    return out


def _rolled_out(sheet: Sheet, piece: Piece, at: np.ndarray) -> np.ndarray:
    """Corners of triangles on the unrolled sheet [N, 3, 2], with the mean distances between columns and rows."""
    rows, count = sheet.rows, sheet.rows.shape[1]
    row, column = np.zeros(len(piece.vertices)), np.zeros(len(piece.vertices))
    row[rows], column[rows] = np.arange(len(rows))[:, None], np.arange(count)
    corners = piece.triangles[at]
    c, r = column[corners], row[corners]
    if sheet.closed:  # each triangle whole, on one side of the cut
        c = np.where((np.ptp(c, axis=1, keepdims=True) > count / 2) & (c < count / 2), c + count, c)
    points = rows[[0, -1]][(rows[[0, -1]] == rows[[0, -1], :1]).all(axis=1), 0]
    for k in range(3):  # a point lies at the middle of the vertices it is connected to
        alone = np.isin(corners[:, k], points)
        c[alone, k] = _middle(c[alone][:, [(k + 1) % 3, (k + 2) % 3]], count if sheet.closed else 0)
    v = piece.vertices[rows]
    down = np.append(0, np.cumsum(np.linalg.norm(np.diff(v, axis=0), axis=2).mean(axis=1)))
    if sheet.polar:
        return np.interp(r, np.arange(len(down)), down)[..., None] * np.stack(
            [np.cos(2 * np.pi * c / count), np.sin(2 * np.pi * c / count)], axis=-1
        )
    ring = np.concatenate([v, v[:, :1]], axis=1) if sheet.closed else v
    along = np.append(0, np.cumsum(np.linalg.norm(np.diff(ring, axis=1), axis=2).mean(axis=0)))
    flat = np.stack([np.interp(c, np.arange(len(along)), along), np.interp(r, np.arange(len(down)), down)], axis=-1)
    return flat if along[-1] >= down[-1] else flat[..., ::-1]  # the longer side is horizontal, so that shelves are low


def _middle(columns: np.ndarray, count: int) -> np.ndarray:
    """The mean of two columns, which may lie on both sides of the cut."""
    a, b = columns.T
    if count:
        a, b = (np.where(np.abs(a - b) > count / 2, np.where(x < count / 2, x + count, x), x) for x in (a, b))
    return (a + b) / 2


def _head(piece: Piece, at: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """The islands of the head: face and sides, and crown."""
    ray = piece.vertices - ORIGIN
    ray /= np.linalg.norm(ray, axis=1, keepdims=True)
    azimuth, elevation = np.arctan2(ray[:, 0], ray[:, 2]), np.arcsin(np.clip(ray[:, 1], -1, 1))
    corners = piece.triangles[at]
    high = (elevation[corners] > _CROWN).any(axis=1)
    polar = ((np.pi / 2 - elevation) * np.stack([np.sin(azimuth), -np.cos(azimuth)]) * _DENSITY["crown"]).T
    flat = _unfolded(np.stack([azimuth, elevation], axis=1), corners[~high])[corners[~high]]
    middle = ray[corners[~high]].mean(axis=1)  # each triangle whole, on its own side of the cut at the back
    centre = np.arctan2(middle[:, 0], middle[:, 2])[:, None]
    flat[..., 0] = centre + (flat[..., 0] - centre + np.pi) % (2 * np.pi) - np.pi
    return [(at[~high], flat * _MEAN_RADIUS), (at[high], polar[corners[high]] * _MEAN_RADIUS)]


def _unfolded(flat: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Vertices [V, 2] without folds, which the red of the lips and the nostrils have where they are seen from behind.

    The vertices of folded triangles and their neighbours move to the mean of their neighbours (Tutte 1963) until no
    triangle is folded.
    """
    from scipy.sparse import csr_matrix

    flat = flat.copy()
    edges = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1)
    edges, uses = np.unique(edges, axis=0, return_counts=True)
    border = np.unique(edges[uses == 1])
    edges = edges[np.abs(flat[edges[:, 0], 0] - flat[edges[:, 1], 0]) < np.pi]  # not across the cut
    near = np.concatenate([edges, edges[:, ::-1]])
    joined = csr_matrix((np.ones(len(near)), near.T), shape=(len(flat), len(flat)))
    degree = np.maximum(np.asarray(joined.sum(axis=1)), 1)
    for attempt in range(200):
        a, b, c = (flat[triangles[:, k]] for k in range(3))
        e, f = b - a, c - a
        folded = (e[:, 0] * f[:, 1] - e[:, 1] * f[:, 0] <= 1e-7) & (np.abs(e[:, 0]) < 1) & (np.abs(f[:, 0]) < 1)
        if not folded.any():
            break
        loose = np.zeros(len(flat), bool)
        loose[triangles[folded]] = True
        loose |= (joined @ loose > 0) & (attempt < 100)
        if attempt < 100:  # the slit of the mouth stays fixed, except for its corners
            loose[border] = False
        flat[loose] = (joined @ flat / degree)[loose]
    return flat
