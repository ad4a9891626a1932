"""Where the 68 and 70 landmarks sit on mo."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from mien.core.landmarks import IBUG68, MIEN70, LandmarkAnchors
from mien.rigs.mo.deform import Skin
from mien.rigs.mo.piece import Piece
from mien.rigs.mo.rings import BORDER, CONTACT
from mien.rigs.mo.sculpt import march

__all__ = ["make_landmarks"]

_JAW_LEFT = (  # from the chin to in front of the ear, the outline seen from the front [mm]
    (0, -97, 56), (12, -95, 52), (24, -89, 44), (35, -79, 36), (45, -66, 28),
    (53, -51, 22), (59, -35, 16), (63, -18, 11), (65, 0, 8),
)  # fmt: skip
_BROW_LEFT = ((13, 24.5), (22, 27.5), (30.5, 28.6), (39, 27.4), (47, 23.8))
_NOSE = ((0, 4), (0, -7), (0, -17), (0, -26))
_BASE_LEFT = ((0, -35.5), (5.5, -34.5), (11, -32.5))


def make_landmarks(skin: Skin, piece: Piece, eyeballs: Piece, eyeballs_at: int) -> dict[str, LandmarkAnchors]:
    """Anchors of ibug68 and mien70 (barycentric on a triangle, or one vertex of the lip and lid rings)."""
    indices = np.zeros((70, 3), int)
    weights = np.zeros((70, 3))

    def vertex(landmark: int, index: int) -> None:
        indices[landmark], weights[landmark] = index, (1.0, 0.0, 0.0)

    def pair(landmark: int, position: Float[np.ndarray, "3"]) -> None:
        at, share = _project(piece, position)
        indices[landmark], weights[landmark] = at, share
        other = IBUG68.mirror[landmark]
        indices[other], weights[other] = skin.mirror[at], share

    for k, spot in enumerate(_JAW_LEFT):
        pair(8 + k, np.asarray(spot, float))
    for k, (x, y) in enumerate(_BROW_LEFT):
        pair(22 + k, _seen(x, y))
    for k, (x, y) in enumerate(_NOSE):
        pair(27 + k, _seen(x, y))
    for k, (x, y) in enumerate(_BASE_LEFT):
        pair(33 + k, _seen(x, y))
    upper, lower = skin.labels["eye_upper"][4], skin.labels["eye_lower"][4]
    last = len(upper) - 1
    for landmark, index in zip(
        range(42, 48),
        (upper[0], upper[last // 3], upper[2 * last // 3], upper[last], lower[2 * last // 3], lower[last // 3]),
        strict=True,
    ):
        vertex(landmark, int(index))
        vertex(IBUG68.mirror[landmark], int(skin.mirror[index]))
    _lips(skin, vertex)
    vertex(69, eyeballs_at)
    vertex(68, eyeballs_at + int(eyeballs.mirror[0]))
    mien = LandmarkAnchors(layout=MIEN70, indices=indices, weights=weights.astype(np.float32))
    ibug = LandmarkAnchors(layout=IBUG68, indices=indices[:68], weights=weights[:68].astype(np.float32))
    return {"ibug68": ibug, "mien70": mien}


def _lips(skin: Skin, vertex: Callable[[int, int], None]) -> None:
    border = {side: skin.lips(side, BORDER) for side in ("upper", "lower")}
    middle = {side: skin.lips(side, CONTACT) for side in ("upper", "lower")}

    def at(row: np.ndarray, x: float) -> int:
        return int(row[np.argmin(np.abs(skin.v[row, 0] - x))])

    for landmark, x in zip(range(48, 55), (-99, -13.5, -4.6, 0, 4.6, 13.5, 99), strict=True):
        vertex(landmark, at(border["upper"], x))
    for landmark, x in zip(range(55, 60), (13.5, 6.5, 0, -6.5, -13.5), strict=True):
        vertex(landmark, at(border["lower"], x))
    for landmark, x in zip(range(60, 65), (-99, -8, 0, 8, 99), strict=True):
        vertex(landmark, at(middle["upper"], x))
    for landmark, x in zip(range(65, 68), (8, 0, -8), strict=True):
        vertex(landmark, at(middle["lower"], x))


def _seen(x: float, y: float) -> Float[np.ndarray, "3"]:
    return march(np.array([[x, y, 160.0]]), np.array([[0.0, 0.0, -1.0]]), outward=False)[0]


def _project(piece: Piece, position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The nearest triangle's vertices and the nearest point's barycentric coordinates."""
    tri = piece.triangles
    centres = piece.vertices[tri].mean(axis=1)
    best: tuple[float, np.ndarray, np.ndarray] | None = None
    for t in np.argsort(np.linalg.norm(centres - position, axis=1))[:24]:
        a, b, c = piece.vertices[tri[t]]
        solve = np.linalg.lstsq(np.stack([b - a, c - a], axis=1), position - a, rcond=None)[0]
        share = np.clip(np.array([1 - solve.sum(), *solve]), 0, 1)
        share /= share.sum()
        away = float(np.linalg.norm(share @ piece.vertices[tri[t]] - position))
        if best is None or away < best[0] - 1e-9:
            best = (away, tri[t], share)
    assert best is not None
    return best[1], best[2]
