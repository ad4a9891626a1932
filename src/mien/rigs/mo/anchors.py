"""The anchors of the 68, 70 and 198 landmarks on mo."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from mien.core.landmarks import IBUG68, MIEN70, MIEN198, LandmarkAnchors
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
_LEFT: dict[str, tuple[tuple[float, float], ...]] = {
    "brow_lower_left": ((47.5, 20.5), (39, 22.6), (30.5, 23.6), (22, 22.6), (13, 19.8)),
    "nose_side_left": ((9, 6), (8.5, -4), (10.5, -13), (13.5, -21)),
    "nostril_left": ((9.5, -33.5), (6.5, -32), (2.2, -34.2), (6, -36)),
    "cheek_left": ((58, -8), (47, -12), (34, -16), (54, -28), (42, -30), (44, -50)),
    "under_eye_left": ((45, -18), (34.5, -20), (24, -18)),
    "smile_fold_left": ((19, -36), (24, -45), (28.5, -55)),
    "forehead_left": ((42, 48), (18, 49), (44, 62), (20, 66)),
}
_MIDDLE: dict[str, tuple[tuple[float, float], ...]] = {
    "forehead": ((0, 30), (0, 48), (0, 66)),
    "chin": ((-12, -86), (0, -88), (12, -86), (0, -77)),
    "philtrum": ((-3.5, -45), (0, -44.5), (3.5, -45)),
}
"""(x, y) [mm] of mien198's points that lie on no ring, as seen from the front, in the order of their groups."""


def make_landmarks(skin: Skin, piece: Piece, eyeballs: Piece, eyeballs_at: int) -> dict[str, LandmarkAnchors]:
    """Anchors of ibug68, mien70 and mien198: barycentric on triangles, or on vertices or edges of lip and lid rings."""
    indices = np.zeros((198, 3), int)
    weights = np.zeros((198, 3))

    def vertex(landmark: int, index: int) -> None:
        indices[landmark], weights[landmark] = index, (1.0, 0.0, 0.0)

    def pair(landmark: int, position: Float[np.ndarray, "3"]) -> None:
        at, share = _project(piece, position)
        indices[landmark], weights[landmark] = at, share
        other = MIEN198.mirror[landmark]
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
    for group, places in (*_LEFT.items(), *_MIDDLE.items()):
        for landmark, (x, y) in zip(MIEN198.groups[group], places, strict=True):
            if x >= 0:
                pair(landmark, _seen(x, y))
    for k in range(4):
        pair(118 + k, np.asarray((np.add(_JAW_LEFT[k], _JAW_LEFT[k + 1])) / 2, float))
    _between(skin, indices, weights)
    for landmark, index in zip(MIEN198.groups["iris_rim_left"], eyeballs.labels["limbus"].tolist(), strict=True):
        vertex(landmark, eyeballs_at + index)
        vertex(MIEN198.mirror[landmark], eyeballs_at + int(eyeballs.mirror[index]))
    return {
        layout.name: LandmarkAnchors(
            layout=layout, indices=indices[: layout.count], weights=weights[: layout.count].astype(np.float32)
        )
        for layout in (IBUG68, MIEN70, MIEN198)
    }


def _between(skin: Skin, indices: np.ndarray, weights: np.ndarray) -> None:
    """Anchor mien198's points between those of mien70 on the contours of lids and lips, evenly by vertex count."""
    for name, row in (("lips_outer", BORDER), ("lips_inner", CONTACT), ("eye_left", 4), ("eye_right", 4)):
        if name.startswith("lips"):
            rows = [skin.lips(side, row) for side in ("upper", "lower")]
        else:
            rows = [skin.labels[f"eye_{side}"][row] for side in ("upper", "lower")]
            rows = [skin.mirror[at] for at in rows] if name == "eye_right" else rows
        loop = MIEN198.groups[name]
        old = [k for k, point in enumerate(loop) if point < MIEN70.count]
        for a, b in zip(old, [*old[1:], len(loop)], strict=True):
            ends = [int(indices[loop[k % len(loop)], 0]) for k in (a, b)]
            at = next(at for at in rows if np.isin(ends, at).all() and not _is_corner_to_corner(ends, at))
            first, last = (int(np.flatnonzero(at == end)[0]) for end in ends)
            for k in range(a + 1, b):
                place = first + (last - first) * (k - a) / (b - a)
                low = min(int(place), len(at) - 2)
                indices[loop[k]] = at[low], at[low + 1], at[low]
                weights[loop[k]] = 1 - (place - low), place - low, 0.0


def _is_corner_to_corner(ends: list[int], row: np.ndarray) -> bool:
    """Whether both ends lie on both rows, as the corners do; no run of a contour reaches from corner to corner."""
    return set(ends) == {int(row[0]), int(row[-1])}


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
    """(vertices of the nearest triangle, barycentric coordinates of the nearest point on it)."""
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
