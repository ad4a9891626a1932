"""The rig's parts with fewer triangles, for drawing and for shadows."""

import numpy as np
from jaxtyping import Int

from mien.core import ARKIT
from mien.synth.body import Body

__all__ = ["coarse"]

_CELLS = {"face": 5.0, "head_neck": 11.0, "mouth_socket": 6.0, "gums_tongue": 4.5, "teeth": 2.6}
"""Size of the cells [mm] within which corners are merged for drawing; a pixel of the crop is about 1.4 mm wide."""
_FINE_REACH, _FINE_CELL = 10.0, 0.8
"""Reach [mm] round the landmarks of eyes, brows, nose and lips where the face keeps its detail, and the cells there."""


_PARTING = ("jawOpen", "eyeBlinkLeft", "eyeBlinkRight", "mouthFunnel", "mouthUpperUpLeft", "mouthLowerDownLeft")


def coarse(b: Body, part: str, cell: float | None = None, *, shadow: bool = False) -> Int[np.ndarray, "F 3"]:
    """A part's triangles after merging corners within a cell (vertex clustering: Rossignac & Borrel 1993).

    llvmpipe's time depends on the triangles, and the rig has several per pixel in regions without landmarks.
    """
    triangles = b.parts[part]
    cell = cell or _CELLS.get(part)
    if cell is None:
        return np.ascontiguousarray(triangles, np.int32)
    positions = b.neutral[b.corners]
    sizes = np.full((len(positions), 1), cell)
    if part == "face" and not shadow:
        from scipy.spatial import KDTree

        marks = b.neutral[b.landmarks[17:68, 0]]
        sizes[KDTree(marks).query(positions)[0] < _FINE_REACH] = _FINE_CELL
    # Front and back of a thin sheet (ears, lids) are not merged.
    facing = (b.rest_normals[b.corners, 2:] > 0) & (not shadow)
    # Nor are lips, teeth and lids, which touch at rest and part in motion.
    basis = b.basis.reshape(len(ARKIT), -1, 3)[:, b.corners, 1]
    parting = [np.round(basis[ARKIT.index(name)] / 2.5) for name in (*_PARTING, "tongueOut")]
    keys = np.column_stack([np.floor(positions / sizes), sizes, facing, *parting, np.zeros(len(positions))])
    if not shadow:  # seams between parts keep their vertices, which avoids cracks
        seam = np.intersect1d(
            b.corners[triangles], b.corners[np.concatenate([t for n, t in b.parts.items() if n != part])]
        )
        fixed = np.isin(b.corners, seam)
        keys[fixed, -1] = 1 + b.corners[fixed]
    used = np.unique(triangles)
    _, first, group = np.unique(keys[used], axis=0, return_index=True, return_inverse=True)
    to = np.arange(len(keys))
    to[used] = used[first[group.reshape(-1)]]
    merged = to[triangles]
    p, q, r = merged.T
    merged = merged[(p != q) & (q != r) & (r != p)]
    return np.unique(merged, axis=0).astype(np.int32)
