"""Mo's vertex groups: the parts of the face by name."""

from collections.abc import Mapping

import numpy as np

from mien.rigs.mo.deform import Skin
from mien.rigs.mo.piece import Piece
from mien.rigs.mo.rings import BORDER, CONTACT, LINING, RED

__all__ = ["make_groups"]

_REGIONS: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    "nose": ((0, -21, 80), (16, 26, 22)),
    "chin": ((0, -84, 60), (22, 13, 24)),
    "cheek": ((40, -36, 50), (21, 24, 26)),
    "forehead": ((0, 52, 50), (54, 26, 46)),
}
"""Group -> centre and radii [mm] of the ellipsoid that encloses it on the skin; for the cheek, the left one."""


def make_groups(skin: Skin, pieces: list[Piece], starts: Mapping[str, int]) -> dict[str, np.ndarray]:
    """Name -> vertices. Pieces keep their names; "face" is the visible skin in front, "neck" the skin below it."""
    of = {p.name: p for p in pieces}
    groups: dict[str, np.ndarray] = {p.name: starts[p.name] + np.arange(len(p.vertices)) for p in pieces}
    v = skin.v
    neck = np.zeros(len(v), bool)
    for row in skin.labels["neck"]:
        neck[row] = neck[skin.mirror[row]] = True
    groups["neck"] = np.flatnonzero(neck)
    groups["face"] = np.flatnonzero(~neck & ~skin.hidden & (v[:, 2] > -6))
    groups["head"] = np.setdiff1d(np.arange(sum(len(p.vertices) for p in pieces)), groups["neck"])
    for name, (centre, radii) in _REGIONS.items():
        inside = (np.linalg.norm((v - centre) / np.asarray(radii), axis=1) < 1) & ~skin.hidden
        if name == "cheek":
            groups["cheek_left"], groups["cheek_right"] = np.flatnonzero(inside), skin.mirror[np.flatnonzero(inside)]
        else:
            groups[name] = np.flatnonzero(inside)
    _paired(skin, of, starts, groups)
    for side in ("upper", "lower"):
        groups[f"lip_{side}"] = np.unique(np.concatenate([skin.lips(side, row) for row in RED]))
        groups[f"lip_margin_{side}"] = skin.lips(side, CONTACT)
        groups[f"mouth_{side}"] = np.unique(np.concatenate([skin.lips(side, row) for row in range(LINING, BORDER + 1)]))
        groups[f"teeth_{side}"] = starts["teeth"] + of["teeth"].labels[side]
    for name in ("crowns", "gums"):
        groups[name] = starts["teeth"] + of["teeth"].labels[name]
    inner = [skin.lips(side, row) for side in ("upper", "lower") for row in range(CONTACT)]
    groups["mouth_cavity"] = np.unique(np.concatenate(inner))
    return {name: np.asarray(at, np.int32) for name, at in groups.items()}


def _paired(skin: Skin, of: Mapping[str, Piece], starts: Mapping[str, int], groups: dict[str, np.ndarray]) -> None:
    """Add the lids, and the left and right halves of paired pieces."""
    for edge in ("upper", "lower"):
        rows = skin.labels[f"eye_{edge}"]
        groups[f"lid_{edge}_left"], groups[f"lid_margin_{edge}_left"] = rows[4:].ravel(), rows[4]
        for name in ("lid", "lid_margin"):
            groups[f"{name}_{edge}_right"] = skin.mirror[groups[f"{name}_{edge}_left"]]
    for piece, name in (("eyeballs", "eyeball"), ("brows", "brow"), ("lashes", "lash"), ("ears", "ear")):
        half = len(of[piece].vertices) // 2
        for place, side in enumerate(("left", "right")):
            groups[f"{name}_{side}"] = starts[piece] + place * half + np.arange(half)
