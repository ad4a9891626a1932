"""Deformation gradients of the source's triangles, and the least-squares mesh that reproduces them."""

from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from mien.core.rig import Rig
from mien.rigs.retarget.correspondence import factorised
from mien.rigs.retarget.surface import Surface, skin
from mien.rigs.transfer.match import Match

__all__ = ["Poisson"]

_REACH = 40.0
"""Length [mm] up to which gradients determine the result; over longer distances positions do."""
_LOOSE = 0.05
"""Least weight of a triangle: one without a match keeps its shape and moves with its neighbours."""
_MET, _APART = 1.0, 3.0
"""Two vertices meet in a shape, as lids do in a blink, when their distance falls from above the second to below the
first [mm]."""
_SURE = 2.0
"""Largest distance [mm] of a meeting point from the target's skin."""
_PULL = 5.0
"""Weight of a meeting pair; a vertex's share of the Laplacian is about 4."""


class Poisson:
    """The least-squares system of the skin, factorised once."""

    def __init__(self, source: Rig, match: Match) -> None:
        self.match, self.source = match, source
        surface = match.skin
        self.rest = source.neutral.vertices.astype(float)
        self.frames, self.whole = _inverse_frames(self.rest[match.samples])
        trust = np.where(self.whole, match.sample_trust, 0.0)
        self.weight = np.maximum(trust.mean(axis=1), _LOOSE)
        self.share = trust / (trust.shape[1] * self.weight[:, None])
        self.hats, area = _gradients(surface)
        self.force = self.hats * (area * self.weight)[:, None, None]
        mass = np.bincount(surface.triangles.reshape(-1), np.repeat(area / 3, 3), minlength=len(surface.vertices))
        self.hold = mass * np.where(match.beyond, 1.0, match.trust) / _REACH**2 + 1e-9
        self.matrix = self._laplacian()
        self.solver = factorised(self.matrix)
        self.source_skin = skin(source)

    def shape(self, shape: Float[np.ndarray, "S 3"], *, meet: bool = False) -> Float[np.ndarray, "N 3"]:
        """Displacements of the skin's vertices [mm]; with `meet`, points that meet on the source's skin meet here."""
        match = self.match
        if not shape.any():
            return np.zeros_like(match.skin.vertices)
        change = self._change(shape.astype(float))
        right = np.zeros_like(match.skin.vertices)
        pushed = np.einsum("fcd,fkd->fkc", change, self.force)
        for axis in range(3):
            right[:, axis] = np.bincount(
                match.skin.triangles.reshape(-1), pushed[:, :, axis].reshape(-1), minlength=len(right)
            )
        moved = np.einsum("nk,nkd->nd", match.barycentric, shape[match.corners].astype(float))
        moved[match.beyond] = 0  # else a whole body would follow the motion that remains at the source's edge
        right += self.hold[:, None] * match.similarity.vectors(moved)
        rows, gaps = self._meetings(shape) if meet else (None, np.zeros((0, 3)))
        if rows is None or not len(gaps):
            return self.solver.solve(right)
        return factorised((self.matrix + _PULL * (rows.T @ rows)).tocsc()).solve(right + _PULL * (rows.T @ gaps))

    def _meetings(self, shape: Float[np.ndarray, "S 3"]) -> tuple[Any, Float[np.ndarray, "P 3"]]:
        """(matrix of differences of skin vertices, their wanted values [mm]) for points that meet in a shape."""
        from scipy.sparse import coo_array
        from scipy.spatial import KDTree

        own, match = self.source_skin, self.match
        rest = self.rest[own.origin]
        after = rest + shape[own.origin]
        pairs = KDTree(after).query_pairs(_MET, output_type="ndarray")
        pairs = pairs[np.linalg.norm(rest[pairs[:, 0]] - rest[pairs[:, 1]], axis=1) > _APART]
        if not len(pairs):
            return None, np.zeros((0, 3))
        ends = own.moved(match.fitted[own.origin])
        hits = match.skin.nearest(ends.vertices[pairs].reshape(-1, 3), ends.normals[pairs].reshape(-1, 3))
        corners = match.skin.triangles[hits.triangle].reshape(len(pairs), 6)
        weights = (hits.barycentric.reshape(-1, 2, 3) * np.array([1.0, -1])[:, None]).reshape(len(pairs), 6)
        kept = (hits.distance.reshape(-1, 2) < _SURE).all(axis=1)
        corners, weights = corners[kept], weights[kept]
        count = len(corners)
        at = (np.repeat(np.arange(count), 6), corners.reshape(-1))
        rows = coo_array((weights.reshape(-1), at), (count, len(match.skin.vertices))).tocsr()
        apart = after[pairs[kept, 0]] - after[pairs[kept, 1]]
        return rows, match.similarity.vectors(apart) - rows @ match.skin.vertices

    def _change(self, shape: Float[np.ndarray, "S 3"]) -> Float[np.ndarray, "F 3 3"]:
        """Deformation gradient minus identity of each target triangle, in the target's frame."""
        edges = _frames((self.rest + shape)[self.match.samples])
        change = edges @ self.frames - np.eye(3)
        turn = self.match.similarity.rotation
        return turn @ np.einsum("fm,fmcd->fcd", self.share, change) @ turn.T

    def _laplacian(self) -> Any:
        from scipy.sparse import coo_array, diags_array

        surface = self.match.skin
        count = len(surface.vertices)
        values = np.einsum("fid,fjd->fij", self.force, self.hats)
        rows = np.repeat(surface.triangles[:, :, None], 3, axis=2)
        columns = np.repeat(surface.triangles[:, None, :], 3, axis=1)
        matrix = coo_array((values.reshape(-1), (rows.reshape(-1), columns.reshape(-1))), (count, count))
        return (matrix.tocsc() + diags_array(self.hold)).tocsc()


def _frames(corners: Float[np.ndarray, "*n 3 3"]) -> Float[np.ndarray, "*n 3 3"]:
    """Columns: two edges, and the normal times the square root of twice the area (Sumner & Popovic 2004, eq. 1)."""
    a, b = corners[..., 1, :] - corners[..., 0, :], corners[..., 2, :] - corners[..., 0, :]
    normal = np.cross(a, b)
    length = np.linalg.norm(normal, axis=-1, keepdims=True)
    return np.stack([a, b, normal / np.sqrt(np.where(length > 0, length, 1))], axis=-1)


def _inverse_frames(corners: Float[np.ndarray, "*n 3 3"]) -> tuple[Float[np.ndarray, "*n 3 3"], Bool[np.ndarray, "*n"]]:
    """Inverses of the frames, and which triangles have one: slivers below 1e-4 mm^2 give no reliable gradient."""
    frames = _frames(corners)
    whole = np.abs(np.linalg.det(frames)) > 1e-6
    return np.linalg.inv(np.where(whole[..., None, None], frames, np.eye(3))), whole


def _gradients(surface: Surface) -> tuple[Float[np.ndarray, "F 3 3"], Float[np.ndarray, "F"]]:
    """(gradient of each corner's hat function [1/mm], area [mm^2]); zero for slivers."""
    corners = surface.vertices[surface.triangles]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    double = np.linalg.norm(normal, axis=1)
    whole = double > 1e-4
    unit = normal / np.where(whole, double, 1)[:, None]
    opposite = np.roll(corners, -2, axis=1) - np.roll(corners, -1, axis=1)
    hats = np.cross(unit[:, None], opposite) / np.where(whole, double, np.inf)[:, None, None]
    return hats, np.where(whole, double / 2, 0.0)
