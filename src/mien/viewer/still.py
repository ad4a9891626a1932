"""A renderer for still pictures, with shading and depth test per pixel.

It uses the z-buffer of Catmull (1974) on all pixels at once, with normals and colours interpolated as by Phong (1975).
It takes some tenths of a second; `Painter` takes milliseconds, but its triangles are visible as facets.
"""

from typing import Any

import numpy as np
from jaxtyping import Float, Int, UInt8

from mien.core.rig import Rig
from mien.viewer.paint import GAMMA, Painter, materials, shade

__all__ = ["Still"]


class Still(Painter):
    """A `Painter` with the same view, light and materials, but with smooth shading."""

    def __init__(self, rig: Rig, width: int, height: int, *, supersample: int = 3, **options: Any) -> None:
        """`options` are those of `Painter`; pixels are averaged over `supersample` x `supersample` samples."""
        super().__init__(rig, width, height, supersample=supersample, **options)
        every = np.arange(len(self._base))
        self._plain, *_ = materials(rig, self._base, every, np.ones_like(self._colors))
        _, self._gloss, self._shine, _ = materials(rig, self._base, every, self._colors)

    def draw(self, vertices: Float[np.ndarray, "V 3"]) -> UInt8[np.ndarray, "H W 3"]:
        """A picture of posed vertices [mm]; raises MienError when they are not this rig's or not finite."""
        vertices = self._checked(vertices)
        image = self._empty.astype(np.float32)
        height, width = image.shape[:2]
        corners = self._screen(vertices)[self._base[self._shown]].astype(float)
        e, f = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
        front = np.flatnonzero(e[:, 0] * f[:, 1] - e[:, 1] * f[:, 0] < 0)
        pixel, triangle, share = _cover(corners[front], width, height)
        triangle = self._shown[front[triangle]]
        at, share = self._base[triangle], share[:, :, None].astype(np.float32)
        normals = (self._normals((vertices - self._centre) @ self._turn)[at] * share).sum(axis=1)
        albedo = (self._colors[at] * share).sum(axis=1) ** GAMMA * self._plain[triangle]
        image.reshape(-1, 3)[pixel] = shade(normals, albedo, self._gloss[triangle], self._shine[triangle])
        small = self._cv.resize(image, (self.width, self.height), interpolation=self._cv.INTER_AREA)
        return np.clip(small + 0.5, 0, 255).astype(np.uint8)


def _cover(
    corners: Float[np.ndarray, "T 3 3"], width: int, height: int
) -> tuple[Int[np.ndarray, "P"], Int[np.ndarray, "P"], Float[np.ndarray, "P 3"]]:
    """(flat indices of the covered pixels, the nearest triangle at each, barycentric coordinates on it).

    Args:
        corners: x, y [px] and depth towards the viewer of each triangle's corners.
        width: width of the picture [px].
        height: height of the picture [px].
    """
    low = np.clip(np.ceil(corners[..., :2].min(axis=1)), 0, None).astype(int)
    high = np.minimum(np.floor(corners[..., :2].max(axis=1)), [width - 1, height - 1]).astype(int)
    size = np.clip(high - low + 1, 0, None)
    count = size.prod(axis=1)
    which = np.repeat(np.arange(len(corners)), count)
    nth = np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count)
    x, y = low[which, 0] + nth % size[which, 0], low[which, 1] + nth // size[which, 0]
    (ax, ay, _), (bx, by, _), (cx, cy, _) = corners.transpose(1, 2, 0)
    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    b = ((x - ax[which]) * (cy - ay)[which] - (y - ay[which]) * (cx - ax)[which]) / area[which]
    c = ((y - ay[which]) * (bx - ax)[which] - (x - ax[which]) * (by - ay)[which]) / area[which]
    inside = np.flatnonzero((b >= -1e-9) & (c >= -1e-9) & (b + c <= 1 + 1e-9))
    which, share = which[inside], np.stack([1 - b - c, b, c], axis=1)[inside]
    depth = np.einsum("pk,pk->p", share, corners[which, :, 2])
    order = np.argsort(depth, kind="stable")
    nearest = np.full(width * height, -1)
    # of several assignments to one pixel the last, the nearest, remains
    nearest[(y[inside] * width + x[inside])[order]] = order
    pixel = np.flatnonzero(nearest >= 0)
    return pixel, which[nearest[pixel]], share[nearest[pixel]]
